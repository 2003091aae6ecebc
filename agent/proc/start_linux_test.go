package proc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStartErrors(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	file := func(name, content string, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := file("plain", "x", 0o600)
	locked := filepath.Join(dir, "locked")
	if err := os.MkdirAll(filepath.Join(locked, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	nobody := "65534:65534"
	asRoot := os.Geteuid() == 0
	for _, c := range []struct {
		name string
		spec Spec
		op   string
		is   error
		says []string
		root bool // can be provoked by root alone
	}{
		{"no command", Spec{}, "find program", nil, []string{"empty"}, false},
		{"missing in PATH", Spec{Argv: []string{"no-such-program"}, Env: []string{"PATH=/usr/bin:/nowhere"}}, "find program", fs.ErrNotExist,
			[]string{`"no-such-program"`, "PATH=/usr/bin:/nowhere"}, false},
		{"missing file", Spec{Argv: []string{dir + "/none"}}, "find program", fs.ErrNotExist, []string{dir + "/none", "no such file"}, false},
		{"not executable", Spec{Argv: []string{plain}}, "find program", fs.ErrPermission, []string{"chmod +x", "0600"}, false},
		{"a directory", Spec{Argv: []string{dir}}, "find program", fs.ErrPermission, []string{"is a directory"}, false},
		{"missing directory", Spec{Argv: []string{"sh"}, Dir: dir + "/none"}, "enter directory", fs.ErrNotExist, []string{dir + "/none", "no such directory"}, false},
		{"missing directory of a relative program", Spec{Argv: []string{"./x"}, Dir: dir + "/none"}, "enter directory", fs.ErrNotExist, nil, false},
		{"directory is a file", Spec{Argv: []string{"sh"}, Dir: plain}, "enter directory", nil, []string{"not a directory"}, false},
		{"directory of another", Spec{Argv: []string{"sh"}, Dir: locked + "/in", User: nobody}, "enter directory", fs.ErrPermission,
			[]string{"may not enter", nobody}, true},
		{"unknown user", Spec{Argv: []string{"sh"}, User: "no-such-user"}, "switch to user", nil, []string{`unknown user "no-such-user"`}, false},
		{"unknown group", Spec{Argv: []string{"sh"}, User: "root:no-such-group"}, "switch to user", nil, []string{`unknown group "no-such-group"`}, false},
		{"uid without group", Spec{Argv: []string{"sh"}, User: "3999999999"}, "switch to user", nil, []string{"uid:gid"}, false},
		{"log in a missing folder", Spec{Argv: []string{"sh"}, Stdout: dir + "/none/out"}, "open log", fs.ErrNotExist, []string{dir + "/none/out"}, false},
		{"log is a folder", Spec{Argv: []string{"sh"}, Stderr: dir}, "open log", nil, []string{dir}, false},
		{"damaged program", Spec{Argv: []string{file("elf", "\x7fELF\x00\x00junk", 0o755)}}, "execute", nil, []string{"not a program that this machine can run"}, false},
		{"missing interpreter", Spec{Argv: []string{file("script", "#!/no/such/interp -x\n", 0o755)}}, "execute", fs.ErrNotExist, []string{"/no/such/interp"}, false},
		{"CR LF", Spec{Argv: []string{file("crlf", "#!/bin/sh\r\necho\r\n", 0o755)}}, "execute", nil, []string{"CR LF"}, false},
		{"too long", Spec{Argv: []string{"sh", strings.Repeat("x", 1<<20)}}, "execute", nil, []string{"too long"}, false},
		{"NUL", Spec{Argv: []string{"sh", "a\x00b"}}, "execute", nil, []string{"NUL"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && !asRoot {
				t.Skip("needs root")
			}
			id, err := r.Start(c.spec)
			var se *StartError
			if !errors.As(err, &se) {
				t.Fatalf("got %v, %v: want a *StartError", id, err)
			}
			if se.Op != c.op || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("op %q, error %v: want op %q and %v", se.Op, err, c.op, c.is)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
	if exits := len(r.procs); exits != 0 {
		t.Errorf("%d failed starts are watched", exits)
	}
}

func TestScriptWithoutInterpreterLine(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/run", []byte("echo \"$1\" > out; exit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	start(t, r, Spec{Argv: []string{"./run", "a b"}, Dir: dir, Env: os.Environ()})
	if e := next(t, r); e.Exit.Code != 4 || text(t, dir+"/out") != "a b\n" {
		t.Errorf("exit %+v, output %q", e, text(t, dir+"/out"))
	}
}

func TestProgramIsFoundInTheChildsPath(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/bin/only-here", []byte("#!/bin/sh\nexit 6\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir + "/bin", "/nowhere:bin"} { // a relative entry counts from the child's directory
		start(t, r, Spec{Argv: []string{"only-here"}, Dir: dir, Env: []string{"PATH=/usr/bin", "PATH=" + path}})
		if e := next(t, r); e.Exit.Code != 6 {
			t.Errorf("PATH=%s: exit %+v", path, e)
		}
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	r := open(t)
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct{ user, want string }{
		{"65534:65534", "65534 65534"},
		{"3999999999:12345", "3999999999 12345"},
		{"0:0", "0 0"},
		{"root", "0 0"},
	} {
		_ = os.Remove(out)
		start(t, r, Spec{Argv: []string{"/bin/sh", "-c", "echo $(id -u) $(id -g)"}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: out, Stderr: out, User: c.user})
		next(t, r)
		if got := text(t, out); got != c.want+"\n" {
			t.Errorf("user %s: got %q, want %q", c.user, got, c.want)
		}
	}
}

// Limits on processes do not bind root, so the numbers that the kernel would give are handed in.
func TestForkFailuresAreExplained(t *testing.T) {
	for err, want := range map[syscall.Errno]string{
		syscall.EAGAIN: "cannot fork: no more processes allowed",
		syscall.ENOMEM: "cannot fork: out of memory",
		syscall.EMFILE: "cannot fork: too many open files",
		syscall.EPERM:  `cannot switch to user "someone": the agent runs as uid`,
		syscall.EIO:    `cannot execute "/bin/sh": input/output error`,
	} {
		l := &launch{path: "/bin/sh", who: &account{name: "someone", credential: &syscall.Credential{Uid: 1, Gid: 1}}}
		got := l.diagnose(err)
		if !strings.HasPrefix(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
