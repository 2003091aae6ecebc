package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"stathub/agent"
	"stathub/master"
)

// roles are what this executable runs as when the stack starts it again: real processes, so that they can be killed
// and looked at one by one.
var roles = map[string]func(args []string) int{
	"role-master": func(args []string) int {
		o, err := master.ParseOptions(args, os.Getenv)
		if err != nil {
			return fail(err)
		}
		return follow(func(ctx context.Context) error { return master.Run(ctx, o) })
	},
	"role-agent": func(args []string) int {
		o, err := agent.ParseOptions(args, os.Getenv)
		if err != nil {
			return fail(err)
		}
		return follow(func(ctx context.Context) error {
			return agent.Run(ctx, o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		})
	},
	"role-sample": func(args []string) int {
		if err := serveSample(args); err != nil {
			return fail(err)
		}
		return 0
	},
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// follow runs a program until SIGTERM or until the stack closes its standard input, by will or by dying. Ctrl-C reaches
// the whole foreground group of the terminal; here only the stack acts on it, so that things stop in order.
func follow(program func(ctx context.Context) error) int {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := program(ctx); err != nil {
		return fail(err)
	}
	return 0
}
