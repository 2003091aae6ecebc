//go:build !unix

package host

import "os"

// removeAll works by names, whose length is bounded here.
func removeAll(dir string) error { return os.RemoveAll(dir) }
