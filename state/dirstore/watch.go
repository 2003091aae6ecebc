package dirstore

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// maxNotified bounds the watches of a store that have hints. Linux gives a user 128 inotify instances, for all programs
// together; and clients of a gateway ask for as many watches as they like.
const maxNotified = 32

// Watch is state.Store's. Hints come from the operating system and only for changes made on this machine; where it
// cannot give any (limits of inotify, network file systems), and past maxNotified watches at one time, none come, and the
// channel just closes in the end.
func (s *Store) Watch(ctx context.Context, prefix string) <-chan struct{} {
	hints := make(chan struct{}, 1)
	w := &watch{prefix: prefix, hints: hints}
	dir, err := filepath.EvalSymlinks(s.dir) // walking does not follow a link
	if err == nil && s.notified(w) {
		w.dir = dir
		w.cover(dir) // before Watch returns: what changes from now on is seen
	}
	s.works.Go(func() {
		defer close(hints)
		if w.notify != nil {
			defer func() { <-s.places }()
		}
		w.run(ctx, s.ctx)
	})
	return hints
}

// notified gets a watch the hints of the operating system, if there are any left.
func (s *Store) notified(w *watch) bool {
	select {
	case s.places <- struct{}{}:
	default:
		return false
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		<-s.places
		return false
	}
	w.notify = notify
	return true
}

// watch follows the folders that a prefix reaches: those on the way to it, so that it may come into being, and all below.
type watch struct {
	dir, prefix string
	notify      *fsnotify.Watcher // nil where there is none
	hints       chan<- struct{}
}

func (w *watch) run(ctx, closed context.Context) {
	if w.notify == nil {
		select {
		case <-ctx.Done():
		case <-closed.Done():
		}
		return
	}
	defer w.notify.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-closed.Done():
			return
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			w.event(e)
		case _, ok := <-w.notify.Errors: // events were lost, as when too many came at once
			if !ok {
				return
			}
			w.cover(w.dir)
			w.hint()
		}
	}
}

func (w *watch) event(e fsnotify.Event) {
	if e.Op == fsnotify.Chmod || ownName(filepath.Base(e.Name)) {
		return
	}
	if e.Has(fsnotify.Create) && w.reaches(e.Name) {
		w.cover(e.Name)
	}
	if key := w.key(e.Name); strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key+"/") {
		w.hint() // the second: a folder on the way came or went, with all that it holds
	}
}

func (w *watch) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// cover watches a folder and those below it, as far as the prefix reaches them. What is in a new folder before it is
// watched is covered by the hint for the folder itself.
func (w *watch) cover(path string) {
	_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if path != w.dir && !w.reaches(path) {
			return filepath.SkipDir
		}
		if w.notify.Add(path) != nil {
			return filepath.SkipAll // a limit is reached: the rest goes without hints
		}
		return nil
	})
}

// reaches: the folder lies on the way to the prefix, or may hold keys that start with it.
func (w *watch) reaches(path string) bool {
	folder := w.key(path) + "/"
	return strings.HasPrefix(folder, w.prefix) || strings.HasPrefix(w.prefix, folder)
}

func (w *watch) key(path string) string {
	rel, err := filepath.Rel(w.dir, path)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}
