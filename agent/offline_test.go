//go:build linux

package agent

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// network lies between an agent and its bucket, the gateway of a master, and a web server with artifacts.
type network struct {
	mu     sync.Mutex
	away   string        // "": all is well; "refused"; "silent"
	silent chan struct{} // closed when silence ends
}

func (n *network) set(away string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away == "silent" {
		close(n.silent)
	}
	n.away, n.silent = away, make(chan struct{})
}

func (n *network) through(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		away, silent := n.away, n.silent
		n.mu.Unlock()
		if away == "silent" {
			select {
			case <-silent:
			case <-r.Context().Done():
			}
		}
		if away != "" {
			panic(http.ErrAbortHandler) // the connection is cut
		}
		h.ServeHTTP(w, r)
	})
}

// rebooted makes the records of a store directory those of an earlier boot of the machine.
func rebooted(t *testing.T, store string) {
	t.Helper()
	boot, err := proc.BootID()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(store, "run", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(f, []byte(strings.ReplaceAll(string(data), boot, "an-earlier-boot")), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A machine loses its power, and comes up without master, bucket and network: all that ran runs again, within a moment
// where the network says so and within seconds where it says nothing. What happened meanwhile is in the bucket later, in
// order, and once.
func TestComesUpWithoutANetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the agent and takes some 20 s")
	}
	binary := filepath.Join(t.TempDir(), "stathub-agent")
	if out, err := exec.Command("go", "build", "-o", binary, "stathub/agent/stathub-agent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	for _, tt := range []struct {
		away   string
		within time.Duration
	}{{"refused", 5 * time.Second}, {"silent", 15 * time.Second}} {
		t.Run(tt.away, func(t *testing.T) { comeUpWithout(t, binary, tt.away, tt.within) })
	}
}

func comeUpWithout(t *testing.T, binary, away string, within time.Duration) {
	store, bucket, net := t.TempDir(), memstore.New(), &network{}
	gateway := httptest.NewServer(net.through(httpstore.Handler(bucket, httpstore.Options{})))
	defer gateway.Close()
	files := httptest.NewServer(net.through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		fmt.Fprintln(w, "echo from the cache; exec sleep 1000")
	})))
	defer files.Close()
	defer net.set("")

	var log output
	start := func() *exec.Cmd {
		cmd := exec.Command(binary, "--store.directory", store, "--node.id=n", "--server.port=0", "--poll=100ms", "--heartbeat=1s",
			"--master.address", gateway.URL)
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	powerCut := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, pids := range marked(t, store) {
			for _, pid := range pids {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
	}
	put(t, bucket, "manifests/n.json", fmt.Sprintf(`{"generation":3,"envs":{"TEST_STORE":%q},"apps":[
		{"app":{"name":"plain","toProcess":"exec sleep 1000","ports":[0]},"count":20},
		{"app":{"name":"fetched","toProcess":"sh run.sh","uris":["%s/run.sh"]},"count":3}]}`, store, files.URL))
	cmd := start()
	defer func() {
		powerCut(cmd)
		noCgroups(t, store)
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	before := runs(t, store, 23)
	eventually(t, "the report is in the bucket", func() error { return reported(bucket, 23) })

	net.set(away)
	powerCut(cmd)
	eventually(t, "nothing runs", func() error {
		if left := marked(t, store); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	rebooted(t, store)
	began := time.Now()
	cmd = start()
	after := runs(t, store, 23)
	if took := time.Since(began); took > within {
		t.Errorf("it took %v until all ran again", took)
	} else {
		t.Logf("all ran again after %v", took)
	}
	_ = syscall.Kill(after["n/plain.7"][0], syscall.SIGKILL) // something happens
	eventually(t, "it is started again", func() error {
		if now := marked(t, store)["n/plain.7"]; len(now) != 1 || now[0] == after["n/plain.7"][0] {
			return fmt.Errorf("processes %v", now)
		}
		return nil
	})
	net.set("")
	eventually(t, "the bucket knows it all", func() error { return knows(bucket) })
	now := marked(t, store)
	for id, pids := range after {
		if id != "n/plain.7" && fmt.Sprint(now[id]) != fmt.Sprint(pids) {
			t.Errorf("%s was restarted when the network came back: %v, then %v", id, pids, now[id])
		}
	}
	if len(before) != len(now) {
		t.Errorf("%d instances, before %d", len(now), len(before))
	}
}

func put(t *testing.T, s state.Store, key, text string) {
	t.Helper()
	if _, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{}); err != nil {
		t.Fatal(err)
	}
}

// runs waits until so many instances run, each once.
func runs(t *testing.T, store string, count int) (all map[string][]int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d instances run", count), func() error {
		if all = marked(t, store); len(all) != count {
			return fmt.Errorf("there are %d", len(all))
		}
		for id, pids := range all {
			if len(pids) != 1 {
				return fmt.Errorf("%s has the processes %v", id, pids)
			}
		}
		return nil
	})
	return all
}

func reported(bucket state.Store, count int) error {
	data, _, err := state.Read(context.Background(), bucket, "reports/n.json", "", state.MaxDocument)
	if err != nil {
		return err
	}
	r, err := state.Decode[state.Report]("reports/n.json", data)
	if err != nil {
		return err
	}
	for _, i := range r.Instances {
		if i.State == state.Running {
			count--
		}
	}
	if count != 0 {
		return fmt.Errorf("%d instances fewer run than are wanted", count)
	}
	return nil
}

// knows says what the bucket lacks of what happened while it was away.
func knows(bucket state.Store) error {
	if err := reported(bucket, 23); err != nil {
		return err
	}
	counts, last := map[string]int{}, ""
	crash := ""
	for e, err := range bucket.List(context.Background(), "") {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Key, "crashes/n/plain.7-") {
			crash = e.Key
		}
		if !strings.HasPrefix(e.Key, "events/") {
			continue
		}
		data, _, err := state.Read(context.Background(), bucket, e.Key, "", state.MaxDocument)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			e, err := state.Decode[state.Event]("", []byte(line))
			if err != nil {
				return err
			}
			if e.ID <= last {
				return fmt.Errorf("event %s after %s", e.ID, last)
			}
			last = e.ID
			counts[e.Kind]++
		}
	}
	want := map[string]int{"agent.start": 2, "instance.start": 23 + 23 + 1, "instance.exit": 1, "store.lost": 1, "store.back": 1}
	for kind, count := range want {
		if counts[kind] != count {
			return fmt.Errorf("%d times %s, want %d", counts[kind], kind, count)
		}
	}
	if crash == "" {
		return fmt.Errorf("no crash of plain.7")
	}
	return nil
}
