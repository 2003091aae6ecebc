package scheduler

import (
	"slices"
	"time"

	"stathub/state"
)

// Revision is what the history says of the content that an app has now.
type Revision struct {
	Good   bool // all its instances were available once: there is nothing left to find out
	Proven bool // so they were with this content, in this revision or an earlier one
}

// Rollout is how far the content that an app has now has reached its instances, and what the next plan must remember of
// that (Plan.Rollouts, Input.Rollouts). It is never changed once it is in a plan. The counts are of placed instances on
// nodes that live and are the master's to write.
type Rollout struct {
	Content   string // digest of what is rolled out; with another one a new rollout begins
	Since     time.Time
	Progress  time.Time // when a further instance became available, or the wait for one began
	Best      int       // the most instances that were available at one time
	Sightings map[string]Sighting

	Old, New  int
	Available int    // of the new ones
	Wait      *Wait  // what it waits for; nil: nothing
	Held      string // why no further instance is replaced for now, whatever becomes available
	Blocked   bool   // it waits for room on a node
	Failed    bool   // nothing became available before the deadline, or something never will: Wait says what
	Complete  bool   // every instance is new, and all were available at one time
}

// Sighting is since when an instance has been seen at work, as one process with one content. The key is its InstanceID.
type Sighting struct {
	Content string
	Spec    string
	PID     int
	Start   time.Time
	At      time.Time // of the first plan that saw it
}

// Wait is what a rollout waits for.
type Wait struct {
	Instance string    // InstanceID
	Reason   string    // what is wrong with it; empty: nothing, it only has to go on until Until
	Until    time.Time // when it will have been at work for long enough
	hopeless bool      // it will not recover by itself
	n        int       // how bad it is
}

// Shift gives the rollout as if everything in it had happened later by d: for a time in which nothing could be seen.
func (r *Rollout) Shift(d time.Duration) *Rollout {
	later := *r
	later.Progress = r.Progress.Add(d)
	return &later
}

// rollout is the working state of one app's rollout in one plan.
type rollout struct {
	p        *planner
	j        *job
	policy   Policy
	target   *content
	revision Revision
	*Rollout

	inFlight int      // new instances that are not available
	unproven int      // old ones of which that is not sure either way
	fresh    *content // of instances that have a new place
	blocked  bool     // the last plan found no room for one
	noRoom   *Wait    // for which this one finds none
	old      []turn
	working  map[*content]int // old instances at work, by content
}

// rollOut decides what the instances of an app are, after it is decided where they are. It leaves alone what needs no
// thought: where all is as the app says now, and known to be good.
func (p *planner) rollOut(j *job) {
	if !j.gated() || j.app == nil {
		return
	}
	revision, known := p.in.Revisions[j.name]
	before := p.in.Rollouts[j.name]
	if before != nil && before.Content != j.target().key {
		before = nil
	}
	if !j.anyOld() && (!known || revision.Good) && (before == nil || before.Complete) {
		return
	}
	r := &rollout{p: p, j: j, policy: PolicyOf(j.choreo), target: j.target(), revision: revision, working: map[*content]int{}}
	r.Rollout = &Rollout{Content: r.target.key, Since: p.in.Now, Progress: p.in.Now}
	if before != nil {
		r.Since, r.Progress, r.Best, r.Complete = before.Since, before.Progress, before.Best, before.Complete
		if r.blocked = before.Blocked; r.blocked {
			r.Wait = before.Wait
		}
	}
	if j.broken != "" {
		r.Held = "it stays as it is, since a document of it cannot be read: " + j.broken
	}
	if r.policy.Paused && r.Held == "" {
		r.Held = "it is paused"
	}
	r.survey(before)
	r.settleNew()
	r.judge()
	if r.blocked && r.Wait == before.Wait {
		r.Wait = nil // there may be room now
	}
	r.advance()
	r.carry()
	p.active = append(p.active, r)
}

// sumUp gives the rollouts of this plan.
func (p *planner) sumUp() map[string]*Rollout {
	all := map[string]*Rollout{}
	for _, r := range p.active {
		if r.noRoom != nil {
			r.Blocked = true
			r.await(*r.noRoom)
		}
		if r.Complete = r.Old == 0 && (r.Complete || r.inFlight == 0 && r.New > 0); !r.Complete || !r.revision.Good {
			all[r.j.name] = r.Rollout
		}
	}
	return all
}

func (j *job) anyOld() bool {
	if !j.mixed {
		return false
	}
	for _, pl := range j.places {
		if pl.old() {
			return true
		}
	}
	return false
}

// reached reports whether the place's instances can be heard of and replaced.
func (pl *place) reached() bool {
	return pl.ours() && !pl.asIs && pl.n > 0 && pl.host.record != nil && !pl.host.down() && !pl.host.record.Detached
}

