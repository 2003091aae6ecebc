package circuit_test

import (
	"testing"

	"stathub/state"
	"stathub/state/circuit"
	"stathub/state/memstore"
	"stathub/state/meter"
	"stathub/state/storetest"
)

// What a program uses is the store behind both wrappers, and it keeps every promise of a store.
func TestContract(t *testing.T) {
	open := func() *memstore.Store { return memstore.New() }
	wrap := func(s state.Store) state.Store { return circuit.New(meter.New(s), circuit.Options{}) }
	storetest.RunWith(t, func(*testing.T) state.Store { return wrap(open()) }, storetest.Options{
		Hints: true,
		Shared: func(_ *testing.T, n int) []state.Store {
			one, all := open(), make([]state.Store, n)
			for i := range all {
				all[i] = wrap(one)
			}
			return all
		},
	})
}
