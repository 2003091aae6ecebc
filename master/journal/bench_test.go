package journal

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"stathub/master/index"
	"stathub/state"
	"stathub/state/memstore"
)

// benchKinds are what agents tell most.
var benchKinds = []struct{ kind, message string }{
	{"instance.start", "started as process %d, ports [80%d]"}, {"instance.exit", "process %d ended: exit code 1, after 12.%ds"},
	{"instance.healthy", "process %d is healthy, attempt %d"}, {"manifest.followed", "following generation %d of the manifest: %d instances"},
}

// filled gives a bucket with n events in documents of four.
func filled(b *testing.B, n int) *memstore.Store {
	b.Helper()
	s := memstore.New()
	at := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
	for i := 0; i < n; i += 4 {
		var lines []byte
		node, app := fmt.Sprintf("node-%d", i/4%1000), fmt.Sprintf("app-%d", i/4%100)
		for k, kind := range benchKinds {
			at = at.Add(2 * time.Second)
			e := state.Event{ID: ulid(at, i+k+1), At: at, Writer: node, Node: node, Kind: kind.kind, App: app,
				Instance: state.InstanceID(node, app, i%7), Message: fmt.Sprintf(kind.message, 1000+i, k)}
			lines = append(lines, state.EncodeLine(&e)...)
		}
		if _, err := state.Write(b.Context(), s, state.EventKey(at, node, ulid(at, i+1)), lines, state.Condition{}); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkJournal reads a bucket of events as a master does at its start, and searches them.
func BenchmarkJournal(b *testing.B) {
	for _, n := range []int{20_000, 200_000} {
		s := filled(b, n)
		before := heap()
		var j *Journal
		b.Run(fmt.Sprintf("read %d", n), func(part *testing.B) {
			for part.Loop() {
				j = readAll(b, s)
			}
			part.ReportMetric(heap()-before, "MiB")
		})
		for _, text := range []string{"*", "node:node-7", "app:app-7 AND kind:instance.exit", `at:>"2026-11-16"`, "ended", "process 1008"} {
			b.Run(fmt.Sprintf("search %d %s", n, text), func(b *testing.B) {
				for b.Loop() {
					if _, err := j.Search(context.Background(), text, nil, 0, 50); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("add one to %d", n), func(b *testing.B) {
			at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			for i := 0; b.Loop(); i++ {
				e := &state.Event{ID: ulid(at, 1<<40+i), At: at, Kind: "k", Message: "m"}
				if err := j.take([]fetched{{ref{id: e.ID, key: e.ID}, []*state.Event{e}, []int{100}}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func readAll(b *testing.B, s *memstore.Store) *Journal {
	b.Helper()
	x, err := index.New(index.FieldsOf[state.Event]()...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close() })
	j := New(Options{Store: s, Index: x})
	j.plan = newPlan(defaultPoll)
	for first := true; first || len(j.plan.pending) > 0; first = false {
		j.turn(b.Context(), time.Now())
	}
	if j.trouble != nil {
		b.Fatal(j.trouble)
	}
	return j
}
