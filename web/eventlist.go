package web

import (
	"time"

	"stathub/state"
)

// EventList is the page that finds events.
type EventList struct {
	Query, Node, App, Kind, Since string // as they are asked for; all of them narrow the search
	Fault                         *QueryFault
	Warnings                      []string
	Events                        Events
	Pager                         Pager
	Histogram                     Histogram
	Spans                         []string // that Since may be
	Families                      []string // that Kind may be
	Apps                          []string // names, to choose from
	Searched                      string   // the query that all of that makes
}

// Narrowed reports whether something is left out.
func (l EventList) Narrowed() bool {
	return l.Query != "" || l.Node != "" || l.App != "" || l.Kind != "" || l.Since != ""
}

// Histogram shows how many events there were when.
type Histogram struct {
	Bars []HistogramBar
	To   time.Time     // the end of the last bar
	Step time.Duration // of a bar
	Most int           // the most events of a bar
	Cut  int           // more than 0: it shows so many events alone, the newest
}

// HistogramBar is a bar, 1 wide; sizes are in units of which the histogram is HistogramHeight high.
type HistogramBar struct {
	At                            time.Time // its begin
	Count, Bad                    int       // events, and those of them that somebody should look at
	X, Y, Height, BadY, BadHeight int
}

// HistogramHeight is the height of a histogram in its own units.
const HistogramHeight = 40

const (
	maxBars  = 60
	maxCount = 1 << 30 // that one event may stand for
)

// steps are what a bar may be of.
var steps = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// NewHistogram counts events, the newest first, in bars from the oldest of them, or from since, until now. There are none
// where all happened at one moment. An event that stands for several counts as those.
func NewHistogram(rows []*state.Event, since, now time.Time) (h Histogram) {
	if len(rows) == 0 {
		return h
	}
	first, last := rows[len(rows)-1].At, rows[0].At
	if !since.IsZero() {
		first, last = since, now
	}
	if last.Before(first) {
		return h
	}
	span := last.Sub(first) // of clocks that are wrong it may be as long as a duration can be: (maxBars-1)*h.Step could overflow
	for _, h.Step = range steps {
		if span/h.Step < maxBars-1 {
			break
		}
	}
	for span/h.Step >= maxBars-1 {
		h.Step *= 2
	}
	begin := first.UTC().Truncate(h.Step)
	bars := make([]HistogramBar, int(last.Sub(begin)/h.Step)+1)
	h.To = begin.Add(time.Duration(len(bars)) * h.Step)
	for i := range bars {
		bars[i].At, bars[i].X = begin.Add(time.Duration(i)*h.Step), i
	}
	for _, e := range rows {
		i := int(e.At.Sub(begin) / h.Step)
		if e.At.Before(begin) || i >= len(bars) {
			continue // of a clock that is wrong
		}
		n := min(max(1, e.Count), maxCount)
		if bars[i].Count += n; (EventRow{e}).Bad() {
			bars[i].Bad += n
		}
		h.Most = max(h.Most, bars[i].Count)
	}
	if h.Most == 0 || len(bars) < 2 {
		return Histogram{}
	}
	for i := range bars {
		b := &bars[i]
		b.Height, b.BadHeight = height(b.Count, h.Most), height(b.Bad, h.Most)
		b.Y, b.BadY = HistogramHeight-b.Height, HistogramHeight-b.BadHeight
	}
	h.Bars = bars
	return h
}

// height of a bar: one that is not empty can be seen.
func height(n, most int) int {
	if n == 0 {
		return 0
	}
	return max(2, HistogramHeight*n/most)
}

// From is the begin of the first bar.
func (h Histogram) From() time.Time { return h.Bars[0].At }

// Height is that of the histogram in its own units.
func (Histogram) Height() int { return HistogramHeight }
