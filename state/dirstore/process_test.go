//go:build unix

package dirstore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/dirstore"
	"stathub/state/storetest"
)

// Tests across processes run this test binary again, with the role and the directory in its environment.
const (
	roleVar = "DIRSTORE_TEST_ROLE"
	dirVar  = "DIRSTORE_TEST_DIR"
)

const processIncrements = 500

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := play(role, os.Getenv(dirVar)); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(role, dir string) error {
	ctx := context.Background()
	if role == "nobody" && os.Getuid() == 0 { // root may write everywhere
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			return err
		}
	}
	s, err := dirstore.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	switch role {
	case "increment":
		for range processIncrements {
			if err := storetest.Increment(ctx, s, "leases/counter"); err != nil {
				return err
			}
		}
		return nil
	case "write":
		return writeForever(ctx, s)
	case "nobody":
		return useReadOnly(ctx, s, dir)
	case "limited":
		return writeTooMuch(ctx, s, dir)
	}
	return errors.New("no such role")
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role, dirVar+"="+dir)
	return cmd
}

func TestIncrementsOfProcesses(t *testing.T) {
	t.Parallel() // with the contract: both mostly wait for the disk
	const processes = 8
	dir := t.TempDir()
	done := make(chan error, processes)
	for range processes {
		cmd := child(t, "increment", dir)
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	for range processes {
		must(t, <-done)
	}
	if got, _ := read(t, open(t, dir), "leases/counter"); got != strconv.Itoa(processes*processIncrements) {
		t.Errorf("counter is %s after %d processes added %d each", got, processes, processIncrements)
	}
	if all := files(t, dir); len(all) != 2 {
		t.Errorf("the directory holds %v, want the counter and the lock", all)
	}
}

// document n is one byte repeated; its length follows from the byte.
func document(n int) []byte { return bytes.Repeat([]byte{'a' + byte(n%20)}, 100_000+n%20*5000) }

func writeForever(ctx context.Context, s *dirstore.Store) error {
	for n := 0; ; n++ {
		_, _, err := state.Update(ctx, s, "apps/big", func([]byte) ([]byte, error) { return document(n), nil })
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Println("writing")
		}
	}
}

func TestKilledWriters(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for range 15 {
		killWriter(t, dir)
		got, etag := read(t, s, "apps/big")
		if n := int(got[0] - 'a'); got != string(document(n)) {
			t.Fatalf("half a document is left: %d bytes that start with %q", len(got), got[0])
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := state.Write(ctx, s, "apps/big", document(0), state.Condition{IfMatch: etag}); err != nil {
			t.Fatalf("after a writer was killed: %v", err)
		}
		cancel()
	}
	if all := listed(t, s, ""); len(all) != 1 {
		t.Errorf("List shows %v, want the document alone", all)
	}
	sweepLeftovers(t, dir)
}

// killWriter kills a process at a random point of its writing.
func killWriter(t *testing.T, dir string) {
	t.Helper()
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "writing\n" {
		t.Errorf("the writer says %q, %v", line, err)
	}
	<-time.After(rand.N(20 * time.Millisecond))
	must(t, cmd.Process.Kill())
	cmd.Wait() // says that it was killed
}

// sweepLeftovers: what killed writers left goes once it is old, and only then.
func sweepLeftovers(t *testing.T, dir string) {
	t.Helper()
	young := filepath.Join(dir, "apps", ".stathub-young.tmp")
	old := filepath.Join(dir, "apps", ".stathub-old.tmp")
	must(t, os.WriteFile(young, nil, 0o600))
	must(t, os.WriteFile(old, nil, 0o600))
	must(t, os.Chtimes(old, time.Now(), time.Now().Add(-2*time.Hour)))
	put(t, open(t, dir), "apps/other", "x")
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("an old temporary file is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a young temporary file, maybe of a living writer: %v", err)
	}
}

// closedToOthers gives the directory above path that not everybody may enter, "" if there is none.
func closedToOthers(t *testing.T, path string) string {
	t.Helper()
	for up := filepath.Dir(path); up != filepath.Dir(up); up = filepath.Dir(up) {
		st, err := os.Stat(up)
		must(t, err)
		if st.Mode().Perm()&0o001 == 0 {
			return up
		}
	}
	return ""
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "apps/web.json", "text")
	put(t, s, "top", "text")
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // the child may be another user
	if closed := closedToOthers(t, filepath.Dir(dir)); os.Geteuid() == 0 && closed != "" {
		t.Skip("the temporary directory lies in one that other users cannot enter: " + closed)
	}
	for _, d := range []string{"apps", "."} {
		must(t, os.Chmod(filepath.Join(dir, d), 0o555))
		t.Cleanup(func() { os.Chmod(filepath.Join(dir, d), 0o755) })
	}
	if out, err := child(t, "nobody", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, _ := read(t, s, "apps/web.json"); got != "text" {
		t.Errorf("document is %q", got)
	}
}

func useReadOnly(ctx context.Context, s *dirstore.Store, dir string) error {
	data, e, err := state.Read(ctx, s, "apps/web.json", "", state.MaxDocument)
	if err != nil || string(data) != "text" {
		return fmt.Errorf("Get: %q, %w", data, err)
	}
	n := 0
	for _, err := range s.List(ctx, "") {
		if n++; err != nil {
			return fmt.Errorf("List: %w", err)
		}
	}
	if n != 2 {
		return fmt.Errorf("List gives %d documents, want 2", n)
	}
	write := func(key string, c state.Condition) error {
		_, err := state.Write(ctx, s, key, []byte("new"), c)
		return err
	}
	for what, err := range map[string]error{
		"Put":            write("apps/web.json", state.Condition{}),
		"Put IfMatch":    write("apps/web.json", state.Condition{IfMatch: e.ETag}),
		"Put IfAbsent":   write("apps/new.json", state.Condition{IfAbsent: true}),
		"Put, top":       write("top", state.Condition{}),
		"Put, folder":    write("new/new.json", state.Condition{}),
		"Delete":         s.Delete(ctx, "apps/web.json", ""),
		"Delete IfMatch": s.Delete(ctx, "apps/web.json", e.ETag),
		"Probe":          state.Probe(ctx, s),
	} {
		if state.CodeOf(err) != state.Denied || !strings.Contains(err.Error(), dir) {
			return fmt.Errorf("%s: %v, want code denied with the directory's name", what, err)
		}
	}
	return nil
}

// TestFailedWriteOfTheSystem lets the kernel refuse the middle of a write, by the limit on a file's size.
func TestFailedWriteOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "apps/web.json", "old")
	if out, err := child(t, "limited", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, _ := read(t, s, "apps/web.json"); got != "old" {
		t.Errorf("document is %d bytes, want the old one", len(got))
	}
	if all := files(t, dir); len(all) != 2 {
		t.Errorf("the directory holds %v, want the document and the lock", all)
	}
}

func writeTooMuch(ctx context.Context, s *dirstore.Store, dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 50_000, Max: 50_000}); err != nil {
		return err
	}
	_, err := s.Put(ctx, "apps/web.json", bytes.NewReader(make([]byte, 200_000)), state.Condition{})
	if state.CodeOf(err) != state.TooLarge || !strings.Contains(err.Error(), dir) {
		return fmt.Errorf("Put past the limit: %w, want code too-large with the directory's name", err)
	}
	_, err = s.Put(ctx, "apps/small.json", io.NewSectionReader(strings.NewReader("x"), 0, 1), state.Condition{IfAbsent: true})
	if err != nil {
		return err
	}
	return s.Delete(ctx, "apps/small.json", "")
}
