package metric_test

import (
	"testing"
	"time"

	"stathub/state/metric"
	"stathub/state/metric/metrictest"
)

func TestText(t *testing.T) {
	var w metric.Writer
	w.Family("odd_total", metric.Counter, "Help with a \\ and\na second line.")
	w.Sample(1e9, "who", "a \"quote\", a \\ and\na line \xff编排")
	w.One("plain", metric.Gauge, "One.", 0.25)
	w.Family("yes", metric.Gauge, "Two.")
	w.Bool(true, "of", "x")
	w.Bool(false, "of", "y")
	var h metric.Histogram
	for _, d := range []time.Duration{0, time.Millisecond, 1100 * time.Microsecond, time.Second, time.Hour} {
		h.Observe(d)
	}
	w.HistogramFamily("took_seconds", "Three.")
	w.Histogram(&h, "op", "get")
	w.Histogram(&metric.Histogram{}, "op", "put")
	w.Program("a-program", "1.2.3", time.Now())

	families := metrictest.Families(t, metric.ContentType, w.Bytes())
	if l := families["odd_total"].Metric[0].Label[0].GetValue(); l != "a \"quote\", a \\ and\na line \uFFFD编排" {
		t.Errorf("label %q", l)
	}
	if help := families["odd_total"].GetHelp(); help != "Help with a \\ and\na second line." {
		t.Errorf("help %q", help)
	}
	got := families["took_seconds"].Metric[0].Histogram
	if got.GetSampleCount() != 5 || got.GetSampleSum() < 3601 || got.GetSampleSum() > 3601.01 {
		t.Errorf("histogram %v", got)
	}
	for i, want := range map[int]uint64{0: 2, 1: 3, 9: 4, 13: 4, 14: 5} {
		if b := got.Bucket[i]; b.GetCumulativeCount() != want {
			t.Errorf("bucket %v, want %d", b, want)
		}
	}
	for name, want := range map[string]float64{"plain": 0.25, "odd_total": 1e9, "yes": 1, "stathub_build_info": 1} {
		if v, ok := metrictest.Value(families, name); !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if v, _ := metrictest.Value(families, "go_goroutines"); v < 1 {
		t.Errorf("%v goroutines", v)
	}
}
