package live

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stathub/web/rest"
)

func TestListenersHearTheirTopics(t *testing.T) {
	var h Hub
	one, all := h.Listen([]string{Node("n1")}), h.Listen([]string{Nodes, Plan})
	h.Changed(Nodes, Node("n2"))
	h.Changed(Nodes, Node("n2"))
	select {
	case <-one.C():
		t.Error("heard of another node")
	default:
	}
	<-all.C()
	select {
	case <-all.C():
		t.Error("two changes before it looked are two messages")
	default:
	}
	all.Close()
	h.Changed(Node("n1"), Nodes)
	<-one.C()
	if len(h.listeners) != 1 {
		t.Errorf("%d listeners are left", len(h.listeners))
	}
}

func TestStream(t *testing.T) {
	var h Hub
	stop := make(chan struct{})
	srv := httptest.NewServer(rest.NewRouter([]rest.Route{{Method: "GET", Path: "/live", Handler: h.Stream(stop)}}))
	defer srv.Close()
	if resp, err := http.Get(srv.URL + "/live"); err != nil || resp.StatusCode != 400 {
		t.Fatalf("without topics: %v %v", resp.Status, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+"/live?on=apps", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func(prefix string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), prefix) {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", prefix, lines.Err())
	}
	next(": connected")
	for range 3 {
		h.Changed(Apps)
		next("event: changed")
	}
	close(stop)
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Errorf("it was broken off: %v", lines.Err())
	}
}
