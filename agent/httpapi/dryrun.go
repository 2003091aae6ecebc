package httpapi

import (
	"net/http"
	"time"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/schedule"
	"stathub/web/rest"
)

// checked is the answer to an edit with ?dryRun=true, as the master gives it. There is one node: nothing is placed.
type checked struct {
	Document any      `json:"document"`         // what would be stored
	Preview  *preview `json:"preview,omitzero"` // of a choreography
}

type preview struct {
	Runs []time.Time `json:"runs,omitzero"` // when the schedule comes next, in its time zone
}

const previewRuns = 5

// dryRun reads ?dryRun=true, with which an edit is checked and not carried out, and gives the request to go on with.
func dryRun(r *http.Request) (*http.Request, bool, error) {
	dry, err := rest.DryRun(r)
	if dry {
		r = r.WithContext(standalone.DryRun(r.Context()))
	}
	return r, dry, err
}

func checkedApp(w http.ResponseWriter, r *http.Request, doc standalone.App) error {
	rest.WriteView(w, r, http.StatusOK, checked{Document: standalone.AppOf(&doc.Entry)}, "")
	return nil
}

func checkedChoreo(w http.ResponseWriter, r *http.Request, doc standalone.App) error {
	ch := standalone.ChoreoOf(&doc.Entry)
	rest.WriteView(w, r, http.StatusOK, checked{ch, &preview{schedule.Upcoming(ch.Schedule, time.Now(), previewRuns)}}, "")
	return nil
}

func checkedManifest(w http.ResponseWriter, r *http.Request, m *state.Manifest, etag state.ETag) error {
	rest.WriteView(w, r, http.StatusOK, checked{Document: m}, etag)
	return nil
}
