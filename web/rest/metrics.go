package rest

import (
	"net/http"

	"stathub/state/metric"
)

// Metrics gives the handler of /metrics: what write tells at the moment.
func Metrics(write func(*metric.Writer)) HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) error {
		var m metric.Writer
		write(&m)
		w.Header().Set("Cache-Control", "no-store")
		writeBody(w, metric.ContentType, http.StatusOK, m.Bytes())
		return nil
	}
}
