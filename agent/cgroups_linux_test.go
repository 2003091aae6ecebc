package agent

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"stathub/agent/proc/cgroup"
)

// noCgroups removes the cgroups of an agent that was killed, and of its instances, which are about to be gone.
func noCgroups(t *testing.T, store string) {
	t.Helper()
	tree, _ := cgroup.Open("n", store, cgroup.Sources{})
	if tree == nil {
		return // none can be made here
	}
	defer tree.Close()
	eventually(t, "no instance has a process", func() error {
		for _, marker := range tree.Groups() {
			if pids, err := tree.Members(marker); err != nil || len(pids) > 0 {
				return fmt.Errorf("%s: %v, %v", marker, pids, err)
			}
		}
		return nil
	})
}

// cgroupsOf gives the directories of the cgroups of an app's instances, in every hierarchy.
func cgroupsOf(t *testing.T, app string) (dirs []string) {
	t.Helper()
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "n%2F"+app+".") {
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}
