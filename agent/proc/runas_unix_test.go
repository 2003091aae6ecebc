//go:build unix

package proc

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestRunAs(t *testing.T) {
	cmd := exec.Command("true")
	if err := RunAs(cmd, ""); err != nil || cmd.SysProcAttr != nil {
		t.Errorf("no user: %v, %+v", err, cmd.SysProcAttr)
	}
	own := strconv.Itoa(os.Geteuid()) + ":" + strconv.Itoa(os.Getegid())
	if err := RunAs(cmd, own); err != nil || cmd.SysProcAttr != nil {
		t.Errorf("the agent's own user: %v, %+v", err, cmd.SysProcAttr)
	}
	var failed *StartError
	if err := RunAs(cmd, "no-such-user-here"); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no-such-user-here") {
		t.Errorf("an unknown user: %v", err)
	}
	cmd = exec.Command("/bin/sh", "-c", "id -u; id -g")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := RunAs(cmd, "65534:65533"); err != nil || !cmd.SysProcAttr.Setpgid {
		t.Fatalf("another user: %v, %+v", err, cmd.SysProcAttr)
	}
	out, err := cmd.Output()
	if os.Geteuid() != 0 {
		if err == nil {
			t.Error("switched users without being root")
		}
		return
	}
	if err != nil || string(out) != "65534\n65533\n" {
		t.Errorf("ran as %q, %v", out, err)
	}
}
