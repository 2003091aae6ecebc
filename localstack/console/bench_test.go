package console

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
	"stathub/state"
)

// BenchmarkPages measures each of the master's pages with 10,000 nodes and 100,000 processes of 1,000 apps (CONSOLE_NODES
// changes that): the server's time, seen over the loopback; the time until Chromium, with an empty cache, has painted
// something; and what it transfers for the page, scripts and styles included. CONSOLE_PAGES measures only pages whose names
// begin so.
func BenchmarkPages(b *testing.B) {
	nodes := 10_000
	if text := os.Getenv("CONSOLE_NODES"); text != "" {
		var err error
		if nodes, err = strconv.Atoi(text); err != nil {
			b.Fatalf("CONSOLE_NODES: %v", err)
		}
	}
	browser.Need(b)
	l := newLarge(b, nodes, nodes/10)
	pages := l.pages(b)
	for b.Loop() {
		fmt.Printf("%d nodes, %d apps, %d processes\n", nodes, len(l.apps), nodes*perNode) // a benchmark's log is cut off after ten lines
		fmt.Printf("%-26s %10s %10s %14s %8s\n", "page", "median ms", "p99 ms", "first paint ms", "kB")
		var most measured
		for _, at := range pages {
			if !strings.HasPrefix(at.name, os.Getenv("CONSOLE_PAGES")) {
				continue
			}
			m := l.measure(b, at.path)
			fmt.Printf("%-26s %10.1f %10.1f %14.0f %8.1f\n", at.name, m.median, m.p99, m.paint, m.weight)
			most = measured{max(most.median, m.median), max(most.p99, m.p99), max(most.paint, m.paint), max(most.weight, m.weight)}
		}
		b.ReportMetric(most.median, "slowest-median-ms")
		b.ReportMetric(most.p99, "slowest-p99-ms")
		b.ReportMetric(most.paint, "latest-first-paint-ms")
		b.ReportMetric(most.weight, "heaviest-kB")
	}
	b.ReportMetric(0, "ns/op") // the time of the whole benchmark says nothing
}

// pages are those of a large world, with searches that find much and little.
func (l *large) pages(b *testing.B) []place {
	b.Helper()
	small := l.apps[7]
	var of []state.Proc
	harness.Must(b, http.MethodGet, l.base+"/v1/app/"+small+"/proc?full=true", nil, &of)
	node := of[0].Node
	return []place{
		{"overview", "/"},
		{"nodes", "/nodes"},
		{"nodes: a tag", "/nodes?q=tags%3Aappserver"},
		{"nodes: from 9,000", "/nodes?from=9000"},
		{"nodes by memory", "/nodes?sort=-memory"},
		{"nodes by processes", "/nodes?sort=-procs"},
		{"node", "/nodes/" + node},
		{"apps", "/apps"},
		{"apps by state", "/apps?sort=state"},
		{"apps: a query", "/apps?q=name%3Aapp-000*"},
		{"app, 90 processes", "/apps/" + small},
		{"app, one on each node", "/apps/" + l.apps[0]},
		{"app: edit", "/apps/" + small + "/edit"},
		{"app: choreography", "/apps/" + small + "/choreo"},
		{"new app", "/new"},
		{"processes", "/procs"},
		{"processes: an app", "/procs?q=app%3A" + small},
		{"processes: all", "/procs?q=state%3Arunning"},
		{"processes: from 9,000", "/procs?from=9000"},
		{"process", "/nodes/" + node + "/procs/" + localName(of[0])},
		{"events", "/events"},
		{"events: an app", "/events?app=" + small},
		{"bucket", "/bucket"},
		{"bucket: manifests", "/bucket?prefix=manifests/"},
		{"bucket: a manifest", "/bucket/manifests/" + node + ".json"},
		{"help", "/help"},
		{"help: query language", "/help/query"},
		{"api", "/api"},
	}
}

// measured is what a page costs: times in ms, the weight in kB.
type measured struct{ median, p99, paint, weight float64 }

func (l *large) measure(b *testing.B, path string) (m measured) {
	b.Helper()
	m.median, m.p99 = serverTime(b, l.base+path)
	m.paint, m.weight = l.paint(b, path)
	return m
}

// Requests and loads of each page.
const (
	asked  = 20
	loaded = 5
)

// serverTime gives the median and the 99th percentile (of so few: the worst) of requests, after one that is not counted.
func serverTime(b *testing.B, url string) (median, p99 float64) {
	b.Helper()
	took := make([]float64, 0, asked)
	for i := range asked + 1 {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("%s: %s, %v", url, resp.Status, err)
		}
		if i > 0 {
			took = append(took, float64(time.Since(began))/1e6)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], took[(len(took)*99-1)/100]
}

// paint gives the median time until the first paint, each time with an empty cache, and what is transferred once the page
// is at rest.
func (l *large) paint(b *testing.B, path string) (ms, kB float64) {
	b.Helper()
	var all []float64
	for i := range loaded {
		p := chromium.Page(b, l.base, browser.View{})
		p.Allow("") // what is not clean is the tests' affair
		p.Open(path)
		p.Wait("the first paint", `performance.getEntriesByName("first-contentful-paint").length > 0`)
		all = append(all, browser.Eval[float64](p, `performance.getEntriesByName("first-contentful-paint")[0].startTime`))
		if i == 0 {
			p.Settle()
			kB = browser.Eval[float64](p, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)`) / 1000
		}
		p.Close()
	}
	slices.Sort(all)
	return all[len(all)/2], kB
}
