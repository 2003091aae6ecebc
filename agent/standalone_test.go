package agent

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// send makes a request that must be answered with a status, and gives the answer's body.
func (a *inProcess) send(method, path, body string, status int) string {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		a.t.Fatalf("%s %s: %s, want %d: %s (%v)", method, path, resp.Status, status, data, err)
	}
	return string(data)
}

func (a *inProcess) procs(app string) (all []state.Proc) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.send("GET", "/v1/app/"+app+"/proc?full=true", "", 200)), &all); err != nil {
		a.t.Fatal(err)
	}
	return all
}

// A stopped app stays stopped when the agent comes back, keeps its scale and its folders, and runs again when it is told so.
func TestStopOutlivesTheAgent(t *testing.T) {
	a := newAgent(t)
	a.o.StopOnExit = false
	a.start()
	a.send("POST", "/v1/app", `{"name": "db", "toProcess": "echo >> began; exec sleep 1000", "start": true}`, 201)
	a.send("POST", "/v1/app/db/_scale", "2", 200)
	first := a.running(2)
	if a.stop(); !alive(first[0].PID) {
		t.Fatal("the end of the agent was the end of its processes")
	}
	a.start()
	if again := a.running(2); again[0].PID != first[0].PID || again[1].PID != first[1].PID {
		t.Fatalf("not adopted: %+v, before %+v", again, first)
	}
	if body := a.send("POST", "/v1/app/db/_stop", "", 200); !strings.Contains(body, `"state": "stopped"`) {
		t.Errorf("the answer to a stop does not show it: %s", body)
	}
	for _, p := range first {
		if alive(p.PID) {
			t.Errorf("process %d runs on", p.PID)
		}
	}
	a.stop()
	a.o.StopOnExit = true
	a.start()
	eventually(t, "the stopped instances are known", func() error {
		procs := a.procs("db")
		for _, p := range procs {
			if p.State != state.Stopped || p.PID != 0 || p.Reason == "" {
				return fmt.Errorf("%+v", p)
			}
		}
		if len(procs) != 2 {
			return fmt.Errorf("%d instances", len(procs))
		}
		return nil
	})
	a.send("POST", "/v1/app/db/_start", "", 200)
	a.running(2)
	for n := range 2 {
		files, _ := filepath.Glob(filepath.Join(a.o.StoreDirectory, "work", fmt.Sprintf("db*%d*", n), "began"))
		if len(files) != 1 {
			t.Fatalf("instance %d: %v", n, files)
		}
		if data, err := os.ReadFile(files[0]); err != nil || string(data) != "\n\n" {
			t.Errorf("instance %d has lost its folder: %q, %v", n, data, err)
		}
	}
	a.send("DELETE", "/v1/app/db", "", 204)
	a.running(0)
}

// Edits of the file and through the API mix; a mistake in the file refuses edits, says where it is, and stops nothing.
func TestHandAndAPI(t *testing.T) {
	a := newAgent(t)
	a.start()
	a.manifest(`{"apps": [{"app": {"name": "hand", "toProcess": "sleep 1000"}}]}`)
	hand := a.running(1)[0]
	a.send("POST", "/v1/app", `{"name": "api", "toProcess": "sleep 1000", "start": true}`, 201)
	procs := a.running(2)
	if procs[1].PID != hand.PID {
		t.Errorf("an edit of another app restarted process %d: %+v", hand.PID, procs)
	}
	file := filepath.Join(a.o.StoreDirectory, "state", "manifests", "n.json")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a.manifest(strings.Replace(string(good), `"count": 1`, `"count" 1`, 1))
	if body := a.send("POST", "/v1/app/api/_stop", "", 422); !strings.Contains(body, `"line": `) {
		t.Errorf("the place is missing: %s", body)
	}
	for _, p := range a.running(2) {
		if p.PID != procs[0].PID && p.PID != procs[1].PID {
			t.Errorf("a mistake in the file restarted %+v", p)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	a.send("POST", "/v1/app", `{"name": "more", "toProcess": "sleep 1000", "start": true}`, 201)
	a.running(3) // a file that is gone is no order to stop
	a.send("PUT", "/v1/node/tag", `["ssd"]`, 200)
	a.send("PUT", "/v1/node/env", `{"ZONE": "a"}`, 200)
	var node state.Node
	if err := a.get("/v1/node", &node); err != nil || node.Envs["ZONE"] != "a" || len(node.Tags) != 1 {
		t.Errorf("%+v, %v", node, err)
	}
}

// Eight editors at once lose nothing, and everything that they ask for runs.
func TestEditorsAtOnce(t *testing.T) {
	a := newAgent(t)
	a.start()
	var work sync.WaitGroup
	for k := range 8 {
		work.Go(func() {
			for i := range 2 {
				resp, err := http.Post(a.url+"/v1/app", "application/json", strings.NewReader(
					fmt.Sprintf(`{"name": "app-%d-%d", "toProcess": "sleep 1000", "start": true}`, k, i)))
				if err != nil {
					t.Error(err)
					continue
				}
				if resp.Body.Close(); resp.StatusCode != http.StatusCreated {
					t.Errorf("an edit was answered with %s", resp.Status)
				}
			}
		})
	}
	work.Wait()
	a.running(16)
}
