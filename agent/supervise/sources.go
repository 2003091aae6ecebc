package supervise

import (
	"context"
	"sync"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/events"
)

const (
	sourceEvery  = time.Minute     // of each source, give or take a tenth
	sourceStep   = 5 * time.Second // how exactly that is kept
	sourcesAtOne = 4               // that are asked at a time
)

// sources asks the sources of what runs whether they have something newer. Each URI is asked once, however many instances
// use it. The first time is spread over a whole minute, so that the agents of many nodes do not act at once.
type sources struct {
	s     *Supervisor
	slots chan struct{}
	work  sync.WaitGroup

	mu  sync.Mutex
	all map[string]*sourceState // by URI
}

type sourceState struct {
	due     time.Time
	asking  bool
	etag    string // that it named last; "": none yet
	failing bool   // it did not give it, the last time
}

func newSources(s *Supervisor) *sources {
	return &sources{s: s, slots: make(chan struct{}, sourcesAtOne), all: map[string]*sourceState{}}
}

// run polls until ctx ends.
func (p *sources) run(ctx context.Context) {
	defer p.work.Wait()
	for pause(ctx, sourceStep) {
		var uris map[string]bool
		p.s.call(func() { uris = p.s.polled() })
		for _, uri := range p.due(uris, time.Now()) {
			p.work.Go(func() { p.ask(ctx, uri) })
		}
	}
}

// polled gives the URIs whose change would do something.
func (s *Supervisor) polled() map[string]bool {
	uris := map[string]bool{}
	if s.ending {
		return uris
	}
	for id, i := range s.instances {
		if i.proc.PID == 0 || len(i.artifacts) == 0 || !renewable(s.desired.specs[id], s.desired.Wants[id]) {
			continue
		}
		for _, a := range i.artifacts {
			uris[a.URI] = true
		}
	}
	return uris
}

// due gives the URIs to be asked for now, and forgets those that nothing uses any more.
func (p *sources) due(uris map[string]bool, now time.Time) (due []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for uri, state := range p.all {
		if !uris[uri] && !state.asking {
			delete(p.all, uri)
		}
	}
	for uri := range uris {
		state := p.all[uri]
		if state == nil {
			state = &sourceState{due: now.Add(time.Duration(p.s.opts.Jitter() * float64(sourceEvery)))}
			p.all[uri] = state
			if artifact.Pinned(uri) {
				state.asking = true // for good: its content cannot change
			}
		}
		if !state.asking && !now.Before(state.due) {
			state.asking = true
			due = append(due, uri)
		}
	}
	return due
}

// ask asks one source, and brings in what is new before anybody is told.
func (p *sources) ask(ctx context.Context, uri string) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	f, err := p.s.opts.Artifacts.Fetch(ctx, uri)
	<-p.slots
	if ctx.Err() != nil {
		return
	}
	note := f.Note
	if err != nil {
		note = err.Error()
	}
	p.mu.Lock()
	state := p.all[uri]
	was := *state
	state.asking, state.due = false, time.Now().Add(time.Duration((0.9+0.2*p.s.opts.Jitter())*float64(sourceEvery)))
	if state.failing = note != ""; !state.failing {
		state.etag = f.ETag
	}
	p.mu.Unlock()
	switch {
	case note != "" && !was.failing:
		p.s.event(events.ArtifactFailed, nil, "what runs goes on with the copy it has: "+note)
	case note == "" && was.failing:
		p.s.event(events.ArtifactBack, nil, "the source of "+artifact.Redact(uri)+" gives it again")
	}
	if note == "" && (was.failing || was.etag != f.ETag) {
		p.s.post(func() { p.s.sourceSays(uri) })
	}
}
