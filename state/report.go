package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Report is what an agent tells of its node. It is rewritten only when it changes.
type Report struct {
	Node         string         `json:"node"`            // id of the node
	AgentVersion string         `json:"agentVersion"`    // of the agent
	Writer       string         `json:"writer,omitzero"` // the agent: host, boot, and a name of its own; another one each time it starts
	UpdatedAt    time.Time      `json:"updatedAt"`       // the agent's clock
	Facts        Facts          `json:"facts"`           // what the agent found out about the machine
	Tags         []string       `json:"tags"`            // the first tags of a new node (--node.tags)
	Isolation    []string       `json:"isolation"`       // limits that this agent can enforce
	Manifest     ManifestStatus `json:"manifest"`        // what it follows
	Instances    []Instance     `json:"instances"`       // each of its manifest, and those that are on their way out
	Errors       []string       `json:"errors,omitzero"` // what is wrong with the node as a whole
	Usage        *Usage         `json:"usage,omitzero"`  // of the node when the report was written; it may be minutes old
	Extra        jsontext.Value `json:",embed"`
}

// ManifestStatus is the manifest that the agent holds on to, and what is wrong with a newer one.
type ManifestStatus struct {
	Generation int64          `json:"generation"`        // of the manifest
	Term       int64          `json:"term,omitzero"`     // of its writer; 0: a person's
	ETag       ETag           `json:"etag,omitzero"`     // of the manifest
	SignedBy   string         `json:"signedBy,omitzero"` // id of the key, where manifests must be signed
	Error      string         `json:"error,omitzero"`    // what is wrong with a newer one; it is not followed
	Extra      jsontext.Value `json:",embed"`
}

// Instance is the state of one instance.
type Instance struct {
	ID        string          `json:"id"`                 // node/app.n: value of STATHUB_INSTANCE
	App       string          `json:"app"`                // name of the app
	N         int             `json:"n"`                  // its number, from 0
	Spec      string          `json:"spec"`               // digest of what it runs, or is to run
	PID       int             `json:"pid,omitzero"`       // of its first process; 0: no process
	PPID      int             `json:"ppid,omitzero"`      // parent of that process
	UID       int             `json:"uid"`                // user that it runs as
	StartTime time.Time       `json:"startTime,omitzero"` // of the process
	Cmd       string          `json:"cmd,omitzero"`       // its command line
	Children  []int           `json:"children,omitzero"`  // processes below it
	Ports     []int           `json:"ports"`              // in the order of the app's
	State     InstanceState   `json:"state"`              // of the instance
	Reason    string          `json:"reason,omitzero"`    // why it is in this state: what it waits for, what failed
	Health    Health          `json:"health"`             // sum of its health checks
	Restarts  int             `json:"restarts"`           // how often it was started again
	LastExit  *Exit           `json:"lastExit,omitzero"`  // how the last process ended
	NextRun   time.Time       `json:"nextRun,omitzero"`   // of a scheduled job; left out while a run is due
	Runs      []Run           `json:"runs,omitzero"`      // of a scheduled job: the last ten, newest first
	Artifacts []ArtifactState `json:"artifacts,omitzero"` // files that it runs with
	CPU       float64         `json:"cpu,omitzero"`       // cores used lately
	RSS       Bytes           `json:"rss,omitzero"`       // memory in use
	IORead    Bytes           `json:"ioRead,omitzero"`    // from storage, since its start as far as known
	IOWrite   Bytes           `json:"ioWrite,omitzero"`   // to storage, since its start as far as known
	Files     int             `json:"files,omitzero"`     // open descriptors
	Disk      Bytes           `json:"disk,omitzero"`      // of its working directory, where that has a limit
	Extra     jsontext.Value  `json:",embed"`
}

// Exit is how a process ended.
type Exit struct {
	Code   int            `json:"code"`            // -1: the kernel did not tell, or a signal ended it
	Signal int            `json:"signal,omitzero"` // 0: none
	At     time.Time      `json:"at"`              // when
	Reason string         `json:"reason,omitzero"` // in words
	Extra  jsontext.Value `json:",embed"`
}

// ArtifactState is the revision of an artifact that an instance runs with. While it is fetched ETag is empty.
type ArtifactState struct {
	URI        string         `json:"uri"`                 // as the app names it
	ETag       string         `json:"etag,omitzero"`       // of its revision; left out while it is fetched
	BytesDone  Bytes          `json:"bytesDone,omitzero"`  // of a download under way
	BytesTotal Bytes          `json:"bytesTotal,omitzero"` // 0: unknown
	Extra      jsontext.Value `json:",embed"`
}

