package console

import (
	"context"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"unicode/utf8"

	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// Limits of the pages of the bucket.
const (
	keysPerPage = 100
	countUpTo   = 1_000 // keys of a folder: more of them are not told apart
)

// bucket shows the folders of the bucket, the keys under ?prefix= that go on with ?q=, or the editor of a ?new= document.
func (c *console) bucket(r *http.Request) (web.Page, error) {
	q := r.URL.Query()
	if q.Has("new") {
		return c.newDocument(q.Get("new"))
	}
	v := web.Bucket{URL: c.Bucket, Prefix: q.Get("prefix"), Typed: q.Get("q"), After: q.Get("after")}
	v.Kind = web.BucketKind(v.Prefix)
	v.List = v.Prefix+v.Typed != "" || q.Has("after")
	page := web.Page{Name: "bucket", Topics: []string{live.Apps}}
	if !v.List {
		v.Folders = c.folders(r.Context())
		page.View = v
		return page, nil
	}
	found, more, err := c.Control.ListBucket(r.Context(), v.Prefix+v.Typed, v.After, keysPerPage)
	if err != nil {
		return page, err
	}
	for _, e := range found {
		k := web.BucketKey{Key: e.Key, Name: strings.TrimPrefix(e.Key, v.Prefix), Size: state.Bytes(e.Size), ETag: string(e.ETag), At: e.ModTime}
		if e.Err != nil {
			k.Err = e.Err.Error()
		}
		v.Keys = append(v.Keys, k)
	}
	if more {
		v.Next = found[len(found)-1].Key
	}
	page.View = v
	return page, nil
}

// folders counts documents: what the master holds in memory, and one short listing for each of the others, all at once.
func (c *console) folders(ctx context.Context) []web.BucketFolder {
	all := make([]web.BucketFolder, len(web.BucketKinds))
	var wg sync.WaitGroup
	for i, kind := range web.BucketKinds {
		f := &all[i]
		f.Kind = string(kind)
		if n, ok := c.Control.Count(kind); ok {
			f.Count = n
			continue
		}
		wg.Go(func() {
			found, more, err := c.Control.ListBucket(ctx, kind.Prefix(), "", countUpTo)
			if f.Count, f.More = len(found), more; err != nil {
				f.Err = err.Error()
			}
		})
	}
	wg.Wait()
	return all
}

// document shows what lies at a key.
func (c *console) document(r *http.Request) (web.Page, error) {
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	if err := state.CheckKey(key); err != nil {
		return web.Page{}, err
	}
	o, err := c.Control.GetRaw(r.Context(), key, "")
	if err != nil {
		return web.Page{}, err
	}
	defer o.Body.Close()
	v := aboutKey(key)
	v.Size, v.ETag, v.At = state.Bytes(o.Size), string(o.ETag), o.ModTime
	if why := c.Control.Trouble(key); why != nil {
		v.Warning = why.Error()
	}
	if v.Kind == string(state.KindArtifact) {
		v.Users = c.Control.AppsFetching(key)
		v.Binary = true
		return web.Page{Name: "bucketdocument", View: v}, nil
	}
	data, err := io.ReadAll(io.LimitReader(o.Body, rest.MaxEdit+1))
	if err != nil {
		return web.Page{}, state.Errorf(state.Unavailable, key, "cannot read the document: %w", err)
	}
	if v.Binary = len(data) > rest.MaxEdit || !isText(data); !v.Binary {
		v.Text = string(data)
	}
	return web.Page{Name: "bucketdocument", View: v}, nil
}

// isText reports whether an editor can show data, and give the same bytes back.
func isText(data []byte) bool {
	return utf8.Valid(data) && !strings.ContainsAny(string(data), "\x00\r")
}

// newDocument shows the editor of a document that is not there yet, at a key that is to be typed after a prefix.
func (c *console) newDocument(key string) (web.Page, error) {
	v := aboutKey(key)
	v.New = true
	if v.Schema != "" {
		v.Text = "{\n}\n"
	}
	return web.Page{Name: "bucketdocument", View: v}, nil
}

// schemas are the documents that the editor can help with.
var schemas = map[state.Kind]string{
	state.KindApp: "app", state.KindChoreo: "choreo", state.KindNode: "node", state.KindManifest: "manifest", state.KindReport: "report",
	state.KindLease: "lease", state.KindHistory: "revision",
}

// aboutKey tells what a key says about its document.
func aboutKey(key string) web.BucketDocument {
	v := web.BucketDocument{Kind: web.BucketKind(key)}
	v.Key, v.Name = key, key[strings.LastIndexByte(key, '/')+1:]
	kind := state.Kind(v.Kind)
	if ext := path.Ext(key); ext == ".json" || ext == "" {
		v.Schema = schemas[kind]
	}
	name, ok := kind.Name(key)
	switch {
	case kind == state.KindApp || kind == state.KindChoreo:
		v.App = name
	case kind == state.KindNode || kind == state.KindManifest || kind == state.KindReport || kind == state.KindHeartbeat:
		v.Node = name
	case kind == state.KindHistory:
		v.App, _, ok = state.ParseHistoryKey(key)
	case kind == state.KindCrash || kind == state.KindRejected:
		v.Node, _, ok = strings.Cut(strings.TrimPrefix(key, kind.Prefix()), "/")
	}
	if !ok {
		v.App, v.Node = "", ""
	}
	return v
}
