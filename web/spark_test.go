package web

import (
	"html/template"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSpark(t *testing.T) {
	gap := math.NaN()
	for _, tt := range []struct {
		name          string
		shares        []float64
		lines         []string
		last, highest string
	}{
		{"nothing known", nil, nil, "0%", "0%"},
		{"only gaps", []float64{gap, gap}, nil, "0%", "0%"},
		{"from nothing to all", []float64{0, 1}, []string{"1.0,19.0 87.0,1.0"}, "100%", "100%"},
		{"a gap", []float64{1, 1, gap, 0.5, 0.5}, []string{"1.0,1.0 22.5,1.0", "65.5,10.0 87.0,10.0"}, "50%", "100%"},
		{"a point alone", []float64{gap, 1, gap}, []string{"44.0,1.0 44.0,1.0"}, "100%", "100%"},
		{"out of bounds", []float64{-1, 7}, []string{"1.0,19.0 87.0,1.0"}, "700%", "700%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Spark(tt.shares)
			if !slices.Equal(got.Lines, tt.lines) || got.Last != tt.last || got.Highest != tt.highest {
				t.Errorf("Spark(%v) = %+v", tt.shares, got)
			}
		})
	}
}

func TestChartParts(t *testing.T) {
	for _, l := range languages {
		page := template.Must(template.Must(parsers(l)["error"]().Clone()).Parse(
			`{{define "parts"}}{{template "chart-head"}}{{template "chart-range"}}{{template "chart" dict "URL" .URL "Title" "CPU"}}{{template "sparkline" .Load}}{{end}}`))
		var b strings.Builder
		err := page.ExecuteTemplate(&b, "parts", map[string]any{"URL": `/v1/stat/node/cpu?node="><b>`, "Load": Spark([]float64{0.25, 0.5})})
		if err != nil || !strings.Contains(b.String(), "50%") || !strings.Contains(b.String(), `data-range="-1day"`) || strings.Contains(b.String(), "<b>") {
			t.Errorf("in %s: %v\n%s", l.Tag, err, b.String())
		}
	}
}
