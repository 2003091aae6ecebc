package proc

import (
	"os"
	"slices"
	"testing"
)

func TestLimitsAreTriedOut(t *testing.T) {
	w := newWorld(t)
	found, err := w.r.Isolate("node")
	if len(found) < 2 || found[0] != jobObjects || found[1] != KillsAll {
		t.Fatalf("found %v, %v", found, err)
	}
	t.Log(found, err)
	w.underWine("it takes limits on jobs, and does not enforce them")
	if err != nil || len(found) != 5 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestJobsHaveTheirLimits(t *testing.T) {
	w := newWorld(t)
	w.r.features = []string{LimitsMemory, LimitsPIDs}
	if err := w.r.Limit("node/app.0", Limits{CPUs: 0.5, Mem: 64 << 20, PIDs: 3}); err != nil {
		t.Fatal(err)
	}
	if got, want := w.r.limits["node/app.0"], (jobLimits{memory: 64 << 20, processes: 3}); got != want {
		t.Errorf("got %+v, want %+v: processors cannot be limited here", got, want)
	}
	id := w.start(w.spec("until told"))
	w.ready()
	w.underWine("it takes limits on jobs, and does not enforce them")
	used := w.r.Consumed("node/app.0", []int{id.PID})
	if used.Files == 0 || used.IOWrite == 0 {
		t.Errorf("used %+v", used)
	}
}

func TestProcessorsAreAShareOfTheMachine(t *testing.T) {
	for name, tt := range map[string]struct {
		cpus       float64
		processors int
		want       uint32
	}{
		"half of one":   {0.5, 4, 1250},
		"nearly none":   {0.0001, 64, 1},
		"all":           {4, 4, 0},
		"more than all": {8, 4, 0},
		"no limit":      {0, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := cpuRateOf(tt.cpus, tt.processors); got.rate != tt.want || ok != (tt.want > 0) {
				t.Errorf("got %+v, want a rate of %d", got, tt.want)
			}
		})
	}
}

func TestEnvironmentNamesMeanTheSameInEveryCase(t *testing.T) {
	t.Setenv("SYSTEMROOT", `C:\W`)
	got := lastOfEach([]string{"Path=a", "b=1", "=C:=C:\\x", "PATH=b", "bad", "A=x=y"})
	if want := []string{"=C:=C:\\x", "A=x=y", "b=1", "PATH=b", `SYSTEMROOT=C:\W`}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if v, ok := envOf(got, "path"); !ok || v != "b" {
		t.Errorf("path is %q", v)
	}
	if _, err := os.Stat(imageOf(os.Getpid())); err != nil {
		t.Errorf("this program: %v", err)
	}
}
