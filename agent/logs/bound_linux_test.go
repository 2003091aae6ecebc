package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

// role is the environment variable that makes the test binary a child of a test.
const role = "LOGS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "writer":
		write(os.Args[1], os.Args[2])
	case "keeper":
		k := NewKeeper(func(path string, err error) { fmt.Fprintln(os.Stderr, path, err) })
		maxBytes, _ := strconv.ParseInt(os.Args[2], 10, 64)
		k.Set([]Limit{{Path: os.Args[1], MaxBytes: maxBytes}})
		k.Run(context.Background())
	}
}

const lineLen = 40

const lineEnd = " abcdefghijklmnopqr\n"

// appendLine is fast: programs under the race detector are not.
func appendLine(to []byte, n int) []byte {
	var digits [lineLen - len(lineEnd)]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i], n = byte('0'+n%10), n/10
	}
	return append(append(to, digits[:]...), lineEnd...)
}

func lineOf(n int) string { return string(appendLine(nil, n)) }

// write puts numbered lines on standard output, in pieces that end anywhere, for so long at so many bytes a second (0: as
// fast as it goes).
func write(seconds, rate string) {
	duration, _ := time.ParseDuration(seconds)
	perSecond, _ := strconv.ParseFloat(rate, 64)
	rnd := rand.New(rand.NewPCG(1, 2))
	begin, sent, n := time.Now(), 0, 0
	var block []byte
	for time.Since(begin) < duration {
		for len(block) < 64<<10 {
			block = appendLine(block, n)
			n++
		}
		piece := rnd.IntN(len(block)) + 1
		if _, err := os.Stdout.Write(block[:piece]); err != nil {
			panic(err)
		}
		block = append(block[:0], block[piece:]...)
		sent += piece
		if perSecond > 0 {
			time.Sleep(time.Duration(float64(sent)/perSecond*float64(time.Second)) - time.Since(begin))
		}
	}
	if _, err := os.Stdout.Write(block); err != nil {
		panic(err)
	}
}

func child(t testing.TB, kind string, stdout *os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), role+"="+kind)
	cmd.Stderr = os.Stderr
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func writer(t testing.TB, path, duration, rate string) *exec.Cmd {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return child(t, "writer", f, duration, rate)
}

