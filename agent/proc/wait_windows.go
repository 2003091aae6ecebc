package proc

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// waiters wait for processes to end: a thread can wait for 64 objects (MAXIMUM_WAIT_OBJECTS), and one of them tells it of
// new ones.
type waiters struct {
	ended func(*watched) // called once per process, off the callers' goroutines

	mu     sync.Mutex
	rooms  []*room
	closed bool
	work   sync.WaitGroup
}

const perRoom = 63

// room is what one thread waits for.
type room struct {
	bell  windows.Handle // an event: procs changed, or it is over
	procs []*watched     // waiters.mu
}

func (w *waiters) add(p *watched) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rooms {
		if len(r.procs) < perRoom {
			r.procs = append(r.procs, p)
			return windows.SetEvent(r.bell)
		}
	}
	bell, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		return fmt.Errorf("cannot wait for processes: %w", err)
	}
	r := &room{bell: bell, procs: []*watched{p}}
	w.rooms = append(w.rooms, r)
	w.work.Go(func() { w.run(r) })
	return nil
}

func (w *waiters) run(r *room) {
	defer windows.CloseHandle(r.bell)
	for {
		procs, closed := w.look(r)
		if closed {
			return
		}
		handles := []windows.Handle{r.bell}
		for _, p := range procs {
			handles = append(handles, p.process)
		}
		n, err := windows.WaitForMultipleObjects(handles, false, windows.INFINITE)
		if err != nil {
			time.Sleep(pollEvery) // nothing known makes it fail; it must not spin
		}
		for i, p := range procs {
			if err == nil && int(n) != i+1 || err != nil && !hasEnded(p.process) {
				continue
			}
			w.remove(r, p)
			w.ended(p)
		}
	}
}

// pollEvery is how often processes are looked at where they cannot be waited for.
const pollEvery = 500 * time.Millisecond

func (w *waiters) look(r *room) (procs []*watched, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*watched{}, r.procs...), w.closed
}

func (w *waiters) remove(r *room, p *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range r.procs {
		if other == p {
			r.procs = append(r.procs[:i], r.procs[i+1:]...)
			return
		}
	}
}

// close ends all waiting, and waits for that. Call it once.
func (w *waiters) close() {
	w.mu.Lock()
	w.closed = true
	for _, r := range w.rooms {
		_ = windows.SetEvent(r.bell)
	}
	w.mu.Unlock()
	w.work.Wait()
}
