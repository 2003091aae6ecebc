package state

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// App is what to run (seed 5.2.1). Its process runs on the nodes that the choreography of the same name chooses.
type App struct {
	Name             string            `json:"name"`             // of the app; it is also the name of its document, and never changes
	ToProcess        string            `json:"toProcess"`        // shell text, run as /bin/sh -c would
	WorkingDirectory string            `json:"workingDirectory"` // absolute: shared by the instances; else a folder per instance
	Envs             map[string]string `json:"envs"`             // environment variables; ${NAME} in a value is replaced
	Args             []string          `json:"args"`             // one word each, whatever is in it; ${NAME} is replaced
	Ports            []int             `json:"ports"`            // 0: a free port, chosen by the agent; the process finds them in PORT, PORT_1, PORT_2…
	KillSignal       int               `json:"killSignal"`       // number of the signal that asks the process to stop; SIGKILL follows after killTimeoutSeconds
	URIs             []string          `json:"uris"`             // artifacts, fetched into the working directory before each start; archives are unpacked
	HealthChecks     []HealthCheck     `json:"healthChecks"`     // how to tell whether an instance works; none: running is enough
	ResAlloc         *Resources        `json:"resAlloc"`         // what each instance may use; null: no limits
	Start            bool              `json:"start"`            // false: placed nowhere; in a manifest, where it is left out: true

	Deleted            bool           `json:"deleted,omitzero"`            // the API's mark on an app that is to go; absence alone stops nothing (law 1)
	RestartToken       string         `json:"restartToken,omitzero"`       // another value restarts the instances once; the API sets it
	Description        string         `json:"description,omitzero"`        // for people
	User               string         `json:"user,omitzero"`               // "name", "name:group" or "uid:gid"; empty: the agent's
	KillTimeoutSeconds *float64       `json:"killTimeoutSeconds,omitzero"` // from killSignal to SIGKILL; default 10
	Restart            *Restart       `json:"restart,omitzero"`            // what follows an exit
	DependsOn          []string       `json:"dependsOn,omitzero"`          // apps that must be up on the same node before an instance starts
	Logs               *Logs          `json:"logs,omitzero"`               // how much output is kept
	OnArtifactChange   string         `json:"onArtifactChange,omitzero"`   // what a changed artifact of a running instance does: restart (default) or ignore
	Extra              jsontext.Value `json:",embed"`
}

// HealthCheck is one check of an instance (seed 5.2.1). It first runs initialDelaySeconds after the start, then every
// intervalSeconds; maxConsecutiveFailures failures in a row kill the instance, and it is started again.
type HealthCheck struct {
	InitialDelaySeconds    float64        `json:"initialDelaySeconds"`    // from the start to the first check
	IntervalSeconds        float64        `json:"intervalSeconds"`        // from one check to the next
	MaxConsecutiveFailures int            `json:"maxConsecutiveFailures"` // so many failures in a row kill the instance
	Path                   string         `json:"path"`                   // of HTTP and HTTPS: what to ask for; 2xx and 3xx pass
	PortIndex              int            `json:"portIndex"`              // into the app's ports, from 0
	Protocol               string         `json:"protocol"`               // HTTP, HTTPS, TCP (a connection is enough) or COMMAND (exit code 0 passes)
	TimeoutSeconds         float64        `json:"timeoutSeconds"`         // a check that takes longer has failed
	Command                []string       `json:"command,omitzero"`       // of COMMAND: a program and its arguments, run as the app's user
	Extra                  jsontext.Value `json:",embed"`
}

// Resources is what each instance may use, and what the scheduler sets aside for it.
type Resources struct {
	CPUs  float64        `json:"cpus,omitzero"` // cores
	Mem   Bytes          `json:"mem,omitzero"`  // of all its processes together, files that they cache included
	Disk  Bytes          `json:"disk,omitzero"` // of the instance's own working directory
	PIDs  int            `json:"pids,omitzero"` // processes and threads; 0: DefaultPIDs
	Extra jsontext.Value `json:",embed"`
}

// Restart says what happens after an exit. The first restart waits backoffSeconds, the next 1 s or twice that, doubling
// up to maxBackoffSeconds; 60 s of good running start the count anew. It never gives up. Of a scheduled job it is about
// one run (ManifestEntry.RestartPolicy).
type Restart struct {
	Policy            string         `json:"policy,omitzero"`            // after which exits it starts again: always (default), on-failure or never
	BackoffSeconds    float64        `json:"backoffSeconds,omitzero"`    // before the first restart; default 0
	MaxBackoffSeconds *float64       `json:"maxBackoffSeconds,omitzero"` // the longest wait; default 60
	Extra             jsontext.Value `json:",embed"`
}

// Logs bounds the output that is kept.
type Logs struct {
	MaxBytes Bytes          `json:"maxBytes,omitzero"` // per stream of an instance
	Extra    jsontext.Value `json:",embed"`
}

// The words of Restart.Policy.
const (
	RestartAlways    = "always"
	RestartOnFailure = "on-failure"
	RestartNever     = "never"
)

// The defaults of an app's members that were left out (design section 3).
const (
	DefaultKillSignal  = 15 // SIGTERM
	DefaultKillTimeout = 10 * time.Second
	DefaultPIDs        = 4096 // of an app with resAlloc; without one there are no limits
	DefaultMaxBackoff  = 60 * time.Second
	GoodRunning        = 60 * time.Second // running this long resets the backoff
)

// UnmarshalJSONFrom decodes an app over its defaults. Start stays as the surrounding document has it.
func (a *App) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain App
	*a = App{KillSignal: DefaultKillSignal, Start: a.Start}
	return decodeOver(dec, (*plain)(a))
}

