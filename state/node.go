package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Facts is what an agent finds out about its machine by itself (seed 5.1.1). Sizes are bytes.
type Facts struct {
	Hostname     string         `json:"hostname"`
	AgentAddress string         `json:"agentAddress"` // URL of the agent's own page and API
	OS           OS             `json:"os"`
	Memory       Memory         `json:"memory"`
	Networks     []Network      `json:"networks"`
	Disks        []Disk         `json:"disks"`
	Extra        jsontext.Value `json:",embed"`
}

// OS names the operating system and its processors.
type OS struct {
	Name         string         `json:"name"`
	Version      string         `json:"version"`
	CPUs         int            `json:"cpus"`
	Architecture string         `json:"architecture"` // as uname -m has it: x86_64, aarch64
	Extra        jsontext.Value `json:",embed"`
}

// Memory is the size of the main memory.
type Memory struct {
	Total Bytes          `json:"total"`
	RAM   Bytes          `json:"ram"`
	Extra jsontext.Value `json:",embed"`
}

// Network is one address of one network interface.
type Network struct {
	Address     string         `json:"address"`
	Name        string         `json:"name"`
	MTU         int            `json:"mtu"`
	Broadcast   string         `json:"broadcast"`
	Description string         `json:"description"`
	Destination string         `json:"distination"` // the seed's spelling is a promise
	Flags       int64          `json:"flags"`
	HWAddr      string         `json:"hwaddr"`
	Metric      int            `json:"metric"`
	Netmask     string         `json:"netmask"`
	Type        string         `json:"type"`
	Extra       jsontext.Value `json:",embed"`
}

// Disk is one mounted file system.
type Disk struct {
	DirName     string         `json:"dirName"`
	DevName     string         `json:"devName"`
	Flags       int64          `json:"flags"`
	Option      string         `json:"option"`
	SysTypeName string         `json:"sysTypeName"`
	Type        int            `json:"type"`
	TypeName    string         `json:"typeName"`
	Total       Bytes          `json:"total"`
	Extra       jsontext.Value `json:",embed"`
}

// Node is the node record: the seed's JSON and what the master knows besides. Tags and envs belong to people.
type Node struct {
	Facts
	Tags []string          `json:"tags"`
	ID   string            `json:"id"`
	Envs map[string]string `json:"envs"`

	Schedulable  bool      `json:"schedulable"`       // false: cordoned, nothing new is placed here
	Detached     bool      `json:"detached,omitzero"` // reached by carried folders only: it counts as up though nothing is heard of it
	Drain        bool      `json:"drain"`             // what runs here moves away
	LastSeen     time.Time `json:"lastSeen"`          // by the master's clock
	State        NodeState `json:"state"`
	AgentVersion string    `json:"agentVersion"`
	Isolation    []string  `json:"isolation"` // limits that this agent can enforce
}

// NodeState is the state of a node as the master sees it.
type NodeState string

// The states of a node.
const (
	NodeUp       NodeState = "up"
	NodeDown     NodeState = "down"
	NodeDraining NodeState = "draining"
)

// UnmarshalJSONFrom decodes a node over its defaults: a record is schedulable unless it says otherwise.
func (n *Node) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Node
	*n = Node{Schedulable: true}
	return decodeOver(dec, (*plain)(n))
}

func (n *Node) docName() (string, *string) { return "id", &n.ID }

func (n *Node) check(c *checker) {
	if !nameForm.MatchString(n.ID) {
		c.at("id").fail(nameRule)
	}
	checkTags(c.at("tags"), n.Tags)
	checkEnvs(c.at("envs"), n.Envs)
	c.at("state").oneOf(string(n.State), "", string(NodeUp), string(NodeDown), string(NodeDraining))
}

// Tags is the tag list of a node, as the API takes it.
type Tags []string

func (t *Tags) check(c *checker) { checkTags(c, *t) }

// Envs is the environment of a node, as the API takes it.
type Envs map[string]string

func (e *Envs) check(c *checker) { checkEnvs(c, *e) }
