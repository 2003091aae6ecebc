package master

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

func TestNameOfAMaster(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 51026}
	if name := (&Options{MasterName: "m1"}).name(at); name != "m1" {
		t.Errorf("the name is %q", name)
	}
	name := (&Options{}).name(at)
	if err := state.CheckName(name); err != nil || !strings.HasSuffix(name, "-51026") {
		t.Errorf("the name is %q: %v", name, err)
	}
	for host, want := range map[string]string{
		"web1": "web1", "web1.example.com": "web1.example.com", "Büro 7": "B-ro-7", "": "master", "_x": "x", "北京": "master",
		strings.Repeat("a", 80): strings.Repeat("a", 57),
	} {
		got := hostPart(host)
		if got != want {
			t.Errorf("of host %q it is %q, want %q", host, got, want)
		}
		if err := state.CheckName(got + "-65535"); err != nil {
			t.Error(err)
		}
	}
}

func TestAddressOfAMaster(t *testing.T) {
	if got := address(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 80}); got != "http://10.0.0.7:80" {
		t.Errorf("it is %q", got)
	}
	if got := address(&net.TCPAddr{IP: net.IPv6zero, Port: 80}); strings.Contains(got, "[::]") || !strings.HasSuffix(got, ":80") {
		t.Errorf("it is %q", got)
	}
}

// Two masters over one bucket: one leads, both say so, and the other one leads when it stops.
func TestMasterAPI(t *testing.T) {
	store := memstore.New()
	a := startReady(t, store)
	type who struct {
		Name   string
		Leads  bool
		Leader *struct {
			Holder, Address, Expiry string
			Term                    int64
		}
		Note string
	}
	ask := func(r *running) (w who) {
		r.want(http.StatusOK, "GET", "/v1/master", "").into(t, &w)
		return w
	}
	a.until("leading", func() bool { return ask(a).Leads })
	b := startReady(t, store)
	b.until("following", func() bool { w := ask(b); return !w.Leads && w.Leader != nil })
	if w := ask(b); w.Leader.Address != a.url || w.Leader.Term != 1 || w.Leader.Expiry == "" || w.Name == "" {
		t.Errorf("the follower says %+v", w)
	}
	if page := b.do("GET", "/", "").body; !strings.Contains(page, `follows <a href="`+a.url+`"`) {
		t.Errorf("the follower's page does not say who leads: %s", page)
	}
	if page := a.do("GET", "/", "").body; !strings.Contains(page, "term 1") {
		t.Errorf("the leader's page does not say that it leads: %s", page)
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	b.until("leading", func() bool { w := ask(b); return w.Leads && w.Leader.Term == 2 })
	b.until("telling", func() bool {
		return strings.Contains(b.do("GET", "/v1/event/_search?q=kind:master.leads+AND+message:2", "").body, "master.leads")
	})
}
