package meter

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"stathub/state"
	"stathub/state/metric"
)

// Op is what a request does, as providers bill it.
type Op string

// The ops. One call of a Store may take several: to delete a document of MinIO takes a HEAD and a DELETE.
const (
	Get    Op = "get"    // of a document; a 304 is one
	Head   Op = "head"   // billed like get
	Put    Op = "put"    // and POST
	Delete Op = "delete" // free of charge at most providers
	List   Op = "list"   // one page; billed like put at most providers
	Listen Op = "listen" // a connection that is held for notifications
)

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"
	NotModified Outcome = "not_modified"
	NotFound    Outcome = "not_found"
	Conflict    Outcome = "conflict" // the condition failed: another writer was first
	Failed      Outcome = "failed"   // refused, out of reach, cancelled
)

var outcomes = [...]Outcome{OK, NotModified, NotFound, Conflict, Failed}

// Count is what was counted of one op on documents of one kind.
type Count struct {
	Op       Op
	Kind     string            // a state.Kind, "all" for requests about several, "other" for what is no document of ours
	Requests map[Outcome]int64 // those that are not 0
	Sent     int64             // bytes of bodies, without headers
	Received int64
}

// Total is the number of requests, whatever came of them.
func (c Count) Total() (n int64) {
	for _, requests := range c.Requests {
		n += requests
	}
	return n
}

type cellKey struct {
	op   Op
	kind string
}

type cell struct {
	requests       [len(outcomes)]atomic.Int64
	sent, received atomic.Int64
}

func (m *Meter) cell(op Op, kind string) *cell {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := cellKey{op, kind}
	c := m.cells[k]
	if c == nil {
		c = &cell{}
		m.cells[k] = c
	}
	return c
}

func (c *cell) add(o Outcome, n int64) { c.requests[slices.Index(outcomes[:], o)].Add(n) }

// took adds to the histogram of an op.
func (m *Meter) took(op Op, d time.Duration) {
	m.mu.Lock()
	h := m.latency[op]
	if h == nil {
		h = &metric.Histogram{}
		m.latency[op] = h
	}
	m.mu.Unlock()
	h.Observe(d)
}

// Counts gives what was counted since New, sorted by op and kind.
func (m *Meter) Counts() []Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Count, 0, len(m.cells))
	for k, c := range m.cells {
		count := Count{Op: k.op, Kind: k.kind, Requests: map[Outcome]int64{}, Sent: c.sent.Load(), Received: c.received.Load()}
		for i, o := range outcomes {
			if n := c.requests[i].Load(); n > 0 {
				count.Requests[o] = n
			}
		}
		all = append(all, count)
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// Named is a Meter with the name of its store.
type Named struct {
	Name string
	*Meter
}

// Write writes the counts of several meters as metrics, with the names as label "store".
func Write(w *metric.Writer, meters ...Named) {
	w.Family("stathub_store_requests_total", metric.Counter, "Requests to the store, each page of a listing and each retry counted.")
	for _, m := range meters {
		for _, c := range m.Counts() {
			for _, o := range outcomes {
				if n := c.Requests[o]; n > 0 {
					w.Sample(float64(n), "store", m.Name, "op", string(c.Op), "kind", c.Kind, "outcome", string(o))
				}
			}
		}
	}
	w.Family("stathub_store_bytes_total", metric.Counter, "Bytes of the bodies of requests to the store and of their answers.")
	for _, m := range meters {
		for _, c := range m.Counts() {
			w.Sample(float64(c.Sent), "store", m.Name, "op", string(c.Op), "kind", c.Kind, "direction", "sent")
			w.Sample(float64(c.Received), "store", m.Name, "op", string(c.Op), "kind", c.Kind, "direction", "received")
		}
	}
	w.HistogramFamily("stathub_store_request_duration_seconds", "Time from a request to the store to the beginning of its answer; requests that were to wait are left out.")
	for _, m := range meters {
		m.mu.Lock()
		for _, op := range []Op{Get, Head, Put, Delete, List} {
			if h := m.latency[op]; h != nil {
				w.Histogram(h, "store", m.Name, "op", string(op))
			}
		}
		m.mu.Unlock()
	}
}

// kinds are the values of Kind that keys can have: whatever people put into the bucket must not make more of them.
var kinds = [...]state.Kind{
	state.KindApp, state.KindChoreo, state.KindNode, state.KindManifest, state.KindReport, state.KindHeartbeat, state.KindEvents,
	state.KindHistory, state.KindArtifact, state.KindLease, state.KindCrash, state.KindRejected,
}

func kindOf(key string) string {
	first, _, _ := strings.Cut(key, "/")
	switch {
	case key == "":
		return "all"
	case slices.Contains(kinds[:], state.Kind(first)):
		return first
	}
	return "other"
}

func outcomeOf(err error) Outcome {
	switch state.CodeOf(err) {
	case "":
		return OK
	case state.NotModified:
		return NotModified
	case state.NotFound:
		return NotFound
	case state.Stale, state.Exists:
		return Conflict
	}
	return Failed
}
