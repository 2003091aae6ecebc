package state

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kill names one process that the agent is to kill with SIGKILL, as _kill does; what its restart policy says follows. An
// order for a process that is gone, or whose identity differs, does nothing: so it can stay in the manifest without harm.
type Kill struct {
	Instance  string         `json:"instance"`  // node/app.n
	PID       int            `json:"pid"`       // as the report has it
	StartTime time.Time      `json:"startTime"` // as the report has it
	Extra     jsontext.Value `json:",embed"`
}

// startSlack is how far two readings of one start time may be apart: an agent works it out from the time of the boot, which
// moves a little when the clock is set. A pid is not given again so soon.
const startSlack = time.Second

// Names reports whether the order is about the process that an instance has.
func (k *Kill) Names(i *Instance) bool {
	return k.PID != 0 && k.PID == i.PID && k.Instance == i.ID && k.StartTime.Sub(i.StartTime).Abs() <= startSlack
}

func (k *Kill) check(c *checker, node string) {
	if rest, ours := strings.CutPrefix(k.Instance, node+"/"); !ours || !strings.Contains(rest, ".") {
		c.at("instance").fail(fmt.Sprintf("must be an instance of this node, such as %q", InstanceID(node, "web", 0)))
	}
	if k.PID < 1 {
		c.at("pid").fail("must be the number of a process")
	}
}
