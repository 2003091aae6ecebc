package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// newLog makes a Log of node n that says nothing.
func newLog(dir string, store state.Store) *Log {
	return New(Options{
		Writer: "n", Node: "n", Dir: dir, Store: store, Replace: replaceFile, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
	})
}

func replaceFile(path string, data []byte) error { return os.WriteFile(path, data, 0o600) }

const exited = "instance.exit"

// stored gives the events in a bucket in the order of the keys, and how many documents there are.
func stored(t interface {
	Helper()
	Fatal(...any)
}, store state.Store) (all []state.Event, documents int) {
	t.Helper()
	for e, err := range store.List(context.Background(), "events/") {
		if err != nil {
			t.Fatal(err)
		}
		documents++
		data, _, err := state.Read(context.Background(), store, e.Key, "", state.MaxDocument)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			one, err := state.Decode[state.Event]("", []byte(line))
			if err != nil {
				t.Fatal(e.Key, err)
			}
			all = append(all, *one)
		}
	}
	return all, documents
}

func messages(all []state.Event) []string {
	var m []string
	for _, e := range all {
		m = append(m, e.Message)
	}
	return m
}

// numbered adds events that differ in their instances, so that none is folded.
func numbered(l *Log, from, to int) {
	for n := from; n < to; n++ {
		l.Add(state.Event{Kind: "instance.start", App: "a", Instance: state.InstanceID("n", "a", n), Message: fmt.Sprint(n)})
	}
}

func TestSpoolOutlivesTheWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	l := newLog(dir, nil)
	l.load()
	numbered(l, 0, 3)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}
	numbered(l, 3, 5)
	if err := l.save(); err != nil {
		t.Fatal(err)
	}

	store := memstore.New()
	next := newLog(dir, store)
	numbered(next, 5, 6) // before what was kept is read
	next.load()
	numbered(next, 6, 7)
	if got := fmt.Sprint(messages(next.Recent(100))); got != "[6 5 4 3 2 1 0]" {
		t.Errorf("recent: %s", got)
	}
	if err := next.sendBatch(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, documents := stored(t, store)
	if got := fmt.Sprint(messages(all)); got != "[0 1 2 3 4 5 6]" || documents != 1 {
		t.Errorf("in the bucket: %s in %d documents", got, documents)
	}
	if err := next.save(); err != nil {
		t.Fatal(err)
	}
	last := newLog(dir, store)
	last.load()
	if last.waiting() {
		t.Error("what was sent is to be sent again")
	}
	if got := fmt.Sprint(messages(last.Recent(2))); got != "[6 5]" {
		t.Errorf("recent after all was sent: %s", got)
	}
}

// A write whose answer was lost is found again, by the same agent and by a later one that knows of more events.
func TestBatchIsNotDoubled(t *testing.T) {
	for _, died := range []bool{false, true} {
		t.Run(fmt.Sprintf("died=%v", died), func(t *testing.T) {
			dir, store := t.TempDir(), memstore.New()
			l := newLog(dir, store)
			l.load()
			numbered(l, 0, 3)
			if err := l.save(); err != nil {
				t.Fatal(err)
			}
			store.Fail(func(op, _ string) error {
				if op == "put-applied" {
					return errors.New("connection reset")
				}
				return nil
			})
			if err := l.sendBatch(t.Context()); state.CodeOf(err) != state.Unavailable {
				t.Fatal(err)
			}
			store.Fail(nil)
			if died {
				l = newLog(dir, store)
				l.load()
			}
			numbered(l, 3, 5)
			for l.waiting() {
				if err := l.sendBatch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			all, documents := stored(t, store)
			if got := fmt.Sprint(messages(all)); got != "[0 1 2 3 4]" || documents != 2 {
				t.Errorf("in the bucket: %s in %d documents", got, documents)
			}
		})
	}
}

func TestKeysAndMembers(t *testing.T) {
	store := memstore.New()
	l := newLog("", store)
	l.load()
	l.Add(state.Event{Kind: "instance.exit", App: "a", Instance: "n/a.0", Message: "exit code 1"})
	if err := l.sendBatch(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, _ := stored(t, store)
	e := all[0]
	key := state.EventKey(e.At, "n", e.ID)
	if _, _, err := state.Read(t.Context(), store, key, "", state.MaxDocument); err != nil {
		t.Errorf("no document at %s: %v", key, err)
	}
	if e.Writer != "n" || e.Node != "n" || e.App != "a" || e.Instance != "n/a.0" || e.Kind != "instance.exit" || e.Count != 0 {
		t.Errorf("event %+v", e)
	}
}

func TestTooMany(t *testing.T) {
	dir, store := t.TempDir(), memstore.New()
	l := newLog(dir, store)
	l.load()
	const many = 14_000
	for n := 0; n < many; n += 1000 {
		numbered(l, n, n+1000)
		if err := l.save(); err != nil {
			t.Fatal(err)
		}
	}
	l = newLog(dir, store)
	l.load()
	numbered(l, many, many+1)
	for l.waiting() {
		if err := l.sendBatch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, documents := stored(t, store)
	kept, lost, marks := 0, 0, 0
	for _, e := range all {
		if e.Kind == Lost {
			lost, marks = lost+e.Count, marks+1
		} else {
			kept++
		}
	}
	if kept+lost != many+1 || marks != 1 {
		t.Errorf("%d events and %d that were lost, told by %d, of %d", kept, lost, marks, many+1)
	}
	if kept > maxEvents || kept < maxEvents*8/10 || documents > kept/batchEvents+2 {
		t.Errorf("%d events kept, sent in %d documents", kept, documents)
	}
	if all[0].Message != "0" || all[len(all)-1].Message != fmt.Sprint(many) {
		t.Errorf("from %s to %s: the first and the latest ones must be there", all[0].Message, all[len(all)-1].Message)
	}
}

func TestLongMessagesAreBounded(t *testing.T) {
	l := newLog("", memstore.New())
	l.load()
	for n := range 1200 {
		l.Add(state.Event{Kind: "k", Instance: fmt.Sprint(n), Message: strings.Repeat("ä", 100_000)})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absorb()
	if l.queue.bytes > maxBytes+maxBytes/10 {
		t.Errorf("%d bytes wait", l.queue.bytes)
	}
	size := 0
	for _, e := range l.queue.batch() {
		size += len(e.line)
	}
	if size > batchBytes+2*maxMessage || size < batchBytes/2 {
		t.Errorf("a batch of %d bytes", size)
	}
}
