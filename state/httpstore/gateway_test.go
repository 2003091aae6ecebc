package httpstore_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

func serve(t *testing.T, store state.Store, o httpstore.Options) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(httpstore.Handler(store, o))
	t.Cleanup(srv.Close)
	return srv
}

// ask sends a request whose path is left as it is; headers are name, value, name, value, …
func ask(t *testing.T, srv *httptest.Server, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = path
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// No spelling of a path leads anywhere but to the key that it says, and Allow sees that key.
func TestPaths(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "leases/master.json", "secret")
	mustPut(t, store, "manifests/n1.json", "mine")
	srv := serve(t, store, httpstore.Options{Allow: func(_ *http.Request, op, key string) error {
		if strings.HasPrefix(key, "manifests/") {
			return nil
		}
		return state.Errorf(state.Denied, key, "not yours")
	}})
	for _, c := range []struct {
		name, path string
		status     int
	}{
		{"plain", "/state/manifests/n1.json", 200},
		{"escaped slash is a slash", "/state/manifests%2Fn1.json", 200},
		{"another's", "/state/leases/master.json", 403},
		{"dots", "/state/manifests/../leases/master.json", 400},
		{"escaped dots", "/state/manifests/%2e%2e/leases/master.json", 400},
		{"escaped dots and slashes", "/state/manifests%2F..%2Fleases%2Fmaster.json", 400},
		{"double slash", "/state//manifests/n1.json", 400},
		{"inner double slash", "/state/manifests//n1.json", 400},
		{"trailing slash", "/state/manifests/", 400},
		{"NUL", "/state/manifests/n1.json%00", 400},
		{"backslash", `/state/manifests%5C..%5Cleases`, 400},
		{"line break", "/state/manifests/a%0d%0aX-Evil:%201", 400},
		{"twice escaped", "/state/manifests/%252e%252e/leases", 404},
		{"elsewhere", "/other/manifests/n1.json", 400},
		{"a list that is not allowed", "/state/?prefix=leases/", 403},
		{"a watch that is not allowed", "/state/?watch=", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, text := ask(t, srv, "GET", c.path, "")
			if resp.StatusCode != c.status || strings.Contains(text, "secret") || resp.Header.Get("X-Evil") != "" {
				t.Errorf("%s, want %d: %s", resp.Status, c.status, text)
			}
			if _, known := state.ParseCode(resp.Header.Get("Stathub-Code")); known != (c.status != 200) {
				t.Errorf("the code header is %q", resp.Header.Get("Stathub-Code"))
			}
		})
	}
}

func TestMethods(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "apps/a.json", "text")
	srv := serve(t, store, httpstore.Options{})
	resp, text := ask(t, srv, "HEAD", "/state/apps/a.json", "")
	if etag := resp.Header.Get("ETag"); resp.StatusCode != 200 || resp.ContentLength != 4 || text != "" || etag == "" {
		t.Errorf("HEAD: %s, %d bytes, %q", resp.Status, resp.ContentLength, text)
	} else if resp, _ = ask(t, srv, "HEAD", "/state/apps/a.json", "", "If-None-Match", "W/"+etag); resp.StatusCode != 304 || resp.Header.Get("ETag") != etag {
		t.Errorf("HEAD with the ETag: %s, ETag %s", resp.Status, resp.Header.Get("ETag"))
	}
	if resp, _ := ask(t, srv, "HEAD", "/state/apps/none", ""); resp.StatusCode != 404 {
		t.Errorf("HEAD of a missing key: %s", resp.Status)
	}
	if resp, _ := ask(t, srv, "OPTIONS", "/state/apps/a.json", ""); resp.StatusCode != 204 || resp.Header.Get("Allow") == "" {
		t.Errorf("OPTIONS: %s", resp.Status)
	}
	for _, method := range []string{"POST", "PATCH", "TRACE", "BREW"} {
		if resp, _ := ask(t, srv, method, "/state/apps/a.json", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") == "" {
			t.Errorf("%s: %s", method, resp.Status)
		}
	}
}

