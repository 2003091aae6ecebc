package query

import "strings"

// Chinese and Japanese input methods give full-width forms of the characters that the language is made of. They look
// alike, but would silently be words.
const (
	wideAnywhere = "：（）“”＂［］｛｝＊？！～＾＼"
	wideInFront  = "＋－／＜＞＝" // special only at the beginning of a word
)

// wide reports whether r is the full-width form of a character that is special at this place.
func wide(r rune, first bool) bool {
	return r > 0x7f && (strings.ContainsRune(wideAnywhere, r) || first && strings.ContainsRune(wideInFront, r))
}

// narrow gives the ASCII form of a full-width character, and others as they are.
func narrow(r rune) rune {
	switch {
	case r == '“' || r == '”':
		return '"'
	case r >= '！' && r <= '～':
		return r - '！' + '!'
	}
	return r
}

// fullWidth is the error for the full-width character at hand. Quotes are put right in pairs, so that what stands between them stays
// as it is.
func (l *lexer) fullWidth() *Error {
	r := l.in[l.at]
	ascii := narrow(r)
	fix := []edit{{l.at, l.at + 1, string(ascii)}}
	if ascii == '"' {
		for i := l.at + 1; i < len(l.in); i++ {
			if narrow(l.in[i]) == '"' {
				fix = append(fix, edit{i, i + 1, `"`})
				break
			}
		}
	}
	return fail(l.at, string(r)+" is the full-width form of "+string(ascii), string(ascii)+", or the text in \"quotes\"", fix...)
}
