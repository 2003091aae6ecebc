package supervise

import (
	"math"
	"slices"
	"sync"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// sampler looks at processes, and works out their use of the processors from one look to the next.
type sampler struct {
	runner  Runner
	limiter Limiter
	mu      sync.Mutex
	last    map[proc.Identity]sample
	deepAt  time.Time
}

type sample struct {
	at    time.Time
	cpu   time.Duration
	cores float64

	consumed proc.Consumption
	deep     bool // consumed was measured
}

func newSampler(r Runner, l Limiter) *sampler {
	return &sampler{runner: r, limiter: l, last: map[proc.Identity]sample{}}
}

// livelier reports whether the use of the machine as a whole is notably another one: by a twentieth of its processors or
// memory, by a hundredth of a disk, or by a fifth of its traffic. Where requests are paid for that alone is no reason for
// one: it goes out with what else there is to tell.
func livelier(a, b *state.Report, costly bool) bool {
	x, y := a.Usage, b.Usage
	if x == nil || y == nil || costly {
		return x == nil && y != nil
	}
	const leastTraffic = 64 << 10 // bytes a second
	traffic := func(p, q state.Bytes) bool { return abs(p-q) > max(leastTraffic, max(p, q)/5) }
	if math.Abs(x.CPU-y.CPU) > 0.05*float64(max(1, b.Facts.OS.CPUs)) || abs(x.Memory.Used-y.Memory.Used) > b.Facts.Memory.Total/20 ||
		traffic(x.Net.In, y.Net.In) || traffic(x.Net.Out, y.Net.Out) {
		return true
	}
	return !slices.EqualFunc(x.Disks, y.Disks, func(p, q state.DiskUsage) bool {
		return p.DirName == q.DirName && p.Total == q.Total && abs(p.Used-q.Used) <= q.Total/100
	})
}

func abs(b state.Bytes) state.Bytes { return max(b, -b) }

// deepEvery is how often it is looked at what costs a look at each process: files and I/O.
const deepEvery = 10 * time.Second

// minSpan is the shortest time over which the use of processors is worked out.
const minSpan = time.Second

// fill adds to the instances what can be seen of their processes. ids are the identities of the instances, in the same
// order. Nothing is filled in where the system does not tell.
func (u *sampler) fill(instances []state.Instance, ids []proc.Identity, now time.Time) {
	var live []proc.Identity
	for _, id := range ids {
		if id.PID != 0 {
			live = append(live, id)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	infos, err := u.runner.InspectAll(live)
	if err != nil {
		return
	}
	deep := now.Sub(u.deepAt) >= deepEvery
	if deep {
		u.deepAt = now
	}
	next := make(map[proc.Identity]sample, len(infos))
	for k, id := range ids {
		info, ok := infos[id]
		if !ok {
			continue
		}
		i := &instances[k]
		taken := u.measure(id, info, now)
		if before := u.last[id]; deep || !before.deep {
			c := u.limiter.Consumed(i.ID, info.Members)
			// Processes that end take along what only they had been counted with.
			c.IORead, c.IOWrite = max(c.IORead, before.consumed.IORead), max(c.IOWrite, before.consumed.IOWrite)
			taken.consumed, taken.deep = c, true
		} else {
			taken.consumed, taken.deep = before.consumed, true
		}
		next[id] = taken
		i.IORead, i.IOWrite, i.Files = state.Bytes(taken.consumed.IORead), state.Bytes(taken.consumed.IOWrite), taken.consumed.Files
		i.PPID, i.UID, i.Cmd, i.Children = info.PPID, info.UID, info.Cmd, info.Children
		i.StartTime = info.StartTime.UTC().Truncate(time.Millisecond)
		i.RSS, i.CPU = state.Bytes(info.RSS), float64(int(next[id].cores*1000))/1000
	}
	u.last = next
}

func (u *sampler) measure(id proc.Identity, info proc.Info, now time.Time) sample {
	before, ok := u.last[id]
	if !ok {
		before = sample{at: info.StartTime}
	}
	span := now.Sub(before.at)
	if span < minSpan {
		return sample{at: before.at, cpu: before.cpu, cores: before.cores}
	}
	return sample{at: now, cpu: info.CPU, cores: max(0, (info.CPU-before.cpu).Seconds()/span.Seconds())}
}
