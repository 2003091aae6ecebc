package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"

	"stathub/state"
)

// Meter measures how much of the machine is in use. Rates are over the time since the last measurement, so the first one,
// and one that comes too soon, has those of before. It is not safe for concurrent use. The zero Meter is ready.
type Meter struct {
	at      time.Time
	busy    float64 // seconds of all processors
	in, out uint64
	rates   rates

	listed time.Time // when dirs were
	dirs   []string
}

type rates struct {
	cores   float64
	in, out state.Bytes
}

const (
	minRateSpan = time.Second
	listEvery   = 5 * time.Minute // the mounted file systems
	maxMeasured = 16              // file systems
)

// Measure measures now. What cannot be measured is left out and named in the error; the rest is valid then too. Only local
// file systems are asked, which answer at once.
func (m *Meter) Measure(ctx context.Context, now time.Time) (state.Usage, error) {
	var errs []error
	note := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot measure the use of the %s: %w", what, err))
		}
	}
	var u state.Usage
	note("processors and the network", m.measureRates(ctx, now))
	u.CPU, u.Net.In, u.Net.Out = m.rates.cores, m.rates.in, m.rates.out
	u.Load = loadAverage(ctx)
	memory, err := mem.VirtualMemoryWithContext(ctx)
	note("memory", err)
	if err == nil {
		u.Memory.Available = state.Bytes(memory.Available)
		u.Memory.Used = state.Bytes(memory.Total - min(memory.Available, memory.Total))
	}
	used, total, err := swapUse(ctx, memory)
	note("swap space", err)
	u.Memory.SwapUsed, u.Memory.SwapTotal = state.Bytes(used), state.Bytes(total)
	u.Disks, err = m.disks(ctx, now)
	note("disks", err)
	return u, errors.Join(errs...)
}

func (m *Meter) measureRates(ctx context.Context, now time.Time) error {
	span := now.Sub(m.at)
	if !m.at.IsZero() && span >= 0 && span < minRateSpan {
		return nil
	}
	busy, cpuErr := busySeconds(ctx)
	in, out, netErr := traffic(ctx)
	if !m.at.IsZero() && span > 0 {
		s := span.Seconds()
		m.rates = rates{math.Round(max(0, busy-m.busy)/s*1000) / 1000, perSecond(in, m.in, s), perSecond(out, m.out, s)}
	}
	m.at, m.busy, m.in, m.out = now, busy, in, out
	return errors.Join(cpuErr, netErr)
}

// perSecond is a counter's rate; 0 when it went back, as it does when an interface is gone.
func perSecond(now, before uint64, seconds float64) state.Bytes {
	if now < before {
		return 0
	}
	return state.Bytes(float64(now-before) / seconds)
}

// busySeconds is how long all processors have worked. Waiting for a disk is no work, and a guest's time is in its host's.
func busySeconds(ctx context.Context) (float64, error) {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(all) == 0 {
		return 0, errors.Join(err, missing(len(all)))
	}
	t := all[0]
	return t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal, nil
}

func missing(found int) error {
	if found == 0 {
		return errors.New("the system does not tell")
	}
	return nil
}

// traffic is what all interfaces but loopback received and sent.
func traffic(ctx context.Context) (in, out uint64, err error) {
	all, err := net.IOCountersWithContext(ctx, true)
	for _, i := range all {
		if name := strings.ToLower(i.Name); name == "lo" || name == "lo0" || strings.HasPrefix(name, "loopback") {
			continue
		}
		in, out = in+i.BytesRecv, out+i.BytesSent
	}
	return in, out, err
}

// disks gives the use of each local file system once, however often it is mounted.
func (m *Meter) disks(ctx context.Context, now time.Time) ([]state.DiskUsage, error) {
	var err error
	if age := now.Sub(m.listed); m.listed.IsZero() || age < 0 || age >= listEvery {
		var found []state.Disk
		found, err = disks(ctx)
		m.listed, m.dirs = now, nil
		devices := map[string]bool{}
		for _, d := range found {
			if !devices[d.DevName] && len(m.dirs) < maxMeasured {
				m.dirs = append(m.dirs, d.DirName)
			}
			devices[d.DevName] = strings.Contains(d.DevName, "/") || strings.Contains(d.DevName, ":")
		}
	}
	all := make([]state.DiskUsage, 0, len(m.dirs))
	for _, dir := range m.dirs {
		// What was unmounted since is not there, rather than an error.
		if use, useErr := disk.UsageWithContext(ctx, dir); useErr == nil && use.Total > 0 {
			all = append(all, state.DiskUsage{DirName: dir, Used: state.Bytes(use.Used), Total: state.Bytes(use.Total)})
		}
	}
	return all, err
}
