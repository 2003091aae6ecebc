package control

import (
	"testing"
	"time"
)

func TestLooksAtEdits(t *testing.T) {
	for name, c := range map[string]struct {
		quiet time.Duration
		told  bool
		want  int // looks in 12 polls
	}{
		"somebody edits":                            {time.Minute, false, 12},
		"nobody has for long":                       {time.Hour, false, 4},
		"the bucket tells of changes":               {time.Hour, true, 1},
		"the bucket tells, while somebody edits":    {time.Minute, true, 1},
		"a clock that was set back: as if edited":   {-time.Hour, false, 12},
		"at the end of what counts as being edited": {editing, false, 4},
	} {
		n := 0
		for turn := range 12 {
			if looksAtEdits(turn, c.quiet, c.told) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s: %d looks in 12 polls, want %d", name, n, c.want)
		}
	}
}
