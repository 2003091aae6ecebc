package meter_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/meter"
	"stathub/state/metric"
)

// A store that does not count its requests itself: a call is one, a listing one for each 1,000 keys.
func TestCalls(t *testing.T) {
	m := meter.New(memstore.New())
	ctx := t.Context()
	body := bytes.NewReader([]byte("skipped12345"))
	if _, err := body.Seek(7, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	etag, err := m.Put(ctx, "apps/a.json", body, state.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	state.Write(ctx, m, "apps/a.json", []byte("x"), state.Condition{IfAbsent: true})
	state.Read(ctx, m, "apps/a.json", "", 100)
	state.Read(ctx, m, "apps/a.json", etag, 100)
	state.Read(ctx, m, "apps/none.json", "", 100)
	state.Read(ctx, m, "people/made-this", "", 100)
	m.Delete(ctx, "apps/a.json", "")
	for i := range 2500 {
		state.Write(ctx, m, fmt.Sprintf("heartbeats/n%d", i), nil, state.Condition{})
	}
	for range m.List(ctx, "heartbeats/") {
	}
	for range m.List(ctx, "apps/") {
	}
	for range m.List(ctx, "") {
		break
	}
	got := map[string]int64{}
	for _, c := range m.Counts() {
		for o, n := range c.Requests {
			got[fmt.Sprintf("%s %s %s", c.Op, c.Kind, o)] = n
		}
		if c.Kind == "apps" && c.Op == meter.Get && c.Received != 5 || c.Kind == "apps" && c.Op == meter.Put && c.Sent != 5 {
			t.Errorf("bytes: %+v", c)
		}
	}
	want := map[string]int64{
		"put apps ok": 1, "put apps conflict": 1, "get apps ok": 1, "get apps not_modified": 1, "get apps not_found": 1,
		"get other not_found": 1, "delete apps ok": 1, "put heartbeats ok": 2500, "list heartbeats ok": 3, "list apps ok": 1, "list all ok": 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v\nwant    %v", got, want)
	}
	var w metric.Writer
	if meter.Write(&w, meter.Named{Name: "bucket", Meter: m}); len(w.Bytes()) == 0 {
		t.Error("no metrics")
	}
}
