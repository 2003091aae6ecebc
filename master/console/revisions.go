package console

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/control"
	"stathub/master/history"
	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// histories remembers the revisions of the apps that were looked at last: pages that are open ask for them again and again,
// and each is a document of the bucket.
type histories struct {
	mu sync.Mutex
	of map[string]pastOf // by app
}

// pastOf is what was read while last was the newest revision.
type pastOf struct {
	last    *state.Revision
	entries []history.Entry
}

// maxHistories bounds how many apps are remembered.
const maxHistories = 32

func (h *histories) read(ctx context.Context, c *control.Controller, app string) ([]history.Entry, error) {
	last := c.NewestRevision(app)
	h.mu.Lock()
	known := h.of[app]
	h.mu.Unlock()
	if last != nil && known.last == last {
		return known.entries, nil
	}
	entries, err := c.History(ctx, app)
	if err != nil || last == nil || len(entries) == 0 || entries[0].Revision.Revision != last.Revision {
		return entries, err // they are read again at the next look
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil || len(h.of) >= maxHistories {
		h.of = map[string]pastOf{}
	}
	h.of[app] = pastOf{last, entries}
	return entries, nil
}

// historyOf is the table of an app's revisions and the difference that is asked for: ?rev=3 to the one before, with &with=5
// from that one.
func (c *console) historyOf(r *http.Request, app string) (h web.History) {
	if c.Control.App(app).ETag == "" {
		return h
	}
	entries, err := c.histories.read(r.Context(), c.Control, app)
	if err != nil {
		h.Error = err.Error()
		return h
	}
	h.Rows = c.revisionRows(app, entries)
	const most = math.MaxInt32
	of, _ := rest.Number(r, "rev", 0, most)
	with, _ := rest.Number(r, "with", 0, most)
	if of == 0 {
		return h
	}
	h.Of, h.With = int64(of), int64(with)
	now, before := entry(entries, h.Of), entry(entries, h.With)
	if with == 0 {
		if before = earlierThan(entries, h.Of); before != nil {
			h.With = before.Revision.Revision
		}
	}
	if now == nil || before == nil {
		h.Missing = true
		return h
	}
	h.Diff = web.Diff(history.Text(&before.Revision), history.Text(&now.Revision))
	return h
}

func entry(entries []history.Entry, n int64) *history.Entry {
	for i := range entries {
		if entries[i].Revision.Revision == n && entries[i].Error == "" {
			return &entries[i]
		}
	}
	return nil
}

// earlierThan gives the revision before one; entries are the newest first.
func earlierThan(entries []history.Entry, n int64) *history.Entry {
	for i := range entries {
		if entries[i].Revision.Revision < n && entries[i].Error == "" {
			return &entries[i]
		}
	}
	return nil
}

func (c *console) revisionRows(app string, entries []history.Entry) []web.RevisionRow {
	var now *state.Revision
	if doc, choreo := c.Control.App(app), c.Control.Choreo(app); doc.Err == nil && doc.Value != nil && choreo.Err == nil {
		now = history.New(doc.Value, choreo.Value)
	}
	rows := make([]web.RevisionRow, 0, len(entries))
	current := int64(0)
	for i := range entries {
		e := &entries[i]
		row := web.RevisionRow{Number: e.Revision.Revision, At: e.At, GoodAt: e.GoodAt, Failed: e.Failed, Error: e.Error, Changes: inShort(e.Changes)}
		before := earlierThan(entries, row.Number)
		row.First = before == nil
		if row.Error == "" && current == 0 && now != nil && history.Same(&e.Revision, now) {
			row.Current, current = true, row.Number
		}
		if row.Error == "" && before != nil {
			row.DiffURL = diffURL(app, row.Number, 0)
		}
		rows = append(rows, row)
	}
	for i := range rows {
		if row := &rows[i]; current != 0 && !row.Current && row.Error == "" {
			row.NowURL = diffURL(app, current, row.Number)
		}
	}
	return rows
}

func diffURL(app string, of, with int64) string {
	url := web.AppURL(app) + "?rev=" + strconv.FormatInt(of, 10)
	if with != 0 {
		url += "&with=" + strconv.FormatInt(with, 10)
	}
	return url + "#revisions"
}

// inShort tells what changed in one line.
func inShort(changes []state.Change) string {
	const most, length = 3, 60
	var all []string
	for i, ch := range changes {
		if i == most {
			all = append(all, fmt.Sprintf("+%d", len(changes)-most))
			break
		}
		name := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(ch.Path, "/app/"), "/choreo/"), "/", ".")
		all = append(all, fmt.Sprintf("%s: %s → %s", strings.TrimPrefix(name, "."), cut(ch.Old, length), cut(ch.New, length)))
	}
	return strings.Join(all, "; ")
}

// cut is a value, not too long.
func cut(v jsontext.Value, length int) string {
	if len(v) == 0 {
		return "–"
	}
	if in := []rune(string(v)); len(in) > length {
		return string(in[:length]) + "…"
	}
	return string(v)
}
