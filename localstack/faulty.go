package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"stathub/localstack/faults"
)

// How long faults and the calm between them last, on average.
const (
	faultTime = 10 * time.Second
	calmTime  = 15 * time.Second
)

// startFaults puts, with --faults, proxies between the programs and the bucket, one for masters and one for agents, so
// that each may lose the bucket alone. They go wrong until stop, which leaves the bucket as it is.
func (s *stack) startFaults(ctx context.Context) (stop func() error, err error) {
	if !s.faults {
		return func() error { return nil }, nil
	}
	storm := faults.Storm{Fault: faultTime, Calm: calmTime, Seed: rand.Uint64(), Say: s.sayFault}
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, end := range closers {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	for name, address := range map[string]*string{"masters": &s.stateURL, "agents": &s.agentURL} {
		proxy, err := faults.Start(s.endpoint, storm.Seed)
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		closers = append(closers, proxy.Close)
		storm.Targets = append(storm.Targets, faults.Target{Name: name, Breaker: proxy})
		*address = strings.ReplaceAll(*address, url.QueryEscape(s.endpoint), url.QueryEscape(proxy.URL()))
		s.out.line("faults: %s reach the bucket through %s", name, proxy.URL())
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- storm.Run(ctx) }()
	return func() error {
		cancel()
		return errors.Join(<-ended, closeAll())
	}, nil
}

func (s *stack) sayFault(target string, f faults.Fault) {
	if f == "" {
		s.out.line("faults: the %s reach the bucket again", target)
	} else {
		s.out.line("faults: between the %s and the bucket: %s", target, f.Text())
	}
}
