package artifact

import (
	"context"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// opener gives one store in memory per URL, and counts.
type opener struct {
	stores map[string]*countedStore
	opened int
}

type countedStore struct {
	*memstore.Store
	closed int
}

func (c *countedStore) Close() error { c.closed++; return nil }

func (o *opener) open(_ context.Context, url string) (state.Store, error) {
	if strings.Contains(url, "bad") {
		return nil, state.Errorf(state.Invalid, "", "state URL: bad")
	}
	o.opened++
	if o.stores[url] == nil {
		o.stores[url] = &countedStore{Store: memstore.New()}
	}
	return o.stores[url], nil
}

func TestFetchNamedBucket(t *testing.T) {
	o := &opener{stores: map[string]*countedStore{}}
	c := openCache(t, nil, Options{OpenBucket: o.open})
	const bucket = "s3://releases?endpoint=http://h:9000&region=r"
	uri := func(key string) string { return "s3://releases/" + key + "?endpoint=http://h:9000&region=r" }
	store := &countedStore{Store: memstore.New()}
	o.stores[bucket] = store
	for _, key := range []string{"a b", "deep/c"} {
		if _, err := state.Write(t.Context(), store, key, []byte("content of "+key), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	wantContent(t, mustFetch(t, c, uri("a%20b")), "content of a b")
	deep := mustFetch(t, c, uri("deep/c")+"#sha256="+sumOf("content of deep/c"))
	wantContent(t, deep, "content of deep/c")
	gets := store.Counts()["get"]
	mustFetch(t, c, deep.URI)
	if o.opened != 1 || store.Counts()["get"] != gets {
		t.Errorf("opened %d times; a pinned one was asked for again", o.opened)
	}
	for bad, code := range map[string]state.Code{
		uri("missing"): state.NotFound, "s3://bad/key": state.Invalid, uri("a%20b") + "#sha256=" + strings.Repeat("0", 64): state.Invalid,
	} {
		if _, err := c.Fetch(t.Context(), bad); state.CodeOf(err) != code {
			t.Errorf("%s: %v, want code %s", bad, err, code)
		}
	}
	store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no route to host") })
	if f := mustFetch(t, c, uri("a%20b")); !f.FromCache || !strings.Contains(f.Note, "no route to host") {
		t.Errorf("without the bucket: %+v", f)
	}
}

func TestNamedBucketsAreClosed(t *testing.T) {
	o := &opener{stores: map[string]*countedStore{}}
	c := openCache(t, nil, Options{OpenBucket: o.open})
	for _, uri := range []string{"s3://one/k", "gs://two/k", "azblob://three/k"} {
		url := strings.TrimSuffix(uri, "/k")
		o.stores[url] = &countedStore{Store: memstore.New()}
		if _, err := state.Write(t.Context(), o.stores[url], "k", []byte(uri), state.Condition{}); err != nil {
			t.Fatal(err)
		}
		wantContent(t, mustFetch(t, c, uri), uri)
	}
	closed := func() (n [3]int) {
		return [3]int{o.stores["s3://one"].closed, o.stores["gs://two"].closed, o.stores["azblob://three"].closed}
	}
	if c.Retain([]string{"gs://two/k"}); closed() != [3]int{1, 0, 1} {
		t.Errorf("closed %v", closed())
	}
	if err := c.Close(); err != nil || closed() != [3]int{1, 1, 1} {
		t.Errorf("closed %v, %v", closed(), err)
	}
}

func TestNoBuckets(t *testing.T) {
	c := openCache(t, nil, Options{})
	for _, uri := range []string{"s3://b/k", "gs://b/k", "azblob://b/k", "bucket:artifacts/k"} {
		if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != state.Unsupported {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
