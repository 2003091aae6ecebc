package master

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// behind gives the bucket as the agent of a node sees it that knows only its master.
func (r *running) behind(node string) *httpstore.Store {
	r.t.Helper()
	u, err := url.Parse(r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := httpstore.OpenFor(u, node)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

// join makes a node known whose agent is behind the gateway, and gives its first manifest's revision.
func (r *running) join(s state.Store, node string) state.ETag {
	r.t.Helper()
	put := func(key, text string) {
		if _, err := state.Write(r.t.Context(), s, key, []byte(text), state.Condition{}); err != nil {
			r.t.Fatal(err)
		}
	}
	put(state.KindReport.Key(node), fmt.Sprintf(`{"node": %q, "hostname": %q}`, node, node))
	put(state.KindHeartbeat.Key(node), "now")
	r.until(node+" up", func() bool { return strings.Contains(r.do("GET", "/v1/node/"+node, "").body, `"up"`) })
	put(state.KindHeartbeat.Key(node), "now") // of a node that is known: the master keeps it in mind
	var etag state.ETag
	r.until("manifest of "+node, func() bool {
		_, e, err := state.Read(r.t.Context(), s, state.KindManifest.Key(node), "", state.MaxDocument)
		etag = e.ETag
		return err == nil
	})
	return etag
}

func (r *running) deploy(app string, scale int) {
	r.t.Helper()
	for _, call := range [][]string{
		{"POST", "/v1/app", fmt.Sprintf(`{"name": %q, "toProcess": "sleep 1"}`, app)},
		{"PUT", "/v1/app/" + app + "/choreo", fmt.Sprintf(`{"app": %q, "query": "*", "scale": %d, "mode": "each"}`, app, scale)},
		{"POST", "/v1/app/" + app + "/_start", ""},
	} {
		if a := r.do(call[0], call[1], call[2]); a.status/100 != 2 {
			r.t.Fatalf("%v: %d %s", call, a.status, a.body)
		}
	}
}

// Agents that wait at the gateway cost the bucket nothing, and each gets a change that is made with the API at once.
func TestAgentsThatWait(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	r.deploy("first", 1)
	const agents = 20
	var asked atomic.Int64
	var waiting []func() string
	for i := range agents {
		node := fmt.Sprintf("n%d", i)
		s := r.behind(node)
		etag := r.join(s, node)
		waiting = append(waiting, func() string {
			for {
				ctx := state.WithWait(t.Context(), 20*time.Second)
				data, e, err := state.Read(ctx, s, state.KindManifest.Key(node), etag, state.MaxDocument)
				switch code := state.CodeOf(err); {
				case err == nil && strings.Contains(string(data), "second"):
					return ""
				case err == nil:
					etag = e.ETag
				case code != state.NotModified:
					return err.Error()
				}
			}
		})
	}
	r.until("quiet", func() bool { // the master has written what it has to
		before := store.Counts()["put"]
		time.Sleep(500 * time.Millisecond)
		return store.Counts()["put"] == before
	})
	store.Fail(func(op, key string) error {
		if op == "get" && strings.HasPrefix(key, "manifests/") || op == "put" && strings.HasPrefix(key, "heartbeats/") {
			asked.Add(1)
		}
		return nil
	})
	var wg sync.WaitGroup
	for _, wait := range waiting {
		wg.Go(func() {
			if trouble := wait(); trouble != "" {
				t.Error(trouble)
			}
		})
	}
	for i := range agents {
		node := fmt.Sprintf("n%d", i)
		if _, err := state.Write(t.Context(), r.behind(node), state.KindHeartbeat.Key(node), []byte("x"), state.Condition{}); err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests to the bucket for agents that wait", n)
	}
	r.deploy("second", 1)
	wg.Wait()
}

// A master that stops sends the agents away that wait, and does not wait for them.
func TestStopWithAgentsThatWait(t *testing.T) {
	r := startReady(t, memstore.New())
	s := r.behind("n1")
	r.deploy("app", 1)
	etag := r.join(s, "n1")
	var asked, answered sync.WaitGroup
	for range 20 {
		asked.Add(1)
		once := sync.OnceFunc(asked.Done)
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { once() }})
		answered.Go(func() {
			for at, err := etag, error(nil); err == nil; { // the master may have something to write yet
				var e state.Entry
				if _, e, err = state.Read(state.WithWait(ctx, 50*time.Second), s, "manifests/n1.json", at, 1<<20); err != nil && state.CodeOf(err) != state.Unavailable {
					t.Errorf("an agent that waits when its master stops: %v", err)
				}
				at = e.ETag
			}
		})
	}
	asked.Wait()
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > stopGrace {
		t.Errorf("stopping took %v", took)
	}
	answered.Wait()
}

// BenchmarkChangeToAgent is the time from the request that changes an app to the manifest in the hands of an agent that
// waits at the gateway.
func BenchmarkChangeToAgent(b *testing.B) {
	r := startReady(b, memstore.New())
	r.deploy("app", 1)
	s := r.behind("n1")
	etag := r.join(s, "n1")
	key := state.KindManifest.Key("n1")
	var all []time.Duration
	n := 0
	for b.Loop() {
		n++
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		want, got := fmt.Sprintf("sleep %d", n+1), make(chan time.Time, 1)
		go func() {
			for {
				data, e, err := state.Read(state.WithWait(ctx, 20*time.Second), s, key, etag, 1<<20)
				if err == nil {
					etag = e.ETag
				}
				if ctx.Err() != nil || strings.Contains(string(data), want+`"`) {
					got <- time.Now()
					return
				}
			}
		}()
		time.Sleep(50 * time.Millisecond) // it waits
		began := time.Now()
		if a := r.do("PUT", "/v1/app/app", fmt.Sprintf(`{"name": "app", "start": true, "toProcess": %q}`, want)); a.status != 200 {
			b.Fatal(a.body)
		}
		all = append(all, (<-got).Sub(began))
		cancel()
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2])/1e6, "ms/median")
	b.ReportMetric(float64(all[len(all)*99/100])/1e6, "ms/p99")
}
