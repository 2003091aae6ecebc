package lease

import (
	"context"
	"time"

	"stathub/state"
)

// turn does what is due, and gives the time until the next one.
func (e *Elector) turn(ctx context.Context) time.Duration {
	term, leads := e.Lead()
	if left := e.due - e.opts.Clock(); leads && e.sure && left > 0 {
		return left
	}
	known, ok := e.opts.Known()
	if !ok {
		e.note("the bucket was not read yet")
		return knownPause
	}
	if !e.sure || term == 0 {
		if err := e.look(ctx); err != nil {
			e.fail(ctx, cannot("read", err))
			return e.spread(retryAfter)
		}
	}
	term, leads = e.Lead()
	v := e.sight.judge(e.me, term, leads, known, e.opts.Clock(), surelyDead)
	if !v.write {
		e.note(v.why)
		return min(e.spread(lookEvery), v.wait)
	}
	return e.write(ctx, v.term)
}

// look reads the lease if it is another one than the one that is known.
func (e *Elector) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, entry, err := state.Read(ctx, e.opts.Store, Key, e.sight.etag, state.MaxDocument)
	switch code := state.CodeOf(err); {
	case code == state.NotModified:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sure, e.trouble = true, nil
		return nil
	case code == state.NotFound:
		entry.ETag, err = "", nil
	case err != nil && entry.ETag == "":
		return err
	}
	var l *state.Lease
	if err == nil && entry.ETag != "" {
		l, err = state.Decode[state.Lease](Key, data)
	}
	if l != nil && l.Term > maxTerm {
		l, err = nil, state.Errorf(state.Nonsense, Key, "term %d is higher than terms can be", l.Term)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sure, e.trouble = true, nil
	if !e.sight.looked || e.sight.etag != entry.ETag {
		e.sight.saw(entry.ETag, l, err, e.opts.Clock())
	}
	if l != nil && !e.me.has(l) {
		e.term = 0
	}
	return nil
}

// write puts the lease over the revision that is known. Only an answer confirms it; without one the next look tells.
func (e *Elector) write(ctx context.Context, term int64) time.Duration {
	doc, began := e.document(term), e.opts.Clock()
	etag, err := e.put(ctx, doc)
	switch code := state.CodeOf(err); {
	case err == nil:
	case code == state.Stale || code == state.Exists || code == state.NotFound:
		e.sure = false
		return e.spread(retryAfter / 10)
	default:
		e.sure = false
		e.fail(ctx, cannot("write", err))
		return e.spread(retryAfter)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sight.saw(etag, doc, nil, e.opts.Clock())
	e.sure, e.trouble, e.waits = true, nil, ""
	e.term, e.renewed = term, began
	e.due = began + e.spread(renewEvery)
	return max(0, e.due-e.opts.Clock())
}

func (e *Elector) put(ctx context.Context, doc *state.Lease) (state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	etag := e.sight.etag
	return state.Write(ctx, e.opts.Store, Key, state.Encode(doc), state.Condition{IfMatch: etag, IfAbsent: etag == ""})
}

// resign gives the lease back. Where that fails the others wait until its time has run out.
func (e *Elector) resign(ctx context.Context) {
	e.mu.Lock()
	held := e.term != 0 || e.me.has(e.sight.lease)
	e.term = 0 // before the lease is free
	e.mu.Unlock()
	if !held && e.sure {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastCall)
	defer cancel()
	for ctx.Err() == nil {
		if !e.sure {
			if e.look(ctx) != nil {
				return
			}
		}
		if !e.me.has(e.sight.lease) {
			return
		}
		free := *e.sight.lease
		free.Holder, free.Address, free.Expiry = "", "", e.opts.Now().UTC().Truncate(time.Millisecond)
		etag, err := e.put(ctx, &free)
		if err == nil {
			e.mu.Lock()
			e.sight.saw(etag, &free, nil, e.opts.Clock())
			e.mu.Unlock()
			e.log.Info("the lease is given back: another master can lead at once", "term", free.Term)
			return
		}
		e.sure = false // a write that was under way at the end may have come first
	}
}

// fail notes that a request failed, and logs the first one of many.
func (e *Elector) fail(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trouble == nil {
		e.log.Warn("cannot take part in the election; trying again", "error", err)
	}
	e.trouble = err
}

// note says why nobody is known to lead.
func (e *Elector) note(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waits = why
}
