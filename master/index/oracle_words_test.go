package index

import (
	"slices"
	"strings"
	"unicode"
)

// The classes of characters that matter to where words end (UAX #29, as Lucene's StandardTokenizer has it). Every
// character that the generators and tables of these tests use is here; the oracle refuses others.
type wordClass byte

const (
	wordNone     wordClass = iota // between words
	wordLetter                    // letters of alphabets, and syllables of Hangul
	wordDigit                     //
	wordKatakana                  //
	wordAlone                     // Han and Hiragana: each is a word
	wordEmoji                     //
	wordJoiner                    // _: joins whatever it touches
	wordMark                      // belongs to what is before it
	midLetter                     // joins letters: a:b
	midDigit                      // joins digits: 1,5
	midBoth                       // joins letters, and digits: a.b 1.5
)

var wordClasses = map[wordClass]string{
	wordNone:     " -/+*?\\()[]{}\"!|&^~<>=@#$%\t\n，。：（）「」°",
	wordLetter:   "abcdefghijklmnopqrstuvwxyzäöüßéñøåπλσςωабвгдежзийклмнопрстуфхяёşıאב가나다라서버",
	wordDigit:    "0123456789٣",
	wordKatakana: "アイウサーバ",
	wordAlone:    "华东北一区上海服务器机房のひらがな",
	wordEmoji:    "🚀🔥",
	wordJoiner:   "_",
	wordMark:     "\u0301\u0308",
	midLetter:    ":·",
	midDigit:     ",;",
	midBoth:      ".'",
}

func classOf(r rune) wordClass {
	for class, all := range wordClasses {
		if strings.ContainsRune(all, r) {
			return class
		}
	}
	if unicode.IsSpace(r) {
		return wordNone
	}
	panic("the oracle does not know the character " + string(r))
}

// oracleWords cuts a text in lower case: first into characters with their marks, then these into words.
func oracleWords(s string) []string {
	var parts []string
	var classes []wordClass
	for _, r := range s {
		c := classOf(r)
		if c == wordMark && len(parts) > 0 && !strings.ContainsAny(parts[len(parts)-1], "\n") {
			parts[len(parts)-1] += string(r)
			continue
		}
		parts, classes = append(parts, string(r)), append(classes, c)
	}
	var all []string
	for i := 0; i < len(parts); {
		end := i + 1
		for end < len(parts) && oracleJoined(classes, i, end) {
			end++
		}
		if slices.ContainsFunc(classes[i:end], func(c wordClass) bool { return c >= wordLetter && c <= wordEmoji }) {
			all = append(all, strings.Join(parts[i:end], ""))
		}
		i = end
	}
	return all
}

// oracleJoined reports whether there is no end of a word in front of character i.
func oracleJoined(c []wordClass, from, i int) bool {
	at := func(i int) wordClass {
		if i < from || i >= len(c) {
			return wordNone
		}
		return c[i]
	}
	alnum := func(c wordClass) bool { return c == wordLetter || c == wordDigit }
	// A join by a middle character needs its two neighbours.
	joins := func(m wordClass, before, after wordClass) bool {
		return (m == midLetter || m == midBoth) && before == wordLetter && after == wordLetter ||
			(m == midDigit || m == midBoth) && before == wordDigit && after == wordDigit
	}
	before, now := at(i-1), at(i)
	switch {
	case alnum(before) && alnum(now), before == wordKatakana && now == wordKatakana:
		return true
	case now == wordJoiner && (alnum(before) || before == wordKatakana || before == wordJoiner),
		before == wordJoiner && (alnum(now) || now == wordKatakana):
		return true
	case now >= midLetter:
		return joins(now, before, at(i+1))
	case before >= midLetter:
		return joins(before, at(i-2), now)
	}
	return false
}
