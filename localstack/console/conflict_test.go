package console

import (
	"strings"
	"testing"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
	"stathub/state"
)

// document is what an app is made of, as far as two people change it here.
type document struct {
	Description string            `json:"description"`
	Args        []string          `json:"args"`
	Envs        map[string]string `json:"envs"`
}

// Two people edit one app: the second is shown what the first did, and takes both, or keeps their own.
func TestConflict(t *testing.T) {
	t.Parallel()
	w := directory(t, 0)
	w.call(t, "PUT", "/v1/app/shared", `{"name": "shared", "description": "as it was", "toProcess": "sleep", "args": ["1000"], "ports": [0], "uris": [], "envs": {"KEEP": "1"}, "killSignal": 15, "start": false}`)
	open := func(t *testing.T, lang string) *browser.Page {
		p := chromium.Page(t, w.base, browser.View{Lang: lang})
		p.Allow("status of 412")
		p.Open("/apps/shared/edit")
		p.Wait("the form to be ready", `document.querySelector(".cm-content") !== null`)
		return p
	}
	left := func(p *browser.Page) {
		p.Wait("to be at the app", `location.pathname === "/apps/shared" && document.readyState === "complete"`)
	}
	stored := func(t *testing.T) (d document) {
		harness.Must(t, "GET", w.base+"/v1/app/shared", nil, &d)
		return d
	}
	// meet lets one person save description, and another one value of KEEP, or a description too.
	meet := func(t *testing.T, lang, description, field, value string) *browser.Page {
		first, second := open(t, lang), open(t, lang)
		first.Fill(`[data-path="description"]`, description)
		second.Fill(field, value)
		quoted := strings.Trim(strings.TrimSpace(string(state.Encode(description))), `"`)
		first.See(".cm-content", quoted)
		second.See(".cm-content", value)
		first.Click("[data-save]")
		left(first)
		second.Click("[data-save]")
		second.See("dialog[open] section:nth-of-type(1) ins", quoted)
		second.See("dialog[open] section:nth-of-type(2) ins", value)
		return second
	}

	t.Run("take both", func(t *testing.T) {
		p := meet(t, "en", hostile, `[data-list="args"] [data-rows] input`, "2000")
		for _, f := range p.Axe("testdata/axe.min.js") {
			t.Errorf("axe-core: %s", f)
		}
		p.Click(`dialog[open] button[value="both"]`)
		p.Wait("both in the editor", `document.querySelector('[data-path="description"]').value === $0 && document.querySelector('[data-list="args"] [data-rows] input').value === "2000"`, hostile)
		p.Click("[data-save]")
		left(p)
		if d := stored(t); d.Description != hostile || len(d.Args) != 1 || d.Args[0] != "2000" {
			t.Errorf("stored is %+v", d)
		}
	})
	t.Run("keep mine", func(t *testing.T) {
		p := meet(t, "zh-CN", "one", `[data-path="description"]`, "two")
		p.Wait("no way to take both where changes meet", `!document.querySelector('dialog[open] button[value="both"]')`)
		p.Click(`dialog[open] button[value="over"]`)
		left(p)
		if d := stored(t); d.Description != "two" {
			t.Errorf("stored is %+v", d)
		}
	})
	t.Run("take theirs", func(t *testing.T) {
		p := meet(t, "en", "three", `[data-path="description"]`, "four")
		p.Click(`dialog[open] button[value="theirs"]`)
		p.Wait("theirs in the editor", `document.querySelector('[data-path="description"]').value === "three"`)
		p.Click(`.save a`)
		left(p)
		if d := stored(t); d.Description != "three" {
			t.Errorf("stored is %+v", d)
		}
	})
	t.Run("deleted meanwhile", func(t *testing.T) {
		p := open(t, "en")
		p.Allow("status of 404") // it is not there, as the page is about to tell
		p.Fill(`[data-path="description"]`, "five")
		w.call(t, "DELETE", "/v1/app/shared", "")
		p.Click("[data-save]")
		p.Click(`dialog[open] button[value="over"]`)
		left(p)
		if d := stored(t); d.Description != "five" {
			t.Errorf("stored is %+v", d)
		}
	})

}
