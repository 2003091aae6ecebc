package httpstore_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

const ulid = "01JD0000000000000000000000"

// What the agent of a node may do, and nothing else.
func TestNodeAccess(t *testing.T) {
	all := []string{httpstore.OpGet, httpstore.OpPut, httpstore.OpDelete, httpstore.OpList, httpstore.OpWatch}
	for _, c := range []struct{ key, allowed string }{
		{"manifests/n1.json", "get watch"},
		{"manifests/n1.json.minisig", "get watch"},
		{"artifacts/app.tar.gz", "get list watch"},
		{"artifacts/a/b/c", "get list watch"},
		{"artifacts/", "get list watch"}, // as a key it is none
		{"reports/n1.json", "get put delete watch"},
		{"heartbeats/n1", "get put delete watch"},
		{"events/2026-11-22/n1/" + ulid + ".jsonl", "get put delete list watch"},
		{"crashes/n1/web.0-20261122T080000Z.txt", "get put delete list watch"},
		{"crashes/n1/", "get put delete list watch"},
		{"events/2026-11-22/n1/", "list watch"},

		{"", ""}, {"manifests", ""}, {"manifests/", ""}, {"manifests/n1", ""}, {"manifests/N1.json", ""}, {"Manifests/n1.json", ""},
		{"manifests/n1.json.json", ""}, {"manifests/n1.json/x", ""}, {"manifests/n10.json", ""}, {"manifests/n1.json.minisig.json", ""},
		{"manifests/../leases/master.json", ""}, {"./manifests/n1.json", ""}, {"/manifests/n1.json", ""},
		{"manifests/n1.json\x00", ""}, {"manifests/n1.json ", ""}, {"manifests%2Fn1.json", ""}, {"manifests/n1.JSON", ""},
		{"reports/n10.json", ""}, {"reports/n1.json.minisig", ""}, {"heartbeats/n10", ""}, {"heartbeats/n1.json", ""}, {"heartbeats/n1/x", ""},
		{"crashes/n1", ""}, {"crashes/n10/web.0-20261122T080000Z.txt", ""}, {"crashes/n1x/", ""}, {"crashes/", ""}, {"crashes/N1/", ""},
		{"events/2026-11-22/n10/" + ulid + ".jsonl", ""}, {"events/2026-11-22/n1", ""}, {"events/2026-11-22/", ""}, {"events/", ""},
		{"events/n1/2026-11-22/" + ulid + ".jsonl", ""}, {"events/today/n1/", ""}, {"events//n1/", ""},
		{"artifacts", ""}, {"Artifacts/x", ""}, {"nodes/n1.json", ""}, {"apps/n1.json", ""}, {"choreos/n1.json", ""}, {"leases/master.json", ""},
		{"history/n1/1.json", ""}, {"rejected/n1/x.json", ""},
	} {
		for _, op := range all {
			err := httpstore.NodeAccess("n1", op, c.key)
			want := strings.Contains(c.allowed, op)
			if (err == nil) != want || err != nil && state.CodeOf(err) != state.Denied {
				t.Errorf("%s %q: %v, want it allowed: %v", op, c.key, err, want)
			}
		}
	}
	if err := httpstore.NodeAccess("n1", "replace", "reports/n1.json"); state.CodeOf(err) != state.Denied {
		t.Errorf("an unknown operation: %v", err)
	}
	for _, node := range []string{"", ".", "..", "n1/", "n1/..", "../n1", "n1\n", " n1", "*", strings.Repeat("n", 64)} {
		if err := httpstore.NodeAccess(node, httpstore.OpGet, state.KindManifest.Key(node)); state.CodeOf(err) != state.Denied {
			t.Errorf("node %q: %v", node, err)
		}
	}
}

