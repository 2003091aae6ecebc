// Package metric writes numbers in the text format that Prometheus and its kin collect (text exposition format 0.0.4).
package metric

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// ContentType is the media type of what a Writer wrote.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is the kind of a family of samples.
type Kind string

// The kinds of families that are written here.
const (
	Counter Kind = "counter" // only grows while the program runs; its name ends in _total
	Gauge   Kind = "gauge"

	histogram Kind = "histogram"
)

// Writer collects families. Names and labels are the caller's to choose well: [a-z_]+ with base units.
type Writer struct {
	b      bytes.Buffer
	family string
}

// Family begins a family; the samples that follow are its own. A family is begun once.
func (w *Writer) Family(name string, kind Kind, help string) {
	w.family = name
	w.b.WriteString("# HELP " + name + " " + helpText.Replace(help) + "\n# TYPE " + name + " " + string(kind) + "\n")
}

// Sample writes a number of the family, with labels as pairs of a name and a value.
func (w *Writer) Sample(value float64, labels ...string) { w.sample("", value, labels) }

// Bool writes 1 for true, 0 for false.
func (w *Writer) Bool(value bool, labels ...string) {
	number := 0.0
	if value {
		number = 1
	}
	w.Sample(number, labels...)
}

// One writes a family of a single sample.
func (w *Writer) One(name string, kind Kind, help string, value float64) {
	w.Family(name, kind, help)
	w.Sample(value)
}

// Bytes is what was written so far.
func (w *Writer) Bytes() []byte { return w.b.Bytes() }

var (
	helpText   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelValue = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (w *Writer) sample(suffix string, value float64, labels []string) {
	w.b.WriteString(w.family + suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		w.b.WriteByte("{,"[min(i, 1)])
		w.b.WriteString(labels[i] + `="` + labelValue.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")) + `"`)
	}
	if len(labels) > 1 {
		w.b.WriteByte('}')
	}
	w.b.WriteString(" " + number(value) + "\n")
}

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
