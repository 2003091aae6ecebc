//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/localstack/harness"
	"stathub/state"
)

// An app runs where its query says, follows the tags of the nodes, and says why when nothing matches.
func TestE2EFollowsTheQuery(t *testing.T) {
	master := startMaster(t)
	for _, args := range [][]string{{"--node.id=n1", "--node.tags=appserver,ssd"}, {"--node.id=n2", "--node.tags=ssd"}} {
		startAgent(t, append(args, "--master.address="+master, "--store.directory="+t.TempDir())...)
	}
	harness.Within(t, 30*time.Second, func() error { return found(t, master, "tags:ssd", 2) })

	harness.Must(t, "POST", master+"/v1/app", []byte(`{"name": "web", "toProcess": "sleep 1000", "start": true}`), nil)
	harness.Must(t, "PUT", master+"/v1/app/web/choreo", []byte(`{"app": "web", "query": "tags:appserver AND os.cpus:>0", "scale": 3}`), nil)
	on := func(node string) {
		t.Helper()
		harness.Within(t, 30*time.Second, func() error {
			for _, p := range running(t, master+"/v1/proc", 3) {
				if p.App != "web" || p.Node != node {
					return fmt.Errorf("%s runs on %s, want %s", p.Instance, p.Node, node)
				}
			}
			return nil
		})
	}
	on("n1")
	harness.Must(t, "PUT", master+"/v1/node/n2/tag", []byte(`["appserver"]`), nil)
	harness.Must(t, "PUT", master+"/v1/node/n1/tag", []byte(`["ssd"]`), nil)
	on("n2")

	harness.Must(t, "POST", master+"/v1/app/web/_query", []byte(`tags:appserver AND os.cpus:>100000`), nil)
	running(t, master+"/v1/proc", 0)
	var app struct {
		Status state.AppStatus `json:"status"`
	}
	harness.Must(t, "GET", master+"/v1/app/web", nil, &app)
	if s := app.Status; s.Wanted != 3 || s.Placed != 0 || len(s.Reasons) == 0 || !strings.Contains(s.Reasons[0].Message, "no node matches the query") {
		t.Errorf("the app's status is %+v", s)
	}
}

func found(t *testing.T, master, query string, want int) error {
	var answer struct {
		Total int `json:"total"`
	}
	_, err := harness.Call(t.Context(), "POST", master+"/v1/node/_search", []byte(query), &answer)
	if err == nil && answer.Total != want {
		err = fmt.Errorf("%s finds %d nodes, want %d", query, answer.Total, want)
	}
	return err
}

// Every value of a node's record finds the node, under the name of its field.
func TestE2EEveryFieldIsFound(t *testing.T) {
	master := startMaster(t)
	startAgent(t, "--node.id=n1", "--node.tags=应用服务器,zone:east", "--master.address="+master, "--store.directory="+t.TempDir())
	harness.Within(t, 30*time.Second, func() error { return found(t, master, "tags:应用服务器 AND state:up", 1) })
	var node jsontext.Value
	harness.Must(t, "GET", master+"/v1/node/n1", nil, &node)
	asked := 0
	for path, values := range leaves(t, node) {
		for _, value := range values {
			if path == "lastSeen" {
				continue // it goes on
			}
			query := path + `:"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
			if err := found(t, master, query, 1); err != nil {
				t.Error(err)
			}
			asked++
		}
		if err := found(t, master, "_exists_:"+path, 1); err != nil {
			t.Error(err)
		}
	}
	if asked < 30 {
		t.Errorf("only %d values were asked for", asked)
	}
}

// leaves gives the values of a JSON document by their dotted paths.
func leaves(t *testing.T, doc jsontext.Value) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for _, item := range v {
				walk(path, item)
			}
		case nil:
		case float64:
			all[path] = append(all[path], fmt.Sprintf("%.0f", v))
		default:
			all[path] = append(all[path], fmt.Sprint(v))
		}
	}
	var v any
	if err := json.UnmarshalRead(bytes.NewReader(doc), &v); err != nil {
		t.Fatal(err)
	}
	walk("", v)
	return all
}
