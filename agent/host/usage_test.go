package host

import (
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	var m Meter
	now := time.Now()
	first, err := m.Measure(t.Context(), now)
	if err != nil {
		t.Skipf("this system does not tell: %v", err)
	}
	if first.Memory.Used == 0 || first.Memory.Available == 0 || first.CPU != 0 {
		t.Errorf("at first %+v", first)
	}
	// As if everything since the machine started had happened in the last 10 s.
	m.at, m.busy, m.in, m.out = now.Add(-10*time.Second), 0, 0, 0
	second, err := m.Measure(t.Context(), now)
	if err != nil || second.CPU <= 0 {
		t.Errorf("then %+v, %v", second, err)
	}
	if third, _ := m.Measure(t.Context(), now.Add(time.Millisecond)); third.CPU != second.CPU {
		t.Errorf("a moment later %v cores, were %v", third.CPU, second.CPU)
	}
	seen := map[string]bool{}
	for _, d := range second.Disks {
		if d.Used > d.Total || d.Total == 0 || seen[d.DirName] {
			t.Errorf("disk %+v", d)
		}
		seen[d.DirName] = true
	}
}

func TestCountersThatGoBack(t *testing.T) {
	if got := perSecond(5, 100, 10); got != 0 {
		t.Errorf("perSecond(5, 100) = %d", got)
	}
	if got := perSecond(200, 100, 10); got != 10 {
		t.Errorf("perSecond(200, 100) in 10 s = %d", got)
	}
}

func BenchmarkMeasure(b *testing.B) {
	var m Meter
	now := time.Now()
	for i := 0; b.Loop(); i++ {
		if _, err := m.Measure(b.Context(), now.Add(time.Duration(i)*10*time.Second)); err != nil {
			b.Skip(err)
		}
	}
}
