//go:build linux

package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stathub/localstack/fleet"
	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
	_ "stathub/state/blobstore"
	"stathub/state/httpstore"
)

// BenchmarkFleet: one master on MinIO and 1,000 simulated agents, through its gateway and at the bucket itself. A deploy is
// the PUT of a choreography that puts an instance of a new app on each node: there is no rollout to wait for. Everything
// shares the processors of this machine: what each part took of them is told too. MinIO's data is in memory, for the disk of
// a test machine syncs a few hundred small files a second; FLEET_DISK=1 has it on the disk. FLEET_AGENTS and FLEET_DEPLOYS
// change the numbers.
func BenchmarkFleet(b *testing.B) {
	for _, way := range []string{"gateway", "minio"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				benchFleet(b, way == "gateway")
			}
		})
	}
}

func number(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// cluster is what is measured.
type cluster struct {
	*fleet.Fleet
	base   string // of the master
	master int    // pid
	bucket *miniosrv.Server
	asked  requests // by the agents

	mu   sync.Mutex
	want string      // the app that is waited for
	has  []time.Time // when agents had a manifest with it
}

func benchFleet(b *testing.B, gateway bool) {
	n, deploys := number(b, "FLEET_AGENTS", 1000), number(b, "FLEET_DEPLOYS", 5)
	c := startCluster(b, n, gateway)
	harness.Within(b, 5*time.Minute, func() error {
		var answer struct {
			Total int `json:"total"`
		}
		_, err := harness.Call(b.Context(), http.MethodPost, c.base+"/v1/node/_search", []byte("state:up"), &answer)
		if err == nil && answer.Total != n {
			err = fmt.Errorf("%d of %d agents have joined", answer.Total, n)
		}
		return err // a master that is busy with all of them may hang up: it is asked again
	})
	c.deploy(b, "base", n)       // an agent with a manifest asks for less than one that has none yet
	time.Sleep(30 * time.Second) // so that the start is over
	idle := c.spend(b, func() { time.Sleep(time.Minute) })
	idle.cores(b, "idle")
	b.ReportMetric(pssMB(b, c.master), "master-MB-PSS")
	var manifests, running, seen, first []time.Duration
	var most spent
	for k := range deploys {
		var d deployed
		s := c.spend(b, func() { d = c.deploy(b, fmt.Sprintf("deploy-%d", k), n) })
		manifests, running, seen = append(manifests, d.manifest), append(running, d.started), append(seen, d.known)
		first = append(first, d.toManifest.all())
		b.Logf("deploy %d: %+v, in all %+v", k, d, s)
		if s.took > most.took {
			most = s
		}
		c.remove(b, fmt.Sprintf("deploy-%d", k))
		time.Sleep(5 * time.Second) // the reports of that are not to be counted for the next one
	}
	report(b, "last-manifest", manifests)
	report(b, "cpu-to-last-manifest", first)
	report(b, "last-started", running)
	report(b, "master-knows", seen)
	most.sums(b, "deploy")
	b.ReportMetric(pssMB(b, c.master), "master-MB-PSS-after")
	if twice := c.Twice(); len(twice) > 0 {
		b.Errorf("instances that had two processes at one time: %v", twice)
	}
}

func startCluster(b *testing.B, n int, gateway bool) *cluster {
	c := &cluster{}
	var err error
	if c.bucket, err = miniosrv.Start(b.Context(), bucketDir(b), miniosrv.Options{Logf: b.Logf}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.bucket.Stop() })
	if err := c.bucket.CreateBucket(b.Context(), "stathub"); err != nil {
		b.Fatal(err)
	}
	master := harness.Build(b, "./master/stathub-master", "-trimpath", "-ldflags=-s -w")
	p := harness.Start(b, c.bucket.Env(), master, "--server.port=0", "--store.directory="+b.TempDir(), "--state.url="+c.bucket.StateURL("stathub"))
	c.base, c.master = p.URL(b), p.Cmd.Process.Pid
	for _, kv := range c.bucket.Env() {
		name, value, _ := strings.Cut(kv, "=")
		b.Setenv(name, value)
	}
	o := fleet.Options{N: n, OnManifest: c.arrived, Open: func(int) (state.Store, error) {
		return state.Open(b.Context(), c.bucket.StateURL("stathub"))
	}}
	if gateway {
		base, err := url.Parse(c.base)
		if err != nil {
			b.Fatal(err)
		}
		o.Open = func(i int) (state.Store, error) { return httpstore.OpenFor(base, fleet.Node(i)) }
	}
	open := o.Open
	o.Open = func(i int) (state.Store, error) {
		s, err := open(i)
		if err != nil {
			return nil, err
		}
		return c.asked.count(s), nil
	}
	if c.Fleet, err = fleet.Start(context.WithoutCancel(b.Context()), o); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Fleet.Stop(); err != nil {
			b.Error(err)
		}
	})
	return c
}

