package state_test

import (
	"errors"
	"fmt"
	"testing"

	"stathub/state"
)

func TestTrouble(t *testing.T) {
	away := func(key, at string) error { return state.Errorf(state.Unavailable, key, "asked again at %s", at) }
	tests := []struct {
		name string
		a, b error
		same bool
	}{
		{"an outage, by key and time", away("apps/", "10:00:00"), fmt.Errorf("cannot list: %w", away("nodes/", "10:00:03")), true},
		{"another failure", errors.New("disk full"), errors.New("no rights"), false},
		{"the same failure", errors.New("disk full"), errors.New("disk full"), true},
		{"an outage and another failure", away("apps/", "10:00:00"), state.Errorf(state.Denied, "apps/", "no rights"), false},
		{"a failure and none", away("apps/", "10:00:00"), nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if a, b := state.Trouble(test.a), state.Trouble(test.b); (a == b) != test.same {
				t.Errorf("%q and %q", a, b)
			}
		})
	}
}
