package proc

import (
	"fmt"
	"os"
)

// Output gives a path that opens what a living process writes to its descriptor fd (1 or 2), for which it was given the
// file path. That is path itself, unless somebody deleted it, by wiping the store directory, say: the process writes on,
// and the kernel still has a way to the file, for as long as the process lives (proc(5), /proc/pid/fd).
func Output(pid, fd int, path string) string {
	link := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
	if target, err := os.Readlink(link); err == nil && target == path+" (deleted)" {
		return link
	}
	return path
}
