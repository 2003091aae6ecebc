package state_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
	"stathub/state"
	"stathub/state/dirstore"
	"stathub/state/memstore"
)

func TestCheckKey(t *testing.T) {
	for _, c := range []struct {
		name, key string
		ok        bool
	}{
		{"document", "apps/web.json", true},
		{"one segment", "a", true},
		{"odd but fine", `a b/%2F#?+&'"/..x/.y/编排`, true},
		{"900 bytes", strings.Repeat("a/", 449) + "aa", true},
		{"255 bytes", strings.Repeat("a", 255), true},
		{"empty", "", false},
		{"901 bytes", strings.Repeat("a/", 450) + "a", false},
		{"256 bytes", strings.Repeat("a", 256), false},
		{"absolute", "/a", false},
		{"ends in a slash", "a/", false},
		{"double slash", "a//b", false},
		{"dot", "a/./b", false},
		{"dots", "..", false},
		{"backslash", `a\b`, false},
		{"tab", "a\tb", false},
		{"NUL", "a\x00", false},
		{"DEL", "\x7f", false},
		{"not UTF-8", "\xc3", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := state.CheckKey(c.key)
			if c.ok && err != nil || !c.ok && state.CodeOf(err) != state.Invalid {
				t.Errorf("CheckKey(%q) = %v, want accepted: %v", c.key, err, c.ok)
			}
		})
	}
}

// TestKeysStayBelow: whatever CheckKey accepts is a path that stays in its directory and has one spelling.
func TestKeysStayBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringOfN(rapid.SampledFrom([]rune("a./\\ \x00é")), 0, 12, -1).Draw(t, "key")
		if state.CheckKey(key) != nil {
			return
		}
		if !filepath.IsLocal(key) || filepath.ToSlash(filepath.Clean(key)) != key || !utf8.ValidString(key) {
			t.Fatalf("CheckKey accepts %q", key)
		}
	})
}

func FuzzCheckKey(f *testing.F) {
	f.Add("apps/web.json")
	f.Add("../x")
	f.Fuzz(func(t *testing.T, key string) {
		err := state.CheckKey(key)
		if err != nil && state.CodeOf(err) != state.Invalid {
			t.Errorf("%v has code %q", err, state.CodeOf(err))
		}
		if err == nil && os.PathSeparator == '/' && !filepath.IsLocal(key) {
			t.Errorf("CheckKey accepts %q", key)
		}
	})
}

func TestOpenUnknown(t *testing.T) {
	for _, raw := range []string{"", "nowhere", "ftp://host/x", "://", "s3://user:secret@x\x00"} {
		_, err := state.Open(t.Context(), raw)
		if state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), "mem://") {
			t.Errorf("Open(%q) = %v, want code invalid and the schemes that there are", raw, err)
		}
	}
	for _, raw := range []string{"ftp://user:secret@host/x", "s3://user:secret%@host/x", "ftp://user:secret@host/\x00"} {
		if _, err := state.Open(t.Context(), raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// broken is a store that does one thing wrong.
type broken struct {
	state.Store
	put func(s state.Store, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error)
	get func(s state.Store, key string) (*state.Object, error)
}

func (b broken) Put(ctx context.Context, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error) {
	if b.put == nil {
		return b.Store.Put(ctx, key, body, c)
	}
	return b.put(b.Store, key, body, c)
}

func (b broken) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	if b.get == nil {
		return b.Store.Get(ctx, key, etag)
	}
	return b.get(b.Store, key)
}

type putter = func(state.Store, string, io.ReadSeeker, state.Condition) (state.ETag, error)

func TestProbe(t *testing.T) {
	ctx := t.Context()
	ignoring := func(edit func(c *state.Condition)) putter {
		return func(s state.Store, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error) {
			edit(&c)
			return s.Put(ctx, key, body, c)
		}
	}
	failing := func(code state.Code) putter {
		return func(state.Store, string, io.ReadSeeker, state.Condition) (state.ETag, error) {
			return "", state.Errorf(code, "", "no")
		}
	}
	for _, c := range []struct {
		name string
		as   broken
		code state.Code
		says string
	}{
		{"honest", broken{}, "", ""},
		{"ignores IfMatch", broken{put: ignoring(func(c *state.Condition) { c.IfMatch = "" })}, state.Unsupported, "If-Match"},
		{"ignores IfAbsent", broken{put: ignoring(func(c *state.Condition) { c.IfAbsent = false })}, state.Unsupported, "If-None-Match: *"},
		{"ignores both", broken{put: ignoring(func(c *state.Condition) { *c = state.Condition{} })}, state.Unsupported, "--state.unsafe"},
		{"ignores IfNoneMatch", broken{get: func(s state.Store, key string) (*state.Object, error) { return s.Get(ctx, key, "") }},
			state.Unsupported, "on reads"},
		{"one ETag for all", broken{put: func(s state.Store, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error) {
			c.IfMatch = ""
			_, err := s.Put(ctx, key, body, c)
			return "same", err
		}}, state.Unsupported, "ETags"},
		{"may not be written", broken{put: failing(state.Denied)}, state.Denied, "create"},
		{"out of reach", broken{put: failing(state.Unavailable)}, state.Unavailable, "create"},
	} {
		for kind, s := range map[string]state.Store{"memory": memstore.New(), "directory": openDir(t)} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				c.as.Store = s
				err := state.Probe(ctx, c.as)
				if state.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("Probe: %v, want code %q and %q in it", err, c.code, c.says)
				}
				for e := range s.List(ctx, "") {
					t.Errorf("Probe left %q behind", e.Key)
				}
			})
		}
	}
}

