package control

import (
	"context"
	"log/slog"
	"time"

	"stathub/state"
)

// lastWords bounds the time that the last events take when the master ends.
const lastWords = 2 * time.Second

// event tells people what happened: it goes into the bucket and into the log. kind is dotted, such as "node.down"; e says
// what it is about (Node, App, Instance) and, in a sentence that stands by itself, what it is (Message). Any goroutine may
// call it, with or without c.mu: it waits for nothing. What repeats itself without end is told now and then only.
func (c *Controller) event(kind string, e state.Event) {
	e.Kind = kind
	level := slog.LevelDebug
	if c.told.Add(e) {
		if level = slog.LevelInfo; bad(kind) {
			level = slog.LevelWarn
		}
	}
	attrs := []slog.Attr{slog.String("event", kind)}
	for _, about := range [...]struct{ key, name string }{{"node", e.Node}, {"app", e.App}, {"instance", e.Instance}} {
		if about.name != "" {
			attrs = append(attrs, slog.String(about.key, about.name))
		}
	}
	c.log.LogAttrs(context.Background(), level, e.Message, attrs...)
}

// tellEvents sends events to the bucket until ctx ends. The function that it gives waits for that, and sends what is left;
// it is called when nothing tells of anything any more.
func (c *Controller) tellEvents(ctx context.Context) (end func()) {
	c.event(MasterStart, state.Event{Message: "the master starts"})
	done := make(chan struct{})
	go func() { defer close(done); c.told.Run(ctx) }()
	return func() {
		<-done
		c.lastEvents(ctx)
	}
}

// lastEvents sends what is left, though ctx has ended.
func (c *Controller) lastEvents(ctx context.Context) {
	c.event(MasterStop, state.Event{Message: "the master ends; agents and processes go on without it"})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	c.told.End(ctx)
}
