package httpapi

import (
	"testing"

	"stathub/state/metric"
	"stathub/state/series"

	"stathub/state"
)

// Every route has a description in describe.go, and no description is of a route that there is not.
func TestRoutesAreDescribed(t *testing.T) {
	a := &api{opts: Options{Metrics: func(*metric.Writer) {}, Stats: noStats{}}}
	routes, ops := description(a.table()).Undescribed()
	for _, r := range routes {
		t.Errorf("%s is served, and describe.go does not say what it does", r)
	}
	for _, r := range ops {
		t.Errorf("describe.go describes %s, which is not served", r)
	}
}

type noStats struct{}

func (noStats) Chart(string, series.Window, *state.Facts) (series.Chart, error) {
	return series.Chart{}, nil
}
