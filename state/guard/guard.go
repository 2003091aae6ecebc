// Package guard is how a program reaches its buckets: every request is counted (meter), and none waits long for a bucket
// that is out of reach (circuit). What is known of the buckets shows on the program's page and in its metrics.
package guard

import (
	"slices"
	"sync"

	"stathub/state"
	"stathub/state/circuit"
	"stathub/state/meter"
	"stathub/state/metric"
)

// Store is a store with its guards.
type Store struct {
	*circuit.Circuit
	Name  string
	Meter *meter.Meter
}

// State is how a store is doing, with its name.
type State struct {
	Name string
	circuit.State
}

// Stores are those of one program. The zero Stores is empty; it is safe for concurrent use.
type Stores struct {
	mu  sync.Mutex
	all []*Store
}

// Add guards a store under a name of its own, such as "bucket"; closing the result closes the store.
func (s *Stores) Add(name string, store state.Store) *Store {
	counted := meter.New(store)
	added := &Store{Circuit: circuit.New(counted, circuit.Options{}), Name: name, Meter: counted}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, added)
	return added
}

func (s *Stores) list() []*Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// States gives how the stores are doing, in the order in which they were added.
func (s *Stores) States() []State {
	var all []State
	for _, store := range s.list() {
		all = append(all, State{store.Name, store.Circuit.State()})
	}
	return all
}

// Write writes what is known of the stores as metrics, with their names as label "store".
func (s *Stores) Write(w *metric.Writer) {
	var meters []meter.Named
	for _, store := range s.list() {
		meters = append(meters, meter.Named{Name: store.Name, Meter: store.Meter})
	}
	meter.Write(w, meters...)
	states := s.States()
	w.Family("stathub_store_circuit_open", metric.Gauge, "1 while the store is taken to be out of reach, so that requests fail at once.")
	for _, st := range states {
		w.Bool(st.Open, "store", st.Name)
	}
	w.Family("stathub_store_away_since_seconds", metric.Gauge, "Since when requests to the store have failed, in seconds since 1970; 0: the last one was answered.")
	for _, st := range states {
		since := 0.0
		if !st.Since.IsZero() {
			since = float64(st.Since.UnixMilli()) / 1000
		}
		w.Sample(since, "store", st.Name)
	}
}
