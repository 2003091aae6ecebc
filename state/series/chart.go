package series

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Chart is what /v1/stat answers (design section 7).
type Chart struct {
	Node   string `json:"node,omitzero"`
	What   string `json:"what"`
	Unit   string `json:"unit"` // bytes, bytes/s, cores; empty: a number
	From   int64  `json:"from"` // seconds of the Unix time
	To     int64  `json:"to"`
	Step   int64  `json:"step"` // seconds between two points
	Series []Line `json:"series"`
	Note   string `json:"note,omitzero"` // what to know of it, such as why it is not the agent's own
}

// Line is one series of a chart. All of a chart have points at the same times.
type Line struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit,omitzero"` // where the lines of a chart have several; else that of the chart
	Max    float64 `json:"max,omitzero"`  // the whole, such as all cores; 0: there is none
	Points []Point `json:"points"`
}

// Point is a mean over the step that begins at a time. In JSON it is [time, value], the value to some 7 digits, null for NaN.
type Point struct {
	At    int64 // seconds of the Unix time
	Value float64
}

// MarshalJSONTo writes it.
func (p Point) MarshalJSONTo(enc *jsontext.Encoder) error {
	b := strconv.AppendInt([]byte{'['}, p.At, 10)
	if b = append(b, ','); math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendFloat(b, float64(float32(p.Value)), 'f', -1, 32)
	}
	return enc.WriteValue(append(b, ']'))
}

// UnmarshalJSONFrom reads it.
func (p *Point) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var pair [2]*float64
	if err := json.UnmarshalDecode(dec, &pair); err != nil {
		return err
	}
	*p = Point{Value: math.NaN()}
	if pair[0] != nil {
		p.At = int64(*pair[0])
	}
	if pair[1] != nil {
		p.Value = *pair[1]
	}
	return nil
}

// Chart makes a chart of some of the series, in the order that is asked for.
func (s *Set) Chart(what, unit string, w Window, lines ...Line) Chart {
	c := Chart{What: what, Unit: unit, From: w.From.Unix(), To: w.To.Unix(), Step: s.Step(w), Series: []Line{}}
	for _, l := range lines {
		c.Series = append(c.Series, Line{Name: l.Name, Max: l.Max, Points: s.Points(l.Name, w)})
	}
	return c
}
