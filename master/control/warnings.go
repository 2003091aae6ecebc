package control

import (
	"context"
	"slices"
	"strings"
	"sync"

	"stathub/master/index"
	"stathub/scheduler"
)

// warnings remembers what the index has to say about queries, until its documents change.
type warnings struct {
	mu  sync.Mutex
	of  map[string][]string
	age int // counts the changes of the index
}

// maxWarned bounds the queries that are remembered.
const maxWarned = 10_000

func (w *warnings) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of = nil
	w.age++
}

// get gives what ask says, or said of the query before.
func (w *warnings) get(query string, ask func() []string) []string {
	w.mu.Lock()
	known, ok := w.of[query]
	age := w.age
	w.mu.Unlock()
	if ok {
		return known
	}
	said := ask()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil || len(w.of) >= maxWarned {
		w.of = map[string][]string{}
	}
	if age == w.age {
		w.of[query] = said
	}
	return said
}

// CheckQuery says what is wrong with a node query, code Invalid with the column, and what may be: fields that no node has.
func (c *Controller) CheckQuery(ctx context.Context, text string) (warnings []string, err error) {
	r, err := c.index.Search(ctx, text, index.Options{})
	return r.Warnings, QueryError(err)
}

// queryWarnings gives the warnings of CheckQuery alone.
func (c *Controller) queryWarnings(ctx context.Context, text string) []string {
	return c.warned.get(text, func() []string {
		said, err := c.CheckQuery(ctx, text)
		if err != nil {
			return nil // the plan says so itself
		}
		return said
	})
}

// explainQueries adds to the reasons of a plan why nodes may not match: a misspelt field, perhaps. The reasons of the plan
// are not changed themselves: plans share them.
func (c *Controller) explainQueries(ctx context.Context, apps map[string]scheduler.AppStatus, queryOf func(app string) string) {
	for name, s := range apps {
		i := slices.IndexFunc(s.Reasons, func(r scheduler.Reason) bool { return r.Code == scheduler.CodeNoMatch })
		if i < 0 {
			continue
		}
		if said := c.queryWarnings(ctx, queryOf(name)); len(said) > 0 {
			s.Reasons = slices.Clone(s.Reasons)
			s.Reasons[i].Message = withWarnings(s.Reasons[i].Message, said)
			apps[name] = s
		}
	}
}

func withWarnings(message string, said []string) string {
	return strings.Join(append([]string{message}, said...), "; ")
}
