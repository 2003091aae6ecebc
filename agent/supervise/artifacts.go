package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/state"
)

// supplies is what is known of an instance's artifacts beside the revisions that it runs with. The loop owns it.
type supplies struct {
	gathering *gathering        // of the last try
	cached    map[string]string // by URI: why its process was started with the copy in the cache
	renewing  bool              // it got something new, and has not come up well since
	held      string            // why it stays with what it has, though there is something newer
}

// gathering is the fetching of one try; it can be watched.
type gathering struct {
	mu   sync.Mutex
	uris []string
	etag map[string]string // of those that are there
}

const (
	fetchersOfOne = 4               // artifacts of one instance that are fetched at a time
	progressEvery = 2 * time.Second // a download that takes longer is told of as often
)

// fetch brings the artifacts of one try into the cache, and gives them in the order of the manifest.
func (s *Supervisor) fetch(ctx context.Context, g *gathering) ([]artifact.File, error) {
	if len(g.uris) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	files, errs := make([]artifact.File, len(g.uris)), make([]error, len(g.uris))
	var group sync.WaitGroup
	for k := range min(fetchersOfOne, len(g.uris)) {
		group.Go(func() {
			for j := k; j < len(g.uris) && ctx.Err() == nil; j += fetchersOfOne {
				if files[j], errs[j] = s.opts.Artifacts.Fetch(ctx, g.uris[j]); errs[j] != nil {
					cancel() // the rest is of no use without it
					return
				}
				g.got(files[j])
			}
		})
	}
	over := make(chan struct{})
	ticked := make(chan struct{})
	go func() {
		defer close(ticked)
		s.tellProgress(over)
	}()
	group.Wait()
	close(over)
	<-ticked
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return nil, err
		}
	}
	return files, errors.Join(errs...)
}

// tellProgress has the report written now and then until a download is over.
func (s *Supervisor) tellProgress(over <-chan struct{}) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.changed()
		case <-over:
			return
		}
	}
}

func (g *gathering) got(f artifact.File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.etag[f.URI] = f.ETag
}

// artifactsOf shows the artifacts that an instance runs with, or, while they are fetched, how far they are, and says so.
func (s *Supervisor) artifactsOf(i *instance) (all []state.ArtifactState, reason string) {
	g := i.gathering
	if i.have.State != state.Fetching || g == nil {
		return slices.Clone(i.artifacts), i.reason()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, uri := range g.uris {
		a := state.ArtifactState{URI: uri, ETag: g.etag[uri]}
		if a.ETag == "" {
			p, _ := s.opts.Artifacts.Progress(uri)
			a.BytesDone, a.BytesTotal = state.Bytes(p.Done), state.Bytes(p.Total)
			if reason == "" && p.Done+p.Total > 0 {
				reason = "fetching " + artifact.Redact(uri) + ", " + amounts(p.Done, p.Total)
			}
		}
		all = append(all, a)
	}
	return all, cmp.Or(reason, i.have.Reason)
}

// reason gives the reason of an instance's state, and what is to be said of its artifacts.
func (i *instance) reason() string {
	reason := i.have.Reason
	if !i.have.State.Live() {
		return reason
	}
	for _, a := range i.artifacts {
		reason = withNote(reason, i.cached[a.URI])
	}
	return withNote(reason, i.held)
}

var amountUnits = [...]string{"bytes", "KiB", "MiB", "GiB", "TiB"}

// amounts says how much is done, in a unit that suits the whole: "34 of 120 MiB".
func amounts(done, total int64) string {
	unit, size := 0, int64(1)
	for max(done, total)/size >= 10<<10 && unit < len(amountUnits)-1 {
		unit, size = unit+1, size<<10
	}
	if total == 0 {
		return fmt.Sprintf("%d %s", done/size, amountUnits[unit])
	}
	return fmt.Sprintf("%d of %d %s", done/size, total/size, amountUnits[unit])
}

// gather begins the fetching of a try of an instance. changed says that it is of another specification than the last one.
func (i *instance) gather(uris []string, changed bool) *gathering {
	i.gathering = &gathering{uris: uris, etag: map[string]string{}}
	i.cached, i.held = nil, ""
	if changed {
		i.renewing, i.artifacts = false, nil // a new version is the business of those who made it
	}
	return i.gathering
}

// cachedNotes gives for each URI why the copy in the cache was used, nil if none was.
func cachedNotes(files []artifact.File) map[string]string {
	var notes map[string]string
	for _, f := range files {
		if f.Note != "" {
			if notes == nil {
				notes = map[string]string{}
			}
			notes[f.URI] = f.Note
		}
	}
	return notes
}

// supplied takes what a try was made with, whether something runs now or not.
func (s *Supervisor) supplied(i *instance, r launched) {
	newest := func(uri string) string {
		for _, a := range r.artifacts {
			if a.URI == uri {
				return a.ETag
			}
		}
		return ""
	}
	if converge.Changed(i.artifacts, newest) != "" {
		i.renewing = true
	}
	if r.err == nil {
		i.artifacts, i.cached = r.artifacts, r.cached
		for _, a := range r.artifacts {
			if note := r.cached[a.URI]; note != "" {
				s.event(events.ArtifactFailed, i, "started with a copy: "+strings.TrimSpace(note))
			}
		}
	}
	if i.renewing || converge.Changed(i.artifacts, s.opts.Artifacts.Latest) != "" {
		s.outdated[i.app] = true
	}
}
