package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/master/index"
	"stathub/state"
	"stathub/state/memstore"
)

// fakeIndex finds events by "*" or by a part of their JSON. The real index has goroutines that cannot live in a bubble.
type fakeIndex struct {
	mu   sync.Mutex
	docs map[string]index.Doc
	fail error
}

func (x *fakeIndex) Update(puts []index.Doc, deletes []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail != nil {
		return x.fail
	}
	for _, id := range deletes {
		delete(x.docs, id)
	}
	for _, d := range puts {
		x.docs[d.ID] = d
	}
	return nil
}

func (x *fakeIndex) Search(_ context.Context, query string, opt index.Options) (index.Result, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var found []index.Doc
	for _, d := range x.docs {
		if query == "*" || strings.Contains(string(state.EncodeLine(d.Value)), query) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b index.Doc) int { return strings.Compare(b.Order+b.ID, a.Order+a.ID) })
	r := index.Result{Total: len(found)}
	for _, d := range found[min(opt.From, len(found)):min(opt.From+opt.Size, len(found))] {
		r.IDs = append(r.IDs, d.ID)
	}
	return r, nil
}

// world is a bucket with events and a Journal of it, in a synctest bubble.
type world struct {
	t     *testing.T
	store *memstore.Store
	index *fakeIndex
	j     *Journal
	n     int // of the last event
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		test(t, &world{t: t, store: memstore.New(), index: &fakeIndex{docs: map[string]index.Doc{}}})
	})
}

// run starts a Journal; stop ends it.
func (w *world) run(o Options) (stop func()) {
	o.Store, o.Index = w.store, w.index
	w.j = New(o)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.j.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}()
	synctest.Wait()
	return func() { cancel(); <-done }
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d) // in the bubble: the fake clock
	synctest.Wait()
}

// batch writes a document of n events of a writer that happened at a time, and gives its key.
func (w *world) batch(writer string, at time.Time, n int) string {
	w.t.Helper()
	var lines []byte
	first := ""
	for range n {
		w.n++
		e := state.Event{ID: ulid(at, w.n), At: at, Writer: writer, Node: writer, Kind: "instance.exit", App: "web", Message: fmt.Sprintf("event-%d.", w.n)}
		if first == "" {
			first = e.ID
		}
		lines = append(lines, state.EncodeLine(&e)...)
	}
	key := state.EventKey(at, writer, first)
	w.put(key, string(lines))
	return key
}

func (w *world) put(key, text string) {
	w.t.Helper()
	if _, err := state.Write(w.t.Context(), w.store, key, []byte(text), state.Condition{}); err != nil {
		w.t.Fatal(err)
	}
}

func ulid(at time.Time, n int) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	text := make([]byte, 26)
	for i, v := 9, uint64(at.UnixMilli()); i >= 0; i, v = i-1, v>>5 {
		text[i] = digits[v&31]
	}
	for i := 25; i >= 10; i, n = i-1, n>>5 {
		text[i] = digits[n&31]
	}
	return string(text)
}

// found gives the numbers of the events that are found, the newest first.
func (w *world) found(text string) string {
	w.t.Helper()
	p, err := w.j.Search(w.t.Context(), text, nil, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, e := range p.Rows {
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(e.Message, "event-"), "."))
	}
	if p.Total != len(p.Rows) {
		w.t.Errorf("%d rows of %d", len(p.Rows), p.Total)
	}
	return strings.Join(all, " ")
}

func (w *world) want(text, numbers string) {
	w.t.Helper()
	if got := w.found(text); got != numbers {
		w.t.Errorf("%s finds %q, want %q", text, got, numbers)
	}
}

func (w *world) warnings() string {
	w.t.Helper()
	p, err := w.j.Search(w.t.Context(), "*", nil, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(p.Warnings, "\n")
}