func statOf(t testing.TB, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func disk(t testing.TB, path string) int64 { return statOf(t, path).Blocks * 512 }

// keep runs a Keeper until the test ends.
func keep(t testing.TB, path string, maxBytes int64) {
	t.Helper()
	k := NewKeeper(func(path string, err error) { t.Errorf("%s: %v", path, err) })
	k.Set([]Limit{{Path: path, MaxBytes: maxBytes}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// checker is a reader's end that holds numbered lines to their order, and notices to what is missing.
type checker struct {
	mu      sync.Mutex
	part    []byte
	want    []byte
	next    int // the line that must come
	lines   int
	gaps    int
	problem error
}

func (c *checker) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.part = append(c.part, p...)
	rest := c.part
	for c.problem == nil {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			break
		}
		c.problem = c.line(rest[:end])
		rest = rest[end:]
	}
	c.part = append(c.part[:0], rest...)
	return len(p), c.problem
}

func (c *checker) line(text []byte) error {
	if c.want = appendLine(c.want[:0], c.next); bytes.Equal(text, c.want) {
		c.next++
		c.lines++
		return nil
	}
	var dropped, offset int
	if _, err := fmt.Sscanf(string(text), "[stathub] %d bytes of output are no longer kept; it goes on at offset %d", &dropped, &offset); err == nil {
		from := offset - dropped // the end of a line alone may be what was dropped
		if from/lineLen != c.next && from != c.next*lineLen-1 || offset%lineLen != 0 {
			return fmt.Errorf("notice %q after line %d", text, c.next-1)
		}
		c.gaps++
		c.next = offset / lineLen
		return nil
	}
	if bytes.HasPrefix(c.want, bytes.TrimSuffix(text, []byte("\n"))) {
		return nil // begun, and the rest dropped: a notice follows
	}
	return fmt.Errorf("%q in place of line %d", text, c.next)
}

func (c *checker) state() (next, lines, gaps int, problem error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next, c.lines, c.gaps, c.problem
}

// whole checks what is kept of a file of numbered lines: at least maxBytes, consecutive, up to its end.
func whole(t *testing.T, path string, maxBytes int64) {
	t.Helper()
	span, err := Locate(path, At(0))
	if err != nil {
		t.Fatal(err)
	}
	if span.End%lineLen != 0 {
		t.Fatalf("%d bytes are no whole lines", span.End)
	}
	if span.End-span.Start < min(maxBytes, span.End)-lineLen {
		t.Errorf("%v keeps less than %d bytes", span, maxBytes)
	}
	c := &checker{next: int(span.Start / lineLen)}
	if err := Copy(c, path, span); err != nil {
		t.Fatal(err)
	}
	next, lines, gaps, problem := c.state()
	if problem != nil || gaps > 0 || int64(next) != span.End/lineLen || len(c.part) > 0 {
		t.Fatalf("%d lines up to %d, %d gaps, %v; want up to %d", lines, next, gaps, problem, span.End/lineLen)
	}
}

// TestFullSpeed writes as fast as the machine can, while keepers are killed in the middle of their work.
func TestFullSpeed(t *testing.T) {
	const maxBytes = 8 << 20
	path := filepath.Join(t.TempDir(), "stdout.log")
	w := writer(t, path, "1500ms", "0")
	inode := statOf(t, path).Ino
	ended := make(chan error, 1)
	go func() { ended <- w.Wait() }()
	var most int64
	for running := true; running; {
		k := child(t, "keeper", nil, path, fmt.Sprint(maxBytes))
		for end := time.Now().Add(150 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
			most = max(most, disk(t, path))
		}
		_ = k.Process.Kill()
		_ = k.Wait()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	if _, err := Trim(path, maxBytes); err != nil {
		t.Fatal(err)
	}
	st := statOf(t, path)
	t.Logf("%d MB written, at most %d MB on disk, %d kB in the end", st.Size>>20, most>>20, st.Blocks/2)
	if st.Ino != inode || st.Blocks*512 > maxBytes+64<<10 {
		t.Errorf("file %d, %d bytes on disk; want %d, %d", st.Ino, st.Blocks*512, inode, maxBytes)
	}
	whole(t, path, maxBytes)
}

// TestSteady holds the bound that Keeper promises, and gives every follower every line.
func TestSteady(t *testing.T) {
	const maxBytes = 4 << 20
	path := filepath.Join(t.TempDir(), "stdout.log")
	put(t, path, "")
	keep(t, path, maxBytes)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	checkers, done := make([]*checker, 4), make(chan error)
	for i := range checkers {
		checkers[i] = &checker{next: 0}
		go func() { done <- Follow(ctx, checkers[i], path, At(0)) }()
	}
	w := writer(t, path, "1s", "8e6")
	ended := make(chan error, 1)
	go func() { ended <- w.Wait() }()
	var most int64
	for running := true; running; {
		most = max(most, disk(t, path))
		select {
		case err := <-ended:
			if running = false; err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Millisecond):
		}
	}
	want := int(statOf(t, path).Size / lineLen)
	for i, c := range checkers {
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			next, lines, gaps, problem := c.state()
			if problem != nil || time.Now().After(end) {
				t.Fatalf("follower %d: %d lines, %d gaps, %v; want %d", i, lines, gaps, problem, want)
			}
			if next == want {
				t.Logf("follower %d: %d gaps", i, gaps)
				break
			}
		}
	}
	cancel()
	for range checkers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Logf("at most %d kB on disk", most>>10)
	if most > 2*maxBytes {
		t.Errorf("%d bytes on disk", most)
	}
	whole(t, path, maxBytes)
}

// slow takes a piece only when it is told to.
type slow struct {
	checker
	ready, next chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	s.ready <- struct{}{}
	<-s.next
	return s.checker.Write(p)
}

// TestFallsBehind makes a follower too slow: it is told exactly what it missed, and goes on with whole lines.
func TestFallsBehind(t *testing.T) {
	path := logFile(t, "")
	lines := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(lineOf(from + i))
		}
		return b.String()
	}
	const n = 10000 // 400 kB
	add(t, path, lines(0, n))
	s := &slow{checker: checker{next: 0}, ready: make(chan struct{}), next: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Follow(ctx, s, path, At(0)) }()
	<-s.ready
	for i := 1; i < 4; i++ {
		add(t, path, lines(i*n, n))
	}
	if stat, err := Trim(path, 300_000); err != nil || stat.Start == 0 {
		t.Fatal(stat, err)
	}
	close(s.next)
	for end := time.Now().Add(time.Minute); ; {
		select {
		case <-s.ready:
		case <-time.After(time.Millisecond):
		}
		next, got, gaps, problem := s.state()
		if problem != nil || time.Now().After(end) {
			t.Fatal(next, got, gaps, problem)
		}
		if next == 4*n {
			if gaps != 1 || got < 300_000/lineLen {
				t.Fatalf("%d gaps, %d lines", gaps, got)
			}
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestHoleIsNotRead looks at the end of a file with a hole of 1 TiB: what the process reads is counted by the system.
func TestHoleIsNotRead(t *testing.T) {
	path := logFile(t, "")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip("no sparse files here:", err)
	}
	add(t, path, "rest of a line\nwhole\nlast\n")
	before := bytesRead(t)
	for name, read := range map[string]func(io.Writer) error{
		"tail": func(w io.Writer) error { return Tail(w, path, 10) },
		"from the start": func(w io.Writer) error {
			span, err := Locate(path, At(0))
			return errors.Join(err, Copy(w, path, span))
		},
		"last output": func(w io.Writer) error {
			data, err := LastOutput(path, 64<<10)
			_, _ = w.Write(data)
			return err
		},
	} {
		var out bytes.Buffer
		if err := read(&out); err != nil || out.String() != "whole\nlast\n" {
			t.Errorf("%s: %.50q, %v", name, out.String(), err)
		}
	}
	if n := bytesRead(t) - before; n > 1<<20 {
		t.Errorf("%d bytes read", n)
	}
}

func bytesRead(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("this kernel does not count what a process reads:", err)
	}
	var n int64
	if _, err := fmt.Sscanf(string(data), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCycle shortens a file of more than 1 TiB under an appending writer, a follower, and a client that remembers offsets.
func TestCycle(t *testing.T) {
	path := logFile(t, "")
	if err := os.Truncate(path, Cycle); err != nil {
		t.Skip("no sparse files here:", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := strings.Repeat("before\n", 20_000)
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	s := follow(t, path, 1)
	s.wait(t, "before\n")
	old, err := Locate(path, Lines(1))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := Trim(path, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	if stat.End > Cycle {
		t.Skip("files cannot be shortened here")
	}
	if _, err := f.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "before\nafter\n")
	span, err := Locate(path, At(old.Start))
	var out bytes.Buffer
	if err := errors.Join(err, Copy(&out, path, span)); err != nil || out.String() != "before\nafter\n" {
		t.Errorf("%v, %v: %.100q, %v", old, span, out.String(), err)
	}
	if n := disk(t, path); n > 80<<10 {
		t.Errorf("%d bytes on disk", n)
	}
}

// TestBadFiles gives Trim what a process may have put in place of its log.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	if _, err := Trim(path, 1); state.CodeOf(err) != state.NotFound {
		t.Error(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Trim(path, 1); state.CodeOf(err) != state.Unavailable {
		t.Error("fifo:", err)
	}
	victim := filepath.Join(dir, "victim")
	put(t, victim, strings.Repeat("x", 100_000))
	if err := errors.Join(os.Remove(path), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Trim(path, 1); state.CodeOf(err) != state.Unavailable || disk(t, victim) < 100_000 {
		t.Error("link:", err)
	}
}

// TestWithoutAppend has a process open its log anew, without O_APPEND, over the hole, and then empty it.
func TestWithoutAppend(t *testing.T) {
	path := logFile(t, strings.Repeat("line\n", 100_000))
	if _, err := Trim(path, 64<<10); err != nil {
		t.Fatal(err)
	}
	s := follow(t, path, 1)
	s.wait(t, "line\n")
	own, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := own.WriteString("over the hole\n"); err != nil {
		t.Fatal(err)
	}
	add(t, path, "more\n")
	s.wait(t, "line\nmore\n")
	if _, err := Trim(path, 64<<10); err != nil || disk(t, path) > 80<<10 {
		t.Error(disk(t, path), err)
	}
	if err := own.Truncate(0); err != nil {
		t.Fatal(err)
	}
	add(t, path, "new\n")
	s.wait(t, "line\nmore\nnew\n")
	if stat, err := Trim(path, 64<<10); err != nil || stat.Start != 0 || stat.End != 4 {
		t.Error(stat, err)
	}
}
