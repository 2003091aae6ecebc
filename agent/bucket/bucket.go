// Package bucket makes one store of all the ways in which an agent reaches its bucket: the bucket itself, the gateways of
// masters, and another place for what the agent writes.
//
// With masters alone the bucket is what their gateways give. With a bucket and masters the bucket is the truth, and the
// masters, when they answer, tell of changes and take the heartbeat, which saves most requests to the bucket.
package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"stathub/state"
	"stathub/state/httpstore"
)

// Options say how an agent reaches its bucket. Node, and URL or Masters, are needed.
type Options struct {
	Node    string                                           // whose agent it is
	URL     string                                           // of the bucket, as state.Open takes it; "": the masters' gateways are the bucket
	Masters []string                                         // http(s)://host:port each, the first one asked first
	Report  string                                           // URL of where the agent writes; "": the bucket; Nowhere: nothing is written
	Guard   func(name string, store state.Store) state.Store // wraps each store that is opened; nil: nothing does
	Log     *slog.Logger                                     // default slog.Default()
	Jitter  func() float64                                   // 0 to 1; default random
}

// Nowhere is the Report of an agent that writes nothing.
const Nowhere = "none"

// Bucket is the store of one agent: it routes each request to where it belongs.
type Bucket struct {
	node    string
	truth   state.Store
	out     *outbox  // of report, heartbeat, events and crashes; nil: they go nowhere
	masters *Masters // that take heartbeats and give hints beside truth; nil: none do
	hints   hinter
	jitter  func() float64
	costly  bool
	all     []state.Store
	ctx     context.Context
	cancel  context.CancelFunc
	works   sync.WaitGroup

	mu       sync.Mutex
	notBeats time.Time // masters are not asked to take a heartbeat before
}

var _ state.Store = (*Bucket)(nil)

// Open opens all that the options name; it connects to nothing yet. The errors are state.Open's.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	if o.Guard == nil {
		o.Guard = func(_ string, s state.Store) state.Store { return s }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	b := &Bucket{node: o.Node, jitter: o.Jitter, costly: isCostly(o.URL) || isCostly(o.Report)}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if err := b.open(ctx, o); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Bucket) open(ctx context.Context, o Options) error {
	var masters *Masters
	if len(o.Masters) > 0 {
		stores, err := openMasters(ctx, o)
		if err != nil {
			return err
		}
		masters = NewMasters(stores, o.Jitter)
		b.all = append(b.all, masters)
	}
	if o.URL == "" {
		b.truth = masters
	} else {
		store, err := open(ctx, o, "bucket", o.URL)
		if err != nil {
			return err
		}
		b.truth, b.masters, b.all = store, masters, append(b.all, store)
		b.hints.masters, b.hints.jitter = masters, o.Jitter
	}
	out := b.truth
	switch o.Report {
	case Nowhere:
		return nil
	case "", o.URL:
	default:
		store, err := open(ctx, o, "report", o.Report)
		if err != nil {
			return err
		}
		out, b.all = store, append(b.all, store)
	}
	b.out = &outbox{Store: out, log: o.Log, jitter: o.Jitter}
	return nil
}

func openMasters(ctx context.Context, o Options) (stores []state.Store, err error) {
	for n, address := range o.Masters {
		name := "master"
		if n > 0 {
			name += strconv.Itoa(n + 1)
		}
		s, err := open(ctx, o, name, address)
		if err != nil {
			for _, s := range stores {
				_ = s.Close()
			}
			return nil, err
		}
		stores = append(stores, s)
	}
	return stores, nil
}