func openDir(t *testing.T) state.Store {
	s, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestProbeAgainstOutage: a store that goes away in the middle is not called unfit.
func TestProbeAgainstOutage(t *testing.T) {
	for after := 1; after <= 5; after++ {
		s, n := memstore.New(), 0
		s.Fail(func(op, _ string) error {
			if n++; (op == "put" || op == "get") && n >= 2*after {
				return errors.New("gone")
			}
			return nil
		})
		if err := state.Probe(t.Context(), s); err != nil && state.CodeOf(err) != state.Unavailable {
			t.Errorf("gone at request %d: %v, want code unavailable", n, err)
		}
	}
}

func TestRead(t *testing.T) {
	s := memstore.New()
	etag, err := state.Write(t.Context(), s, "k", []byte("12345"), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, key string
		ifNone    state.ETag
		limit     int64
		want      string
		code      state.Code
	}{
		{"whole", "k", "", 100, "12345", ""},
		{"just fits", "k", "", 5, "12345", ""},
		{"too large", "k", "", 4, "", state.TooLarge},
		{"unchanged", "k", etag, 100, "", state.NotModified},
		{"missing", "none", "", 100, "", state.NotFound},
		{"bad key", "../k", "", 100, "", state.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, e, err := state.Read(t.Context(), s, c.key, c.ifNone, c.limit)
			if string(data) != c.want || state.CodeOf(err) != c.code {
				t.Errorf("Read = %q, %v; want %q, code %q", data, err, c.want, c.code)
			}
			if wantEntry := c.code == "" || c.code == state.TooLarge; wantEntry != (e.ETag == etag) {
				t.Errorf("Read gives the entry %+v", e)
			}
		})
	}
}

// lying gives bodies that are not what their entries say.
type lying struct {
	state.Store
	body io.Reader
}

func (l lying) Get(context.Context, string, state.ETag) (*state.Object, error) {
	return &state.Object{Entry: state.Entry{ETag: "x", Size: 1}, Body: io.NopCloser(l.body)}, nil
}

