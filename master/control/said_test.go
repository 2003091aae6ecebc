package control

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"stathub/state"
)

func TestOutageIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c := &Controller{log: logger, outages: map[state.Kind]error{}, missing: map[string]string{}, said: said{log: logger, now: map[string]string{}}}
	for _, at := range []string{"10:00:00", "10:00:03", "10:00:06"} {
		for _, kind := range kinds {
			c.looked(kind, state.Errorf(state.Unavailable, kind.Prefix(), "it is asked again at %s", at))
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("an outage is told in %d lines:\n%s", n, log.String())
	}
	log.Reset()
	for _, kind := range kinds {
		c.looked(kind, nil)
	}
	if n := strings.Count(log.String(), "the bucket can be read again"); n != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("its end is told as\n%s", log.String())
	}
}