// bucketDir is where MinIO keeps its data: in memory, unless FLEET_DISK is set.
func bucketDir(b *testing.B) string {
	if os.Getenv("FLEET_DISK") != "" {
		return b.TempDir()
	}
	dir, err := os.MkdirTemp(fleet.MemoryDir(), "stathub-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (c *cluster) arrived(_ int, m *state.Manifest, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.want != "" && m.Entry(c.want) != nil {
		c.has = append(c.has, at)
	}
}

// deployed says how a deploy went: how long it took until the last agent had its manifest, until the last instance was
// started, and until the master knew that all run; and what was spent until the last agent had its manifest.
type deployed struct {
	manifest, started, known time.Duration
	toManifest               spent
}

// deploy puts an app on each node.
func (c *cluster) deploy(b *testing.B, app string, n int) (d deployed) {
	b.Helper()
	harness.Must(b, http.MethodPost, c.base+"/v1/app", fmt.Appendf(nil, `{"name": %q, "toProcess": "serve", "start": true}`, app), nil)
	c.mu.Lock()
	c.want, c.has = app, nil
	c.mu.Unlock()
	began := time.Now()
	d.toManifest = c.spend(b, func() {
		harness.Must(b, http.MethodPut, c.base+"/v1/app/"+app+"/choreo", []byte(`{"query": "*", "scale": 1, "mode": "each"}`), nil)
		ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
		defer cancel()
		if err := c.Converged(ctx, app, n); err != nil {
			b.Fatal(err)
		}
	})
	d.started = time.Since(began)
	harness.Within(b, 2*time.Minute, func() error { return c.known(b, app, n) })
	d.known = time.Since(began)
	c.mu.Lock()
	for _, at := range c.has {
		d.manifest = max(d.manifest, at.Sub(began))
	}
	c.want = ""
	c.mu.Unlock()
	return d
}

// known is nil once the master knows that so many instances of an app run.
func (c *cluster) known(b *testing.B, app string, n int) error {
	var view struct {
		Status state.AppStatus `json:"status"`
	}
	if _, err := harness.Call(b.Context(), http.MethodGet, c.base+"/v1/app/"+app, nil, &view); err != nil {
		return err
	}
	if view.Status.Running != n {
		return fmt.Errorf("the master knows of %d of %d", view.Status.Running, n)
	}
	return nil
}

// remove takes an app away, and waits until nothing is left of it.
func (c *cluster) remove(b *testing.B, app string) {
	b.Helper()
	harness.Must(b, http.MethodDelete, c.base+"/v1/app/"+app, nil, nil)
	harness.Within(b, 2*time.Minute, func() error {
		if status, _ := harness.Call(b.Context(), http.MethodGet, c.base+"/v1/app/"+app, nil, nil); status != http.StatusNotFound {
			return fmt.Errorf("app %s is there still", app)
		}
		if run := c.Running(app); run > 0 {
			return fmt.Errorf("%d of its instances run", run)
		}
		return nil
	})
}
