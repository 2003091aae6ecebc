package control

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stathub/state"
)

// meddler is a person who edits documents at the worst moment: after somebody read them, before he writes them.
type meddler struct {
	w      *world
	mu     sync.Mutex
	random *rand.Rand
	busy   bool
	notes  map[string][]string // by key: the members that it added
}

// before is the hook of the store.
func (p *meddler) before(op, key string) error {
	kind, _, _ := strings.Cut(key, "/")
	p.mu.Lock()
	defer p.mu.Unlock()
	meddles := op == "put" && !p.busy && p.random.IntN(3) == 0 &&
		slices.Contains([]state.Kind{state.KindApp, state.KindChoreo, state.KindNode, state.KindManifest}, state.Kind(kind))
	if !meddles {
		return nil
	}
	p.busy = true
	p.mu.Unlock() // the store asks again
	note, done := fmt.Sprintf("note%d", p.random.Uint32()), false
	data, entry, err := state.Read(p.w.ctx, p.w.store, key, "", state.MaxDocument)
	if err == nil {
		edited := strings.Replace(string(data), "{", fmt.Sprintf("{%q: true, ", note), 1)
		_, err = state.Write(p.w.ctx, p.w.store, key, []byte(edited), state.Condition{IfMatch: entry.ETag})
		done = err == nil
	}
	p.mu.Lock()
	if p.busy = false; done {
		p.notes[key] = append(p.notes[key], note)
	}
	return nil
}

// Whatever a person writes into a document between the moment when the master, or its API, read it and the moment when
// it writes it is still there in the end: nothing is overwritten unread (law 2).
func TestNothingIsOverwrittenUnread(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.agents(3)
				w.deploy("web", 4)
				w.deploy("db", 2)
				w.wait(5 * time.Second)
				random := rand.New(rand.NewPCG(seed, 1))
				p := &meddler{w: w, random: rand.New(rand.NewPCG(seed, 2)), notes: map[string][]string{}}
				w.store.Fail(p.before)
				for range 30 {
					w.doSomething(random)
					w.wait(time.Duration(random.IntN(3000)) * time.Millisecond)
				}
				w.store.Fail(nil)
				w.wait(20 * time.Second)
				if len(p.notes) < 3 {
					t.Errorf("only %d documents were edited", len(p.notes))
				}
				for key, notes := range p.notes {
					text := w.get(key)
					for _, note := range notes {
						if !strings.Contains(text, note) {
							t.Errorf("%s has lost an edit: %s", key, text)
							break
						}
					}
				}
			})
		})
	}
}

// doSomething makes one edit through the API, or has the master make one.
func (w *world) doSomething(random *rand.Rand) {
	w.t.Helper()
	ctx, app, node := w.t.Context(), []string{"web", "db"}[random.IntN(2)], fmt.Sprintf("n%d", 1+random.IntN(3))
	var err error
	switch random.IntN(8) {
	case 0:
		_, err = w.c.Scale(ctx, app, random.IntN(8))
	case 1:
		_, err = w.c.SetQuery(ctx, app, []string{"*", "zone0", "zone1"}[random.IntN(3)])
	case 2:
		_, err = w.c.StartApp(ctx, app)
	case 3:
		_, err = w.c.StopApp(ctx, app)
	case 4:
		_, err = w.c.RestartApp(ctx, app)
	case 5:
		_, err = w.c.SetTags(ctx, node, []string{"tag", fmt.Sprintf("zone%d", random.IntN(2))}, state.Condition{})
	case 6:
		_, err = w.c.SetDrain(ctx, node, random.IntN(2) == 0)
	case 7:
		_, err = w.c.SetEnvs(ctx, node, map[string]string{"X": fmt.Sprint(random.IntN(100))}, state.Condition{})
	}
	if err != nil {
		w.t.Error(err)
	}
}
