package state

import "github.com/go-json-experiment/json/jsontext"

// Usage is how much of a node is in use, over some seconds up to now. What the system does not tell is left out.
type Usage struct {
	CPU    float64        `json:"cpu"`           // cores in use, of facts.os.cpus
	Load   []float64      `json:"load,omitzero"` // of 1, 5 and 15 minutes, as getloadavg(3) has it
	Memory MemoryUsage    `json:"memory"`
	Disks  []DiskUsage    `json:"disks"`
	Net    NetUsage       `json:"net"`
	Extra  jsontext.Value `json:",embed"`
}

// MemoryUsage is the use of the main memory and of what it is swapped out to.
type MemoryUsage struct {
	Used      Bytes          `json:"used"`      // what programs could not have any more; caches are not in it
	Available Bytes          `json:"available"` // without swapping
	SwapUsed  Bytes          `json:"swapUsed"`
	SwapTotal Bytes          `json:"swapTotal"` // 0: there is none
	Extra     jsontext.Value `json:",embed"`
}

// DiskUsage is the use of a local file system.
type DiskUsage struct {
	DirName string         `json:"dirName"` // where it is mounted; a file system that is mounted twice is there once
	Used    Bytes          `json:"used"`
	Total   Bytes          `json:"total"`
	Extra   jsontext.Value `json:",embed"`
}

// NetUsage is the traffic of all network interfaces but loopback.
type NetUsage struct {
	In    Bytes          `json:"in"` // bytes a second
	Out   Bytes          `json:"out"`
	Extra jsontext.Value `json:",embed"`
}
