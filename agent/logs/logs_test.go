package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

func logFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdout.log")
	put(t, path, text)
	return path
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("x", 3*blockSize)
	cases := []struct {
		name, text string
		lines      int
		want       string
	}{
		{"empty", "", 5, ""},
		{"none wanted", "a\nb\n", 0, ""},
		{"last", "a\nb\n", 1, "b\n"},
		{"all", "a\nb\n", 2, "a\nb\n"},
		{"more than there are", "a\nb\n", 9, "a\nb\n"},
		{"unfinished line", "a\nb", 1, "b"},
		{"unfinished line and one more", "a\nb", 2, "a\nb"},
		{"empty lines", "a\n\n\n", 2, "\n\n"},
		{"only newlines", "\n\n", 1, "\n"},
		{"lines across blocks", "a\n" + long + "\n" + long + "\n", 2, long + "\n" + long + "\n"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Tail(&out, logFile(t, tc.text), tc.lines); err != nil || out.String() != tc.want {
				t.Fatalf("%.50q, %v; want %.50q", out.String(), err, tc.want)
			}
		})
	}
	if err := Tail(&bytes.Buffer{}, filepath.Join(t.TempDir(), "none"), 1); state.CodeOf(err) != state.NotFound {
		t.Fatal(err)
	}
}

func TestTailIsTheEndOfTheLines(t *testing.T) {
	path := logFile(t, "")
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"a", "\n", "line\n", strings.Repeat("y", blockSize-1)})).Draw(t, "parts")
		text, lines := strings.Join(parts, ""), rapid.IntRange(1, 6).Draw(t, "lines")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		all := strings.SplitAfter(text, "\n")
		if all[len(all)-1] == "" {
			all = all[:len(all)-1]
		}
		want := strings.Join(all[max(0, len(all)-lines):], "")
		var out bytes.Buffer
		if err := Tail(&out, path, lines); err != nil || out.String() != want {
			t.Fatalf("got %d bytes, %v; want %d", out.Len(), err, len(want))
		}
	})
}

// TestTailBounded reads the end of a huge line: no more than MaxTail of it.
func TestTailBounded(t *testing.T) {
	path := logFile(t, strings.Repeat("x", MaxTail+1)+"the end")
	var out bytes.Buffer
	if err := Tail(&out, path, 10); err != nil || out.Len() != MaxTail || !strings.HasSuffix(out.String(), "the end") {
		t.Fatal(out.Len(), err)
	}
}

// sink collects what a Follow writes.
type sink struct {
	mu   sync.Mutex
	text strings.Builder
	fail error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *sink) wait(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); s.String() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %q, want %q", s.String(), want)
		}
	}
}

// follow starts a Follow; the test's end stops it.
func follow(t *testing.T, path string, lines int) *sink {
	t.Helper()
	s, done := &sink{}, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- Follow(ctx, s, path, Lines(lines)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Follow: %v", err)
		}
	})
	return s
}

func TestFollow(t *testing.T) {
	path := logFile(t, "one\ntwo\nthree\n")
	a, c := follow(t, path, 2), follow(t, path, 100)
	a.wait(t, "two\nthree\n")
	c.wait(t, "one\ntwo\nthree\n")
	add(t, path, "half")
	a.wait(t, "two\nthree\nhalf")
	add(t, path, " a line\n")
	a.wait(t, "two\nthree\nhalf a line\n")
	c.wait(t, "one\ntwo\nthree\nhalf a line\n")
}

func TestFollowTruncated(t *testing.T) {
	path := logFile(t, "before, and long\n")
	s := follow(t, path, 1)
	s.wait(t, "before, and long\n")
	put(t, path, "")
	add(t, path, "after\n")
	s.wait(t, "before, and long\nafter\n")
}

func TestFollowReplaced(t *testing.T) {
	path := logFile(t, "1\n")
	s := follow(t, path, 1)
	want := "1\n"
	s.wait(t, want)
	for i := range 5 {
		old := fmt.Sprintf("%s.%d", path, i)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		add(t, old, "the writer goes on\n")
		want += "the writer goes on\n"
		s.wait(t, want)
		put(t, path, fmt.Sprintf("new %d\n", i))
		want += fmt.Sprintf("new %d\n", i)
		s.wait(t, want)
	}
}

func TestFollowMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later")
	s := follow(t, path, 1)
	put(t, path, "a\nb\n")
	for end := time.Now().Add(time.Minute); !strings.HasSuffix(s.String(), "b\n"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %q", s.String())
		}
	}
}

func TestFollowReceiverFails(t *testing.T) {
	gone := errors.New("gone")
	if err := Follow(t.Context(), &sink{fail: gone}, logFile(t, "a\n"), Lines(1)); !errors.Is(err, gone) {
		t.Fatal(err)
	}
}
