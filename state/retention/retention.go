// Package retention removes what happened long ago from the bucket, daily: events, the last output of crashes, and manifests
// that could not be read. Whose bucket it is does that: a master, or an agent without one. Nothing is removed but documents
// whose key has the very form of state.EventKey, state.CrashKey or state.RejectedKey, and only in the revision that was seen.
package retention

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
	"golang.org/x/sync/errgroup"

	"stathub/state"
)

// Ages after which things are removed where nobody says otherwise, in days.
const (
	EventDays = 7
	CrashDays = 30

	RejectedDays = 30
)

// Options say what to remove. Store is needed.
type Options struct {
	Store     state.Store
	Log       *slog.Logger // nil: none
	EventDays int          // age of a day's events, in days; 0: they are kept for ever
	CrashDays int          // age of a crash, in days; 0: they are kept for ever

	RejectedDays int // age of a manifest that could not be read, in days; 0: they are kept for ever
}

const (
	daily       = "17 3 * * *" // local time: when little happens
	again       = time.Hour    // after a failure
	parallel    = 8            // requests at one time
	listTimeout = 10 * time.Minute
	callTimeout = 30 * time.Second
)

// Run removes what is too old at once, and then daily, until ctx ends. What goes wrong is logged, and tried again.
func Run(ctx context.Context, o Options) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.EventDays <= 0 && o.CrashDays <= 0 && o.RejectedDays <= 0 {
		return
	}
	schedule, err := cron.ParseStandard(daily)
	if err != nil {
		panic("retention: " + err.Error()) // a constant
	}
	for {
		now := time.Now()
		events, crashes, err := Sweep(ctx, o, now)
		if events+crashes > 0 {
			o.Log.Info("removed what is too old", "batchesOfEvents", events, "crashes", crashes)
		}
		next := schedule.Next(now)
		if err != nil && ctx.Err() == nil {
			o.Log.Warn("cannot remove old events and crashes; trying again", "error", err, "after", again)
			next = now.Add(again)
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Sweep removes what is too old at now once, and gives how many documents that were. Those that somebody else removed or
// changed meanwhile do not count.
func Sweep(ctx context.Context, o Options, now time.Time) (events, crashes int, err error) {
	if o.EventDays > 0 {
		// Keys sort by day: the listing ends where the days do that are to be removed.
		before := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -o.EventDays)
		events, err = remove(ctx, o.Store, state.KindEvents.Prefix(), func(key string) verdict {
			day, _, ok := state.ParseEventKey(key)
			switch {
			case !ok:
				return keep
			case day.Before(before):
				return drop
			default:
				return enough
			}
		})
	}
	if o.CrashDays > 0 && err == nil {
		before := now.AddDate(0, 0, -o.CrashDays)
		crashes, err = remove(ctx, o.Store, state.KindCrash.Prefix(), func(key string) verdict {
			if at, ok := crashTime(key); ok && at.Before(before) {
				return drop
			}
			return keep
		})
	}
	if o.RejectedDays > 0 && err == nil {
		before := now.AddDate(0, 0, -o.RejectedDays)
		_, err = remove(ctx, o.Store, state.KindRejected.Prefix(), func(key string) verdict {
			if _, at, ok := state.ParseRejectedKey(key); ok && at.Before(before) {
				return drop
			}
			return keep
		})
	}
	return events, crashes, err
}

func crashTime(key string) (time.Time, bool) {
	_, name, ok := state.ParseCrashKey(key)
	if !ok {
		return time.Time{}, false
	}
	_, _, at, ok := state.ParseCrashName(name)
	return at, ok
}

// verdict is what is to be done about a key.
type verdict int

const (
	keep   verdict = iota
	drop           // it is too old
	enough         // neither it nor what comes after it in the listing is
)

// remove drops documents under a prefix.
func remove(ctx context.Context, s state.Store, prefix string, judge func(key string) verdict) (int, error) {
	old, err := find(ctx, s, prefix, judge)
	if err != nil {
		return 0, err
	}
	var removed atomic.Int64
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, e := range old {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			err := s.Delete(ctx, e.Key, e.ETag)
			switch state.CodeOf(err) {
			case "":
				removed.Add(1)
				return nil
			case state.NotFound, state.Stale:
				return nil
			default:
				return err
			}
		})
	}
	err = g.Wait()
	return int(removed.Load()), err
}

func find(ctx context.Context, s state.Store, prefix string, judge func(key string) verdict) (old []state.Entry, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for e, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		switch judge(e.Key) {
		case drop:
			old = append(old, e)
		case enough:
			return old, nil
		}
	}
	return old, nil
}
