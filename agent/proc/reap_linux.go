package proc

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// reapGrace is how long a zombie child must have waited before it is taken for an inherited one. Whoever in this program
// starts a child through os/exec waits for it, well within that time.
const reapGrace = 3 * time.Second

// reaper buries the orphans that a PID 1 inherits.
type reaper struct {
	isOwn func(pid int) bool
	stop  chan struct{}
	done  chan struct{}
}

func startReaper(isOwn func(pid int) bool) *reaper {
	r := &reaper{isOwn: isOwn, stop: make(chan struct{}), done: make(chan struct{})}
	go r.run()
	return r
}

func (r *reaper) run() {
	defer close(r.done)
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var seen map[int]uint64 // zombies of the last look: pid → start
	for {
		select {
		case <-r.stop:
			return
		case <-died:
			if len(seen) > 0 {
				continue // the timer is running
			}
		case <-timer.C:
		}
		if seen = r.bury(seen); len(seen) > 0 {
			timer.Reset(reapGrace)
		}
	}
}

// bury reaps the zombies that were there at the last look already, and gives the rest.
func (r *reaper) bury(seen map[int]uint64) map[int]uint64 {
	all, err := snapshot()
	if err != nil {
		return seen
	}
	rest := map[int]uint64{}
	for _, s := range all {
		if s.ppid != os.Getpid() || !s.dead() || r.isOwn(s.pid) {
			continue
		}
		if start, ok := seen[s.pid]; ok && start == s.start {
			_, _ = unix.Wait4(s.pid, nil, unix.WNOHANG, nil)
			continue
		}
		rest[s.pid] = s.start
	}
	return rest
}

func (r *reaper) close() {
	if r == nil {
		return
	}
	close(r.stop)
	<-r.done
}
