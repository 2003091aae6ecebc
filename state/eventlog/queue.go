package eventlog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"stathub/state"
)

// Bounds of the queue and of a batch.
const (
	maxEvents   = 10_000 // that wait for the bucket
	maxBytes    = 4 << 20
	keepRecent  = 500 // that are in the bucket already: for a look
	batchEvents = 256
	batchBytes  = 256 << 10
)

// entry is an event as one line of JSON.
type entry struct {
	id   string
	line []byte
	lost int // not 0: it stands for so many that were dropped
}

// queue holds events in the order of their IDs: first some that are in the bucket, then those that are to be sent.
type queue struct {
	entries []entry
	sent    int    // of the entries
	bytes   int    // of those that are not sent
	acked   string // ID up to which all is in the bucket
	dropped bool   // entries are not those that were pushed
}

func (q *queue) unsent() int { return len(q.entries) - q.sent }

// push appends an event. Its ID is greater than those before.
func (q *queue) push(id string, line []byte) {
	q.entries = append(q.entries, entry{id: id, line: line})
	q.bytes += len(line)
	if q.unsent() > maxEvents || q.bytes > maxBytes {
		q.drop(maxEvents-maxEvents/10, maxBytes-maxBytes/10)
	}
}

// batch gives what is to be sent next.
func (q *queue) batch() []entry {
	size := 0
	for n, e := range q.entries[q.sent:] {
		if size += len(e.line); n == batchEvents || n > 0 && size > batchBytes {
			return q.entries[q.sent : q.sent+n]
		}
	}
	return q.entries[q.sent:]
}

// full reports whether a batch can take no more.
func (q *queue) full() bool { return q.unsent() >= batchEvents || q.bytes >= batchBytes }

// drop leaves no more events and bytes to be sent than given. The first batch stays: it may be in the bucket already,
// though the answer was lost, and its name is that of its first event. What is dropped comes after it, oldest first, and
// leaves one event in its place that tells how many there were.
func (q *queue) drop(events, size int) {
	gap := q.sent + len(q.batch())
	end, bytesLeft := gap, q.bytes
	lost := 0
	for end < len(q.entries)-1 && (len(q.entries)-end+gap-q.sent+1 > events || bytesLeft > size) {
		lost += max(1, q.entries[end].lost)
		bytesLeft -= len(q.entries[end].line)
		end++
	}
	if lost == 0 {
		return
	}
	mark := lostEvent(q.entries[end-1], lost)
	q.bytes = bytesLeft + len(mark.line)
	q.entries, q.dropped = slices.Replace(q.entries, gap, end, mark), true
}

// Lost is the kind of the event that stands for those that were dropped.
const Lost = "events.lost"

// lostEvent takes the place of the last of the events that were dropped.
func lostEvent(last entry, count int) entry {
	e, err := state.Decode[state.Event]("", last.line)
	if err != nil {
		e = &state.Event{ID: last.id}
	}
	e = &state.Event{
		ID: last.id, At: e.At, Writer: e.Writer, Node: e.Node, Kind: Lost, Count: count,
		Message: fmt.Sprintf("%d events were dropped here: the bucket was out of reach, and only so many are kept", count),
	}
	return entry{id: last.id, line: state.EncodeLine(e), lost: count}
}

// acknowledge notes that all events up to an ID are in the bucket.
func (q *queue) acknowledge(id string) {
	for q.sent < len(q.entries) && q.entries[q.sent].id <= id {
		q.bytes -= len(q.entries[q.sent].line)
		q.sent++
	}
	q.acked = max(q.acked, id)
	if q.sent > 2*keepRecent {
		q.entries = slices.Delete(q.entries, 0, q.sent-keepRecent)
		q.sent = keepRecent
	}
}

// latest gives the lines of the last limit events, newest first.
func (q *queue) latest(limit int) [][]byte {
	var lines [][]byte
	for k := len(q.entries) - 1; k >= 0 && len(lines) < limit; k-- {
		lines = append(lines, q.entries[k].line)
	}
	return lines
}

// after gives the entries whose IDs are greater.
func (q *queue) after(id string) []entry {
	k, _ := slices.BinarySearchFunc(q.entries, id, func(e entry, id string) int {
		if e.id <= id {
			return -1
		}
		return 1
	})
	return q.entries[k:]
}

func join(entries []entry) []byte {
	var b bytes.Buffer
	for _, e := range entries {
		b.Write(e.line)
	}
	return b.Bytes()
}

// lastID gives the ID of the last event in a document of events, "" when there is none.
func lastID(document []byte) string {
	last := ""
	for line := range bytes.Lines(document) {
		if l, ok := readLine(line); ok && l.Kind != "" {
			last = max(last, l.ID)
		}
	}
	return strings.Clone(last)
}
