package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stathub/state"
	"stathub/state/schema"
)

// validator gives what a validator of others makes of the schema of a kind.
func validator(t testing.TB, kind string) func(doc string) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(state.Encode(schema.Of(kind)))))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("urn:it", parsed); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:it")
	if err != nil {
		t.Fatalf("the schema of %s is none: %v", kind, err)
	}
	return func(doc string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		return s.Validate(v)
	}
}

// master reads a document as masters do.
func master(kind, doc string) (err error) {
	switch data := []byte(doc); kind {
	case "app":
		_, err = state.DecodeInput[state.App]("", data)
	case "choreo":
		_, err = state.DecodeInput[state.Choreo]("", data)
	case "manifest":
		_, err = state.DecodeInput[state.Manifest]("", data)
	case "node":
		_, err = state.DecodeInput[state.Node]("", data)
	case "tags":
		_, err = state.DecodeInput[state.Tags]("", data)
	case "envs":
		_, err = state.DecodeInput[state.Envs]("", data)
	case "report":
		_, err = state.Decode[state.Report]("", data)
	case "event":
		_, err = state.Decode[state.Event]("", data)
	case "history":
		_, err = state.Decode[state.Revision]("", data)
	case "lease":
		_, err = state.Decode[state.Lease]("", data)
	default:
		panic(kind)
	}
	return err
}

// What the seed has as an example is an app.
const seedApp = `{"name": "http_server", "toProcess": "python", "workingDirectory": "/opt", "envs": {}, "args": ["http_server.py"],
	"ports": [0, 0], "killSignal": 15, "uris": ["http://121.199.25.213/stat/http_server.py"],
	"healthChecks": [{"initialDelaySeconds": 60, "intervalSeconds": 20, "maxConsecutiveFailures": 3, "path": "/", "portIndex": 0,
		"protocol": "HTTP", "timeoutSeconds": 20}],
	"resAlloc": null}`

