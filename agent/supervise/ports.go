package supervise

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// portTable knows which instance holds which port, so that none is handed out twice. An instance keeps its ports
// between its restarts, until it is forgotten.
type portTable struct {
	listen func(port int) (net.Listener, error)
	mu     sync.Mutex
	owner  map[int]string
	held   map[string][]int // the other way round
}

func newPortTable(listen func(int) (net.Listener, error)) *portTable {
	return &portTable{listen: listen, owner: map[int]string{}, held: map[string][]int{}}
}

// listenEverywhere tries a port on every address of the machine. A listener on any one of them is in its way.
func listenEverywhere(port int) (net.Listener, error) {
	return net.Listen("tcp", ":"+strconv.Itoa(port))
}

// portBusy is a fixed port that an instance cannot have.
type portBusy struct {
	port int
	by   string // the instance that holds it, or "" for a process that is none of ours
}

func (e *portBusy) Error() string {
	if e.by == "" {
		return fmt.Sprintf("port %d is in use", e.port)
	}
	return fmt.Sprintf("port %d is in use by instance %s", e.port, e.by)
}

func (e *portBusy) holder() string {
	if e == nil {
		return ""
	}
	return e.by
}

// anyTries bounds the search for a port that no instance holds.
const anyTries = 100

// reserve gives an instance its ports: fixed ones as they are, and for each 0 the one it had before, else any free one.
// On error, a *portBusy for a port that is taken, it holds what it still wants of what it held before: two instances that
// change places do not wait for each other for ever.
func (t *portTable) reserve(id string, want, before []int) ([]int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.letGo(id, want, before)
	var held []net.Listener // kept until all are found, so that none is found twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	got := make([]int, 0, len(want))
	for i, p := range want {
		var l net.Listener
		var err error
		if p != 0 {
			l, err = t.fixed(id, p)
		} else {
			last := 0
			if len(before) == len(want) && !slices.Contains(want, before[i]) {
				last = before[i]
			}
			p, l, err = t.any(id, last)
		}
		if err != nil {
			return nil, err
		}
		if l != nil {
			held = append(held, l)
		}
		got = append(got, p)
	}
	t.replace(id, got)
	return got, nil
}

// letGo frees the ports of an instance that it does not want any more.
func (t *portTable) letGo(id string, want, before []int) {
	keep := slices.Clone(want)
	if len(before) == len(want) {
		for k, p := range want {
			if p == 0 {
				keep = append(keep, before[k])
			}
		}
	}
	t.replace(id, slices.DeleteFunc(slices.Clone(t.held[id]), func(p int) bool { return !slices.Contains(keep, p) }))
}

// fixed tries one port out. A port that this agent may not try (below 1024, say) is given: the process may.
func (t *portTable) fixed(id string, port int) (net.Listener, error) {
	if by := t.owner[port]; by != "" && by != id {
		return nil, &portBusy{port: port, by: by}
	}
	l, err := t.listen(port)
	if errors.Is(err, syscall.EACCES) {
		return nil, nil
	}
	if err != nil {
		if inUse(err) {
			return nil, &portBusy{port: port}
		}
		return nil, fmt.Errorf("cannot try out port %d: %w", port, err)
	}
	return l, nil
}

// any finds a free port, first the last one if it is not 0.
func (t *portTable) any(id string, last int) (int, net.Listener, error) {
	if last != 0 && (t.owner[last] == id || t.owner[last] == "") {
		if l, err := t.listen(last); err == nil {
			return last, l, nil
		}
	}
	var passed []net.Listener // free, but another instance's that is down for now
	defer func() {
		for _, l := range passed {
			l.Close()
		}
	}()
	for range anyTries {
		l, err := t.listen(0)
		if err != nil {
			return 0, nil, fmt.Errorf("cannot find a free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if by := t.owner[port]; by == "" || by == id {
			return port, l, nil
		}
		passed = append(passed, l)
	}
	return 0, nil, errors.New("cannot find a free port: all that were tried belong to other instances")
}

// claim notes the ports of a process that runs already.
func (t *portTable) claim(id string, ports []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.replace(id, ports)
}

// release frees all ports of an instance.
func (t *portTable) release(id string) { t.claim(id, nil) }

func (t *portTable) replace(id string, ports []int) {
	for _, p := range t.held[id] {
		delete(t.owner, p)
	}
	delete(t.held, id)
	for _, p := range ports {
		if t.owner[p] == "" {
			t.owner[p] = id
			t.held[id] = append(t.held[id], p)
		}
	}
}
