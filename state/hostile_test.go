package state_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// app gives an app's document with some members more.
func app(members string) string {
	return `{"name": "a", "toProcess": "x", "args": [], "ports": []` + members + `}`
}

func TestHostileApps(t *testing.T) {
	chain := func(leaf string) string { // 2^40 of the leaf
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, `"E%d": "${E%d}${E%d}", `, i, i+1, i+1)
		}
		return `, "envs": {` + b.String() + `"E40": "` + leaf + `"}`
	}
	for _, c := range []struct {
		name, doc string
		code      state.Code
		says      string
	}{
		{"envs that double", app(chain("x")), state.Nonsense, "envs: the placeholders"},
		{"envs that double nothing", app(chain("")), state.Nonsense, "envs: the placeholders"},
		{"args that double", `{"name": "a", "toProcess": "x", "args": ["${E0}"]` + chain("x") + `}`, state.Nonsense, "the placeholders"},
		{"number past all", app(`, "resAlloc": {"cpus": 1e999}`), state.Invalid, "resAlloc.cpus"},
		{"many cores", app(`, "resAlloc": {"cpus": 1e300}`), state.Nonsense, "number of cores"},
		{"not a number", app(`, "resAlloc": {"cpus": NaN}`), state.Invalid, "is not JSON"},
		{"memory that overflows sums", app(`, "resAlloc": {"mem": 9223372036854775807}`), state.Nonsense, "1 PiB"},
		{"memory as text that overflows", app(`, "resAlloc": {"mem": "9000PiB"}`), state.Invalid, "too large"},
		{"memory of infinity", app(`, "resAlloc": {"mem": "Inf"}`), state.Invalid, "want a number of bytes"},
		{"log size", app(`, "logs": {"maxBytes": -1}`), state.Nonsense, "logs.maxBytes"},
		{"seconds past a year", app(`, "killTimeoutSeconds": 1e18`), state.Nonsense, "a year"},
		{"port as a fraction", `{"name": "a", "toProcess": "x", "ports": [1.5]}`, state.Invalid, "ports[0]"},
		{"huge port", `{"name": "a", "toProcess": "x", "ports": [123456789012345678901234567890]}`, state.Invalid, "ports[0]: must be a whole number"},
		{"names that differ in case", app(`, "Name": "b", "NAME": "c"`), "", ""},
		{"the same name twice", app(`, "name": "b"`), state.Invalid, "there twice"},
		{"the same unknown name twice", app(`, "x": {"y": 1, "y": 2}`), state.Invalid, "there twice"},
		{"nested", app(`, "x": ` + strings.Repeat("[", 99) + strings.Repeat("]", 99)), "", ""},
		{"nested too deep", app(`, "x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), state.Invalid, "deeper than 100"},
		{"nested far too deep", strings.Repeat(`{"x":`, 1_000_000), state.Invalid, "deeper than 100"},
		{"brackets in text", app(`, "x": "\"` + strings.Repeat("[", 500) + `"`), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := state.Decode[state.App]("apps/a.json", []byte(c.doc))
			if state.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%.200v (code %q), want code %q and %q in it", err, state.CodeOf(err), c.code, c.says)
			}
			if err == nil { // what is read can be written inside of others
				state.Encode(&state.Revision{Revision: 1, App: *doc})
				state.Encode(&state.Manifest{Node: "n", Apps: []state.ManifestEntry{{App: *doc}}})
			}
		})
	}
}

func TestHostileSchedules(t *testing.T) {
	for spec, ok := range map[string]bool{
		"0 3 * * *": true, "@daily": true, "@every 1h": true, "*/5 0-6 1,15 * MON": true, "0 0 29 2 *": true,
		"": false, "TZ=0": false, "CRON_TZ=0": false, "TZ=UTC 0 3 * * *": false, "TZ=../../etc/passwd 0 3 * * *": false,
		"0 0 30 2 *": false, "*/0 * * * *": false, "99999999999999999999 * * * *": false, "1-99999999 * * * *": false, "@every": false,
		"* * * * * *": false, "@reboot": false,
	} {
		doc := fmt.Sprintf(`{"app": "a", "schedule": {"cron": %q}}`, spec)
		_, err := state.Decode[state.Choreo]("choreos/a.json", []byte(doc))
		if ok != (err == nil) || !ok && (state.CodeOf(err) != state.Nonsense || !strings.Contains(err.Error(), "schedule.cron")) {
			t.Errorf("cron %q: %v, want accepted: %v", spec, err, ok)
		}
	}
	for zone, ok := range map[string]bool{
		"": true, "UTC": true, "Asia/Shanghai": true, "America/Argentina/Buenos_Aires": true,
		"../../etc/passwd": false, "/etc/passwd": false, "Asia": false, "Asia/../UTC": false, `\\host\x`: false, "\x00": false,
	} {
		doc := fmt.Sprintf(`{"app": "a", "schedule": {"cron": "@daily", "timezone": %s}}`, bytes.TrimSpace(state.EncodeLine(zone)))
		_, err := state.Decode[state.Choreo]("choreos/a.json", []byte(doc))
		if ok != (err == nil) || !ok && !strings.Contains(err.Error(), "schedule.timezone") {
			t.Errorf("time zone %q: %v, want accepted: %v", zone, err, ok)
		}
	}
}

// Large documents, made to be slow, are read or refused in time that grows with their size alone, and with a message that
// can be read.
func TestSlowDocuments(t *testing.T) {
	fill := func(before, after string, piece func(i int) string) []byte {
		var b bytes.Buffer
		b.WriteString(before)
		for i := 0; b.Len() < state.MaxDocument/8; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(piece(i))
		}
		b.WriteString(after)
		return b.Bytes()
	}
	read := func(data []byte) error { _, err := state.DecodeInput[state.App]("apps/a.json", data); return err }
	for name, f := range map[string]func() error{
		"ports": func() error {
			return read(fill(`{"name":"a","toProcess":"x","ports":[`, `]}`, func(i int) string { return fmt.Sprint(1 + i%65535) }))
		},
		"unknown members": func() error { return read(fill(`{`, `}`, func(i int) string { return fmt.Sprintf(`"m%d":1`, i) })) },
		"envs": func() error {
			return read(fill(`{"name":"a","toProcess":"x","envs":{`, `}}`, func(i int) string { return fmt.Sprintf(`"m%d":"${m%d}"`, i, i+1) }))
		},
		"placeholders that never end": func() error {
			return read(fill(`{"name":"a","toProcess":"x","args":["`, `}"]}`, func(int) string { return "${" }))
		},
		"tags": func() error {
			_, err := state.Decode[state.Tags]("tags", fill(`[`, `]`, func(i int) string { return fmt.Sprintf(`"%x"`, i) }))
			return err
		},
		"late error": func() error {
			return read(fill(`{"name":"a","toProcess":"x","args":[`, `,7]}`, func(int) string { return `""` }))
		},
		"apps": func() error {
			_, err := state.Decode[state.Manifest]("manifests/n.json", fill(`{"node":"n","apps":[`, `]}`, func(i int) string {
				return fmt.Sprintf(`{"app":{"name":"app%d","toProcess":"x","args":["${PORT}"],"ports":[0]}}`, i)
			}))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			err := f()
			if err != nil && len(err.Error()) > 100_000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			took := time.Since(began)
			if t.Logf("%.1f s, %.150v", took.Seconds(), err); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// An agent makes all that a manifest asks for: what no node can hold must not be asked for.
func TestTooManyInstances(t *testing.T) {
	for total, text := range map[int]string{
		state.MaxCount:     `{"apps":[{"app":{"name":"a","toProcess":"x"},"count":99999},{"app":{"name":"b","toProcess":"x"},"count":1}]}`,
		state.MaxCount + 2: `{"apps":[{"app":{"name":"a","toProcess":"x"},"count":99999},{"app":{"name":"b","toProcess":"x"},"count":2},{"app":{"name":"c","toProcess":"x"},"count":1}]}`,
	} {
		_, err := state.Decode[state.Manifest]("manifests/n1.json", []byte(text))
		if total <= state.MaxCount && err != nil {
			t.Errorf("%d: %v", total, err)
		}
		if total > state.MaxCount && (state.CodeOf(err) != state.Nonsense || !strings.Contains(err.Error(), "apps[1].count") || strings.Contains(err.Error(), "apps[2]")) {
			t.Errorf("%d: %v", total, err)
		}
	}
}
