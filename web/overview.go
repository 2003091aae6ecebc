package web

import (
	"strconv"
	"time"

	"stathub/state/guard"
)

// Overview is the first page of a master.
type Overview struct {
	Bucket   string // its URL
	Stores   []guard.State
	Term     int64    // of the leader's lease
	Note     string   // why no leader is known, or why it may be another one by now; may be empty
	Problems []string // what is wrong with documents
}

// milliseconds shows a latency.
func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}
