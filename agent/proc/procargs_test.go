package proc

import (
	"encoding/binary"
	"slices"
	"testing"
)

func TestParseProcArgs(t *testing.T) {
	of := func(count uint32, text string) []byte {
		return append(binary.NativeEndian.AppendUint32(nil, count), text...)
	}
	for name, tt := range map[string]struct {
		data []byte
		want []string
	}{
		"whole":              {of(2, "/bin/app\x00\x00\x00\x00app\x00-v\x00A=1\x00B=x=y\x00\x00more\x00"), []string{"A=1", "B=x=y"}},
		"an empty argument":  {of(3, "/bin/app\x00app\x00\x00z\x00A=1\x00"), []string{"A=1"}},
		"no environment":     {of(1, "/bin/app\x00\x00app\x00"), nil},
		"cut off":            {of(5, "/bin/app\x00app\x00"), nil},
		"cut off in the end": {of(1, "/bin/app\x00app\x00A=1\x00B="), []string{"A=1"}},
		"nothing":            {nil, nil},
		"count alone":        {of(1, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseProcArgs(tt.data); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzParseProcArgs(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00/bin/app\x00\x00app\x00A=1\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kv := range parseProcArgs(data) {
			if kv == "" || len(kv) > len(data) {
				t.Fatalf("%q of %q", kv, data)
			}
		}
	})
}
