package mirror_test

import (
	"testing"

	"stathub/master/mirror"
	"stathub/state"
	"stathub/state/memstore"
)

// What comes in through the gateway is at hand for the master, under its own revision only.
func TestRevision(t *testing.T) {
	m := mirror.New(memstore.New(), mirror.Options{})
	defer m.Close()
	const key = "reports/n1.json"
	write := func(s state.Store, key, text string) state.ETag {
		t.Helper()
		etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		return etag
	}
	want := func(key string, etag state.ETag, text string, there bool) {
		t.Helper()
		if data, ok := m.Revision(key, etag); ok != there || string(data) != text {
			t.Errorf("%s at %q: %q, %v; want %q, %v", key, etag, data, ok, text, there)
		}
	}
	first := write(m.Gateway(), key, "one")
	want(key, first, "one", true)
	want(key, "", "", false)
	want(key, "other", "", false)
	second := write(m.Gateway(), key, "two")
	want(key, first, "", false)
	want(key, second, "two", true)

	unasked := write(m, "reports/n2.json", "by the master")
	want("reports/n2.json", unasked, "", false)
	other := write(m.Gateway(), "events/2026-01-01/n1/x.jsonl", "not mirrored")
	want("events/2026-01-01/n1/x.jsonl", other, "", false)

	if err := m.Gateway().Delete(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
	want(key, second, "", false)
	want(key, "", "", false)
}
