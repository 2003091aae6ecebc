//go:build !windows

package proc

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestShellArgv(t *testing.T) {
	viaShell := func(text string) []string { return []string{"/bin/sh", "-c", text, "sh", "1", "2 3"} }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a word", "python", []string{"python", "1", "2 3"}},
		{"words", "python -m http.server", []string{"python", "-m", "http.server", "1", "2 3"}},
		{"quoted words", `'/opt/my app/run' "a b" ''`, []string{"/opt/my app/run", "a b", "", "1", "2 3"}},
		{"space, comment and newlines around", " \n python x # it's\n\n", []string{"python", "x", "1", "2 3"}},
		{"CR LF", "python x\r\n", []string{"python", "x", "1", "2 3"}},
		{"not ASCII", "./运行 é", []string{"./运行", "é", "1", "2 3"}},
		{"terminated", "python;", []string{"python", "1", "2 3"}},
		{"variable", "python $X", viaShell(`exec python $X "$@"`)},
		{"substitution", "python $(cat x)", viaShell(`exec python $(cat x) "$@"`)},
		{"glob", "ls *.py", viaShell(`exec ls *.py "$@"`)},
		{"tilde", "~/run", viaShell(`exec ~/run "$@"`)},
		{"escape", `my\ program`, viaShell(`exec my\ program "$@"`)},
		{"redirection", "python x >out 2>&1", viaShell(`exec python x "$@" >out 2>&1`)},
		{"redirection first", "<in python x # c", viaShell(`<in exec python x "$@" # c`)},
		{"assignment", "A=b python", viaShell(`A=b exec python "$@"`)},
		{"here-document", "cat <<E\n$x\nE\n", viaShell("exec cat \"$@\" <<E\n$x\nE\n")},
		{"continued line", "python \\\n x", []string{"python", "x", "1", "2 3"}},
		{"places the arguments", `python "$@" -x`, viaShell(`exec python "$@" -x`)},
		{"places one", `python ${1} -x`, viaShell(`exec python ${1} -x`)},
		{"the program is computed", "$PYTHON x", viaShell(`$PYTHON x "$@"`)},
		{"built in", "echo x", viaShell(`echo x "$@"`)},
		{"built in, disguised", `'ec'ho x`, viaShell(`'ec'ho x "$@"`)},
		{"exec already", "exec python", viaShell(`exec python "$@"`)},
		{"list", "cd x && python", viaShell(`cd x && python "$@"`)},
		{"sequence", "cd x; python y;", viaShell(`cd x; python y "$@";`)},
		{"pipe", "python | tee log", viaShell(`python | tee log "$@"`)},
		{"trap", "trap 'kill 0' TERM; python & wait", viaShell(`trap 'kill 0' TERM; python & wait "$@"`)},
		{"background", "python &", viaShell(`python "$@" &`)},
		{"negated", "! python", viaShell(`! python "$@"`)},
		{"function", `f() { python "$@"; }; f`, viaShell(`f() { python "$@"; }; f "$@"`)},
		{"loop that uses them", `for i; do echo "$@"; done`, viaShell(`for i; do echo "$@"; done`)},
		{"not an option", "-x", []string{"-x", "1", "2 3"}},
		{"not an option of the shell", "-x $y; z", viaShell(` -x $y; z "$@"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ShellArgv(c.text, []string{"1", "2 3"})
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "continued line" && got[0] == shell {
				return // going through the shell is right too
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestShellArgvErrors(t *testing.T) {
	for _, c := range []struct {
		name, text   string
		line, column int
	}{
		{"empty", "", 1, 1},
		{"comment only", "# python", 1, 1},
		{"open quote", "é 'b", 1, 3},
		{"second line", "a\nb (", 2, 1},
		{"open list", "a &&", 1, 3},
		{"stray keyword", "a; fi", 1, 4},
		{"nowhere for the arguments", "x; { a; }", 1, 4},
		{"backslash at the end", `a \`, 1, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ShellArgv(c.text, []string{"1"})
			var se *ShellError
			if !errors.As(err, &se) {
				t.Fatalf("got %q, %v: want a *ShellError", got, err)
			}
			if se.Line != c.line || se.Column != c.column || se.Message == "" {
				t.Errorf("got %v, want line %d column %d", se, c.line, c.column)
			}
		})
	}
	if _, err := ShellArgv("a\x00b", nil); err == nil {
		t.Error("NUL in the text is accepted")
	}
	if _, err := ShellArgv("a", []string{"\x00"}); err == nil {
		t.Error("NUL in an argument is accepted")
	}
	if _, err := ShellArgv("while true; do a; done", nil); err != nil {
		t.Errorf("without arguments: %v", err)
	}
}

// awkward are arguments that a shell would love to change.
func awkward() []string {
	return []string{"", " ", "a b", "$(touch pwned)", "`id`", "$HOME", `"`, "'", `\`, "\n", "a\n", "*", "~", ";", "&&", "-n", "--", "#", "=", "é", "\xff", "${X}", "!!"}
}

func TestArgumentsArriveVerbatim(t *testing.T) {
	dir := printer(t)
	for _, text := range []string{
		"./printer", "./printer 'x y'", "./printer $EMPTY", "./printer >/dev/null", "A=b ./printer", "cd . && ./printer", ": ; ./printer # c",
		"./printer <<E\n$(x)\nE\n", `f() { ./printer "$@"; }; f`, `./printer "$@"`, "true | ./printer", "./printer\n", "if true; then ./printer \"$@\"; fi",
	} {
		checkVerbatim(t, dir, text, awkward())
	}
}

// printer makes a folder with a program that writes its arguments to $REPORT, each ended by NUL; nothing if there are none.
func printer(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(dir+"/printer", []byte("#!/bin/sh\n: >\"$REPORT\"\n[ $# = 0 ] || printf '%s\\0' \"$@\" >\"$REPORT\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func checkVerbatim(t *testing.T, dir, text string, args []string) {
	t.Helper()
	argv, err := ShellArgv(text, args)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "REPORT=" + dir + "/report"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", text, err, out)
	}
	data, err := os.ReadFile(dir + "/report")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if len(got) < len(args) || !slices.Equal(got[len(got)-len(args):], args) {
		t.Errorf("%q: the program got %q\nwant it to end in %q", argv, got, args)
	}
}

// FuzzShellArgv: whatever the text is, it is refused or yields a command line that the shell can read too, and that
// ends in the arguments.
func FuzzShellArgv(f *testing.F) {
	for _, text := range []string{"a", "a 'b c' \"d\"", "A=b c >d", "a && b | c &", "a <<E\nx\nE\n", "f() { :; }; f", "a \\", "a \\\n", "# x\na # y", "for i; do :; done", "a $(b `c`) ${d}"} {
		f.Add(text, "x y")
	}
	f.Fuzz(func(t *testing.T, text, arg string) {
		argv, err := ShellArgv(text, []string{arg, "end"})
		if err != nil {
			return
		}
		if n := len(argv); n < 3 || argv[n-1] != "end" || argv[n-2] != arg {
			t.Fatalf("%q: arguments are not last: %q", text, argv)
		}
		if argv[0] != shell || len(argv) < 4 || argv[1] != "-c" {
			return
		}
		if _, err := parseShell(argv[2]); err != nil {
			t.Fatalf("%q became %q, which does not parse: %v", text, argv[2], err)
		}
	})
}

// FuzzArgumentsVerbatim runs a real shell: one word, in every way that commands are run, arrives as it was.
func FuzzArgumentsVerbatim(f *testing.F) {
	for _, a := range awkward() {
		f.Add(a)
	}
	dir := printer(f)
	f.Fuzz(func(t *testing.T, arg string) {
		if strings.IndexByte(arg, 0) >= 0 || len(arg) > 1<<16 {
			return
		}
		for _, text := range []string{"./printer", "./printer $EMPTY", ":; ./printer"} {
			checkVerbatim(t, dir, text, []string{arg, "end"})
		}
	})
}
