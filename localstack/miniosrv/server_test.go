package miniosrv

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain is also the parent that TestEndsWithItsParent kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("MINIOSRV_TEST_PARENT"); dir != "" {
		s, err := Start(context.Background(), dir, Options{})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.Endpoint)
		select {}
	}
	os.Exit(m.Run())
}

func needServer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no MinIO")
	}
	if _, err := Binary(t.Context(), t.Logf); err != nil {
		t.Fatal(err)
	}
}

func serves(endpoint string) bool {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(endpoint + "/minio/health/live")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func TestStartAndStop(t *testing.T) {
	needServer(t)
	dir := t.TempDir()
	s, err := Start(t.Context(), dir, Options{AccessKey: "access", SecretKey: "secret-secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if !serves(s.Endpoint) {
		t.Fatal("started, but does not serve")
	}
	for range 2 { // the second time it is there
		if err := s.CreateBucket(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateBucket(t.Context(), "Not A Bucket"); err == nil {
		t.Error("a bad bucket name was accepted")
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.process.Pid))
	if err == nil && strings.Contains(string(cmdline), "secret-secret") {
		t.Error("the secret is on the command line")
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	<-s.Done()
	if serves(s.Endpoint) {
		t.Error("stopped, but still serves")
	}
	again, err := Start(t.Context(), dir, Options{AccessKey: "access", SecretKey: "secret-secret"})
	if err != nil {
		t.Fatalf("a second start on the same data: %v", err)
	}
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestStartSaysWhy(t *testing.T) {
	needServer(t)
	if _, err := Start(t.Context(), t.TempDir(), Options{SecretKey: "short", Port: 0}); err == nil ||
		!strings.Contains(err.Error(), "credentials") {
		t.Errorf("a secret that is too short: %v, want MinIO's own words", err)
	}
	if _, err := Start(t.Context(), t.TempDir(), Options{Binary: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("started a program that does not exist")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, t.TempDir(), Options{}); err == nil {
		t.Error("started although the caller had given up")
	}
}

func TestEndsWithItsParent(t *testing.T) {
	needServer(t)
	if dieWithParent() == nil {
		t.Skip("this system cannot")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), "MINIOSRV_TEST_PARENT="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	endpoint := strings.TrimSpace(line)
	if err != nil || !serves(endpoint) {
		parent.Process.Kill()
		t.Fatalf("no server from the other process: %q, %v", line, err)
	}
	parent.Process.Kill()
	parent.Wait()
	for deadline := time.Now().Add(20 * time.Second); serves(endpoint); {
		if time.Now().After(deadline) {
			t.Fatal("the server outlives its parent")
		}
	}
}

func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside atomic.Int32
	done := make(chan error)
	for range 4 {
		go func() {
			unlock, err := lock(t.Context(), path)
			if err == nil {
				if inside.Add(1) != 1 {
					err = fmt.Errorf("two hold the lock")
				}
				inside.Add(-1)
				unlock()
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); err == nil {
		t.Error("a held lock was given")
	}
}

func TestCachePathFollowsThePins(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := func() string {
		p, err := cachePath("cache", dir)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("go.mod", "module a\n")
	write("go.sum", "x\n")
	first := path()
	if second := path(); second != first {
		t.Errorf("the same pins give %s and %s", first, second)
	}
	write("go.sum", "y\n")
	if path() == first {
		t.Error("other pins give the same program")
	}
}

func TestBuildFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module empty\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	err := build(t.Context(), dir, filepath.Join(out, "minio"))
	if err == nil || !strings.Contains(err.Error(), pkg) {
		t.Errorf("building from an empty module: %v", err)
	}
	if left, _ := os.ReadDir(out); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPinDirIsFoundFromBelow(t *testing.T) {
	dir, err := pinDir()
	if err != nil || !exists(filepath.Join(dir, "go.sum")) {
		t.Fatalf("pinDir: %q, %v", dir, err)
	}
	t.Chdir(t.TempDir())
	if dir, err := pinDir(); err == nil {
		t.Errorf("found %s from outside of a source tree", dir)
	}
}
