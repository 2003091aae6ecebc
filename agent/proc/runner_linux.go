package proc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stathub/agent/proc/cgroup"
)

// pollEvery is how often processes are looked at where the kernel has no pidfds.
const pollEvery = 50 * time.Millisecond

// watched is one process whose exit will be reported.
type watched struct {
	id     Identity
	fd     int    // pidfd, or -1
	own    bool   // a child of this process: to be reaped
	marker string // value of MarkerEnv, or ""

	contained bool          // it is in the cgroup that the marker names
	counted   bool          // cpuBefore is known
	cpuBefore time.Duration // processor time of its cgroup that is not its own
}

// Runner starts and watches processes. It is safe for concurrent use.
type Runner struct {
	store    string
	boot     string
	bootTime time.Time // start of the clock that identities count in
	pidfds   bool

	queue   *exitQueue
	poll    *os.File // an epoll descriptor that holds all pidfds; itself watched by the Go poller, so no thread waits
	done    chan struct{}
	reaper  *reaper
	signals *ignoredSignals
	sweeps  sweeps
	tree    *cgroup.Tree // nil: no cgroups

	mu     sync.Mutex
	closed bool
	procs  map[Identity]*watched
	byFD   map[int32]*watched
	blind  int // how many of procs have no pidfd

	contained map[string]bool // by marker: the last process was started in its cgroup

	groupOfOthers map[Identity]string // without boot id: of processes that belong to no leader otherwise; "" is no group of ours
}

// NewRunner makes a Runner for the agent of a store directory (StoreEnv). It fails where /proc is missing. As PID 1 the
// Runner reaps the orphans that the process inherits.
func NewRunner(store string) (*Runner, error) { return newRunner(store, havePidfds()) }

func newRunner(store string, pidfds bool) (*Runner, error) {
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	if _, err := readStat(os.Getpid()); err != nil {
		return nil, fmt.Errorf("cannot watch processes: /proc does not show this one: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return nil, fmt.Errorf("cannot read the boot clock: %w", err)
	}
	closeOnExec()
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an epoll descriptor: %w", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil { // so that os.NewFile hands it to the Go poller
		unix.Close(epfd)
		return nil, fmt.Errorf("cannot watch the epoll descriptor: %w", err)
	}
	r := &Runner{
		store:    store,
		boot:     boot,
		bootTime: time.Now().Add(-time.Duration(now.Nano())).Round(0),
		pidfds:   pidfds,
		queue:    newExitQueue(),
		poll:     os.NewFile(uintptr(epfd), "epoll"),
		done:     make(chan struct{}),
		procs:    map[Identity]*watched{},
		byFD:     map[int32]*watched{},
		signals:  catchIgnored(),

		contained: map[string]bool{},
	}
	if os.Getpid() == 1 {
		r.reaper = startReaper(r.isOwn)
	}
	go r.loop()
	return r, nil
}

// Exits gives one value per started or adopted process, in the order in which exits were seen. Until Close none is
// dropped, however slowly they are read. Close closes the channel.
func (r *Runner) Exits() <-chan Exited { return r.queue.out }

// Close stops watching. The processes go on running; exits not read yet are lost.
func (r *Runner) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	err := r.poll.Close()
	<-r.done
	r.queue.close()
	r.reaper.close()
	r.signals.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, w := range r.procs {
		r.forget(id, w)
	}
	if r.tree != nil {
		r.tree.Close()
	}
	return err
}

// Adopt watches a process that this agent did not start. A process that is not there any more, a zombie included, is
// a *GoneError, with its exit status where known, and its exit is not sent again. Adopting twice is harmless.
func (r *Runner) Adopt(id Identity) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	if r.procs[id] != nil {
		return nil
	}
	w := &watched{id: id, fd: -1}
	if r.pidfds {
		fd, err := unix.PidfdOpen(id.PID, 0)
		if errors.Is(err, unix.ESRCH) {
			return &GoneError{ID: id}
		}
		if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: not a thread group leader, so not ours either
			return fmt.Errorf("cannot adopt %s: %w", id, err)
		}
		w.fd = fd
	}
	// The identity is checked with the descriptor in hand: a match now means that the descriptor is that process too.
	s, err := r.verify(id)
	if err != nil {
		if s.dead() && s.pid == id.PID {
			err = &GoneError{ID: id, Exit: zombieExit(s)}
		}
		if w.fd >= 0 {
			unix.Close(w.fd)
		}
		return err
	}
	w.own = s.ppid == os.Getpid()
	w.marker, _ = markerIn(readEnv(id.PID), r.store)
	if r.tree != nil {
		if in, ok := r.tree.Member(id.PID); ok && (w.marker == "" || w.marker == in) {
			w.marker, w.contained = in, true
		}
		r.contain(w)
	}
	return r.watch(w)
}

