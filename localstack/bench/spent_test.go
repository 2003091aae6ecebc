//go:build linux

package bench

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/meter"
)

// requests counts what agents ask of their stores.
type requests struct {
	mu  sync.Mutex
	all []*meter.Meter
}

func (r *requests) count(s state.Store) state.Store {
	m := meter.New(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, m)
	return m
}

func (r *requests) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.all {
		for _, c := range m.Counts() {
			n += int(c.Total())
		}
	}
	return n
}

// ofMaster gives how many requests a master sent to its bucket, as its metrics tell.
func ofMaster(b *testing.B, base string) (n int) {
	b.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(name, "stathub_store_requests_total{") {
			continue
		}
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			b.Fatalf("%q: %v", lines.Text(), err)
		}
		n += int(count)
	}
	return n
}

// spent is what something took. Processor time of a process covers all of its threads.
type spent struct {
	took                time.Duration
	master, minio, load time.Duration // of the processors; load is this process, with all simulated agents
	agents, bucket      int           // requests by the agents, and by the master to the bucket
}

// spend measures what do takes of the machine and of the bucket.
func (c *cluster) spend(b *testing.B, do func()) (s spent) {
	b.Helper()
	began := time.Now()
	s.agents, s.bucket = -c.asked.total(), -ofMaster(b, c.base)
	s.master, s.minio, s.load = -cpuTime(b, c.master), -cpuTime(b, c.bucket.PID()), -ownTime(b)
	do()
	s.took = time.Since(began)
	s.master += cpuTime(b, c.master)
	s.minio += cpuTime(b, c.bucket.PID())
	s.load += ownTime(b)
	s.agents += c.asked.total()
	s.bucket += ofMaster(b, c.base)
	return s
}

// all is the time of all processors.
func (s spent) all() time.Duration { return s.master + s.minio + s.load }

// ownTime is what this process took of the processors so far.
func ownTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cores reports the shares of a core that each part takes, and the requests per second.
func (s spent) cores(b *testing.B, name string) {
	b.ReportMetric(100*s.master.Seconds()/s.took.Seconds(), name+"-master-%core")
	b.ReportMetric(100*s.minio.Seconds()/s.took.Seconds(), name+"-minio-%core")
	b.ReportMetric(100*s.load.Seconds()/s.took.Seconds(), name+"-agents-%core")
	b.ReportMetric(float64(s.agents)/s.took.Seconds(), name+"-agents-req/s")
	b.ReportMetric(float64(s.bucket)/s.took.Seconds(), name+"-master-to-bucket-req/s")
}

// sums reports the processor seconds of each part, and the requests.
func (s spent) sums(b *testing.B, name string) {
	b.ReportMetric(s.master.Seconds(), name+"-master-cpu-s")
	b.ReportMetric(s.minio.Seconds(), name+"-minio-cpu-s")
	b.ReportMetric(s.load.Seconds(), name+"-agents-cpu-s")
	b.ReportMetric(float64(s.agents), name+"-agents-req")
	b.ReportMetric(float64(s.bucket), name+"-master-to-bucket-req")
}
