package scheduler

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sync"

	"stathub/state"
)

// Memo remembers from one plan to the next what follows from single documents: which entries of a manifest are as the
// master wrote them, an app as it reads back from a manifest, the hosts that a query found. It decides nothing: plans
// with and without one are the same. Documents are known by their address, so they must not change once they were in an
// Input. The zero Memo is ready; it may be used by several goroutines, one after the other.
type Memo struct {
	mu    sync.Mutex
	round int // of the plan

	nodes      map[string]*sighting
	order      []*sighting // by id
	hostsEpoch int         // counts the changes of order

	apps      map[string]*known
	names     []string // of the apps, in order
	index     map[string]int32
	jobsEpoch int // counts the changes of names

	answers map[string]*answer

	// Working space of the plans.
	places  []place
	slots   []slot
	byJob   []*place
	byHost  []*place
	scratch []candidate
}

// spare gives n zero elements, in the place of those that space was used for before.
func spare[T any](space *[]T, n int) []T {
	if cap(*space) < n {
		*space = make([]T, n, n+n/8)
		return *space
	}
	*space = (*space)[:n]
	clear(*space)
	return *space
}

// sighting is what is remembered of a node.
type sighting struct {
	id    string
	hash  uint64
	i     int // in the order of the ids
	round int // in which it was last seen
	node  *state.Node

	current Current
	listed  bool // current is of this round
	report  *state.Report

	listing  listing
	reported reported
}

// known is what is remembered of an app.
type known struct {
	round  int
	app    *state.App // the document
	choreo *state.Choreo
	hash   uint64
	entry  state.ManifestEntry // of the master's, as the documents have it, count apart
	ports  []int
	needs  resources
	sums   []uint64 // by count, 0: not made yet
	dist   []state.Placement
	where  uint64 // of dist; see job
}

// answer is what Match said to a query.
type answer struct {
	round int
	first *string // of the slice
	size  int
	epoch int // of the hosts
	ok    hostSet
}

// begin takes the nodes of an input into the memo and gives them in the order of their ids.
func (m *Memo) begin(in *Input) []*sighting {
	if m.nodes == nil {
		m.nodes, m.apps, m.answers = map[string]*sighting{}, map[string]*known{}, map[string]*answer{}
	}
	m.round++
	count, fresh := 0, false
	see := func(id string) *sighting {
		s := m.nodes[id]
		if s == nil {
			s, fresh = &sighting{id: id, hash: hash(id)}, true
			m.nodes[id] = s
		}
		if s.round != m.round {
			s.round, s.node, s.listed, s.report = m.round, nil, false, nil
			count++
		}
		return s
	}
	for id, node := range in.Nodes {
		see(id).node = node
	}
	for id, current := range in.Manifests {
		s := see(id)
		s.current, s.listed = current, true
	}
	for id, report := range in.Reports {
		see(id).report = report
	}
	if fresh || count != len(m.order) {
		m.hostsEpoch++
		m.order = m.order[:0]
		for id, s := range m.nodes {
			if s.round != m.round {
				delete(m.nodes, id)
				continue
			}
			m.order = append(m.order, s)
		}
		slices.SortFunc(m.order, func(a, b *sighting) int { return cmp.Compare(a.id, b.id) })
		for i, s := range m.order {
			s.i = i
		}
	}
	return m.order
}

// name takes the names of the apps in. They must be in order.
func (m *Memo) name(names []string) {
	if slices.Equal(names, m.names) && m.index != nil {
		return
	}
	m.jobsEpoch++
	m.names = names
	m.index = make(map[string]int32, len(names))
	for i, name := range names {
		m.index[name] = int32(i)
	}
}

// end forgets what the plan had no use for.
func (m *Memo) end() {
	for name, k := range m.apps {
		if k.round != m.round {
			delete(m.apps, name)
		}
	}
	for query, a := range m.answers {
		if a.round != m.round {
			delete(m.answers, query)
		}
	}
}

// of gives what is known of an app, made anew when one of its documents is another one.
func (m *Memo) of(name string, app *state.App, choreo *state.Choreo) *known {
	k := m.apps[name]
	if k == nil {
		k = &known{hash: hash(name)}
		m.apps[name] = k
	}
	k.round = m.round
	if app == k.app && choreo == k.choreo {
		return k
	}
	if app != nil && app != k.app {
		k.entry.App, k.entry.RestartToken = *canonical(app), app.RestartToken
		k.ports, k.needs = fixedPorts(app), needs(app.ResAlloc)
	}
	k.entry.Owner = state.OwnerMaster
	k.entry.Schedule, k.entry.DisconnectSeconds = nil, 0
	if choreo != nil {
		k.entry.Schedule, k.entry.DisconnectSeconds = choreo.Schedule, disconnectSeconds(choreo)
	}
	k.app, k.choreo, k.sums = app, choreo, nil
	return k
}

// answered gives the remembered answer to a query, if the slice and the hosts are the same.
func (m *Memo) answered(query string, ids []string) (hostSet, bool) {
	a := m.answers[query]
	if a == nil || a.epoch != m.hostsEpoch || a.size != len(ids) || len(ids) == 0 || a.first != &ids[0] {
		return nil, false
	}
	a.round = m.round
	return a.ok, true
}

func (m *Memo) answer(query string, ids []string, ok hostSet) {
	if len(ids) > 0 {
		m.answers[query] = &answer{round: m.round, first: &ids[0], size: len(ids), epoch: m.hostsEpoch, ok: ok}
	}
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// hostSet is a set of hosts.
type hostSet []uint64

func newHostSet(n int) hostSet { return make(hostSet, (n+63)/64) }

func (b hostSet) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b hostSet) add(i int)      { b[i/64] |= 1 << (i % 64) }
