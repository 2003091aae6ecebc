package hub_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state/blobstore/internal/hub"
)

// server is what a hub listens to, in a bubble.
type server struct {
	connections atomic.Int32
	answer      error         // of each connection that ends by itself; nil: it holds
	after       time.Duration // how long connections hold when answer is set
	refuses     bool          // connections never come about
	lingers     time.Duration // how long a connection that is given up takes to end
	prefix      string        // of the last connection
	changed     func(string)
}

func (s *server) listen(ctx context.Context, prefix string, connected func(), changed func(string)) error {
	s.connections.Add(1)
	s.prefix, s.changed = prefix, changed
	if s.refuses {
		return s.answer
	}
	connected()
	if s.answer == nil {
		<-ctx.Done()
		time.Sleep(s.lingers)
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
	case <-time.After(s.after):
	}
	return s.answer
}

func settle() { time.Sleep(time.Second); synctest.Wait() }

func hinted(ch <-chan struct{}) bool {
	synctest.Wait()
	select {
	case _, open := <-ch:
		return open
	default:
		return false
	}
}

func TestOneConnectionForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s server
		h := hub.New(s.listen)
		defer h.Close()
		ctx, cancel := context.WithCancel(t.Context())
		one := h.Watch(ctx, "manifests/n1.json")
		settle()
		if s.prefix != "manifests/n1.json" || !h.Live() || !hinted(one) {
			t.Errorf("listens to %q, live %v", s.prefix, h.Live())
		}
		all, apps := h.Watch(ctx, "manifests/"), h.Watch(ctx, "apps/")
		if h.Live() {
			t.Error("live, though the connection does not cover a new watch")
		}
		settle()
		if s.prefix != "" || s.connections.Load() != 2 || !h.Live() {
			t.Errorf("listens to %q at connection %d, live %v", s.prefix, s.connections.Load(), h.Live())
		}
		for name, ch := range map[string]<-chan struct{}{"the node's": one, "the folder's": all, "the apps'": apps} {
			if !hinted(ch) {
				t.Errorf("no hint at %s watch after the new connection", name)
			}
		}
		s.changed("manifests/n2.json")
		if hinted(one) || !hinted(all) || hinted(apps) {
			t.Error("a change hints those who watch it, and nobody else")
		}
		for range 10 { // nobody listens: they are merged
			s.changed("manifests/n1.json")
		}
		if !hinted(one) || hinted(one) {
			t.Error("hints are merged")
		}
		h.Watch(ctx, "nodes/")
		settle()
		if s.connections.Load() != 2 {
			t.Error("a watch that the connection covers made another one")
		}
		cancel()
		settle()
		if _, open := <-one; open || h.Live() {
			t.Errorf("open after the end: %v, live %v", open, h.Live())
		}
	})
}

func TestConnectsAgain(t *testing.T) {
	for name, c := range map[string]struct {
		server      *server
		least, most int32 // connections in an hour
	}{
		"a connection that breaks each minute":  {&server{answer: errors.New("broken"), after: time.Minute}, 50, 61},
		"one that breaks at once":               {&server{answer: errors.New("broken")}, 2400, 7200},
		"a server that is away":                 {&server{answer: errors.New("away"), refuses: true}, 12, 40},
		"a server without notifications":        {&server{answer: hub.ErrUnsupported, refuses: true}, 1, 2},
		"a connection that holds for the while": {&server{}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.server
				h := hub.New(s.listen)
				defer h.Close()
				hints, n := h.Watch(t.Context(), "apps/"), int32(0)
				go func() {
					for range hints {
						n++
					}
				}()
				time.Sleep(time.Hour)
				synctest.Wait()
				got := s.connections.Load()
				if got < c.least || got > c.most {
					t.Errorf("%d connections in an hour, want %d to %d", got, c.least, c.most)
				}
				if want := got; !s.refuses && n != want || s.refuses && n != 0 {
					t.Errorf("%d hints of %d connections", n, got)
				}
			})
		})
	}
}

// A watch that begins while the connection of the one before still ends is told of everything.
func TestWatchAfterTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server{lingers: 5 * time.Second}
		h := hub.New(s.listen)
		defer h.Close()
		ctx, cancel := context.WithCancel(t.Context())
		h.Watch(ctx, "manifests/n1.json")
		settle()
		cancel()
		synctest.Wait()
		h.Watch(t.Context(), "manifests/n1.json")
		two := h.Watch(t.Context(), "reports/")
		time.Sleep(s.lingers)
		settle()
		if !h.Live() || s.prefix != "" {
			t.Errorf("live: %v, listening to %q", h.Live(), s.prefix)
		}
		hinted(two) // of the connection
		if s.changed("reports/n1.json"); !hinted(two) {
			t.Error("no hint")
		}
	})
}

func TestCloseEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s server
		h := hub.New(s.listen)
		hints := h.Watch(t.Context(), "apps/")
		settle()
		h.Close()
		for range hints { // ends
		}
		if _, open := <-h.Watch(t.Context(), "apps/"); open {
			t.Error("a closed hub watches")
		}
	})
}
