package circuit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"stathub/state"
)

// State is how a bucket is doing, as far as this program has asked it.
type State struct {
	Open     bool          // calls fail at once
	Since    time.Time     // of the first failure of those in a row; zero: the last call was answered
	Err      string        // what the last failure said; empty: the last call was answered
	Retry    time.Time     // when the bucket is asked again, if it is open
	Latency  time.Duration // of the last call that was answered; a read that was to wait does not count
	Answered time.Time     // when that was; zero: never
}

const (
	// patience is how long a caller's own deadline must have let a call wait for its end to be held against the bucket.
	patience = 2 * time.Second
	// lasting is how long calls must have failed for the circuit to open: many that are under way together fail together.
	lasting = time.Second
)

// breaker knows whether to ask the bucket: gobreaker, with what people want to know about it.
type breaker struct {
	gate  *gobreaker.TwoStepCircuitBreaker[struct{}]
	pause time.Duration

	mu    sync.Mutex
	state State
}

func newBreaker(failures int, pause time.Duration) *breaker {
	b := &breaker{pause: pause}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		Timeout:     pause,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= uint32(failures) && b.failing() >= lasting
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNeither) },
	})
	return b
}

// errNeither is the outcome of a call that says nothing about the bucket.
var errNeither = errors.New("neither a success nor a failure")

// try is one call that is under way.
type try struct {
	b     *breaker
	probe bool // the one that finds out whether the bucket is back
	held  bool
	began time.Time
	done  func(error)
}

// begin lets a call through, or says code Unavailable at once.
func (b *breaker) begin(ctx context.Context, key string) (*try, error) {
	done, err := b.gate.Allow()
	if err != nil {
		return nil, b.refusal(key)
	}
	return &try{
		b: b, probe: b.gate.State() == gobreaker.StateHalfOpen, held: state.WaitOf(ctx) > 0, began: time.Now(), done: done,
	}, nil
}

// closed is nil while calls are let through.
func (b *breaker) closed(key string) error {
	if b.gate.State() == gobreaker.StateClosed {
		return nil
	}
	return b.refusal(key)
}

func (b *breaker) refusal(key string) error {
	s := b.snapshot()
	const clock = "15:04:05 MST"
	again := "is asked again at " + s.Retry.UTC().Format(clock)
	if !s.Retry.After(time.Now()) {
		again = "is being asked again now"
	}
	return state.Errorf(state.Unavailable, key, "the bucket is out of reach since %s, and %s; the last failure: %s",
		s.Since.UTC().Format(clock), again, s.Err)
}

// end takes note of what came of the call that caller asked for.
func (t *try) end(caller context.Context, err error) {
	now := time.Now()
	switch {
	case state.CodeOf(err) != state.Unavailable:
		t.done(nil)
		t.b.answered(now, now.Sub(t.began), t.held && !t.probe)
	case t.gaveUp(caller, now):
		t.done(errNeither)
	default:
		t.b.failed(t.began, err)
		t.done(err)
		t.b.opened(now)
	}
}

// gaveUp reports whether the call ended because its caller had no time for it. A deadline that has let the bucket time
// enough is as good as the circuit's own.
func (t *try) gaveUp(caller context.Context, now time.Time) bool {
	switch {
	case caller.Err() == nil:
		return false
	case errors.Is(caller.Err(), context.DeadlineExceeded):
		return now.Sub(t.began) < patience
	}
	return true
}

func (b *breaker) answered(now time.Time, took time.Duration, held bool) {
	closed := b.gate.State() == gobreaker.StateClosed
	b.mu.Lock()
	defer b.mu.Unlock()
	if closed { // else it is an answer from before the outage
		b.state.Since, b.state.Err = time.Time{}, ""
	}
	if !held {
		b.state.Latency, b.state.Answered = took, now
	}
}

func (b *breaker) failed(began time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Since.IsZero() {
		b.state.Since = began
	}
	b.state.Err = err.Error()
}

// failing is for how long no call was answered.
func (b *breaker) failing() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.state.Since)
}

// opened takes note of when the bucket is asked again, if the circuit is open now.
func (b *breaker) opened(now time.Time) {
	open := b.gate.State() == gobreaker.StateOpen
	b.mu.Lock()
	defer b.mu.Unlock()
	if open && !b.state.Retry.After(now) {
		b.state.Retry = now.Add(b.pause)
	}
}

func (b *breaker) snapshot() State {
	open := b.gate.State() != gobreaker.StateClosed
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	if s.Open = open; !open {
		s.Retry = time.Time{}
	}
	return s
}
