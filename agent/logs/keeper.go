package logs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"stathub/state"
)

const (
	idlePause = time.Second           // between two looks at a file that does not grow
	busyPause = 20 * time.Millisecond // at least, however fast it grows
	newPause  = 50 * time.Millisecond // after the first look: programs often say most when they start
	together  = 10 * time.Millisecond // looks that are due within this time need no wake-up each
	armedLook = time.Minute           // at a file whose next write is told: one through a memory map is not
)

// Limit is the bound of one file.
type Limit struct {
	Path     string
	MaxBytes int64 // 0: DefaultMaxBytes
}

// Keeper trims a set of files while they are written to. A file is looked at again when a quarter of its limit will have
// been added if it grows as before, after 1 s at the latest and 20 ms at the earliest, and trimmed at an eighth above its
// limit. So it holds less than 1.4 times its limit in steady writing of up to 12 times the limit per second, and above
// that only what a sudden burst writes within 1 s. With Told, on Linux, the system tells of the first write to a file that
// did not grow: a silent file costs nothing, and a burst has 50 ms. Without, a look at one is a stat each second.
type Keeper struct {
	Told bool // set before Run

	warn    func(path string, err error)
	changed chan struct{} // holds one: Set was called

	mu     sync.Mutex
	limits []Limit
}

// NewKeeper makes a keeper of nothing. warn, which may be nil, is called from Run: when a file cannot be trimmed, once
// until it can, and whenever output is lost because the file system knows no holes.
func NewKeeper(warn func(path string, err error)) *Keeper {
	if warn == nil {
		warn = func(string, error) {}
	}
	return &Keeper{warn: warn, changed: make(chan struct{}, 1)}
}

// Set replaces the set of files. They need not exist yet. Of a path that is named twice, the last limit counts. The
// keeper owns the slice from then on. To name a file again whose process is about to start costs nothing.
func (k *Keeper) Set(limits []Limit) {
	k.mu.Lock()
	k.limits = limits
	k.mu.Unlock()
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// Run trims until ctx ends. One goroutine at a time may be in it.
func (k *Keeper) Run(ctx context.Context) {
	files := map[string]*tracked{}
	var wake *waker
	if k.Told {
		wake = newWaker()
		defer wake.close()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
			files = k.merge(files, time.Now())
		case paths := <-wake.events():
			written(files, paths, time.Now())
		case <-timer.C:
		}
		timer.Reset(k.round(ctx, files, wake, time.Now()))
	}
}

// tracked is what Run knows about one file.
type tracked struct {
	Limit
	size   int64 // when last looked at
	from   int64 // where it began then
	looked time.Time
	pause  time.Duration // from then to the next look
	still  bool          // it did not grow at the last look
	failed bool          // and warned of
}

// written makes files due soon that were written to; no paths are all.
func written(files map[string]*tracked, paths []string, now time.Time) {
	for _, path := range paths {
		if f := files[path]; f != nil {
			f.looked, f.pause = now, newPause
		}
	}
	if paths == nil {
		for _, f := range files {
			f.looked, f.pause = now, min(f.pause, newPause)
		}
	}
}

func (k *Keeper) merge(old map[string]*tracked, now time.Time) map[string]*tracked {
	k.mu.Lock()
	limits := k.limits
	k.mu.Unlock()
	files := make(map[string]*tracked, len(limits))
	for _, l := range limits {
		f := old[l.Path]
		if f == nil {
			f = &tracked{looked: now}
		}
		if f.Limit != l {
			*f = tracked{Limit: l, looked: now, failed: f.failed} // as if all of it had just been written
		}
		files[l.Path] = f
	}
	return files
}

// round looks at every file that is due, and gives the time until the next is.
func (k *Keeper) round(ctx context.Context, files map[string]*tracked, wake *waker, now time.Time) time.Duration {
	next := armedLook
	for _, f := range files {
		due := f.looked.Add(f.pause).Sub(now)
		if due <= together {
			if ctx.Err() != nil {
				break
			}
			before := f.still
			k.look(f, now)
			if before && f.still && wake.arm(f.Path) {
				k.look(f, now) // what was written before it was armed is not told
				if f.still {
					f.pause = armedLook
				}
			}
			due = f.pause
		}
		next = min(next, due)
	}
	return next
}

func (k *Keeper) look(f *tracked, now time.Time) {
	elapsed := now.Sub(f.looked)
	f.looked = now
	info, err := os.Stat(f.Path)
	if err != nil {
		f.pause, f.still = idlePause, false
		k.note(f, err)
		return
	}
	grown := info.Size() - f.size
	f.still = grown == 0
	f.size = info.Size()
	f.pause = pause(grown, elapsed, f.pause, limit(f.MaxBytes))
	if grown < 0 { // emptied, shortened or replaced
		f.from, f.pause = 0, newPause
	}
	if grown == 0 || f.size-f.from <= limit(f.MaxBytes)+max(limit(f.MaxBytes)/8, blockSize) {
		return
	}
	stat, err := Trim(f.Path, f.MaxBytes)
	k.note(f, err)
	if err == nil {
		f.size, f.from = stat.End, stat.Start
	}
	if stat.Lost > 0 {
		k.warn(f.Path, state.Errorf(state.Unavailable, "", "%d bytes of output were dropped: the file system cannot free a part of a file", stat.Lost))
	}
}

// note warns when things go wrong that went well before. A file that is not there yet is nothing wrong.
func (k *Keeper) note(f *tracked, err error) {
	bad := err != nil && !errors.Is(err, fs.ErrNotExist)
	if bad && !f.failed {
		k.warn(f.Path, err)
	}
	f.failed = bad
}

// pause is how long to wait for the next look at a file that grew so much in the time elapsed, after a pause of last.
func pause(grown int64, elapsed, last time.Duration, maxBytes int64) time.Duration {
	quiet := max(newPause, min(2*last, idlePause))
	if grown <= 0 || elapsed <= 0 {
		return quiet
	}
	quarter := float64(elapsed) * float64(maxBytes/4) / float64(grown)
	return time.Duration(max(float64(busyPause), min(float64(quiet), quarter)))
}