// A condition that cannot be understood is never taken for none.
func TestUnclearConditionsWriteNothing(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "k", "old")
	srv := serve(t, store, httpstore.Options{})
	for _, h := range [][]string{
		{"If-Match", "*"}, {"If-Match", `"a"`, "If-Match", `"b"`}, {"If-Match", `"a", "b"`}, {"If-Match", `""`}, {"If-Match", `"open`},
		{"If-None-Match", `"a"`}, {"If-Match", `"a"`, "If-None-Match", "*"},
	} {
		for _, method := range []string{"PUT", "DELETE"} {
			if resp, _ := ask(t, srv, method, "/state/k", "new", h...); resp.StatusCode != 400 {
				t.Errorf("%s %q: %s, want 400", method, h, resp.Status)
			}
		}
	}
	if resp, _ := ask(t, srv, "PUT", "/state/k", "new", "If-None-Match", "*"); resp.StatusCode != 412 || resp.Header.Get("Stathub-Code") != "exists" {
		t.Errorf("a failed If-None-Match: %s, code %s", resp.Status, resp.Header.Get("Stathub-Code"))
	}
	if data, _, err := state.Read(t.Context(), store, "k", "", 10); string(data) != "old" {
		t.Errorf("the document is %q, %v", data, err)
	}
}

// counting tells how many watches are open.
type counting struct {
	*memstore.Store
	opened chan struct{}
}

func (c counting) Watch(ctx context.Context, prefix string) <-chan struct{} {
	defer func() { c.opened <- struct{}{} }()
	return c.Store.Watch(ctx, prefix)
}

// Held answers are bounded: past the bound a GET is answered at once, and a watch is refused with Retry-After. What the
// server holds ends when it stops.
func TestHeldAnswersAreBoundedAndEndWithTheServer(t *testing.T) {
	store := counting{memstore.New(), make(chan struct{}, 10)}
	mustPut(t, store, "k", "text")
	stop := make(chan struct{})
	srv := serve(t, store, httpstore.Options{MaxHeld: 2, Stop: stop})
	resp, _ := ask(t, srv, "GET", "/state/k", "")
	etag := resp.Header.Get("ETag")
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, _ := ask(t, srv, "GET", "/state/k", "", "If-None-Match", etag, "Prefer", "respond-async, wait=9999999999"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a held GET ends with %s", resp.Status)
		}
	})
	wg.Go(func() {
		if resp, text := ask(t, srv, "GET", "/state/?watch=", "", "Prefer", "wait=60"); resp.StatusCode != 200 || text != "watching\n" {
			t.Errorf("a watch ends with %s, %q", resp.Status, text)
		}
	})
	<-store.opened
	<-store.opened
	if resp, _ := ask(t, srv, "GET", "/state/k", "", "If-None-Match", etag, "Prefer", "wait=60"); resp.StatusCode != 304 {
		t.Errorf("a GET past the bound: %s", resp.Status)
	}
	if resp, _ := ask(t, srv, "GET", "/state/?watch=", "", "Prefer", "wait=60"); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a watch past the bound: %s", resp.Status)
	}
	close(stop)
	wg.Wait()
	srv.Config.SetKeepAlivesEnabled(false)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := srv.Config.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A client that goes away gives its place back.
func TestClientsThatLeaveAreForgotten(t *testing.T) {
	store := counting{memstore.New(), make(chan struct{}, 10)}
	srv := serve(t, store, httpstore.Options{MaxHeld: 1})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/state/?watch=", nil)
		var resp *http.Response
		for deadline := time.Now().Add(10 * time.Second); ; { // until the one before is noticed to be gone
			var err error
			if resp, err = http.DefaultClient.Do(req); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == 200 {
				break
			}
			resp.Body.Close()
			if time.Now().After(deadline) {
				t.Fatal("the place of a client that left is still taken")
			}
		}
		<-store.opened
		cancel()
		resp.Body.Close()
	}
}

// A server with short time limits does not end what is held, nor a watch.
func TestHeldPastTheTimeLimitsOfTheServer(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "k", "one")
	srv := httptest.NewUnstartedServer(httpstore.Handler(store, httpstore.Options{}))
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	srv.Start()
	defer srv.Close()
	resp, _ := ask(t, srv, "GET", "/state/k", "")
	etag := resp.Header.Get("ETag")
	if resp, _ = ask(t, srv, "GET", "/state/k", "", "If-None-Match", etag, "Prefer", "wait=1"); resp.StatusCode != 304 {
		t.Errorf("a GET that was held: %s", resp.Status)
	}
	if resp, text := ask(t, srv, "GET", "/state/?watch=", "", "Prefer", "wait=1"); resp.StatusCode != 200 || text != "watching\n" {
		t.Errorf("a watch: %s %q", resp.Status, text)
	}
}

