package mirror_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"runtime"
	"testing"
	"time"

	"stathub/master/mirror"
	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// benchmarked serves the gateway of a mirror that knows a thousand manifests.
func benchmarked(b *testing.B) (*memstore.Store, *mirror.Mirror, func(node string) *httpstore.Store) {
	store := memstore.New()
	for i := range 1000 {
		if _, err := state.Write(b.Context(), store, fmt.Sprintf("manifests/n%d.json", i), make([]byte, 2000), state.Condition{}); err != nil {
			b.Fatal(err)
		}
	}
	m := mirror.New(store, mirror.Options{Fresh: time.Hour})
	for range m.List(b.Context(), "") {
	}
	srv := httptest.NewServer(httpstore.Handler(m.Gateway(), httpstore.Options{Hinted: mirror.Mirrored}))
	b.Cleanup(srv.Close)
	return store, m, func(node string) *httpstore.Store {
		u, err := url.Parse(srv.URL)
		if err != nil {
			b.Fatal(err)
		}
		s, err := httpstore.OpenFor(u, node)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		return s
	}
}

// BenchmarkNotModified is an agent that polls over HTTP, client and server together.
func BenchmarkNotModified(b *testing.B) {
	store, _, open := benchmarked(b)
	s := open("n1")
	_, e, err := state.Read(b.Context(), s, "manifests/n1.json", "", 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	asked := store.Counts()["get"]
	for b.Loop() {
		if _, err := s.Get(b.Context(), "manifests/n1.json", e.ETag); state.CodeOf(err) != state.NotModified {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	if n := store.Counts()["get"] - asked; n != 0 {
		b.Errorf("%d requests to the bucket", n)
	}
}

// BenchmarkWaiting holds a thousand answers, changes all of the documents, and counts what each costs in memory, client
// and server together, and the time until the last client has its document.
func BenchmarkWaiting(b *testing.B) {
	const agents = 1000
	store, m, open := benchmarked(b)
	var clients []*httpstore.Store
	var etags []state.ETag
	for i := range agents {
		s := open(fmt.Sprintf("n%d", i))
		_, e, err := state.Read(b.Context(), s, fmt.Sprintf("manifests/n%d.json", i), "", 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		clients, etags = append(clients, s), append(etags, e.ETag)
	}
	used := func() (bytes uint64) {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapInuse + s.StackInuse
	}
	for round := 1; b.Loop(); round++ {
		b.StopTimer()
		before, asked := used(), store.Counts()["get"]
		answers := make(chan error, agents)
		for i, s := range clients {
			go func() {
				_, e, err := state.Read(state.WithWait(b.Context(), 50*time.Second), s, fmt.Sprintf("manifests/n%d.json", i), etags[i], 1<<20)
				etags[i] = e.ETag
				answers <- err
			}()
		}
		time.Sleep(2 * time.Second) // all wait
		b.ReportMetric(float64(used()-before)/agents, "B/waiting")
		b.StartTimer()
		for i := range agents {
			if _, err := state.Write(b.Context(), m, fmt.Sprintf("manifests/n%d.json", i), fmt.Append(make([]byte, 2000), round), state.Condition{}); err != nil {
				b.Fatal(err)
			}
		}
		for range agents {
			if err := <-answers; err != nil {
				b.Fatal(err)
			}
		}
		if n := store.Counts()["get"] - asked; n != 0 {
			b.Errorf("%d requests to the bucket", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/thousand")
}
