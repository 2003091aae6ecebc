package supervise

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/agent/host"
	"stathub/agent/proc"
	"stathub/state"
)

// DisconnectEnv is the variable in which a process carries the disconnectSeconds of its entry as they were at its start, so
// that an agent whose disk was wiped knows that it must not outlive the contact with the bucket.
const DisconnectEnv = "STATHUB_DISCONNECT"

const (
	// rejoin is how long contact must have lasted before the manifest is taken to say where instances run that hang on it: a
	// master that was about to start another of them has done so by then.
	rejoin = 10 * time.Second
	// contactStep is how long a machine that slept may run before that is noticed: no timer tells of it.
	contactStep = time.Second
	leastBeat   = 250 * time.Millisecond
)

// contact knows how long ago the bucket was sure to hear of this agent: when the last heartbeat began that was written.
// A master judges by heartbeats, and sees one after that moment. All times are of clock, which goes on while the machine
// sleeps. It is safe for concurrent use.
type contact struct {
	clock  func() time.Duration
	always bool // the bucket is this agent's own, or nobody is to hear of it
	kick   chan struct{}

	mu       sync.Mutex
	known    bool // heard is
	tried    bool
	heard    time.Duration
	back     time.Duration // when contact came back after the last silence; 0: there was none
	read     time.Duration // when the last reading of the manifest began that told what is followed; 0: none
	shortest time.Duration // Disconnect of all instances; 0: none has any
	saved    time.Duration // the heard that is on disk; 0: none
}

func newContact(o Options) *contact {
	return &contact{clock: o.Clock, always: o.Alone || o.Mute, kick: make(chan struct{}, 1)}
}

// now is how the agent stands with the bucket.
func (c *contact) now() converge.Contact {
	if c.always {
		return converge.Contact{Sure: true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return converge.Contact{Silent: converge.Never, Trying: !c.tried}
	}
	return converge.Contact{Silent: c.clock() - c.heard, Sure: c.read > 0 && (c.back == 0 || c.read >= c.back+rejoin)}
}

// beat notes the end of a heartbeat that began at some time.
func (c *contact) beat(began time.Duration, written bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried = true
	if !written {
		return
	}
	if !c.known || began-c.heard >= cmp.Or(c.shortest, state.DefaultDisconnect) {
		c.back = began
	}
	c.known, c.heard = true, max(c.heard, began)
}

// followed notes when a reading of the manifest began.
func (c *contact) followed(began time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = max(c.read, began)
}

// guard sets the shortest Disconnect that there is; 0 is none.
func (c *contact) guard(shortest time.Duration) {
	if c.always {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shortest == shortest {
		return
	}
	c.shortest = shortest
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *contact) guards() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shortest
}

// within bounds a time of heartbeats to a part of what the silence may be, so that one that is lost ends nothing.
func (c *contact) within(d time.Duration, part time.Duration) time.Duration {
	if shortest := c.guards(); shortest > 0 {
		d = min(d, max(shortest/part, leastBeat))
	}
	return d
}

// touched is what a later agent of the same boot must know of the contact.
type touched struct {
	Boot  string `json:"boot"`
	Heard int64  `json:"heard"` // milliseconds of the clock
}

// load takes what an earlier agent noted. What is of another boot, or cannot be read, says nothing.
func (c *contact) load(p paths) {
	var t touched
	data, err := os.ReadFile(p.contact())
	boot, bootErr := proc.BootID()
	if err != nil || bootErr != nil || json.Unmarshal(data, &t) != nil || t.Boot != boot {
		return
	}
	if heard := time.Duration(t.Heard) * time.Millisecond; heard > 0 && heard <= c.clock() {
		c.mu.Lock()
		c.known, c.heard, c.saved = true, heard, heard
		c.mu.Unlock()
	}
}

// save notes the contact on disk when that is worth it: a later agent may take it for somewhat older than it is. At the end
// of the agent it is noted as it is. With nothing to guard there is no note.
func (c *contact) save(p paths, end bool) error {
	c.mu.Lock()
	shortest, heard, saved, known := c.shortest, c.heard, c.saved, c.known
	c.mu.Unlock()
	var err error
	switch {
	case c.always || shortest == 0 && saved == 0 || !known || heard == saved:
		return nil
	case shortest == 0:
		if err, heard = os.Remove(p.contact()), 0; errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	case !end && saved > 0 && heard-saved < shortest/4:
		return nil
	default:
		var boot string
		if boot, err = proc.BootID(); err == nil {
			err = host.ReplaceFile(p.contact(), state.Encode(touched{Boot: boot, Heard: heard.Milliseconds()}), false)
		}
	}
	if err == nil {
		c.mu.Lock()
		c.saved = heard
		c.mu.Unlock()
	}
	return err
}

// noteContact writes the contact down; it is told once when that fails.
func (s *Supervisor) noteContact(end bool) {
	if err := s.contact.save(s.paths, end); err != nil {
		s.log.Warn("cannot note when the bucket last heard of this agent; a later agent may stop instances that hang on it", "error", err)
	}
}

// beaten takes the end of a heartbeat. What had to stop while nothing was heard of the agent is stopped, though it is heard
// again: the machine may have slept.
func (s *Supervisor) beaten(began time.Duration, written bool) {
	guarded := s.contact.guards() > 0
	if guarded {
		s.convergeAll()
	}
	s.contact.beat(began, written)
	if guarded {
		s.convergeAll()
	}
}

// manifestRead notes that what is followed is what the bucket said in a reading that began at some time.
func (s *Supervisor) manifestRead(began time.Duration) {
	before := s.contact.now().Sure
	if s.contact.followed(began); !before && s.contact.guards() > 0 && s.contact.now().Sure {
		s.convergeAll()
	}
}

// disconnect stops an instance that must not outlive the contact. One that just comes up is stopped then, though contact
// may be back.
func (s *Supervisor) disconnect(i *instance, reason string) {
	if i.trying() {
		i.apart = reason
	}
	if s.stop(i, events.InstanceDisconnected, reason); i.have.State == state.Stopping {
		s.convergeOne(i.id) // its time to stop may be over too
	}
}

// guardContact looks which instances hang on the contact with the bucket.
func (s *Supervisor) guardContact() {
	shortest := s.desired.shortest
	for _, i := range s.instances {
		shortest = shorter(shortest, i.have.Disconnect)
	}
	s.contact.guard(shortest)
}

// shorter gives the shorter of two times, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// recallContact gives adopted instances what the last good manifest says of the contact, for there is no other yet; for one
// that it does not have, what its process carries counts.
func (s *Supervisor) recallContact() {
	for id, i := range s.instances {
		if s.cached == nil {
			break
		}
		if want := s.cached.Wants[id]; want != nil {
			i.have.Disconnect = want.Disconnect
		}
	}
	s.guardContact()
}

func disconnectOf(env map[string]string) time.Duration {
	seconds, err := strconv.ParseFloat(env[DisconnectEnv], 64)
	if err != nil || !(seconds > 0) {
		return 0
	}
	return state.Seconds(seconds)
}

// pauseOr waits until d has passed or something kicks; it is false when ctx ended.
func pauseOr(ctx context.Context, d time.Duration, kick <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-kick:
		return true
	case <-ctx.Done():
		return false
	}
}
