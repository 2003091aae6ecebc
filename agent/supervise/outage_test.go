package supervise

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/memstore"
)

// crowd is many agents on one bucket, and counts what that is asked for in each second.
type crowd struct {
	t     *testing.T
	store *memstore.Store
	nodes []*node

	mu      sync.Mutex
	away    string // "": all is well; "refused"; "silent", until back is closed
	back    chan struct{}
	seconds map[int64]int
}

func newCrowd(t *testing.T, size int) *crowd {
	c := &crowd{t: t, store: memstore.New(), seconds: map[int64]int{}}
	c.store.Fail(c.fault)
	for k := range size {
		n := newNode(t)
		chance := rand.New(rand.NewPCG(uint64(k), 7))
		var mu sync.Mutex
		n.store = c.store
		n.opts.Node, n.opts.Store, n.opts.Poll = fmt.Sprintf("n%d", k), &sometimes{Store: c.store, costly: true, hints: make(chan struct{})}, 5*time.Second
		n.opts.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
		n.opts.Jitter = func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return chance.Float64()
		}
		c.nodes = append(c.nodes, n)
	}
	return c
}

func (c *crowd) fault(op, key string) error {
	if strings.HasSuffix(op, "-applied") || op == "put" && strings.HasPrefix(key, "manifests/") { // the test's own
		return nil
	}
	c.mu.Lock()
	c.seconds[time.Now().Unix()]++
	away, back := c.away, c.back
	c.mu.Unlock()
	if away == "silent" {
		<-back
	}
	if away != "" {
		return state.Errorf(state.Unavailable, key, "no route to host")
	}
	return nil
}

// set makes the bucket go away, or come back.
func (c *crowd) set(away string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away == "silent" {
		close(c.back)
	}
	c.away, c.back, c.seconds = away, make(chan struct{}), map[int64]int{}
}

// peak gives the most requests of any second since set.
func (c *crowd) peak() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, count := range c.seconds {
		most = max(most, count)
	}
	return most
}

func (c *crowd) manifests(generation, count int) {
	c.t.Helper()
	for _, n := range c.nodes {
		text := strings.Replace(running(1, generation, count), `"node":"n"`, `"node":"`+n.opts.Node+`"`, 1)
		if _, err := state.Write(c.t.Context(), c.store, "manifests/"+n.opts.Node+".json", []byte(text), state.Condition{}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// After an outage nothing was restarted, each agent has followed what was asked for meanwhile within a poll, what happened
// is told within a quarter of a minute, and no second has more than two requests for each agent, though all have a new
// manifest to read, start something, and report it, and half of them have crashes to tell of besides: the bucket that comes back is not knocked over.
func TestAfterAnOutage(t *testing.T) {
	const size = 50
	for _, away := range []string{"refused", "silent"} {
		for _, blackout := range []time.Duration{30 * time.Second, 5 * time.Minute} {
			t.Run(fmt.Sprint(away, " for ", blackout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCrowd(t, size)
					c.manifests(1, 1)
					for _, n := range c.nodes {
						n.start() // within 15 s, as machines do
						defer func() { n.stop() }()
					}
					time.Sleep(5 * time.Minute)
					synctest.Wait()
					var before []map[string]int
					for _, n := range c.nodes {
						before = append(before, n.runner.pids())
					}
					c.set("")
					time.Sleep(time.Minute)
					calm := c.peak()

					c.set(away)
					time.Sleep(blackout / 2)
					for _, n := range c.nodes[:size/2] { // something happens on half of them
						n.runner.end(n.runner.identity(n.opts.Node+"/a.0"), proc.Exit{Code: 1})
					}
					time.Sleep(blackout / 2)
					c.manifests(2, 2)
					during := c.peak()
					c.set("")
					time.Sleep(c.nodes[0].opts.Poll + 500*time.Millisecond)
					synctest.Wait()
					for k, n := range c.nodes {
						if now := n.runner.pids(); len(now) != 2 {
							t.Errorf("%s runs %v", n.opts.Node, now)
						} else if id := n.opts.Node + "/a.0"; k >= size/2 && now[id] != before[k][id] {
							t.Errorf("%s was restarted", id)
						}
					}
					time.Sleep(10 * time.Second)
					synctest.Wait()
					after, told := c.peak(), 0
					for _, n := range c.nodes {
						data, _, err := state.Read(t.Context(), c.store, "reports/"+n.opts.Node+".json", "", state.MaxDocument)
						if err != nil {
							t.Fatal(err)
						}
						if r, err := state.Decode[state.Report]("", data); err != nil || len(r.Instances) != 2 || r.Manifest.Generation != 2 {
							t.Errorf("%s is reported as %+v, %v", n.opts.Node, r, err)
						}
					}
					for range c.store.List(t.Context(), "events/") {
						told++
					}
					if told < 2*size {
						t.Errorf("%d documents of events", told)
					}
					t.Logf("most requests in a second: %d before, %d during, %d after it", calm, during, after)
					if calm > size*6/10 || during > 2*size || after > 2*size {
						t.Error("that is too many")
					}
				})
			})
		}
	}
}
