// Command stathub-agent runs the processes of one node as its manifest says.
package main

import (
	"os"

	"stathub/agent"
)

func main() {
	os.Exit(agent.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
