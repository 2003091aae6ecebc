//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// steadyRun is content when everything that never ends by itself runs.
func (w *world) steadyRun(ctx context.Context) error {
	procs, err := w.procs(ctx)
	if err != nil {
		return err
	}
	live := map[string]int{}
	for _, p := range procs {
		if p.State == state.Healthy || p.State == state.Running {
			live[p.App]++
		}
	}
	for _, r := range w.wanted {
		if r.steady && live[r.name] != r.count {
			return fmt.Errorf("%d of %d instances of %s run", live[r.name], r.count, r.name)
		}
	}
	return nil
}

// duplicates looks for instances with two processes at one moment.
func (w *world) duplicates() {
	seen := map[string]process{}
	for _, p := range processes(w.dir, w.cmd.Process.Pid) {
		if p.instance == "" || p.parent != 0 {
			continue
		}
		other, twice := seen[p.instance]
		// A fork that has not executed its own program yet still looks like its parent.
		if twice && p.ppid != other.pid && other.ppid != p.pid {
			if a, ok := look(other.pid); ok && a.start == other.start {
				w.fault("%s runs twice: as %d and %d", p.instance, other.pid, p.pid)
			}
		}
		seen[p.instance] = p
	}
}

// calm leaves the agent in peace, then judges everything.
func (w *world) calm(ctx context.Context, settle, d time.Duration) error {
	if err := pause(ctx, settle); err != nil {
		return err
	}
	first, err := w.dump()
	if err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	var samples []sample
	for end := time.Now().Add(d); time.Now().Before(end); {
		samples = append(samples, take(w.cmd.Process.Pid))
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	w.flat(samples)
	w.judge(ctx)
	last, err := w.dump()
	if err != nil {
		return err
	}
	fmt.Printf("soak: %d goroutines after %s of the last agent but one, %d after %s of the last\n", first, settle, last, d+settle)
	if last > first+first/4+20 { // what fails and starts at the very moment has some
		w.fault("goroutines grow: %d, then %d", first, last)
	}
	return w.start()
}

// flat compares the first third of the samples with the last one: medians, since starts and checks come and go.
func (w *world) flat(samples []sample) {
	third := len(samples) / 3
	if third == 0 {
		return
	}
	median := func(part []sample) (m sample) {
		m.descriptors = slices.Sorted(each(part, func(s sample) int { return s.descriptors }))[len(part)/2]
		m.threads = slices.Sorted(each(part, func(s sample) int { return s.threads }))[len(part)/2]
		m.pss = slices.Sorted(each(part, func(s sample) float64 { return s.pss }))[len(part)/2]
		return m
	}
	first, last := median(samples[:third]), median(samples[len(samples)-third:])
	fmt.Printf("soak: at first %s; at last %s\n", first, last)
	if last.descriptors > first.descriptors+20 || last.threads > first.threads+4 || last.pss > 1.2*first.pss+2 {
		w.fault("the agent grows: %s, then %s", first, last)
	}
}

func each[T, U any](all []T, f func(T) U) func(func(U) bool) {
	return func(yield func(U) bool) {
		for _, v := range all {
			if !yield(f(v)) {
				return
			}
		}
	}
}

// judge compares what is there with what must be.
func (w *world) judge(ctx context.Context) {
	if err := w.within(ctx, 30*time.Second, w.steadyRun); err != nil {
		w.fault("%w", err)
	}
	procs, err := w.procs(ctx)
	if err != nil {
		w.fault("%w", err)
		return
	}
	w.duplicates()
	w.complete(procs)
	w.orphans(ctx)
	for _, r := range w.wanted {
		for n := range r.count {
			w.starts(r, fmt.Sprintf("%s.%d", r.name, n))
		}
	}
	for _, p := range procs {
		switch p.App {
		case "lines", "flood":
			w.lines(ctx, p)
		case "leak":
			if e := p.LastExit; e == nil || !strings.Contains(e.Reason, "memory limit") {
				w.fault("%s leaks into its limit, and its last exit is not named so: %+v", p.Instance, e)
			}
		case "done":
			if p.State != state.Completed {
				w.fault("%s is %s, not completed: %s", p.Instance, p.State, p.Reason)
			}
		}
	}
	fmt.Printf("soak: judged %d instances after %d kills and %d wipes\n", len(procs), w.kills, w.wipes)
}

// complete compares the agent's list with the manifest.
func (w *world) complete(procs []state.Proc) {
	have := map[string]bool{}
	for _, p := range procs {
		have[p.Instance] = true
	}
	want := 0
	for _, r := range w.wanted {
		for n := range r.count {
			want++
			if id := state.InstanceID(w.node(), r.name, n); !have[id] {
				w.fault("instance %s is not there", id)
			}
		}
	}
	if len(procs) != want {
		w.fault("%d instances are there, %d are wanted", len(procs), want)
	}
}

// orphans looks for processes that belong to no instance that runs. What is about to be cleared away gets some time.
func (w *world) orphans(ctx context.Context) {
	err := w.within(ctx, 10*time.Second, func(ctx context.Context) error {
		procs, err := w.procs(ctx)
		if err != nil {
			return err
		}
		pids := map[int]bool{}
		for _, p := range procs {
			pids[p.PID] = true
		}
		for _, p := range processes(w.dir, w.cmd.Process.Pid) {
			if !pids[p.pid] && !pids[p.parent] && !pids[p.ppid] {
				if _, still := look(p.pid); still {
					return fmt.Errorf("an orphan: %v", p)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.fault("%w", err)
	}
}

// starts reads how often an instance began.
func (w *world) starts(r role, instance string) {
	data, _ := os.ReadFile(filepath.Join(w.dir, "starts", instance))
	n := strings.Count(string(data), "\n")
	switch {
	case r.steady && n != 1:
		w.fault("%s is steady and was started %d times:\n%s", instance, n, data)
	case r.name == "done" && (n < 1 || n > 1+w.wipes): // nothing but the store tells that it is done
		w.fault("%s was to run once and ran %d times, with %d wipes", instance, n, w.wipes)
	case n == 0:
		w.fault("%s never started", instance)
	}
}

// lines checks that numbered lines are complete and in order: all of a quiet instance, of a flood the last ones.
func (w *world) lines(ctx context.Context, p state.Proc) {
	if p.App == "flood" {
		// What is read may be freed at that moment; the reader is told, and tries again.
		if err := w.within(ctx, 20*time.Second, func(ctx context.Context) error { return w.flooded(ctx, p) }); err != nil {
			w.fault("%w", err)
		}
		return
	}
	all, last, err := w.numbered(ctx, p, 1_000_000)
	switch since := time.Since(p.StartTime); {
	case err != nil:
		w.fault("%w", err)
	case last != all:
		w.fault("%s: %d lines are kept of %d, though all of its output is to be", p.Instance, all, last)
	case float64(last) < 0.5*lineRate*since.Seconds():
		w.fault("%s: %d lines after %s", p.Instance, last, since)
	}
}

func (w *world) flooded(ctx context.Context, p state.Proc) error {
	const want = 30_000 // some 3 of the 4 MiB that are kept
	got, _, err := w.numbered(ctx, p, want)
	if err == nil && got != want {
		err = fmt.Errorf("%s: %d lines are kept, at least %d are to be", p.Instance, got, want)
	}
	return err
}

// numbered reads the last lines, and gives how many there are and the number of the last one. A number that does not follow
// on the one before is an error.
func (w *world) numbered(ctx context.Context, p state.Proc, limit int) (count, last int, err error) {
	out, err := w.tail(ctx, p.PID, limit)
	if err != nil {
		return 0, 0, fmt.Errorf("the output of %s: %w", p.Instance, err)
	}
	for line := range strings.Lines(out) {
		number, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "line "), "\n"), " ")
		n, err := strconv.Atoi(number)
		if err != nil || count > 0 && n != last+1 {
			return count, last, fmt.Errorf("%s: line %d is followed by %q", p.Instance, last, line)
		}
		count, last = count+1, n
	}
	return count, last, nil
}
