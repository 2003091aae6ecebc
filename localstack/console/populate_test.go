package console

import (
	"fmt"
	"strings"
	"testing"

	"stathub/state"
)

// hostile is text that would run as a script, leave its attribute, or break a page, were it ever taken for HTML.
const hostile = `<img src=x onerror="console.error('hostile text ran')">'"</textarea></script><script>console.error('hostile script ran')</script>&amp;{{.}}${x}`

// samples are what apps in every state are made of: documents as people write them.
var samples = []struct{ app, choreo string }{
	{`{"name": "web", "toProcess": "python3 -u", "args": ["http_server.py"], "ports": [0, 0], "uris": ["%s/http_server.py"], "start": true,
	   "healthChecks": [{"protocol": "HTTP", "path": "/", "portIndex": 0, "initialDelaySeconds": 1, "intervalSeconds": 2, "timeoutSeconds": 5, "maxConsecutiveFailures": 3}],
	   "resAlloc": {"cpus": 0.1, "mem": "32MiB", "disk": "16MiB"}}`,
		`{"query": "*", "scale": 5}`},
	{`{"name": "talker", "toProcess": "i=0; while :; do i=$((i+1)); echo \"line $i of \u001b[32mgreen\u001b[0m and \u001b[1;31mred\u001b[0m words\"; echo \"error $i\" >&2; sleep 0.5; done", "start": true}`,
		`{"query": "tags:appserver", "scale": 2}`},
	{`{"name": "crasher", "toProcess": "echo about to fail; echo no such file >&2; exit 3", "start": true}`, `{"query": "*", "scale": 1}`},
	{`{"name": "homeless", "toProcess": "sleep 1000", "start": true}`, `{"query": "tags:gpu", "scale": 3}`},
	{`{"name": "greedy", "toProcess": "sleep 1000", "start": true, "resAlloc": {"cpus": 4000, "mem": "8TiB"}}`, `{"query": "*", "scale": 2}`},
	{`{"name": "stopped", "toProcess": "sleep 1000", "start": false}`, `{"query": "*", "scale": 2}`},
	{`{"name": "unplaced", "toProcess": "sleep 1000", "start": true}`, ``},
	{`{"name": "nightly", "toProcess": "echo done", "start": true}`, `{"query": "*", "schedule": {"cron": "*/5 * * * *", "timezone": "Asia/Shanghai"}}`},
	{`{"name": "a-name-as-long-as-names-may-be-0123456789-0123456789-0123456789", "toProcess": "sleep 1000", "start": true}`, `{"query": "*", "scale": 1}`},
	{`{"name": "hostile", "toProcess": "sleep 1000", "args": [], "envs": {"HOSTILE": %[2]q}, "description": %[2]q, "start": true}`, `{"query": "*", "scale": 1}`},
}

// populate fills a world with apps in every state, and waits until what can run does.
func (w *world) populate(t testing.TB) {
	t.Helper()
	for _, a := range samples {
		text := strings.NewReplacer("%s", w.files, "%[2]q", string(state.Encode(hostile))).Replace(a.app)
		w.call(t, "POST", "/v1/app", text)
		if a.choreo != "" {
			w.call(t, "PUT", "/v1/app/"+nameOf(a.app)+"/choreo", a.choreo)
		}
	}
	w.call(t, "PUT", "/v1/node/n2/tag", string(state.Encode([]string{"appserver", "rack-n2", "缓存", hostile})))
	w.call(t, "PUT", "/v1/node/n2/env", string(state.Encode(map[string]string{"ZONE": "华东-1", "HOSTILE": hostile})))
	w.running(t, "web", 5)
	w.running(t, "talker", 2)
	w.running(t, "hostile", 1)
	await(t, "GET", w.base+"/v1/app/crasher/proc?full=true", "", func(all []state.Proc) error {
		if len(all) != 1 || all[0].Restarts < 2 {
			return fmt.Errorf("the crasher has not crashed often enough: %+v", all)
		}
		return nil
	})
	// A second revision of the app, and one that fails: its rollout stops and is taken back.
	w.call(t, "PUT", "/v1/app/talker", `{"name": "talker", "toProcess": "exit 1", "start": true}`)
}

func nameOf(app string) string {
	_, rest, _ := strings.Cut(app, `"name": "`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}
