package supervise

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
)

// Two machines with one node id over one bucket: both run the instances, both say so loudly, and neither stops anything.
func TestTwoAgentsOfOneNode(t *testing.T) {
	for _, costly := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newNode(t), newNode(t)
			store := a.store
			b.store = store
			for k, n := range []*node{a, b} {
				n.opts.Store = &sometimes{Store: store, costly: costly, hints: make(chan struct{})}
				n.opts.Hostname = []string{"east", "west"}[k]
			}
			put(t, a, two)
			a.start()
			time.Sleep(10 * time.Minute)
			b.start()
			time.Sleep(20 * time.Minute)
			for _, n := range []*node{a, b} {
				n.settle()
				n.wantRunning("n/a.0", "n/a.1")
				other := map[*node]string{a: "west/", b: "east/"}[n]
				if errs := strings.Join(n.Report().Errors, "\n"); !strings.Contains(errs, "another agent, "+other) || !strings.Contains(errs, "--node.id") {
					t.Errorf("%s says %q", n.opts.Hostname, errs)
				}
				told := 0
				for _, e := range n.Events(1000) {
					if e.Kind == "node.doubled" {
						told++
					}
				}
				if told != 1 {
					t.Errorf("%s tells it %d times", n.opts.Hostname, told)
				}
			}
			puts := store.Counts()["put"]
			time.Sleep(10 * time.Minute)
			if more := store.Counts()["put"] - puts; more > 2*(60+10)+10 {
				t.Errorf("%d writes in ten minutes", more)
			}
			b.stop()
			time.Sleep(30 * time.Minute)
			a.settle()
			if errs := a.stored().Errors; len(errs) > 0 {
				t.Errorf("the other one is gone, and still: %q", errs)
			}
			a.wantRunning("n/a.0", "n/a.1")
			a.stop()
		})
	}
}

// An agent that takes the place of another, an editor, and an old copy of the report are no second agent.
func TestWhatIsNoSecondAgent(t *testing.T) {
	for name, meddle := range map[string]func(n *node){
		"an agent before it": func(n *node) { n.stop(); n.opts.Writer = ""; n.start() },
		"somebody who edits the report": func(n *node) {
			for range 5 {
				if _, _, err := state.Update(context.Background(), n.store, "reports/n.json", func(old []byte) ([]byte, error) {
					return append(old, ' '), nil
				}); err != nil {
					n.t.Error(err)
				}
				time.Sleep(3 * time.Minute)
			}
		},
		"an old copy, again and again": func(n *node) {
			for range 5 {
				n.put("reports/n.json", `{"node":"n","writer":"old/1/2","instances":[]}`)
				time.Sleep(3 * time.Minute)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.put("reports/n.json", `{"node":"n","writer":"elsewhere/1/2","instances":[]}`)
				n.start()
				n.manifest(onlyA)
				time.Sleep(5 * time.Minute)
				meddle(n)
				time.Sleep(20 * time.Minute)
				n.settle()
				if r := n.stored(); len(r.Errors) > 0 || !strings.Contains(r.Writer, "/") || len(r.Instances) != 1 {
					t.Errorf("reported by %s: %q", r.Writer, r.Errors)
				}
				n.stop()
				if strings.Contains(kindsOf(n.told()), "node.doubled") {
					t.Error("told of another agent")
				}
			})
		})
	}
}
