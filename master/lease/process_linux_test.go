package lease

import (
	"fmt"
	"os/exec"
	"testing"
)

func TestSurelyDead(t *testing.T) {
	if thisProcess() == "" {
		t.Skip("/proc tells too little here")
	}
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Skip(err)
	}
	pid := child.Process.Pid
	start, _ := stat(pid)
	name := fmt.Sprintf("%s %d %s", machine(), pid, start)
	want := func(what, process string, dead bool) {
		t.Helper()
		if surelyDead(process) != dead {
			t.Errorf("%s: surely dead is %v", what, !dead)
		}
	}
	want("this process", thisProcess(), false)
	want("one that runs", name, false)
	want("another one under its number", fmt.Sprintf("%s %d 1", machine(), pid), true)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	want("one that was killed", name, true)
	want("one of another machine", "another-boot pid:[1] 1 1", false)
	for _, text := range []string{"", machine(), machine() + " ", machine() + " x y", machine() + " -1 1", machine() + " 0 1"} {
		want(fmt.Sprintf("%q", text), text, false)
	}
}