// InstanceState is a state of the machine of design section 3.
type InstanceState string

// waiting → fetching → starting → running → healthy | unhealthy → stopping → stopped | backoff | completed | failed.
const (
	Waiting   InstanceState = "waiting"   // for its turn: for an app that it depends on, or for its scheduled time
	Fetching  InstanceState = "fetching"  // its artifacts are being fetched
	Starting  InstanceState = "starting"  // its process is being started
	Running   InstanceState = "running"   // it runs; no health check has said anything yet
	Healthy   InstanceState = "healthy"   // it runs, and its health checks pass
	Unhealthy InstanceState = "unhealthy" // it runs, and a health check fails
	Stopping  InstanceState = "stopping"  // it was asked to stop, and has not ended yet
	Stopped   InstanceState = "stopped"   // it was stopped
	Backoff   InstanceState = "backoff"   // it ended, or could not start, and waits for its next start
	Completed InstanceState = "completed" // it has done its work, and is not started again
	Failed    InstanceState = "failed"    // it ended badly, and is not started again by itself
)

// Live reports whether a process runs in this state.
func (s InstanceState) Live() bool {
	return s == Running || s == Healthy || s == Unhealthy || s == Stopping
}

// Health sums up the health checks of an instance.
type Health string

// The sums. An instance without checks, or before their first results, is HealthUnknown.
const (
	HealthUnknown   Health = "unknown"
	HealthHealthy   Health = "healthy"
	HealthUnhealthy Health = "unhealthy"
)

// Proc is an instance as the API shows it.
type Proc struct {
	PID       int           `json:"pid"`                // of its first process; 0: no process
	PPID      int           `json:"ppid"`               // parent of that process
	UID       int           `json:"uid"`                // user that it runs as
	StartTime time.Time     `json:"startTime,omitzero"` // of the process
	Cmd       string        `json:"cmd"`                // its command line
	Children  []int         `json:"children"`           // processes below it
	Ports     []int         `json:"ports"`              // in the order of the app's
	App       string        `json:"app"`                // name of the app
	Node      string        `json:"node"`               // id of the node
	Instance  string        `json:"instance"`           // node/app.n
	State     InstanceState `json:"state"`              // of the instance
	Reason    string        `json:"reason,omitzero"`    // why it is in this state: what it waits for, what failed
	Health    Health        `json:"health"`             // sum of its health checks
	Restarts  int           `json:"restarts"`           // how often it was started again
	LastExit  *Exit         `json:"lastExit,omitzero"`  // how the last process ended
	NextRun   time.Time     `json:"nextRun,omitzero"`   // of a scheduled job; left out while a run is due
	Runs      []Run         `json:"runs,omitzero"`      // of a scheduled job: the last ten, newest first
	CPU       float64       `json:"cpu"`                // cores used lately
	RSS       Bytes         `json:"rss"`                // memory in use
	IORead    Bytes         `json:"ioRead"`             // from storage, since its start as far as known
	IOWrite   Bytes         `json:"ioWrite"`            // to storage, since its start as far as known
	Files     int           `json:"files"`              // open descriptors
	Disk      Bytes         `json:"disk,omitzero"`      // of its working directory, where that has a limit
}

// Proc shows the instance as running on node.
func (i *Instance) Proc(node string) Proc {
	return Proc{
		PID: i.PID, PPID: i.PPID, UID: i.UID, StartTime: i.StartTime, Cmd: i.Cmd, Children: i.Children, Ports: i.Ports,
		App: i.App, Node: node, Instance: i.ID, State: i.State, Reason: i.Reason, Health: i.Health, Restarts: i.Restarts,
		LastExit: i.LastExit, NextRun: i.NextRun, Runs: i.Runs, CPU: i.CPU, RSS: i.RSS,
		IORead: i.IORead, IOWrite: i.IOWrite, Files: i.Files, Disk: i.Disk,
	}
}

func (r *Report) docName() (string, *string) { return "node", &r.Node }

func (r *Report) check(c *checker) {
	if !nameForm.MatchString(r.Node) {
		c.at("node").fail(nameRule)
	}
	c.at("manifest", "generation").sequence(r.Manifest.Generation)
	c.at("manifest", "term").sequence(r.Manifest.Term)
	for i := range r.Instances {
		if !nameForm.MatchString(r.Instances[i].App) {
			c.at("instances", i, "app").fail(nameRule)
		}
	}
}
