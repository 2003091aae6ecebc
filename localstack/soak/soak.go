//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"stathub/state"
)

// world is one run: the agent, what it is to run, and what happened.
type world struct {
	*agent
	rand   *rand.Rand
	wanted []role // with the counts of this run
	kills  int
	wipes  int
	faults []error
}

// fault notes what is wrong; the run goes on, so that all of it is seen.
func (w *world) fault(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	w.faults = append(w.faults, err)
	fmt.Println("WRONG:", err)
}

func soak(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "stathub-soak-")
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Printf("soak: %s of kills, %s of calm, in %s, --seed=%d\n", o.chaos, o.calm, dir, o.seed)
	w := &world{rand: rand.New(rand.NewPCG(o.seed, 0))}
	if w.agent, err = newAgent(ctx, o.agent, dir); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "starts"), 0o700); err != nil {
		return err
	}
	for _, r := range roles() {
		r.count = max(1, int(float64(r.count)*o.factor))
		w.wanted = append(w.wanted, r)
	}
	defer func() {
		left := w.end()
		if err == nil && left == nil && len(w.faults) == 0 {
			os.RemoveAll(dir)
		}
		err = errors.Join(err, left, errors.Join(w.faults...))
	}()
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := w.chaos(ctx, o.chaos); err != nil {
		return err
	}
	return w.calm(ctx, o.settle, o.calm)
}

// begin starts the agent and waits until everything that never ends by itself runs.
func (w *world) begin(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var entries []state.ManifestEntry
	for _, r := range w.wanted {
		app := r.app
		app.Name, app.ToProcess, app.Args, app.KillSignal, app.Start = r.name, exe, []string{w.dir}, state.DefaultKillSignal, true
		app.Envs = map[string]string{roleEnv: r.name, runEnv: w.dir}
		entries = append(entries, state.ManifestEntry{App: app, Count: r.count})
	}
	if err := w.apply(entries); err != nil {
		return err
	}
	began := time.Now()
	if err := w.start(); err != nil {
		return err
	}
	if err := w.within(ctx, 2*time.Minute, w.steadyRun); err != nil {
		return err
	}
	fmt.Printf("soak: all that never ends by itself ran after %.1f s\n", time.Since(began).Seconds())
	return nil
}

// chaos kills the agent every few seconds.
func (w *world) chaos(ctx context.Context, d time.Duration) error {
	end, told := time.Now().Add(d), time.Now()
	for time.Now().Before(end) {
		if err := pause(ctx, time.Second+time.Duration(w.rand.Int64N(int64(6*time.Second)))); err != nil {
			return err
		}
		w.duplicates()
		wipe := w.rand.IntN(5)
		if wipe == 0 { // under its feet
			if err := w.wipe(); err != nil {
				return err
			}
			w.wipes++
		}
		if err := w.kill(); err != nil {
			return err
		}
		w.kills++
		if wipe == 1 {
			if err := w.wipe(); err != nil {
				return err
			}
			w.wipes++
		}
		if err := pause(ctx, time.Duration(w.rand.Int64N(int64(2*time.Second)))); err != nil {
			return err
		}
		if err := w.start(); err != nil {
			return err
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			fmt.Printf("soak: killed %d times, wiped %d times, %s to go\n", w.kills, w.wipes, time.Until(end).Round(time.Second))
		}
	}
	return nil
}

// end takes everything away again: the processes by the agent, and what that leaves, which is wrong, by pid.
func (w *world) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if w.cmd == nil {
		return nil
	}
	_ = w.kill()
	var err error
	if err = w.apply([]state.ManifestEntry{}); err == nil {
		err = w.start()
	}
	if err == nil {
		err = w.within(ctx, 45*time.Second, func(context.Context) error {
			if left := processes(w.dir, w.cmd.Process.Pid); len(left) > 0 {
				return fmt.Errorf("%d processes are left after all apps were removed: %v", len(left), left[0])
			}
			return nil
		})
	}
	if err == nil {
		err = w.within(ctx, 10*time.Second, func(context.Context) error { return controlGroups(w.node()) })
	}
	if stopped := w.stop(); err == nil {
		err = stopped
	}
	for _, p := range processes(w.dir, 0) {
		p.kill()
	}
	return err
}

// within tries until check is content, and gives its last error after d.
func (w *world) within(ctx context.Context, d time.Duration, check func(context.Context) error) error {
	deadline := time.Now().Add(d)
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not so after %s: %w", d, err)
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
