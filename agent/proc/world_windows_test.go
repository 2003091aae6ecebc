package proc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// roleEnv makes the test program play the program that a test starts.
const roleEnv = "PROC_TEST_ROLE"

func TestMain(m *testing.M) {
	if code, ok := Helper(os.Args[1:]); ok {
		os.Exit(code)
	}
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

func play(role string) int {
	switch role {
	case "args":
		for _, a := range os.Args[1:] {
			fmt.Printf("%q\n", a)
		}
	case "env":
		for _, name := range os.Args[1:] {
			fmt.Println(os.Getenv(name))
		}
	case "dir":
		dir, _ := os.Getwd()
		fmt.Println(dir)
	case "exit":
		code, _ := strconv.Atoi(os.Args[1])
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		return code
	case "polite":
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, os.Interrupt)
		fmt.Println("ready")
		<-asked
		fmt.Println("bye")
		return 7
	case "until told": // by a file
		fmt.Println("ready")
		for {
			if _, err := os.Stat("end"); err == nil {
				return 7
			}
			time.Sleep(10 * time.Millisecond)
		}
	case "without a console":
		_, _, _ = procFreeConsole.Call()
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "stubborn":
		signal.Ignore(os.Interrupt)
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "parent": // of a child and a grandchild
		depth, _ := strconv.Atoi(os.Args[1])
		if depth > 0 {
			cmd := exec.Command(os.Args[0], strconv.Itoa(depth-1), os.Args[2])
			cmd.Stdout = os.Stdout
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				return 1
			}
		} else {
			fmt.Println("ready")
		}
		if os.Args[2] == "leave" && depth == 2 {
			awaitLine(os.Getenv("LOG"), "ready")
			return 0
		}
		time.Sleep(time.Hour)
	}
	return 0
}

// awaitLine waits until a file has a line.
func awaitLine(path, line string) bool {
	for range 3000 {
		if data, _ := os.ReadFile(path); slices.Contains(strings.Fields(string(data)), line) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// underWine says why a test cannot be run under Wine. It has no call for that; so much it says itself.
func (w *world) underWine(why string) {
	w.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		w.Skip("Wine: " + why)
	}
}

type world struct {
	*testing.T
	r   *Runner
	dir string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir()}
	w.r = w.runner()
	return w
}

// runner makes another Runner of the same store: a later agent.
func (w *world) runner() *Runner {
	w.Helper()
	r, err := NewRunner(w.dir)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = r.Close() })
	return r
}

func (w *world) log() string { return filepath.Join(w.dir, "out.log") }

func (w *world) spec(role string, args ...string) Spec {
	return Spec{
		Argv: append([]string{os.Args[0]}, args...), Dir: w.dir, Stdout: w.log(), Stderr: w.log(),
		Env: append(os.Environ(), roleEnv+"="+role, MarkerEnv+"=node/app.0", StoreEnv+"="+w.dir, "LOG="+w.log()),
	}
}

// start starts a program that is ended at the end of the test.
func (w *world) start(s Spec) Identity {
	w.Helper()
	id, err := w.r.Start(s)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		r, err := NewRunner(w.dir)
		if err == nil {
			_ = r.Adopt(id)
			_ = r.Kill(id)
			_ = r.Close()
		}
	})
	return id
}

func (w *world) ready() {
	w.Helper()
	if !awaitLine(w.log(), "ready") {
		w.Fatalf("it does not get ready; output: %s", w.output())
	}
}

func (w *world) output() string {
	data, _ := os.ReadFile(w.log())
	return string(data)
}

func (w *world) exit(r *Runner) Exited {
	w.Helper()
	select {
	case e := <-r.Exits():
		return e
	case <-time.After(30 * time.Second):
		w.Fatal("no exit")
		return Exited{}
	}
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for: %s", what)
		}
	}
}

// lines reads what a program printed with %q.
func (w *world) lines() (all []string) {
	w.Helper()
	for s := bufio.NewScanner(strings.NewReader(w.output())); s.Scan(); {
		line, err := strconv.Unquote(s.Text())
		if err != nil {
			w.Fatalf("%v: %s", err, w.output())
		}
		all = append(all, line)
	}
	return all
}

// copyProgram copies the test program under another name.
func (w *world) copyProgram(name string) string {
	w.Helper()
	from, err := os.Open(os.Args[0])
	if err != nil {
		w.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(filepath.Join(w.dir, name))
	if err == nil {
		_, err = io.Copy(to, from)
	}
	if err == nil {
		err = to.Close()
	}
	if err != nil {
		w.Fatal(err)
	}
	return to.Name()
}
