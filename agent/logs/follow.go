package logs

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"stathub/state"
)

// poll is how often a followed file is looked at without a hint. Hints make it sooner, where the system has any left.
const poll = 250 * time.Millisecond

// Follow writes the file at path to w, beginning at from, and then what is added to it, until ctx ends, which is no
// error, or w fails, whose error it returns. It waits for a file that is not there yet, and wants all of that. A file
// that was emptied is read from its start, and so is one that took its name, after the rest of the old one. Where it
// comes too late for bytes that are no longer kept, a line says how many they were. Each call is independent; it holds
// one block in memory, however long a line is. w gets what is new at once: flushing is its business.
func Follow(ctx context.Context, w io.Writer, path string, from From) error {
	hints, stop := watch(path)
	defer stop()
	fl := &follower{reader: reader{w: w}, path: path, from: from}
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
	reader
	path string
	from From // of the first file; files that come later are wanted whole
}

func (fl *follower) close() {
	if fl.f != nil {
		_ = fl.f.Close() // only read from
		fl.f = nil
	}
}

// advance sends all that there is now.
func (fl *follower) advance() error {
	for {
		if fl.f == nil {
			if opened, err := fl.open(); !opened || err != nil {
				return err
			}
		}
		if size, err := sizeOf(fl.f); err == nil {
			fl.offset = settle(fl.offset, size)
		}
		replaced := fl.replaced() // before the last look: what came into the old file until then is read
		if err := fl.rest(); err != nil || !replaced {
			return err
		}
		fl.close()
	}
}

func (fl *follower) open() (bool, error) {
	f, err := open(fl.path)
	from := fl.from
	fl.from = At(0)
	if state.CodeOf(err) == state.NotFound {
		return false, nil
	} else if err != nil {
		return false, err
	}
	fl.f, fl.offset = f, from.offset // settled later; what is not kept of it is announced
	if from.offset < 0 {
		span, err := locate(f, from)
		if err != nil {
			return false, err
		}
		fl.offset = span.Start
	}
	return true, nil
}

// replaced reports whether another file has the name now. While none has it, the old one is kept.
func (fl *follower) replaced() bool {
	now, err := os.Stat(fl.path)
	if err != nil {
		return false
	}
	mine, err := fl.f.Stat()
	if err != nil || os.SameFile(mine, now) {
		return false
	}
	// On Windows the comparison looks at the path once more, and takes one that is gone by then for another file.
	f, err := open(fl.path)
	if err != nil {
		return false
	}
	defer f.Close()
	now, err = f.Stat()
	return err == nil && !os.SameFile(mine, now)
}
