package supervise

import (
	"cmp"
	"fmt"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

// rival is another agent that writes the report of this node: two machines with one node id. Both run the instances, and
// nobody but people can say which is the right one.
type rival struct {
	name  string     // its Report.Writer
	etag  state.ETag // of its last report that was found in the place of this agent's
	count int        // how many of them were found of late
	at    time.Time  // when the last one was
	told  bool
}

const (
	rivalProof  = 2                // one may be of an old copy of the bucket, or have been long under way
	rivalForget = 10 * time.Minute // without another one
)

// met notes who wrote what was found in the place of a report of this agent.
func (r *rival) met(s *Supervisor, writer string, etag state.ETag) {
	if writer == "" || writer == s.opts.Writer || etag == r.etag {
		return
	}
	r.name, r.etag, r.at = writer, etag, time.Now()
	if r.count++; r.count < rivalProof || r.told {
		return
	}
	r.told = true
	text := fmt.Sprintf("another agent, %s, is node %s too (this one is %s): both run its instances; give one of them another --node.id",
		writer, s.opts.Node, s.opts.Writer)
	s.event(events.NodeDoubled, nil, text)
	s.post(func() { s.trouble("doubled", text) })
}

// forget ends the suspicion when nothing was found for some time.
func (r *rival) forget(s *Supervisor) {
	if r.count == 0 || time.Since(r.at) < rivalForget {
		return
	}
	if r.told {
		s.log.Info("no other agent writes the report of this node any more", "other", r.name)
		s.post(func() { s.trouble("doubled") })
	}
	*r = rival{etag: r.etag}
}

// writerName names an agent process for people, and apart from any other: host, boot, and something by chance.
func writerName(host, boot, chance string) string {
	return cmp.Or(host, "?") + "/" + boot[:min(8, len(boot))] + "/" + chance[:min(6, len(chance))]
}
