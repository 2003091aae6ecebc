package mirror

import (
	"context"

	"stathub/state"
)

// watchers are those who wait for changes, by prefix. Whoever has them guards them.
type watchers map[string]map[chan struct{}]struct{}

func (w watchers) add(prefix string) chan struct{} {
	hints := make(chan struct{}, 1)
	if w[prefix] == nil {
		w[prefix] = map[chan struct{}]struct{}{}
	}
	w[prefix][hints] = struct{}{}
	return hints
}

// drop ends a watcher, once.
func (w watchers) drop(prefix string, hints chan struct{}) {
	if _, there := w[prefix][hints]; !there {
		return
	}
	delete(w[prefix], hints)
	if len(w[prefix]) == 0 {
		delete(w, prefix)
	}
	close(hints)
}

// hint tells all whose prefix the key has. Keys are short and watchers many, so it looks for each prefix of the key.
func (w watchers) hint(key string) {
	for end := range len(key) + 1 {
		for hints := range w[key[:end]] {
			select {
			case hints <- struct{}{}:
			default: // one is waiting: hints are merged
			}
		}
	}
}

func (w watchers) close() {
	for prefix, all := range w {
		for hints := range all {
			w.drop(prefix, hints)
		}
	}
}

// watch gives a channel of hints from w until ctx ends.
func (m *Mirror) watch(ctx context.Context, w watchers, prefix string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	hints := w.add(prefix)
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		w.drop(prefix, hints)
	})
	return hints
}

// Watch is state.Store's. Besides the hints of the store there is one at each report that comes in through the gateway.
func (m *Mirror) Watch(ctx context.Context, prefix string) <-chan struct{} {
	theirs := m.store.Watch(ctx, prefix)
	if prefix != state.KindReport.Prefix() {
		return theirs
	}
	ours := m.watch(ctx, m.watching, prefix)
	hints := make(chan struct{}, 1)
	m.works.Go(func() {
		defer close(hints)
		for theirs != nil || ours != nil {
			open := true
			select {
			case _, open = <-theirs:
				if !open {
					theirs = nil
				}
			case _, open = <-ours:
				if !open {
					ours = nil
				}
			}
			if !open {
				continue
			}
			select {
			case hints <- struct{}{}:
			default:
			}
		}
	})
	return hints
}
