package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"stathub/state"
	"stathub/web/rest"
)

// asset is an embedded file as browsers get it.
type asset struct {
	plain      []byte
	packed     func() []byte // by gzip, when it is first asked for
	media, sum string
}

// assets by their name below /assets/, such as "style.css". They are read when the first page is shown.
var assets = sync.OnceValue(readAssets)

// edition changes with any asset. It is a folder in their URLs, so that browsers may keep them for good, and scripts that
// import each other by relative names are of one edition.
var edition = sync.OnceValue(func() string { return editionOf(assets()) })

func editionOf(all map[string]*asset) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		_, _ = io.WriteString(sum, name+" "+all[name].sum+"\n") // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

func readAssets() map[string]*asset {
	all := map[string]*asset{}
	err := fs.WalkDir(files, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		all[strings.TrimPrefix(name, "assets/")] = &asset{plain: data, packed: sync.OnceValue(func() []byte { return pack(data) }), media: mediaType(name), sum: hex.EncodeToString(sum[:6])}
		return nil
	})
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	return all
}

func pack(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(data) // memory takes it all
	_ = z.Close()
	return b.Bytes()
}

// mediaType does not ask the system, whose tables differ.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if m := mime.TypeByExtension(path.Ext(name)); m != "" {
		return m
	}
	return "text/plain; charset=utf-8"
}

// assetPath gives the URL of a file of folder assets.
func assetPath(name string) string {
	if assets()[name] == nil {
		panic("web: there is no asset " + name)
	}
	return "/assets/" + edition() + "/" + name
}

// serveAsset serves what is under /assets/.
func serveAsset(w http.ResponseWriter, r *http.Request) error {
	name, kept := strings.CutPrefix(r.URL.Path, "/assets/"+edition()+"/")
	if !kept {
		name = strings.TrimPrefix(r.URL.Path, "/assets/")
	}
	a := assets()[name]
	if a == nil {
		return state.Errorf(state.NotFound, "", "there is nothing at %s", r.URL.Path)
	}
	h, body := w.Header(), a.plain
	h.Set("Content-Type", a.media)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", state.ETag(a.sum).Header())
	h.Set("Cache-Control", "no-cache")
	if kept {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if rest.IfNoneMatch(r) == state.ETag(a.sum) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed := a.packed(); len(packed) < len(a.plain) {
			h.Set("Content-Encoding", "gzip")
			body = packed
		}
	}
	_, _ = w.Write(body) // the browser is gone: nobody to tell
	return nil
}
