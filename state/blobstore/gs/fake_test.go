package gs_test

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// fake is Google Cloud Storage's JSON API in memory, as far as the store uses it:
// https://cloud.google.com/storage/docs/json_api/v1/objects, and /docs/request-preconditions for the conditions.
type fake struct {
	*httptest.Server
	mu         sync.Mutex
	buckets    map[string]map[string]object
	generation int64
	requests   []*http.Request
	intercept  func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

type object struct {
	data       []byte
	generation int64
	updated    time.Time
	mediaType  string
}

func newFake(t *testing.T) *fake {
	f := &fake{buckets: map[string]map[string]object{}, generation: 1_700_000_000_000_000}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Clone(r.Context()))
	intercept := f.intercept
	f.mu.Unlock()
	if intercept != nil && intercept(w, r) {
		return
	}
	var body []byte
	var mediaType, named string
	path, isUpload := strings.CutPrefix(r.URL.EscapedPath(), "/upload")
	if isUpload {
		var err error
		if named, mediaType, body, err = readUpload(r); err != nil {
			return // the client went away: nothing is stored
		}
	}
	parts := strings.Split(strings.TrimPrefix(path, "/storage/v1/b/"), "/")
	f.mu.Lock()
	defer f.mu.Unlock()
	objects, ok := f.buckets[parts[0]]
	if !ok {
		refuse(w, http.StatusNotFound, "notFound", "The specified bucket does not exist.")
		return
	}
	switch {
	case isUpload:
		f.insert(w, r, objects, named, object{data: body, mediaType: mediaType})
	case len(parts) == 2:
		list(w, r.URL.Query(), objects)
	default:
		name, _ := url.PathUnescape(parts[2])
		one(w, r, objects, name)
	}
}

// readUpload takes a multipart/related body apart: metadata, then content.
func readUpload(r *http.Request) (name, mediaType string, data []byte, err error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", "", nil, err
	}
	m := multipart.NewReader(r.Body, params["boundary"])
	if _, err = m.NextPart(); err != nil {
		return "", "", nil, err
	}
	p, err := m.NextPart()
	if err != nil {
		return "", "", nil, err
	}
	if data, err = io.ReadAll(p); err == nil {
		_, err = m.NextPart() // the closing boundary
	}
	if err == io.EOF {
		// The client's library writes that boundary even when it gives up: only the end of the request itself tells.
		_, err = io.Copy(io.Discard, r.Body)
	}
	return r.URL.Query().Get("name"), p.Header.Get("Content-Type"), data, err
}

// allowed checks ifGenerationMatch, where 0 means absent, and ifGenerationNotMatch.
func allowed(w http.ResponseWriter, r *http.Request, o object) bool {
	q := r.URL.Query()
	if v := q.Get("ifGenerationMatch"); v != "" && v != strconv.FormatInt(o.generation, 10) {
		refuse(w, http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		return false
	}
	if v := q.Get("ifGenerationNotMatch"); v != "" && v == strconv.FormatInt(o.generation, 10) {
		w.WriteHeader(http.StatusNotModified)
		return false
	}
	return true
}

func (f *fake) insert(w http.ResponseWriter, r *http.Request, objects map[string]object, name string, o object) {
	if !allowed(w, r, objects[name]) {
		return
	}
	f.generation++
	o.generation, o.updated = f.generation, time.Now().UTC()
	objects[name] = o
	answer(w, http.StatusOK, resource(name, o))
}

func one(w http.ResponseWriter, r *http.Request, objects map[string]object, name string) {
	o, ok := objects[name]
	switch {
	case !ok && r.URL.Query().Get("alt") == "media": // such answers are plain text
		http.Error(w, "No such object: "+name, http.StatusNotFound)
	case !ok:
		refuse(w, http.StatusNotFound, "notFound", "No such object: "+name)
	case !allowed(w, r, o):
	case r.Method == http.MethodDelete:
		delete(objects, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("X-Goog-Generation", strconv.FormatInt(o.generation, 10))
		w.Header().Set("X-Goog-Hash", "crc32c="+checksum(o.data))
		w.Header().Set("Last-Modified", o.updated.Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
		w.Write(o.data)
	}
}

func list(w http.ResponseWriter, q url.Values, objects map[string]object) {
	limit, _ := strconv.Atoi(q.Get("maxResults"))
	items, next := []any{}, ""
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if !strings.HasPrefix(name, q.Get("prefix")) || name <= q.Get("pageToken") && q.Get("pageToken") != "" {
			continue
		}
		if len(items) == cmp.Or(limit, 1000) {
			next = items[len(items)-1].(map[string]any)["name"].(string)
			break
		}
		items = append(items, resource(name, objects[name]))
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "nextPageToken": next})
}

func resource(name string, o object) map[string]any {
	return map[string]any{
		"name": name, "generation": strconv.FormatInt(o.generation, 10), "size": strconv.Itoa(len(o.data)),
		"updated": o.updated.Format(time.RFC3339Nano), "crc32c": checksum(o.data), "contentType": o.mediaType,
	}
}

func checksum(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	answer(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": message, "errors": []any{map[string]any{"reason": reason, "message": message}},
	}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.MarshalWrite(w, v)
}
