package bucket

import (
	"context"
	"sync/atomic"
	"time"

	"stathub/state"
)

const (
	heldFor    = 30 * time.Second // that a master holds an answer back
	hintGrace  = 15 * time.Second // for the answer itself
	hintPoll   = 5 * time.Second  // where a master holds nothing back
	hintRetry  = time.Second      // after a master did not answer, then doubling
	hintMost   = 30 * time.Second
	hintFloor  = 100 * time.Millisecond // between two answers, however often the document changes
	hintSpread = 5 * time.Second        // over which agents notice that no master answers any more
)

// hinter asks masters whether a document changed. What it has become is read in the bucket.
type hinter struct {
	masters state.Store
	jitter  func() float64
	alive   atomic.Bool // a master answered the last time
}

// run sends a hint at each change of the document at key, its end too, and when masters begin or cease to tell, until ctx ends.
func (h *hinter) run(ctx context.Context, key string, out chan<- struct{}) {
	defer h.alive.Store(false)
	var known state.ETag
	for retry := hintRetry; ctx.Err() == nil; {
		began := time.Now()
		etag, err := h.ask(ctx, key, known)
		if ctx.Err() != nil {
			return
		}
		wait, gone := max(0, hintFloor-time.Since(began)), false
		switch code := state.CodeOf(err); {
		case err == nil:
			known = etag
		case code == state.NotModified:
			if time.Since(began) < heldFor*9/10 {
				wait = scatter(hintPoll, h.jitter)
			}
		case code == state.NotFound:
			gone = known != ""
			known, wait = "", scatter(hintPoll, h.jitter)
		default:
			h.silent(ctx, out)
			wait, retry = scatter(retry, h.jitter), min(2*retry, hintMost)
			pause(ctx, wait)
			continue
		}
		retry = hintRetry
		if began := h.alive.CompareAndSwap(false, true); began || err == nil || gone {
			hint(out)
		}
		pause(ctx, wait)
	}
}

// ask gives the revision of the document when it is another than the known one.
func (h *hinter) ask(ctx context.Context, key string, known state.ETag) (state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, heldFor+hintGrace)
	defer cancel()
	o, err := h.masters.Get(state.WithWait(ctx, heldFor), key, known)
	if err != nil {
		return "", err
	}
	return o.ETag, o.Body.Close()
}

// silent notes that no master answers: whoever relied on hints is told, not in step with other agents.
func (h *hinter) silent(ctx context.Context, out chan<- struct{}) {
	if h.alive.CompareAndSwap(true, false) {
		pause(ctx, time.Duration(h.jitter()*float64(hintSpread)))
		hint(out)
	}
}
