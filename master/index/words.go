package index

import (
	"strings"
	"unicode"
	"unicode/utf8"

	segmenter "github.com/blevesearch/segment"
)

// split gives the words of a text in lower case, as Lucene's StandardTokenizer does: by the word boundaries of UAX #29,
// each ideograph and each Hiragana by itself, scripts that are written without blanks (Thai, Khmer …) in runs, and
// emoji with all that belongs to them. bleve's segmenter knows all but the last two.
func split(lower string) []string {
	var all []string
	var run string // of what the segmenter takes for no word
	flush := func() {
		if run != "" {
			all, run = append(all, run), ""
		}
	}
	for s := segmenter.NewWordSegmenterDirect([]byte(lower)); s.Segment(); {
		text := string(s.Bytes())
		if s.Type() != segmenter.None {
			flush()
			if strings.IndexFunc(text, notConnector) >= 0 {
				all = append(all, text)
			}
			continue
		}
		for _, r := range text {
			switch {
			case run != "" && together(run, r):
				run += string(r)
			case unicode.In(r, complexContext, emoji, flags):
				flush()
				run = string(r)
			default:
				flush()
			}
		}
	}
	flush()
	return all
}

// notConnector is false for what joins words and is none by itself, as the underscore.
func notConnector(r rune) bool {
	return !unicode.Is(unicode.Pc, r) && !unicode.In(r, unicode.Mn, unicode.Cf)
}

// together reports whether r belongs to the word before it, which is no letters: it continues the script, or the emoji
// sequence, or it is a mark.
func together(word string, r rune) bool {
	first, _ := utf8.DecodeRuneInString(word)
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, skinTones):
		return true
	case unicode.Is(complexContext, first):
		return unicode.Is(complexContext, r)
	case unicode.Is(flags, first):
		return unicode.Is(flags, r) && utf8.RuneCountInString(word) == 1
	}
	return strings.HasSuffix(word, "\u200d") && unicode.Is(emoji, r)
}

// complexContext are scripts whose words need a dictionary (Line_Break=SA).
var complexContext = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0e01, Hi: 0x0e3a, Stride: 1}, {Lo: 0x0e40, Hi: 0x0e4e, Stride: 1}, // Thai
		{Lo: 0x0e81, Hi: 0x0ecd, Stride: 1}, {Lo: 0x0edc, Hi: 0x0edf, Stride: 1}, // Lao
		{Lo: 0x1000, Hi: 0x103f, Stride: 1}, {Lo: 0x1050, Hi: 0x108f, Stride: 1}, // Myanmar
		{Lo: 0x109a, Hi: 0x109f, Stride: 1}, {Lo: 0x1780, Hi: 0x17d3, Stride: 1}, // Khmer
		{Lo: 0x17d7, Hi: 0x17d7, Stride: 1}, {Lo: 0x17dc, Hi: 0x17dd, Stride: 1},
		{Lo: 0x1950, Hi: 0x19df, Stride: 1}, {Lo: 0x1a20, Hi: 0x1aad, Stride: 1}, // Tai scripts
		{Lo: 0xa9e0, Hi: 0xa9fe, Stride: 1}, {Lo: 0xaa60, Hi: 0xaadf, Stride: 1},
	},
}

var flags = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x1f1e6, Hi: 0x1f1ff, Stride: 1}}}

var skinTones = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x1f3fb, Hi: 0x1f3ff, Stride: 1}}}

