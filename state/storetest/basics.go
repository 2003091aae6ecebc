package storetest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"stathub/state"
)

func (s suite) roundTrip(t *testing.T) {
	st := s.open(t)
	for name, text := range map[string]string{
		"text": "{\"a\": 1}\n", "empty": "", "binary": "\x00\xff\xfe\r\n\x1a", "chinese": "编排", "long": strings.Repeat("x", 300_000),
	} {
		key := "apps/" + name
		wantMissing(t, st, key)
		etag := put(t, st, key, text)
		if e := wantText(t, st, key, text); e.ETag != etag {
			t.Errorf("%s: Put gave ETag %q, Get gives %q", name, etag, e.ETag)
		}
		if err := st.Delete(t.Context(), key, ""); err != nil {
			t.Fatalf("Delete %q: %v", key, err)
		}
		wantMissing(t, st, key)
		wantCode(t, "Delete of a missing key", st.Delete(t.Context(), key, ""), state.NotFound)
		put(t, st, key, text+"again")
		wantText(t, st, key, text+"again")
	}
}

func (s suite) replace(t *testing.T) {
	st := s.open(t)
	put(t, st, "a/b", strings.Repeat("long ", 1000))
	put(t, st, "a/b", "short")
	wantText(t, st, "a/b", "short")
	put(t, st, "a/b", "")
	wantText(t, st, "a/b", "")
}

// etags: a revision names one content; a look changes nothing.
func (s suite) etags(t *testing.T) {
	st := s.open(t)
	seen := map[state.ETag]string{}
	for i := range 40 { // same length, fast: neither size nor clock may stand for content
		text := fmt.Sprintf("text %02d", i)
		etag := put(t, st, "k", text)
		if old, ok := seen[etag]; ok {
			t.Fatalf("%q and %q have the same ETag %q", old, text, etag)
		}
		seen[etag] = text
		for range 2 {
			if e := wantText(t, st, "k", text); e.ETag != etag {
				t.Fatalf("ETag changed from %q to %q without a write", etag, e.ETag)
			}
		}
		if all := list(t, st, ""); len(all) != 1 || all[0].ETag != etag || all[0].Size != int64(len(text)) {
			t.Fatalf("List gives %+v, want ETag %q and size %d", all, etag, len(text))
		}
	}
}

func (s suite) putConditions(t *testing.T) {
	st := s.open(t)
	const key, other = "apps/x.json", "apps/y.json"
	write := func(text string, c state.Condition) (state.ETag, error) {
		return state.Write(t.Context(), st, key, []byte(text), c)
	}
	foreign := put(t, st, other, "other")

	_, err := write("no", state.Condition{IfMatch: foreign})
	wantCode(t, "IfMatch on a missing key", err, state.Stale)
	wantMissing(t, st, key)

	one, err := write("one", state.Condition{IfAbsent: true})
	wantCode(t, "IfAbsent on a missing key", err, "")
	_, err = write("no", state.Condition{IfAbsent: true})
	wantCode(t, "IfAbsent on a present key", err, state.Exists)
	_, err = write("one", state.Condition{IfAbsent: true})
	wantCode(t, "IfAbsent with the content that is there", err, state.Exists)
	wantText(t, st, key, "one")

	two, err := write("two", state.Condition{IfMatch: one})
	wantCode(t, "IfMatch with the current ETag", err, "")
	for name, etag := range map[string]state.ETag{"old": one, "foreign": foreign} {
		_, err = write("no", state.Condition{IfMatch: etag})
		wantCode(t, "IfMatch with an ETag that is "+name, err, state.Stale)
	}
	if e := wantText(t, st, key, "two"); e.ETag != two {
		t.Errorf("Put gave ETag %q, Get gives %q", two, e.ETag)
	}
	if err := st.Delete(t.Context(), key, two); err != nil {
		t.Fatal(err)
	}
	_, err = write("no", state.Condition{IfMatch: two})
	wantCode(t, "IfMatch on a deleted key", err, state.Stale)
	_, err = write("three", state.Condition{IfAbsent: true})
	wantCode(t, "IfAbsent on a deleted key", err, "")
	wantText(t, st, other, "other")
}

