package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Facts is what an agent finds out about its machine by itself (seed 5.1.1). Sizes are bytes.
type Facts struct {
	Hostname     string         `json:"hostname"`     // as the machine calls itself
	AgentAddress string         `json:"agentAddress"` // URL of the agent's own page and API
	OS           OS             `json:"os"`           // operating system and processors
	Memory       Memory         `json:"memory"`       // main memory
	Networks     []Network      `json:"networks"`     // addresses of its network interfaces
	Disks        []Disk         `json:"disks"`        // mounted file systems
	Extra        jsontext.Value `json:",embed"`
}

// OS names the operating system and its processors.
type OS struct {
	Name         string         `json:"name"`         // such as Linux
	Version      string         `json:"version"`      // of the system
	CPUs         int            `json:"cpus"`         // logical processors
	Architecture string         `json:"architecture"` // as uname -m has it: x86_64, aarch64
	Extra        jsontext.Value `json:",embed"`
}

// Memory is the size of the main memory.
type Memory struct {
	Total Bytes          `json:"total"` // all of it
	RAM   Bytes          `json:"ram"`   // the same
	Extra jsontext.Value `json:",embed"`
}

// Network is one address of one network interface.
type Network struct {
	Address     string         `json:"address"`     // IPv4 or IPv6
	Name        string         `json:"name"`        // of the interface
	MTU         int            `json:"mtu"`         // bytes of its largest packet
	Broadcast   string         `json:"broadcast"`   // address
	Description string         `json:"description"` // for people
	Destination string         `json:"distination"` // of a point-to-point link; spelt like this for good
	Flags       int64          `json:"flags"`       // of the interface, as the system has them
	HWAddr      string         `json:"hwaddr"`      // hardware address
	Metric      int            `json:"metric"`      // of routing
	Netmask     string         `json:"netmask"`     // of the address
	Type        string         `json:"type"`        // such as Ethernet
	Extra       jsontext.Value `json:",embed"`
}

// Disk is one mounted file system.
type Disk struct {
	DirName     string         `json:"dirName"`     // where it is mounted
	DevName     string         `json:"devName"`     // device
	Flags       int64          `json:"flags"`       // of the mount
	Option      string         `json:"option"`      // options of the mount
	SysTypeName string         `json:"sysTypeName"` // file system, such as ext4
	Type        int            `json:"type"`        // kind of file system, as a number
	TypeName    string         `json:"typeName"`    // kind of file system
	Total       Bytes          `json:"total"`       // its size
	Extra       jsontext.Value `json:",embed"`
}

// Node is the node record: the seed's JSON and what the master knows besides. Tags and envs belong to people.
type Node struct {
	Facts
	Tags []string          `json:"tags"` // by which queries find it; people's to edit
	ID   string            `json:"id"`   // of the node, for good
	Envs map[string]string `json:"envs"` // for ${NAME} in the apps that run here; people's to edit

	Schedulable  bool      `json:"schedulable"`       // false: cordoned, nothing new is placed here
	Detached     bool      `json:"detached,omitzero"` // reached by carried folders only: it counts as up though nothing is heard of it
	Drain        bool      `json:"drain"`             // what runs here moves away
	LastSeen     time.Time `json:"lastSeen"`          // by the master's clock
	State        NodeState `json:"state"`             // as the master sees it
	AgentVersion string    `json:"agentVersion"`      // of its agent
	Isolation    []string  `json:"isolation"`         // limits that this agent can enforce
}

// NodeState is the state of a node as the master sees it.
type NodeState string

// The states of a node.
const (
	NodeUp       NodeState = "up"       // its agent is heard of
	NodeDown     NodeState = "down"     // nothing was heard of its agent for some time
	NodeDraining NodeState = "draining" // what runs on it moves away
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
