package master

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/state/memstore"
)

type eventPage struct {
	Total    int           `json:"total"`
	Rows     []state.Event `json:"rows"`
	Warnings []string      `json:"warnings"`
}

func (r *running) events(method, path, body string) eventPage {
	r.t.Helper()
	var p eventPage
	if err := json.Unmarshal([]byte(r.want(http.StatusOK, method, path, body).body), &p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// An event of an agent's is found seconds after its batch; so is what the master does itself.
func TestEventAPI(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	at := time.Now().UTC().Truncate(time.Millisecond)
	var lines []byte
	for i := range 3 {
		e := state.Event{ID: fmt.Sprintf("01KAF6X3C0ABCDEFGHJKMNPQR%d", i), At: at.Add(-time.Duration(i) * time.Hour), Writer: "n1", Node: "n1",
			Kind: "instance.exit", App: "web", Instance: "n1/web.0", Message: "process 7 ended: exit code 1", Count: i}
		lines = append(lines, state.EncodeLine(&e)...)
	}
	r.put(state.EventKey(at, "n1", "01KAF6X3C0ABCDEFGHJKMNPQR0"), string(lines))
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name":"api","toProcess":"run"}`)
	r.until("found", func() bool {
		return r.events("GET", "/v1/event/_search?kind=instance.exit", "").Total == 3 && r.events("GET", "/v1/event/_search?kind=app.created", "").Total == 1
	})
	p := r.events("GET", "/v1/event/_search?size=2&q="+url.QueryEscape("app:web AND exit"), "")
	if p.Total != 3 || len(p.Rows) != 2 || !p.Rows[0].At.Equal(at) || p.Rows[1].Count != 1 || p.Rows[0].Message != "process 7 ended: exit code 1" {
		t.Errorf("page %+v", p)
	}
	if p = r.events("POST", "/v1/event/_search?from=2", "app:web"); p.Total != 3 || len(p.Rows) != 1 || p.Rows[0].ID != "01KAF6X3C0ABCDEFGHJKMNPQR2" {
		t.Errorf("the last page %+v", p)
	}
	if p = r.events("GET", "/v1/event/_search?kind=app.*,node.*", ""); p.Total == 0 || p.Rows[0].Writer != "master" {
		t.Errorf("of the master: %+v", p)
	}
	if got := r.want(http.StatusOK, "GET", "/v1/event/_count?q=app:web", "").body; !strings.Contains(got, `"count": 3`) || !strings.Contains(got, `"sum": 4`) {
		t.Errorf("count: %s", got)
	}
	if p = r.events("GET", "/v1/event/_search?q=nod:n1", ""); p.Total != 0 || len(p.Warnings) == 0 || !strings.Contains(p.Warnings[0], `did you mean "node"?`) {
		t.Errorf("an unknown field: %+v", p)
	}
	if a := r.want(http.StatusBadRequest, "GET", "/v1/event/_search?q="+url.QueryEscape("a AND ("), ""); !strings.Contains(a.body, `"column": 8`) {
		t.Errorf("a bad query: %s", a.body)
	}
	r.want(http.StatusBadRequest, "GET", "/v1/event/_search?size=x", "")
	r.want(http.StatusBadRequest, "GET", "/v1/event/_count?q=%ff", "")
}
