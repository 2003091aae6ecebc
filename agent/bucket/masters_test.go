package bucket

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

// gateway is a master in front of a bucket, which may be away, or take requests and say nothing.
type gateway struct {
	state.Store
	away   atomic.Bool
	silent atomic.Bool
	eats   atomic.Bool // writes are done, and their answers lost
	beats  atomic.Int64
	asked  atomic.Int64
}

var errAway = errors.New("connection refused")

func (g *gateway) CanWait() bool { return true }

func (g *gateway) reach(ctx context.Context, key string) error {
	g.asked.Add(1)
	if g.away.Load() {
		return state.Errorf(state.Unavailable, key, "%w", errAway)
	}
	if g.silent.Load() {
		<-ctx.Done()
		return state.Errorf(state.Unavailable, key, "%w", context.Cause(ctx))
	}
	return nil
}

func (g *gateway) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	if err := g.reach(ctx, key); err != nil {
		return nil, err
	}
	o, err := g.Store.Get(ctx, key, etag)
	if wait := state.WaitOf(ctx); wait > 0 && state.CodeOf(err) == state.NotModified {
		timed, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		hints := g.Store.Watch(timed, key)
		for timed.Err() == nil && state.CodeOf(err) == state.NotModified {
			select {
			case <-hints:
			case <-timed.Done():
			case <-time.After(time.Second):
			}
			if err := g.reach(ctx, key); err != nil {
				return nil, err
			}
			o, err = g.Store.Get(ctx, key, etag)
		}
	}
	return o, err
}

func (g *gateway) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := g.reach(ctx, key); err != nil {
		return "", err
	}
	if strings.HasPrefix(key, "heartbeats/") {
		g.beats.Add(1)
		return "beat", nil
	}
	etag, err := g.Store.Put(ctx, key, content, cond)
	if g.eats.Load() && err == nil {
		return "", state.Errorf(state.Unavailable, key, "connection reset")
	}
	return etag, err
}

func pair(t *testing.T) (all *memstore.Store, a, b *gateway, m *Masters) {
	all = memstore.New()
	a, b = &gateway{Store: all}, &gateway{Store: all}
	m = NewMasters([]state.Store{a, b}, func() float64 { return 0.5 })
	t.Cleanup(func() { _ = m.Close() })
	return all, a, b, m
}

func TestMastersAreAStore(t *testing.T) {
	storetest.RunWith(t, func(*testing.T) state.Store {
		all := memstore.New()
		return NewMasters([]state.Store{all, all}, nil)
	}, storetest.Options{Hints: true, Increments: 50})
}

func write(t *testing.T, s state.Store, key, text string) state.ETag {
	t.Helper()
	etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func read(t *testing.T, s state.Store, key string) string {
	t.Helper()
	data, _, err := state.Read(t.Context(), s, key, "", state.MaxDocument)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestMastersGoOnWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, a, b, m := pair(t)
		write(t, all, "artifacts/x", "1")
		read(t, m, "artifacts/x")
		if a.asked.Load() != 1 || b.asked.Load() != 0 {
			t.Errorf("asked %d and %d times", a.asked.Load(), b.asked.Load())
		}
		a.away.Store(true)
		if got := read(t, m, "artifacts/x"); got != "1" {
			t.Errorf("got %q", got)
		}
		a.away.Store(false)
		for range 5 {
			read(t, m, "artifacts/x")
		}
		if a.asked.Load() != 2 || b.asked.Load() != 6 { // it stays with the one that answers
			t.Errorf("asked %d and %d times", a.asked.Load(), b.asked.Load())
		}
		b.away.Store(true)
		a.away.Store(true)
		if _, err := m.Get(t.Context(), "artifacts/x", ""); state.CodeOf(err) != state.Unavailable || !errors.Is(err, errAway) {
			t.Errorf("with no master: %v", err)
		}
		b.away.Store(false)
		read(t, m, "artifacts/x")
		if !m.CanWait() {
			t.Error("it does not wait")
		}
	})
}

// A held answer of a master that fell silent is asked of the other one as soon as something else found that out.
func TestMastersLeaveASilentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, a, _, m := pair(t)
		etag := write(t, all, "manifests/n.json", "1")
		type answer struct {
			text string
			at   time.Duration
		}
		began, got := time.Now(), make(chan answer)
		go func() {
			data, _, _ := state.Read(state.WithWait(t.Context(), 30*time.Second), m, "manifests/n.json", etag, state.MaxDocument)
			got <- answer{string(data), time.Since(began)}
		}()
		synctest.Wait()
		a.silent.Store(true)
		beat, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := state.Write(beat, m, "reports/n.json", []byte("x"), state.Condition{})
		if err != nil {
			t.Errorf("no time was left for the other one: %v", err)
		}
		write(t, all, "manifests/n.json", "2")
		if a := <-got; a.text != "2" || a.at > 10*time.Second {
			t.Errorf("%q after %v", a.text, a.at)
		}
	})
}

// What a master wrote whose answer was lost is not taken for the write of somebody else.
func TestMastersLeaveLostAnswersOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, a, _, m := pair(t)
		a.eats.Store(true)
		_, err := state.Write(t.Context(), m, "events/2026-01-01/n/x.jsonl", []byte("x"), state.Condition{IfAbsent: true})
		if state.CodeOf(err) != state.Unavailable {
			t.Errorf("a lost answer: %v", err)
		}
		if got := read(t, all, "events/2026-01-01/n/x.jsonl"); got != "x" {
			t.Errorf("written %q", got)
		}
		_, err = state.Write(t.Context(), m, "events/2026-01-01/n/x.jsonl", []byte("x"), state.Condition{IfAbsent: true})
		if state.CodeOf(err) != state.Exists {
			t.Errorf("once more: %v", err)
		}
		_, err = state.Write(t.Context(), m, "reports/n.json", []byte("whole"), state.Condition{}) // from its beginning
		if got := read(t, all, "reports/n.json"); err != nil || got != "whole" {
			t.Errorf("written %q, %v", got, err)
		}
	})
}

func TestMastersWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, a, _, m := pair(t)
		hints := m.Watch(t.Context(), "manifests/")
		hinted := func() bool {
			synctest.Wait()
			select {
			case _, open := <-hints:
				return open
			default:
				return false
			}
		}
		write(t, all, "manifests/n.json", "1")
		if !hinted() {
			t.Error("no hint")
		}
		a.away.Store(true)
		read(t, m, "manifests/n.json")
		if !hinted() || hinted() {
			t.Error("not one hint when another master answers")
		}
		write(t, all, "manifests/n.json", "2")
		if !hinted() {
			t.Error("no hint from the other one")
		}
		_ = m.Close()
		for range hints { // it is closed
		}
	})
}
