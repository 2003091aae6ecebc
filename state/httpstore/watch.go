package httpstore

import (
	"bufio"
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Watch is state.Store's: an answer of the gateway that goes on, with a line at each hint.
func (s *Store) Watch(ctx context.Context, prefix string) <-chan struct{} {
	w := &watcher{store: s, prefix: prefix, hints: make(chan struct{}, 1), began: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	s.works.Go(func() {
		defer close(w.hints)
		defer stop()
		defer cancel()
		w.run(ctx)
	})
	// "From now on" holds once the gateway watches; a gateway that is away holds nobody up for long.
	select {
	case <-w.began:
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return w.hints
}

type watcher struct {
	store  *Store
	prefix string
	hints  chan struct{}
	began  chan struct{} // closed when the gateway watches for the first time
}

func (w *watcher) run(ctx context.Context) {
	first := true
	began := func() {
		if first {
			close(w.began)
		} else {
			w.hint() // who knows what changed between the last answer and this one
		}
		first = false
	}
	for wait := retryFirst; ctx.Err() == nil; {
		from := time.Now()
		if err := w.once(ctx, began); err == nil && time.Since(from) > retryFirst {
			wait = retryFirst
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(spread(wait)):
		}
		wait = min(2*wait, retryMost)
	}
}

// once is one answer of the gateway. Its time is bounded here too: the gateway may vanish without a word.
func (w *watcher) once(ctx context.Context, began func()) error {
	ctx, cancel := context.WithTimeout(ctx, watchTime+answerTimeout)
	defer cancel()
	header := http.Header{"Prefer": {preferWait(spread(watchTime))}}
	resp, err := w.store.send(ctx, http.MethodGet, "?watch="+url.QueryEscape(w.prefix), w.prefix, header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if lines.Scan() {
		began()
	}
	for lines.Scan() {
		w.hint()
	}
	return lines.Err()
}

func (w *watcher) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// spread takes up to a quarter off a time, so that many clients that began together do not go on together.
func spread(d time.Duration) time.Duration { return d - rand.N(d/4) }
