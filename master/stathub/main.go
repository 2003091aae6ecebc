// Command stathub is the operator's command line: it carries manifests to nodes without a network, and their reports back.
package main

import (
	"os"

	"stathub/master/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
