package cgroup

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// mount is one mounted hierarchy.
type mount struct {
	point       string   // where it is mounted
	root        string   // which of its groups is there, as this process's namespace names it
	v2          bool     // the unified hierarchy
	controllers []string // of v1
}

// parseMounts reads the cgroup mounts out of proc_pid_mountinfo(5). Of several on one directory the last is seen.
func parseMounts(text string) []mount {
	var all []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(head) < 6 || len(tail) < 3 || tail[0] != "cgroup" && tail[0] != "cgroup2" {
			continue
		}
		m := mount{root: unescape(head[3]), point: unescape(head[4]), v2: tail[0] == "cgroup2"}
		if !m.v2 {
			m.controllers = strings.Split(tail[2], ",")
		}
		all = slices.DeleteFunc(all, func(o mount) bool { return o.point == m.point })
		all = append(all, m)
	}
	return all
}

// unescape undoes the octal escapes of mountinfo: \040 is a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parseOwn reads proc_pid_cgroup(5): the group of a process in each hierarchy, by controller; "" is v2.
func parseOwn(text string) map[string]string {
	own := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) < 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// dir gives where a group can be seen in a mount, "" if it cannot.
func (m *mount) dir(group string) string {
	if !strings.HasPrefix(group, "/") || strings.Contains(group+"/", "/../") || strings.Contains(m.root+"/", "/../") {
		return "" // outside of this namespace
	}
	rel, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rel != "" && rel[0] != '/' {
		return ""
	}
	return path.Join(m.point, rel)
}
