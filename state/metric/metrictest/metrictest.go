// Package metrictest checks what a program tells at /metrics, in tests.
package metrictest

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"stathub/state/metric"
)

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	notBase  = regexp.MustCompile(`_(ms|millis|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|percent)(_|$)`)
)

// Families reads the text as a collector would, and checks names and helps as `promtool check metrics` does.
func Families(t testing.TB, contentType string, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	if contentType != metric.ContentType {
		t.Errorf("Content-Type %q, want %q", contentType, metric.ContentType)
	}
	var p expfmt.TextParser
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("/metrics cannot be read: %v\n%s", err, text)
	}
	for name, f := range families {
		total := strings.HasSuffix(name, "_total")
		switch {
		case !nameForm.MatchString(name):
			t.Errorf("%s: no good name", name)
		case notBase.MatchString(name):
			t.Errorf("%s: use base units", name)
		case f.GetHelp() == "":
			t.Errorf("%s: no help", name)
		case f.GetType() == dto.MetricType_UNTYPED:
			t.Errorf("%s: no type", name)
		case total != (f.GetType() == dto.MetricType_COUNTER):
			t.Errorf("%s: counters end in _total, and nothing else does", name)
		case f.GetType() == dto.MetricType_HISTOGRAM && !strings.HasSuffix(name, "_seconds") && !strings.HasSuffix(name, "_bytes"):
			t.Errorf("%s: no unit", name)
		}
		seen := map[string]bool{}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if !nameForm.MatchString(l.GetName()) {
					t.Errorf("%s: label %q", name, l.GetName())
				}
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := strings.Join(labels, ",")
			if seen[key] {
				t.Errorf("%s{%s} is there twice", name, key)
			}
			seen[key] = true
		}
	}
	return families
}

// Value gives the number of the sample of a family whose labels, as pairs of a name and a value, are all there; the sum
// where there are several.
func Value(families map[string]*dto.MetricFamily, name string, labels ...string) (sum float64, found bool) {
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		if fits {
			found = true
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum, found
}
