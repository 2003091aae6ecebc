package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Event is something that happened, one line of an events document.
type Event struct {
	ID       string         `json:"id"`                // ULID
	At       time.Time      `json:"at"`                // the writer's clock
	Writer   string         `json:"writer"`            // master or node that saw it
	Kind     string         `json:"kind"`              // such as instance.exit or manifest.rejected
	Node     string         `json:"node,omitzero"`     // that it is about
	App      string         `json:"app,omitzero"`      // that it is about
	Instance string         `json:"instance,omitzero"` // node/app.n that it is about
	Count    int            `json:"count,omitzero"`    // how many events it stands for; 0: one
	Message  string         `json:"message"`           // what happened
	Extra    jsontext.Value `json:",embed"`
}

func (e *Event) check(c *checker) {
	if e.Kind == "" {
		c.at("kind").fail("must not be empty")
	}
}

// Lease says which master leads (leases/master.json).
type Lease struct {
	Holder  string         `json:"holder"`           // empty: nobody leads; the last holder stopped
	Term    int64          `json:"term"`             // grows with each change of the holder; manifests carry it
	Expiry  time.Time      `json:"expiry"`           // the holder's clock; readers judge by when they saw it change (law 8)
	Address string         `json:"address,omitzero"` // URL of the holder's console and API, for people
	Session string         `json:"session,omitzero"` // tells the holder from others of its name
	Process string         `json:"process,omitzero"` // which process the holder is, for those on the same machine
	Extra   jsontext.Value `json:",embed"`
}

func (l *Lease) check(c *checker) {
	if l.Term < 1 {
		c.at("term").fail("must be 1 or more")
	}
}

// Revision is an app with its choreography as they were from At on (history/<app>/<revision>.json).
type Revision struct {
	Revision int64            `json:"revision"`        // from 1
	At       time.Time        `json:"at"`              // when a master first saw it
	GoodAt   time.Time        `json:"goodAt,omitzero"` // when all its instances had been healthy for long enough; zero: never so far
	Failed   *RevisionFailure `json:"failed,omitzero"` // why its rollout was given up
	App      App              `json:"app"`             // as it was
	Choreo   *Choreo          `json:"choreo,omitzero"` // as it was
	Extra    jsontext.Value   `json:",embed"`
}

// RevisionFailure is why the rollout of a revision was given up.
type RevisionFailure struct {
	At       time.Time      `json:"at"`       // when
	Instance string         `json:"instance"` // node/app.n of the one that did not become healthy
	Reason   string         `json:"reason"`   // why not
	Extra    jsontext.Value `json:",embed"`
}

func (r *Revision) check(c *checker) {
	r.App.check(c.at("app"))
	if r.Choreo != nil {
		r.Choreo.check(c.at("choreo"))
	}
}
