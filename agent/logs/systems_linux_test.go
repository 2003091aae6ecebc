package logs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mounted is a new file system, or the test is skipped.
func mounted(t *testing.T, kind string) string {
	t.Helper()
	dir := t.TempDir()
	data := ""
	if kind == "overlay" {
		base := t.TempDir()
		for _, sub := range []string{"lower", "upper", "work"} {
			if err := os.Mkdir(filepath.Join(base, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		data = "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work"
	}
	if err := syscall.Mount("none", dir, kind, 0, data); err != nil {
		t.Skipf("cannot mount a %s here: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFileSystemsWithHoles(t *testing.T) {
	for _, kind := range []string{"tmpfs", "overlay"} {
		t.Run(kind, func(t *testing.T) {
			const maxBytes = 1 << 20
			path := filepath.Join(mounted(t, kind), "log")
			keep(t, path, maxBytes)
			w := writer(t, path, "200ms", "20e6")
			if err := w.Wait(); err != nil {
				t.Fatal(err)
			}
			if _, err := Trim(path, maxBytes); err != nil || disk(t, path) > maxBytes+64<<10 {
				t.Error(disk(t, path), err)
			}
			whole(t, path, maxBytes)
		})
	}
}

// TestWithoutHoles has a file system that cannot free a part of a file: output is lost, and the log says so.
func TestWithoutHoles(t *testing.T) {
	const maxBytes = 100_000
	path := filepath.Join(mounted(t, "ramfs"), "log")
	put(t, path, strings.Repeat("line\n", 30_000))
	if stat, err := Trim(path, maxBytes); err != nil || stat != (Stat{Span: Span{0, 150_000}}) {
		t.Fatal("within twice the limit:", stat, err)
	}
	s := follow(t, path, 1)
	s.wait(t, "line\n")
	put(t, path, strings.Repeat("line\n", 50_000))
	stat, err := Trim(path, maxBytes)
	if err != nil || stat.Lost != 250_000 || stat.Start != 0 {
		t.Fatal(stat, err)
	}
	add(t, path, "after\n")
	var out bytes.Buffer
	want := "[stathub] 250000 bytes of output were dropped: this file system cannot free a part of a file\nafter\n"
	if err := Tail(&out, path, 10); err != nil || out.String() != want {
		t.Fatalf("%q, %v", out.String(), err)
	}

	put(t, path, strings.Repeat("line\n", 30_000))
	if err := Prepare(path, maxBytes); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("still there:", err)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() != 150_000 {
		t.Error(info, err)
	}
	if err := Prepare(path, maxBytes); err != nil {
		t.Error("no file:", err)
	}
}

func TestPrepareKeepsTheFile(t *testing.T) {
	path := logFile(t, strings.Repeat("line\n", 100_000))
	if err := Prepare(path, 64<<10); err != nil || disk(t, path) > 80<<10 {
		t.Error(disk(t, path), err)
	}
	if st := statOf(t, path); st.Size != 500_000 {
		t.Error(st.Size)
	}
}

// TestKeeper takes files that come and go.
func TestKeeper(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat("line\n", 100_000)
	good, late, gone := filepath.Join(dir, "good"), filepath.Join(dir, "late"), filepath.Join(dir, "gone")
	put(t, good, text)
	k := NewKeeper(func(path string, err error) { t.Error(path, err) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	small := func(path string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); disk(t, path) > 80<<10; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d bytes on disk", path, disk(t, path))
			}
		}
	}
	k.Set([]Limit{{good, 1 << 30}, {late, 60_000}, {gone, 60_000}})
	put(t, late, text)
	small(late)
	k.Set([]Limit{{good, 60_000}, {late, 60_000}})
	small(good)
	put(t, gone, text)
	add(t, late, text)
	small(late)
	cancel()
	<-done
	if disk(t, gone) < 400_000 {
		t.Error("a file that is no longer named is trimmed")
	}
}

// TestKeeperWarns has a link in place of a log: what it names is left alone, and a warning says so, once.
func TestKeeperWarns(t *testing.T) {
	path, victim := filepath.Join(t.TempDir(), "log"), logFile(t, "")
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	var warned []string
	k := NewKeeper(func(path string, err error) { warned = append(warned, path) })
	f := &tracked{Limit: Limit{path, 60_000}}
	for i := range 3 {
		add(t, victim, strings.Repeat("line\n", 50_000))
		k.look(f, time.Unix(int64(i), 0))
	}
	if len(warned) != 1 || warned[0] != path || disk(t, victim) < 700_000 {
		t.Error(warned, disk(t, victim))
	}
}

func BenchmarkTrim(b *testing.B) {
	const maxBytes, step = 64 << 20, 8 << 20
	path := logFile(b, "")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte("0123456789abcde\n"), step/16)
	for range maxBytes / step {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := Trim(path, maxBytes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdle is one round over 2,000 files that do not grow, on a system that does not tell of writes.
func BenchmarkIdle(b *testing.B) {
	dir := b.TempDir()
	k := NewKeeper(nil)
	now := time.Now()
	var limits []Limit
	for i := range 2000 {
		path := filepath.Join(dir, "stdout."+string(rune('a'+i%26))+strings.Repeat("x", i/26))
		put(b, path, "line\n")
		limits = append(limits, Limit{Path: path})
	}
	k.Set(limits)
	files := k.merge(nil, now)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(idlePause)
		k.round(context.Background(), files, nil, now)
	}
}
