package logs

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"stathub/state"
)

// poll is how often a followed file is looked at without a hint. Hints make it sooner, where the system has any left.
const poll = 250 * time.Millisecond

// Follow writes the last lines of the file at path to w, and then what is added to it, until ctx ends, which is no
// error, or w fails, whose error it returns. It waits for a file that is not there yet. A file that was emptied is read
// from its start, and so is one that took its name, after the rest of the old one. Each call is independent; it holds
// one block in memory, however long a line is. w gets what is new at once: flushing is its business.
func Follow(ctx context.Context, w io.Writer, path string, lines int) error {
	hints, stop := watch(path)
	defer stop()
	fl := &follower{w: w, path: path, lines: lines}
	defer fl.close()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := fl.advance(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case _, ok := <-hints:
			if !ok {
				hints = nil // polling goes on
			}
			drain(hints)
		}
	}
	return nil
}

// watch hints at changes in the file's folder. Without a hint to be had the channel is nil.
func watch(path string) (hints <-chan fsnotify.Event, stop func()) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, func() {}
	}
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		_ = watcher.Close() // it never watched anything
		return nil, func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range watcher.Errors { // overflows; polling covers them
		}
	}()
	return watcher.Events, func() {
		_ = watcher.Close() // nothing was written
		<-done
	}
}

// drain takes the hints that are waiting: one look at the file answers all of them.
func drain(hints <-chan fsnotify.Event) {
	for {
		select {
		case _, ok := <-hints:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// follower is one Follow under way.
type follower struct {
	w      io.Writer
	path   string
	lines  int // of the first file; -1 afterwards: files that come later are wanted whole
	file   *os.File
	offset int64
}

func (fl *follower) close() {
	if fl.file != nil {
		_ = fl.file.Close() // only read from
		fl.file = nil
	}
}

// advance sends all that there is now.
func (fl *follower) advance() error {
	for {
		if fl.file == nil {
			if opened, err := fl.open(); !opened || err != nil {
				return err
			}
		}
		if st, err := fl.file.Stat(); err == nil && st.Size() < fl.offset {
			fl.offset = 0
		}
		replaced := fl.replaced() // before the last look: what came into the old file until then is read
		offset, err := send(fl.w, fl.file, fl.offset, -1)
		fl.offset = offset
		var broken *writeError
		if errors.As(err, &broken) {
			return broken.err
		}
		if err != nil || !replaced {
			return err
		}
		fl.close()
	}
}

func (fl *follower) open() (bool, error) {
	f, err := open(fl.path)
	if state.CodeOf(err) == state.NotFound {
		fl.lines = -1
		return false, nil
	} else if err != nil {
		return false, err
	}
	fl.file, fl.offset = f, 0
	if fl.lines >= 0 {
		st, err := f.Stat()
		if err != nil {
			return false, state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
		}
		if fl.offset, err = startOf(f, st.Size(), fl.lines); err != nil {
			return false, err
		}
		fl.lines = -1
	}
	return true, nil
}

// replaced reports whether another file has the name now. While none has it, the old one is kept.
func (fl *follower) replaced() bool {
	now, err := os.Stat(fl.path)
	if err != nil {
		return false
	}
	mine, err := fl.file.Stat()
	return err == nil && !os.SameFile(mine, now)
}
