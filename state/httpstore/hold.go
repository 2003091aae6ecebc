package httpstore

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"stathub/state"
)

// pollEvery is how often a held answer looks again where the store may give no hints.
const pollEvery = 2 * time.Second

// take gives a place among the held answers, if there is one; release gives it back.
func (g *gateway) take() bool {
	select {
	case g.held <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *gateway) release() { <-g.held }

// hold waits until the document differs from the ETag that the client has, or the time is up. When the server stops it is
// code Unavailable: the client is to ask another master, or later, and not at once.
func (g *gateway) hold(ctx context.Context, wait time.Duration, key string, etag state.ETag) (*state.Object, error) {
	timed, cancel := context.WithTimeout(ctx, wait-rand.N(wait/16)) // those who began together do not come back together
	defer cancel()
	hints := g.store.Watch(timed, key)
	var again <-chan time.Time
	if g.options.Hinted == nil || !g.options.Hinted(key) {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		again = ticker.C
	}
	for {
		// Looks before it waits: the document may have changed before the watch began.
		o, err := g.store.Get(ctx, key, etag)
		if state.CodeOf(err) != state.NotModified || timed.Err() != nil {
			return o, err
		}
		select {
		case <-timed.Done():
		case <-g.options.Stop:
			return nil, state.Errorf(state.Unavailable, key, "this master stops: ask another one, or try again later")
		case _, open := <-hints:
			if !open {
				hints = nil // the store gives none any more
			}
		case <-again:
		}
	}
}

// watch sends a line at each hint until the time is up or the server stops. The first line goes out once the watch is in
// place, so that the client knows from when on it sees every change.
func (g *gateway) watch(a *answer, r *http.Request, prefix string) error {
	if !g.take() {
		return state.Errorf(state.Unavailable, prefix, "%d answers are being held already: poll instead, and try again later", cap(g.held))
	}
	defer g.release()
	wait := waitIn(r.Header)
	if wait == 0 {
		wait = watchTime
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	hints := g.store.Watch(ctx, prefix)
	h := a.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would keep the lines to itself
	if !a.say("watching\n") {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.options.Stop:
			return nil
		case _, open := <-hints:
			if !open {
				hints = nil // a store without hints, or one that was closed
			} else if !a.say("changed\n") {
				return nil // the client went away
			}
		}
	}
}
