package supervise

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/bucket"
	"stathub/state"
)

// counted counts the requests that go to a store.
type counted struct {
	state.Store
	gets, puts atomic.Int64
}

func (c *counted) Unwrap() state.Store { return c.Store }

func (c *counted) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	c.gets.Add(1)
	return c.Store.Get(ctx, key, etag)
}

func (c *counted) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	c.puts.Add(1)
	if _, gateway := c.Store.(*holding); gateway && strings.HasPrefix(key, "heartbeats/") {
		return "taken", nil // into memory
	}
	return c.Store.Put(ctx, key, content, cond)
}

// dear is a bucket whose requests are paid for.
type dear struct{ *bucket.Bucket }

func (dear) Costly() bool { return true }

// What an idle agent costs, in requests an hour, for each way in which it may reach its bucket.
func TestIdleCost(t *testing.T) {
	const master, url = "http://m:1", "mem://"
	for _, tt := range []struct {
		name        string
		o           bucket.Options
		costly      bool
		poll        time.Duration
		gets, puts  int64 // to the bucket, at the most
		asked, told int64 // of the master, at the most
	}{
		{"a directory", bucket.Options{URL: url}, false, 2 * time.Second, 1860, 360, 0, 0},
		{"a bucket that is paid for", bucket.Options{URL: url}, true, 5 * time.Second, 140, 360, 0, 0},
		{"a bucket that is paid for, and a master", bucket.Options{URL: url, Masters: []string{master}}, true, 5 * time.Second, 80, 0, 121, 360},
		{"the gateway of a master", bucket.Options{Masters: []string{master}}, false, 5 * time.Second, 0, 0, 185, 361},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				truth, gateway := &counted{Store: n.store}, &counted{Store: &holding{Store: n.store}}
				tt.o.Node, tt.o.Jitter = "n", n.opts.Jitter
				tt.o.Guard = func(name string, _ state.Store) state.Store {
					if name == "bucket" {
						return truth
					}
					return gateway
				}
				b, err := bucket.Open(t.Context(), tt.o)
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				if n.opts.Store, n.opts.Poll = b, tt.poll; tt.costly {
					n.opts.Store = dear{b}
				}
				n.start()
				n.manifest(two)
				n.wantRunning("n/a.0", "n/a.1")
				time.Sleep(2 * time.Hour) // all is quiet by now
				from := []int64{truth.gets.Load(), truth.puts.Load(), gateway.gets.Load(), gateway.puts.Load()}
				time.Sleep(time.Hour)
				synctest.Wait()
				to := []int64{truth.gets.Load(), truth.puts.Load(), gateway.gets.Load(), gateway.puts.Load()}
				most := []int64{tt.gets, tt.puts, tt.asked, tt.told}
				for k, what := range []string{"gets of the bucket", "puts to it", "gets of the master", "puts to it"} {
					got := to[k] - from[k]
					t.Logf("%s an hour: %d (%.2f a minute)", what, got, float64(got)/60)
					if got > most[k] {
						t.Errorf("that is more than %d", most[k])
					}
				}
				n.stop()
			})
		})
	}
}
