package health

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
)

// probe is a check of a port that waits as long as a loaded machine may need.
func probe(protocol string, port int) Probe {
	return Probe{Check: state.HealthCheck{Protocol: protocol, TimeoutSeconds: 20}, Ports: []int{port}}
}

func (p Probe) path(path string) Probe {
	p.Check.Path = path
	return p
}

func (p Probe) within(seconds float64) Probe {
	p.Check.TimeoutSeconds = seconds
	return p
}

func portOf(t *testing.T, addr net.Addr) int {
	t.Helper()
	return addr.(*net.TCPAddr).Port
}

func serve(t *testing.T, h http.HandlerFunc) int {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return portOf(t, s.Listener.Addr())
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// closedPort is one that nobody listens on.
func closedPort(t *testing.T) int {
	l := listen(t, "127.0.0.1:0")
	_ = l.Close()
	return portOf(t, l.Addr())
}

func TestHTTPStatuses(t *testing.T) {
	port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", r.URL.Path) // a redirect to itself
		w.WriteHeader(code)
		if code >= 400 {
			fmt.Fprintf(w, "the database\n  is %s\x00\xff", "away")
		}
	})
	c := NewChecker(Options{})
	for _, tt := range []struct {
		code    int
		ok      bool
		message string
	}{
		{200, true, "200 OK"}, {204, true, "204 No Content"}, {299, true, "299 status code 299"},
		{301, true, "301 Moved Permanently"}, {302, true, "302 Found"}, {304, true, "304 Not Modified"}, {399, true, "399 status code 399"},
		{400, false, "400 Bad Request: the database is away\x00\uFFFD"}, {404, false, "404 Not Found: the database is away\x00\uFFFD"},
		{500, false, "500 Internal Server Error: the database is away\x00\uFFFD"}, {503, false, "503 Service Unavailable: the database is away\x00\uFFFD"},
	} {
		out := c.Check(t.Context(), probe(HTTP, port).path(fmt.Sprintf("/%d", tt.code)))
		if out.OK != tt.ok || out.Code != tt.code || out.Message != tt.message {
			t.Errorf("%d: %+v", tt.code, out)
		}
	}
}

// A page for browsers is not quoted: its first line is markup.
func TestHTTPPageIsNotQuoted(t *testing.T) {
	port := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		fmt.Fprint(w, "\n<!DOCTYPE html>\n<title>gone</title>")
	})
	if out := NewChecker(Options{}).Check(t.Context(), probe(HTTP, port)); out.OK || out.Message != "404 Not Found" {
		t.Errorf("%+v", out)
	}
}

func TestHTTPRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	port := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r })
	c := NewChecker(Options{})
	for path, want := range map[string]string{
		"": "/", "/": "/", "/health?deep=1&x=a b": "/health?deep=1&x=a%20b", "//other.host/x": "//other.host/x", "/@evil": "/@evil", "/a b": "/a%20b",
	} {
		if out := c.Check(t.Context(), probe(HTTP, port).path(path)); !out.OK {
			t.Fatalf("%q: %+v", path, out)
		}
		r := <-got
		if r.Method != http.MethodGet || r.RequestURI != want || r.Host != fmt.Sprintf("127.0.0.1:%d", port) ||
			r.UserAgent() != "stathub-agent-health" || !r.Close {
			t.Errorf("%q: %s %s of %s by %s, close %v", path, r.Method, r.RequestURI, r.Host, r.UserAgent(), r.Close)
		}
	}
}

func TestProxySettingsAreNotHeeded(t *testing.T) {
	t.Setenv("HTTP_PROXY", fmt.Sprintf("http://127.0.0.1:%d", closedPort(t)))
	if out := NewChecker(Options{}).Check(t.Context(), probe(HTTP, serve(t, func(http.ResponseWriter, *http.Request) {}))); !out.OK {
		t.Errorf("%+v", out)
	}
}

func TestHTTPBodies(t *testing.T) {
	endless := strings.Repeat("x", 1<<20)
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		within  float64
		ok      bool
		code    int
		message string
	}{
		"huge": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil { // ends when the other side hangs up
				if _, err := io.WriteString(w, endless); err != nil {
					return
				}
			}
		}, 20, true, 200, "200 OK"},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "so far")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 2, false, 200, "200 OK: the answer was not complete within 2s"},
		"no header": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 2, false, 0, "no answer within 2s"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		}, 20, false, 200, "200 OK: the answer broke off: unexpected EOF"},
		"bad and slow": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "so far")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 2, false, 500, "500 Internal Server Error: so far"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			port := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				tt.handler(w, r)
			})
			out := NewChecker(Options{}).Check(t.Context(), probe(HTTP, port).within(tt.within))
			if out.OK != tt.ok || out.Code != tt.code || out.Message != tt.message {
				t.Errorf("%+v", out)
			}
			<-gone // the connection was closed, not kept
		})
	}
}

