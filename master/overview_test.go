package master

import (
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// The first page says what to do while there is nothing, with the commands for this very master.
func TestOverviewAtFirst(t *testing.T) {
	r := startReady(t, memstore.New())
	page := r.want(200, "GET", "/", "").body
	for _, want := range []string{"stathub-agent --master.address=" + r.url, "curl " + r.url + "/v1/app", `href="/new"`, "--server.address=0.0.0.0"} {
		if !strings.Contains(page, want) {
			t.Errorf("the first page has no %q", want)
		}
	}
	if zh := r.want(200, "GET", "/", "", "Accept-Language", "zh-CN").body; !strings.Contains(zh, "启动第一个 agent") {
		t.Error("it is not in Chinese")
	}
}

func TestOverview(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1", state.Instance{ID: "n1/web.0", App: "web", State: state.Running, PID: 7})
	r.agent("n2")
	r.want(201, "POST", "/v1/app", `{"name": "huge", "toProcess": "run", "start": true, "resAlloc": {"mem": "900TiB"}}`)
	r.want(200, "POST", "/v1/app/huge/_scale", "3")
	r.put("apps/torn.json", "{")
	r.put("manifests/n2.json", `{"paused": true, "apps": [{"app": {"name": "mine", "toProcess": "run"}}]}`)
	r.put("manifests/n1.json", `{"apps": [{"app": {"name": "web", "toProcess": "run"}, "owner": "<i>me</i>"}]}`)
	var page string
	r.until("shown", func() bool {
		page = r.do("GET", "/", "").body
		return strings.Contains(page, "torn") && strings.Contains(page, "lacks memory") && strings.Contains(page, "&lt;i&gt;me") && strings.Contains(page, "is paused")
	})
	for _, want := range []string{
		`href="/apps/huge"`, "0 / 3", `data-send="POST /v1/node/n1/manifest/web/_release"`, `data-chart="/v1/stat/cluster?what=cpu"`, "mem:", "/events",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it has no %q", want)
		}
	}
	if strings.Contains(page, "first agent") || strings.Contains(page, "<i>me") {
		t.Errorf("it has what it should not: %s", page)
	}
	if zh := r.want(200, "GET", "/", "", "Accept-Language", "zh-CN").body; !strings.Contains(zh, "1 个节点内存不足") || !strings.Contains(zh, "each instance needs") {
		t.Errorf("the reason is not in Chinese: %s", zh)
	}
}
