package rest

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestHide(t *testing.T) {
	drop := func(name string) bool { return name == "x" || name == "y" }
	for _, c := range []struct{ name, in, out string }{
		{"first", `{"x": 1, "a": 2}`, `{        "a": 2}`},
		{"last", `{"a": 2, "x": {"b": 1}}`, `{"a": 2               }`},
		{"middle", `{"a": 2, "x": [1], "b": 3}`, `{"a": 2,           "b": 3}`},
		{"two at the end", `{"a": 2, "x": 1, "y": 2}`, `{"a": 2                }`},
		{"all", `{"x": 1, "y": 2}`, `{              }`},
		{"lines stay", "{\"x\": [\n1,\n2\n],\n\"a\": 1}", "{      \n  \n \n  \n\"a\": 1}"},
		{"deeper ones stay", `{"a": {"x": 1}}`, `{"a": {"x": 1}}`},
		{"escaped name", `{"\u0078": 1}`, `{           }`},
		{"not an object", `["x"]`, `["x"]`},
		{"broken", `{"x": 1, "a"`, `{"x": 1, "a"`},
		{"empty", ``, ``},
	} {
		got := string(HideMembers([]byte(c.in), drop))
		if got != c.out {
			t.Errorf("%s: %q became %q, want %q", c.name, c.in, got, c.out)
		}
	}
}

func TestWithMember(t *testing.T) {
	got := WithMember(jsontext.Value(`{"a":1,"status":"old","b":2}`), "status", "new")
	if want := "{\"a\":1,\"b\":2,\"status\":\"new\"\n}"; string(got) != want {
		t.Errorf("got %s", got)
	}
}

func FuzzHide(f *testing.F) {
	f.Add([]byte(`{"x": 1, "a": [1, {"x": 2}], "y": 3}`))
	f.Add([]byte(`{"x"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		out := HideMembers(data, func(name string) bool { return name == "x" })
		if len(out) != len(data) {
			t.Fatalf("the length changed: %q, %q", data, out)
		}
		if jsontext.Value(data).IsValid() && !jsontext.Value(out).IsValid() {
			t.Fatalf("%q became invalid: %q", data, out)
		}
	})
}
