package eventlog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state/memstore"
)

func TestSpoolFaults(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"torn last line": func(path string) error {
			st, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, st.Size()-5)
		},
		"garbage behind": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("\x00\x00{]garbage")
			return errorsOf(err, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := newLog(dir, nil)
			l.load()
			numbered(l, 0, 4)
			if err := l.save(); err != nil {
				t.Fatal(err)
			}
			if err := spoil(l.spool.path()); err != nil {
				t.Fatal(err)
			}
			l = newLog(dir, nil)
			l.load()
			numbered(l, 4, 5)
			if err := l.save(); err != nil {
				t.Fatal(err)
			}
			l = newLog(dir, nil)
			l.load()
			if got := fmt.Sprint(messages(l.Recent(4))); got != "[4 2 1 0]" && got != "[4 3 2 1]" {
				t.Errorf("kept: %s", got)
			}
		})
	}
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSpoolIsWiped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := newLog(dir, nil)
	l.load()
	numbered(l, 0, 3)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	numbered(l, 3, 4)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	l = newLog(dir, nil)
	l.load()
	if got := fmt.Sprint(messages(l.Recent(9))); got != "[3 2 1 0]" {
		t.Errorf("kept: %s", got)
	}
}

// A directory that cannot be written costs nothing but what a later agent would know.
func TestSpoolCannotBeWritten(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "events")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in its place
		t.Fatal(err)
	}
	store := memstore.New()
	l := newLog(dir, store)
	l.load()
	numbered(l, 0, 2)
	if err := l.save(); err == nil {
		t.Fatal("a file as the directory is no error")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	numbered(l, 2, 3)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(l.spool.path())
	if err != nil || bytes.Count(data, []byte{'\n'}) != 3 {
		t.Errorf("%v: %s", err, data)
	}
	if err := l.sendBatch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _ := stored(t, store); fmt.Sprint(messages(all)) != "[0 1 2]" {
		t.Errorf("in the bucket: %v", messages(all))
	}
}

func TestSpoolStaysSmall(t *testing.T) {
	dir, store := t.TempDir(), memstore.New()
	l := newLog(dir, store)
	l.load()
	for n := 0; n < 30_000; n += 200 {
		numbered(l, n, n+200)
		l.folds = folds{of: map[topic]*fold{}}
		if err := errorsOf(l.save(), l.sendBatch(t.Context()), l.save()); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Stat(l.spool.path())
	if err != nil || st.Size() > spoolMax {
		t.Errorf("%v, %d bytes", err, st.Size())
	}
	if all, _ := stored(t, store); len(all) != 30_000 {
		t.Errorf("%d events in the bucket", len(all))
	}
	if len(l.queue.entries) > 2*keepRecent+batchEvents {
		t.Errorf("%d entries in memory", len(l.queue.entries))
	}
}

// Whatever fails in whatever order: no event is in the bucket twice, all are there in order, and only those are missing
// that never reached the disk of an agent that was killed.
func TestNothingIsLostOrDoubled(t *testing.T) {
	parent := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir, store := filepath.Join(parent, fmt.Sprint(runs)), memstore.New()
		l := newLog(dir, store)
		l.load()
		next, safe := 0, 0 // events so far, and those of them that must not be lost
		mayMiss := map[string]bool{}
		ctx := t.Context()
		fault := ""
		store.Fail(func(op, _ string) error {
			if op == fault {
				return fmt.Errorf("broken: %s", op)
			}
			return nil
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n := rapid.SampledFrom([]int{1, 2, 3, 5, 8, batchEvents + 10}).Draw(t, "n")
				numbered(l, next, next+n)
				next += n
			},
			"save": func(t *rapid.T) {
				if err := l.save(); err != nil {
					t.Fatal(err)
				}
				safe = next
			},
			"send": func(t *rapid.T) {
				fault = rapid.SampledFrom([]string{"", "", "get", "put", "put-applied"}).Draw(t, "fault")
				_ = l.sendBatch(ctx)
			},
			"kill": func(*rapid.T) {
				for n := safe; n < next; n++ {
					mayMiss[fmt.Sprint(n)] = true
				}
				safe = next
				for died := time.Now(); time.Since(died) < time.Millisecond; { // IDs of two agents differ in their time
				}
				l = newLog(dir, store)
				l.load()
			},
			"wipe": func(*rapid.T) {
				_ = os.RemoveAll(dir)
				if err := l.save(); err != nil || safe == next {
					l.spool.broken = true
					_ = l.save()
				}
				safe = next
			},
		})
		fault = ""
		for l.waiting() {
			if err := l.sendBatch(ctx); err != nil {
				t.Fatal(err)
			}
		}
		all, _ := stored(t, store)
		want, last := 0, ""
		for _, e := range all {
			if e.ID <= last {
				t.Fatalf("event %s comes after %s", e.ID, last)
			}
			last = e.ID
			for ; want < next && fmt.Sprint(want) != e.Message; want++ {
				if !mayMiss[fmt.Sprint(want)] {
					t.Fatalf("event %d is missing before %s", want, e.Message)
				}
			}
			want++
		}
		for ; want < next; want++ {
			if !mayMiss[fmt.Sprint(want)] {
				t.Fatalf("event %d is missing at the end", want)
			}
		}
	})
}

// Whatever the disk holds, a queue comes of it that can be written, read and sent.
func FuzzReplay(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(`{"id":"01KAF6X3C0ABCDEFGHJKMNPQRS","at":"2026-11-22T10:00:00Z","writer":"n","kind":"agent.start","message":"x"}` + "\n" + `{"sent":"01KAF6X3C0ABCDEFGHJKMNPQRS"}` + "\n"))
	f.Add([]byte(`{"id":"01KAF6X3C0ABCDEFGHJKMNPQRS","kind":"events.lost","count":-7}` + "\n{\"sent\":\"zz\"}\n\x00{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, whole := replay(data)
		last := ""
		for _, e := range q.entries {
			if e.id <= last {
				t.Fatalf("%s after %s", e.id, last)
			}
			last = e.id
		}
		again, ok := replay(append(sentLine(q.acked), join(q.entries)...))
		if !ok || again.unsent() != q.unsent() || len(again.entries) != len(q.entries) {
			t.Fatalf("written and read again: %d of %d to be sent, want %d of %d", again.unsent(), len(again.entries), q.unsent(), len(q.entries))
		}
		_ = whole
		_ = lastID(data)
		q.push("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", []byte("{}\n"))
		_ = q.batch()
	})
}
