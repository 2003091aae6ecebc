package supervise

import (
	"context"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

// poller reads the manifest whenever it may have changed. One goroutine uses it.
type poller struct {
	s    *Supervisor
	key  string
	seen state.ETag // of the last revision that was read, good or bad
	good state.ManifestStatus
	last mark  // the latest manifest that was ever followed, as far as is known
	bad  doubt // about the revision in the bucket
	once once

	changed, hint time.Time // when a new revision was last seen, and when somebody last told of one
	settled       bool      // the store answered the last time, with the revision that is seen
	gone          bool      // there was a manifest, and now there is none

	recalled bool            // what only the report tells was read, or the disk tells it
	manifest *state.Manifest // the one that good is about, nil for none
	raw, sig []byte          // it as it was signed, and its signature; only where manifests must be signed
	unsaved  bool            // it is not on disk
	pruneAt  time.Time       // when to look for artifacts that nothing needs any more
}

func newPoller(s *Supervisor) *poller {
	p := &poller{
		s: s, key: state.KindManifest.Key(s.opts.Node), seen: s.status.ETag, good: s.status, last: s.followed,
		changed: time.Now(), once: once{log: s.log},
	}
	if s.cached != nil {
		p.manifest, p.recalled = s.cached.manifest, true
		p.raw, p.sig = s.signed.doc, s.signed.sig
	}
	return p
}

// outcome is how a look at the manifest ended.
type outcome int

const (
	unchanged outcome = iota
	renewed           // to a revision that was not seen before, good or bad
	missing
	doubted // its signature does not fit, or not yet
	failed  // the store did not say
)

// run looks at the manifest until ctx ends. A store that holds its answers back is asked all the time. Others are asked at
// their hints, and as often as pace says, give or take a fifth, so that many agents spread out.
func (p *poller) run(ctx context.Context) {
	held := state.CanWait(p.s.opts.Store)
	var w hints
	defer w.end()
	for {
		if !p.recalled {
			p.recall(ctx)
		}
		hold, began := p.hold(held), time.Now()
		o := p.look(ctx, hold)
		p.settled = o == unchanged || o == renewed
		p.s.post(func() { p.s.followCached(false) })
		p.keep()
		p.prune(time.Now())
		if !held || o == missing { // nothing holds an answer back until a document comes: that is watched
			w.begin(ctx, p.s.opts.Store, p.key)
		} else {
			w.end()
		}
		if !p.pause(ctx, p.wait(o, held, hold, time.Since(began)), &w) {
			return
		}
	}
}

// hold gives for how long the store is asked to hold the next answer back; 0: not at all. There is no time for that while
// something hangs on having read the manifest lately, or while a signature may come any moment.
func (p *poller) hold(held bool) time.Duration {
	unsure := p.s.contact.guards() > 0 && !p.s.contact.now().Sure
	if !held || !p.settled || unsure || p.bad.etag != "" {
		return 0
	}
	return p.s.contact.within(heldFor, 3)
}

// wait gives how long to wait after a look that took some time.
func (p *poller) wait(o outcome, held bool, hold, took time.Duration) time.Duration {
	poll, jitter := p.s.opts.Poll, p.s.opts.Jitter()
	switch {
	case o == failed:
		return soon(poll, jitter)
	case o == doubted:
		return spread(signatureRetry, jitter)
	case !held:
		pace := pace{poll: poll, costly: p.s.costly(), hinted: p.s.hinted()}
		return spread(pace.next(time.Now(), p.changed, p.hint), jitter)
	case p.hold(held) == 0, o == unchanged && hold > 0 && took < hold*9/10: // it holds nothing back now
		return spread(poll, jitter)
	default:
		return max(0, heldFloor-took)
	}
}

// pause waits for some time, or until a hint comes. It is false when ctx ended.
func (p *poller) pause(ctx context.Context, d time.Duration, w *hints) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return ctx.Err() == nil
		case _, open := <-w.next:
			if !open {
				w.next = nil // the store has no more; the poll is the truth anyway
				continue
			}
			if p.s.hinted() || !p.s.costly() {
				p.hint = time.Now()
			}
			return ctx.Err() == nil
		}
	}
}

