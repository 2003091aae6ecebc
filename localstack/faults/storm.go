package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Storm inflicts faults on proxies, one after the other on each, independently of each other.
type Storm struct {
	Targets []Target
	Faults  []Fault       // to choose from; nil: All
	Fault   time.Duration // how long one lasts: half of this to one and a half
	Calm    time.Duration // between two, likewise; and before the first
	Seed    uint64        // the same seed, the same faults in the same order

	// Say is told of each fault and of its end (""); nil: nobody is. It is called from several goroutines.
	Say func(target string, f Fault)
}

// Target is what a storm breaks; *Proxy is one.
type Target struct {
	Name string
	Breaker
}

// Breaker can be broken in the ways of a Fault.
type Breaker interface {
	Inflict(f Fault) error
	Mend() error
}

// Run goes on until ctx ends; then everything is mended.
func (s Storm) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.Targets))
	for i, target := range s.Targets {
		wg.Go(func() { errs[i] = s.strike(ctx, target, rand.New(rand.NewPCG(s.Seed, uint64(i)))) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s Storm) strike(ctx context.Context, target Target, random *rand.Rand) error {
	all := s.Faults
	if all == nil {
		all = All()
	}
	wait := func(mean time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(mean/2 + time.Duration(random.Int64N(int64(mean)+1))):
			return true
		}
	}
	for wait(s.Calm) {
		f := all[random.IntN(len(all))]
		if err := target.Inflict(f); err != nil {
			return errors.Join(err, target.Mend())
		}
		s.say(target.Name, f)
		wait(s.Fault)
		if err := target.Mend(); err != nil {
			return err
		}
		s.say(target.Name, "")
	}
	return nil
}

func (s Storm) say(target string, f Fault) {
	if s.Say != nil {
		s.Say(target, f)
	}
}
