package host

import (
	"context"
	"errors"
	"time"
)

// DiskUse adds up what the directory dir and all below it takes on the disk, in bytes: blocks, not lengths, where the system
// tells; a file with several names counts once. No link is followed and no other file system entered. It stops once the
// sum is over most. share is the part of one processor that it takes, above 0 and at most 1. What may not be looked into,
// or vanishes meanwhile, does not count; a directory that is missing takes nothing. An error is ErrDeep when folders are
// nested so deep that the rest was not looked at.
func DiskUse(ctx context.Context, dir string, most int64, share float64) (int64, error) {
	w := &walk{ctx: ctx, most: most, share: share, began: time.Now(), seen: map[file]struct{}{}}
	err := w.root(dir)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return w.sum, err
}

// errEnough ends a walk early.
var errEnough = errors.New("more than was asked for")

// ErrDeep is of a tree that was made to be walked for ever.
var ErrDeep = errors.New("its folders are nested too deep to be measured")

const (
	maxDepth  = 250
	walkBatch = 256     // entries between two rests
	maxSeen   = 100_000 // files with several names that are remembered; more count once for each name
)

// file tells files with several names apart.
type file struct{ dev, ino uint64 }

type walk struct {
	ctx   context.Context
	most  int64
	share float64
	sum   int64
	seen  map[file]struct{}
	began time.Time // since the last rest
	count int
}

// add counts one entry, and rests now and then.
func (w *walk) add(bytes int64) error {
	if w.sum += bytes; w.sum > w.most {
		return errEnough
	}
	if w.count++; w.count%walkBatch != 0 {
		return w.ctx.Err()
	}
	if w.share < 1 {
		rest := time.NewTimer(time.Duration(float64(time.Since(w.began)) * (1/w.share - 1)))
		defer rest.Stop()
		select {
		case <-rest.C:
		case <-w.ctx.Done():
		}
	}
	w.began = time.Now()
	return w.ctx.Err()
}

// again says whether a file was counted under another name.
func (w *walk) again(f file) bool {
	_, ok := w.seen[f]
	if !ok && len(w.seen) < maxSeen {
		w.seen[f] = struct{}{}
	}
	return ok
}
