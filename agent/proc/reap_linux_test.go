package proc

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// initHelper is PID 1 of a container: it inherits an orphan, and starts processes of its own meanwhile.
func initHelper() {
	fail := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fail("skip: cannot mount /proc: %v", err)
	}
	if os.Getpid() != 1 {
		fail("skip: pid %d", os.Getpid())
	}
	_ = os.Setenv(helperEnv, "")
	r, err := NewRunner("")
	if err != nil {
		fail("%v", err)
	}
	defer r.Close()
	for range 20 { // the shell leaves an orphan behind and ends
		if _, err := r.Start(sh("sleep 0.1 & exit 3")); err != nil {
			fail("%v", err)
		}
		if err := exec.Command("/bin/sh", "-c", "exit 0").Run(); err != nil {
			fail("a command of another part of the program: %v", err)
		}
	}
	for range 20 {
		if e := <-r.Exits(); e.Exit.Code != 3 || !e.Exit.Known {
			fail("exit %+v", e)
		}
	}
	for end := time.Now().Add(10 * reapGrace); ; time.Sleep(10 * time.Millisecond) {
		all, err := snapshot()
		if err == nil && len(all) == 1 {
			break
		}
		if time.Now().After(end) {
			fail("left over: %+v, %v", all, err)
		}
	}
	fmt.Println("ok")
}

func TestPIDOneReapsOrphans(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the grace time")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"=init")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil || len(out) > 4 && string(out[:4]) == "skip" {
		t.Skipf("no pid namespaces here: %v %s", err, out)
	}
	if err != nil || string(out) != "ok\n" {
		t.Errorf("%v: %s", err, out)
	}
}
