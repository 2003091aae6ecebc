package supervise

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/agent/converge"
	"stathub/agent/host"
	"stathub/agent/proc"
	"stathub/state"
)

// record is what a later agent must know of an instance: which process it is, and what came before. That of a
// service need not survive a crash of the machine, since the process does not either.
type record struct {
	ID          string                `json:"id"`
	Proc        *proc.Identity        `json:"proc,omitempty"` // none: no process
	State       state.InstanceState   `json:"state"`
	Spec        string                `json:"spec"`
	Generation  int64                 `json:"generation"`
	StartedAt   time.Time             `json:"startedAt,omitzero"`
	Ports       []int                 `json:"ports"`
	Artifacts   []state.ArtifactState `json:"artifacts,omitzero"`
	Renewing    bool                  `json:"renewing,omitzero"` // it got new artifacts, and has not come up well since
	Restarts    int                   `json:"restarts"`
	Failures    int                   `json:"failures"`
	Ended       *converge.End         `json:"ended,omitempty"`
	LastExit    *state.Exit           `json:"lastExit,omitempty"`
	Counters    *proc.Counters        `json:"counters,omitempty"` // none: those of the process are not known
	KillSignal  int                   `json:"killSignal"`
	KillTimeout float64               `json:"killTimeout"` // seconds
	Stdout      string                `json:"stdout"`
	Stderr      string                `json:"stderr"`
	Progress    converge.Progress     `json:"progress,omitzero"` // of a scheduled job
	Begun       bool                  `json:"begun,omitzero"`
	Base        string                `json:"base,omitzero"`
	Caveat      string                `json:"caveat,omitzero"`
	Runs        []state.Run           `json:"runs,omitzero"`
}

func newRecord(p paths, i *instance) record {
	r := record{
		ID: i.id, State: i.have.State, Spec: i.have.Spec, Generation: i.gen, StartedAt: i.startedAt, Ports: i.ports,
		Artifacts: i.artifacts, Renewing: i.renewing, Restarts: i.restarts, Failures: i.have.Failures, Ended: i.have.Ended, LastExit: i.lastExit,
		KillSignal: i.killSignal, KillTimeout: i.have.KillTimeout.Seconds(),
		Stdout: p.log(i.app, i.n, "stdout"), Stderr: p.log(i.app, i.n, "stderr"),
		Progress: i.have.Progress, Begun: i.begun, Base: i.base, Caveat: i.caveat, Runs: slices.Clone(i.history),
	}
	if i.proc.PID != 0 {
		id, counters := i.proc, i.counters
		r.Proc, r.Counters = &id, &counters
	}
	return r
}

// restore fills an instance from its record, all but the process.
func (r *record) restore(i *instance) {
	i.gen, i.startedAt, i.ports, i.artifacts = r.Generation, r.StartedAt, r.Ports, r.Artifacts
	i.restarts, i.lastExit, i.renewing = r.Restarts, r.LastExit, r.Renewing
	i.have.Progress, i.begun, i.base, i.history, i.caveat = r.Progress, r.Begun, r.Base, r.Runs, r.Caveat
	i.have.Spec, i.have.Failures, i.have.Ended = r.Spec, r.Failures, r.Ended
	if r.KillSignal > 0 {
		i.killSignal, i.have.KillTimeout = r.KillSignal, state.Seconds(r.KillTimeout)
	}
	if r.Counters != nil {
		i.counters, i.counted = *r.Counters, true
	}
	i.set(state.Stopped, "")
}

// recorder writes records, off the loop: a start never waits for the disk. Of several writes of one record the last
// counts.
type recorder struct {
	paths   paths
	log     *slog.Logger
	mu      sync.Mutex
	pending map[string]*record // by file; nil: remove
	waiting []chan struct{}    // closed once what was pending with them is written
	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
	failing bool
	failed  func(error) // called once when a write fails that went well before
}

func newRecorder(p paths, log *slog.Logger, failed func(error)) *recorder {
	return &recorder{paths: p, log: log, failed: failed, pending: map[string]*record{}, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
}

func (w *recorder) start() { go w.run() }

// stop writes what is pending and ends.
func (w *recorder) stop() {
	close(w.quit)
	<-w.done
}

func (w *recorder) put(i *instance) {
	r := newRecord(w.paths, i)
	w.queue(w.paths.run(i.app, i.n), &r)
}

func (w *recorder) remove(i *instance) { w.queue(w.paths.run(i.app, i.n), nil) }

func (w *recorder) queue(path string, r *record) {
	w.mu.Lock()
	w.pending[path] = r
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// written gives a channel that is closed once all that was put before is on disk, or cannot be written.
func (w *recorder) written() <-chan struct{} {
	ch := make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, ch)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return ch
}

func (w *recorder) run() {
	defer close(w.done)
	for {
		select {
		case <-w.wake:
			w.flush()
		case <-w.quit:
			w.flush()
			return
		}
	}
}

// flush writes all that is pending. A disk that is full costs nothing but what a later agent would have known: it finds
// the processes by their marker, and so the failure is told once and nothing else.
func (w *recorder) flush() {
	w.mu.Lock()
	pending, waiting := w.pending, w.waiting
	w.pending, w.waiting = map[string]*record{}, nil
	w.mu.Unlock()
	for path, r := range pending {
		err := write(path, r)
		if err != nil && !w.failing {
			w.log.Error("cannot write the record of an instance; the processes go on", "error", err)
			w.failed(err)
		}
		w.failing = err != nil
	}
	for _, ch := range waiting {
		close(ch)
	}
}

func write(path string, r *record) error {
	if r == nil {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	scheduled := !r.Progress.Fired.IsZero() // a run must not begin again after the machine went down
	return host.ReplaceFile(path, state.Encode(r), scheduled)
}

// readRecords reads all records of this node, by instance ID. One that cannot be read is passed over with a warning:
// its process is found by its marker.
func readRecords(p paths, node string, log *slog.Logger) map[string]*record {
	all := map[string]*record{}
	files, err := os.ReadDir(p.runs())
	if err != nil {
		log.Warn("cannot read the records of instances", "error", err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		r := new(record)
		data, err := os.ReadFile(filepath.Join(p.runs(), f.Name()))
		if err == nil {
			err = json.Unmarshal(data, r)
		}
		owner, app, n, ok := parseID(r.ID)
		switch {
		case err != nil || !ok || state.CheckName(app) != nil:
			log.Warn("ignoring the record of an instance: it cannot be read", "file", f.Name(), "error", err)
		case owner != node || f.Name() != filepath.Base(p.run(app, n)):
			log.Warn("ignoring the record of an instance: it is not this node's", "file", f.Name(), "instance", r.ID)
		default:
			all[r.ID] = r
		}
	}
	return all
}
