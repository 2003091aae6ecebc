// Command localstack runs the whole system on one machine: a master, some agents, a bucket, and the seed's sample
// application. It is what `make run` starts. On Ctrl-C it stops everything that it started; its data stays.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"stathub/state"
	"stathub/state/option"
)

// options of a local stack.
type options struct {
	dir     string
	masters int
	agents  int
	port    int // of the first master; agents from port-1 upwards in steps of 100, the artifacts at port+2; 0: free ones
	minio   bool
	faults  bool
	clean   bool
}

const (
	defaultPort = 51026
	maxAgents   = 50
	maxMasters  = 5
)

func main() {
	if len(os.Args) > 1 {
		if r, ok := roles[os.Args[1]]; ok {
			os.Exit(r(os.Args[2:]))
		}
	}
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, help, err := parseOptions(args, getenv)
	if errors.Is(err, option.ErrHelp) {
		fmt.Fprint(stdout, help)
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "localstack:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runStack(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "localstack:", err)
		return 1
	}
	return 0
}

func parseOptions(args []string, getenv func(string) string) (options, string, error) {
	var o options
	set := option.New("localstack")
	set.String(&o.dir, "dir", ".localstack", "folder for all data of this stack; with --minio, -minio is added to its name")
	set.Int(&o.masters, "masters", 1, "number of masters; one of them leads")
	set.Int(&o.agents, "agents", 3, "number of agents")
	set.Int(&o.port, "port", defaultPort, "port of the master; agents listen from the one below upwards, 100 apart; 0 takes free ports")
	set.Bool(&o.minio, "minio", false, "keep the bucket in a real MinIO, built the first time, instead of a directory")
	set.Bool(&o.faults, "faults", false, "with --minio: break the way to the bucket again and again, and say how")
	set.Bool(&o.clean, "clean", false, "remove the data of earlier runs first")
	if err := set.Parse(args, getenv); err != nil {
		return o, set.Usage(), err
	}
	if o.masters < 1 || o.masters > maxMasters {
		return o, "", state.Errorf(state.Invalid, "--masters", "want a number from 1 to %d", maxMasters)
	}
	if o.agents < 0 || o.agents > maxAgents {
		return o, "", state.Errorf(state.Invalid, "--agents", "want a number from 0 to %d", maxAgents)
	}
	if o.port < 0 || o.port != 0 && (o.port < 1024 || o.port-1+100*o.agents > 65535) {
		return o, "", state.Errorf(state.Invalid, "--port", "want 0 or a port from 1024 that leaves room for the agents' ports above it")
	}
	if o.faults && !o.minio {
		return o, "", state.Errorf(state.Invalid, "--faults", "needs --minio: there is no way between programs and a directory that could be broken")
	}
	if o.minio {
		// Agents remember what the bucket told them last: another bucket needs other data.
		o.dir += "-minio"
	}
	dir, err := filepath.Abs(o.dir)
	o.dir = dir
	return o, "", err
}
