package health

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
)

func check(delay, interval float64, limit int) state.HealthCheck {
	return state.HealthCheck{
		InitialDelaySeconds: delay, IntervalSeconds: interval, MaxConsecutiveFailures: limit,
		Protocol: TCP, TimeoutSeconds: 5,
	}
}

// watch runs a monitor in the bubble for some time, and gives what it reported and when.
func watch(spec Spec, c Check, lasting time.Duration) (*Monitor, []Summary, []time.Duration) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), lasting)
	defer cancel()
	var sums []Summary
	var at []time.Duration
	m := NewMonitor(c, spec)
	m.Run(ctx, func(s Summary) { sums, at = append(sums, s), append(at, time.Since(begin)) })
	return m, sums, at
}

func passing(context.Context, Probe) Outcome { return Outcome{OK: true, Message: "fine"} }
func failing(context.Context, Probe) Outcome { return Outcome{Code: 500, Message: "bad"} }

func TestTheChecksOfTheSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, sums, at := watch(Spec{Checks: []state.HealthCheck{check(60, 20, 3)}, Started: time.Now(), Ports: []int{80}}, failing, 125*time.Second)
		if want := []time.Duration{60 * time.Second, 80 * time.Second, 100 * time.Second, 120 * time.Second}; !reflect.DeepEqual(at, want) {
			t.Fatalf("ran at %v, want %v", at, want)
		}
		wantHealth := []state.Health{state.HealthUnknown, state.HealthUnknown, state.HealthUnhealthy, state.HealthUnhealthy}
		for i, s := range sums {
			if s.Health != wantHealth[i] || (s.Failed != nil) != (i == 2) || s.Results[0].Failures != i+1 {
				t.Errorf("result %d: %+v", i, s)
			}
		}
		f := sums[2].Failed
		if f.Code != 500 || f.Message != "bad" || f.Target != "127.0.0.1:80" || f.Protocol != TCP {
			t.Errorf("failed: %+v", *f)
		}
	})
}

func TestChecksCountIndependently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The second check fails every other time; the third fails from its fourth run on.
		var mu sync.Mutex
		runs := map[int]int{}
		c := func(_ context.Context, p Probe) Outcome {
			mu.Lock()
			defer mu.Unlock()
			n := p.Check.PortIndex
			runs[n]++
			return Outcome{OK: n == 0 || n == 1 && runs[n]%2 == 1 || n == 2 && runs[n] < 4}
		}
		checks := []state.HealthCheck{check(0, 1, 1), check(0, 1, 2), check(0, 2, 2)}
		for i := range checks {
			checks[i].PortIndex = i
		}
		_, sums, at := watch(Spec{Checks: checks, Started: time.Now(), Ports: []int{1, 2, 3}}, c, 8500*time.Millisecond)
		var failed []string
		for i, s := range sums {
			if s.Failed != nil {
				failed = append(failed, fmt.Sprint(s.Failed.Check, at[i]))
			}
		}
		if want := []string{"2 8s"}; !reflect.DeepEqual(failed, want) {
			t.Errorf("failed: %v, want %v", failed, want)
		}
		if h := sums[2].Health; h != state.HealthHealthy {
			t.Errorf("after the first result of each: %s", h)
		}
		if h := sums[1].Health; h != state.HealthUnknown {
			t.Errorf("with one result missing: %s", h)
		}
	})
}

func TestSlowCheckNeitherOverlapsNorBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var began []time.Duration
		running := 0
		slow := func(context.Context, Probe) Outcome {
			if running++; running > 1 {
				t.Error("two runs at a time")
			}
			began = append(began, time.Since(begin))
			time.Sleep(25 * time.Second)
			running--
			return Outcome{OK: true}
		}
		watch(Spec{Checks: []state.HealthCheck{check(0, 10, 1)}, Started: begin}, slow, 95*time.Second)
		// Due at 10 and 20 while it runs: one run at 25 for both, then the one at 40, late.
		want := []time.Duration{0, 25 * time.Second, 50 * time.Second, 75 * time.Second}
		if !reflect.DeepEqual(began, want) {
			t.Errorf("began at %v, want %v", began, want)
		}
	})
}

func TestSlowChecksDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := func(ctx context.Context, p Probe) Outcome {
			if p.Check.Path == "/slow" {
				<-ctx.Done()
			}
			return Outcome{OK: true}
		}
		slow := check(0, 1, 1)
		slow.Path = "/slow"
		_, sums, _ := watch(Spec{Checks: []state.HealthCheck{slow, check(0, 1, 1)}, Started: time.Now()}, c, 9500*time.Millisecond)
		if len(sums) != 10 {
			t.Errorf("%d results of the quick check, want 10", len(sums))
		}
	})
}

