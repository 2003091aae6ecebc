//go:build !windows

package proc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

const shell = "/bin/sh"

// ShellError is a command line that the shell could not read.
type ShellError struct {
	Line, Column int // from 1; columns in characters
	Message      string
}

func (e *ShellError) Error() string {
	return fmt.Sprintf("toProcess: line %d column %d: %s", e.Line, e.Column, e.Message)
}

// ShellArgv turns shell text and arguments into the argv to start. It runs nothing and reads nothing.
//
// Each of args reaches the program as one word, whatever is in it. They follow the last word of the last command of the
// text ("cd x && python" gets them after python), unless the text itself uses "$@", "$1" and so on.
//   - One simple command of literal words is its own argv, with no shell.
//   - One simple command otherwise, say with variables or redirections, is exec'd by its shell: the pid is the program's.
//   - All other text stays under its shell.
//
// Text that is no POSIX shell is a *ShellError. So are args that have no command to follow, as after "done" or "}".
func ShellArgv(toProcess string, args []string) ([]string, error) {
	text := strings.ReplaceAll(toProcess, "\r\n", "\n")
	for _, s := range append([]string{text}, args...) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, errors.New("toProcess and args must not contain NUL bytes: no process can receive them")
		}
	}
	file, err := parseShell(text)
	if err != nil {
		return nil, err
	}
	if len(file.Stmts) == 0 {
		return nil, &ShellError{Line: 1, Column: 1, Message: "there is no command in it"}
	}
	only, exec := simple(file)
	if exec && len(only.Assigns) == 0 && len(file.Stmts[0].Redirs) == 0 {
		if words, ok := plainWords(only, text); ok {
			return append(words, args...), nil
		}
	}
	if len(args) > 0 && !usesPositional(file) {
		if text, err = appendArgs(file, text); err != nil {
			return nil, err
		}
	}
	if exec {
		at := only.Args[0].Pos().Offset() // before the place where the arguments went
		text = text[:at] + "exec " + text[at:]
	}
	if text[0] == '-' || text[0] == '+' {
		text = " " + text // not an option of the shell's
	}
	return append([]string{shell, "-c", text, "sh"}, args...), nil
}

func parseShell(text string) (*syntax.File, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
	if err == nil {
		return file, nil
	}
	e := &ShellError{Line: 1, Column: 1, Message: err.Error()}
	var pe syntax.ParseError
	var le syntax.LangError
	switch {
	case errors.As(err, &pe):
		e.Message = pe.Text
		e.locate(text, pe.Pos)
	case errors.As(err, &le):
		e.Message = le.Feature + " is not part of the POSIX shell"
		e.locate(text, le.Pos)
	}
	return nil, e
}

func (e *ShellError) locate(text string, pos syntax.Pos) {
	if !pos.IsValid() {
		return
	}
	before := text[:min(int(pos.Offset()), len(text))]
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// simple gives the command if the text is one simple command, and whether the shell may exec it: not if the word that
// names it is computed, or means something to the shell itself.
func simple(file *syntax.File) (call *syntax.CallExpr, exec bool) {
	s := file.Stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	if len(file.Stmts) > 1 || !ok || len(call.Args) == 0 || s.Negated || s.Background || s.Coprocess || s.Disown {
		return nil, false
	}
	name, ok := literal(call.Args[0])
	if !ok || slices.Contains(builtins(), name) || syntax.IsKeyword(name) {
		return nil, false
	}
	return call, true
}

// literal gives the value of a word without expansions.
func literal(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(strings.ReplaceAll(p.Value, `\`, ""))
		case *syntax.SglQuoted:
			if p.Dollar {
				return "", false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, q := range p.Parts {
				lit, ok := q.(*syntax.Lit)
				if !ok || p.Dollar {
					return "", false
				}
				b.WriteString(lit.Value)
			}
		default:
			return "", false
		}
	}
	return b.String(), b.Len() > 0
}

// plainWords gives the words of a command in which the shell would change nothing but take off quotes.
func plainWords(call *syntax.CallExpr, text string) ([]string, bool) {
	var words []string
	for _, w := range call.Args {
		if strings.ContainsAny(text[w.Pos().Offset():w.End().Offset()], "\\`$") {
			return nil, false
		}
		var b strings.Builder
		for _, p := range w.Parts {
			switch p := p.(type) {
			case *syntax.Lit:
				if strings.ContainsFunc(p.Value, special) {
					return nil, false
				}
				b.WriteString(p.Value)
			case *syntax.SglQuoted:
				b.WriteString(p.Value)
			case *syntax.DblQuoted:
				for _, q := range p.Parts {
					lit, ok := q.(*syntax.Lit)
					if !ok {
						return nil, false
					}
					b.WriteString(lit.Value)
				}
			default:
				return nil, false
			}
		}
		words = append(words, b.String())
	}
	return words, true
}

// special says whether an unquoted character might mean something to some shell.
func special(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r > 0x7f && r != utf8.RuneError:
		return false
	}
	return !strings.ContainsRune("_./:=,@%+-", r)
}

// usesPositional says whether the text places the arguments itself. Inside a function "$@" is the function's own.
func usesPositional(file *syntax.File) bool {
	used := false
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			return false
		case *syntax.ParamExp:
			name := ""
			if n.Param != nil {
				name = n.Param.Value
			}
			used = used || name == "@" || name == "*" || name == "#" || name != "" && name != "0" && strings.Trim(name, "0123456789") == ""
		}
		return true
	})
	return used
}

// appendArgs puts "$@" after the last word of the last command.
func appendArgs(file *syntax.File, text string) (string, error) {
	last := lastCall(file)
	end := file.Stmts[len(file.Stmts)-1].Pos()
	if last != nil {
		end = last.Args[len(last.Args)-1].End()
		at := end.Offset()
		longer := text[:at] + ` "$@"` + text[at:]
		// A backslash at the very end, say, would swallow the space: look at what came out.
		if again, err := parseShell(longer); err == nil && len(again.Stmts) == len(file.Stmts) {
			if call := lastCall(again); call != nil && len(call.Args) == len(last.Args)+1 {
				return longer, nil
			}
		}
	}
	e := &ShellError{Message: `it does not end in a simple command that could take the args; say where they go with "$@"`}
	e.locate(text, end)
	return "", e
}

// lastCall gives the command that runs last in a list or pipeline, nil if it is not a simple one.
func lastCall(file *syntax.File) *syntax.CallExpr {
	s := file.Stmts[len(file.Stmts)-1]
	for {
		switch cmd := s.Cmd.(type) {
		case *syntax.BinaryCmd:
			s = cmd.Y
		case *syntax.CallExpr:
			if len(cmd.Args) > 0 {
				return cmd
			}
			return nil
		default:
			return nil
		}
	}
}

// builtins are the names that some /bin/sh (dash, bash, busybox, ksh) answers itself.
func builtins() []string {
	return strings.Fields(`. : [ [[ alias bg bind break builtin caller cd command compgen complete compopt continue coproc
		declare dirs disown echo enable eval exec exit export false fc fg function getopts hash help history jobs kill let
		local logout mapfile newgrp popd print printf pushd pwd read readarray readonly return select set shift shopt
		source suspend test time times trap true type typeset ulimit umask unalias unset wait`)
}
