//go:build !linux

package host

// TrimMemory does nothing on this system.
func TrimMemory() {}
