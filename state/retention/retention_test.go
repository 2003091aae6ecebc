package retention

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

const ulid = "01ARYZ6S41TSV4RRFFQ69G5FAV"

func fill(t *testing.T, s state.Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := state.Write(t.Context(), s, key, []byte("x"), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
}

func keys(t *testing.T, s state.Store) (all []string) {
	t.Helper()
	for e, err := range s.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Key)
	}
	return all
}

func TestSweep(t *testing.T) {
	now := time.Date(2026, 3, 10, 4, 0, 0, 0, time.UTC)
	kept := []string{
		"apps/2026-01-01.json",
		"crashes/n/a.0-20260208T050000Z.txt", // younger than 30 days by an hour
		"crashes/n/a.0-20260101T000000Z.txt.bak",
		"crashes/n/notes-20260101T000000Z.txt",
		"crashes/n/sub/a.0-20260101T000000Z.txt",
		"events/.DS_Store",
		"events/2026-01-01/n/notes.txt",
		"events/2026-01-01/readme.jsonl",
		"events/2026-03-03/n/" + ulid + ".jsonl", // seven days
		"events/2026-03-10/n/" + ulid + ".jsonl",
		"events/2031-01-01/n/" + ulid + ".jsonl",
		"rejected/n/20260101T000000Z-0123abcd.json.bak",
		"rejected/n/20260101T000000Z-short.json",
		"rejected/n/20260208T050000Z-0123abcd.json",
		"reports/n.json",
	}
	s := memstore.New()
	fill(t, s, kept...)
	fill(t, s,
		"rejected/n/20260208T030000Z-0123abcd.json", "rejected/m/20200101T000000Z-0123abcd.json",
		"crashes/n/a.0-20260208T030000Z.txt", "crashes/m/b.c.12-20200101T000000Z.txt",
		"events/1970-01-01/n/"+ulid+".jsonl", "events/2026-01-01/n/"+ulid+".jsonl", "events/2026-03-02/n/"+ulid+".jsonl", "events/2026-03-02/m/"+ulid+".jsonl")
	events, crashes, err := Sweep(t.Context(), Options{Store: s, EventDays: 7, CrashDays: 30, RejectedDays: 30}, now)
	if err != nil || events != 4 || crashes != 2 {
		t.Errorf("%d events, %d crashes, %v", events, crashes, err)
	}
	slices.Sort(kept)
	if got := keys(t, s); !slices.Equal(got, kept) {
		t.Errorf("left:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(kept, "\n"))
	}
	if events, crashes, err := Sweep(t.Context(), Options{Store: s}, now.AddDate(50, 0, 0)); events+crashes != 0 || err != nil {
		t.Errorf("for ever: %d events, %d crashes, %v", events, crashes, err)
	}
}

// What somebody wrote anew between the listing and the removal stays.
func TestOnlyWhatWasSeen(t *testing.T) {
	s := memstore.New()
	key := "events/2026-01-01/n/" + ulid + ".jsonl"
	fill(t, s, key)
	once := true
	s.Fail(func(op, _ string) error {
		if op == "delete" && once {
			once = false
			_, err := state.Write(context.Background(), s, key, []byte("other"), state.Condition{})
			return err
		}
		return nil
	})
	events, _, err := Sweep(t.Context(), Options{Store: s, EventDays: 7}, time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))
	if err != nil || events != 0 || len(keys(t, s)) != 1 {
		t.Errorf("%d removed, %v; left: %v", events, err, keys(t, s))
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		today := func(days int) string { return state.EventKey(time.Now().AddDate(0, 0, -days), "n", ulid) }
		fill(t, s, today(9), today(7), today(1))
		s.Fail(func(op, _ string) error { return errors.New("no route to host") })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); Run(ctx, Options{Store: s, EventDays: 7}) }()
		synctest.Wait()
		s.Fail(nil)
		if n := len(keys(t, s)); n != 3 {
			t.Errorf("%d documents while the bucket was away", n)
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{again + time.Minute, 2}, {2 * 24 * time.Hour, 1}, {3 * 24 * time.Hour, 1}, {5 * 24 * time.Hour, 0}} {
			time.Sleep(step.wait)
			synctest.Wait()
			if n := len(keys(t, s)); n != step.want {
				t.Errorf("%d documents after %v more, want %d", n, step.wait, step.want)
			}
		}
		lists := s.Counts()["list"]
		if lists > 20 {
			t.Errorf("%d listings in ten days", lists)
		}
		cancel()
		<-done
	})
}
