package cgroup

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const hybrid = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro,relatime master:5 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/uni\040fied rw,relatime - cgroup2 cgroup2 rw
50 1 0:40 / /over rw - cgroup cgroup rw,pids
51 1 0:41 / /over rw - cgroup cgroup rw,freezer
a line that is none
`

func TestParseMounts(t *testing.T) {
	want := []mount{
		{root: "/", point: "/sys/fs/cgroup/cpu,cpuacct", controllers: []string{"rw", "cpu", "cpuacct"}},
		{root: "/docker/1f", point: "/sys/fs/cgroup/memory", controllers: []string{"rw", "memory"}},
		{root: "/", point: "/sys/fs/cgroup/systemd", controllers: []string{"rw", "xattr", "name=systemd"}},
		{root: "/", point: "/sys/fs/cgroup/uni fied", v2: true},
		{root: "/", point: "/over", controllers: []string{"rw", "freezer"}},
	}
	if got := parseMounts(hybrid); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestOwnGroups(t *testing.T) {
	own := parseOwn("9:name=systemd:/user.slice\n4:cpu,cpuacct:/a:b\n0::/user.slice/x\n\nnonsense\n")
	if own["cpu"] != "/a:b" || own["cpuacct"] != "/a:b" || own[""] != "/user.slice/x" || own["memory"] != "" {
		t.Errorf("got %v", own)
	}
	for _, c := range []struct{ root, group, want string }{
		{"/", "/", "/m"},
		{"/", "/a/b", "/m/a/b"},
		{"/docker/1f", "/docker/1f", "/m"},
		{"/docker/1f", "/docker/1f/x", "/m/x"},
		{"/docker/1f", "/docker/1fa", ""},
		{"/docker/1f", "/", ""},
		{"/", "/../other", ""},
		{"/..", "/", ""},
		{"/", "", ""},
	} {
		m := mount{point: "/m", root: c.root}
		if got := m.dir(c.group); got != c.want {
			t.Errorf("group %s in a mount of %s: %q, want %q", c.group, c.root, got, c.want)
		}
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		cpus                           float64
		quota, period, weights, shares int64
	}{
		{1, 100_000, 100_000, 100, 1024},
		{0.5, 50_000, 100_000, 50, 512},
		{0.01, 1000, 100_000, 1, 10},
		{0.005, 5000, 1_000_000, 1, 5},
		{0.0001, 1000, 1_000_000, 1, 2},
		{64, 6_400_000, 100_000, 6400, 65536},
		{1e6, 1e11, 100_000, 10_000, 262_144},
	} {
		q, p := quota(c.cpus)
		if q != c.quota || p != c.period || weight(c.cpus) != c.weights || shares(c.cpus) != c.shares {
			t.Errorf("%v cores: %d of %d µs, weight %d, shares %d; want %+v", c.cpus, q, p, weight(c.cpus), shares(c.cpus), c)
		}
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "cgroup.procs", "memory.max", "/" + strings.Repeat("x", 255)} {
		if name, err := dirName(bad); err == nil {
			t.Errorf("%q makes the name %q", bad, name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.String().Draw(t, "node") + "/" + rapid.String().Draw(t, "app")
		name, err := dirName(a)
		if err != nil {
			return
		}
		if strings.ContainsAny(name, "/\n") || name == "." || name == ".." {
			t.Fatalf("%q makes the name %q", a, name)
		}
		if back, ok := markerOf(name); !ok || back != a {
			t.Fatalf("%q makes the name %q, which is that of %q", a, name, back)
		}
	})
}

func TestStatFiles(t *testing.T) {
	const text = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n"
	if got := value(text, "oom_kill", -1); got != 2 {
		t.Errorf("oom_kill %d", got)
	}
	if got := value(text, "max", -1); got != -1 {
		t.Errorf("a missing key gives %d", got)
	}
	r, w := sumIO("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2\nbroken rbytes=x\n")
	if r != 11 || w != 22 {
		t.Errorf("read %d, written %d", r, w)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(hybrid, "0::/\n4:memory:/docker/1f/x\n")
	f.Fuzz(func(t *testing.T, mounts, own string) {
		groups := parseOwn(own)
		for _, m := range parseMounts(mounts) {
			for _, g := range groups {
				if dir := m.dir(g); dir != "" && !strings.HasPrefix(dir+"/", strings.TrimSuffix(m.point, "/")+"/") && strings.HasPrefix(m.point, "/") && !strings.Contains(m.point, "/.") && !strings.Contains(m.point, "//") {
					t.Errorf("group %q of %+v is in %q", g, m, dir)
				}
			}
		}
	})
}
