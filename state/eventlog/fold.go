package eventlog

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"stathub/state"
)

// foldAfter events of one kind on one subject within foldWindow are told by themselves. The others are counted, and told
// by one event at the end of the window: an instance that crashes once a second must not fill the bucket. Of steps, which
// are each a thing of its own, it takes foldStepsAfter: only a program that runs wild makes so many.
const (
	foldAfter      = 3
	foldStepsAfter = 50
	foldWindow     = 5 * time.Minute
)

// topic is what repeats itself.
type topic struct{ kind, node, app, instance string }

// fold counts the events of a topic in one window.
type fold struct {
	since  time.Time
	told   int
	folded int
	last   *state.Event // of those that were folded
}

// folds holds the topics of which something was told of late.
type folds struct {
	of   map[topic]*fold
	due  time.Time              // when the first window ends; zero: there is none
	step func(kind string) bool // nil: no kind is one
}

// after gives how many events of a kind are told by themselves in a window.
func (f *folds) after(kind string) int {
	if f.step != nil && f.step(kind) {
		return foldStepsAfter
	}
	return foldAfter
}

// tell reports whether an event is told by itself. Else it is counted.
func (f *folds) tell(e state.Event, now time.Time) bool {
	t := topic{e.Kind, e.Node, e.App, e.Instance}
	of := f.of[t]
	if of == nil || of.folded == 0 && !now.Before(of.end()) {
		of = f.open(t, now, 0)
	}
	if of.told < f.after(t.kind) {
		of.told++
		return true
	}
	of.folded++
	of.last = &e
	return false
}

func (f *folds) open(t topic, now time.Time, told int) *fold {
	of := &fold{since: now, told: told}
	f.of[t] = of
	if f.due.IsZero() || of.end().Before(f.due) {
		f.due = of.end()
	}
	return of
}

func (of *fold) end() time.Time { return of.since.Add(foldWindow) }

// sums gives the events that sum up the windows that are over, or all, in the order of what was told last. A topic that
// went on counts without an event of its own until it is quiet for a whole window.
func (f *folds) sums(now time.Time, all bool) []state.Event {
	if !all && (f.due.IsZero() || now.Before(f.due)) {
		return nil
	}
	var sums []state.Event
	f.due = time.Time{}
	for t, of := range f.of {
		switch {
		case !all && now.Before(of.end()):
			if f.due.IsZero() || of.end().Before(f.due) {
				f.due = of.end()
			}
		case of.folded == 0:
			delete(f.of, t)
		default:
			sums = append(sums, of.sum(now))
			f.open(t, now, f.after(t.kind))
		}
	}
	slices.SortFunc(sums, func(a, b state.Event) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Node+a.App+a.Instance+a.Kind, b.Node+b.App+b.Instance+b.Kind)
	})
	return sums
}

func (of *fold) sum(now time.Time) state.Event {
	e := *of.last
	e.Count = of.folded
	if of.folded > 1 {
		e.Message = fmt.Sprintf("%s, %d times in the last %s", e.Message, of.folded, minutes(now.Sub(of.since)))
	}
	return e
}

func minutes(d time.Duration) string {
	if n := int(math.Round(d.Minutes())); n > 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return fmt.Sprintf("%d seconds", int(math.Ceil(d.Seconds())))
}
