package main

import (
	"testing"

	"stathub/state"
)

func TestOptions(t *testing.T) {
	none := func(string) string { return "" }
	for name, tt := range map[string]struct {
		args []string
		code state.Code
	}{
		"defaults":                    {},
		"faults before MinIO":         {args: []string{"--minio", "--faults"}},
		"faults before a directory":   {[]string{"--faults"}, state.Invalid},
		"more agents than ports":      {[]string{"--port=61000", "--agents=50"}, state.Invalid},
		"a port that is not allowed":  {[]string{"--port=80"}, state.Invalid},
		"a number of agents below 0":  {[]string{"--agents=-1"}, state.Invalid},
		"an option that is not there": {[]string{"--fault"}, state.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := parseOptions(tt.args, none); state.CodeOf(err) != tt.code {
				t.Errorf("code %q, want %q: %v", state.CodeOf(err), tt.code, err)
			}
		})
	}
}
