package master

import (
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/series"
)

func TestStatistics(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1", state.Instance{ID: "n1/web.0", App: "web", State: state.Running})
	away := r.agent("n2")
	away.Close()
	r.until("known", func() bool {
		return r.do("GET", "/v1/node/n2", "").status == 200 && r.do("GET", "/v1/node/n1", "").status == 200
	})
	if got := r.want(200, "GET", "/v1/stat/node/cpu?node=n1&time=4h&offset=480", "").body; got != "GET /v1/stat/cpu?node=n1&time=4h&offset=480 " {
		t.Errorf("the agent got %q", got)
	}
	var c series.Chart
	if r.want(200, "GET", "/v1/stat/node/mem?node=n2", "").into(t, &c); c.Node != "n2" || c.Unit != "bytes" || len(c.Series) != 2 ||
		!strings.Contains(c.Note, "cannot get an answer") || len(c.Series[0].Points) == 0 {
		t.Errorf("of an agent that is away: %d lines in %q: %s", len(c.Series), c.Unit, c.Note)
	}
	r.want(404, "GET", "/v1/stat/node/gpu?node=n2", "")
	r.want(404, "GET", "/v1/stat/node/cpu?node=none", "")
	r.want(400, "GET", "/v1/stat/node/cpu", "")
	r.want(400, "GET", "/v1/stat/node/cpu?node=n1&time=soon", "")
	r.want(400, "GET", "/v1/stat/cluster?time=1x", "")
	r.want(404, "GET", "/v1/stat/cluster?what=gpu", "")
	if r.want(200, "GET", "/v1/stat/cluster?what=cpu&time=24h", "").into(t, &c); c.What != "cpu" || c.Unit != "cores" || c.Step != 240 {
		t.Errorf("of the cluster: %s in %q every %d s", c.What, c.Unit, c.Step)
	}
	if r.want(200, "GET", "/v1/stat/cluster?time=-1day", "").into(t, &c); len(c.Series) != 4 || c.Series[1].Unit != "bytes" {
		t.Errorf("all of the cluster: %d lines", len(c.Series))
	}
}
