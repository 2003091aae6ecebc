package eventlog

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestULIDsRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g ids
		last := ""
		for _, ms := range rapid.SliceOf(rapid.Int64Range(-10, 1<<47)).Draw(t, "times") {
			id := g.next(time.UnixMilli(ms))
			if id <= last || len(id) != ulidLength {
				t.Fatalf("%s after %s", id, last)
			}
			last = id
			back, ok := parseULID(id)
			if !ok || back != g || back.String() != id {
				t.Fatalf("%s is read as %+v, want %+v", id, back, g)
			}
		}
	})
}

// The example of the specification of ULIDs.
func TestULIDTime(t *testing.T) {
	id, ok := parseULID("01ARYZ6S41TSV4RRFFQ69G5FAV")
	if want := time.UnixMilli(1469918176385).UTC(); !ok || !id.time().Equal(want) {
		t.Errorf("time %v, want %v", id.time(), want)
	}
	for _, bad := range []string{"", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAU", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01aryz6s41tsv4rrffq69g5fav"} {
		if _, ok := parseULID(bad); ok {
			t.Errorf("%q is taken for a ULID", bad)
		}
	}
}
