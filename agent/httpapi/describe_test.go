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
	described := description(a.table())
	routes, ops := described.Undescribed()
	for _, r := range routes {
		t.Errorf("%s is served, and describe.go does not say what it does", r)
	}
	for _, r := range ops {
		t.Errorf("describe.go describes %s, which is not served", r)
	}
	if d := described.Document(); len(d.Components.Schemas) < 10 || d.Components.Schemas.Get("App") == nil {
		t.Errorf("the document has the schemas %v", d.Components.Schemas)
	}
}

type noStats struct{}

func (noStats) Chart(string, series.Window, *state.Facts) (series.Chart, error) {
	return series.Chart{}, nil
}
