package mirror_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"stathub/master/mirror"
	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

// inside is the part of a store below a prefix, so that the contract is tested on documents that are mirrored.
type inside struct {
	state.Store
	prefix string
}

func (i inside) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	if err := state.CheckKey(key); err != nil {
		return nil, err
	}
	o, err := i.Store.Get(ctx, i.prefix+key, etag)
	if err == nil {
		o.Key = key
	}
	return o, err
}

func (i inside) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := state.CheckKey(key); err != nil {
		return "", err
	}
	return i.Store.Put(ctx, i.prefix+key, body, cond)
}

func (i inside) Delete(ctx context.Context, key string, etag state.ETag) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	return i.Store.Delete(ctx, i.prefix+key, etag)
}

func (i inside) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		for e, err := range i.Store.List(ctx, i.prefix+prefix) {
			e.Key = strings.TrimPrefix(e.Key, i.prefix)
			if !yield(e, err) {
				return
			}
		}
	}
}

func (i inside) Watch(ctx context.Context, prefix string) <-chan struct{} {
	return i.Store.Watch(ctx, i.prefix+prefix)
}

// closing is the gateway of a mirror that is closed with it.
type closing struct {
	state.Store
	m *mirror.Mirror
}

func (c closing) Close() error { return c.m.Close() }

