package supervise

import (
	"sync"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// sampler looks at processes, and works out their use of the processors from one look to the next.
type sampler struct {
	runner Runner
	mu     sync.Mutex
	last   map[proc.Identity]sample
}

type sample struct {
	at    time.Time
	cpu   time.Duration
	cores float64
}

func newSampler(r Runner) *sampler { return &sampler{runner: r, last: map[proc.Identity]sample{}} }

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
	next := make(map[proc.Identity]sample, len(infos))
	for k, id := range ids {
		info, ok := infos[id]
		if !ok {
			continue
		}
		next[id] = u.measure(id, info, now)
		i := &instances[k]
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
