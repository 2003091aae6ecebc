package web

import (
	"net/url"
	"strings"
	"time"

	"stathub/state"
)

// Bucket is the page of the bucket: its folders, or the keys that start with a prefix.
type Bucket struct {
	URL     string // of the bucket, without secrets
	Prefix  string // the folder, with its slash; empty: all keys
	Kind    string // of its documents; "other" where it is none of ours
	Typed   string // how a key goes on after the prefix
	Folders []BucketFolder
	Keys    []BucketKey
	List    bool   // of keys; else of folders
	After   string // the page begins behind this key
	Next    string // the page after this one does; empty: this is the last one
}

// BucketFolder is the folder of one kind of documents.
type BucketFolder struct {
	Kind  string
	Count int
	More  bool   // than Count
	Err   string // why nobody knows
}

// BucketKey is one key.
type BucketKey struct {
	Key  string
	Name string // the key without the folder
	Size state.Bytes
	ETag string
	At   time.Time // by the clock of the store
	Err  string    // why it cannot be read
}

// Path is the key's page.
func (k BucketKey) Path() string { return "/bucket/" + escapeKey(k.Key) }

// Page is the URL of the list of the same keys behind another one.
func (b Bucket) Page(after string) string {
	return "/bucket?" + url.Values{"prefix": {b.Prefix}, "q": {b.Typed}, "after": {after}}.Encode()
}

// Crumbs are the folders above.
func (b Bucket) Crumbs() []Crumb { return crumbs(b.Prefix) }

// New is the page of a new document here.
func (b Bucket) New() string { return "/bucket?" + url.Values{"new": {b.Prefix}}.Encode() }

// Crumb is a folder above something.
type Crumb struct{ Name, Prefix string }

func crumbs(key string) []Crumb {
	var all []Crumb
	for at := 0; ; {
		next := strings.IndexByte(key[at:], '/')
		if next < 0 {
			return all
		}
		all = append(all, Crumb{key[at : at+next], key[:at+next+1]})
		at += next + 1
	}
}

// BucketDocument is the page of one key.
type BucketDocument struct {
	BucketKey
	Kind    string // the first segment of the key, where it is one of ours; else "other"
	Schema  string // of the document, for the editor; empty: plain text
	Text    string
	Binary  bool     // it is no text, or too much of it: only to be downloaded
	New     bool     // there is nothing here yet
	App     string   // that it is about
	Node    string   // that it is about
	Warning string   // what is wrong with it
	Users   []string // apps that fetch this artifact
}

// Crumbs are the folders above.
func (d BucketDocument) Crumbs() []Crumb { return crumbs(d.Key) }

// API is where programs find the document.
func (d BucketDocument) API() string { return "/v1/bucket/" + escapeKey(d.Key) }

// Folder is the prefix that the document lies under.
func (d BucketDocument) Folder() string { return d.Key[:strings.LastIndexByte(d.Key, '/')+1] }

// escapeKey makes a key fit for the path of a URL.
func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// BucketKinds are the folders of a bucket in the order in which they are shown.
var BucketKinds = [...]state.Kind{
	state.KindApp, state.KindChoreo, state.KindNode, state.KindManifest, state.KindReport, state.KindHeartbeat, state.KindEvents,
	state.KindHistory, state.KindArtifact, state.KindCrash, state.KindRejected, state.KindLease,
}

// BucketKind is the kind of a key or prefix: one of BucketKinds, or "other".
func BucketKind(key string) string {
	for _, kind := range BucketKinds {
		if strings.HasPrefix(key, kind.Prefix()) {
			return string(kind)
		}
	}
	return "other"
}