// open opens a store, a gateway in the name of the node.
func open(ctx context.Context, o Options, name, address string) (store state.Store, err error) {
	if u, urlErr := url.Parse(address); urlErr == nil && (u.Scheme == "http" || u.Scheme == "https") {
		store, err = httpstore.OpenFor(u, o.Node)
	} else {
		store, err = state.Open(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	return o.Guard(name, store), nil
}

// isCostly is true for stores whose providers bill each request.
func isCostly(address string) bool {
	scheme, _, _ := strings.Cut(address, ":")
	return scheme == "s3" || scheme == "gs" || scheme == "azblob"
}

// Costly reports whether requests are paid for: what only keeps up with the world may then be done less often.
func (b *Bucket) Costly() bool { return b.costly }

// Hinting reports whether, at this moment, Watch tells of every change of the node's manifest.
func (b *Bucket) Hinting() bool { return b.hints.alive.Load() }

// CanWait tells state.CanWait whether a Get may wait for a change.
func (b *Bucket) CanWait() bool { return state.CanWait(b.truth) }

// writes gives the store that a document is written to.
func (b *Bucket) writes(key string) (state.Store, error) {
	switch {
	case !state.IsOwn(b.node, key):
		return b.truth, nil
	case b.out == nil:
		return nil, state.Errorf(state.Denied, key, "this agent writes nothing (--report.url=none)")
	default:
		return b.out, nil
	}
}

// Get is state.Store's.
func (b *Bucket) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	s, err := b.writes(key)
	if err != nil {
		return nil, state.Errorf(state.NotFound, key, "no such document: %w", err)
	}
	return s.Get(ctx, key, ifNoneMatch)
}

// Put is state.Store's. A heartbeat goes to a master, and to the bucket when none answers.
func (b *Bucket) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	s, err := b.writes(key)
	switch {
	case err != nil:
		return "", err
	case b.masters != nil && key == state.KindHeartbeat.Key(b.node):
		return b.beat(ctx, key, content, cond)
	}
	return s.Put(ctx, key, content, cond)
}

const (
	beatPatience = 5 * time.Second  // for masters to take a heartbeat, before the bucket is given it
	beatPause    = 30 * time.Second // on average, before masters that did not take one are asked again
)

func (b *Bucket) beat(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	start, err := content.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", state.Errorf(state.Internal, key, "cannot read the heartbeat: %w", err)
	}
	b.mu.Lock()
	ask := !time.Now().Before(b.notBeats)
	b.mu.Unlock()
	if ask {
		asking, cancel := context.WithTimeout(ctx, beatPatience)
		etag, err := b.masters.Put(asking, key, content, cond)
		cancel()
		if code := state.CodeOf(err); code != state.Unavailable && code != state.Denied {
			return etag, err
		}
		b.mu.Lock()
		b.notBeats = time.Now().Add(scatter(beatPause, b.jitter))
		b.mu.Unlock()
		if _, err := content.Seek(start, io.SeekStart); err != nil {
			return "", state.Errorf(state.Internal, key, "cannot read the heartbeat: %w", err)
		}
	}
	return b.out.Put(ctx, key, content, cond)
}

// Delete is state.Store's.
func (b *Bucket) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	s, err := b.writes(key)
	if err != nil {
		return err
	}
	return s.Delete(ctx, key, ifMatch)
}

// List is state.Store's, of what the agent reads: what it writes may lie elsewhere.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return b.truth.List(ctx, prefix)
}

// Watch is state.Store's. Hints of the node's manifest come from masters too. There may be one Watch of it at a time.
func (b *Bucket) Watch(ctx context.Context, prefix string) <-chan struct{} {
	if b.masters == nil || prefix != state.KindManifest.Key(b.node) {
		return b.truth.Watch(ctx, prefix)
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(b.ctx, cancel)
	out := make(chan struct{}, 1)
	from := b.truth.Watch(ctx, prefix)
	b.works.Go(func() {
		defer close(out)
		defer stop()
		defer cancel()
		var both sync.WaitGroup
		both.Go(func() { forward(ctx, b.ctx, from, out) })
		both.Go(func() { b.hints.run(ctx, prefix, out) })
		both.Wait()
	})
	return out
}

// Close closes all stores.
func (b *Bucket) Close() error {
	b.cancel()
	var errs []error
	for _, s := range b.all {
		errs = append(errs, s.Close())
	}
	b.works.Wait()
	return errors.Join(errs...)
}