func TestAgreement(t *testing.T) {
	app := func(members string) string { return `{"name": "a", "toProcess": "x"` + members + `}` }
	check := func(members string) string {
		return app(`, "ports": [0], "healthChecks": [{"intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 1` + members + `}]`)
	}
	entry := func(members string) string {
		return `{"node": "n", "apps": [{"app": {"name": "a", "toProcess": "x"}` + members + `}]}`
	}
	for _, c := range []struct {
		kind, name, doc string
		ok              bool
	}{
		{"app", "the seed's", seedApp, true},
		{"app", "least", app(""), true},
		{"app", "no name", `{"toProcess": "x"}`, false},
		{"app", "no program", `{"name": "a"}`, false},
		{"app", "blank program", `{"name": "a", "toProcess": " \n"}`, false},
		{"app", "bad name", `{"name": "a b", "toProcess": "x"}`, false},
		{"app", "long name", `{"name": "` + strings.Repeat("a", 64) + `", "toProcess": "x"}`, false},
		{"app", "unknown member", app(`, "toProces": "y"`), false},
		{"app", "member of a choreography", app(`, "scale": 1`), false},
		{"app", "NUL", app(`, "args": ["a\u0000b"]`), false},
		{"app", "lines in an argument", app(`, "args": ["a\nb"]`), true},
		{"app", "empty variable", app(`, "envs": {"": "x"}`), false},
		{"app", "odd variable", app(`, "envs": {"A=B": "x"}`), false},
		{"app", "reserved variable", app(`, "envs": {"STATHUB_X": "x"}`), false},
		{"app", "variable of a number", app(`, "envs": {"A": 1}`), false},
		{"app", "size with a unit", app(`, "resAlloc": {"mem": "512MiB", "disk": "1.5 gb", "cpus": 0.5, "pids": 10}`), true},
		{"app", "size of many", app(`, "resAlloc": {"mem": "12XB"}`), false},
		{"app", "size as a fraction", app(`, "resAlloc": {"mem": 1.5}`), false},
		{"app", "URI in capitals", app(`, "uris": ["HTTPS://h/x"]`), true},
		{"app", "URI of the bucket", app(`, "uris": ["bucket:artifacts/a.zip", "file:///a", "s3://b/k?region=r"]`), true},
		{"app", "URI of another kind", app(`, "uris": ["ftp://h/x"]`), false},
		{"app", "no URI", app(`, "uris": ["x"]`), false},
		{"app", "restart", app(`, "restart": {"policy": "on-failure", "backoffSeconds": 1, "maxBackoffSeconds": 9}`), true},
		{"app", "check of a protocol that is none", check(`, "protocol": "HTPP"`), false},
		{"app", "check without a protocol", check(``), false},
		{"app", "check of HTTP", check(`, "protocol": "HTTP", "path": "/x"`), true},
		{"app", "check of HTTP with an odd path", check(`, "protocol": "HTTP", "path": "x"`), false},
		{"app", "check of TCP with an odd path", check(`, "protocol": "TCP", "path": "x"`), true},
		{"app", "check of a negative port", check(`, "protocol": "TCP", "portIndex": -1`), false},
		{"app", "command without one", check(`, "protocol": "COMMAND"`), false},
		{"app", "command that is empty", check(`, "protocol": "COMMAND", "command": []`), false},
		{"app", "command", check(`, "protocol": "COMMAND", "command": ["x"], "portIndex": -1`), true},
		{"choreo", "least", `{"app": "a"}`, true},
		{"choreo", "no app", `{"scale": 1}`, false},
		{"choreo", "spread", `{"app": "a", "spread": ["hostname", "zone:"]}`, true},
		{"choreo", "spread over nothing", `{"app": "a", "spread": ["zone"]}`, false},
		{"choreo", "schedule", `{"app": "a", "schedule": {"cron": "@daily", "timezone": "Asia/Shanghai", "concurrency": "allow"}}`, true},
		{"choreo", "schedule without times", `{"app": "a", "schedule": {}}`, false},
		{"manifest", "least", `{"node": "n", "apps": []}`, true},
		{"manifest", "no node", `{"apps": []}`, false},
		{"manifest", "entry", entry(`, "count": 2, "schedule": {"cron": "@daily"}`), true},
		{"manifest", "entry without an app", `{"node": "n", "apps": [{}]}`, false},
		{"manifest", "odd entry", entry(`, "scale": 2`), false},
		{"manifest", "order to kill", `{"node": "n", "apps": [], "kill": [{"instance": "n/a.0", "pid": 7}]}`, true},
		{"manifest", "order to kill nobody", `{"node": "n", "apps": [], "kill": [{"instance": "a", "pid": 7}]}`, false},
		{"node", "least", `{"id": "n"}`, true},
		{"node", "odd state", `{"id": "n", "state": "gone"}`, false},
		{"node", "unknown member", `{"id": "n", "tag": []}`, false},
		{"tags", "two", `["a", "zone:b", "中 文", "a\nb"]`, true},
		{"tags", "the same twice", `["a", "a"]`, false},
		{"tags", "an empty one", `[""]`, false},
		{"tags", "blanks around", `[" a"]`, false},
		{"tags", "a long one", `["` + strings.Repeat("a", 257) + `"]`, false},
		{"envs", "one", `{"A": "b"}`, true},
		{"envs", "reserved", `{"STATHUB_A": "b"}`, false},
		{"report", "of another version", `{"node": "n", "news": 1, "instances": []}`, true},
		{"event", "no kind", `{"message": "x"}`, false},
		{"lease", "no term", `{"holder": "m"}`, false},
		{"lease", "free", `{"holder": "", "term": 3}`, true},
		{"history", "no app", `{"revision": 1}`, false},
		{"history", "least", `{"revision": 1, "app": {"name": "a", "toProcess": "x"}}`, true},
	} {
		if err := validator(t, c.kind)(c.doc); (err == nil) != c.ok {
			t.Errorf("%s, %s: the schema says %v", c.kind, c.name, err)
		}
		if err := master(c.kind, c.doc); (err == nil) != c.ok {
			t.Errorf("%s, %s: the master says %v", c.kind, c.name, err)
		}
	}
}
