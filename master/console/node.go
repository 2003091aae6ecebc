package console

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"stathub/master/control"
	"stathub/master/query"
	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// How many rows the tabs of a node's page show.
const (
	nodeProcsShown  = 100
	nodeEventsShown = 50
	nodeKeptShown   = 500
)

// nodePage is the page of one node. It has only what its tab needs.
func (c *console) nodePage(r *http.Request) (web.Page, error) {
	if err := c.Control.Unread(); err != nil {
		return web.Page{}, err
	}
	id := rest.Param(r, "id")
	doc := c.Control.Node(id)
	if doc.ETag == "" {
		return web.Page{}, rest.NotFound("node", id)
	}
	v := web.NodePage{Tab: tabOf(r), ETag: string(doc.ETag), Bad: c.Control.UnreadableNode(id)}
	listed, ok := c.Control.ListedNode(id)
	if !ok {
		return web.Page{}, state.Unreadable(state.KindNode.Key(id), "mend it in the bucket", doc.Err)
	}
	v.NodeRow = web.NodeRow{Node: listed.Node, Wanted: listed.Wanted, Running: listed.Running}
	if report := c.Control.Report(id).Value; report != nil {
		v.Errors = report.Errors
		if c.Control.Manifest(id).Err == nil {
			v.Refused = report.Manifest.Error
		}
	}
	topics := []string{live.Node(id)}
	var err error
	switch v.Tab {
	case "procs":
		err = c.nodeProcs(r, &v)
	case "manifest":
		topics = append(topics, live.Apps)
		err = c.nodeManifest(r, &v)
	case "events":
		topics = append(topics, live.Events)
		err = c.nodeEvents(r, &v)
	case "crashes":
		c.nodeKept(r.Context(), &v)
	default:
		v.Tags = c.Control.NodeTags(tagsShown)
	}
	return web.Page{Name: "node", Topics: topics, View: v}, err
}

// tabOf gives the tab that is asked for, the first one where there is none of that name.
func tabOf(r *http.Request) string {
	tab, all := r.URL.Query().Get("tab"), web.NodeTabs()
	if !slices.Contains(all, tab) {
		return all[0]
	}
	return tab
}

func (c *console) nodeProcs(r *http.Request, v *web.NodePage) error {
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return err
	}
	all := c.Control.Procs(v.ID, "")
	first := min(from, len(all))
	shown := all[first:min(first+nodeProcsShown, len(all))]
	v.Procs = web.Procs{Rows: c.procRows(shown), NoNode: true}
	v.Pager = web.NewPager(from, nodeProcsShown, len(all), web.NodeURL(v.ID), r.URL.Query())
	return nil
}

func (c *console) nodeEvents(r *http.Request, v *web.NodePage) error {
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return err
	}
	found, err := c.Journal.Search(r.Context(), "node:"+query.FormatValue(v.ID), nil, from, nodeEventsShown)
	if err != nil {
		return err
	}
	rows := slices.DeleteFunc(found.Rows, func(e *state.Event) bool { return e.Node != v.ID }) // a name may be a part of another
	v.Events = web.NewEvents(rows)
	v.Events.NoNode = true
	v.Pager = web.NewPager(from, nodeEventsShown, found.Total, web.NodeURL(v.ID), r.URL.Query())
	return nil
}

// nodeManifest fills the tab of the manifest. Whoever edits it sees the document as it lies in the bucket, readable or not.
func (c *console) nodeManifest(r *http.Request, v *web.NodePage) error {
	doc := c.Control.Manifest(v.ID)
	m := &web.NodeManifest{Manifest: doc.Value, There: doc.ETag != "", ETag: string(doc.ETag)}
	v.Manifest = m
	if report := c.Control.Report(v.ID).Value; report != nil {
		m.Followed = &report.Manifest
	}
	edit, err := rest.Flag(r, "edit")
	if err != nil {
		return err
	}
	if edit {
		c.manifestText(r.Context(), v.ID, m)
	}
	if m.Manifest == nil || m.Edit {
		return nil
	}
	running := map[string]int{}
	for _, p := range c.Control.Procs(v.ID, "") {
		if p.State.Live() && v.State != state.NodeDown {
			running[p.App]++
		}
	}
	for i := range m.Apps {
		e := &m.Apps[i]
		m.Entries = append(m.Entries, web.NodeEntry{ManifestEntry: e, Running: running[e.App.Name], NoApp: c.Control.App(e.App.Name).ETag == ""})
	}
	return nil
}

// manifestText gives the text of the manifest for an editor, and the revision that it is of.
func (c *console) manifestText(ctx context.Context, id string, m *web.NodeManifest) {
	o, err := c.Control.GetRaw(ctx, state.KindManifest.Key(id), "")
	if state.CodeOf(err) == state.NotFound {
		m.Edit, m.ETag, m.Text = true, "", string(state.Encode(&state.Manifest{Node: id, Envs: map[string]string{}, Apps: []state.ManifestEntry{}}))
		return
	}
	if err != nil {
		m.Error = err.Error()
		return
	}
	defer o.Body.Close()
	data, err := io.ReadAll(io.LimitReader(o.Body, rest.MaxEdit+1))
	switch {
	case err != nil:
		m.Error = err.Error()
	case len(data) > rest.MaxEdit:
		m.Error = state.Errorf(state.TooLarge, state.KindManifest.Key(id), "the document is larger than %d bytes: edit it in the bucket", rest.MaxEdit).Error()
	default:
		m.Edit, m.ETag, m.Text = true, string(o.ETag), strings.ToValidUTF8(string(data), "\uFFFD")
	}
}

// nodeKept lists the last output of instances that ended badly, and manifests that could not be read, the newest first.
func (c *console) nodeKept(ctx context.Context, v *web.NodePage) {
	for _, kind := range []state.Kind{state.KindCrash, state.KindRejected} {
		entries, _, err := c.Control.ListBucket(ctx, kind.Prefix()+v.ID+"/", "", nodeKeptShown)
		if err != nil {
			v.KeptErr = err.Error()
			return
		}
		for _, e := range entries {
			if kept, ok := keptOf(e); ok {
				v.Kept = append(v.Kept, kept)
			}
		}
	}
	slices.SortFunc(v.Kept, func(a, b web.NodeKept) int { return b.At.Compare(a.At) })
}

func keptOf(e control.Entry) (web.NodeKept, bool) {
	kept := web.NodeKept{Key: e.Key, Size: state.Bytes(e.Size)}
	if _, name, ok := state.ParseCrashKey(e.Key); ok {
		app, n, at, _ := state.ParseCrashName(name)
		kept.At, kept.Instance = at, strings.TrimPrefix(state.InstanceID("", app, n), "/")
		return kept, true
	}
	_, at, ok := state.ParseRejectedKey(e.Key)
	kept.At, kept.Rejected = at, true
	return kept, ok
}
