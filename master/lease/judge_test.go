package lease

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

func TestJudge(t *testing.T) {
	me := owner{"m1", "s1"}
	held := func(holder, session string, term int64) *state.Lease {
		return &state.Lease{Holder: holder, Session: session, Term: term, Process: "elsewhere"}
	}
	other := held("m2", "s2", 5)
	dead := held("m2", "s2", 5)
	dead.Process = "dead"
	for _, tt := range []struct {
		name  string
		sight sight
		held  int64
		leads bool
		known int64
		after time.Duration // since the revision was first seen
		want  int64         // term to write; 0: wait
		why   string
	}{
		{name: "a new bucket", want: 1},
		{name: "no lease, but traces of a term", known: 7, want: 0, why: "gone"},
		{name: "no lease, traces, and time has passed", known: 7, after: ttl, want: 8},
		{name: "the lease is gone", sight: sight{ever: true, high: 3}, want: 0, why: "gone"},
		{name: "the lease is gone for long", sight: sight{ever: true, high: 3}, after: ttl, want: 4},
		{name: "the leader's lease is gone", sight: sight{ever: true, high: 3}, leads: true, want: 4},
		{name: "another one leads", sight: sight{etag: "e", lease: other, high: 5}, want: 0},
		{name: "another one is quiet", sight: sight{etag: "e", lease: other, high: 5}, after: 9 * time.Second, want: 0, why: "m2 was not heard of for 9 s; this master takes over in 1 s"},
		{name: "another one is silent", sight: sight{etag: "e", lease: other, high: 5}, after: ttl, want: 6},
		{name: "a higher term is known", sight: sight{etag: "e", lease: other, high: 5}, known: 9, after: ttl, want: 10},
		{name: "a higher term was seen: an old copy was put back", sight: sight{etag: "e", lease: other, high: 20}, after: ttl, want: 21},
		{name: "another one's process has ended", sight: sight{etag: "e", lease: dead, high: 5}, want: 6},
		{name: "given back", sight: sight{etag: "e", lease: held("", "s2", 5), high: 5}, want: 6},
		{name: "mine", sight: sight{etag: "e", lease: held("m1", "s1", 5), high: 5}, held: 5, leads: true, want: 5},
		{name: "mine, and time has run out", sight: sight{etag: "e", lease: held("m1", "s1", 5), high: 5}, held: 5, want: 6},
		{name: "mine, as an answer that was lost would have told", sight: sight{etag: "e", lease: held("m1", "s1", 5), high: 5}, want: 5},
		{name: "mine, but agents know a higher term", sight: sight{etag: "e", lease: held("m1", "s1", 5), high: 5}, known: 8, want: 9},
		{name: "mine, but another one led since", sight: sight{etag: "e", lease: held("m1", "s1", 5), high: 6}, want: 7},
		{name: "of my name", sight: sight{etag: "e", lease: held("m1", "s0", 5), high: 5}, want: 0},
		{name: "unreadable", sight: sight{etag: "e", broken: errors.New("is not JSON"), high: 5}, want: 0, why: "is not JSON"},
		{name: "unreadable for long", sight: sight{etag: "e", broken: errors.New("is not JSON"), high: 5}, after: ttl, want: 6},
		{name: "the leader's lease is unreadable", sight: sight{etag: "e", broken: errors.New("is not JSON"), high: 5}, leads: true, want: 6},
		{name: "a term that nobody can exceed", known: 1<<63 - 1, want: 1},
		{name: "the highest term", sight: sight{etag: "e", lease: held("m2", "s2", maxTerm), high: maxTerm}, after: ttl, want: maxTerm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.sight.at = time.Hour
			v := tt.sight.judge(me, tt.held, tt.leads, tt.known, time.Hour+tt.after, func(p string) bool { return p == "dead" })
			if v.write != (tt.want > 0) || v.write && v.term != tt.want || !strings.Contains(v.why, tt.why) {
				t.Errorf("verdict %+v, want term %d and %q", v, tt.want, tt.why)
			}
			if !v.write && (v.wait <= 0 || v.wait > ttl) {
				t.Errorf("it waits %s", v.wait)
			}
		})
	}
}
