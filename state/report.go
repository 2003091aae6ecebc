package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Report is what an agent tells of its node. It is rewritten only when it changes.
type Report struct {
	Node         string         `json:"node"`
	AgentVersion string         `json:"agentVersion"`
	Writer       string         `json:"writer,omitzero"` // the agent: host, boot, and a name of its own; another one each time it starts
	UpdatedAt    time.Time      `json:"updatedAt"`       // the agent's clock
	Facts        Facts          `json:"facts"`
	Tags         []string       `json:"tags"`      // the first tags of a new node (--node.tags)
	Isolation    []string       `json:"isolation"` // limits that this agent can enforce
	Manifest     ManifestStatus `json:"manifest"`
	Instances    []Instance     `json:"instances"`
	Errors       []string       `json:"errors,omitzero"` // what is wrong with the node as a whole
	Extra        jsontext.Value `json:",embed"`
}

// ManifestStatus is the manifest that the agent holds on to, and what is wrong with a newer one.
type ManifestStatus struct {
	Generation int64          `json:"generation"`
	Term       int64          `json:"term,omitzero"` // of its writer; 0: a person's
	ETag       ETag           `json:"etag,omitzero"`
	SignedBy   string         `json:"signedBy,omitzero"` // id of the key, where manifests must be signed
	Error      string         `json:"error,omitzero"`
	Extra      jsontext.Value `json:",embed"`
}

// Instance is the state of one instance.
type Instance struct {
	ID        string          `json:"id"` // InstanceID
	App       string          `json:"app"`
	N         int             `json:"n"`
	Spec      string          `json:"spec"`         // SpecSum that it runs, or is to run
	PID       int             `json:"pid,omitzero"` // 0: no process
	PPID      int             `json:"ppid,omitzero"`
	UID       int             `json:"uid"`
	StartTime time.Time       `json:"startTime,omitzero"`
	Cmd       string          `json:"cmd,omitzero"`
	Children  []int           `json:"children,omitzero"`
	Ports     []int           `json:"ports"`
	State     InstanceState   `json:"state"`
	Reason    string          `json:"reason,omitzero"` // why it is in this state: what it waits for, what failed
	Health    Health          `json:"health"`
	Restarts  int             `json:"restarts"`
	LastExit  *Exit           `json:"lastExit,omitzero"`
	NextRun   time.Time       `json:"nextRun,omitzero"` // of a scheduled job; left out while a run is due
	Runs      []Run           `json:"runs,omitzero"`    // of a scheduled job: the last MaxRuns, newest first
	Artifacts []ArtifactState `json:"artifacts,omitzero"`
	CPU       float64         `json:"cpu,omitzero"` // cores used lately
	RSS       Bytes           `json:"rss,omitzero"`
	IORead    Bytes           `json:"ioRead,omitzero"` // from storage, since its start as far as known
	IOWrite   Bytes           `json:"ioWrite,omitzero"`
	Files     int             `json:"files,omitzero"` // open descriptors
	Disk      Bytes           `json:"disk,omitzero"`  // of its working directory, where that has a limit
	Extra     jsontext.Value  `json:",embed"`
}

// Exit is how a process ended.
type Exit struct {
	Code   int            `json:"code"`            // -1: the kernel did not tell, or a signal ended it
	Signal int            `json:"signal,omitzero"` // 0: none
	At     time.Time      `json:"at"`
	Reason string         `json:"reason,omitzero"`
	Extra  jsontext.Value `json:",embed"`
}

// ArtifactState is the revision of an artifact that an instance runs with. While it is fetched ETag is empty.
type ArtifactState struct {
	URI        string         `json:"uri"`
	ETag       string         `json:"etag,omitzero"`
	BytesDone  Bytes          `json:"bytesDone,omitzero"`  // of a download under way
	BytesTotal Bytes          `json:"bytesTotal,omitzero"` // 0: unknown
	Extra      jsontext.Value `json:",embed"`
}

// InstanceState is a state of the machine of design section 3.
type InstanceState string

// waiting → fetching → starting → running → healthy | unhealthy → stopping → stopped | backoff | completed | failed.
const (
	Waiting   InstanceState = "waiting"
	Fetching  InstanceState = "fetching"
	Starting  InstanceState = "starting"
	Running   InstanceState = "running"
	Healthy   InstanceState = "healthy"
	Unhealthy InstanceState = "unhealthy"
	Stopping  InstanceState = "stopping"
	Stopped   InstanceState = "stopped"
	Backoff   InstanceState = "backoff"
	Completed InstanceState = "completed"
	Failed    InstanceState = "failed"
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
	PID       int           `json:"pid"`
	PPID      int           `json:"ppid"`
	UID       int           `json:"uid"`
	StartTime time.Time     `json:"startTime,omitzero"`
	Cmd       string        `json:"cmd"`
	Children  []int         `json:"children"`
	Ports     []int         `json:"ports"`
	App       string        `json:"app"`
	Node      string        `json:"node"`
	Instance  string        `json:"instance"`
	State     InstanceState `json:"state"`
	Reason    string        `json:"reason,omitzero"`
	Health    Health        `json:"health"`
	Restarts  int           `json:"restarts"`
	LastExit  *Exit         `json:"lastExit,omitzero"`
	NextRun   time.Time     `json:"nextRun,omitzero"`
	Runs      []Run         `json:"runs,omitzero"`
	CPU       float64       `json:"cpu"`
	RSS       Bytes         `json:"rss"`
	IORead    Bytes         `json:"ioRead"`
	IOWrite   Bytes         `json:"ioWrite"`
	Files     int           `json:"files"`
	Disk      Bytes         `json:"disk,omitzero"`
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
