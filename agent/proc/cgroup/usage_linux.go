package cgroup

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Counters reads what happened at the limits of an instance's group; all zero where that is not told.
func (t *Tree) Counters(marker string) Counters {
	var c Counters
	name, err := dirName(marker)
	if err != nil {
		return c
	}
	if base, v2 := t.holder(Memory); v2 {
		c.OOMKills = keyed(filepath.Join(base, name, "memory.events"), "oom_kill")
		c.memLimit(filepath.Join(base, name, "memory.max"))
	} else if base != "" {
		c.OOMKills = keyed(filepath.Join(base, name, "memory.oom_control"), "oom_kill") // Linux 4.13
		c.memLimit(filepath.Join(base, name, "memory.limit_in_bytes"))
	}
	if base, _ := t.holder(PIDs); base != "" {
		c.PIDDenied = keyed(filepath.Join(base, name, "pids.events"), "max")
	}
	return c
}

// noLimit is more than any machine has: v1 says "none" with a number near the largest.
const noLimit = 1 << 60

func (c *Counters) memLimit(path string) {
	if c.OOMKills == 0 {
		return
	}
	text, _ := read(path)
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n < noLimit {
		c.MemLimit = n
	}
}

// CPU reads the processor time that the group of an instance has used since it was made. In v1 that is counted in a
// hierarchy of its own, which is not used.
func (t *Tree) CPU(marker string) (time.Duration, bool) {
	text, ok := t.stat(marker, "cpu.stat")
	micros := value(text, "usage_usec", -1)
	return time.Duration(micros) * time.Microsecond, ok && micros >= 0
}

// IO reads how many bytes the group of an instance has read from and written to block devices. It is false without the
// controller of v2: that of v1 does not know who wrote what goes through the page cache.
func (t *Tree) IO(marker string) (readBytes, written int64, ok bool) {
	if !slices.Contains(t.unified, "io") {
		return 0, 0, false
	}
	text, ok := t.stat(marker, "io.stat")
	readBytes, written = sumIO(text)
	return readBytes, written, ok
}

func (t *Tree) stat(marker, file string) (string, bool) {
	name, err := dirName(marker)
	if err != nil || t.v2 == "" {
		return "", false
	}
	text, err := read(filepath.Join(t.v2, name, file))
	return text, err == nil
}

// keyed gives one value of a flat keyed file, 0 if it is not there.
func keyed(path, key string) int64 {
	text, err := read(path)
	if err != nil {
		return 0
	}
	return value(text, key, 0)
}
