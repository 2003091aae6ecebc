package supervise

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

func (p *poller) save(data []byte) {
	err := p.s.saveManifest(data, p.sig, p.good, p.last)
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
	if data := p.raw; data != nil {
		p.save(data)
	} else {
		p.save(state.Encode(p.manifest))
	}
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