// verify gives the stat of the process that id names. It is ErrGone if boot or start differ, if it is a zombie (the stat
// is given nevertheless), or if it cannot be told.
func (r *Runner) verify(id Identity) (stat, error) {
	if id.Boot != r.boot || id.PID <= 1 {
		return stat{}, &GoneError{ID: id}
	}
	s, err := readStat(id.PID)
	if err != nil || s.start != id.Start {
		return stat{}, &GoneError{ID: id}
	}
	if s.dead() {
		return s, &GoneError{ID: id}
	}
	return s, nil
}

// Alive says whether id still names a running process. A zombie is dead.
func (r *Runner) Alive(id Identity) bool {
	_, err := r.verify(id)
	return err == nil
}

// watch adds w to the poll set. r.mu is held.
func (r *Runner) watch(w *watched) error {
	r.procs[w.id] = w
	if w.fd < 0 {
		r.blind++
		return r.poll.SetReadDeadline(time.Now())
	}
	r.byFD[int32(w.fd)] = w
	err := r.control(unix.EPOLL_CTL_ADD, w.fd)
	if err != nil {
		r.forget(w.id, w)
		return fmt.Errorf("cannot watch %s: %w", w.id, err)
	}
	return nil
}

// forget removes w from the poll set. r.mu is held.
func (r *Runner) forget(id Identity, w *watched) {
	delete(r.procs, id)
	if w.fd < 0 {
		r.blind--
		return
	}
	delete(r.byFD, int32(w.fd))
	if !r.closed {
		// A fork in another thread may hold a copy of the descriptor for a moment, so closing alone would leave it in the set.
		_ = r.control(unix.EPOLL_CTL_DEL, w.fd)
	}
	unix.Close(w.fd)
}

func (r *Runner) control(op, fd int) error {
	rc, err := r.poll.SyscallConn()
	if err != nil {
		return err
	}
	var opErr error
	err = rc.Control(func(ep uintptr) {
		opErr = unix.EpollCtl(int(ep), op, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	return errors.Join(err, opErr)
}

// loop waits for pidfds to become readable, which they do when their process is dead, reaped or not.
func (r *Runner) loop() {
	defer close(r.done)
	rc, err := r.poll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 64)
	for {
		n := 0
		err := rc.Read(func(ep uintptr) bool {
			n, _ = unix.EpollWait(int(ep), events, 0)
			return n > 0
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.pollBlind()
		case err != nil:
			return
		}
		for _, e := range events[:max(n, 0)] {
			r.mu.Lock()
			if w := r.byFD[e.Fd]; w != nil {
				r.finish(w)
			}
			r.mu.Unlock()
		}
	}
}

// pollBlind looks at the processes without pidfd, and plans the next look.
func (r *Runner) pollBlind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.procs {
		if w.fd < 0 && r.endedBlind(w) {
			r.finish(w)
		}
	}
	var next time.Time
	if r.blind > 0 {
		next = time.Now().Add(pollEvery)
	}
	_ = r.poll.SetReadDeadline(next)
}

// endedBlind tells a dead process from one that cannot be looked at just now (no free descriptors, say).
func (r *Runner) endedBlind(w *watched) bool {
	s, err := readStat(w.id.PID)
	if err != nil {
		return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
	}
	return s.start != w.id.Start || s.dead()
}

// finish reports the exit of w, once. r.mu is held.
func (r *Runner) finish(w *watched) {
	exit := exitOf(w)
	if w.contained && exit.Signal == int(unix.SIGKILL) {
		r.tree.Renew(w.marker)
	}
	r.forget(w.id, w)
	exit.At = time.Now()
	r.queue.put(Exited{ID: w.id, Exit: exit})
}

// exitOf reaps an own child; for others it asks the zombie, then the pidfd.
func exitOf(w *watched) Exit {
	if w.own {
		var ws syscall.WaitStatus
		for {
			pid, err := syscall.Wait4(w.id.PID, &ws, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err == nil && pid == w.id.PID {
				return exitStatus(unix.WaitStatus(ws))
			}
			break // someone else reaped it
		}
	}
	if s, err := readStat(w.id.PID); err == nil && s.start == w.id.Start && s.dead() {
		if e := zombieExit(s); e.Known {
			return e
		}
	}
	if w.fd >= 0 {
		if ws, ok := pidfdExit(w.fd); ok {
			return exitStatus(ws)
		}
	}
	return Exit{}
}

func exitStatus(ws unix.WaitStatus) Exit {
	if ws.Signaled() {
		return Exit{Signal: int(ws.Signal()), Known: true}
	}
	return Exit{Code: ws.ExitStatus(), Known: true}
}

// zombieExit reads field 52. The kernel shows 0 to those who may not trace the process, so their 0 means nothing.
func zombieExit(s stat) Exit {
	if s.exitCode == 0 && os.Geteuid() != 0 {
		var st unix.Stat_t
		if unix.Stat(procPath(s.pid, "stat"), &st) != nil || int(st.Uid) != os.Geteuid() {
			return Exit{}
		}
	}
	return exitStatus(unix.WaitStatus(s.exitCode))
}

// isOwn says whether pid is a child that this Runner will reap itself.
func (r *Runner) isOwn(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, w := range r.procs {
		if id.PID == pid && w.own {
			return true
		}
	}
	return false
}
