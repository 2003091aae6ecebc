package supervise

import (
	"errors"
	"net"
	"slices"
	"testing"
)

func TestPorts(t *testing.T) {
	table := newPortTable(listenEverywhere)
	seen := map[int]bool{}
	for k := range 200 {
		got, err := table.reserve(string(rune('a'+k)), []int{0, 0}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if seen[p] {
				t.Fatalf("port %d was handed out twice", p)
			}
			seen[p] = true
		}
	}
	first, err := table.reserve("x", []int{0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := table.reserve("x", []int{0}, first); err != nil || !slices.Equal(again, first) {
		t.Errorf("not the same port again: %v, %v, %v", first, again, err)
	}
	var busy *portBusy
	if _, err := table.reserve("y", first, nil); !errors.As(err, &busy) || busy.holder() != "x" {
		t.Errorf("another's port: %v", err)
	}
	table.release("x")
	if got, err := table.reserve("y", first, nil); err != nil || !slices.Equal(got, first) {
		t.Errorf("a released port: %v, %v", got, err)
	}

	taken := portOfAnother(t, table)
	if _, err := table.reserve("z", []int{taken}, nil); !errors.As(err, &busy) || busy.holder() != "" {
		t.Errorf("a port in use: %v", err)
	}
	if got, err := table.reserve("z", []int{0}, []int{taken}); err != nil || got[0] == taken {
		t.Errorf("kept a port that is in use now: %v, %v", got, err)
	}
}

// Two instances whose fixed ports change places both come up, and keep the ports that were chosen for them.
func TestPortsChangePlaces(t *testing.T) {
	last := 20000
	table := newPortTable(func(port int) (net.Listener, error) {
		if port == 0 {
			last++
			port = last
		}
		return fakePort{port}, nil
	})
	a, errA := table.reserve("a", []int{8080, 0}, nil)
	b, errB := table.reserve("b", []int{9090}, nil)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	var busy *portBusy
	if _, err := table.reserve("a", []int{9090, 0}, a); !errors.As(err, &busy) || busy.by != "b" {
		t.Fatalf("got %v", err)
	}
	if _, err := table.reserve("b", []int{8080}, b); err != nil {
		t.Fatal(err)
	}
	if got, err := table.reserve("a", []int{9090, 0}, a); err != nil || got[1] != a[1] {
		t.Errorf("got %v, %v, before %v", got, err, a)
	}
}

// portOfAnother listens, on one address only, at a port that the table has given to nobody.
func portOfAnother(t *testing.T, table *portTable) int {
	for range 10_000 { // each try stays open, so that the system does not give its port again
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if port := l.Addr().(*net.TCPAddr).Port; table.owner[port] == "" {
			return port
		}
	}
	t.Fatal("every port belongs to an instance")
	return 0
}

func TestParseID(t *testing.T) {
	for id, ok := range map[string]bool{
		"n/a.0": true, "n/a.b.12": true, "n/a": false, "a.0": false, "n/a.": false, "n/a.x": false, "n/a.-1": false, "n/a.01": false, "": false,
	} {
		if _, _, _, got := parseID(id); got != ok {
			t.Errorf("%q: %v", id, got)
		}
	}
	if node, app, n, _ := parseID("n/a.b.12"); node != "n" || app != "a.b" || n != 12 {
		t.Errorf("%s %s %d", node, app, n)
	}
}
