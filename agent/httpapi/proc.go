package httpapi

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/web/rest"
)

// procs lists every instance, those without a process (pid 0) too: why they have none is what people look for.
func (a *api) procs(w http.ResponseWriter, r *http.Request) error {
	report := a.sv.Report()
	all := make([]state.Proc, 0, len(report.Instances))
	for i := range report.Instances {
		all = append(all, report.Instances[i].Proc(report.Node))
	}
	rest.WriteJSON(w, r, http.StatusOK, all, "")
	return nil
}

// appProcs lists the processes of an app of the manifest, or of one that is on its way out.
func (a *api) appProcs(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	full, err := rest.Flag(r, "full")
	if err != nil {
		return err
	}
	procs, report := []state.Proc{}, a.sv.Report()
	for i := range report.Instances {
		if report.Instances[i].App == name {
			procs = append(procs, report.Instances[i].Proc(report.Node))
		}
	}
	if len(procs) == 0 {
		if _, err := a.entry(r); err != nil {
			return err
		}
	}
	rest.WriteProcs(w, r, procs, full)
	return nil
}

// instance finds what the path names.
func (a *api) instance(r *http.Request) (state.Proc, error) {
	name, pid, err := rest.Process(r)
	if err != nil {
		return state.Proc{}, err
	}
	report := a.sv.Report()
	for i := range report.Instances {
		inst := &report.Instances[i]
		if name != "" && inst.ID == report.Node+"/"+name || name == "" && inst.PID == pid {
			return inst.Proc(report.Node), nil
		}
	}
	if name != "" {
		return state.Proc{}, state.Errorf(state.NotFound, "", "no app of this node has an instance %q", name)
	}
	return state.Proc{}, state.Errorf(state.NotFound, "", "no instance of this node has process %d", pid)
}

// running gives the process of what the path names, code NotFound when it has none.
func (a *api) running(r *http.Request) (int, error) {
	name, pid, err := rest.Process(r)
	if err != nil || name == "" {
		return pid, err
	}
	p, err := a.instance(r)
	if err == nil && p.PID == 0 {
		err = state.Errorf(state.NotFound, "", "instance %q has no process now: it is %s", name, p.State)
	}
	return p.PID, err
}

func (a *api) proc(w http.ResponseWriter, r *http.Request) error {
	p, err := a.instance(r)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, p, "")
	return nil
}

// procHealth shows each health check of a process with its last results.
func (a *api) procHealth(w http.ResponseWriter, r *http.Request) error {
	pid, err := a.running(r)
	if err != nil {
		return err
	}
	checks, err := a.sv.Health(pid)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	rest.WriteJSON(w, r, http.StatusOK, checks, "")
	return nil
}

const (
	killBody  = 4 << 10 // bytes
	maxSignal = 64
	sigKill   = 9
)

// killing is the body of _kill, and its answer.
type killing struct {
	PID    int `json:"pid,omitzero"`
	Signal int `json:"signal"`
}

// kill sends a signal, 9 when the body names none. The answer does not wait for the end of the process.
func (a *api) kill(w http.ResponseWriter, r *http.Request) error {
	pid, err := a.running(r)
	if err != nil {
		return err
	}
	data, err := rest.ReadBody(w, r, killBody)
	if err != nil {
		return err
	}
	want := killing{Signal: sigKill}
	if len(bytes.TrimSpace(data)) > 0 {
		if err := json.Unmarshal(data, &want, json.RejectUnknownMembers(true)); err != nil {
			return state.Errorf(state.Invalid, "", `the body must be like {"signal": 15}: %w`, err)
		}
	}
	if want.Signal < 1 || want.Signal > maxSignal {
		return &state.Error{Code: state.Nonsense, Problems: []state.Problem{{Path: "signal", Message: "must be a signal number from 1 to 64"}}}
	}
	if want.PID != 0 && want.PID != pid {
		return state.Errorf(state.Nonsense, "", "the body names process %d, the path %d", want.PID, pid)
	}
	if err := a.sv.Kill(r.Context(), pid, want.Signal); err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusAccepted, killing{PID: pid, Signal: want.Signal}, "")
	return nil
}

// restarted is the answer of _restart.
type restarted struct {
	Instance string `json:"instance"`
}

// restart has an instance stopped as its app says, and started again. The answer waits for neither.
func (a *api) restart(w http.ResponseWriter, r *http.Request) error {
	p, err := a.instance(r)
	if err != nil {
		return err
	}
	if err := a.sv.Restart(r.Context(), strings.TrimPrefix(p.Instance, p.Node+"/")); err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusAccepted, restarted{p.Instance}, "")
	return nil
}
