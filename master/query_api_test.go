package master

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"stathub/master/suggest"
	"stathub/state/memstore"
)

// A field that no node has is no mistake of the request: the node that has it may join tomorrow. But everybody is told.
func TestUnknownFieldsAreTold(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	r.want(201, "POST", "/v1/app", `{"name":"web","toProcess":"run","start":true}`)
	const warning = `unknown field "os.cpu": did you mean "os.cpus"?`
	header := `299 - "unknown field \"os.cpu\": did you mean \"os.cpus\"?"`
	a := r.want(201, "PUT", "/v1/app/web/choreo", `{"app":"web","query":"os.cpu:8","scale":1}`)
	if got := a.header.Get("Warning"); got != header {
		t.Errorf("PUT of the choreography: Warning: %s", got)
	}
	a = r.want(200, "POST", "/v1/app/web/_query", "tags:gpu AND os.cpu:8")
	if got := a.header.Get("Warning"); got != header {
		t.Errorf("_query: Warning: %s", got)
	}
	var app struct {
		Status struct {
			Reasons []struct{ Code, Message string }
		}
	}
	r.until("told in the status", func() bool {
		r.want(200, "GET", "/v1/app/web", "").into(t, &app)
		return len(app.Status.Reasons) == 1 && app.Status.Reasons[0].Code == "no-match" && strings.HasSuffix(app.Status.Reasons[0].Message, "; "+warning)
	})
	var verdicts []struct{ Node, Code, Reason string }
	r.want(200, "GET", "/v1/app/web/_explain", "").into(t, &verdicts)
	if len(verdicts) != 1 || verdicts[0].Code != "no-match" || !strings.HasSuffix(verdicts[0].Reason, "; "+warning) {
		t.Errorf("explained as %+v", verdicts)
	}
	var page struct {
		Total    int
		Warnings []string
	}
	r.want(200, "POST", "/v1/node/_search", "os.cpu:8").into(t, &page)
	if page.Total != 0 || len(page.Warnings) != 1 || page.Warnings[0] != warning {
		t.Errorf("search: %+v", page)
	}
	if a := r.want(200, "POST", "/v1/app/web/_query", "os.cpus:8"); a.header.Get("Warning") != "" {
		t.Errorf("Warning: %s", a.header.Get("Warning"))
	}
	if got := r.want(200, "POST", "/v1/node/_search", "os.cpus:8").body; strings.Contains(got, "warnings") {
		t.Errorf("search: %s", got)
	}
}

func TestSuggestAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	ask := func(params string) suggest.Answer {
		var a suggest.Answer
		if err := json.Unmarshal([]byte(r.want(http.StatusOK, "GET", "/v1/node/_suggest"+params, "").body), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	r.until("a tag is known", func() bool { return len(ask("?q=tags:s").Suggestions) == 1 })
	if a := ask("?q=tags:s"); a.From != 5 || a.To != 6 || a.Suggestions[0] != (suggest.Suggestion{Text: "ssd", Kind: "value", Hint: "in 1"}) {
		t.Errorf("a value: %+v", a)
	}
	if a := ask("?q=os.cp:8&pos=5"); a.From != 0 || a.To != 6 || len(a.Suggestions) != 1 || a.Suggestions[0].Text != "os.cpus:" || a.Suggestions[0].Hint != "number" {
		t.Errorf("a field: %+v", a)
	}
	if a := ask("?q=%E5%8D%8E%20an"); a.From != 2 || a.Suggestions[len(a.Suggestions)-1].Text != "AND " {
		t.Errorf("an operator: %+v", a)
	}
	if a := ask(""); len(a.Suggestions) == 0 || len(a.Suggestions) > 20 {
		t.Errorf("at the beginning: %+v", a)
	}
	r.want(http.StatusBadRequest, "GET", "/v1/node/_suggest?pos=-1", "")
	r.want(http.StatusOK, "GET", "/v1/event/_suggest?q=ki", "")
}
