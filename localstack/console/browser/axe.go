package browser

import (
	"fmt"
	"os"
	"strings"
)

// Finding is a rule of axe-core that a page breaks.
type Finding struct {
	ID, Impact, Help string
	Nodes            []string // the elements, and what is wrong with each
}

func (f Finding) String() string {
	return fmt.Sprintf("%s (%s): %s\n    %s", f.ID, f.Impact, f.Help, strings.Join(f.Nodes, "\n    "))
}

// Axe runs axe-core, whose file script is, over the page, and gives what is serious or critical.
func (p *Page) Axe(script string) []Finding {
	p.t.Helper()
	if !Eval[bool](p, `typeof axe === "object"`) {
		source, err := os.ReadFile(script)
		p.must("read axe-core", err)
		// axe.min.js is statements, not an expression; eval in the tools' world is not the page's.
		_, err = runScript(p, string(source))
		p.must("load axe-core", err)
	}
	return Eval[[]Finding](p, `axe.run(document, {resultTypes: ["violations"], preload: false}).then(r => r.violations
	  .filter(v => v.impact === "serious" || v.impact === "critical")
	  .map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 8).map(n => n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))})))`)
}
