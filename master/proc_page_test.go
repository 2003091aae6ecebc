package master

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// The page of an instance shows all that its node reports and what its app asks for, as text, in both languages.
func TestProcPage(t *testing.T) {
	r := startReady(t, memstore.New())
	code, hostile := 0, `<script>alert("x")</script>`
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	r.put("manifests/n1.json", `{"apps": [{"app": {"name": "web", "toProcess": "run `+strings.ReplaceAll(hostile, `"`, `\"`)+`", "killSignal": 34, "ports": [0],
		"healthChecks": [{"protocol": "TCP", "intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 3}],
		"resAlloc": {"cpus": 2, "mem": 1048576, "disk": 4096}, "restart": {"policy": "on-failure"}}, "count": 1},
		{"app": {"name": "job", "toProcess": "run"}, "count": 1, "schedule": {"cron": "0 * * * *"}}]}`)
	r.agent("n1",
		state.Instance{ID: "n1/web.0", App: "web", PID: 4711, PPID: 1, StartTime: at, Cmd: hostile, Children: []int{4712}, Ports: []int{8080}, State: state.Running,
			Restarts: 3, LastExit: &state.Exit{Code: -1, Signal: 9, At: at, Reason: "killed by signal 9"}, CPU: 0.5, RSS: 524288, Disk: 4096, Files: 12,
			Artifacts: []state.ArtifactState{{URI: "http://x/a.zip", ETag: "e1"}, {URI: "http://x/b.zip", BytesDone: 50, BytesTotal: 100}}},
		state.Instance{ID: "n1/job.0", App: "job", State: state.Waiting, NextRun: at.Add(time.Hour), Runs: []state.Run{
			{At: at, Start: at, End: at.Add(90 * time.Second), Code: &code}, {At: at, Skipped: 2, Reason: "the run before it still goes on"}}},
		state.Instance{ID: "n1/old.0", App: "old", PID: 7, StartTime: at, State: state.Stopping, Reason: "no longer in the manifest"})
	page := func(name, lang string) string {
		r.until("a page of "+name, func() bool { return r.do("GET", "/nodes/n1/procs/"+name, "").status == 200 })
		return r.want(200, "GET", "/nodes/n1/procs/"+name, "", "Accept-Language", lang).body
	}
	r.until("the manifest is known", func() bool { return strings.Contains(r.do("GET", "/nodes/n1/procs/web.0", "").body, "SIGTERM") })
	for name, wants := range map[string][]string{
		"web.0": {`data-log="/v1/node/n1/proc/web.0"`, `data-pid="4711"`, "4712", ":8080/", "killed by signal 9", "SIGKILL", "0.50", "512 KiB", "1.0 MiB",
			"http://x/a.zip", "e1", "/ 100 B", `value="34" selected`, `data-send="POST /v1/node/n1/proc/web.0/_kill"`, "_restart", "/ 4096, threads included",
			`data-health="/v1/node/n1/proc/web.0/_health"`, `data-crashes="/v1/node/n1/crash"`, "&lt;script&gt;alert", "restarted on failure", "node/n1 app/web"},
		"job.0": {"0 * * * *", "2026-11-22 09:00:00", "1m 30s", "completed", "2 left out", "the run before it still goes on"},
		"old.0": {"No manifest lists its app any more", "no longer in the manifest"},
	} {
		got := page(name, "en")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("the page of %s lacks %q", name, want)
			}
		}
		if strings.Contains(got, "<script>alert") {
			t.Errorf("the page of %s has a script of a document's", name)
		}
	}
	for _, name := range []string{"job.0", "old.0"} {
		if strings.Contains(page(name, "en"), "_restart") {
			t.Errorf("%s can be restarted", name)
		}
	}
	if got := page("web.0", "zh-CN"); !strings.Contains(got, "资源使用与限制") || !strings.Contains(got, `lang="zh-CN"`) {
		t.Error("the page is not in Chinese")
	}
	for path, status := range map[string]int{"/nodes/n1/procs/web.9": 404, "/nodes/none/procs/web.0": 404, "/nodes/n1/procs/%22%3E%3Cscript%3E": 404} {
		if a := r.do("GET", path, ""); a.status != status || strings.Contains(a.body, `"><script>`) {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
}
