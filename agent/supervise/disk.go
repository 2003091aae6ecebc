package supervise

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"stathub/agent/events"
	"stathub/agent/host"
	"stathub/state"
)

const (
	diskEvery = 30 * time.Second // between two looks at the working directories
	diskShare = 0.05             // of a processor, at the most
)

// diskUse remembers what the working directories of instances take, by instance ID. It is safe for concurrent use.
type diskUse struct {
	mu   sync.Mutex
	last map[string]diskSample
}

type diskSample struct {
	at    time.Time
	bytes int64
}

func newDiskUse() *diskUse { return &diskUse{last: map[string]diskSample{}} }

// take notes a measurement; one that did not come to its end says nothing.
func (d *diskUse) take(id string, bytes int64, now time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if delete(d.last, id); err == nil {
		d.last[id] = diskSample{now, bytes}
	}
}

func (d *diskUse) get(id string) (diskSample, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.last[id]
	return s, ok
}

func (d *diskUse) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.last, id)
}

// diskLimit is how much the own working directory of an app's instance may hold; 0 is no limit. A directory that instances
// share has none: nobody could say whose files are too many.
func diskLimit(a *state.App) int64 {
	if a.ResAlloc == nil || filepath.IsAbs(a.WorkingDirectory) {
		return 0
	}
	return int64(a.ResAlloc.Disk)
}

// tooMuch says what is wrong with a working directory, "" for nothing. One that cannot be measured to its end is wrong too:
// an app could hide below what it takes.
func tooMuch(used, limit int64, err error) string {
	if used <= limit && errors.Is(err, host.ErrDeep) {
		return "its working directory has a limit (resAlloc.disk), and " + err.Error()
	}
	if used <= limit {
		return ""
	}
	return fmt.Sprintf("its working directory takes %s or more, and resAlloc.disk allows %s", sizeText(used), sizeText(limit))
}

// diskFits refuses to start an instance whose working directory is over its limit already: it would be stopped again. What
// was measured lately is not measured again, since a restart should take no time.
func (s *Supervisor) diskFits(ctx context.Context, t try) error {
	limit := diskLimit(t.spec.app)
	if limit == 0 {
		return nil
	}
	now := time.Now()
	if last, ok := s.disk.get(t.id); ok && last.bytes <= limit && now.Sub(last.at) < 2*diskEvery {
		return nil
	}
	dir := s.paths.work(t.app, t.n)
	used, err := host.DiskUse(ctx, dir, limit, 1)
	if err != nil && !errors.Is(err, host.ErrDeep) {
		return fmt.Errorf("cannot measure the working directory: %w", err)
	}
	s.disk.take(t.id, used, now, err)
	if over := tooMuch(used, limit, err); over != "" {
		return fmt.Errorf("%s: free some of %s, or raise the limit", over, dir)
	}
	return nil
}

// measured is an instance whose working directory is looked at.
type measured struct {
	id, dir string
	gen     int64
	limit   int64
}

// watchDisk measures the working directories that have a limit, again and again, until ctx ends. An instance that is over its
// limit is ended, as one that fails.
func (s *Supervisor) watchDisk(ctx context.Context) {
	failing := once{log: s.log}
	for pause(ctx, diskEvery) {
		for _, m := range s.toMeasure() {
			used, err := host.DiskUse(ctx, m.dir, m.limit, diskShare)
			if ctx.Err() != nil {
				return
			}
			if err != nil && !errors.Is(err, host.ErrDeep) {
				failing.warn(m.id, "cannot measure the working directory of "+m.id, err)
				continue
			}
			failing.clear(m.id)
			s.disk.take(m.id, used, time.Now(), err)
			if over := tooMuch(used, m.limit, err); over != "" {
				s.post(func() { s.overDisk(m, over) })
			}
		}
	}
}

func (s *Supervisor) toMeasure() (all []measured) {
	s.call(func() {
		for id, i := range s.instances {
			from, want := s.desired.specs[id], s.desired.Wants[id]
			if from == nil || i.proc.PID == 0 || i.have.Spec != want.Spec {
				continue
			}
			if limit := diskLimit(from.app); limit > 0 {
				all = append(all, measured{id: id, dir: s.paths.work(i.app, i.n), gen: i.gen, limit: limit})
			}
		}
	})
	return all
}

// overDisk ends an instance whose working directory is too large.
func (s *Supervisor) overDisk(m measured, over string) {
	i := s.instances[m.id]
	if i == nil || i.gen != m.gen || !i.have.State.Live() || i.have.State == state.Stopping || i.have.Failing != "" {
		return
	}
	i.have.Failing = over
	s.event(events.InstanceDisk, i, i.have.Failing)
	s.convergeOne(i.id)
}
