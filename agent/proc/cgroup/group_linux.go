package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Set makes the group of an instance with these limits, or gives it them. Where nothing is to be changed it costs one look.
// The group must have no processes when limits are lowered.
func (t *Tree) Set(marker string, l Limits) error {
	name, err := dirName(marker)
	if err != nil {
		return err
	}
	t.mu.Lock()
	g := t.groups[marker]
	known := g != nil && !g.spent
	t.mu.Unlock()
	if known && g.limits == l && t.exists(g) {
		return nil
	}
	if !known && t.v2 != "" {
		if err := removeSoon(filepath.Join(t.v2, name)); err != nil {
			return fmt.Errorf("cannot make a cgroup anew: %w", err)
		}
	}
	g = &group{name: name, limits: l}
	// Processes enter no more hierarchies of v1 than they have to: each takes time at each start.
	for _, c := range []string{"freezer", PIDs, Memory, CPU} {
		base := t.v1[c]
		if base == "" || base != t.home && !t.limits(l, c) {
			continue
		}
		if dir := filepath.Join(base, name); !slices.Contains(g.joins, dir) {
			g.joins = append(g.joins, dir)
		}
	}
	dirs := g.joins
	if t.v2 != "" {
		dirs = append([]string{filepath.Join(t.v2, name)}, dirs...)
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make a cgroup: %w", err)
		}
	}
	if err := t.limit(g); err != nil {
		return fmt.Errorf("cannot set a limit: %w", err)
	}
	t.mu.Lock()
	t.groups[marker] = g
	t.mu.Unlock()
	return nil
}

// Renew has the next Set make the group of an instance anew. It is for groups that were killed, by whomever: kernels since
// 6.14 kill whatever is born into a group that cgroup.kill was ever written to, unless the parent's group was killed as
// often. The counters start anew, too.
func (t *Tree) Renew(marker string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.groups[marker]; g != nil {
		g.spent = true
	}
}

// limits says whether there is a limit of a controller to be set in v1.
func (t *Tree) limits(l Limits, controller string) bool {
	if base, v2 := t.holder(controller); base == "" || v2 {
		return false
	}
	switch controller {
	case CPU:
		return l.CPUs > 0
	case Memory:
		return l.Mem > 0
	case PIDs:
		return l.PIDs > 0
	}
	return false
}

// exists says whether all directories of a group are there: other programs do clean up.
func (t *Tree) exists(g *group) bool {
	var st unix.Stat_t
	if unix.Stat(filepath.Join(t.home, g.name), &st) != nil {
		return false
	}
	return !slices.ContainsFunc(g.joins, func(dir string) bool { return unix.Stat(dir, &st) != nil })
}

// limit writes the limits of a group, also those that are none: the group may be one of an earlier specification.
func (t *Tree) limit(g *group) error {
	l, dir := g.limits, filepath.Join(t.v2, g.name)
	var errs []error
	set := func(dir, file, value string) { errs = append(errs, write(dir, file, value)) }
	for _, c := range t.unified {
		if slices.Contains(t.refused, c) {
			continue
		}
		switch c {
		case CPU:
			max := "max " + itoa(period)
			w := int64(100)
			if l.CPUs > 0 {
				q, p := quota(l.CPUs)
				max, w = itoa(q)+" "+itoa(p), weight(l.CPUs)
			}
			set(dir, "cpu.max", max)
			set(dir, "cpu.weight", itoa(w))
		case Memory:
			set(dir, "memory.max", orMax(l.Mem))
			swap := "max"
			if l.Mem > 0 {
				swap = "0"
			}
			if err := write(dir, "memory.swap.max", swap); !errors.Is(err, fs.ErrNotExist) { // no swap in this kernel
				errs = append(errs, err)
			}
		case PIDs:
			set(dir, "pids.max", orMax(int64(l.PIDs)))
		}
	}
	for _, c := range []string{CPU, Memory, PIDs} {
		if t.limits(l, c) {
			errs = append(errs, limitV1(c, filepath.Join(t.v1[c], g.name), l))
		}
	}
	return errors.Join(errs...)
}

func limitV1(controller, dir string, l Limits) error {
	switch controller {
	case CPU:
		q, p := quota(l.CPUs)
		// The old quota may not fit the new period.
		return errors.Join(write(dir, "cpu.cfs_quota_us", "-1"), write(dir, "cpu.cfs_period_us", itoa(p)),
			write(dir, "cpu.cfs_quota_us", itoa(q)), write(dir, "cpu.shares", itoa(shares(l.CPUs))))
	case Memory:
		// Memory and swap together may never be less than memory. Without accounting of swap the file is missing.
		const both = "memory.memsw.limit_in_bytes"
		swap := write(dir, both, "-1")
		err := write(dir, "memory.limit_in_bytes", itoa(l.Mem))
		if swap == nil && err == nil {
			err = write(dir, both, itoa(l.Mem))
		}
		return err
	}
	return write(dir, "pids.max", itoa(int64(l.PIDs)))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func orMax(n int64) string {
	if n <= 0 {
		return "max"
	}
	return itoa(n)
}

// Has says whether Set has made the group of an instance.
func (t *Tree) Has(marker string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.groups[marker] != nil
}

// Remove removes the group of an instance, and is an error while it has processes.
func (t *Tree) Remove(marker string) error {
	name, err := dirName(marker)
	if err != nil {
		return nil
	}
	var errs []error
	for _, base := range t.bases() {
		errs = append(errs, removeSoon(filepath.Join(base, name)))
	}
	t.mu.Lock()
	delete(t.groups, marker)
	t.mu.Unlock()
	return errors.Join(errs...)
}

// removeTries bounds the wait for a group whose last process is being buried.
const removeTries = 20

func removeSoon(dir string) error {
	err := removeAll(dir)
	for try := 0; errors.Is(err, unix.EBUSY) && try < removeTries; try++ {
		if pids, _ := members(dir); len(pids) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
		err = removeAll(dir)
	}
	return err
}

// bases gives the agent's folder in each hierarchy that it uses.
func (t *Tree) bases() []string {
	var all []string
	for _, base := range []string{t.v2, t.v1["freezer"], t.v1[PIDs], t.v1[Memory], t.v1[CPU]} {
		if base != "" && !slices.Contains(all, base) {
			all = append(all, base)
		}
	}
	return all
}

// removeAll removes a group and those below it: only directories can be removed, and only those without processes.
func removeAll(dir string) error {
	for _, below := range children(dir) {
		_ = removeAll(below)
	}
	if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT {
		return &fs.PathError{Op: "remove", Path: dir, Err: err}
	}
	return nil
}

// Sweep removes the groups without processes. Groups with processes stay as they are.
func (t *Tree) Sweep() {
	for _, base := range t.bases() {
		for _, dir := range children(base) {
			_ = removeSoon(dir)
		}
	}
}

// Close removes the groups without processes, and what only they needed; the others stay for a later agent. The tree cannot be
// used any more.
func (t *Tree) Close() {
	t.Sweep()
	for _, base := range t.bases() {
		if unix.Rmdir(base) == nil {
			_ = unix.Rmdir(filepath.Dir(base)) // fails where another agent has groups
		}
	}
}
