package series

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// Window is a span of time of a chart.
type Window struct{ From, To time.Time }

// MaxPoints is as many points as a line of a chart has at most.
const MaxPoints = 400

// ParseWindow reads the time of a chart: 30min, 1h, 4h, 8h and the like up to now, or a day: 0day is today so far, -1day
// yesterday. A day begins at midnight, east minutes east of UTC. Empty is 1h. Errors are code Invalid.
func ParseWindow(text, east string, now time.Time) (Window, error) {
	if text == "" {
		text = "1h"
	}
	offset := 0
	if east != "" {
		var err error
		if offset, err = strconv.Atoi(east); err != nil || offset < -18*60 || offset > 18*60 {
			return Window{}, state.Errorf(state.Invalid, "", "offset=%s must be minutes east of UTC, such as 480", strconv.Quote(east))
		}
	}
	if back, ok := strings.CutSuffix(text, "day"); ok {
		days, err := strconv.Atoi(back)
		if err == nil && days <= 0 && days >= -maxDays {
			zone := time.FixedZone("", offset*60)
			y, m, d := now.In(zone).Date()
			from := time.Date(y, m, d+days, 0, 0, 0, 0, zone)
			to := from.AddDate(0, 0, 1)
			if to.After(now) {
				to = now
			}
			return Window{from, to}, nil
		}
	} else if span, err := time.ParseDuration(strings.TrimSuffix(text, "in")); err == nil && span >= time.Minute && span <= maxDays*24*time.Hour {
		return Window{now.Add(-span), now}, nil
	}
	return Window{}, state.Errorf(state.Invalid, "", "time=%s must be 30min, 1h, 4h, 8h, 24h, 0day, -1day or -2day", strconv.Quote(text))
}

// maxDays is how far back charts go.
const maxDays = 3

// Step gives the distance of the points of a window, in whole seconds: that of the finest level that goes back to its
// beginning, or a multiple that keeps the points few.
func (s *Set) Step(w Window) int64 {
	_, step := s.level(w)
	return step
}

func (s *Set) level(w Window) (*ring, int64) {
	r := &s.levels[len(s.levels)-1]
	for i := range s.levels {
		// Its newest slot is younger than To, at most; whole slots only, or the first point would be missing.
		if l := &s.levels[i]; (w.To.Unix()/l.step-l.slots+1)*l.step <= w.From.Unix()+l.step && l.reaches(w.From.Unix()) {
			r = l
			break
		}
	}
	span := w.To.Unix() - w.From.Unix()
	many := (span/r.step + MaxPoints - 1) / MaxPoints
	return r, r.step * max(1, many)
}

// reaches reports whether the slots go back to a moment, or would if they had been filled since then.
func (r *ring) reaches(unix int64) bool {
	return r.head == 0 || (r.head-r.slots+1)*r.step <= unix+r.step
}

// Points gives a series over a window: a point for each step, NaN where nothing was measured. A name that there is none of
// has such points only.
func (s *Set) Points(name string, w Window) []Point {
	r, step := s.level(w)
	column := slices.Index(s.names, name)
	points := make([]Point, 0, MaxPoints+2)
	for t := w.From.Unix() / step * step; t <= w.To.Unix(); t += step {
		p := Point{t, math.NaN()}
		if column >= 0 {
			p.Value = r.mean(column, t/r.step, step/r.step)
		}
		points = append(points, p)
	}
	return points
}

// mean is that of count slots from the k-th on.
func (r *ring) mean(column int, k, count int64) float64 {
	sum, known := 0.0, 0
	for i := range count {
		if v := r.at(column, k+i); !math.IsNaN(v) {
			sum += v
			known++
		}
	}
	if known == 0 {
		return math.NaN()
	}
	return sum / float64(known)
}

// Last gives the newest values of a series at the finest level, at most count of them, oldest first; the newest one is of
// the slot of now. NaN is a gap.
func (s *Set) Last(name string, now time.Time, count int) []float64 {
	r := &s.levels[0]
	column := slices.Index(s.names, name)
	if column < 0 {
		return nil
	}
	values := make([]float64, 0, count)
	for k := now.Unix()/r.step - int64(count) + 1; k <= now.Unix()/r.step; k++ {
		values = append(values, r.at(column, k))
	}
	return values
}
