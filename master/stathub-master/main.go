// Command stathub-master places apps on nodes, through the bucket, and serves the console and the API.
package main

import (
	"os"

	"stathub/master"
)

func main() {
	os.Exit(master.Main(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}
