//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// process is a process of this run, as /proc tells of it.
type process struct {
	pid, ppid int
	start     string // clock ticks since boot: with it, pid names one process
	instance  string // "app.n"; empty for what "daemon" leaves behind
	parent    int    // of such a one: the instance's process when it began
}

func (p process) String() string {
	if p.parent != 0 {
		return fmt.Sprintf("process %d, left behind by %d", p.pid, p.parent)
	}
	return fmt.Sprintf("process %d of %s", p.pid, p.instance)
}

// kill ends the process, if it still is the one that was seen.
func (p process) kill() {
	if now, ok := look(p.pid); ok && now.start == p.start {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// processes finds everything that was started in a run, by its folder in the command line; agent is left out.
func processes(dir string, agent int) []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == agent {
			continue
		}
		words := strings.Split(read(pid, "cmdline"), "\x00")
		if !slices.Contains(words, dir) {
			continue
		}
		p, ok := look(pid)
		if !ok {
			continue
		}
		if k := slices.Index(words, daemonized); k >= 0 && k+2 < len(words) {
			p.parent, _ = strconv.Atoi(words[k+2])
		} else {
			p.instance = variable(pid, "INSTANCE")
		}
		all = append(all, p)
	}
	return all
}

// look reads what identifies a process; false for one that is gone or a zombie (proc(5), stat).
func look(pid int) (process, bool) {
	_, rest, ok := strings.Cut(read(pid, "stat"), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	ppid, _ := strconv.Atoi(fields[1])
	return process{pid: pid, ppid: ppid, start: fields[19]}, true
}

func read(pid int, file string) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	return string(data)
}

func variable(pid int, name string) string {
	for kv := range strings.SplitSeq(read(pid, "environ"), "\x00") {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// sample is what an agent holds at a moment.
type sample struct {
	descriptors, threads int
	pss                  float64 // MB
}

func (s sample) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %.1f MB", s.descriptors, s.threads, s.pss)
}

func take(pid int) (s sample) {
	fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	s.descriptors, s.threads = len(fds), len(tasks)
	for lines := bufio.NewScanner(bytes.NewReader([]byte(read(pid, "smaps_rollup")))); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "Pss:" {
			kb, _ := strconv.ParseFloat(fields[1], 64)
			s.pss = kb / 1000
		}
	}
	return s
}

// controlGroups is an error while there are groups of a node's instances.
func controlGroups(node string) error {
	var left []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), node) {
			left = append(left, path)
		}
		return nil
	})
	if len(left) > 0 {
		return fmt.Errorf("%d control groups are left after all apps were removed, such as %s", len(left), left[0])
	}
	return nil
}
