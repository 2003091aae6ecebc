package state

import (
	"fmt"
	"testing"
)

func TestSequence(t *testing.T) {
	for _, tc := range []struct {
		n    string
		want Code
	}{
		{"0", ""}, {"1", ""}, {"9007199254740991", ""}, {"9007199254740992", Nonsense}, {"9223372036854775807", Nonsense},
		{"9223372036854775808", Invalid}, {"-1", Nonsense},
	} {
		for _, member := range []string{"term", "generation"} {
			text := fmt.Sprintf(`{"node": "a", %q: %s, "apps": []}`, member, tc.n)
			if _, err := Decode[Manifest]("manifests/a.json", []byte(text)); CodeOf(err) != tc.want {
				t.Errorf("manifest with %s %s: %v", member, tc.n, err)
			}
			text = fmt.Sprintf(`{"node": "a", "manifest": {%q: %s}}`, member, tc.n)
			if _, err := Decode[Report]("reports/a.json", []byte(text)); CodeOf(err) != tc.want {
				t.Errorf("report with %s %s: %v", member, tc.n, err)
			}
		}
	}
}
