package metric

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// runtimeSamples are what the Go runtime tells of itself, under the names that Prometheus' own client gives them.
var runtimeSamples = [...]struct {
	from, name string
	kind       Kind
	help       string
}{
	{"/sched/goroutines:goroutines", "go_goroutines", Gauge, "Goroutines that exist."},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", Counter, "Garbage collections so far."},
	{"/memory/classes/heap/objects:bytes", "go_memstats_heap_alloc_bytes", Gauge, "Bytes of objects on the heap."},
	{"/memory/classes/total:bytes", "go_memstats_sys_bytes", Gauge, "Bytes that the Go runtime has of the system, given back ones included."},
	{"/memory/classes/heap/released:bytes", "go_memstats_heap_released_bytes", Gauge, "Bytes that were given back to the system."},
	{"/gc/heap/allocs:bytes", "go_memstats_alloc_bytes_total", Counter, "Bytes that were ever allocated."},
	{"/cpu/classes/user:cpu-seconds", "go_cpu_user_seconds_total", Counter, "Processor time of the program's own code, as the last garbage collection knew it."},
}

// Program writes what every program tells of itself: version, start, and the state of the Go runtime.
func (w *Writer) Program(name, version string, started time.Time) {
	w.Family("stathub_build_info", Gauge, "Which program this is; always 1.")
	w.Sample(1, "program", name, "version", version, "goversion", runtime.Version())
	w.One("process_start_time_seconds", Gauge, "When the program started, in seconds since 1970.", float64(started.UnixMilli())/1000)
	samples := make([]metrics.Sample, len(runtimeSamples))
	for i, s := range runtimeSamples {
		samples[i].Name = s.from
	}
	metrics.Read(samples)
	for i, s := range runtimeSamples {
		switch v := samples[i].Value; v.Kind() {
		case metrics.KindUint64:
			w.One(s.name, s.kind, s.help, float64(v.Uint64()))
		case metrics.KindFloat64:
			w.One(s.name, s.kind, s.help, v.Float64())
		}
	}
}
