package metric

import (
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of a Histogram's buckets in seconds: what a request to a bucket takes, from a disk in the
// same room to one that is given up.
var bounds = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// Histogram counts how long something took. The zero Histogram is empty; it is safe for concurrent use.
type Histogram struct {
	buckets [len(bounds) + 1]atomic.Int64
	sum     atomic.Int64 // ns
}

// Observe adds one.
func (h *Histogram) Observe(d time.Duration) {
	at := 0
	for at < len(bounds) && d.Seconds() > bounds[at] {
		at++
	}
	h.buckets[at].Add(1)
	h.sum.Add(int64(d))
}

// HistogramFamily begins a family of histograms.
func (w *Writer) HistogramFamily(name, help string) { w.Family(name, histogram, help) }

// Histogram writes one of the family, with labels as Sample has them.
func (w *Writer) Histogram(h *Histogram, labels ...string) {
	var total int64
	for i := range h.buckets {
		total += h.buckets[i].Load()
		bound := "+Inf"
		if i < len(bounds) {
			bound = number(bounds[i])
		}
		w.sample("_bucket", float64(total), append(labels[:len(labels):len(labels)], "le", bound))
	}
	w.sample("_sum", time.Duration(h.sum.Load()).Seconds(), labels)
	w.sample("_count", float64(total), labels)
}
