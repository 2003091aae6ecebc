package web

import (
	"math"
	"strconv"
	"strings"
)

// Sparkline is a small chart as template "sparkline" draws it.
type Sparkline struct {
	Width, Height int
	Lines         []string // points of an SVG polyline each; gaps are between them; none: nothing is known
	Last, Highest string   // in percent
}

const sparkWidth, sparkHeight = 88, 20

// chartRanges are the times that people choose from for charts, as /v1/stat takes them.
func chartRanges() []string {
	return []string{"30min", "1h", "4h", "8h", "24h", "0day", "-1day", "-2day"}
}

// Spark draws shares of a whole, 0 to 1, oldest first, over the whole width. NaN is a gap.
func Spark(shares []float64) Sparkline {
	s := Sparkline{Width: sparkWidth, Height: sparkHeight}
	step := float64(sparkWidth-2) / float64(max(1, len(shares)-1))
	var line strings.Builder
	end := func() {
		if line.Len() > 0 {
			s.Lines = append(s.Lines, line.String())
			line.Reset()
		}
	}
	last, highest := 0.0, 0.0
	for i, v := range shares {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			end()
			continue
		}
		last, highest = v, max(highest, v)
		x, y := 1+float64(i)*step, 1+(1-min(1, max(0, v)))*(sparkHeight-2)
		if line.Len() > 0 {
			line.WriteByte(' ')
		} else if i+1 == len(shares) || math.IsNaN(shares[i+1]) { // a point alone: a line of no length is drawn as a dot
			line.WriteString(point(x, y) + " ")
		}
		line.WriteString(point(x, y))
	}
	end()
	s.Last, s.Highest = percent(last), percent(highest)
	return s
}

func point(x, y float64) string {
	return strconv.FormatFloat(x, 'f', 1, 64) + "," + strconv.FormatFloat(y, 'f', 1, 64)
}

func percent(share float64) string { return strconv.FormatFloat(share*100, 'f', 0, 64) + "%" }