func (s suite) deleteConditions(t *testing.T) {
	st := s.open(t)
	const key = "apps/x.json"
	one := put(t, st, key, "one")
	wantCode(t, "Delete with the ETag of a missing key", st.Delete(t.Context(), "apps/none", one), state.NotFound)
	two := put(t, st, key, "two")
	wantCode(t, "Delete with an old ETag", st.Delete(t.Context(), key, one), state.Stale)
	wantText(t, st, key, "two")
	wantCode(t, "Delete with the current ETag", st.Delete(t.Context(), key, two), "")
	wantMissing(t, st, key)
	wantCode(t, "Delete again", st.Delete(t.Context(), key, two), state.NotFound)
}

func (s suite) notModified(t *testing.T) {
	st := s.open(t)
	one := put(t, st, "k", "one")
	o, err := st.Get(t.Context(), "k", one)
	wantCode(t, "Get with the current ETag", err, state.NotModified)
	if o != nil {
		t.Fatalf("NotModified came with an object: %+v", o.Entry)
	}
	two := put(t, st, "k", "two")
	o, err = st.Get(t.Context(), "k", one)
	wantCode(t, "Get with an old ETag", err, "")
	data, err := io.ReadAll(o.Body)
	o.Body.Close()
	if err != nil || string(data) != "two" || o.ETag != two {
		t.Fatalf("Get with an old ETag: %q, ETag %q, %v; want two, ETag %q", data, o.ETag, err, two)
	}
	_, err = st.Get(t.Context(), "none", one)
	wantCode(t, "Get of a missing key with an ETag", err, state.NotFound)
}

// bodyPosition: what lies before the reader's position is not part of the document.
func (s suite) bodyPosition(t *testing.T) {
	st := s.open(t)
	for name, size := range map[string]int{"small": 20, "large": 6 << 20} { // past 5 MiB S3 clients send parts
		body := bytes.NewReader([]byte("skipped " + strings.Repeat("x", size)))
		if _, err := body.Seek(8, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Put(t.Context(), name, body, state.Condition{}); err != nil {
			t.Fatal(err)
		}
		wantText(t, st, name, strings.Repeat("x", size))
	}
}

func (s suite) brokenBody(t *testing.T) {
	st := s.open(t)
	etag := put(t, st, "k", "old")
	for name, c := range map[string]state.Condition{"k": {}, "new": {IfAbsent: true}} {
		body := &brokenReader{*bytes.NewReader(bytes.Repeat([]byte("y"), 100_000))}
		if _, err := st.Put(t.Context(), name, body, c); err == nil {
			t.Errorf("Put %q of a body that fails half-way succeeded", name)
		}
	}
	if e := wantText(t, st, "k", "old"); e.ETag != etag {
		t.Errorf("ETag changed from %q to %q", etag, e.ETag)
	}
	wantMissing(t, st, "new")
	if all := list(t, st, ""); len(all) != 1 {
		t.Errorf("List after failed writes: %v", keysOf(all))
	}
}

func (s suite) large(t *testing.T) {
	st := s.open(t)
	data := make([]byte, 20<<20)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	etag, err := st.Put(t.Context(), "artifacts/big.bin", bytes.NewReader(data), state.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a store may serve the second from what it remembers
		got, e := get(t, st, "artifacts/big.bin")
		if e.ETag != etag || got != string(data) {
			t.Fatalf("20 MB came back as %d bytes, equal: %v, ETag %q, want %q", len(got), got == string(data), e.ETag, etag)
		}
	}
	if all := list(t, st, "artifacts/"); len(all) != 1 || all[0].ETag != etag || all[0].Size != int64(len(data)) {
		t.Fatalf("List: %+v, want ETag %q", all, etag)
	}
	_, _, err = state.Read(t.Context(), st, "artifacts/big.bin", "", state.MaxDocument)
	wantCode(t, "Read with a limit", err, state.TooLarge)
	_, err = st.Put(t.Context(), "artifacts/big.bin", bytes.NewReader(data[1:]), state.Condition{IfAbsent: true})
	wantCode(t, "IfAbsent, large", err, state.Exists)
	_, err = st.Put(t.Context(), "artifacts/big.bin", bytes.NewReader(data[1:]), state.Condition{IfMatch: etag + "0"})
	wantCode(t, "IfMatch, large", err, state.Stale)
}

func (s suite) probe(t *testing.T) {
	st := s.open(t)
	if err := state.Probe(t.Context(), st); err != nil {
		t.Fatalf("Probe: %v", err)
	}
	if all := list(t, st, ""); len(all) != 0 {
		t.Fatalf("Probe left behind %v", keysOf(all))
	}
}