func TestAdoptedProcessIsCheckedAtOnceAndThenOnItsGrid(t *testing.T) {
	for name, tt := range map[string]struct {
		age  time.Duration
		want []time.Duration
	}{
		"long ago":              {615 * time.Second, []time.Duration{0, 25 * time.Second, 45 * time.Second}},
		"just before a run":     {619 * time.Second, []time.Duration{0, 21 * time.Second, 41 * time.Second}},
		"within the delay":      {50 * time.Second, []time.Duration{10 * time.Second, 30 * time.Second, 50 * time.Second}},
		"clock was turned back": {-time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now().Add(-tt.age).Round(0)
				_, _, at := watch(Spec{Checks: []state.HealthCheck{check(60, 20, 3)}, Started: started}, passing, 55*time.Second)
				if !reflect.DeepEqual(at, tt.want) {
					t.Errorf("ran at %v, want %v", at, tt.want)
				}
			})
		})
	}
}

func TestStartInTheFutureIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, started := range []time.Time{time.Now().Add(24 * time.Hour), {}} {
			_, _, at := watch(Spec{Checks: []state.HealthCheck{check(5, 20, 3)}, Started: started}, passing, 10*time.Second)
			if want := []time.Duration{5 * time.Second}; !reflect.DeepEqual(at, want) {
				t.Errorf("started %s: ran at %v, want %v", started, at, want)
			}
		}
	})
}

func TestRunWaitsForItsChecksAndReportsNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := false
		c := func(ctx context.Context, _ Probe) Outcome {
			<-ctx.Done()
			time.Sleep(time.Second) // an end that takes its time
			ended = true
			return Outcome{}
		}
		m := NewMonitor(c, Spec{Checks: []state.HealthCheck{check(0, 1, 1)}, Started: time.Now()})
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.Run(ctx, func(s Summary) { t.Errorf("reported %+v", s) })
		}()
		synctest.Wait()
		cancel()
		<-done
		if !ended {
			t.Error("Run returned before its check")
		}
		if s := m.Snapshot()[0]; len(s.Results) != 0 || !s.NextAt.IsZero() || s.Health != state.HealthUnknown {
			t.Errorf("after the end: %+v", s)
		}
	})
}

func TestNoChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sums, _ := watch(Spec{Started: time.Now()}, passing, time.Hour)
		if len(sums) != 0 || m.Snapshot() == nil || len(m.Snapshot()) != 0 {
			t.Errorf("sums %v, snapshot %v", sums, m.Snapshot())
		}
	})
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		n := 0
		c := func(context.Context, Probe) Outcome {
			n++
			return Outcome{OK: n%2 == 0, Code: n, Message: strings.Repeat("m", n)}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24500*time.Millisecond)
		defer cancel()
		m := NewMonitor(c, Spec{Checks: []state.HealthCheck{check(0, 1, 3)}, Started: begin, Ports: []int{81}})
		if s := m.Snapshot()[0]; !s.NextAt.Equal(begin) || s.Results == nil {
			t.Errorf("before the first run: %+v", s)
		}
		m.Run(ctx, func(Summary) {
			s := m.Snapshot()[0] // report may ask
			if got := s.Results[0].Code; got != n {
				t.Errorf("newest result is of run %d, want %d", got, n)
			}
			if want := begin.Add(time.Duration(n) * time.Second); !s.NextAt.Equal(want) {
				t.Errorf("next at %s, want %s", s.NextAt, want)
			}
		})
		s := m.Snapshot()
		if len(s[0].Results) != 10 || s[0].Results[0].Code != 25 || s[0].Results[9].Code != 16 || s[0].MaxFailures != 3 || s[0].Failures != 1 {
			t.Errorf("%+v", s[0])
		}
		s[0].Results[0].Code = -7
		if m.Snapshot()[0].Results[0].Code == -7 {
			t.Error("the caller does not own a snapshot")
		}
		line := string(state.EncodeLine(s))
		for _, part := range []string{`"check":0`, `"protocol":"TCP"`, `"target":"127.0.0.1:81"`, `"health":"healthy"`, `"failures":1`,
			`"maxConsecutiveFailures":3`, `"results":[{`, `"ok":false`, `"at":"`, `"tookSeconds":0`} {
			if !strings.Contains(line, part) {
				t.Errorf("no %s in %s", part, line)
			}
		}
	})
}

func TestHundredsOfMonitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+5*time.Second)
		defer cancel()
		var work sync.WaitGroup
		counts := make([]int, 200)
		for i := range counts {
			m := NewMonitor(passing, Spec{Checks: []state.HealthCheck{check(10, 10, 3), check(10, 30, 3)}, Started: time.Now(), Ports: []int{80}})
			work.Go(func() { m.Run(ctx, func(Summary) { counts[i]++ }) })
		}
		work.Wait()
		for i, n := range counts {
			if n != 12+4 {
				t.Fatalf("monitor %d: %d results, want 16", i, n)
			}
		}
	})
}