// The gateway of a mirror, and that over HTTP, keep the whole contract on the documents that are mirrored, all the while
// a master lists them. Many clients of one gateway see what each other writes.
func TestStore(t *testing.T) {
	listed := func(t *testing.T) *mirror.Mirror {
		m := mirror.New(memstore.New(), mirror.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var lister sync.WaitGroup
		lister.Go(func() {
			for ctx.Err() == nil {
				for range m.List(ctx, "manifests/") {
				}
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
		t.Cleanup(func() { cancel(); lister.Wait() })
		return m
	}
	for name, through := range map[string]func(t *testing.T, m *mirror.Mirror, n int) []state.Store{
		"Gateway": func(_ *testing.T, m *mirror.Mirror, n int) []state.Store { return repeat(n, closing{m.Gateway(), m}) },
		"HTTP": func(t *testing.T, m *mirror.Mirror, n int) []state.Store {
			return dial(t, m, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			shared := func(t *testing.T, n int) []state.Store {
				all := through(t, listed(t), n)
				for i := range all {
					all[i] = inside{all[i], "manifests/"}
				}
				return all
			}
			storetest.RunWith(t, func(t *testing.T) state.Store { return shared(t, 1)[0] },
				storetest.Options{Shared: shared, Hints: true, Increments: 20, Brief: true, ForeignNames: true})
		})
	}
}

func repeat(n int, s state.Store) []state.Store {
	all := make([]state.Store, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// dial gives n clients of the gateway of a mirror, over HTTP.
func dial(t *testing.T, m *mirror.Mirror, n int) []state.Store {
	srv := httptest.NewServer(httpstore.Handler(m.Gateway(), httpstore.Options{MaxBody: 64 << 20, Hinted: mirror.Mirrored}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	var all []state.Store
	for range n {
		s, err := httpstore.Open(u)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		all = append(all, s)
	}
	return all
}

const key = "manifests/n1.json"

func put(t *testing.T, s state.Store, key, text string) state.ETag {
	t.Helper()
	etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

// look is a master's look at the bucket.
func look(t *testing.T, m *mirror.Mirror) {
	t.Helper()
	for _, prefix := range []string{"manifests/", "reports/"} {
		for _, err := range m.List(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func code(s state.Store, key string, etag state.ETag) state.Code {
	_, _, err := state.Read(context.Background(), s, key, etag, 1<<20)
	return state.CodeOf(err)
}

// What the master saw lately is answered without the bucket: that nothing changed, that there is nothing, and the bytes of
// what somebody asks for now and then. What it did not see is asked of the bucket.
func TestAnswersFromMemory(t *testing.T) {
	store := memstore.New()
	etag := put(t, store, key, "one")
	m := mirror.New(store, mirror.Options{})
	g := m.Gateway()
	if code(g, key, etag) != state.NotModified || store.Counts()["get"] != 1 {
		t.Fatalf("before the first look: %v", store.Counts())
	}
	look(t, m)
	for range 100 {
		if code(g, key, etag) != state.NotModified || code(g, "manifests/none.json", "") != state.NotFound {
			t.Fatal("a wrong answer")
		}
	}
	if n := store.Counts()["get"]; n != 1 {
		t.Errorf("%d Gets for what is known", n)
	}
	etag = put(t, m, key, "two") // by the master
	for range 100 {
		data, e, err := state.Read(t.Context(), g, key, "", 100)
		if string(data) != "two" || e.ETag != etag || err != nil {
			t.Fatalf("%q, %v, %v", data, e, err)
		}
	}
	if n := store.Counts()["get"]; n != 1 {
		t.Errorf("%d Gets for what the master wrote", n)
	}
	put(t, store, key, "by hand")
	look(t, m)
	for range 100 {
		if data, _, err := state.Read(t.Context(), g, key, etag, 100); string(data) != "by hand" {
			t.Fatalf("%q, %v", data, err)
		}
	}
	if n := store.Counts()["get"]; n != 2 {
		t.Errorf("%d Gets for one edit by hand", n-1)
	}
	if err := store.Delete(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
	look(t, m)
	if c := code(g, key, etag); c != state.NotFound {
		t.Errorf("a document that is gone: %s", c)
	}
}

// While the bucket is out of reach, what is known is answered as long as it is fresh, and then nothing but Unavailable.
func TestBucketOutOfReach(t *testing.T) {
	store := memstore.New()
	etag := put(t, store, key, "one")
	const fresh = 300 * time.Millisecond
	m := mirror.New(store, mirror.Options{Fresh: fresh})
	g := m.Gateway()
	seen := time.Now()
	look(t, m)
	store.Fail(func(_, key string) error { return state.Errorf(state.Unavailable, key, "switched off") })
	for c := code(g, key, etag); c != state.Unavailable; c = code(g, key, etag) {
		if c != state.NotModified {
			t.Fatalf("code %s", c)
		}
		if time.Since(seen) > 50*fresh {
			t.Fatal("what was seen counts for good")
		}
	}
	if time.Since(seen) < fresh {
		t.Error("what was seen did not count for long")
	}
	if c := code(g, "manifests/none.json", ""); c != state.Unavailable {
		t.Errorf("absence during an outage: %s", c) // a fact is not to be invented
	}
	store.Fail(nil)
	look(t, m)
	if c := code(g, key, etag); c != state.NotModified {
		t.Errorf("after the outage: %s", c)
	}
}

// A write that may have happened is not taken for one that did not, nor for one that did.
func TestLostAnswers(t *testing.T) {
	store := memstore.New()
	m := mirror.New(store, mirror.Options{})
	g := m.Gateway()
	old := put(t, m, key, "one")
	look(t, m)
	code(g, key, "")
	store.Fail(func(op, key string) error {
		if op == "put-applied" {
			return state.Errorf(state.Unavailable, key, "the answer got lost")
		}
		return nil
	})
	if _, err := m.Put(t.Context(), key, strings.NewReader("two"), state.Condition{IfMatch: old}); state.CodeOf(err) != state.Unavailable {
		t.Fatal(err)
	}
	if data, _, err := state.Read(t.Context(), g, key, old, 100); string(data) != "two" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := m.Put(t.Context(), key, strings.NewReader("three"), state.Condition{IfMatch: old}); state.CodeOf(err) != state.Stale {
		t.Fatal(err)
	}
	if data, _, err := state.Read(t.Context(), g, key, old, 100); string(data) != "two" {
		t.Errorf("after a write that was refused: %q, %v", data, err)
	}
}

// The master hears at once of a report that comes in through the gateway, even where the store gives no hints.
func TestReportsReachTheMaster(t *testing.T) {
	m := mirror.New(silent{memstore.New()}, mirror.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	hints := m.Watch(ctx, "reports/")
	put(t, m, "reports/n1.json", "by the master itself")
	select {
	case <-hints:
		t.Error("a hint of what the master wrote")
	default:
	}
	put(t, m.Gateway(), "reports/n1.json", "report")
	select {
	case <-hints:
	case <-time.After(20 * time.Second):
		t.Error("no hint")
	}
	cancel()
	for range hints {
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

type silent struct{ *memstore.Store }

func (silent) Watch(ctx context.Context, _ string) <-chan struct{} {
	hints := make(chan struct{})
	context.AfterFunc(ctx, func() { close(hints) })
	return hints
}

// A document is kept only whole: not when it is read in part, and not when it breaks off.
func TestPartsAreNotKept(t *testing.T) {
	store := memstore.New()
	put(t, store, key, strings.Repeat("x", 1000))
	m := mirror.New(store, mirror.Options{})
	look(t, m)
	g := m.Gateway()
	for range 3 {
		o, err := g.Get(t.Context(), key, "")
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(o.Body, make([]byte, 10))
		o.Body.Close()
	}
	if n := store.Counts()["get"]; n != 3 {
		t.Errorf("%d Gets", n)
	}
	big := bytes.Repeat([]byte("x"), 2<<20)
	if _, err := state.Write(t.Context(), m, key, big, state.Condition{}); err != nil {
		t.Fatal(err)
	}
	data, _, err := state.Read(t.Context(), g, key, "", 4<<20)
	if !bytes.Equal(data, big) || store.Counts()["get"] != 4 {
		t.Errorf("%d bytes, %v, %v", len(data), err, store.Counts())
	}
}
