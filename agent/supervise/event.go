package supervise

import (
	"context"
	"log/slog"

	"stathub/agent/events"
	"stathub/state"
)

// event tells what happened to people: it goes into the bucket, onto the agent's page, and into the log. kind is dotted,
// such as "instance.exit"; i is the instance that it is about, nil for the node; message says it in a sentence that stands by itself. Any
// goroutine may call it. What repeats itself without end is told now and then only.
func (s *Supervisor) event(kind string, i *instance, message string) {
	e := state.Event{Kind: kind, Message: message}
	attrs := []slog.Attr{slog.String("event", kind)}
	if i != nil {
		e.App, e.Instance = i.app, i.id
		attrs = append(attrs, slog.String("instance", i.id))
	}
	level := slog.LevelDebug
	if s.opts.Events.Add(e) {
		if level = slog.LevelInfo; events.Bad(kind) {
			level = slog.LevelWarn
		}
	}
	s.log.LogAttrs(context.Background(), level, message, attrs...)
}
