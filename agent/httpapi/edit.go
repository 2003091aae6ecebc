package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/web/rest"
)

// editor gives what edits this node's documents; code Denied, with the place where to send the edit, when that is not the
// agent's to do.
func (a *api) editor(r *http.Request) (*standalone.Editor, error) {
	if a.opts.Editor != nil {
		return a.opts.Editor, nil
	}
	if a.opts.Master == "" {
		return nil, state.Errorf(state.Denied, "", "this agent follows a bucket that it shares: send the edit to the master of that bucket, or edit %s in the bucket",
			state.KindManifest.Key(a.sv.Report().Node))
	}
	path, node := r.URL.Path, "/v1/node/"+a.sv.Report().Node
	if own, ok := strings.CutPrefix(path, "/v1/node"); ok {
		path = node + own
	} else if path == "/v1/manifest" {
		path = node + "/manifest"
	}
	return nil, state.Errorf(state.Denied, "", "this agent has a master, which says what runs here: send the edit there, %s %s%s",
		r.Method, strings.TrimSuffix(a.opts.Master, "/"), path)
}

// edit gives what a PUT of a document needs: the editor, the body, and its condition.
func (a *api) edit(w http.ResponseWriter, r *http.Request) (*standalone.Editor, []byte, state.Condition, error) {
	editor, err := a.editor(r)
	if err != nil {
		return nil, nil, state.Condition{}, err
	}
	data, cond, err := rest.ReadEdit(w, r)
	return editor, data, cond, err
}

// current gives the manifest as edits find it, nil when there never was any, and its revision. Where the document in the
// bucket is missing or cannot be read it is the one that is followed, without a revision.
func (a *api) current(ctx context.Context) (*state.Manifest, state.ETag) {
	if a.opts.Editor == nil {
		m, status := a.sv.Manifest()
		return m, status.ETag
	}
	m, etag, _ := a.opts.Editor.Manifest(ctx) // what is wrong with it is in the status of what is followed
	return m, etag
}

// How long the answer to an edit waits for what it brings about, so that it can show it: until the supervisor follows the
// manifest, and then until its processes have come or gone.
const (
	followWait = 2 * time.Second
	settleWait = time.Second
	lookEvery  = 25 * time.Millisecond
)

// await waits until the supervisor follows a revision of the manifest, or one that came after it.
func (a *api) await(ctx context.Context, manifest state.ETag) {
	wait(ctx, followWait, func() bool {
		_, status := a.sv.Manifest()
		return status.ETag == manifest || a.opts.Editor.Newest(ctx, status.ETag)
	})
}

// awaitApp also waits until an app is neither deploying nor stopping; a process that takes longer is shown as it is then.
func (a *api) awaitApp(ctx context.Context, entry *state.ManifestEntry, manifest state.ETag) {
	a.await(ctx, manifest)
	wait(ctx, settleWait, func() bool {
		now := Status(entry, a.sv.Report()).State
		return now != state.AppDeploying && now != state.AppStopping
	})
}

func wait(ctx context.Context, most time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// Status says how an app of this node is doing, in the master's words.
func Status(entry *state.ManifestEntry, report state.Report) state.AppStatus {
	ending := false
	s := state.AppStatus{Wanted: entry.Count, Placed: entry.Instances(), Reasons: []state.AppReason{}}
	for i := range report.Instances {
		inst := &report.Instances[i]
		if inst.App != entry.App.Name {
			continue
		}
		s.Count(inst, true)
		ending = ending || inst.State == state.Stopping
		if entry.App.Start {
			s.Blame(inst, report.Node)
		}
	}
	if s.State = s.Sum(entry.App.Start, false); ending && !entry.App.Start {
		s.State = state.AppStopping
	}
	return s
}

func (a *api) putManifest(w http.ResponseWriter, r *http.Request) error {
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	editor, data, cond, err := a.edit(w, r)
	if err != nil {
		return err
	}
	m, etag, created, err := editor.PutManifest(r.Context(), cond, func(old *state.Manifest) (*state.Manifest, error) {
		return rest.DecodeManifest(state.KindManifest.Key(a.sv.Report().Node), data, old)
	})
	if err != nil {
		return err
	}
	if dry {
		return checkedManifest(w, r, m, etag)
	}
	a.await(r.Context(), etag)
	a.writeManifest(w, r, rest.Written(created), m, etag)
	return nil
}

func (a *api) putTags(w http.ResponseWriter, r *http.Request) error {
	editor, data, cond, err := a.edit(w, r)
	if err != nil {
		return err
	}
	tags, err := state.DecodeInput[state.Tags]("", data)
	if err != nil {
		return err
	}
	if err := editor.SetTags(r.Context(), *tags, cond); err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, *tags, state.ContentETag(*tags))
	return nil
}

func (a *api) putEnvs(w http.ResponseWriter, r *http.Request) error {
	editor, data, cond, err := a.edit(w, r)
	if err != nil {
		return err
	}
	envs, err := state.DecodeInput[state.Envs]("", data)
	if err != nil {
		return err
	}
	manifest, err := editor.SetEnvs(r.Context(), *envs, cond)
	if err != nil {
		return err
	}
	a.await(r.Context(), manifest)
	rest.WriteJSON(w, r, http.StatusOK, *envs, state.ContentETag(*envs))
	return nil
}
