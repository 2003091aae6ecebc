//go:build linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state/metric/metrictest"
)

// AWS list prices of S3 Standard in us-east-1, in dollars per request. A 304 is a GET; DELETE is free.
const (
	priceGet = 0.0004 / 1000
	pricePut = 0.005 / 1000 // LIST too
	idlers   = 1000         // agents
	month    = 30 * 24 * 60 // minutes
)

// usage is what a program asked of the bucket.
type usage struct{ get, put, list, manifests float64 } // manifests: those of get that look for a new one

func (s usage) minus(o usage) usage {
	return usage{s.get - o.get, s.put - o.put, s.list - o.list, s.manifests - o.manifests}
}

func (s usage) times(f float64) usage {
	return usage{s.get * f, s.put * f, s.list * f, s.manifests * f}
}

// dollars is the bill of requests.
func (s usage) dollars() float64 { return s.get*priceGet + (s.put+s.list)*pricePut }

// asked reads what the program at base counted itself of its requests to the bucket.
func asked(b *testing.B, base string) usage {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/metrics", nil)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	families := metrictest.Families(b, resp.Header.Get("Content-Type"), text)
	of := func(op string) float64 {
		v, _ := metrictest.Value(families, "stathub_store_requests_total", "store", "bucket", "op", op)
		return v
	}
	looks, _ := metrictest.Value(families, "stathub_store_requests_total", "store", "bucket", "op", "get", "kind", "manifests")
	return usage{manifests: looks, get: of("get") + of("head"), put: of("put"), list: of("list")}
}

// BenchmarkBill: what 1,000 idle agents and their master cost in a month, by the requests that one agent of each kind and
// the master counted in two minutes. A manifest that stays quiet is looked at less and less, down to a sixth: that share
// of the price is worked out from the counted one.
func BenchmarkBill(b *testing.B) {
	const settle, watch = 150 * time.Second, 2 * time.Minute // after a start masters are taken at their word only after two minutes
	server, err := miniosrv.Start(b.Context(), b.TempDir(), miniosrv.Options{Logf: b.Logf})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Stop() })
	if err := server.CreateBucket(b.Context(), "stathub"); err != nil {
		b.Fatal(err)
	}
	bucket := "--state.url=" + server.StateURL("stathub")
	bin := harness.Build(b, "./master/stathub-master", "-trimpath", "-ldflags=-s -w")
	p := harness.Start(b, server.Env(), bin, "--server.port=0", "--store.directory="+b.TempDir(), bucket)
	b.Cleanup(func() { p.Stop(b) })
	master := p.URL(b)
	kinds := []struct {
		name string
		args []string
	}{
		{"bucket only", []string{bucket}},
		{"bucket + master.address", []string{bucket, "--master.address=" + master}},
		{"gateway only", []string{"--master.address=" + master}},
	}
	bases := map[string]string{}
	for i, k := range kinds {
		args := append([]string{"--poll=10s", "--heartbeat=60s", fmt.Sprintf("--node.id=n%d", i)}, k.args...)
		bases[k.name] = startAgent(b, server.Env(), args...).base
	}
	for b.Loop() {
		time.Sleep(settle)
		before := map[string]usage{"the master": asked(b, master)}
		for name, base := range bases {
			before[name] = asked(b, base)
		}
		began := time.Now()
		time.Sleep(watch)
		minutes := time.Since(began).Minutes()
		row := func(name, base string, n float64) {
			perMinute := asked(b, base).minus(before[name]).times(1 / minutes)
			bill := perMinute.times(month * n)
			fmt.Printf("%-26s %6.2f GET %6.2f PUT %6.2f LIST a minute  $%8.2f a month (GET $%.2f, PUT and LIST $%.2f)\n", name,
				perMinute.get, perMinute.put, perMinute.list, bill.dollars(), bill.get*priceGet, (bill.put+bill.list)*pricePut)
			if name == kinds[0].name {
				bill.get -= bill.manifests * 5 / 6
				fmt.Printf("%-26s %63s $%8.2f a month\n", "  quiet for an hour", "", bill.dollars())
			}
			b.ReportMetric(bill.dollars(), "$/month")
		}
		fmt.Printf("\n%d idle agents, --poll=10s --heartbeat=60s, AWS list prices:\n", idlers)
		for _, k := range kinds {
			row(k.name, bases[k.name], idlers)
		}
		row("the master", master, 1)
	}
	b.ReportMetric(0, "ns/op")
}
