package cgroup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// family is the folder of all agents of a machine in each hierarchy. Below it each agent has one of its own.
const family = "stathub"

// Tree holds the groups of one agent. It is safe for concurrent use; what is done to one group must come one after the other.
type Tree struct {
	v2      string            // the agent's folder in the unified hierarchy; "" is none
	unified []string          // controllers that its groups have
	v1      map[string]string // the agent's folder, by controller: those that v2 lacks
	home    string            // the folder whose groups tell who is a member: v2, else one of v1
	outside map[string]string // the agent's own group, by its folder of v1
	births  bool              // processes can be born into the groups
	refused []string          // controllers whose limits cannot be set

	mu     sync.Mutex
	groups map[string]*group // by marker
}

// group is what is known of one group.
type group struct {
	name   string
	limits Limits
	joins  []string // directories of v1 that its processes enter
	spent  bool     // it is to be made anew; see Renew
}

// Sources tell where cgroups are. The zero value is the machine's own.
type Sources struct {
	MountInfo, Own string // files in place of those below /proc/self
}

// Open makes the folders of the agent of a node and store directory, wherever there are rights to. The error says what
// cannot be done here, and why; the tree can be used for the rest. It is nil where nothing at all can be done.
func Open(node, store string, from Sources) (*Tree, error) {
	mountInfo, err := os.ReadFile(orDefault(from.MountInfo, "/proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("cannot look for cgroups: %w", err)
	}
	ownText, err := os.ReadFile(orDefault(from.Own, "/proc/self/cgroup"))
	if err != nil {
		return nil, fmt.Errorf("cannot look for cgroups: %w", err)
	}
	mounts, own := parseMounts(string(mountInfo)), parseOwn(string(ownText))
	if len(mounts) == 0 {
		return nil, errors.New("no cgroups are mounted")
	}
	sum := sha256.Sum256([]byte(node + "\x00" + store))
	t := &Tree{v1: map[string]string{}, outside: map[string]string{}, groups: map[string]*group{}}
	folder := filepath.Join(family, hex.EncodeToString(sum[:6]))
	errs := t.openV2(mounts, own, folder)
	errs = append(errs, t.openV1(mounts, own, folder)...)
	if t.home == "" {
		return nil, errors.Join(append(errs, errors.New("no cgroup can be made"))...)
	}
	errs = append(errs, t.probe())
	if !t.births {
		t.Close()
		return nil, errors.Join(errs...)
	}
	return t, errors.Join(errs...)
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// openV2 takes the first place in the unified hierarchy where groups can be made: the subtree that was delegated to the
// agent's service, the top, the agent's own group. The top is before the own: what ends with a service's group would not
// outlive the agent.
func (t *Tree) openV2(mounts []mount, own map[string]string, folder string) (errs []error) {
	k := slices.IndexFunc(mounts, func(m mount) bool { return m.v2 })
	if k < 0 {
		return nil
	}
	top, self := mounts[k].point, mounts[k].dir(own[""])
	for _, place := range places(delegated(top, self), top, self) {
		base := filepath.Join(place, folder)
		if err := makeFolder(base); err != nil {
			errs = append(errs, err)
			continue
		}
		t.v2, t.home = base, base
		errs = t.enable(place, base, place == self && place == top)
		return errs
	}
	return errs
}

// makeFolder makes an agent's folder. The one of the family may go meanwhile, with the last agent that ends.
func makeFolder(base string) (err error) {
	for range 10 {
		if err = os.MkdirAll(base, 0o755); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// places drops what is unknown or named twice.
func places(candidates ...string) []string {
	var all []string
	for _, c := range candidates {
		if c != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// delegated gives the nearest group above the agent's own that systemd handed over, as it does with Delegate= and
// DelegateSubgroup=. Without a subgroup the agent sits in that group itself, and nothing is put there: with controllers for
// the groups below it the service could not be started again while its instances run.
func delegated(top, self string) string {
	for dir := filepath.Dir(self); self != "" && len(dir) > len(top) && strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
		for _, mark := range []string{"user.delegate", "trusted.delegate"} {
			value := make([]byte, 8)
			if n, err := unix.Getxattr(dir, mark, value); err == nil && bytes.HasPrefix(value[:n], []byte("1")) {
				return dir
			}
		}
	}
	return ""
}

// enable hands controllers down from place to the groups in base. The agent may step aside in the group that is the top of a
// container; in a service's it may not, see delegated.
func (t *Tree) enable(place, base string, mayStep bool) (errs []error) {
	for _, c := range []string{CPU, Memory, PIDs, "io"} {
		if c == "io" && !enabled(place, c) {
			continue // accounting that nobody asked for costs the whole machine
		}
		for _, dir := range []string{place, filepath.Dir(base), base} {
			err := handDown(dir, c)
			if mayStep && dir == place && errors.Is(err, unix.EBUSY) {
				err = stepAside(place, c)
			}
			if err != nil {
				errs = append(errs, err)
				break
			}
		}
		if enabled(base, c) {
			t.unified = append(t.unified, c)
		}
	}
	return errs
}

func enabled(dir, controller string) bool {
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	return slices.Contains(strings.Fields(string(data)), controller)
}

// handDown lets the groups in dir have a controller. It is no error that the machine has it in v1, or not at all.
func handDown(dir, controller string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil || !slices.Contains(strings.Fields(string(data)), controller) || enabled(dir, controller) {
		return err
	}
	return write(dir, "cgroup.subtree_control", "+"+controller)
}

// stepAside moves the agent into a group of its own, since one that hands down controllers has no processes itself: the top
// of a container's. Other processes there are not the agent's to move.
func stepAside(place, controller string) error {
	leaf := filepath.Join(place, family+"-agent")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := write(leaf, "cgroup.procs", "0"); err != nil {
		return err
	}
	err := handDown(place, controller)
	if err != nil {
		_ = write(place, "cgroup.procs", "0")
		_ = os.Remove(leaf)
		return fmt.Errorf("%w: other processes are in the agent's own cgroup %s", err, place)
	}
	return nil
}

// openV1 makes the folders in the hierarchies of the controllers that v2 lacks. Without v2 one of them tells the members.
func (t *Tree) openV1(mounts []mount, own map[string]string, folder string) (errs []error) {
	for _, c := range []string{"freezer", PIDs, Memory, CPU} {
		k := slices.IndexFunc(mounts, func(m mount) bool { return slices.Contains(m.controllers, c) })
		if k < 0 || slices.Contains(t.unified, c) || c == "freezer" && t.v2 != "" {
			continue
		}
		var failed []error
		for _, place := range places(mounts[k].point, mounts[k].dir(own[c])) {
			base := filepath.Join(place, folder)
			if err := makeFolder(base); err != nil {
				failed = append(failed, err)
				continue
			}
			t.v1[c], failed = base, nil
			t.outside[base] = orDefault(mounts[k].dir(own[c]), mounts[k].point)
			if t.home == "" {
				t.home = base
			}
			break
		}
		errs = append(errs, failed...)
	}
	return errs
}

// Controllers gives which limits can be set: some of CPU, Memory, PIDs.
func (t *Tree) Controllers() []string {
	var all []string
	for _, c := range []string{CPU, Memory, PIDs} {
		if base, _ := t.holder(c); base != "" {
			all = append(all, c)
		}
	}
	return all
}

// holder gives the folder of the hierarchy that has a controller, "" if none has.
func (t *Tree) holder(controller string) (base string, v2 bool) {
	switch {
	case slices.Contains(t.refused, controller):
		return "", false
	case slices.Contains(t.unified, controller):
		return t.v2, true
	}
	return t.v1[controller], false
}

// Version is that of the limits; 1 also where v2 is used beside it.
func (t *Tree) Version() int {
	version := 2
	for _, c := range t.Controllers() {
		if _, v2 := t.holder(c); !v2 {
			version = 1
		}
	}
	if t.v2 == "" {
		version = 1
	}
	return version
}

func write(dir, file, value string) error {
	fd, err := unix.Open(filepath.Join(dir, file), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		for {
			if _, err = unix.Write(fd, []byte(value)); err != unix.EINTR {
				break
			}
		}
		unix.Close(fd)
	}
	if err != nil {
		return &fs.PathError{Op: "write " + value + " to", Path: filepath.Join(dir, file), Err: err}
	}
	return nil
}
