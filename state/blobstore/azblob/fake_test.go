package azblob_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is Azure's Blob service REST API in memory, as far as the store uses it:
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api. It does not check signatures.
type fake struct {
	*httptest.Server
	mu         sync.Mutex
	containers map[string]map[string]object
	version    int
	requests   []*http.Request
	intercept  func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

type object struct {
	data    []byte
	etag    string // without quotes, as listings have it; headers have them
	updated time.Time
}

func newFake(t *testing.T) *fake {
	f := &fake{containers: map[string]map[string]object{}}
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
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away: nothing is stored
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/account/"), "/", 2)
	f.mu.Lock()
	defer f.mu.Unlock()
	blobs, ok := f.containers[parts[0]]
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "ContainerNotFound")
	case len(parts) == 1:
		list(w, r.URL.Query(), blobs)
	default:
		name, _ := url.PathUnescape(parts[1])
		f.one(w, r, blobs, name, data)
	}
}

func (f *fake) one(w http.ResponseWriter, r *http.Request, blobs map[string]object, name string, data []byte) {
	o, ok := blobs[name]
	isMatch, isNoneMatch := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case !ok && r.Method != http.MethodPut:
		refuse(w, http.StatusNotFound, "BlobNotFound")
	case isMatch != "" && (!ok || isMatch != quote(o.etag)):
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
	case isNoneMatch == "*" && ok:
		refuse(w, http.StatusConflict, "BlobAlreadyExists")
	case isNoneMatch != "" && ok && isNoneMatch == quote(o.etag):
		refuse(w, http.StatusNotModified, "ConditionNotMet")
	case r.Method == http.MethodPut:
		f.version++
		o = object{data: data, etag: fmt.Sprintf("0x8DC%012X", f.version), updated: time.Now().UTC()}
		blobs[name] = o
		w.Header().Set("ETag", quote(o.etag))
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodDelete:
		delete(blobs, name)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("ETag", quote(o.etag))
		w.Header().Set("Last-Modified", o.updated.Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
		w.Write(o.data)
	}
}

func quote(s string) string { return `"` + s + `"` }

type listing struct {
	XMLName    xml.Name `xml:"EnumerationResults"`
	Blobs      []item   `xml:"Blobs>Blob"`
	NextMarker string
}

type item struct {
	Name       string
	Properties properties
}

type properties struct {
	LastModified  string `xml:"Last-Modified"`
	Etag          string
	ContentLength int64  `xml:"Content-Length"`
	BlobType      string `xml:"BlobType"`
}

func list(w http.ResponseWriter, q url.Values, blobs map[string]object) {
	limit, err := strconv.Atoi(q.Get("maxresults"))
	if err != nil {
		limit = 5000
	}
	var out listing
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		if !strings.HasPrefix(name, q.Get("prefix")) || name < q.Get("marker") {
			continue
		}
		if len(out.Blobs) == limit {
			out.NextMarker = name
			break
		}
		o := blobs[name]
		out.Blobs = append(out.Blobs, item{name, properties{o.updated.Format(http.TimeFormat), o.etag, int64(len(o.data)), "BlockBlob"}})
	}
	w.Header().Set("Content-Type", "application/xml")
	io.WriteString(w, xml.Header)
	xml.NewEncoder(w).Encode(out)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if status != http.StatusNotModified {
		fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>no</Message></Error>", xml.Header, code)
	}
}
