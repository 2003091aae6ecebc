package health

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullPort listens with a backlog that is full: connecting to it hangs.
func fullPort(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*syscall.SockaddrInet4).Port
	for range 16 {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 300*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this kernel has no limit to a backlog")
	return 0
}

func TestConnectThatHangs(t *testing.T) {
	port := fullPort(t)
	for protocol, want := range map[string]string{TCP: "no connection within 100ms", HTTP: "no answer within 100ms"} {
		if out := NewChecker(Options{}).Check(t.Context(), probe(protocol, port).within(0.1)); out.OK || out.Message != want {
			t.Errorf("%s: %+v", protocol, out)
		}
	}
}

const agentEnv = "HEALTH_TEST_AGENT_DIR"

// TestAgentHelper is not a test: it is the agent that TestCommandDiesWithTheAgent kills.
func TestAgentHelper(t *testing.T) {
	dir := os.Getenv(agentEnv)
	if dir == "" {
		t.Skip("run by another test")
	}
	p := shell(dir, "echo $$ > self; exec sleep 300")
	p.Check.TimeoutSeconds = 600
	NewChecker(Options{}).Check(context.Background(), p)
}

func TestCommandDiesWithTheAgent(t *testing.T) {
	dir := t.TempDir()
	agent := exec.Command(os.Args[0], "-test.run=^TestAgentHelper$")
	agent.Env = append(os.Environ(), agentEnv+"="+dir)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := pidFrom(t, filepath.Join(dir, "self"))
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()
	gone(t, pid)
}

func TestCommandOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may switch users")
	}
	c := NewChecker(Options{RunAs: func(cmd *exec.Cmd, _ string) error {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		return nil
	}})
	p := shell("/", "id -u; id -g; exec sleep 300")
	p.User, p.Check.TimeoutSeconds = "nobody", 1
	if out := c.Check(t.Context(), p); out.OK || !strings.HasSuffix(out.Message, ": 65534\n65534") {
		t.Errorf("%+v", out)
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	c := NewChecker(Options{})
	dir := t.TempDir()
	port, closed := portOf(t, listen(t, "127.0.0.1:0").Addr()), closedPort(t)
	all := []Probe{shell(dir, "true"), shell(dir, "exit 1"), command(dir, "/no/such"), probe(TCP, port), probe(TCP, closed),
		probe(HTTP, closed), probe(HTTP, port).within(0.01), shell(dir, "sleep 300").within(0.01)}
	descriptors := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	round := func() {
		for _, p := range all {
			c.Check(t.Context(), p)
		}
	}
	round()
	before := descriptors()
	for range 10 {
		round()
	}
	eventually(t, "descriptors to close", func() bool { return descriptors() <= before })
}
