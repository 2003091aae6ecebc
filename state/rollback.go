package state

import "github.com/go-json-experiment/json/jsontext"

// RollbackInput is what a person asks of POST /v1/app/{name}/_rollback.
type RollbackInput struct {
	Revision int64          `json:"revision,omitzero"` // left out: the last good one before what the app is now
	Extra    jsontext.Value `json:",embed"`            // refused, and so found
}

func (r *RollbackInput) check(c *checker) {
	if r.Revision < 0 {
		c.at("revision").fail("must be the number of a revision, 1 or more")
	}
}
