package proc

import "sync"

// exitQueue carries exits to the reader of out without ever blocking put and without dropping one.
type exitQueue struct {
	out  chan Exited
	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	items []Exited
}

func newExitQueue() *exitQueue {
	q := &exitQueue{
		out:  make(chan Exited),
		wake: make(chan struct{}, 1),
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	go q.deliver()
	return q
}

func (q *exitQueue) put(e Exited) {
	q.mu.Lock()
	q.items = append(q.items, e)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *exitQueue) deliver() {
	defer close(q.done)
	defer close(q.out)
	for {
		select {
		case <-q.wake:
		case <-q.stop:
			return
		}
		q.mu.Lock()
		items := q.items
		q.items = nil
		q.mu.Unlock()
		for _, e := range items {
			select {
			case q.out <- e:
			case <-q.stop:
				return
			}
		}
	}
}

// close ends delivery, closes out, and waits for both. Call it once.
func (q *exitQueue) close() {
	close(q.stop)
	<-q.done
}
