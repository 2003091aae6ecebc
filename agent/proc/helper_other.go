//go:build !windows

package proc

// Helper does what the program was run for if that was by a Runner, which on some systems needs a process of its own for
// some things; not on this one. A program that makes a Runner calls it first, with its arguments, and ends with the code
// if ok.
func Helper([]string) (code int, ok bool) { return 0, false }
