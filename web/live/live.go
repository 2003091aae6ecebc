// Package live tells open pages that what they show has changed. It carries no facts: a page that hears of a change asks
// for itself again, so that there is one way to make a page, and a lost message costs nothing but time.
package live

import (
	"slices"
	"sync"
)

// Hub passes the topics of changes on to those who listen. The zero Hub is ready. Its methods are safe for concurrent use.
type Hub struct {
	mu        sync.Mutex
	listeners map[*Listener]struct{}
}

// Listener hears of some topics.
type Listener struct {
	hub    *Hub
	topics []string
	c      chan struct{}
}

// The topics. Node and App give those of one node and of one app.
const (
	Nodes  = "nodes"  // any node: its record, manifest or report
	Apps   = "apps"   // any app: its document, choreography or instances
	Lists  = "lists"  // what searches for apps and instances find
	Plan   = "plan"   // what the master decided last
	Events = "events" // something happened
	Master = "master" // who leads, and how the bucket answers
)

// Node is the topic of a node: its record, manifest or report.
func Node(id string) string { return "node/" + id }

// App is the topic of an app: its document, choreography or instances.
func App(name string) string { return "app/" + name }

// Changed tells of a change. It never waits.
func (h *Hub) Changed(topics ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if slices.ContainsFunc(topics, func(t string) bool { return slices.Contains(l.topics, t) }) {
			select {
			case l.c <- struct{}{}:
			default: // it will look anyhow
			}
		}
	}
}

// Listen begins to hear of topics, until the listener is closed.
func (h *Hub) Listen(topics []string) *Listener {
	l := &Listener{h, topics, make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[*Listener]struct{}{}
	}
	h.listeners[l] = struct{}{}
	return l
}

// C has something to read after a change: once for any number of them.
func (l *Listener) C() <-chan struct{} { return l.c }

// Close ends the listening.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	delete(l.hub.listeners, l)
}