// survey finds out how each present instance is doing.
func (r *rollout) survey(before *Rollout) {
	for _, pl := range r.j.places {
		if !pl.reached() {
			continue
		}
		for n := range min(pl.was, pl.n) {
			c := r.target
			if pl.old() {
				c = pl.mix.is[n]
			}
			if c == r.target {
				r.surveyNew(pl, n, before)
			} else {
				r.surveyOld(pl, n, c)
			}
		}
	}
}

func (r *rollout) surveyNew(pl *place, n int, before *Rollout) {
	r.New++
	id := state.InstanceID(pl.host.id, r.j.name, n)
	var last Sighting
	if before != nil {
		last = before.Sightings[id]
	}
	seen, wait := r.sight(pl, n, id, last)
	switch {
	case seen.At.IsZero():
	case !r.p.in.Now.Before(seen.At.Add(r.policy.MinHealthy)):
		r.remember(id, seen)
		r.Available++
		return
	default:
		r.remember(id, seen)
		wait = Wait{Instance: id, Until: seen.At.Add(r.policy.MinHealthy)}
		r.p.wakeIn(wait.Until.Sub(r.p.in.Now))
	}
	r.inFlight++
	r.await(wait)
}

func (r *rollout) remember(id string, seen Sighting) {
	if r.Sightings == nil {
		r.Sightings = map[string]Sighting{}
	}
	r.Sightings[id] = seen
}

// await names the instance that most stands in the way.
func (r *rollout) await(w Wait) {
	if r.Wait == nil || w.n > r.Wait.n || w.n == r.Wait.n && w.Until.After(r.Wait.Until) {
		r.Wait = &w
	}
}

func (r *rollout) waitFor(pl *place, n int, reason string) Wait {
	return Wait{Instance: state.InstanceID(pl.host.id, r.j.name, n), Reason: reason, n: badSoon}
}

func (r *rollout) surveyOld(pl *place, n int, c *content) {
	r.Old++
	t := turn{pl: pl, n: n}
	switch pl.host.condition(state.InstanceID(pl.host.id, r.j.name, n), pl.spec(c), len(c.prev.App.HealthChecks) > 0) {
	case idle:
		t.broken = true
	case unsure:
		t.unproven = true
		r.unproven++
	default:
		r.working[c]++
	}
	r.old = append(r.old, t)
}

// settleNew gives instances that have a new place their content. Until the first ones of the new content, the canaries
// if there are any, have proved themselves, or while it is paused, that is what others still are; instances beside old
// ones are what these are.
func (r *rollout) settleNew() {
	r.fresh = r.target
	if proven := r.revision.Proven || r.Available >= max(1, r.policy.Canary); !proven || r.policy.Paused {
		most := 0
		for _, c := range r.j.contents.all {
			if n := r.working[c]; n > most && samePorts(c, r.j) {
				r.fresh, most = c, n
			}
		}
	}
	for _, pl := range r.j.places {
		if !pl.ours() || pl.asIs {
			continue
		}
		pl.fit(r.fresh)
		if !pl.reached() {
			continue
		}
		for n := min(pl.was, pl.n); n < pl.n; n++ {
			if pl.old() && pl.mix.is[n] != r.target {
				r.Old++
				r.old = append(r.old, turn{pl: pl, n: n, added: true})
				continue
			}
			r.New++
			r.inFlight++
			r.await(r.waitFor(pl, n, "it is about to start"))
		}
	}
}

// fit brings the contents of a place to its number of instances.
func (pl *place) fit(fresh *content) {
	target := pl.job.contents.target
	switch {
	case pl.mix == nil && (fresh == target || pl.n <= pl.was):
		return
	case pl.mix == nil:
		pl.job.mixed = true
		pl.mix = &mix{}
		for range pl.was {
			pl.mix.is = append(pl.mix.is, target)
		}
	case len(pl.mix.is) > 0:
		if fresh = pl.mix.is[len(pl.mix.is)-1]; len(fixedPorts(&fresh.prev.App)) > 0 {
			fresh = target // the port is taken: by the one that is there
		}
	}
	m := pl.mix
	m.is = m.is[:min(len(m.is), pl.n)]
	for len(m.is) < pl.n {
		m.is = append(m.is, fresh)
	}
	m.note(target)
}

// note brings old up to date.
func (m *mix) note(target *content) {
	m.old = slices.ContainsFunc(m.is, func(c *content) bool { return c != target })
}

// judge says whether the rollout gets on.
func (r *rollout) judge() {
	now := r.p.in.Now
	if r.Available > r.Best {
		r.Best, r.Progress = r.Available, now
	}
	switch {
	case r.Held != "", r.inFlight == 0 && r.Wait == nil, r.Complete && r.Old == 0:
		r.Progress = now // it waits for nothing
	case r.Wait == nil, r.Wait.Reason == "":
	case r.Wait.hopeless, !now.Before(r.Progress.Add(r.policy.Deadline)):
		r.Failed = true
	}
	if !r.Failed && (r.Old > 0 || r.inFlight > 0) {
		r.p.wakeIn(r.Progress.Add(r.policy.Deadline).Sub(now))
	}
}
