//go:build linux

// Command soak proves an agent over minutes: 200 instances of mixed behaviour on one node, while the agent is killed -9
// every few seconds and its store directory wiped now and then. At the end exactly what is wanted runs: no orphan, no
// duplicate, no healthy instance that was ever restarted, no line of output missing; then, left in peace, the agent's
// descriptors, threads, goroutines and memory stay as they are. Run it with `make soak`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options bound a run.
type options struct {
	agent  string        // the program
	chaos  time.Duration // how long the agent is killed
	settle time.Duration // before it is looked at after that
	calm   time.Duration // how long it is then watched
	factor float64       // of the numbers of instances: 1 is 200
	seed   uint64        // of what is random; 0: another one each time
}

func main() {
	if playing() {
		return
	}
	o := options{settle: 20 * time.Second}
	flag.StringVar(&o.agent, "agent", "", "the stathub-agent to prove; empty: built from this module")
	flag.DurationVar(&o.chaos, "chaos", 6*time.Minute, "how long the agent is killed")
	flag.DurationVar(&o.calm, "calm", 2*time.Minute, "how long it is left in peace after that")
	flag.Float64Var(&o.factor, "factor", 1, "how many instances: 1 is 200")
	flag.Uint64Var(&o.seed, "seed", 0, "of what is random; 0 is another one each time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := soak(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Println("soak: all is as it must be")
}

// playing is true in a process of an instance, once that is over.
func playing() bool {
	if len(os.Args) > 1 && os.Args[1] == daemonized {
		select {}
	}
	role := os.Getenv(roleEnv)
	if role != "" {
		play(role)
	}
	return role != ""
}
