//go:build !linux

package faults

// reserve cannot hold a port here without listening on it: any will do.
func reserve() (address string, release func() error, err error) {
	return "127.0.0.1:0", func() error { return nil }, nil
}
