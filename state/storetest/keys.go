package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"stathub/state"
)

func (s suite) invalidKeys(t *testing.T) {
	st := s.open(t)
	put(t, st, "kept", "kept")
	for name, key := range map[string]string{
		"empty": "", "absolute": "/a", "trailing slash": "a/", "empty segment": "a//b", "dot": "./a", "inner dot": "a/./b",
		"dots": "../a", "inner dots": "a/../kept", "ends in dots": "a/..", "control character": "a\nb", "NUL": "a\x00b",
		"DEL": "a\x7f", "backslash": `a\b`, "not UTF-8": "a\xff", "long": strings.Repeat("abcdefg/", 200) + "a",
		"long segment": strings.Repeat("a", 256),
	} {
		_, err := st.Get(t.Context(), key, "")
		wantCode(t, "Get, key "+name, err, state.Invalid)
		for _, c := range []state.Condition{{}, {IfAbsent: true}, {IfMatch: "x"}} {
			_, err = state.Write(t.Context(), st, key, []byte("x"), c)
			wantCode(t, "Put, key "+name, err, state.Invalid)
		}
		wantCode(t, "Delete, key "+name, st.Delete(t.Context(), key, ""), state.Invalid)
		wantCode(t, "Delete with ETag, key "+name, st.Delete(t.Context(), key, "x"), state.Invalid)
	}
	for _, prefix := range []string{"/", "../", "./", "a//", "kept/", "kept/../", "\x00", "\xff"} {
		for e, err := range st.List(t.Context(), prefix) { // an error is as good: no key can start so
			if err == nil {
				t.Errorf("List %q gives %q", prefix, e.Key)
			}
		}
	}
	if all := keysOf(list(t, st, "")); !slices.Equal(all, []string{"kept"}) {
		t.Errorf("List after refused writes: %q", all)
	}
}

func (s suite) cancelled(t *testing.T) {
	st := s.open(t)
	etag := put(t, st, "k", "old")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if err == nil || state.CodeOf(err) != state.Unavailable && !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: %v, want code unavailable or context.Canceled", what, err)
		}
		if state.CodeOf(err) == state.NotFound {
			t.Errorf("%s with a context that has ended says NotFound: %v", what, err)
		}
	}
	for _, key := range []string{"k", "none"} {
		_, err := st.Get(ctx, key, "")
		check("Get "+key, err)
		_, err = st.Put(ctx, key, bytes.NewReader([]byte("new")), state.Condition{})
		check("Put "+key, err)
		check("Delete "+key, st.Delete(ctx, key, ""))
	}
	check("Delete with ETag", st.Delete(ctx, "k", etag))
	var last error
	for _, err := range st.List(ctx, "") {
		last = err
	}
	check("List", last)
	wantText(t, st, "k", "old")
	wantMissing(t, st, "none")
}

var oddSegments = []string{
	"a b", " leading", "trailing ", "two  spaces", "编排", "应用.json", "日本語", "é", "🙂", "ñandú", "\u2028", "%", "%2F", "%41", "100%25", "#", "a#b", "?", "a?b=c",
	"+", "a+b", "&", "a&b", "'", `"`, "`", "<a>", "$(x)", "*", "[a-z]", "{a,b}", "|", ";", ":", "a:b", "=", "@", "!", "~", "^", ",",
	".hidden", "..two", "...", "a..b", "trailing.", "-dash", "--", "_", ".x.json.swp", "x.json~", "4913", "null", "CON", "nul.txt", "index.html", "a.tmp",
}

func (s suite) oddNames(t *testing.T) {
	st := s.open(t)
	var keys []string
	for _, seg := range oddSegments {
		keys = append(keys, "odd/"+seg, "folder "+seg+"/"+seg+"/x.json")
	}
	keys = append(keys, strings.Repeat("s", 255), "odd/"+strings.Repeat("语", 85), // 255 bytes
		strings.Repeat(strings.Repeat("d", 200)+"/", 4)+strings.Repeat("e", 96)) // 900 bytes
	slices.Sort(keys)
	keys = slices.Compact(keys)
	want := map[string]state.ETag{}
	for _, key := range keys {
		if err := state.CheckKey(key); err != nil {
			t.Fatal(err)
		}
		etag, err := state.Write(t.Context(), st, key, []byte("text of "+key), state.Condition{IfAbsent: true})
		if s.ForeignNames && state.CodeOf(err) == state.Invalid {
			t.Logf("left out: %v", err)
			continue
		}
		if err != nil {
			t.Fatalf("Put %q: %v", key, err)
		}
		want[key] = etag
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return want[key] == "" })
	for _, key := range keys {
		if e := wantText(t, st, key, "text of "+key); e.ETag != want[key] {
			t.Errorf("%q: ETag %q, want %q", key, e.ETag, want[key])
		}
		if all := list(t, st, key); len(all) == 0 || all[0].Key != key || all[0].ETag != want[key] {
			t.Errorf("List %q: %+v", key, all)
		}
	}
	if all := keysOf(list(t, st, "")); !slices.Equal(all, keys) {
		t.Errorf("List gives\n%q, want\n%q", all, keys)
	}
	for _, key := range keys {
		if _, err := state.Write(t.Context(), st, key, []byte("new"), state.Condition{IfMatch: want[key]}); err != nil {
			t.Errorf("Put %q over its ETag: %v", key, err)
		}
		if err := st.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete %q: %v", key, err)
		}
	}
	if all := keysOf(list(t, st, "")); len(all) != 0 {
		t.Errorf("after deleting all there are still %q", all)
	}
}

