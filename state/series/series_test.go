package series

import (
	"bytes"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

var start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func twoLevels() *Set {
	return New(4, Level{10 * time.Second, time.Minute}, Level{30 * time.Second, 5 * time.Minute})
}

func known(points []Point) (values []float64) {
	for _, p := range points {
		if !math.IsNaN(p.Value) {
			values = append(values, p.Value)
		}
	}
	return values
}

// Each slot that is kept is the mean of what was measured in it, at every level; nothing else is there.
func TestSlotsAreMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := twoLevels(), start
		type key struct{ step, slot int64 }
		sums, counts := map[key]float64{}, map[key]float64{}
		for range rapid.IntRange(1, 120).Draw(t, "samples") {
			now = now.Add(time.Duration(rapid.IntRange(0, 45).Draw(t, "seconds")) * time.Second)
			v := float64(rapid.IntRange(-1000, 1000).Draw(t, "value"))
			if rapid.IntRange(0, 9).Draw(t, "measured") == 0 {
				v = math.NaN()
			}
			s.Add(now, Value{"a", v})
			for i := range s.levels {
				if k := (key{s.levels[i].step, now.Unix() / s.levels[i].step}); !math.IsNaN(v) {
					sums[k] += v
					counts[k]++
				}
			}
		}
		if len(s.names) == 0 {
			return
		}
		for i := range s.levels {
			r := &s.levels[i]
			for slot := now.Unix()/r.step - 2*r.slots; slot <= now.Unix()/r.step+3; slot++ {
				k, got := key{r.step, slot}, r.at(0, slot)
				kept := slot > now.Unix()/r.step-r.slots && counts[k] > 0
				if kept != !math.IsNaN(got) || kept && math.Abs(got-sums[k]/counts[k]) > 0.01 {
					t.Fatalf("slot %d of %d s is %v, want the mean of %v values with sum %v", slot, r.step, got, counts[k], sums[k])
				}
			}
		}
	})
}

// Whatever the clock does, it neither fails nor tells of the future, and a file brings all of it back.
func TestClocksAndFiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := twoLevels(), start
		for range rapid.IntRange(0, 40).Draw(t, "samples") {
			now = now.Add(time.Duration(rapid.IntRange(-400, 400).Draw(t, "seconds")) * time.Second)
			s.Add(now, Value{strconv.Itoa(rapid.IntRange(0, 5).Draw(t, "name")), 1})
		}
		for i := range s.levels {
			if r := &s.levels[i]; r.head*r.step > now.Unix()+jitter*r.step {
				t.Fatalf("the newest slot of %d s is %d at %d", r.step, r.head, now.Unix())
			}
		}
		w, err := ParseWindow(rapid.SampledFrom([]string{"", "30min", "1h", "24h", "0day", "-1day", "-2day"}).Draw(t, "time"), "", now)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := s.MarshalBinary()
		back := twoLevels()
		if err := back.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(s.Names(), "none") {
			a, b := s.Points(name, w), back.Points(name, w)
			if len(a) == 0 || len(a) > MaxPoints+2 || len(a) != len(b) {
				t.Fatalf("%d points, and %d of the file", len(a), len(b))
			}
			for i := range a {
				if a[i].At != b[i].At || a[i].Value != b[i].Value && !math.IsNaN(a[i].Value) {
					t.Fatalf("%v is %v in the file", a[i], b[i])
				}
				if i > 0 && a[i].At-a[i-1].At != s.Step(w) {
					t.Fatalf("points are %d s apart, want %d", a[i].At-a[i-1].At, s.Step(w))
				}
			}
		}
	})
}

func TestResolutionFollowsTheWindow(t *testing.T) {
	s := New(MaxNames, Level{10 * time.Second, time.Hour}, Level{time.Minute, 24 * time.Hour}, Level{10 * time.Minute, 96 * time.Hour})
	for now := start.Add(-80 * time.Hour); !now.After(start); now = now.Add(time.Minute) {
		s.Add(now, Value{CPU, 2})
	}
	for _, tt := range []struct {
		text   string
		step   int64
		values int
	}{{"30min", 10, 31}, {"1h", 10, 60}, {"4h", 60, 241}, {"8h", 120, 241}, {"24h", 240, 361}, {"0day", 120, 361}, {"-1day", 600, 145}, {"-2day", 600, 145}} {
		w, err := ParseWindow(tt.text, "", start)
		if err != nil {
			t.Fatal(err)
		}
		points := s.Points(CPU, w)
		if got := len(known(points)); s.Step(w) != tt.step || got < tt.values-2 || got > tt.values+1 || len(points) > MaxPoints+2 {
			t.Errorf("%s: %d of %d points have values, %d s apart; want %d, %d s apart", tt.text, got, len(points), s.Step(w), tt.values, tt.step)
		}
	}
}

