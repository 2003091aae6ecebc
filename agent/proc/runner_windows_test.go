package proc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStartTellsTheExitCode(t *testing.T) {
	w := newWorld(t)
	for _, code := range []string{"0", "3"} {
		id := w.start(w.spec("exit", code))
		e := w.exit(w.r)
		if e.ID != id || !e.Exit.Known || e.Exit.Signal != 0 || e.Exit.Code != int(code[0]-'0') || e.Exit.At.IsZero() {
			t.Errorf("got %+v of %s", e, id)
		}
		if w.r.Alive(id) {
			t.Error("it is alive after its end")
		}
	}
	if got := w.output(); got != "out\nerr\nout\nerr\n" {
		t.Errorf("output %q: want that of both, one after the other", got)
	}
}

func TestEachArgumentIsOneWord(t *testing.T) {
	args := []string{"", "a b", `say "hi"`, `c:\dir x\`, "%PATH%", "a&b|c>d", "^x", "ünï 中", "line\nbreak", `\\"`}
	w := newWorld(t)
	w.start(w.spec("args", args...))
	w.exit(w.r)
	if got := w.lines(); !slices.Equal(got, args) {
		t.Errorf("got  %q\nwant %q", got, args)
	}
}

func TestBatchFileGetsItsArguments(t *testing.T) {
	w := newWorld(t)
	script := filepath.Join(w.dir, "my script.cmd")
	if err := os.WriteFile(script, []byte("@\""+os.Args[0]+"\" %*\r\n@exit /b 5\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"a b", "a&echo evil", "x|y", "plain"}
	s := w.spec("args", args...)
	s.Argv[0] = "my script"
	w.start(s)
	if e := w.exit(w.r); e.Exit.Code != 5 {
		t.Errorf("%+v", e)
	}
	if got := w.lines(); !slices.Equal(got, args) {
		t.Errorf("got  %q\nwant %q", got, args)
	}
}

func TestCommandTextRunsInTheShell(t *testing.T) {
	w := newWorld(t)
	argv, err := ShellArgv("echo one&& echo %WORD%", []string{"three four"})
	if err != nil {
		t.Fatal(err)
	}
	s := w.spec("")
	s.Argv, s.Env = argv, append(s.Env, "WORD=two")
	w.start(s)
	w.exit(w.r)
	if got := strings.ReplaceAll(w.output(), "\r", ""); got != "one\ntwo \"three four\"\n" {
		t.Errorf("output %q", got)
	}
}

func TestEnvironmentAndDirectory(t *testing.T) {
	w := newWorld(t)
	t.Setenv("PROC_TEST_SECRET", "agent's own")
	s := w.spec("env", "One", "TWO", "PROC_TEST_SECRET", "EMPTY")
	s.Env = append([]string{"ONE=first", "one=last", "TWO=ü=b", "EMPTY="}, roleEnv+"=env")
	w.start(s)
	w.exit(w.r)
	if got := w.output(); got != "last\nü=b\n\n\n" {
		t.Errorf("got %q", got)
	}
	s = w.spec("dir")
	s.Stdout = filepath.Join(w.dir, "dir.log")
	w.start(s)
	w.exit(w.r)
	if got, _ := os.ReadFile(s.Stdout); !strings.EqualFold(strings.TrimSpace(string(got)), w.dir) {
		t.Errorf("directory %q, want %q", got, w.dir)
	}
}

func TestProgramIsFoundWhereItRuns(t *testing.T) {
	w := newWorld(t)
	w.copyProgram("mine.exe")
	other := t.TempDir()
	for _, name := range []string{"mine", "mine.exe", `.\mine.exe`, filepath.Join(w.dir, "mine")} {
		s := w.spec("exit", "4")
		s.Argv[0] = name
		w.start(s)
		if e := w.exit(w.r); e.Exit.Code != 4 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	s := w.spec("exit", "4")
	s.Argv[0], s.Dir, s.Env = "mine", other, append(s.Env, "Path="+w.dir)
	w.start(s)
	if e := w.exit(w.r); e.Exit.Code != 4 {
		t.Errorf("in PATH: %+v", e)
	}
}

func TestStartErrors(t *testing.T) {
	w := newWorld(t)
	text := filepath.Join(w.dir, "text.exe")
	if err := os.WriteFile(text, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*Spec)
		op     string
		is     error
	}{
		"no program":   {func(s *Spec) { s.Argv = []string{"no-such-program"} }, "find program", fs.ErrNotExist},
		"no file":      {func(s *Spec) { s.Argv = []string{`C:\no\such.exe`} }, "find program", fs.ErrNotExist},
		"empty":        {func(s *Spec) { s.Argv = nil }, "find program", nil},
		"no directory": {func(s *Spec) { s.Dir = filepath.Join(s.Dir, "gone") }, "enter directory", fs.ErrNotExist},
		"no log":       {func(s *Spec) { s.Stdout = filepath.Join(s.Dir, "gone", "x.log") }, "open log", fs.ErrNotExist},
		"user":         {func(s *Spec) { s.User = "app" }, "switch to user", errNoUsers},
		"no format":    {func(s *Spec) { s.Argv = []string{text} }, "execute", nil},
		"NUL":          {func(s *Spec) { s.Argv = append(s.Argv, "a\x00b") }, "execute", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.spec("exit", "0")
			tt.change(&s)
			_, err := w.r.Start(s)
			var se *StartError
			if !errors.As(err, &se) || se.Op != tt.op || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCtrlBreakAsks(t *testing.T) {
	w := newWorld(t)
	w.underWine("its server knows no Ctrl-Break")
	id := w.start(w.spec("polite"))
	w.ready()
	if err := w.r.Signal(id, 15); err != nil {
		t.Fatal(err)
	}
	if e := w.exit(w.r); e.Exit.Code != 7 || !strings.Contains(w.output(), "bye") {
		t.Errorf("%+v, output %q", e, w.output())
	}
	if err := w.r.Signal(id, 15); !errors.Is(err, ErrGone) {
		t.Errorf("a signal to what has ended: %v", err)
	}
}

func TestWhatCannotBeAskedIsSaid(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("without a console"))
	w.ready()
	if err := w.r.Signal(id, 15); err == nil || !strings.Contains(err.Error(), "cannot send Ctrl-Break to process") {
		t.Error(err)
	}
}

func TestKillEndsWhatDoesNotListen(t *testing.T) {
	w := newWorld(t)
	w.underWine("its server knows no Ctrl-Break")
	id := w.start(w.spec("stubborn"))
	w.ready()
	if err := w.r.Signal(id, 15); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-w.r.Exits():
		t.Fatalf("it ended: %+v", e)
	case <-time.After(300 * time.Millisecond):
	}
	if err := w.r.Kill(id); err != nil {
		t.Fatal(err)
	}
	w.exit(w.r)
}

func TestKillLeavesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("parent", "2", "stay"))
	w.ready()
	kin := w.r.Leftovers("node/app.0")
	if len(kin) != 3 || kin[0] != id {
		t.Fatalf("kin %v of %v: want it, its child and grandchild", kin, id)
	}
	info, err := w.r.Inspect(id)
	if err != nil || info.PPID != os.Getpid() || len(info.Children) != 1 || info.RSS <= 0 || !strings.Contains(info.Cmd, "stay") {
		t.Errorf("%+v, %v", info, err)
	}
	if age := time.Since(info.StartTime); age < 0 || age > time.Minute {
		t.Errorf("it is %s old", age)
	}
	if err := w.r.Kill(id); err != nil {
		t.Fatal(err)
	}
	w.exit(w.r)
	for _, k := range kin {
		w.eventually("its kin to be dead", func() bool { return !w.r.Alive(k) })
	}
	if left := w.r.Leftovers("node/app.0"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatAnEndedProcessLeaves(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("parent", "2", "leave"))
	w.exit(w.r)
	kin := w.r.Leftovers("node/app.0")
	if len(kin) != 2 {
		t.Fatalf("kin %v: want its child and grandchild", kin)
	}
	if err := w.r.Kill(id); err != nil {
		t.Fatal(err)
	}
	w.eventually("nothing to be left", func() bool { return len(w.r.Leftovers("node/app.0")) == 0 })
	if err := w.r.Kill(id); !errors.Is(err, ErrGone) {
		t.Errorf("killed once more: %v", err)
	}
}

func TestALaterAgentAdopts(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("until told"))
	w.ready()
	if err := w.r.Close(); err != nil {
		t.Fatal(err)
	}
	later := w.runner()
	found, err := later.Find("node/")
	if err != nil || len(found) != 1 || found[0].ID != id || found[0].Env[MarkerEnv] != "node/app.0" {
		t.Fatalf("found %+v, %v; want %v", found, err, id)
	}
	for range 2 {
		if err := later.Adopt(id); err != nil {
			t.Fatal(err)
		}
	}
	if w := later.procs[id]; w.job == nil || w.marker != "node/app.0" {
		t.Errorf("it is not known again: %+v", w)
	}
	if left := later.Leftovers("node/app.0"); !slices.Equal(left, []Identity{id}) {
		t.Errorf("its job has %v", left)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "end"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if e := w.exit(later); e.ID != id || !e.Exit.Known || e.Exit.Code != 7 {
		t.Errorf("%+v", e)
	}
	if err := later.Adopt(id); !errors.Is(err, ErrGone) {
		t.Errorf("adopting the dead: %v", err)
	}
}

func TestALaterAgentKillsAll(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("parent", "2", "stay"))
	w.ready()
	kin := w.r.Leftovers("node/app.0")
	_ = w.r.Close()
	later := w.runner()
	if found, err := later.Find("node/"); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v: want one, the first of its job", found, err)
	}
	if err := later.Adopt(id); err != nil {
		t.Fatal(err)
	}
	if err := later.Kill(id); err != nil {
		t.Fatal(err)
	}
	for _, k := range kin {
		w.eventually("its kin to be dead", func() bool { return !later.Alive(k) })
	}
}

func TestKinIsFoundByTheMarkerWhenItsLeaderDiedUnwatched(t *testing.T) {
	w := newWorld(t)
	id := w.start(w.spec("parent", "2", "leave"))
	w.exit(w.r)
	_ = w.r.Close()
	later := w.runner()
	if err := later.Adopt(id); !errors.Is(err, ErrGone) {
		t.Fatalf("adopting the dead: %v", err)
	}
	left := later.Leftovers("node/app.0")
	if len(left) != 2 {
		t.Fatalf("left: %v", left)
	}
	for _, l := range left {
		if err := later.Kill(l); err != nil && !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
	w.eventually("nothing to be left", func() bool { return len(later.Leftovers("node/app.0")) == 0 })
}

func TestWhatAnEarlierAgentLeftIsFoundBesideANewProcess(t *testing.T) {
	w := newWorld(t)
	w.start(w.spec("parent", "2", "leave"))
	w.exit(w.r)
	_ = w.r.Close()
	w.r = w.runner()
	for round, want := range []int{3, 1} {
		s := w.spec("until told")
		s.Stdout, s.Stderr = "", ""
		id := w.start(s)
		left := w.r.Leftovers("node/app.0")
		if len(left) != want {
			t.Errorf("start %d: %v, want %d processes", round, left, want)
		}
		for _, l := range append(left, id) {
			if err := w.r.Kill(l); err != nil && !errors.Is(err, ErrGone) {
				t.Error(err)
			}
		}
		w.exit(w.r)
		w.eventually("nothing to be left", func() bool { return len(w.r.Leftovers("node/app.0")) == 0 })
	}
	if !w.r.whole["node/app.0"] {
		t.Error("all that there is of it is known")
	}
}

func TestAnotherAgentsProcessIsNotFound(t *testing.T) {
	w := newWorld(t)
	w.start(w.spec("polite"))
	w.ready()
	other, err := NewRunner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if found, err := other.Find("node/"); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestManyProcesses(t *testing.T) {
	const many = 2*perRoom + 5
	w := newWorld(t)
	want := map[Identity]bool{}
	for range many {
		want[w.start(w.spec("exit", "0"))] = true
	}
	for range many {
		e := w.exit(w.r)
		if !want[e.ID] {
			t.Fatalf("%v ended twice, or was never started", e.ID)
		}
		delete(want, e.ID)
	}
}