// caseNames: names that differ in case, or in the Unicode form of a letter, are two documents wherever the place can
// tell them apart. Where it cannot (macOS and Windows folders), they are one, and nothing breaks.
func (s suite) caseNames(t *testing.T) {
	st := s.open(t)
	for _, pair := range [][2]string{{"Apps/Web", "apps/web"}, {"n/\u00e9", "n/e\u0301"}} {
		put(t, st, pair[0], "first")
		_, err := st.Get(t.Context(), pair[1], "")
		folds := err == nil
		put(t, st, pair[1], "second")
		wantText(t, st, pair[1], "second")
		if want := map[bool]string{false: "first", true: "second"}[folds]; true {
			wantText(t, st, pair[0], want)
		}
		list(t, st, "")
	}
}

func (s suite) listPrefixes(t *testing.T) {
	st := s.open(t)
	if all := list(t, st, ""); len(all) != 0 {
		t.Fatalf("a fresh store has %v", keysOf(all))
	}
	// "-" and "." sort before "/", "0" after it: folders are not simply sorted by their names.
	keys := []string{"a", "apps-old/x", "apps.json", "apps/a.json", "apps/ab.json", "apps/b/c/d", "apps/b/d", "apps/b0", "apps/b-", "apps0", "b/x", "编/排"}
	for _, k := range keys {
		put(t, st, k, "text of "+k)
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "ap", "apps", "apps-", "apps/", "apps/a", "apps/a.", "apps/a.json", "apps/a.jsonx", "apps/b", "apps/b/",
		"apps/b/c", "apps/b/c/", "apps/b/c/d/", "apps.json/", "apps0", "b", "c", "none/", "编", "编/", "编/排", "Z", "zz/zz/"} {
		var want []string
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		if got := keysOf(list(t, st, prefix)); !slices.Equal(got, want) {
			t.Errorf("List %q: %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"", "apps", "apps/", "apps/b"} {
		for _, after := range append([]string{"", "apps/", "apps/b/", "apps/b/c", "apps/b/x", "zz"}, keys...) {
			checkAfter(t, st, keys, prefix, after)
		}
	}
}

// checkAfter checks what state.ListAfter gives in a store of these keys.
func checkAfter(t *testing.T, st state.Store, keys []string, prefix, after string) {
	t.Helper()
	var got, want []string
	for _, k := range keys {
		if strings.HasPrefix(k, prefix) && k > after {
			want = append(want, k)
		}
	}
	for e, err := range state.ListAfter(t.Context(), st, prefix, after) {
		if err != nil {
			t.Fatalf("ListAfter %q, %q: %v", prefix, after, err)
		}
		got = append(got, e.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("ListAfter %q, %q: %q, want %q", prefix, after, got, want)
	}
}

// fill puts n small documents under many/, 16 at a time, and gives their ETags.
func fill(t *testing.T, st state.Store, n int) map[string]state.ETag {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	etags := map[string]state.ETag{}
	slots := make(chan struct{}, 16)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			key := fmt.Sprintf("many/%d/node-%d.json", i%3, i)
			etag, err := state.Write(t.Context(), st, key, []byte(key), state.Condition{})
			if err != nil {
				t.Errorf("Put %q: %v", key, err)
			}
			mu.Lock()
			etags[key] = etag
			mu.Unlock()
		})
	}
	wg.Wait()
	return etags
}

func (s suite) listMany(t *testing.T) {
	st := s.open(t)
	manyKeys := s.manyKeys()
	want := fill(t, st, manyKeys)
	put(t, st, "man", "not under the prefix")
	put(t, st, "many0", "not under the prefix")
	all := list(t, st, "many/")
	if len(all) != manyKeys {
		t.Fatalf("List gives %d keys, want %d", len(all), manyKeys)
	}
	for i, e := range all {
		if e.ETag != want[e.Key] || e.Size != int64(len(e.Key)) {
			t.Fatalf("List: %+v, want ETag %q, size %d", e, want[e.Key], len(e.Key))
		}
		if i%250 == 0 {
			if got := wantText(t, st, e.Key, e.Key); got.ETag != e.ETag {
				t.Errorf("%q: List gives ETag %q, Get %q", e.Key, e.ETag, got.ETag)
			}
		}
	}
	if n := len(list(t, st, "many/1/")); n != manyKeys/3 {
		t.Errorf("List many/1/: %d keys, want %d", n, manyKeys/3)
	}
	s.listWhileWriting(t, st)
}

// listWhileWriting: a document that is being replaced never falls out of the listing.
func (s suite) listWhileWriting(t *testing.T, st state.Store) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			key := fmt.Sprintf("many/%d/node-%d.json", i%3, i)
			if _, err := state.Write(t.Context(), st, key, []byte(strings.Repeat("n", i)), state.Condition{}); err != nil {
				t.Errorf("Put %q: %v", key, err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if n := len(list(t, st, "many/")); n != s.manyKeys() {
			t.Errorf("List during writes gives %d keys, want %d", n, s.manyKeys())
			running = false
		}
	}
	<-done
}

// listStops: a caller may stop early, and a context that ends in the middle ends the listing with an error.
func (s suite) listStops(t *testing.T) {
	st := s.open(t)
	fill(t, st, 30)
	for range st.List(t.Context(), "many/") {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, failed := 0, 0
	for _, err := range st.List(ctx, "many/") {
		if err != nil {
			failed++
			continue
		}
		seen++
		cancel()
	}
	if failed > 1 || failed == 0 && seen != 30 { // one page may already be there
		t.Errorf("List under a context that ended: %d entries, %d errors; want all, or fewer and one error", seen, failed)
	}
}
