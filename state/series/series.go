// Package series keeps measured values of the past in little, fixed memory: the newest finely, older ones coarser. It is
// pure: time comes from the caller.
package series

import (
	"math"
	"slices"
	"time"
)

// Level is one resolution of a Set: means over Step, kept for Keep. Both are whole seconds.
type Level struct{ Step, Keep time.Duration }

// slots is how many means it keeps.
func (l Level) slots() int64 { return int64(l.Keep / l.Step) }

func (l Level) seconds() int64 { return int64(l.Step / time.Second) }

// Set is several series that are measured together. Each takes 4 bytes for each slot of each level, all levels from its first
// value on. A Set is not safe for concurrent use.
type Set struct {
	levels []ring
	names  []string
	limit  int
}

// ring is one level: slot number k, the seconds of the Unix time over the step, is at k modulo the count of slots.
type ring struct {
	step, slots int64
	head        int64     // number of the newest slot; 0: there is none yet
	data        []float32 // slots of the first name, slots of the second one…; NaN: nothing was measured
	counts      []uint16  // by name: values that the mean in the newest slot is of
}

// New makes an empty set of levels from the finest to the coarsest. Values of more than limit names are not kept.
func New(limit int, levels ...Level) *Set {
	s := &Set{limit: limit}
	for _, l := range levels {
		s.levels = append(s.levels, ring{step: l.seconds(), slots: l.slots()})
	}
	return s
}

// Value is what was measured under a name.
type Value struct {
	Name  string
	Value float64
}

// Names gives the names that there are values of, in the order of their first ones.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Add takes up what was measured at a time. NaN and infinite values count as not measured. When the clock was set back, what
// was kept of the time after now is forgotten, but for the last moments.
func (s *Set) Add(now time.Time, values ...Value) {
	for i := range s.levels {
		s.levels[i].advance(now.Unix(), len(s.names))
	}
	for _, v := range values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			continue
		}
		if at := s.column(v.Name); at >= 0 {
			for i := range s.levels {
				s.levels[i].add(at, v.Value)
			}
		}
	}
}

// column gives the place of a name, and makes one for a new one; -1 when there are too many.
func (s *Set) column(name string) int {
	if at := slices.Index(s.names, name); at >= 0 {
		return at
	}
	if len(s.names) >= s.limit {
		return s.replace(name)
	}
	s.names = append(s.names, name)
	for i := range s.levels {
		s.levels[i].widen()
	}
	return len(s.names) - 1
}

// replace gives a new name the place of one that nothing is kept of any more, such as a disk that was removed long ago; -1
// when there is none.
func (s *Set) replace(name string) int {
	for c := range s.names {
		if !slices.ContainsFunc(s.levels, func(r ring) bool { return r.knows(c) }) {
			s.names[c] = name
			return c
		}
	}
	return -1
}

// knows reports whether a series has any value.
func (r *ring) knows(column int) bool {
	of := r.data[int64(column)*r.slots:][:r.slots]
	return slices.ContainsFunc(of, func(v float32) bool { return v == v })
}

// widen makes room for one more name.
func (r *ring) widen() {
	wider := make([]float32, len(r.data)+int(r.slots)) // no more than it needs, unlike append
	fresh := wider[copy(wider, r.data):]
	for i := range fresh {
		fresh[i] = nothing
	}
	r.data, r.counts = wider, append(r.counts, 0)
}

var nothing = float32(math.NaN())

// jitter is by how many slots the clock may go back as clocks do that are kept right.
const jitter = 2

// advance makes the slot of a moment the newest one.
func (r *ring) advance(unix int64, names int) {
	to := unix / r.step
	if r.head == 0 {
		r.head = to
		return
	}
	if to == r.head || to < r.head && r.head-to <= jitter {
		return
	}
	first, last := r.head+1, to
	if to < r.head {
		first, last = to, r.head
	}
	for k := first; k <= min(last, first+r.slots-1); k++ {
		for c := range names {
			r.data[int64(c)*r.slots+r.place(k)] = nothing
		}
	}
	r.head = to
	clear(r.counts)
}

func (r *ring) place(k int64) int64 { return ((k % r.slots) + r.slots) % r.slots }

// add takes a value into the mean of the newest slot.
func (r *ring) add(column int, value float64) {
	slot, count := &r.data[int64(column)*r.slots+r.place(r.head)], &r.counts[column]
	if *count < math.MaxUint16 {
		*count++
	}
	if *count == 1 {
		*slot = float32(value)
		return
	}
	*slot += float32((value - float64(*slot)) / float64(*count))
}

// at gives the mean of a slot, NaN where there is none.
func (r *ring) at(column int, k int64) float64 {
	if r.head == 0 || k > r.head || k <= r.head-r.slots {
		return math.NaN()
	}
	return float64(r.data[int64(column)*r.slots+r.place(k)])
}
