package airgap

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stathub/state"
	_ "stathub/state/dirstore"
	"stathub/state/memstore"
	"stathub/state/signature"
)

// world is a bucket, a folder, and a server of artifacts.
type world struct {
	t       *testing.T
	bucket  *memstore.Store
	folder  string
	server  *httptest.Server
	signer  *signature.Signer
	allowed []string // folders for file:

	mu    sync.Mutex
	files map[string]string // of the server, by path
	asked int
	told  []string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, bucket: memstore.New(), folder: t.TempDir(), files: map[string]string{}}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked++
		text, ok := w.files[r.URL.Path]
		if !ok {
			http.NotFound(rw, r)
			return
		}
		fmt.Fprint(rw, text)
	}))
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) serve(path, text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[path] = text
	return w.server.URL + path
}

func (w *world) put(key, text string) {
	w.t.Helper()
	if _, err := state.Write(w.t.Context(), w.bucket, key, []byte(text), state.Condition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get(key string) string {
	data, _, err := state.Read(w.t.Context(), w.bucket, key, "", state.MaxDocument)
	if err != nil {
		return ""
	}
	return string(data)
}

// manifest writes a manifest of a master's with one app of these artifacts.
func (w *world) manifest(node string, generation int64, uris ...string) {
	w.t.Helper()
	entry := state.ManifestEntry{App: state.App{Name: "web", ToProcess: "run", KillSignal: 15, Start: true, URIs: uris}, Count: 1, Owner: state.OwnerMaster}
	entry.Sum = entry.Digest()
	w.put(state.KindManifest.Key(node), string(state.Encode(&state.Manifest{Node: node, Generation: generation, Term: 1, Apps: []state.ManifestEntry{entry}})))
}

func (w *world) tell(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func (w *world) tryExport(nodes string) (Exported, error) {
	ids, err := Choose(w.t.Context(), w.bucket, nodes)
	if err != nil {
		return Exported{}, err
	}
	w.told = nil
	return Export(w.t.Context(), ExportOptions{From: w.bucket, To: w.folder, Nodes: ids, Files: w.allowed, Signer: w.signer, Tell: w.tell})
}

func (w *world) export(nodes string) Exported {
	w.t.Helper()
	done, err := w.tryExport(nodes)
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// exported gives the manifest of a node in the folder.
func (w *world) exported(node string) *state.Manifest {
	w.t.Helper()
	key := state.KindManifest.Key(node)
	m, err := state.Decode[state.Manifest](key, []byte(w.file(key)))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// file gives what lies in the folder; nothing where there is no such file.
func (w *world) file(key string) string {
	data, err := os.ReadFile(filepath.Join(w.folder, filepath.FromSlash(key)))
	if err != nil {
		return ""
	}
	return string(data)
}

func (w *world) write(key, text string) {
	w.t.Helper()
	path := filepath.Join(w.folder, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// files gives all files of the folder with content and time, but for the bucket's lock.
func (w *world) contents() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(w.folder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".stathub") {
			return err
		}
		info, err := d.Info()
		all[path] = fmt.Sprint(w.file(path), info.ModTime())
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// wantWhole checks that the folder is one that an agent can run a node from: every artifact of its manifest is there,
// with the digest that the manifest demands.
func (w *world) wantWhole(node string) {
	w.t.Helper()
	m := w.exported(node)
	for i := range m.Apps {
		for _, uri := range m.Apps[i].App.URIs {
			rest, sum, _ := strings.Cut(strings.TrimPrefix(uri, "bucket:"), "#sha256=")
			key, err := url.PathUnescape(rest)
			if err != nil || sumOf([]byte(w.file(key))) != sum {
				w.t.Fatalf("artifact %s of %s is not there", uri, node)
			}
		}
	}
}

func (w *world) key(name string) *signature.Signer {
	w.t.Helper()
	s, err := signature.LoadSigner(filepath.Join("..", "..", "state", "signature", "testdata", name), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