// Whatever the key and the node, nothing of another node's, and no document of the master's, is within reach.
func FuzzNodeAccess(f *testing.F) {
	for _, key := range []string{"manifests/n1.json", "crashes/n1/../n2/x", "crashes/n1x/y", "events/2026-11-22/n1/" + ulid + ".jsonl", "artifacts/../apps/a.json"} {
		f.Add("n1", httpstore.OpGet, key)
		f.Add("n1", httpstore.OpPut, key)
		f.Add("n1", httpstore.OpList, key)
	}
	f.Fuzz(func(t *testing.T, node, op, key string) {
		if httpstore.NodeAccess(node, op, key) != nil {
			return
		}
		if state.CheckName(node) != nil {
			t.Fatalf("node %q may %s %q", node, op, key)
		}
		document := op == httpstore.OpGet || op == httpstore.OpPut || op == httpstore.OpDelete
		if document && state.CheckKey(key) != nil {
			return // refused before the policy is asked
		}
		segments := strings.Split(key, "/")
		if segments[0] == "artifacts" {
			if op == httpstore.OpPut || op == httpstore.OpDelete {
				t.Fatalf("%s of the artifact %q", op, key)
			}
			return
		}
		own := false
		switch {
		case len(segments) < 2:
		case segments[0] == "crashes":
			own = segments[1] == node && len(segments) > 2
		case segments[0] == "events":
			own = len(segments) > 3 && segments[2] == node
		case segments[0] == "manifests":
			own = (op == httpstore.OpGet || op == httpstore.OpWatch) && (key == "manifests/"+node+".json" || key == "manifests/"+node+".json.minisig")
		case segments[0] == "reports" || segments[0] == "heartbeats":
			own = key == "reports/"+node+".json" || key == "heartbeats/"+node
		}
		if !own {
			t.Fatalf("the agent of %q may %s %q", node, op, key)
		}
	})
}

// Over HTTP no spelling of a path, and no trick with the header, leads to another node's documents.
func TestNodeAccessOverHTTP(t *testing.T) {
	store := memstore.New()
	for _, key := range []string{"manifests/n10.json", "manifests/N1.json", "crashes/n1x/a", "leases/master.json", "apps/a.json", "events/2026-11-22/n10/" + ulid + ".jsonl"} {
		mustPut(t, store, key, "secret")
	}
	mustPut(t, store, "manifests/n1.json", "mine")
	mustPut(t, store, "crashes/n1/a", "mine")
	srv := serve(t, store, httpstore.Options{Allow: httpstore.AllowNode})
	for _, path := range []string{
		"/state/manifests/n10.json", "/state/manifests/N1.json", "/state/manifests/n1.json/../n10.json", "/state/manifests%2fn10.json",
		"/state/manifests/n1%30.json", "/state/manifests/n1.json%2F..%2Fn10.json", "/state/crashes/n1/../n1x/a", "/state/crashes/n1%2F..%2Fn1x/a",
		"/state/crashes/n1x/a", "/state/crashes/n1%78/a", "/state/crashes/n1/%2e%2e/n1x/a", "/state//manifests/n10.json", "/state/./manifests/n10.json",
		"/state/?prefix=crashes/n1", "/state/?prefix=", "/state/?prefix=manifests/n1", "/state/?prefix=crashes/n1/../n1x/", "/state/?prefix=crashes%2Fn1x%2F",
		"/state/?prefix=events/2026-11-22/n1", "/state/?prefix=crashes/n1x/&prefix=crashes/n1/", "/state/?prefix=artifacts/../apps/", "/state/?prefix=leases/", "/state/?watch=apps/",
		"/state/events/2026-11-22/n10/" + ulid + ".jsonl", "/state/LEASES/master.json", "/state/leases/master.json", "/state/manifests/n1.json%00",
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			resp, text := ask(t, srv, method, path, "", "Stathub-Node", "n1")
			if resp.StatusCode/100 == 2 || strings.Contains(text, "secret") {
				t.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
			}
		}
	}
	for _, headers := range [][]string{
		{"Stathub-Node", "n10", "Stathub-Node", "n1"}, {"Stathub-Node", ""}, {"Stathub-Node", "n1, n10"}, {"stathub-node", "n10"}, {"Stathub-Node", "n1/"},
	} {
		if resp, text := ask(t, srv, "GET", "/state/manifests/n1.json", "", headers...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %s %q", headers, resp.Status, text)
		}
	}
	if _, text := ask(t, srv, "GET", "/state/?prefix=crashes/n1/&prefix=crashes/n1x/", "", "Stathub-Node", "n1"); strings.Contains(text, "n1x") {
		t.Errorf("two prefixes: %s", text)
	}
	if resp, text := ask(t, srv, "GET", "/state/manifests/n1.json", "", "Stathub-Node", "n1"); text != "mine" {
		t.Errorf("its own manifest: %s %q", resp.Status, text)
	}
	if resp, _ := ask(t, srv, "PUT", "/state/manifests/n1.json", "x", "Stathub-Node", "n1"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("writing its own manifest: %s", resp.Status)
	}
	if resp, text := ask(t, srv, "GET", "/state/apps/a.json", ""); text != "secret" {
		t.Errorf("without the header: %s", resp.Status)
	}
}

