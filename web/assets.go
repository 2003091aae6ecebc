package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"stathub/state"
	"stathub/web/rest"
)

// asset is an embedded file as browsers get it.
type asset struct {
	plain, packed []byte // packed is gzip's
	media, sum    string
}

// assets by their path: "/assets/style.css".
var assets = packAssets()

func packAssets() map[string]*asset {
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
		all["/"+name] = &asset{plain: data, packed: pack(data), media: mediaType(name), sum: hex.EncodeToString(sum[:6])}
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

// assetPath gives the URL of a file of folder assets. It changes with its content, so that browsers may keep it for good.
func assetPath(name string) string {
	a := assets["/assets/"+name]
	if a == nil {
		panic("web: there is no asset " + name)
	}
	return "/assets/" + name + "?" + a.sum
}

// Asset serves what is under /assets/.
func Asset(w http.ResponseWriter, r *http.Request) error {
	a := assets[r.URL.Path]
	if a == nil {
		return state.Errorf(state.NotFound, "", "there is nothing at %s", r.URL.Path)
	}
	h, body := w.Header(), a.plain
	h.Set("Content-Type", a.media)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", `"`+a.sum+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.RawQuery == a.sum {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if len(a.packed) < len(a.plain) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	if rest.IfNoneMatch(r) == state.ETag(a.sum) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, _ = w.Write(body)
	return nil
}
