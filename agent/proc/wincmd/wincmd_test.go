package wincmd

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestArgv(t *testing.T) {
	shell := func(text string) []string { return []string{"cmd.exe", "/D", "/E:ON", "/V:OFF", "/S", "/C", text} }
	for name, tt := range map[string]struct {
		text string
		args []string
		want []string
	}{
		"plain":                    {"server.exe -v", []string{"a b", `c"d`, "%PATH%", "&"}, []string{"server.exe", "-v", "a b", `c"d`, "%PATH%", "&"}},
		"quoted program":           {`"C:\Program Files\app.exe" run`, nil, []string{`C:\Program Files\app.exe`, "run"}},
		"quoted word":              {`app.exe "a  & b" c`, nil, []string{"app.exe", "a  & b", "c"}},
		"folder's last backslash":  {`"C:\dir\app" "C:\data\\" x`, nil, []string{`C:\dir\app`, `C:\data\`, "x"}},
		"escaped mark":             {`app \"x\"`, nil, []string{"app", `"x"`}},
		"doubled mark":             {`app "a""b"`, nil, []string{"app", `a"b`}},
		"empty word":               {`app ""`, nil, []string{"app", ""}},
		"pipe":                     {"app | sort", nil, shell("app | sort")},
		"variable":                 {"app %PORT%", nil, shell("app %PORT%")},
		"variable in quotes":       {`app "%PORT%"`, nil, shell(`app "%PORT%"`)},
		"escape of the shell":      {"app a^b", nil, shell("app a^b")},
		"cmd sees it, C does not":  {`app "a\" & calc"`, nil, shell(`app "a\" & calc"`)},
		"within cmd":               {"echo hello", []string{"big world"}, shell(`echo hello "big world"`)},
		"within cmd, odd spelling": {`CD.. && app`, []string{"x"}, shell(`CD.. && app x`)},
		"dir/b":                    {"dir/b", nil, shell("dir/b")},
		"no builtin":               {"echo.exe x", nil, []string{"echo.exe", "x"}},
		"arguments of the shell":   {"cd x && app", []string{`a"b`, "50%", "", `c:\`, "a&b"}, shell(`cd x && app "a""b" "50%%cd:~,%" "" "c:\\" "a&b"`)},
		"blanks around":            {"  app\t-x  ", nil, []string{"app", "-x"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Argv(tt.text, tt.args)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestArgvRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		args []string
		want string
	}{
		"empty":                    {" \t", nil, "no command"},
		"NUL":                      {"app", []string{"a\x00"}, "NUL"},
		"two lines":                {"app\nother", nil, "one line"},
		"open mark":                {`app "a`, nil, "not closed"},
		"open mark, and args":      {`echo "a`, []string{"x"}, "not closed"},
		"nothing to take args":     {"(app & other)", []string{"x"}, "could take the args"},
		"line break through cmd":   {"echo", []string{"a\nb"}, "args[0]"},
		"too long for cmd":         {"echo", []string{strings.Repeat("x", 9000)}, "8191"},
		"operator before the args": {"app >", []string{"x"}, "could take the args"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Argv(tt.text, tt.args); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestLine(t *testing.T) {
	for name, tt := range map[string]struct {
		argv []string
		want string
	}{
		"plain":           {[]string{`C:\a.exe`, "-x", "y"}, `C:\a.exe -x y`},
		"blanks":          {[]string{`C:\a b.exe`, "x y", ""}, `"C:\a b.exe" "x y" ""`},
		"marks":           {[]string{"a", `say "hi"`, `c:\dir x\`}, `a "say \"hi\"" "c:\dir x\\"`},
		"shell":           {[]string{"cmd.exe", "/D", "/E:ON", "/V:OFF", "/S", "/C", `"a b" "c"`}, `cmd.exe /D /E:ON /V:OFF /S /C ""a b" "c""`},
		"a shell's other": {[]string{"cmd.exe", "/C", "a & b"}, `cmd.exe /C "a & b"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Line(tt.argv); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// word is what an argument may be made of: mostly what means something to somebody.
func word() *rapid.Generator[string] {
	return rapid.StringOf(rapid.OneOf(rapid.SampledFrom([]rune("\"\"\\\\%%^&|<>()! \t;,=@'`abcdPATH~:")), rapid.RuneFrom([]rune("äé中𝄞"))))
}

func TestEveryArgumentIsOneWordOfTheProgram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(word()).Draw(t, "args")
		want := append([]string{`C:\my app.exe`}, args...)
		got, closed := split(Line(want))
		if !closed || !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestNoArgumentMeansAnythingToTheShell(t *testing.T) {
	env := map[string]string{"PATH": `C:\x"&calc`, "A": "1", "CD": `C:\here`, "": "nothing"}
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(word()).Draw(t, "args")
		script := rapid.Bool().Draw(t, "script")
		argv, err := Argv("cd x&&app", args)
		lead := "cd x&&app"
		if script {
			argv, err = Script(`C:\100% PATH%\run it.bat`, args)
			lead = `"C:\100% PATH%\run it.bat"`
		}
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(Line(argv), `cmd.exe /D /E:ON /V:OFF /S /C "`)
		text, ok2 := strings.CutSuffix(text, `"`)
		if !ok || !ok2 {
			t.Fatalf("line %q", Line(argv))
		}
		rest, ok := strings.CutPrefix(expand(text, env), lead)
		if !ok {
			t.Fatalf("%q does not begin with %q", expand(text, env), lead)
		}
		if needs, open := needsShell("x"+strings.ReplaceAll(rest, "%", ""), []string{"x"}); needs || open {
			t.Fatalf("the shell finds something in %q", rest)
		}
		if got, closed := split("app" + rest); !closed || !slices.Equal(got[1:], args) {
			t.Fatalf("got %q of %q, want %q", got, rest, args)
		}
	})
}

// expand is what cmd.exe does with variables in a command line (not in a batch file): an unknown one stays as it is.
func expand(text string, env map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		name, _, ok := strings.Cut(text[i+1:], "%")
		if text[i] != '%' || !ok {
			b.WriteByte(text[i])
			continue
		}
		plain, part, cut := strings.Cut(name, ":")
		value, known := env[strings.ToUpper(plain)]
		if plain == "" || !known || cut && !strings.HasPrefix(part, "~") {
			b.WriteByte('%')
			continue
		}
		if part == "~," { // the first 0 characters
			value = ""
		}
		b.WriteString(value)
		i += len(name) + 1
	}
	return b.String()
}

func FuzzArgv(f *testing.F) {
	f.Add(`"C:\a b\c.exe" "x\\" y`, `a"b`)
	f.Add("echo %PATH% & x", "1")
	f.Fuzz(func(t *testing.T, text, arg string) {
		argv, err := Argv(text, []string{arg})
		if err != nil {
			return
		}
		if argv[0] == Shell && len(argv) == 7 && argv[1] == "/D" {
			return // TestNoArgumentMeansAnythingToTheShell
		}
		if argv[len(argv)-1] != arg {
			t.Fatalf("%q: the argument %q is not a word of its own", argv, arg)
		}
		if again, closed := split(Line(argv)); !closed || !slices.Equal(again[1:], argv[1:]) {
			t.Fatalf("%q reaches the program as %q", argv, again)
		}
	})
}
