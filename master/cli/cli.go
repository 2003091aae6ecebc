// Package cli is the operator's command line: subcommands, their options, and what they print.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"stathub/state"
	_ "stathub/state/blobstore" // s3://, gs://, azblob://
	"stathub/state/circuit"
	_ "stathub/state/dirstore"  // file://
	_ "stathub/state/httpstore" // http://, a master's gateway
	"stathub/state/option"
)

// Version is the version of the program, as --version shows it.
const Version = "0.1.0"

// command is one subcommand.
type command struct {
	name, what string
	about      string // for its --help, before the options
	table      func(*options, *option.Set)
	run        func(ctx context.Context, o *options, out *printer) error
}

var commands = [...]command{exportCommand, importCommand, signCommand, keygenCommand}

// options are those of all subcommands; each has some of them.
type options struct {
	stateURL string
	to, from string
	nodes    string
	files    []string
	signKey  string
	password string
}

// Main is the whole program. It gives the exit status: 0, 1 for a failure, 2 for a command line that makes no sense.
func Main(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, overview())
		return 2
	}
	switch args[0] {
	case "help", "--help", "-h":
		fmt.Fprint(stdout, overview())
		return 0
	case "version", "--version":
		fmt.Fprintln(stdout, "stathub", Version)
		return 0
	}
	var known []string
	for _, c := range commands {
		if c.name == args[0] {
			return c.main(args[1:], getenv, stdout, stderr)
		}
		known = append(known, c.name)
	}
	hint := "; --help lists the commands"
	if n := state.Nearest(args[0], known); n != "" {
		hint = fmt.Sprintf(": did you mean %s?", n)
	}
	fmt.Fprintf(stderr, "stathub: unknown command %q%s\n", args[0], hint)
	return 2
}

func overview() string {
	var b strings.Builder
	b.WriteString("Usage: stathub <command> --option=value …\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-8s %s\n", c.name, c.what)
	}
	b.WriteString("\nEach has --help. Options may also be environment variables: --state.url is STATHUB_STATE_URL.\n")
	return b.String()
}

func (c *command) main(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var o options
	set := option.New("stathub " + c.name)
	c.table(&o, set)
	switch err := set.Parse(args, getenv); {
	case errors.Is(err, option.ErrHelp):
		fmt.Fprintf(stdout, "%s\n\n%s", c.about, set.Usage())
		return 0
	case errors.Is(err, option.ErrVersion):
		fmt.Fprintln(stdout, "stathub", Version)
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "stathub %s: %v\n", c.name, err)
		return 2
	}
	o.password = getenv(passwordEnv)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx, &o, &printer{stdout}); err != nil {
		fmt.Fprintf(stderr, "stathub %s: %v\n", c.name, err)
		if state.CodeOf(err) == state.Invalid {
			return 2
		}
		return 1
	}
	return 0
}

// printer tells the operator what is done.
type printer struct{ w io.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// needed refuses an option that was left out.
func needed(name, value, example string) error {
	if value == "" {
		return state.Errorf(state.Invalid, "--"+name, "must be given, such as --%s=%s", name, example)
	}
	return nil
}

// withBucket opens the bucket, or the gateway of a master, for as long as do takes. Each of its requests has a deadline.
func (o *options) withBucket(ctx context.Context, do func(bucket state.Store) error) (err error) {
	if err := needed("state.url", o.stateURL, "http://127.0.0.1:51026"); err != nil {
		return err
	}
	store, err := state.Open(ctx, o.stateURL)
	if err != nil {
		return state.Errorf(state.CodeOf(err), "--state.url", "%w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return do(circuit.New(store, circuit.Options{}))
}

func (o *options) stateOption(set *option.Set) {
	set.String(&o.stateURL, "state.url", "", "the bucket: file:///dir, s3://bucket?…; or a master: http://host:51026")
}

func (o *options) nodesOption(set *option.Set) {
	set.String(&o.nodes, "nodes", "", "ids a,b or a query such as tags:ship; default: every node that has a manifest")
}

// filePath gives the folder of a file URL.
func filePath(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	path := filepath.FromSlash(u.Path)
	if drive := strings.TrimPrefix(path, string(filepath.Separator)); filepath.VolumeName(drive) != "" {
		path = drive
	}
	return path, true
}