func TestReadOfALyingStore(t *testing.T) {
	_, _, err := state.Read(t.Context(), lying{body: strings.NewReader("longer than said")}, "k", "", 5)
	if state.CodeOf(err) != state.TooLarge {
		t.Errorf("a body past its size: %v, want code too-large", err)
	}
	cut := io.MultiReader(strings.NewReader("x"), errReader{io.ErrUnexpectedEOF})
	_, _, err = state.Read(t.Context(), lying{body: cut}, "k", "", 5)
	if state.CodeOf(err) != state.Unavailable || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v, want code unavailable", err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func appendX(old []byte) ([]byte, error) { return append(old, 'x'), nil }

func TestUpdate(t *testing.T) {
	s := memstore.New()
	for _, want := range []string{"x", "xx", "xxx"} {
		data, etag, err := state.Update(t.Context(), s, "k", appendX)
		got, e, _ := state.Read(t.Context(), s, "k", "", 100)
		if err != nil || string(data) != want || string(got) != want || e.ETag != etag {
			t.Fatalf("Update = %q, %q, %v; the store has %q, %q", data, etag, err, got, e.ETag)
		}
	}
	puts := s.Counts()["put"]
	data, etag, err := state.Update(t.Context(), s, "k", func([]byte) ([]byte, error) { return nil, state.ErrNoChange })
	if err != nil || string(data) != "xxx" || etag == "" || s.Counts()["put"] != puts {
		t.Errorf("Update without a change = %q, %q, %v and %d writes", data, etag, err, s.Counts()["put"]-puts)
	}
	mine := errors.New("mine")
	if _, _, err := state.Update(t.Context(), s, "k", func([]byte) ([]byte, error) { return nil, mine }); err != mine {
		t.Errorf("an error of edit comes back as %v", err)
	}
}

// TestUpdateReconsiders: edit sees what the other writer left, whichever way it got in between.
func TestUpdateReconsiders(t *testing.T) {
	for _, c := range []struct {
		name, before, want string
		other              func(s *memstore.Store) error
	}{
		{"created meanwhile", "", "ax", func(s *memstore.Store) error { return overwrite(s, "a") }},
		{"changed meanwhile", "b", "ax", func(s *memstore.Store) error { return overwrite(s, "a") }},
		{"deleted meanwhile", "b", "x", func(s *memstore.Store) error { return s.Delete(context.Background(), "k", "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memstore.New()
			if c.before != "" {
				if err := overwrite(s, c.before); err != nil {
					t.Fatal(err)
				}
			}
			done := false
			s.Fail(func(op, _ string) error {
				if op != "put" || done {
					return nil
				}
				done = true
				return c.other(s)
			})
			if data, _, err := state.Update(t.Context(), s, "k", appendX); err != nil || string(data) != c.want {
				t.Errorf("Update = %q, %v; want %q", data, err, c.want)
			}
		})
	}
}

func overwrite(s state.Store, text string) error {
	_, err := state.Write(context.Background(), s, "k", []byte(text), state.Condition{})
	return err
}

// TestUpdateGivesUpOnOutage: an unreachable document is not a missing one, and an error is not hidden by trying again.
func TestUpdateGivesUpOnOutage(t *testing.T) {
	for _, op := range []string{"get", "put", "put-applied"} {
		s, n := memstore.New(), 0
		s.Fail(func(now, _ string) error {
			if now != op {
				return nil
			}
			n++
			return errors.New("gone")
		})
		_, _, err := state.Update(t.Context(), s, "k", appendX)
		if state.CodeOf(err) != state.Unavailable || n != 1 {
			t.Errorf("%s fails: %v after %d tries, want code unavailable after one", op, err, n)
		}
	}
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		s.Fail(func(op, key string) error {
			if op == "put" {
				return state.Errorf(state.Stale, key, "another one wins every time")
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err := state.Update(ctx, s, "k", appendX)
		if state.CodeOf(err) != state.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Update: %v, want code unavailable at the deadline", err)
		}
		if n := s.Counts()["put"]; n < 200 || n > 5000 { // at most 250 ms apart, not in a tight loop
			t.Errorf("%d tries in a minute", n)
		}
	})
}

func TestUpdateLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := memstore.New()
		writers, each := rapid.IntRange(1, 6).Draw(t, "writers"), rapid.IntRange(1, 20).Draw(t, "each")
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if _, _, err := state.Update(context.Background(), s, "k", appendX); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		data, _, _ := state.Read(context.Background(), s, "k", "", state.MaxDocument)
		if len(data) != writers*each {
			t.Fatalf("%s updates left, want %d", strconv.Itoa(len(data)), writers*each)
		}
	})
}
