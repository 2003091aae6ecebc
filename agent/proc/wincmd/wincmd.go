// Package wincmd turns command text and arguments into command lines of Windows. A process there gets one text and splits
// it itself, nearly always by the rules of Microsoft's C runtime; cmd.exe and batch files follow rules of their own. The
// package is pure and the same on every system.
package wincmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Shell is the program of the argv of command text that needs a shell.
const Shell = "cmd.exe"

// maxShellLine is the longest line that cmd.exe reads, in UTF-16 units (Microsoft, "Command prompt line string limitation").
const maxShellLine = 8191

// shellArgv is what comes before the text: no AutoRun commands, extensions on, "!" means nothing, and of the quotes
// around the text only the outer two are taken off.
func shellArgv(text string) ([]string, error) {
	argv := []string{Shell, "/D", "/E:ON", "/V:OFF", "/S", "/C", text}
	if n := len(utf16.Encode([]rune(Line(argv)))); n > maxShellLine {
		return nil, fmt.Errorf("the command line has %d characters, and cmd.exe reads %d; make toProcess a plain program", n, maxShellLine)
	}
	return argv, nil
}

// Argv gives the argv to start for command text and arguments, each of which reaches the program as one word.
//
//   - Text that means nothing to cmd.exe is its own argv, split as the C runtime does: "…" keeps blanks together.
//   - Other text, such as a pipe, a redirection, %NAME% or a command that cmd.exe has within, is run by cmd.exe; args
//     follow the text.
//
// Args that cmd.exe cannot pass on at all, those with a line break, are refused where it is needed.
func Argv(toProcess string, args []string) ([]string, error) {
	text := strings.TrimSpace(toProcess)
	for _, s := range append([]string{text}, args...) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, errors.New("toProcess and args must not contain NUL bytes: no process can receive them")
		}
	}
	if text == "" {
		return nil, errors.New("toProcess: there is no command in it")
	}
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("toProcess: cmd.exe reads one line only; join commands with &&")
	}
	words, closed := split(text)
	if needs, open := needsShell(text, words); needs {
		return inShell(text, args, open)
	}
	if !closed {
		return nil, errors.New(`toProcess: a quotation mark (") is not closed`)
	}
	return append(words, args...), nil
}

// inShell adds the arguments to text for cmd.exe. open says that the text leaves a quotation mark open.
func inShell(text string, args []string, open bool) ([]string, error) {
	switch {
	case len(args) == 0:
	case open:
		return nil, errors.New(`toProcess: a quotation mark (") is not closed, so that args cannot follow`)
	case strings.HasSuffix(text, ")") || strings.HasSuffix(text, "^") || strings.HasSuffix(text, "|") || strings.HasSuffix(text, "&") ||
		strings.HasSuffix(text, "<") || strings.HasSuffix(text, ">"):
		return nil, errors.New("toProcess: it does not end in a command that could take the args")
	}
	for i, a := range args {
		quoted, err := quote(a)
		if err != nil {
			return nil, fmt.Errorf("args[%d]: %w", i, err)
		}
		text += " " + quoted
	}
	return shellArgv(text)
}

// IsScript says whether a file is one that only cmd.exe runs. To start one directly is to have cmd.exe read arguments
// that were written for the C runtime, and run what is in them (CVE-2024-24576).
func IsScript(path string) bool {
	path = strings.ToLower(strings.TrimRight(path, ". "))
	return strings.HasSuffix(path, ".bat") || strings.HasSuffix(path, ".cmd")
}

// Script gives the argv that runs a batch file.
func Script(path string, args []string) ([]string, error) {
	if strings.ContainsAny(path, "\"\r\n") {
		return nil, fmt.Errorf("%q cannot be the name of a batch file", path)
	}
	text := `"` + strings.ReplaceAll(path, "%", percent) + `"`
	for _, a := range args {
		quoted, err := quote(a)
		if err != nil {
			return nil, err
		}
		text += " " + quoted
	}
	return shellArgv(text)
}

// Line gives the command line of an argv.
func Line(argv []string) string {
	if len(argv) == 7 && slices.Equal(argv[:6], []string{Shell, "/D", "/E:ON", "/V:OFF", "/S", "/C"}) {
		return strings.Join(argv[:6], " ") + ` "` + argv[6] + `"`
	}
	var b strings.Builder
	for i, a := range argv {
		switch {
		case i > 0:
			b.WriteByte(' ')
			b.WriteString(escape(a))
		case a == "" || strings.ContainsAny(a, " \t"): // the program's name knows no escapes, and has no quotes
			b.WriteString(`"` + strings.ReplaceAll(a, `"`, "") + `"`)
		default:
			b.WriteString(strings.ReplaceAll(a, `"`, ""))
		}
	}
	return b.String()
}

// percent is a percent sign that cmd.exe does not take for the start of a variable: the first one stands, for "%%" names
// none, and %cd:~,% is an empty part of the variable that is always there.
const percent = "%%cd:~,%"

// quote writes one argument so that neither cmd.exe finds anything in it nor the C runtime anything else.
func quote(arg string) (string, error) {
	if strings.ContainsAny(arg, "\r\n\x00") {
		return "", fmt.Errorf("%q has a line break, which cmd.exe cannot pass on; make toProcess a plain program", arg)
	}
	safe := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(`#$*+-./:?@\_`, r)
	}
	if arg != "" && !strings.HasSuffix(arg, `\`) && !strings.ContainsFunc(arg, func(r rune) bool { return !safe(r) }) {
		return arg, nil
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(arg) {
		switch arg[i] {
		case '\\':
			slashes++
		case '"': // doubled: an escaped one would end the quotes for cmd.exe
			b.WriteString(strings.Repeat(`\`, slashes) + `"`)
			slashes = 0
		case '%':
			b.WriteString(percent[:len(percent)-1])
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(arg[i])
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String(), nil
}

// escape writes one argument for the C runtime.
func escape(arg string) string {
	if arg != "" && !strings.ContainsAny(arg, " \t\n\v\"") {
		return arg
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(arg) {
		switch arg[i] {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(arg[i])
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}
