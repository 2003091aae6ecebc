package dirstore

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
)

// clock is a settable now.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func TestHashIsTrustedOnlyWhenItsStampIsOld(t *testing.T) {
	var c clock
	h := newHashes(c.now)
	st := stamp{size: 4, mtime: 1}
	untrusted := func(when string) {
		t.Helper()
		if etag, ok := h.lookup("k", st); ok {
			t.Errorf("%s the hash %q is trusted", when, etag)
		}
	}
	h.remember("k", st, "one", c.now())
	untrusted("after the first look")
	c.advance(settleTime / 2)
	h.remember("k", st, "two", c.now()) // edited within one tick of the file system's clock
	untrusted("before the time is up")
	began := c.now()
	c.advance(settleTime)
	h.remember("k", st, "two", began)
	untrusted("after a reading that began too early")
	h.remember("k", st, "three", c.now())
	if etag, ok := h.lookup("k", st); !ok || etag != "three" {
		t.Errorf("settled: %q, %v; want three", etag, ok)
	}
	st.ctime++
	untrusted("with another stamp")
	h.remember("k", st, "four", c.now())
	untrusted("with a new stamp")
}

func TestHashesAreBounded(t *testing.T) {
	var c clock
	h := newHashes(c.now)
	for i := range 3 * maxRemembered {
		h.remember(fmt.Sprint(i), stamp{}, "x", c.now())
	}
	if n := len(h.young) + len(h.old); n > 2*maxRemembered {
		t.Errorf("%d files are remembered, want at most %d", n, 2*maxRemembered)
	}
	if _, ok := h.find(fmt.Sprint(3*maxRemembered - 1)); !ok {
		t.Error("the last file is forgotten")
	}
}

// watched counts how often documents are read, and has a settable clock.
func watched(t *testing.T) (*Store, *clock, *atomic.Int64) {
	s := openInside(t, t.TempDir())
	c, reads := new(clock), new(atomic.Int64)
	s.hashes = newHashes(c.now)
	s.fault = func(op string) error {
		if op == "read" {
			reads.Add(1)
		}
		return nil
	}
	return s, c, reads
}

func listInside(t *testing.T, s *Store, prefix string) map[string]state.ETag {
	t.Helper()
	all := map[string]state.ETag{}
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all[e.Key] = e.ETag
	}
	return all
}

func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	const n = 10_000
	s, c, reads := watched(t)
	folder := filepath.Join(s.dir, "heartbeats")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint("node-", i)), fmt.Append(nil, i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := listInside(t, s, "heartbeats/")
	c.advance(settleTime)
	listInside(t, s, "heartbeats/")
	reads.Store(0)
	began := time.Now()
	again := listInside(t, s, "heartbeats/")
	t.Logf("listing %d unchanged files: %v", n, time.Since(began))
	if len(again) != n || reads.Load() != 0 {
		t.Errorf("listing %d files again gives %d and reads %d of them", n, len(again), reads.Load())
	}
	if _, err := s.Get(t.Context(), "heartbeats/node-1", first["heartbeats/node-1"]); state.CodeOf(err) != state.NotModified || reads.Load() != 0 {
		t.Errorf("Get of an unchanged file: %v after %d reads", err, reads.Load())
	}
	putInside(t, s, "heartbeats/node-7", "changed")
	third := listInside(t, s, "heartbeats/")
	if reads.Load() != 1 || third["heartbeats/node-7"] == first["heartbeats/node-7"] {
		t.Errorf("after one change List reads %d files", reads.Load())
	}
}

// TestEditThatKeepsSizeAndTime: cp -p, rsync -t and some editors put the old time back.
func TestEditThatKeepsSizeAndTime(t *testing.T) {
	s, c, _ := watched(t)
	etag := putInside(t, s, "k", "old!")
	for range 2 {
		getInside(t, s, "k")
		c.advance(settleTime)
	}
	path := filepath.Join(s.dir, "k")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // until the file system's clock has ticked
		if err := os.WriteFile(path, []byte("new!"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if stampOf(after) != stampOf(before) {
			break
		}
		if time.Now().After(deadline) {
			t.Skip("this system tells no time of change")
		}
	}
	if got := listInside(t, s, "")["k"]; got == etag {
		t.Error("List gives the ETag of the old content")
	}
	if got, now := getInside(t, s, "k"); got != "new!" || now == etag {
		t.Errorf("Get gives %q", got)
	}
	if _, err := state.Write(t.Context(), s, "k", nil, state.Condition{IfMatch: etag}); state.CodeOf(err) != state.Stale {
		t.Errorf("Put over the old ETag: %v, want code stale", err)
	}
}

func TestLargeBody(t *testing.T) {
	old, edited := bytes.Repeat([]byte("o"), 3*inMemory), bytes.Repeat([]byte("e"), 3*inMemory)
	for _, c := range []struct {
		name   string
		change func(t *testing.T, s *Store, path string)
		fails  bool
	}{
		{"untouched", func(*testing.T, *Store, string) {}, false},
		{"replaced", func(t *testing.T, s *Store, _ string) { putInside(t, s, "k", string(edited)) }, false},
		{"deleted", func(t *testing.T, s *Store, _ string) { s.Delete(t.Context(), "k", "") }, false},
		{"overwritten in place", func(t *testing.T, _ *Store, path string) { os.WriteFile(path, edited, 0o600) }, true},
		{"cut short", func(t *testing.T, _ *Store, path string) { os.Truncate(path, inMemory) }, true},
		{"appended to", func(t *testing.T, _ *Store, path string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				f.Write(edited)
				f.Close()
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openInside(t, t.TempDir())
			putInside(t, s, "k", string(old))
			o, err := s.Get(t.Context(), "k", "")
			if err != nil {
				t.Fatal(err)
			}
			defer o.Body.Close()
			head := make([]byte, 10)
			if _, err := io.ReadFull(o.Body, head); err != nil {
				t.Fatal(err)
			}
			c.change(t, s, filepath.Join(s.dir, "k"))
			rest, err := io.ReadAll(o.Body)
			if c.fails && state.CodeOf(err) != state.Unavailable {
				t.Errorf("the body ends with %v, want code unavailable", err)
			}
			if !c.fails && (err != nil || !bytes.Equal(append(head, rest...), old)) {
				t.Errorf("the body is %d bytes, %v; want the revision that was opened", len(head)+len(rest), err)
			}
		})
	}
}
