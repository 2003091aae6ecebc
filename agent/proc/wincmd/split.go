package wincmd

import (
	"slices"
	"strings"
)

// split takes text apart as the C runtime does (Microsoft, "Parsing C command-line arguments"). It is not closed if a
// quotation mark is still open at the end.
func split(text string) (words []string, closed bool) {
	closed = true
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return words, closed
		}
		var word string
		if words == nil {
			word, text, closed = program(text)
		} else {
			word, text, closed = argument(text)
		}
		words = append(words, word)
	}
}

// program takes the first word off: a backslash is only that.
func program(text string) (word, rest string, closed bool) {
	var b strings.Builder
	quoted := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// argument takes a later word off: before a quotation mark two backslashes are one, and an odd one makes the mark a
// character; so does another mark within quotes.
func argument(text string) (word, rest string, closed bool) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			n := len(text[i:]) - len(strings.TrimLeft(text[i:], `\`))
			i += n
			if i == len(text) || text[i] != '"' {
				b.WriteString(strings.Repeat(`\`, n))
				i--
				continue
			}
			b.WriteString(strings.Repeat(`\`, n/2))
			if n%2 == 1 {
				b.WriteByte('"')
			} else {
				i--
			}
		case c == '"' && quoted && i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// needsShell says whether text means something to cmd.exe, and whether it leaves a quotation mark open there: every mark
// counts, and a variable is replaced within them too.
func needsShell(text string, words []string) (needs, open bool) {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			open = !open
		case c == '%', c == '@' && i == 0, !open && strings.IndexByte("&|<>^()", c) >= 0:
			needs = true
		}
	}
	return needs || isBuiltin(words[0]), open
}

// isBuiltin says whether cmd.exe has a command within: also written as "cd..", "echo." or "dir/b".
func isBuiltin(word string) bool {
	name, _, _ := strings.Cut(strings.ToLower(word), "/")
	return slices.Contains(builtins(), strings.TrimRight(name, `.:\`))
}

func builtins() []string {
	return strings.Fields(`assoc break call cd chdir cls color copy date del dir dpath echo endlocal erase exit for ftype goto if
		keys md mkdir mklink move path pause popd prompt pushd rd rem ren rename rmdir set setlocal shift start time title type
		ver verify vol`)
}