// hints takes a store's hints while they are wanted.
type hints struct {
	next   <-chan struct{}
	cancel context.CancelFunc // nil: not begun
}

func (w *hints) begin(ctx context.Context, s state.Store, key string) {
	if w.cancel == nil {
		ctx, w.cancel = context.WithCancel(ctx)
		w.next = s.Watch(ctx, key)
	}
}

func (w *hints) end() {
	if w.cancel != nil {
		w.cancel()
		w.next, w.cancel = nil, nil
	}
}

// look reads the manifest once, and waits for a change for some time where the store does. Only one that can be read, is
// not of an older term, and is signed where it must be changes anything (law 1).
func (p *poller) look(ctx context.Context, hold time.Duration) outcome {
	limited, cancel := context.WithTimeout(ctx, p.s.opts.Deadline+hold)
	defer cancel()
	asked := limited
	if hold > 0 {
		asked = state.WithWait(limited, hold)
	}
	began := p.s.opts.Clock()
	data, entry, err := state.Read(asked, p.s.opts.Store, p.key, p.seen, state.MaxDocument)
	if ctx.Err() != nil {
		return failed
	}
	switch code := state.CodeOf(err); code {
	case state.NotModified:
		p.reached()
		p.present()
		return p.asBefore(limited, began)
	case state.NotFound:
		p.reached()
		p.absent()
		return missing
	case state.Unavailable, state.Denied:
		p.lost(err)
		return failed
	default:
		p.reached()
		p.present()
		return p.take(limited, data, entry.ETag, began, err)
	}
}

// asBefore confirms what is followed, if that is what the store has. A revision whose signature did not fit is looked at
// once more when there is another signature.
func (p *poller) asBefore(ctx context.Context, began time.Duration) outcome {
	if p.bad.etag == p.seen && p.bad.etag != "" && p.resigned(ctx) {
		p.seen = ""
		return doubted
	}
	if p.seen == p.good.ETag {
		p.s.post(func() {
			p.s.followCached(true)
			p.s.manifestRead(began)
		})
	}
	return unchanged
}

// lost tells of a store that does not answer.
func (p *poller) lost(err error) {
	if !p.once.failing("store") {
		p.s.tell(events.StoreLost, nil, "the bucket cannot be read; going on with the last good manifest: "+err.Error())
	}
	p.once.warn("store", "cannot read the manifest; going on with the last good one", err)
	p.s.post(func() { p.s.trouble("manifest store", "cannot read the manifest: "+err.Error()) })
}

// reached clears the trouble of a store that did not answer.
func (p *poller) reached() {
	if p.once.clear("store") {
		p.s.log.Info("the bucket is in reach again")
		p.s.tell(events.StoreBack, nil, "the bucket is in reach again")
		p.s.told.Back()
		p.s.crashes.Back()
	}
	p.s.post(func() {
		if p.s.troubles["manifest store"] != nil {
			p.s.trouble("manifest store")
		}
	})
}

// absent notes that there is no manifest. Where there was one somebody may have emptied the bucket: the report, which is
// then missing too, is looked after at once.
func (p *poller) absent() {
	p.seen, p.bad = "", doubt{}
	p.report(nil)
	if p.gone || p.manifest == nil {
		return
	}
	p.gone = true
	p.s.log.Warn("the manifest is no longer in the bucket; going on with the last good one")
	p.s.post(func() {
		p.s.trouble("manifest missing", "there is no "+p.key+" in the bucket any more; going on with the last good one")
	})
	select {
	case p.s.suspect <- struct{}{}:
	default:
	}
}

func (p *poller) present() {
	if p.gone {
		p.gone = false
		p.s.post(func() { p.s.trouble("manifest missing") })
	}
}
