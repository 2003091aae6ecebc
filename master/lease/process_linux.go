package lease

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// machine is the boot of this machine and the process numbers that are known here. Two processes with the same one see the
// same processes under the same numbers. It is empty where the system does not tell.
var machine = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	numbers, err := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + numbers
})

// thisProcess names this process for others on the same machine; empty where the system does not tell.
var thisProcess = sync.OnceValue(func() string {
	start, state := stat(os.Getpid())
	if machine() == "" || state == "" {
		return ""
	}
	return fmt.Sprintf("%s %d %s", machine(), os.Getpid(), start)
})

// surelyDead reports whether a process that thisProcess named has ended: it is of this boot of this machine, in the same
// container, and not there any more. Whatever is not sure is false.
func surelyDead(process string) bool {
	rest, here := strings.CutPrefix(process, machine()+" ")
	number, start, ok := strings.Cut(rest, " ")
	if machine() == "" || !here || !ok {
		return false
	}
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 0 {
		return false
	}
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return true
	}
	now, state := stat(pid)
	return state == "Z" || state == "X" || now != "" && now != start
}

// stat gives when a process started, in ticks since boot, and its state: fields 22 and 3 of /proc/<pid>/stat, proc(5);
// empty when that cannot be read.
func stat(pid int) (start, state string) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", ""
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // a program's name may hold brackets and blanks
	if len(fields) < 20 {
		return "", ""
	}
	return fields[19], fields[0]
}