// KillTimeout is how long an instance may take to stop after its kill signal.
func (a *App) KillTimeout() time.Duration {
	return orDefault(a.KillTimeoutSeconds, DefaultKillTimeout)
}

// RestartPolicy gives the policy, the first delay and the longest one, defaults filled in.
func (a *App) RestartPolicy() (policy string, first, longest time.Duration) {
	r := a.Restart
	if r == nil {
		r = &Restart{}
	}
	policy = r.Policy
	if policy == "" {
		policy = RestartAlways
	}
	return policy, Seconds(r.BackoffSeconds), orDefault(r.MaxBackoffSeconds, DefaultMaxBackoff)
}

// Seconds turns a document's number of seconds into a Duration.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func orDefault(s *float64, d time.Duration) time.Duration {
	if s == nil {
		return d
	}
	return Seconds(*s)
}

func (a *App) docName() (string, *string) { return "name", &a.Name }

// MaxSeconds bounds every number of seconds in a document.
const MaxSeconds = 366 * 24 * 3600

func (a *App) check(c *checker) {
	if !nameForm.MatchString(a.Name) {
		c.at("name").fail(nameRule)
	}
	if strings.TrimSpace(a.ToProcess) == "" && !a.Deleted {
		c.at("toProcess").fail("must name the program to run" + a.misspelt("toProcess"))
	}
	c.at("toProcess").noNUL(a.ToProcess)
	c.at("workingDirectory").noNUL(a.WorkingDirectory)
	for i, arg := range a.Args {
		c.at("args", i).noNUL(arg)
	}
	checkEnvs(c.at("envs"), a.Envs)
	if growsTooFar(a) {
		c.at("envs").fail("the placeholders in envs and args lead to more than 1 MiB of text: break the chain of those that name each other")
	}
	seen := map[int]bool{}
	for i, p := range a.Ports {
		if p < 0 || p > 65535 {
			c.at("ports", i).fail("must be 0 (the agent chooses) or a port from 1 to 65535")
		} else if p != 0 && seen[p] {
			c.at("ports", i).fail(fmt.Sprintf("port %d is listed twice", p))
		}
		seen[p] = true
	}
	if a.KillSignal < 1 || a.KillSignal > 64 {
		c.at("killSignal").fail("must be a signal number from 1 to 64; 15 is SIGTERM")
	}
	c.at("killTimeoutSeconds").seconds(a.KillTimeoutSeconds)
	for i, u := range a.URIs {
		checkURI(c.at("uris", i), u)
	}
	for i := range a.HealthChecks {
		a.HealthChecks[i].check(c.at("healthChecks", i), len(a.Ports))
	}
	a.ResAlloc.check(c.at("resAlloc"))
	if r := a.Restart; r != nil {
		c.at("restart", "policy").oneOf(r.Policy, "", RestartAlways, RestartOnFailure, RestartNever)
		c.at("restart", "backoffSeconds").seconds(&r.BackoffSeconds)
		c.at("restart", "maxBackoffSeconds").seconds(r.MaxBackoffSeconds)
	}
	for i, d := range a.DependsOn {
		switch {
		case !nameForm.MatchString(d):
			c.at("dependsOn", i).fail(nameRule)
		case d == a.Name:
			c.at("dependsOn", i).fail("an app cannot depend on itself")
		}
	}
	if a.Logs != nil {
		c.at("logs", "maxBytes").size(a.Logs.MaxBytes)
	}
	c.at("onArtifactChange").oneOf(a.OnArtifactChange, "", "restart", "ignore")
}

func (h *HealthCheck) check(c *checker, ports int) {
	for _, s := range []struct {
		name  string
		value float64
	}{{"initialDelaySeconds", h.InitialDelaySeconds}, {"intervalSeconds", h.IntervalSeconds}, {"timeoutSeconds", h.TimeoutSeconds}} {
		c.at(s.name).seconds(&s.value)
	}
	if h.IntervalSeconds == 0 {
		c.at("intervalSeconds").fail("must be more than 0")
	}
	if h.TimeoutSeconds == 0 {
		c.at("timeoutSeconds").fail("must be more than 0")
	}
	if h.MaxConsecutiveFailures < 1 {
		c.at("maxConsecutiveFailures").fail("must be 1 or more")
	}
	c.at("protocol").oneOf(h.Protocol, "HTTP", "HTTPS", "TCP", "COMMAND")
	if h.Protocol == "COMMAND" {
		if len(h.Command) == 0 {
			c.at("command").fail("a COMMAND check needs a command, such as [\"/bin/check\", \"--quick\"]")
		}
	} else if h.PortIndex < 0 || h.PortIndex >= ports {
		c.at("portIndex").fail(fmt.Sprintf("must be an index into ports, which has %d", ports))
	}
	if (h.Protocol == "HTTP" || h.Protocol == "HTTPS") && h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		c.at("path").fail(`must start with "/"`)
	}
}

// MaxPIDs bounds Resources.PIDs: PID_MAX_LIMIT of Linux.
const MaxPIDs = 1 << 22

func (r *Resources) check(c *checker) {
	if r == nil {
		return
	}
	if r.CPUs < 0 || r.CPUs > 1e6 {
		c.at("cpus").fail("must be a number of cores, 0 or more")
	}
	c.at("mem").size(r.Mem)
	c.at("disk").size(r.Disk)
	if r.PIDs < 0 || r.PIDs > MaxPIDs {
		c.at("pids").fail("must be a number of processes and threads, 0 (4096 of them) or more")
	}
}
