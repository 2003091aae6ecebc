package state_test

import (
	"errors"
	"strings"
	"testing"

	"stathub/state"
)

const seedApp = `{
    "name": "http_server",
    "toProcess": "python",
    "workingDirectory": "/opt",
    "envs": {
    },
    "args": [
        "http_server.py"
    ],
    "ports": [
        0,
        0
    ],
    "killSignal": 15,
    "uris": [
        "http://121.199.25.213/stat/http_server.py"
    ],
    "healthChecks": [{
            "initialDelaySeconds": 60,
            "intervalSeconds": 20,
            "maxConsecutiveFailures": 3,
            "path": "/",
            "portIndex": 0,
            "protocol": "HTTP",
            "timeoutSeconds": 20
    }],
    "resAlloc": null
}`

// The seed's document comes back with the same values in the same order, and nothing but the start flag besides.
func TestSeedAppRoundTrip(t *testing.T) {
	app, err := state.DecodeInput[state.App]("apps/http_server.json", []byte(seedApp))
	if err != nil {
		t.Fatal(err)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	want := strings.TrimSuffix(squeeze(seedApp), "}") + `,"start":false}`
	if got := squeeze(string(state.Encode(app))); got != want {
		t.Errorf("the seed's app came back as\n%s\nwant\n%s", got, want)
	}
}

func TestDefaults(t *testing.T) {
	app, err := state.Decode[state.App]("apps/a.json", []byte(`{"toProcess": "sleep 1"}`))
	if err != nil {
		t.Fatal(err)
	}
	policy, first, longest := app.RestartPolicy()
	if app.Name != "a" || app.KillSignal != 15 || app.KillTimeout() != state.DefaultKillTimeout || policy != "always" || first != 0 || longest != state.DefaultMaxBackoff {
		t.Errorf("defaults: %+v, %s %s %s", app, policy, first, longest)
	}
	m, err := state.Decode[state.Manifest]("manifests/n1.json", []byte(`{"apps": [{"app": {"name": "a", "toProcess": "x"}}, {"app": {"name": "b", "toProcess": "x"}, "count": 0}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if m.Node != "n1" || m.Apps[0].Count != 1 || m.Apps[1].Count != 0 || m.Apps[0].App.KillSignal != 15 {
		t.Errorf("defaults of a manifest: %+v", m)
	}
	n, err := state.Decode[state.Node]("nodes/n1.json", []byte(`{"hostname": "h"}`))
	if err != nil || n.ID != "n1" || !n.Schedulable {
		t.Errorf("defaults of a node: %+v, %v", n, err)
	}
	ch, err := state.Decode[state.Choreo]("choreos/a.json", []byte(`{"scale": 2}`))
	if err != nil || ch.App != "a" || ch.Query != "*" {
		t.Errorf("defaults of a choreography: %+v, %v", ch, err)
	}
}

// Every problem is named with its path, line and column, and all of them at once.
func TestProblems(t *testing.T) {
	type problem struct {
		path         string
		line, column int
		message      string
	}
	tests := []struct {
		name, text string
		strict     bool
		code       state.Code
		want       []problem
	}{
		{"unknown field", `{"name": "a", "toProces": "x"}`, true, state.Invalid,
			[]problem{{"toProces", 1, 15, `unknown field "toProces": did you mean "toProcess"?`}}},
		{"unknown field deep down", "{\"name\": \"a\", \"toProcess\": \"x\",\n\"healthChecks\": [{\"portIndx\": 1}]}", true, state.Invalid,
			[]problem{{"healthChecks[0].portIndx", 2, 19, `unknown field "portIndx": did you mean "portIndex"?`}}},
		{"unknown field like no other", `{"name": "a", "zzzzzzzz": 1}`, true, state.Invalid,
			[]problem{{"zzzzzzzz", 1, 15, `unknown field "zzzzzzzz": known are name, toProcess`}}},
		{"wrong type", "{\"name\": \"a\",\n  \"ports\": [0, \"x\"]}", false, state.Invalid,
			[]problem{{"ports[1]", 2, 16, "must be a whole number, not a string"}}},
		{"fraction", `{"killSignal": 1.5}`, false, state.Invalid, []problem{{"killSignal", 1, 16, "must be a whole number, not 1.5"}}},
		{"wrong unit", `{"resAlloc": {"mem": "12XB"}}`, false, state.Invalid, []problem{{"resAlloc.mem", 1, 22, `size "12XB": want a number of bytes`}}},
		{"truncated", "{\"name\": \"a\",\n \"toPro", false, state.Invalid, []problem{{"", 2, 8, "the document ends too early"}}},
		{"empty", "", false, state.Invalid, []problem{{"", 1, 1, "the document is empty"}}},
		{"comma before a brace", "{\"name\": \"a\",\n}", false, state.Invalid, []problem{{"", 1, 13, `there must be no comma before "}"`}}},
		{"comma before a bracket", `{"args": ["a", ]}`, false, state.Invalid, []problem{{"args", 1, 14, `there must be no comma before "]"`}}},
		{"misspelt, where it is needed", `{"toProces": "x"}`, false, state.Nonsense, []problem{{"toProcess", 1, 1, `did you mean "toProcess"?`}}},
		{"as others call it", `{"command": "x", "cwd": "/"}`, true, state.Invalid, []problem{{"command", 1, 2, `did you mean "toProcess"?`}, {"cwd", 1, 18, `did you mean "workingDirectory"?`}}},
		{"what a choreography says", `{"toProcess": "x", "schedule": {}, "numprocs": 2}`, true, state.Invalid, []problem{{"schedule", 1, 20, `"schedule" beside "app"`}, {"numprocs", 1, 36, "_scale"}}},
		{"NUL bytes", "\x00\x00\x00", false, state.Invalid, []problem{{"", 1, 1, "is not JSON"}}},
		{"a list", "[]", false, state.Invalid, []problem{{"", 1, 1, "must be an object, not a list"}}},
		{"null", " null\n", false, state.Invalid, []problem{{"", 1, 1, "must be an object, not null"}}},
		{"twice", `{"name": "a", "name": "b"}`, false, state.Invalid, []problem{{"name", 1, 15, "this member is there twice"}}},
		{"text after the end", `{"name": "a"} x`, false, state.Invalid, []problem{{"", 1, 15, "is not JSON"}}},
		{"not UTF-8", "{\"name\": \"\xff\"}", false, state.Invalid, []problem{{"name", 1, 11, "is not JSON"}}},
		{"columns count characters", `{"name": "a", "envs": {"名字": 1}}`, false, state.Invalid, []problem{{"envs.名字", 1, 30, "must be a string, not a number"}}},
		{"another name", `{"name": "b", "toProcess": "x"}`, false, state.Nonsense, []problem{{"name", 1, 10, `is "b", but the document's key says "a"`}}},
		{"several rules", "{\"toProcess\": \" \",\n\"ports\": [1, 70000, 1],\n\"killSignal\": 99}", false, state.Nonsense, []problem{
			{"toProcess", 1, 15, "must name the program"}, {"ports[1]", 2, 14, "port from 1 to 65535"},
			{"ports[2]", 2, 21, "listed twice"}, {"killSignal", 3, 15, "from 1 to 64"}}},
		{"health check", `{"toProcess": "x", "healthChecks": [{"protocol": "HTPP", "portIndex": 3, "intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 1}]}`,
			false, state.Nonsense, []problem{{"healthChecks[0].protocol", 1, 50, `did you mean "HTTP"?`}, {"healthChecks[0].portIndex", 1, 71, "index into ports, which has 0"}}},
		{"URIs", `{"toProcess": "x", "uris": ["ftp://h/x", "bucket:apps/a.json", "http://h/a#sha256=12", "file://h/x"]}`, false, state.Nonsense, []problem{
			{"uris[0]", 1, 29, "must start with one of"}, {"uris[1]", 1, 42, "bucket:artifacts/"}, {"uris[2]", 1, 64, "64 hexadecimal digits"}, {"uris[3]", 1, 88, "file:///absolute"}}},
		{"reserved variable", `{"toProcess": "x", "envs": {"STATHUB_INSTANCE": "y"}}`, false, state.Nonsense, []problem{{"envs.STATHUB_INSTANCE", 1, 49, "set by the agent"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			decode := state.Decode[state.App]
			if tt.strict {
				decode = state.DecodeInput[state.App]
			}
			_, err := decode("apps/a.json", []byte(tt.text))
			var e *state.Error
			if !errors.As(err, &e) || e.Code != tt.code || e.Key != "apps/a.json" || len(e.Problems) != len(tt.want) {
				t.Fatalf("got %v (code %q), want %d problems of code %q", err, state.CodeOf(err), len(tt.want), tt.code)
			}
			for i, w := range tt.want {
				p := e.Problems[i]
				if p.Path != w.path || p.Line != w.line || p.Column != w.column || !strings.Contains(p.Message, w.message) {
					t.Errorf("problem %d: got %+v, want %+v", i, p, w)
				}
			}
		})
	}
}

// A document from the future goes through read-modify-write without losing a byte of what this version does not know.
func TestUnknownMembersAreKept(t *testing.T) {
	const text = `{"node": "n1", "apps": [{"app": {"name": "a", "toProcess": "x", "futureList": [1, {"deep": 12345678901234567890}],
		"healthChecks": [{"protocol": "TCP", "intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 1, "grpc": {"service": "s"}}], "ports": [0],
		"resAlloc": {"cpus": 1, "gpus": 0.1000000000000000055511151231257827}}, "future": "é\u0001"}], "futureTop": null}`
	m, err := state.Decode[state.Manifest]("manifests/n1.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m.Apps[0].Count = 7
	out := string(state.Encode(m))
	for _, want := range []string{`12345678901234567890`, `"service": "s"`, `0.1000000000000000055511151231257827`, `"futureTop": null`, `"future": "é`, `"count": 7`} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is gone from\n%s", want, out)
		}
	}
	again, err := state.Decode[state.Manifest]("manifests/n1.json", []byte(out))
	if err != nil || string(state.Encode(again)) != out {
		t.Errorf("a second round trip changes the document: %v", err)
	}
}

func TestPinned(t *testing.T) {
	e := state.ManifestEntry{App: state.App{Name: "a", ToProcess: "x"}, Count: 2, Owner: state.OwnerMaster}
	e.Sum = e.Digest()
	if e.Pinned() {
		t.Error("the master's own entry counts as pinned")
	}
	edited := e
	edited.Count = 3
	byHand := e
	byHand.Owner = ""
	if !edited.Pinned() || !byHand.Pinned() {
		t.Error("an edited entry, or one without the master as owner, must count as pinned")
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "http_server", "A.b-c_9", strings.Repeat("x", 63)} {
		if err := state.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-a", ".a", "a/b", "a b", "名", "a\n", strings.Repeat("x", 64)} {
		if state.CodeOf(state.CheckName(name)) != state.Invalid {
			t.Errorf("%q is accepted as a name", name)
		}
	}
	for key, want := range map[string]string{
		"apps/a.json": "a", "apps/.a.json.swp": "", "apps/.DS_Store": "", "apps/sub/a.json": "", "apps/a.json~": "", "apps/a": "", "nodes/a.json": "",
	} {
		if got, ok := state.KindApp.Name(key); ok != (want != "") || ok && got != want {
			t.Errorf("KindApp.Name(%q) = %q, %v", key, got, ok)
		}
	}
	if got, ok := state.KindHeartbeat.Name(state.KindHeartbeat.Key("n1")); got != "n1" || !ok {
		t.Errorf("heartbeat key: %q, %v", got, ok)
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]state.Bytes{"0": 0, "1024": 1024, "1KiB": 1024, "1.5 kb": 1500, "512MiB": 512 << 20, "8g": 8 << 30, "2TB": 2e12, "10B": 10} {
		if got, err := state.ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "1XB", "MiB", "1e30", "NaN", "Inf", "--1"} {
		if got, err := state.ParseBytes(text); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(seedApp))
	f.Add([]byte(`{"node":"n1","apps":[{"app":{"name":"a","toProcess":"x","zz":[1]},"count":2}]}`))
	f.Add([]byte(`{"hostname":"h","os":{"cpus":4},"id":"a","memory":{"total":"8GiB"}}`))
	f.Add([]byte("{\"name\":\"a\"\n,\"x\":"))
	f.Fuzz(func(t *testing.T, data []byte) {
		roundTrip[state.App](t, "apps/a.json", data)
		roundTrip[state.Choreo](t, "choreos/a.json", data)
		roundTrip[state.Manifest](t, "manifests/a.json", data)
		roundTrip[state.Node](t, "nodes/a.json", data)
		roundTrip[state.Report](t, "reports/a.json", data)
		roundTrip[state.Event](t, "events/x", data)
		roundTrip[state.Lease](t, "leases/master.json", data)
		roundTrip[state.Revision](t, "history/a/1.json", data)
	})
}

// roundTrip checks that what Decode accepts is stable under Encode, and that what it refuses is placed within the text.
func roundTrip[T any, P interface {
	*T
	state.Document
}](t *testing.T, key string, data []byte) {
	doc, err := state.Decode[T, P](key, data)
	if err != nil {
		var e *state.Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("%s: an error without problems: %v", key, err)
		}
		for _, p := range e.Problems {
			if p.Message == "" || p.Line < 1 || p.Column < 1 || p.Line > 1+strings.Count(string(data), "\n") {
				t.Fatalf("%s: problem %+v of %q", key, p, data)
			}
		}
		return
	}
	first := state.Encode(doc)
	again, err := state.Decode[T, P](key, first)
	if err != nil {
		t.Fatalf("%s: cannot read back %s: %v", key, first, err)
	}
	if second := state.Encode(again); string(second) != string(first) {
		t.Fatalf("%s: not stable:\n%s\n%s", key, first, second)
	}
}
