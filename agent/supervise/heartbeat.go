package supervise

import (
	"bytes"
	"context"
	"time"

	"stathub/state"
)

// heartbeats writes the heartbeat every Heartbeat, until ctx ends. It is nobody else's and says nothing but that the agent
// lives, so it is written over whatever is there.
func (s *Supervisor) heartbeats(ctx context.Context) {
	key := state.KindHeartbeat.Key(s.opts.Node)
	failing, retry := once{log: s.log}, firstRetry
	for together := true; ; { // with others that started, or failed, at the same moment
		limited, cancel := context.WithTimeout(ctx, s.contact.within(s.opts.Deadline, 3))
		began, text := s.opts.Clock(), time.Now().UTC().Format(time.RFC3339Nano)+"\n"
		_, err := s.opts.Store.Put(limited, key, bytes.NewReader([]byte(text)), state.Condition{})
		cancel()
		if ctx.Err() == nil {
			s.post(func() { s.beaten(began, err == nil) })
		}
		wait := s.contact.within(s.opts.Heartbeat, 4)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if state.CodeOf(err) != state.Denied { // told with the report
				failing.warn("heartbeat", "cannot write the heartbeat", err)
			}
			// One that hung tells of an outage that others share, and which may be over for all at the same moment.
			retry = max(retry, min(s.opts.Clock()-began, s.opts.Heartbeat))
			if wait = soon(min(wait, retry), s.opts.Jitter()); retry < s.opts.Heartbeat {
				retry *= 2
			}
		case failing.clear("heartbeat"):
			s.log.Info("the heartbeat is written again")
		}
		if err == nil {
			if together {
				wait = time.Duration(float64(wait) * s.opts.Jitter())
			}
			retry = firstRetry
			s.noteContact(false)
		}
		together = err != nil
		if !pauseOr(ctx, wait, s.contact.kick) {
			return
		}
	}
}

// firstRetry is when a heartbeat that could not be written is tried again; then the wait doubles up to the usual one. An
// agent that starts together with its master shows up at once.
const firstRetry = time.Second

const (
	factsEvery    = 5 * time.Minute
	factsDeadline = 30 * time.Second
)

// refreshFacts gathers the machine's facts at once and every few minutes, until ctx ends.
func (s *Supervisor) refreshFacts(ctx context.Context) {
	failing := once{log: s.log}
	for first := true; ; first = false {
		limited, cancel := context.WithTimeout(ctx, factsDeadline)
		facts, err := s.opts.Facts(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			failing.warn("facts", "some facts of this machine are missing", err)
		}
		s.post(func() {
			s.facts = facts
			s.changed()
		})
		if first {
			close(s.gathered)
		}
		if !pause(ctx, factsEvery) {
			return
		}
	}
}