// A client for a node says so, and gets no further than the node may.
func TestClientOfANode(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "manifests/n2.json", "two")
	srv := serve(t, store, httpstore.Options{Allow: httpstore.AllowNode})
	s := openFor(t, srv.URL, "n1")
	if _, err := s.Get(t.Context(), "manifests/n2.json", ""); state.CodeOf(err) != state.Denied {
		t.Errorf("another node's manifest: %v", err)
	}
	mustPut(t, s, "reports/n1.json", "report")
	if _, err := httpstore.OpenFor(parse(t, srv.URL), "no/node"); state.CodeOf(err) != state.Invalid {
		t.Errorf("a node that is no name: %v", err)
	}
}

// A heartbeat that the master takes in is not written; one that it does not take in is, and so is what only looks like one.
func TestHeartbeats(t *testing.T) {
	store, takes := memstore.New(), true
	var beats []string
	srv := serve(t, store, httpstore.Options{Heartbeat: func(node string) bool {
		beats = append(beats, node)
		return takes
	}})
	s := openFor(t, srv.URL, "")
	for range 3 {
		mustPut(t, s, "heartbeats/n1", "now")
	}
	if _, err := store.Get(t.Context(), "heartbeats/n1", ""); state.CodeOf(err) != state.NotFound || len(beats) != 3 {
		t.Errorf("%d heartbeats were taken in; in the store: %v", len(beats), err)
	}
	takes = false
	mustPut(t, s, "heartbeats/n1", "now")
	if _, err := store.Get(t.Context(), "heartbeats/n1", ""); err != nil {
		t.Errorf("a heartbeat that was not taken in: %v", err)
	}
	takes = true
	mustPut(t, s, "heartbeats/n2/x", "a document")
	if _, err := state.Write(t.Context(), s, "heartbeats/n3", []byte("x"), state.Condition{IfAbsent: true}); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"heartbeats/n2/x", "heartbeats/n3"} {
		if _, err := store.Get(t.Context(), key, ""); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// A Get that waits is answered as soon as the document changes, and with code NotModified when it does not.
func TestGetThatWaits(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "manifests/n1.json", "one")
	s := openFor(t, serve(t, store, httpstore.Options{}).URL, "n1")
	if !state.CanWait(s) {
		t.Fatal("the gateway cannot wait")
	}
	_, entry, err := state.Read(t.Context(), s, "manifests/n1.json", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = state.Read(state.WithWait(t.Context(), time.Millisecond), s, "manifests/n1.json", entry.ETag, 100)
	if state.CodeOf(err) != state.NotModified {
		t.Errorf("without a change: %v", err)
	}
	answers := make(chan string, 1)
	go func() {
		data, _, err := state.Read(state.WithWait(t.Context(), 50*time.Second), s, "manifests/n1.json", entry.ETag, 100)
		answers <- string(data)
		if err != nil {
			t.Error(err)
		}
	}()
	mustPut(t, store, "manifests/n1.json", "two")
	select {
	case text := <-answers:
		if text != "two" {
			t.Errorf("it got %q", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("it got no answer")
	}
}