func TestHTTPSDoesNotAskWhoItIs(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	port := portOf(t, s.Listener.Addr())
	c := NewChecker(Options{})
	if out := c.Check(t.Context(), probe(HTTPS, port)); !out.OK || out.Code != 204 {
		t.Errorf("self-signed certificate: %+v", out)
	}
	if out := c.Check(t.Context(), probe(HTTP, port)); out.OK || out.Code != 400 {
		t.Errorf("HTTP to an HTTPS port: %+v", out)
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	if out := c.Check(t.Context(), probe(HTTPS, plain)); out.OK || out.Code != 0 || out.Message == "" {
		t.Errorf("HTTPS to an HTTP port: %+v", out)
	}
}

func TestWhatIsNotHTTP(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "garbage": "SSH-2.0-OpenSSH\r\n", "endless header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, answer)
			}()
			if out := NewChecker(Options{}).Check(t.Context(), probe(HTTP, portOf(t, l.Addr()))); out.OK || out.Message == "" || len(out.Message) > maxMessage+3 {
				t.Errorf("%+v", out)
			}
		})
	}
}

func TestConnectionThatNobodyAccepts(t *testing.T) {
	l := listen(t, "127.0.0.1:0") // the kernel completes the connection, the program never looks
	port := portOf(t, l.Addr())
	c := NewChecker(Options{})
	if out := c.Check(t.Context(), probe(TCP, port)); !out.OK {
		t.Errorf("TCP: %+v", out)
	}
	if out := c.Check(t.Context(), probe(HTTP, port).within(0.1)); out.OK || out.Message != "no answer within 100ms" {
		t.Errorf("HTTP: %+v", out)
	}
	if out := c.Check(t.Context(), probe(HTTPS, port).within(0.1)); out.OK || out.Message != "no answer within 100ms" {
		t.Errorf("HTTPS: %+v", out)
	}
}

func TestRefusedConnections(t *testing.T) {
	port := closedPort(t)
	for _, protocol := range []string{HTTP, HTTPS, TCP} {
		out := NewChecker(Options{}).Check(t.Context(), probe(protocol, port))
		if out.OK || out.Code != 0 || !strings.Contains(out.Message, fmt.Sprintf("127.0.0.1:%d", port)) || !strings.Contains(out.Message, "refused") {
			t.Errorf("%s: %+v", protocol, out)
		}
	}
}

func TestListenersOnIPv6Only(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	_ = s.Listener.Close()
	s.Listener = listen(t, "[::1]:0")
	s.Start()
	t.Cleanup(s.Close)
	for _, protocol := range []string{TCP, HTTP} {
		if out := NewChecker(Options{}).Check(t.Context(), probe(protocol, portOf(t, s.Listener.Addr()))); !out.OK {
			t.Errorf("%s: %+v", protocol, out)
		}
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	for name, p := range map[string]Probe{
		"no such port":     {Check: state.HealthCheck{Protocol: HTTP, PortIndex: 2}, Ports: []int{80, 81}},
		"negative index":   {Check: state.HealthCheck{Protocol: TCP, PortIndex: -1}, Ports: []int{80}},
		"port not chosen":  {Check: state.HealthCheck{Protocol: HTTPS}, Ports: []int{0}},
		"bad escape":       probe(HTTP, 80).path("/%zz"),
		"control code":     probe(HTTP, 80).path("/\r\nX: y"),
		"unknown protocol": probe("ICMP", 80),
		"no command":       {Check: state.HealthCheck{Protocol: Command}},
	} {
		t.Run(name, func(t *testing.T) {
			if out := NewChecker(Options{}).Check(t.Context(), p); out.OK || out.Message == "" {
				t.Errorf("%+v", out)
			}
			_ = p.Target() // says something, whatever it is
		})
	}
}

func TestCancelEndsNetworkChecksAtOnce(t *testing.T) {
	arrived := make(chan struct{})
	port := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	begin := time.Now()
	if out := NewChecker(Options{}).Check(ctx, probe(HTTP, port).within(600)); out.OK {
		t.Errorf("%+v", out)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestNoConnectionIsKept(t *testing.T) {
	var open atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }))
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		switch st {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := NewChecker(Options{})
	for range 100 {
		if out := c.Check(t.Context(), probe(HTTP, portOf(t, s.Listener.Addr()))); !out.OK {
			t.Fatalf("%+v", out)
		}
	}
	eventually(t, "connections to close", func() bool { return open.Load() == 0 })
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
