//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
	_ "stathub/state/blobstore"
)

// A document that somebody writes into a MinIO bucket reaches the master at once: here long before its next look.
func TestE2EMinIOTellsOfHandEdits(t *testing.T) {
	if testing.Short() {
		t.Skip("short: builds programs and MinIO")
	}
	srv, err := miniosrv.Start(t.Context(), t.TempDir(), miniosrv.Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Stop() })
	if err := srv.CreateBucket(t.Context(), "stathub"); err != nil {
		t.Fatal(err)
	}
	program := harness.Start(t, srv.Env(), harness.Build(t, "./master/stathub-master"), "--server.port=0", "--store.directory="+t.TempDir(),
		"--state.url="+srv.StateURL("stathub"), "--poll=1h")
	base := program.URL(t)
	harness.Within(t, time.Minute, func() error {
		_, err := harness.Call(t.Context(), "GET", base+"/readyz", nil, nil)
		return err
	})
	for _, pair := range srv.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	bucket, err := state.Open(t.Context(), srv.StateURL("stathub"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	// The master may have to connect first: then the edits that come after that are heard.
	n := 0
	harness.Within(t, time.Minute, func() error {
		n++
		text := fmt.Sprintf(`{"name": "by-hand", "toProcess": "sleep %d"}`, 1000+n)
		if _, err := state.Write(t.Context(), bucket, state.KindApp.Key("by-hand"), []byte(text), state.Condition{}); err != nil {
			t.Fatal(err)
		}
		var last error
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			var app state.App
			if _, last = harness.Call(t.Context(), "GET", base+"/v1/app/by-hand", nil, &app); last == nil && app.ToProcess != fmt.Sprint("sleep ", 1000+n) {
				last = fmt.Errorf("it still is %q", app.ToProcess)
			}
			if last == nil {
				return nil
			}
		}
		return last
	})
}
