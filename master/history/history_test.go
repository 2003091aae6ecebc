package history

import (
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func app(process string) *state.App {
	return &state.App{Name: "web", ToProcess: process, KillSignal: 15, Start: true}
}

func TestSame(t *testing.T) {
	base := New(app("v1"), &state.Choreo{App: "web", Query: "*", Scale: 2})
	for _, tt := range []struct {
		name string
		r    *state.Revision
		same bool
	}{
		{"no choreography is one for all nodes", New(app("v1"), nil), true},
		{"another scale", New(app("v1"), &state.Choreo{App: "web", Query: "*", Scale: 5}), true},
		{"stopped and restarted", New(&state.App{Name: "web", ToProcess: "v1", KillSignal: 15, RestartToken: "x"}, nil), true},
		{"another process", New(app("v2"), nil), false},
		{"another query", New(app("v1"), &state.Choreo{App: "web", Query: "tag", Scale: 2}), false},
	} {
		if got := Same(base, tt.r); got != tt.same {
			t.Errorf("%s: same is %v", tt.name, got)
		}
	}
}

func TestEarlier(t *testing.T) {
	entry := func(n int64, process string, good, failed bool) Entry {
		e := Entry{Revision: *New(app(process), nil)}
		if e.Revision.Revision = n; good {
			e.GoodAt = time.Unix(1, 0)
		}
		if failed {
			e.Failed = &state.RevisionFailure{}
		}
		return e
	}
	broken := Entry{Revision: state.Revision{Revision: 3}, Error: "no JSON"}
	for _, tt := range []struct {
		name string
		all  []Entry // newest first
		now  *state.Revision
		want int64
	}{
		{"none", nil, New(app("v1"), nil), 0},
		{"only what it is now", []Entry{entry(1, "v1", true, false)}, New(app("v1"), nil), 0},
		{"the last good one", []Entry{entry(4, "v4", false, false), entry(3, "v3", false, false), entry(2, "v2", true, false)}, New(app("v4"), nil), 2},
		{"what it is now, further back", []Entry{entry(3, "v1", true, false), entry(2, "v2", true, false), entry(1, "v1", true, false)}, New(app("v1"), nil), 2},
		{"never a good one", []Entry{entry(3, "v3", false, false), entry(2, "v2", false, false), entry(1, "v1", false, false)}, New(app("v3"), nil), 2},
		{"one that failed is passed over", []Entry{entry(3, "v3", false, false), entry(2, "v2", false, true), entry(1, "v1", false, false)}, New(app("v3"), nil), 1},
		{"one that cannot be read is passed over", []Entry{broken, entry(2, "v2", true, false)}, New(app("v4"), nil), 2},
		{"an app that cannot be read", []Entry{entry(2, "v2", false, false), entry(1, "v1", true, false)}, nil, 1},
	} {
		if got := Earlier(tt.all, tt.now); got != tt.want {
			t.Errorf("%s: revision %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Two masters write revisions of one app at the same time: none is lost, and none is written twice.
func TestRecordAfterAnotherMaster(t *testing.T) {
	ctx, s := t.Context(), &Store{Bucket: memstore.New(), CallTimeout: time.Minute, ListTimeout: time.Minute}
	at := time.Unix(1, 0).UTC()
	record := func(p *Past, process string) *Past {
		t.Helper()
		p, err := s.Record(ctx, p, New(app(process), nil), at)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	mine, other := record(NewPast("web", nil), "v1"), record(NewPast("web", nil), "v1")
	if mine.Last.Revision != 1 || other.Last.Revision != 1 {
		t.Fatalf("one content makes revisions %d and %d", mine.Last.Revision, other.Last.Revision)
	}
	record(other, "v2")
	if mine = record(mine, "v3"); mine.Last.Revision != 3 {
		t.Fatalf("v3 is revision %d", mine.Last.Revision)
	}
	good, err := s.Amend(ctx, mine, func(r *state.Revision) { r.GoodAt = at })
	if err != nil || good.Last.GoodAt != at || mine.Last.GoodAt == at {
		t.Fatalf("%+v, %v", good.Last, err)
	}
	stale, err := s.Amend(ctx, mine, func(r *state.Revision) { r.Failed = &state.RevisionFailure{} })
	if state.CodeOf(err) != state.Stale || stale.Last != nil {
		t.Fatalf("an amendment of what changed since: %+v, %v", stale.Last, err)
	}
	if again := record(stale, "v3"); again.Last.Revision != 3 || !again.Last.GoodAt.Equal(at) || !again.Proven {
		t.Errorf("read again: %+v", again)
	}
	all, err := s.Revisions(ctx, "web")
	if err != nil || len(all) != 3 || all[0].App.ToProcess != "v3" || all[2].App.ToProcess != "v1" || len(all[1].Changes) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
