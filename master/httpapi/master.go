package httpapi

import (
	"net/http"
	"time"

	"stathub/state"
	"stathub/web/rest"
)

// Master says which master this is, and which one leads.
type Master struct {
	Name   string  `json:"name"`
	Leads  bool    `json:"leads"`         // this one decides
	Leader *Leader `json:"leader"`        // null: nobody leads, or nobody knows
	Note   string  `json:"note,omitzero"` // why nobody is known to lead, or why it may be another one by now
}

// Leader is what the lease tells of its holder.
type Leader struct {
	Holder  string    `json:"holder"`
	Term    int64     `json:"term"`
	Address string    `json:"address,omitzero"`
	Expiry  time.Time `json:"expiry,omitzero"` // by the clock of the holder
}

// LeaderOf gives the leader that a lease tells of.
func LeaderOf(l *state.Lease) *Leader {
	if l.Holder == "" {
		return nil
	}
	return &Leader{l.Holder, l.Term, l.Address, l.Expiry}
}

func (a *api) master(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, a.leads(), "")
	return nil
}