// emoji is Extended_Pictographic of Unicode's emoji data, skin tones besides.
var emoji = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00a9, Hi: 0x00ae, Stride: 5}, {Lo: 0x203c, Hi: 0x2049, Stride: 13}, {Lo: 0x2122, Hi: 0x2139, Stride: 23},
		{Lo: 0x2194, Hi: 0x2199, Stride: 1}, {Lo: 0x21a9, Hi: 0x21aa, Stride: 1}, {Lo: 0x231a, Hi: 0x231b, Stride: 1},
		{Lo: 0x2328, Hi: 0x2388, Stride: 96}, {Lo: 0x23cf, Hi: 0x23cf, Stride: 1}, {Lo: 0x23e9, Hi: 0x23f3, Stride: 1},
		{Lo: 0x23f8, Hi: 0x23fa, Stride: 1}, {Lo: 0x25aa, Hi: 0x25ab, Stride: 1}, {Lo: 0x25b6, Hi: 0x25c0, Stride: 10},
		{Lo: 0x25fb, Hi: 0x25fe, Stride: 1}, {Lo: 0x2600, Hi: 0x2605, Stride: 1}, {Lo: 0x2607, Hi: 0x2612, Stride: 1},
		{Lo: 0x2614, Hi: 0x2685, Stride: 1}, {Lo: 0x2690, Hi: 0x2705, Stride: 1}, {Lo: 0x2708, Hi: 0x2712, Stride: 1},
		{Lo: 0x2714, Hi: 0x2716, Stride: 2}, {Lo: 0x271d, Hi: 0x2721, Stride: 4}, {Lo: 0x2728, Hi: 0x2728, Stride: 1},
		{Lo: 0x2733, Hi: 0x2734, Stride: 1}, {Lo: 0x2744, Hi: 0x2747, Stride: 3}, {Lo: 0x274c, Hi: 0x274e, Stride: 2},
		{Lo: 0x2753, Hi: 0x2755, Stride: 1}, {Lo: 0x2757, Hi: 0x2757, Stride: 1}, {Lo: 0x2763, Hi: 0x2767, Stride: 1},
		{Lo: 0x2795, Hi: 0x2797, Stride: 1}, {Lo: 0x27a1, Hi: 0x27a1, Stride: 1}, {Lo: 0x27b0, Hi: 0x27bf, Stride: 15},
		{Lo: 0x2934, Hi: 0x2935, Stride: 1}, {Lo: 0x2b05, Hi: 0x2b07, Stride: 1}, {Lo: 0x2b1b, Hi: 0x2b1c, Stride: 1},
		{Lo: 0x2b50, Hi: 0x2b55, Stride: 5}, {Lo: 0x3030, Hi: 0x303d, Stride: 13}, {Lo: 0x3297, Hi: 0x3299, Stride: 2},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f000, Hi: 0x1f0ff, Stride: 1}, {Lo: 0x1f10d, Hi: 0x1f10f, Stride: 1}, {Lo: 0x1f12f, Hi: 0x1f12f, Stride: 1},
		{Lo: 0x1f16c, Hi: 0x1f171, Stride: 1}, {Lo: 0x1f17e, Hi: 0x1f17f, Stride: 1}, {Lo: 0x1f18e, Hi: 0x1f18e, Stride: 1},
		{Lo: 0x1f191, Hi: 0x1f19a, Stride: 1}, {Lo: 0x1f1ad, Hi: 0x1f1e5, Stride: 1}, {Lo: 0x1f201, Hi: 0x1f20f, Stride: 1},
		{Lo: 0x1f21a, Hi: 0x1f21a, Stride: 1}, {Lo: 0x1f22f, Hi: 0x1f22f, Stride: 1}, {Lo: 0x1f232, Hi: 0x1f23a, Stride: 1},
		{Lo: 0x1f23c, Hi: 0x1f23f, Stride: 1}, {Lo: 0x1f249, Hi: 0x1f53d, Stride: 1}, {Lo: 0x1f546, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f774, Hi: 0x1f77f, Stride: 1}, {Lo: 0x1f7d5, Hi: 0x1f7ff, Stride: 1},
		{Lo: 0x1f80c, Hi: 0x1f80f, Stride: 1}, {Lo: 0x1f848, Hi: 0x1f84f, Stride: 1}, {Lo: 0x1f85a, Hi: 0x1f85f, Stride: 1},
		{Lo: 0x1f888, Hi: 0x1f88f, Stride: 1}, {Lo: 0x1f8ae, Hi: 0x1f8ff, Stride: 1}, {Lo: 0x1f90c, Hi: 0x1f93a, Stride: 1},
		{Lo: 0x1f93c, Hi: 0x1f945, Stride: 1}, {Lo: 0x1f947, Hi: 0x1faff, Stride: 1}, {Lo: 0x1fc00, Hi: 0x1fffd, Stride: 1},
	},
	LatinOffset: 1,
}
