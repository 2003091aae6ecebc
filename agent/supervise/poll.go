package supervise

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

// poller reads the manifest whenever it may have changed.
type poller struct {
	s    *Supervisor
	key  string
	seen state.ETag // of the last revision that was read, good or bad
	good state.ManifestStatus
	term int64 // of the manifest that is followed
	once once

	recalled bool            // what only the report tells was read, or the disk tells it
	manifest *state.Manifest // the one that good is about, nil for none
	unsaved  bool            // it is not on disk
	pruneAt  time.Time       // when to look for artifacts that nothing needs any more
}

func newPoller(s *Supervisor) *poller {
	p := &poller{s: s, key: state.KindManifest.Key(s.opts.Node), seen: s.status.ETag, good: s.status, once: once{log: s.log}}
	if s.cached != nil {
		p.manifest, p.term, p.recalled = s.cached.manifest, s.cached.manifest.Term, true
	}
	return p
}

// run polls until ctx ends: at the store's hints, and every Poll, give or take a fifth, so that many agents spread out.
func (p *poller) run(ctx context.Context) {
	hints := p.s.opts.Store.Watch(ctx, p.key)
	for {
		if !p.recalled {
			p.recalled = p.s.recall(ctx)
		}
		p.poll(ctx)
		p.s.post(func() { p.s.followCached(false) })
		p.keep()
		p.prune(time.Now())
		spread := 1 + 0.4*(p.s.opts.Jitter()-0.5)
		timer := time.NewTimer(time.Duration(float64(p.s.opts.Poll) * spread))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case _, ok := <-hints:
			if !ok {
				hints = nil // the store has no more; the poll is the truth anyway
			}
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// poll reads the manifest once. Only one that can be read and is not of an older term changes anything (law 1).
func (p *poller) poll(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.s.opts.Deadline)
	defer cancel()
	began := p.s.opts.Clock()
	data, entry, err := state.Read(limited, p.s.opts.Store, p.key, p.seen, state.MaxDocument)
	if ctx.Err() != nil {
		return
	}
	switch code := state.CodeOf(err); code {
	case state.NotModified:
		p.reached()
		if p.seen == p.good.ETag {
			p.s.post(func() {
				p.s.followCached(true)
				p.s.manifestRead(began)
			})
		}
	case state.NotFound:
		p.seen = ""
		p.reached()
		p.report(nil)
	case state.Unavailable, state.Denied:
		if !p.once.failing("store") {
			p.s.tell(events.StoreLost, nil, "the bucket cannot be read; going on with the last good manifest: "+err.Error())
		}
		p.once.warn("store", "cannot read the manifest; going on with the last good one", err)
		p.s.post(func() { p.s.trouble("manifest store", "cannot read the manifest: "+err.Error()) })
	default:
		p.reached()
		p.seen = entry.ETag
		p.take(data, entry.ETag, began, err)
	}
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

// take judges a revision that was not seen before, whose reading began at some time.
func (p *poller) take(data []byte, etag state.ETag, began time.Duration, err error) {
	var m *state.Manifest
	if err == nil {
		m, err = state.Decode[state.Manifest](p.key, data)
	}
	if err == nil {
		err = p.acceptable(m)
	}
	if err != nil {
		p.report(err)
		return
	}
	p.good = state.ManifestStatus{Generation: m.Generation, ETag: etag}
	p.term = max(p.term, m.Term)
	p.once.clear("manifest")
	d, status := compile(p.s.opts.Node, m), p.good
	p.s.log.Info("following a new manifest", "generation", m.Generation, "instances", len(d.IDs))
	unread := p.s.misspelt(data, m)
	p.s.tell(events.ManifestFollowed, nil, followed(m, len(d.IDs)))
	p.s.post(func() {
		p.s.trouble("misspelt", unread...)
		p.s.follow(d, status)
		p.s.manifestRead(began)
	})
	p.manifest, p.pruneAt = m, time.Time{}
	p.save(data)
}

func (p *poller) save(data []byte) {
	err := p.s.saveManifest(data, p.good)
	if p.unsaved = err != nil; p.unsaved {
		if p.once.warn("disk", "cannot keep the manifest on disk; it is followed nevertheless", err) {
			p.s.tell(events.DiskFailed, nil, "cannot keep the manifest on disk; it is followed nevertheless: "+err.Error())
		}
	} else {
		p.once.clear("disk")
	}
}

// keep writes what a later agent needs once more, if it is not on disk: the disk was full, or somebody wiped it.
func (p *poller) keep() {
	if p.manifest == nil {
		return
	}
	_, err := os.Stat(p.s.paths.manifest())
	wiped := errors.Is(err, fs.ErrNotExist)
	if !p.unsaved && !wiped {
		return
	}
	if wiped && !p.unsaved {
		p.s.log.Warn("the store directory was wiped; what a later agent needs is written again")
	}
	if err := p.s.paths.make(); err != nil {
		p.once.warn("disk", "cannot keep the manifest on disk; it is followed nevertheless", err)
		return
	}
	p.save(state.Encode(p.manifest))
	p.s.post(func() {
		for _, i := range p.s.instances {
			p.s.runs.put(i)
		}
		p.s.boundsDue = true // the files of the output are elsewhere now (proc.Output)
	})
}

// pruneEvery is how often artifacts are looked through that the manifest does not name any more, or whose source has
// something newer, when the manifest stays as it is.
const pruneEvery = time.Hour

func (p *poller) prune(now time.Time) {
	if p.manifest == nil || now.Before(p.pruneAt) {
		return
	}
	var uris []string
	for _, e := range p.manifest.Apps {
		uris = append(uris, e.App.URIs...)
		for _, p := range e.Previous {
			uris = append(uris, p.App.URIs...)
		}
	}
	usage, ok := p.s.opts.Artifacts.Retain(uris)
	if !ok {
		return
	}
	p.pruneAt = now.Add(pruneEvery)
	p.tellCache(usage.Over())
}

// tellCache tells once that the artifact cache is larger than it should be, until it is not; "" is that.
func (p *poller) tellCache(over string) {
	if over != "" {
		p.once.warn("cache", "the artifact cache cannot be kept within its size", errors.New(over))
		p.s.post(func() { p.s.trouble("artifact cache", over) })
	} else if p.once.clear("cache") {
		p.s.post(func() { p.s.trouble("artifact cache") })
	}
}

// acceptable refuses what can be read but is no instruction.
func (p *poller) acceptable(m *state.Manifest) error {
	if m.Term > 0 && m.Term < p.term {
		return state.Errorf(state.Stale, p.key, "refused: it is of term %d, and one of term %d was followed before: an old master wrote it", m.Term, p.term)
	}
	if m.Apps == nil {
		return state.Errorf(state.Nonsense, p.key, `refused: it has no list "apps"; to stop everything write "apps": []`)
	}
	return nil
}

// report tells what is wrong with the manifest in the bucket; nil is nothing.
func (p *poller) report(err error) {
	status := p.good
	if err != nil {
		status.Error = err.Error()
		if p.once.warn("manifest", "the manifest cannot be followed; going on with the last good one", err) {
			p.s.tell(events.ManifestRejected, nil, "the manifest cannot be followed; going on with the last good one: "+err.Error())
		}
	} else {
		p.once.clear("manifest")
	}
	p.s.post(func() {
		if p.s.status.Error != status.Error {
			p.s.status = status
			p.s.changed()
		}
	})
}

// once logs each distinct failure of a thing once, until the thing works again. One goroutine uses it.
type once struct {
	log  *slog.Logger
	last map[string]string
}

// warn is true if it logged.
func (o *once) warn(thing, text string, err error) bool {
	if o.last == nil {
		o.last = map[string]string{}
	}
	if o.last[thing] == err.Error() {
		return false
	}
	o.last[thing] = err.Error()
	o.log.Warn(text, "error", err)
	return true
}

func (o *once) failing(thing string) bool {
	_, failing := o.last[thing]
	return failing
}

// clear is true if the thing was failing.
func (o *once) clear(thing string) bool {
	failing := o.failing(thing)
	delete(o.last, thing)
	return failing
}
