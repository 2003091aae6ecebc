package scheduler

import (
	"math"

	"stathub/state"
)

// resources is an amount of what nodes have. The numbers are whole, so that sums and differences of them are exact.
type resources struct {
	cpus float64 // millionths of a core
	mem  float64 // bytes
	disk float64 // bytes
}

const microCores = 1e6

func needs(r *state.Resources) resources {
	if r == nil {
		return resources{}
	}
	return resources{cpus: math.Round(r.CPUs * microCores), mem: float64(r.Mem), disk: float64(r.Disk)}
}

// capacity is what a node has: its processors, its main memory, and the largest of its file systems, since the record
// does not say on which one working directories lie. What the record does not tell is without limit.
func capacity(n *state.Node) resources {
	var disk state.Bytes
	for i := range n.Disks {
		disk = max(disk, n.Disks[i].Total)
	}
	return resources{
		cpus: orEndless(float64(n.OS.CPUs) * microCores), mem: orEndless(float64(n.Memory.Total)), disk: orEndless(float64(disk)),
	}
}

func orEndless(amount float64) float64 {
	if amount <= 0 {
		return math.Inf(1)
	}
	return amount
}

// finite gives 0 for what is without limit.
func (r resources) finite() resources {
	for _, amount := range []*float64{&r.cpus, &r.mem, &r.disk} {
		if math.IsInf(*amount, 1) {
			*amount = 0
		}
	}
	return r
}

func (r resources) none() bool { return r == resources{} }

// plus gives r and n times what o is.
func (r resources) plus(o resources, n int) resources {
	f := float64(n)
	return resources{r.cpus + f*o.cpus, r.mem + f*o.mem, r.disk + f*o.disk}
}

// most gives the larger amount of each kind.
func (r resources) most(o resources) resources {
	return resources{max(r.cpus, o.cpus), max(r.mem, o.mem), max(r.disk, o.disk)}
}

// share is how much of the capacity is used, in percent: of the kind that is scarcest.
func (r resources) share(capacity resources) int {
	most := max(r.cpus/capacity.cpus, r.mem/capacity.mem, r.disk/capacity.disk)
	return int(min(most*100, 1e6))
}

// fits is how many times need goes into what is left of the capacity, and what runs out first.
func (r resources) fits(need, capacity resources) (n int, scarce cause) {
	most := math.Inf(1)
	for _, k := range [...]struct {
		need, used, capacity float64
		scarce               cause
	}{
		{need.mem, r.mem, capacity.mem, lacksMemory},
		{need.cpus, r.cpus, capacity.cpus, lacksCPU},
		{need.disk, r.disk, capacity.disk, lacksDisk},
	} {
		if k.need <= 0 {
			continue
		}
		if times := max(0, math.Floor((k.capacity-k.used)/k.need)); times < most {
			most, scarce = times, k.scarce
		}
	}
	return int(min(most, state.MaxScale)), scarce
}

// excess is how many instances of an app must leave a place for the node not to be over its capacity in what the app
// came to need more of than it had. What is too much for other reasons is nobody's fault here, and moves nothing.
func (r resources) excess(had, need, capacity resources) int {
	most := 0.0
	for _, k := range [...]struct{ had, need, used, capacity float64 }{
		{had.mem, need.mem, r.mem, capacity.mem},
		{had.cpus, need.cpus, r.cpus, capacity.cpus},
		{had.disk, need.disk, r.disk, capacity.disk},
	} {
		if k.need > k.had && k.used > k.capacity {
			most = max(most, math.Ceil((k.used-k.capacity)/k.need))
		}
	}
	return int(min(most, state.MaxScale))
}

// grewFrom reports whether an app needs more of something than it did.
func (r resources) grewFrom(had resources) bool {
	return r.cpus > had.cpus || r.mem > had.mem || r.disk > had.disk
}

// evict takes instances away whose app came to need more than their node has. The apps that are placed last leave first.
func (p *planner) evict() {
	for i := len(p.order) - 1; i >= 0; i-- {
		j := p.order[i]
		if j.mode != placing || j.needs.none() || !j.stirred {
			continue
		}
		for _, pl := range j.places {
			h := pl.host
			if pl.n == 0 || pl.listed == nil || !pl.ours() || pl.asIs || pl.old() || h.down() || h.record == nil || !j.needs.grewFrom(pl.listed.needs) {
				continue
			}
			if n := h.used.excess(pl.listed.needs, j.needs, h.capacity); n > 0 {
				pl.set(pl.lower(max(0, pl.n-n)))
			}
		}
	}
}