func TestWindows(t *testing.T) {
	now := time.Date(2026, 3, 14, 20, 30, 0, 0, time.UTC)
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		text, east string
		from, to   time.Time
	}{
		{"", "", now.Add(-time.Hour), now}, {"30min", "", now.Add(-30 * time.Minute), now}, {"24h", "", now.Add(-24 * time.Hour), now},
		{"0day", "", at(14, 0), now}, {"-1day", "", at(13, 0), at(14, 0)}, {"-2day", "0", at(12, 0), at(13, 0)},
		{"0day", "480", at(14, 16), now}, {"-1day", "480", at(13, 16), at(14, 16)}, {"0day", "-300", at(14, 5), now},
	} {
		if w, err := ParseWindow(tt.text, tt.east, now); err != nil || !w.From.Equal(tt.from) || !w.To.Equal(tt.to) {
			t.Errorf("ParseWindow(%q, %q) = %v, %v", tt.text, tt.east, w, err)
		}
	}
	for _, bad := range [][2]string{{"1"}, {"1day"}, {"-9day"}, {"-1h"}, {"1000h"}, {"5s"}, {"day"}, {"1h", "x"}, {"1h", "9999"}} {
		if _, err := ParseWindow(bad[0], bad[1], now); state.CodeOf(err) != state.Invalid {
			t.Errorf("ParseWindow(%q, %q): %v", bad[0], bad[1], err)
		}
	}
}

func TestTooManyNames(t *testing.T) {
	s := twoLevels()
	add := func(now time.Time, names ...string) {
		for _, n := range names {
			s.Add(now, Value{n, 1})
		}
	}
	add(start, "a", "b", "c", "d", "e")
	if got := len(s.Names()); got != 4 {
		t.Fatalf("%d names are kept", got)
	}
	later := start.Add(time.Hour)
	add(later, "b", "e")
	if values := s.Last("e", later, 3); len(values) != 3 || values[2] != 1 {
		t.Errorf("a new disk has not the place of one that is gone long since: %v, %v", values, s.Names())
	}
}

func TestCharts(t *testing.T) {
	s := New(MaxNames, Level{10 * time.Second, time.Hour})
	u := &state.Usage{CPU: 1.5, Load: []float64{1, 2, 3}, Memory: state.MemoryUsage{Used: 3 << 30, Available: 5 << 30},
		Disks: []state.DiskUsage{{DirName: "/", Used: 7, Total: 9}}, Net: state.NetUsage{In: 10, Out: 20}}
	s.Add(start, Values(u)...)
	facts := &state.Facts{OS: state.OS{CPUs: 4}, Memory: state.Memory{Total: 8 << 30}}
	w := Window{start.Add(-15 * time.Second), start}
	for what, want := range map[string]string{
		"os":   `"series":[{"name":"load1","points":[[1773489580,null],[1773489590,null],[1773489600,1]]},{"name":"load5"`,
		"cpu":  `"unit":"cores","from":1773489585,"to":1773489600,"step":10,"series":[{"name":"cpu","max":4,"points":[[1773489580,null],[1773489590,null],[1773489600,1.5]]}]}`,
		"mem":  `{"name":"available","max":8589934592,"points":[[1773489580,null],[1773489590,null],[1773489600,5368709000]]}]}`,
		"disk": `"series":[{"name":"/","max":9,"points":`,
		"net":  `"unit":"bytes/s"`,
	} {
		c, err := s.NodeChart(what, w, facts, u)
		if err != nil {
			t.Fatal(err)
		}
		if got := state.EncodeLine(&c); !bytes.Contains(got, []byte(want)) {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	if _, err := s.NodeChart("gpu", w, facts, nil); state.CodeOf(err) != state.NotFound {
		t.Errorf("of something else: %v", err)
	}
}

func FuzzUnmarshalBinary(f *testing.F) {
	s := twoLevels()
	s.Add(start, Value{"a", 1})
	data, _ := s.MarshalBinary()
	f.Add(data)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := twoLevels()
		got.Add(start, Value{"b", 2})
		if got.UnmarshalBinary(data) != nil {
			if v := got.Last("b", start, 1); v[0] != 2 {
				t.Error("a file that could not be read changed the set")
			}
			return
		}
		got.Add(start.Add(time.Minute), Value{"c", 2})
		got.Points("a", Window{start.Add(-time.Hour), start})
	})
}

func BenchmarkAdd(b *testing.B) {
	s := New(MaxNames, Level{10 * time.Second, time.Hour}, Level{time.Minute, 24 * time.Hour}, Level{10 * time.Minute, 96 * time.Hour})
	values := Values(&state.Usage{Load: []float64{1, 2, 3}, Disks: make([]state.DiskUsage, 1)})
	for i := 0; b.Loop(); i++ {
		s.Add(start.Add(time.Duration(i)*10*time.Second), values...)
	}
}
