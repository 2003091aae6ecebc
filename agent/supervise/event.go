package supervise

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

// event tells what happened to people: it goes into the bucket, onto the agent's page, and into the log. kind is dotted,
// such as "instance.exit"; i is the instance that it is about, nil for the node; message says it in a sentence that
// stands by itself. Any goroutine may call it. What repeats itself without end is told now and then only.
func (s *Supervisor) event(kind string, i *instance, message string) {
	attrs := []slog.Attr{slog.String("event", kind)}
	if i != nil {
		attrs = append(attrs, slog.String("instance", i.id))
	}
	level := slog.LevelDebug
	if s.tell(kind, i, message) {
		if level = slog.LevelInfo; events.Bad(kind) {
			level = slog.LevelWarn
		}
	}
	s.log.LogAttrs(context.Background(), level, message, attrs...)
}

// tell is event without the log, for what has a line there already. It is false for what is not told by itself.
func (s *Supervisor) tell(kind string, i *instance, message string) bool {
	e := state.Event{Kind: kind, Message: message}
	if i != nil {
		e.App, e.Instance = i.app, i.id
	}
	defer s.opts.Changed()
	return s.told.Add(e)
}

// Events gives the latest events of this node, newest first, limit at the most; those that are in the bucket already too.
func (s *Supervisor) Events(limit int) []state.Event { return s.told.Recent(limit) }

// lastEvents sends what is left when everything has come to rest.
func (s *Supervisor) lastEvents(ctx context.Context) {
	s.event(events.AgentStop, nil, s.farewell())
	ctx, cancel := context.WithTimeout(ctx, lastReport)
	defer cancel()
	s.told.End(ctx)
	s.crashes.End(ctx)
}

// farewell says what becomes of the processes when the agent ends.
func (s *Supervisor) farewell() string {
	running := 0
	s.call(func() {
		for _, i := range s.instances {
			if i.proc.PID != 0 {
				running++
			}
		}
	})
	if running == 0 {
		return "the agent ends, and no instance runs"
	}
	return fmt.Sprintf("the agent ends; %d instances go on running", running)
}

// toldStart describes a start.
func toldStart(i *instance) string {
	text := fmt.Sprintf("started as process %d", i.proc.PID)
	if len(i.ports) > 0 {
		text += fmt.Sprintf(", ports %v", i.ports)
	}
	if reason := i.reason(); reason != "" {
		text += "; " + reason
	}
	return text
}

// toldExit describes an end that nobody asked for. crash is where the last output is kept, if it is.
func toldExit(i *instance, pid int, exit state.Exit, crash string) string {
	text := fmt.Sprintf("process %d ended: %s", pid, exit.Reason)
	if !i.startedAt.IsZero() {
		text += fmt.Sprintf(", after %s", rounded(exit.At.Sub(i.startedAt)))
	}
	if crash != "" {
		text += "; its last output is " + crash
	}
	return text
}

// tellHealth tells what the checks of an instance find now, unless it only is not known yet.
func (s *Supervisor) tellHealth(i *instance, now state.Health) {
	switch {
	case now == i.health:
	case now == state.HealthHealthy:
		s.tell(events.InstanceHealthy, i, fmt.Sprintf("process %d is healthy", i.proc.PID))
	case now == state.HealthUnhealthy:
		s.tell(events.InstanceUnhealthy, i, fmt.Sprintf("process %d is unhealthy", i.proc.PID))
	}
}

// rounded is a duration without figures that nobody reads. A process may be dead before its start was noted: that is none.
func rounded(d time.Duration) time.Duration {
	if d >= 10*time.Second {
		return d.Round(time.Second)
	}
	return max(0, d).Round(time.Millisecond)
}
