// Package events keeps what happens on a node until it is in the bucket, and the latest of it for a look.
package events

import (
	"slices"
	"sync"
	"time"

	"stathub/state"
)

// Options say whose events they are. Node is needed.
type Options struct {
	Node string // a name that state.CheckName accepts
}

// Log takes the events of one node. Its methods are safe for concurrent use.
type Log struct {
	opts Options

	mu   sync.Mutex
	ids  ids
	kept []state.Event // oldest first
}

// keepRecent is how many events are kept for a look.
const keepRecent = 500

// New makes an empty Log.
func New(o Options) *Log { return &Log{opts: o} }

// Add notes an event of this node, of which the caller gives Kind, Message and, for one of an instance, App and Instance.
// It waits for nothing. It is false when the event was not told by itself.
func (l *Log) Add(e state.Event) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	e.ID, e.At, e.Writer, e.Node = l.ids.next(now), now.UTC().Truncate(time.Millisecond), l.opts.Node, l.opts.Node
	if l.kept = append(l.kept, e); len(l.kept) > 2*keepRecent {
		l.kept = slices.Clone(l.kept[keepRecent:])
	}
	return true
}

// Recent gives the latest events, newest first, limit at the most.
func (l *Log) Recent(limit int) []state.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	latest := slices.Clone(l.kept[max(0, len(l.kept)-min(limit, keepRecent)):])
	slices.Reverse(latest)
	return latest
}
