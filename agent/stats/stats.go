// Package stats keeps how much of the machine was in use: measured all the time, kept in little memory for some days, and over
// restarts of the agent.
package stats

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"stathub/agent/host"
	"stathub/state"
	"stathub/state/series"
)

// How often is measured and saved.
const (
	measureEvery    = 10 * time.Second
	ratesAfter      = 2 * time.Second // after the first measurement: rates need two
	measureDeadline = 5 * time.Second
	saveEvery       = 5 * time.Minute
	maxFile         = 1 << 20
)

// levels are what is kept: with series.MaxNames series at most 152 kB. The last one is for the day before yesterday.
func levels() []series.Level {
	return []series.Level{{Step: measureEvery, Keep: time.Hour}, {Step: time.Minute, Keep: 24 * time.Hour}, {Step: 10 * time.Minute, Keep: 96 * time.Hour}}
}

// Options say what a Keeper needs.
type Options struct {
	Path    string // of the file that outlives the agent
	Measure func(ctx context.Context, now time.Time) (state.Usage, error)
	Log     *slog.Logger
}

// Keeper measures, and keeps what it measured. Its methods are safe for concurrent use.
type Keeper struct {
	opts Options

	mu   sync.Mutex
	set  *series.Set
	last *state.Usage // nil: nothing was measured yet; never changed

	first bool // the next measurement is the first one, without rates; Run's alone
}

// New makes a Keeper that knows what was saved. A file that cannot be read is not used, and replaced later.
func New(o Options) *Keeper {
	k := &Keeper{opts: o, first: true, set: series.New(series.MaxNames, levels()...)}
	if err := k.load(); err != nil {
		o.Log.Warn("what was measured of this machine before cannot be read; the charts begin anew", "file", o.Path, "error", err)
	}
	return k
}

func (k *Keeper) load() error {
	info, err := os.Stat(k.opts.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > maxFile {
		err = errors.New("it is larger than any that an agent writes")
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(k.opts.Path)
	if err != nil {
		return err
	}
	return k.set.UnmarshalBinary(data)
}

// Run measures until ctx ends, and saves now and then and at the end.
func (k *Keeper) Run(ctx context.Context) {
	said, saved := "", time.Now()
	for wait := ratesAfter; ; wait = measureEvery {
		now := time.Now()
		err := k.measure(ctx, now)
		if text := message(err); text != said && ctx.Err() == nil {
			if said = text; text != "" {
				k.opts.Log.Warn("some use of this machine cannot be measured", "error", err)
			}
		}
		if now.Sub(saved) >= saveEvery {
			k.save()
			saved = now
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			k.save()
			return
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (k *Keeper) measure(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, measureDeadline)
	defer cancel()
	u, err := k.opts.Measure(ctx, now)
	if ctx.Err() != nil {
		return ctx.Err() // half of it may be missing
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.first {
		k.first = false
		return err
	}
	k.last = &u
	k.set.Add(now, series.Values(&u)...)
	return err
}

func (k *Keeper) save() {
	k.mu.Lock()
	data, err := k.set.MarshalBinary()
	k.mu.Unlock()
	if err == nil {
		err = host.ReplaceFile(k.opts.Path, data, false)
	}
	if err != nil {
		k.opts.Log.Warn("cannot save what was measured of this machine; a restart would lose it", "file", k.opts.Path, "error", err)
	}
}

// Usage is what was measured last; nil: nothing yet. Nobody may change it.
func (k *Keeper) Usage() *state.Usage {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// Chart gives what was measured over a window; see series.Set.NodeChart.
func (k *Keeper) Chart(what string, w series.Window, facts *state.Facts) (series.Chart, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set.NodeChart(what, w, facts, k.last)
}
