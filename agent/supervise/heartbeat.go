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
	ticker := time.NewTicker(s.opts.Heartbeat)
	defer ticker.Stop()
	failing := once{log: s.log}
	for {
		limited, cancel := context.WithTimeout(ctx, s.opts.Deadline)
		text := time.Now().UTC().Format(time.RFC3339Nano) + "\n"
		_, err := s.opts.Store.Put(limited, key, bytes.NewReader([]byte(text)), state.Condition{})
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			failing.warn("heartbeat", "cannot write the heartbeat", err)
		case failing.clear("heartbeat"):
			s.log.Info("the heartbeat is written again")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

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
