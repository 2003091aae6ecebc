package httpapi

import (
	"bytes"
	"context"
	"net/http"

	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/web/rest"
)

// sigKill is the signal of _kill where its body names none, and the one that the bucket can pass on.
const sigKill = 9

// killed is the answer of a _kill that goes through the bucket.
type killed struct {
	PID     int    `json:"pid"`
	Signal  int    `json:"signal"`
	Through string `json:"through"` // the document with the order; the agent finds it when it reads that
}

// kill passes a _kill on to the agent of the node. When that does not answer, the order goes through the node's manifest.
// It names the very process, so an agent that has heard of it twice kills once.
func (a *api) kill(w http.ResponseWriter, r *http.Request) error {
	target, unreachable := a.target(r, "_kill")
	if unreachable != nil && state.CodeOf(unreachable) != state.Unavailable {
		return unreachable
	}
	body, err := rest.ReadBody(w, r, rest.MaxEdit)
	if err != nil {
		return err
	}
	instead := func(why error) error { return a.killThroughBucket(w, r, body, why) }
	if unreachable != nil {
		return instead(unreachable)
	}
	a.forward(w, r.WithContext(context.WithValue(r.Context(), insteadKey{}, instead)), target, body)
	return nil
}

// killThroughBucket writes the order; why says what is wrong with the agent.
func (a *api) killThroughBucket(w http.ResponseWriter, r *http.Request, body []byte, why error) error {
	want := killed{Signal: sigKill}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &want); err != nil {
			return state.Errorf(state.Invalid, "", `the body must be like {"signal": 9}: %w`, err)
		}
	}
	if want.Signal != sigKill {
		return state.Errorf(state.Unavailable, "", "%w; through the bucket there is signal 9 alone", why)
	}
	pid, err := a.reportedPID(r)
	if err != nil {
		return state.Errorf(state.Unavailable, "", "%w; nor can the bucket pass it on: %s", why, err.Error())
	}
	node := rest.Param(r, "id")
	_, err = a.control.KillThroughBucket(r.Context(), node, pid)
	if state.CodeOf(err) == state.NotFound { // the agent may know of it nevertheless
		return state.Errorf(state.Unavailable, "", "%w; nor can the bucket pass it on: %s", why, err.Error())
	} else if err != nil {
		return err
	}
	a.log.Info("the agent cannot be dialled: the order to kill is in its manifest", "node", node, "pid", pid, "error", why)
	rest.WriteJSON(w, r, http.StatusAccepted, killed{pid, sigKill, state.KindManifest.Key(node)}, "")
	return nil
}

// reportedPID gives the process id in the path, or the one that the report has for the instance there.
func (a *api) reportedPID(r *http.Request) (int, error) {
	name, pid, err := rest.Process(r)
	if err != nil || name == "" {
		return pid, err
	}
	p, err := a.process(r)
	if err == nil && p.PID == 0 {
		err = state.Errorf(state.NotFound, "", "instance %q had no process when its node last reported: it was %s", name, p.State)
	}
	return p.PID, err
}

// restart passes a _restart on to the agent of the node. There is no way around one that cannot be dialled, other than to
// restart the whole app.
func (a *api) restart(w http.ResponseWriter, r *http.Request) error {
	target, err := a.target(r, "_restart")
	instead := func(why error) error {
		return state.Errorf(state.Unavailable, "", "%w; one process is restarted by its agent alone: POST /v1/app/{name}/_restart "+
			"goes through the bucket, for all of an app", why)
	}
	switch {
	case state.CodeOf(err) == state.Unavailable:
		return instead(err)
	case err != nil:
		return err
	}
	a.forward(w, r.WithContext(context.WithValue(r.Context(), insteadKey{}, instead)), target, nil)
	return nil
}
