package console

import (
	"testing"

	"stathub/localstack/console/browser"
)

// hostileValues are text wherever a page of the master or of an agent shows them: nothing of them runs (that would be an error
// in the console) or becomes an element.
func hostileValues(t *testing.T, w *world, agent string) {
	const value = `[...document.querySelectorAll($0)].some(e => [e.value, e.dataset.tag, e.textContent].some(text => String(text).includes($1)))`
	for name, tt := range map[string]struct {
		base, path string
		selector   string
	}{
		"description of an app":              {w.base, "/apps/hostile", "main > p"},
		"description in the form":            {w.base, "/apps/hostile/edit", `[data-path="description"]`},
		"variable in the form":               {w.base, "/apps/hostile/edit", `[data-map="envs"] [data-value]`},
		"tag of a node":                      {w.base, "/nodes/n2", "li.tag"},
		"tag of a node, for what it removes": {w.base, "/nodes/n2", "li[data-tag]"},
		"variable of a node":                 {w.base, "/nodes/n2", "table.envs td"},
		"tag in the table of nodes":          {w.base, "/nodes", "td .tag"},
		"variable at the agent":              {agent, "/", "pre"},
	} {
		t.Run(name, func(t *testing.T) {
			p := chromium.Page(t, tt.base, browser.View{})
			p.Open(tt.path)
			p.Wait("see the text", value, tt.selector, hostile)
			p.WaitIdle()
			if n := browser.Eval[int](p, `document.querySelectorAll('img[src="x"], [onerror]').length`); n > 0 {
				t.Errorf("%d elements came of text", n)
			}
		})
	}
}
