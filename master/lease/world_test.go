package lease

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// world is a bucket with electors, in a synctest bubble.
type world struct {
	t     *testing.T
	store *memstore.Store
	done  sync.WaitGroup
	all   []*candidate
}

// candidate is a master as far as leading goes.
type candidate struct {
	*Elector
	link *link
	skew time.Duration // of its wall clock
	rate float64       // of its own clock; 0: 1
	stop func()
}

// inWorld runs a test with a store, and ends what it started.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: memstore.New()}
		defer w.end()
		test(t, w)
	})
}

func (w *world) end() {
	for _, c := range w.all {
		c.link.set(nil)
		c.stop()
	}
	w.done.Wait()
}

// join starts an elector.
func (w *world) join(name string, set ...func(*candidate, *Options)) *candidate {
	c := &candidate{link: &link{Store: w.store}, rate: 1}
	began := time.Now()
	o := Options{Store: c.link, Name: name, Address: "http://" + name}
	o.Clock = func() time.Duration { return time.Duration(float64(time.Since(began)) * c.rate) }
	o.Now = func() time.Time { return time.Now().Add(c.skew) }
	for _, f := range set {
		f(c, &o)
	}
	c.Elector = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	c.stop = func() { cancel(); <-ended }
	w.done.Go(func() {
		defer close(ended)
		c.Run(ctx)
	})
	w.all = append(w.all, c)
	w.wait(200 * time.Millisecond)
	return c
}

// kill ends an elector so that it says nothing any more.
func (c *candidate) kill() {
	c.link.set(func(string) error { return errGone })
	c.stop()
}

var errGone = errors.New("there is no such process any more")

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	time.Sleep(d) // in the bubble: the fake clock
	synctest.Wait()
}

// leads fails unless just this one leads, in that term.
func (w *world) leads(c *candidate, term int64) {
	w.t.Helper()
	for _, other := range w.all {
		got, leads := other.Lead()
		if leads != (other == c) || leads && got != term {
			w.t.Fatalf("%s leads: %v, in term %d (%+v); want %s alone, in term %d", other.me.name, leads, got, other.Status(), c.me.name, term)
		}
	}
}

// nobody fails if one leads.
func (w *world) nobody() {
	w.t.Helper()
	for _, c := range w.all {
		if term, leads := c.Lead(); leads {
			w.t.Fatalf("%s leads in term %d", c.me.name, term)
		}
	}
}

func (w *world) put(text string) {
	w.t.Helper()
	if _, err := state.Write(w.t.Context(), w.store, Key, []byte(text), state.Condition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) lease() (*state.Lease, string) {
	w.t.Helper()
	data, _, err := state.Read(w.t.Context(), w.store, Key, "", state.MaxDocument)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := state.Decode[state.Lease](Key, data)
	if err != nil {
		w.t.Fatal(err)
	}
	return l, string(data)
}

// link is what one elector reaches the store through. Its fault is asked before an operation, "get" or "put", and after
// one that happened, "got" and "wrote"; it may take its time.
type link struct {
	state.Store
	mu    sync.Mutex
	fault func(op string) error
}

func (l *link) set(fault func(op string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

func (l *link) at(op string) error {
	l.mu.Lock()
	fault := l.fault
	l.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := fault(op); err != nil {
		return state.Errorf(state.Unavailable, Key, "%w", err)
	}
	return nil
}

func (l *link) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	if err := l.at("get"); err != nil {
		return nil, err
	}
	o, err := l.Store.Get(ctx, key, etag)
	if lost := l.at("got"); lost != nil {
		return nil, lost
	}
	return o, err
}

func (l *link) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := l.at("put"); err != nil {
		return "", err
	}
	etag, err := l.Store.Put(context.WithoutCancel(ctx), key, body, cond) // what was sent off arrives
	if lost := l.at("wrote"); lost != nil {
		return "", lost
	}
	return etag, err
}