// Bodies that lie about their length, or never end, leave nothing behind.
func TestBodiesOfAnAttacker(t *testing.T) {
	store := memstore.New()
	srv := serve(t, store, httpstore.Options{MaxBody: 3 << 20})
	for name, raw := range map[string]string{
		"said to be huge":  "PUT /state/k HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000000\r\n\r\nx",
		"breaks off":       "PUT /state/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
		"chunk breaks off": "PUT /state/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"endless chunks":   "PUT /state/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100000\r\n"+strings.Repeat("x", 1<<20)+"\r\n", 5),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			io.WriteString(conn, raw) // may fail: the server is free to hang up
			conn.(*net.TCPConn).CloseWrite()
			answer, _ := io.ReadAll(conn)
			if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
				t.Errorf("answer: %.100s", answer)
			}
		})
	}
	for e := range store.List(t.Context(), "") {
		t.Errorf("%s was written", e.Key)
	}
}

// Behind proxies that send no Content-Length, weaken ETags and hide the gateway's headers of a 304, all promises hold.
func TestContractBehindAProxy(t *testing.T) {
	dial := func(t *testing.T, n int) []state.Store {
		back, err := url.Parse(serve(t, memstore.New(), httpstore.Options{MaxBody: 64 << 20}).URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{
			FlushInterval: -1,
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(back) },
			ModifyResponse: func(r *http.Response) error {
				if etag := r.Header.Get("ETag"); etag != "" && !strings.HasPrefix(etag, "W/") {
					r.Header.Set("ETag", "W/"+etag)
				}
				if r.StatusCode == http.StatusNotModified {
					r.Header.Del("Stathub-Code")
				}
				r.Header.Del("Content-Length")
				r.ContentLength = -1
				return nil
			},
		}
		srv := httptest.NewServer(proxy)
		t.Cleanup(srv.Close)
		var all []state.Store
		for range n {
			all = append(all, open(t, srv.URL))
		}
		return all
	}
	storetest.RunWith(t, func(t *testing.T) state.Store { return dial(t, 1)[0] }, storetest.Options{
		Shared: dial, Hints: true, Increments: 10, Brief: true,
	})
}

// A proxy that cuts a document short without a length, or adds to it, is found out.
func TestDocumentsThatChangeOnTheWay(t *testing.T) {
	for name, text := range map[string]string{"shorter": "123", "longer": "1234567"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Stathub-Size", "5")
			io.WriteString(w, text)
		}))
		if data, _, err := state.Read(t.Context(), open(t, srv.URL), "a", "", 1000); state.CodeOf(err) != state.Unavailable {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		srv.Close()
	}
}

// What looks like the gateway but sends a code that this client does not know is a failure, not a success.
func TestListingOfANewerMaster(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"error":"x","code":"from-the-future"}`+"\n")
	}))
	defer srv.Close()
	for _, err := range open(t, srv.URL).List(t.Context(), "") {
		if state.CodeOf(err) != state.Unavailable {
			t.Errorf("%v has code %q", err, state.CodeOf(err))
		}
	}
}

// A redirect is not followed: it would carry documents elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	if _, err := state.Write(t.Context(), open(t, srv.URL), "a", []byte("x"), state.Condition{}); state.CodeOf(err) != state.Unavailable {
		t.Error(err)
	}
	if !slices.Equal(asked, []string{"/state/a"}) {
		t.Errorf("asked %q", asked)
	}
}

// slowReader fails the test when it is read after the Put that it was given to has ended.
type slowReader struct {
	*strings.Reader
	mu   sync.Mutex
	over bool
	late bool
}

func (s *slowReader) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = s.late || s.over
	return s.Reader.Read(p[:min(len(p), 1000)])
}

// An early answer ends the Put, and with it the use of the caller's reader.
func TestReaderIsLetGo(t *testing.T) {
	srv := serve(t, memstore.New(), httpstore.Options{Allow: func(_ *http.Request, _, key string) error {
		return state.Errorf(state.Denied, key, "no")
	}})
	s := open(t, srv.URL)
	for range 20 {
		r := &slowReader{Reader: strings.NewReader(strings.Repeat("x", 4<<20))}
		_, err := s.Put(t.Context(), "k", r, state.Condition{})
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		if code := state.CodeOf(err); code != state.Denied && code != state.Unavailable {
			t.Errorf("Put: %v", err)
		}
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.late {
				t.Error("the reader was used after its Put")
			}
		}()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A gateway that ends each watch at once is not asked again and again.
func TestWatchesThatEndAtOnce(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 1 {
			time.AfterFunc(500*time.Millisecond, cancel)
		}
		io.WriteString(w, "watching\n")
	}))
	defer srv.Close()
	for range open(t, srv.URL).Watch(ctx, "") {
	}
	if ctx.Err() == nil {
		t.Error("the watch ended before its context")
	}
	mu.Lock()
	defer mu.Unlock()
	if asked > 2 {
		t.Errorf("asked %d times in half a second", asked)
	}
}
