package circuit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/circuit"
	"stathub/state/memstore"
)

// patchy is a bucket that answers late or badly. Each call, each page of two keys, and each read of a body takes delay.
type patchy struct {
	*memstore.Store
	delay time.Duration
	fails error // of every call
	calls atomic.Int64
	waits []time.Duration // what each Get was asked to wait
}

func newPatchy(keys ...string) *patchy {
	p := &patchy{Store: memstore.New()}
	for _, k := range keys {
		if _, err := state.Write(context.Background(), p.Store, k, []byte("text of "+k), state.Condition{}); err != nil {
			panic(err)
		}
	}
	return p
}

func (p *patchy) step(ctx context.Context, key string, more time.Duration) error {
	select {
	case <-ctx.Done():
		return state.Errorf(state.Unavailable, key, "no answer: %w", context.Cause(ctx))
	case <-time.After(p.delay + more):
		return p.fails
	}
}

func (p *patchy) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	p.calls.Add(1)
	p.waits = append(p.waits, state.WaitOf(ctx))
	if err := p.step(ctx, key, state.WaitOf(ctx)); err != nil {
		return nil, err
	}
	o, err := p.Store.Get(ctx, key, etag)
	if err == nil {
		o.Body = &slowBody{o.Body, p, ctx}
	}
	return o, err
}

type slowBody struct {
	io.ReadCloser
	p   *patchy
	ctx context.Context
}

func (b *slowBody) Read(buf []byte) (int, error) {
	if err := b.p.step(b.ctx, "body", 0); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(buf[:min(len(buf), 4)])
}

func (p *patchy) Put(ctx context.Context, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error) {
	p.calls.Add(1)
	if err := p.step(ctx, key, 0); err != nil {
		return "", err
	}
	return p.Store.Put(ctx, key, body, c)
}

func (p *patchy) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		p.calls.Add(1)
		n := 0
		for e, err := range p.Store.List(ctx, prefix) {
			if n++; n%2 == 1 {
				if err := p.step(ctx, prefix, 0); err != nil {
					yield(state.Entry{}, err)
					return
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errAway = state.Errorf(state.Unavailable, "", "connection refused")

func read(ctx context.Context, s state.Store, key string) (string, error) {
	data, _, err := state.Read(ctx, s, key, "", 1000)
	return string(data), err
}

func put(ctx context.Context, s state.Store) error {
	_, err := s.Put(ctx, "apps/a.json", bytes.NewReader([]byte("x")), state.Condition{})
	return err
}

func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func even() float64 { return 0.5 }

func TestWhatOpensTheCircuit(t *testing.T) {
	cancelled := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx
	}
	within := func(d time.Duration) func(context.Context) context.Context {
		return func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(ctx, d)
			context.AfterFunc(ctx, cancel)
			return ctx
		}
	}
	for name, c := range map[string]struct {
		fails  error
		delay  time.Duration
		caller func(context.Context) context.Context
		opens  bool
	}{
		"out of reach":                      {fails: errAway, opens: true},
		"no answer":                         {delay: time.Hour, opens: true},
		"no answer in the caller's time":    {delay: time.Hour, caller: within(3 * time.Second), opens: true},
		"no answer to a caller in a hurry":  {delay: time.Hour, caller: within(time.Second)},
		"the caller cancels":                {delay: time.Hour, caller: cancelled},
		"not found":                         {fails: state.Errorf(state.NotFound, "", "none")},
		"not modified":                      {fails: state.Errorf(state.NotModified, "", "same")},
		"another writer was first":          {fails: state.Errorf(state.Stale, "", "changed")},
		"exists":                            {fails: state.Errorf(state.Exists, "", "there")},
		"refused":                           {fails: state.Errorf(state.Denied, "", "no credentials")},
		"too large":                         {fails: state.Errorf(state.TooLarge, "", "8 MiB")},
		"slow, but within the deadline":     {delay: 4 * time.Second},
		"a failure of ours, not the bucket": {fails: errors.New("broken body")},
	} {
		bubble(t, name, func(t *testing.T) {
			p := newPatchy("apps/a.json")
			p.fails, p.delay = c.fails, c.delay
			s := circuit.New(p, circuit.Options{Jitter: even})
			for range 12 {
				ctx := t.Context()
				if c.caller != nil {
					ctx = c.caller(ctx)
				}
				if err := put(ctx, s); (err == nil) != (c.fails == nil && c.delay < 10*time.Second) {
					t.Fatalf("Put: %v", err)
				}
				time.Sleep(300 * time.Millisecond)
			}
			if st := s.State(); st.Open != c.opens {
				t.Errorf("open: %v, want %v: %+v", st.Open, c.opens, st)
			}
		})
	}
}

func TestOpenFailsAtOnceAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatchy("apps/a.json", "artifacts/x")
		s := circuit.New(p, circuit.Options{Jitter: even})
		if _, err := read(t.Context(), s, "apps/a.json"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.fails = errAway
		for !s.State().Open {
			put(t.Context(), s)
			time.Sleep(200 * time.Millisecond)
		}
		st := s.State()
		if !st.Since.Equal(began) || !strings.Contains(st.Err, "connection refused") || time.Until(st.Retry) > 3*time.Second {
			t.Errorf("state %+v, away since %s", st, began)
		}
		asked, at := p.calls.Load(), time.Now()
		_, err := read(t.Context(), s, "apps/a.json")
		if state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "out of reach since "+began.UTC().Format("15:04:05")) ||
			!strings.Contains(err.Error(), "is asked again at "+st.Retry.UTC().Format("15:04:05")) {
			t.Errorf("while open: %v", err)
		}
		if err := put(t.Context(), s); state.CodeOf(err) != state.Unavailable {
			t.Errorf("while open: %v", err)
		}
		for _, err := range s.List(t.Context(), "apps/") {
			if state.CodeOf(err) != state.Unavailable {
				t.Errorf("while open: %v", err)
			}
		}
		if _, err := read(t.Context(), s, "artifacts/x"); state.CodeOf(err) != state.Unavailable {
			t.Errorf("while open: %v", err)
		}
		if p.calls.Load() != asked || !time.Now().Equal(at) {
			t.Errorf("%d calls and %s while open", p.calls.Load()-asked, time.Since(at))
		}
		time.Sleep(time.Until(st.Retry) + time.Millisecond)
		put(t.Context(), s) // the one that asks, in vain
		if got := p.calls.Load() - asked; got != 1 || !s.State().Retry.After(time.Now()) {
			t.Errorf("%d calls when the bucket is asked again, next at %s", got, s.State().Retry)
		}
		p.fails = nil
		time.Sleep(3*time.Second + time.Millisecond)
		if text, err := read(t.Context(), s, "apps/a.json"); err != nil || text == "" {
			t.Errorf("after the outage: %q, %v", text, err)
		}
		if st := s.State(); st.Open || !st.Since.IsZero() || st.Err != "" || st.Answered.IsZero() {
			t.Errorf("after the outage: %+v", st)
		}
	})
}

// A burst of failures of calls that were under way together is not an outage.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatchy()
		s := circuit.New(p, circuit.Options{Jitter: even})
		p.fails = errAway
		for range 50 {
			put(t.Context(), s)
		}
		if p.fails = nil; put(t.Context(), s) != nil {
			t.Error("one bad moment opened the circuit")
		}
	})
}

func TestReadsAreTriedTwiceWritesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatchy("apps/a.json")
		s := circuit.New(p, circuit.Options{Jitter: even})
		p.fails = errAway
		for what, c := range map[string]struct {
			do   func()
			want int64
		}{
			"get":  {func() { read(t.Context(), s, "apps/a.json") }, 2},
			"list": {func() { s.List(t.Context(), "")(func(state.Entry, error) bool { return true }) }, 2},
			"put":  {func() { put(t.Context(), s) }, 1},
		} {
			before := p.calls.Load()
			if c.do(); p.calls.Load()-before != c.want {
				t.Errorf("%s: %d calls, want %d", what, p.calls.Load()-before, c.want)
			}
			p.fails = nil
			put(t.Context(), s)
			p.fails = errAway
		}
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, "a read that waits has its time on top", func(t *testing.T) {
		p := newPatchy("apps/a.json")
		s := circuit.New(p, circuit.Options{})
		began := time.Now()
		if _, err := read(state.WithWait(t.Context(), 30*time.Second), s, "apps/a.json"); err != nil || time.Since(began) < 30*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if st := s.State(); st.Latency > time.Second {
			t.Errorf("latency %s", st.Latency)
		}
	})
	bubble(t, "each page of a listing has its own", func(t *testing.T) {
		p := newPatchy("a", "b", "c", "d", "e", "f", "g")
		s := circuit.New(p, circuit.Options{})
		p.delay = 9 * time.Second
		n := 0
		for e, err := range s.List(t.Context(), "") {
			if err != nil {
				t.Fatalf("after %q: %v", e.Key, err)
			}
			n++
			time.Sleep(20 * time.Second) // the caller's own time
		}
		if n != 7 {
			t.Errorf("%d keys", n)
		}
		p.delay = 11 * time.Second
		for _, err := range s.List(t.Context(), "") {
			if state.CodeOf(err) != state.Unavailable {
				t.Errorf("a page that takes too long: %v", err)
			}
		}
	})
	bubble(t, "each read of a body has its own", func(t *testing.T) {
		p := newPatchy("apps/long.json")
		s := circuit.New(p, circuit.Options{})
		p.delay = 3 * time.Second
		if text, err := read(t.Context(), s, "apps/long.json"); err != nil || text != "text of apps/long.json" {
			t.Errorf("%q, %v", text, err)
		}
		o, err := s.Get(t.Context(), "apps/long.json", "")
		if err != nil {
			t.Fatal(err)
		}
		defer o.Body.Close()
		p.delay = time.Hour
		began := time.Now()
		if _, err := io.ReadAll(o.Body); state.CodeOf(err) != state.Unavailable || time.Since(began) > 5*time.Second {
			t.Errorf("a body that stalls: %v after %s", err, time.Since(began))
		}
	})
	bubble(t, "artifacts have none", func(t *testing.T) {
		p := newPatchy("artifacts/big")
		s := circuit.New(p, circuit.Options{})
		p.delay = time.Minute
		if _, err := read(t.Context(), s, "artifacts/big"); err != nil {
			t.Error(err)
		}
		if _, err := s.Put(t.Context(), "artifacts/big", bytes.NewReader(nil), state.Condition{}); err != nil {
			t.Error(err)
		}
	})
}

// A read that is to wait for a change does not keep everybody waiting for what it finds out.
func TestProbeDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatchy("apps/a.json")
		s := circuit.New(p, circuit.Options{Jitter: even})
		p.fails = errAway
		for !s.State().Open {
			put(t.Context(), s)
			time.Sleep(time.Second)
		}
		time.Sleep(4 * time.Second)
		p.fails, p.waits = nil, nil
		if _, err := read(state.WithWait(t.Context(), 30*time.Second), s, "apps/a.json"); err != nil || p.waits[0] != 0 {
			t.Errorf("%v; waited %v", err, p.waits)
		}
		if s.State().Open {
			t.Error("still open")
		}
	})
}

// A caller that goes away while its call asks whether the bucket is back leaves the question to the next one.
func TestProbeThatIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatchy("apps/a.json")
		s := circuit.New(p, circuit.Options{Jitter: even})
		p.fails = errAway
		for !s.State().Open {
			put(t.Context(), s)
			time.Sleep(time.Second)
		}
		time.Sleep(4 * time.Second)
		p.fails, p.delay = nil, 3*time.Second
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := put(ctx, s); state.CodeOf(err) != state.Unavailable {
			t.Errorf("cancelled: %v", err)
		}
		if err := put(t.Context(), s); err != nil || s.State().Open {
			t.Errorf("the next one: %v, %+v", err, s.State())
		}
	})
}

// Whatever happens: an open circuit asks nothing before its time, and at most one question is under way then; a bucket
// that is well again is used again within two pauses.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 60).Draw(r, "steps")
		gap := time.Duration(rapid.IntRange(10, 2000).Draw(r, "gap")) * time.Millisecond
		jitter := rapid.Float64Range(0, 1).Draw(r, "jitter")
		var broken string
		synctest.Test(t, func(t *testing.T) { broken = runLaws(t, steps, gap, jitter) })
		if broken != "" {
			r.Fatal(broken)
		}
	})
}

func runLaws(t *testing.T, steps []int, gap time.Duration, jitter float64) string {
	p := newPatchy("apps/a.json")
	s := circuit.New(p, circuit.Options{Jitter: func() float64 { return jitter }})
	answers := []error{nil, errAway, errAway, errAway, state.Errorf(state.NotFound, "", "none")}
	for _, step := range steps {
		p.fails = answers[step]
		st, before, began := s.State(), p.calls.Load(), time.Now()
		err := put(t.Context(), s)
		asked := p.calls.Load() - before
		switch {
		case st.Open && st.Retry.After(began) && asked > 0:
			return "an open circuit asked"
		case st.Open && asked == 0 && state.CodeOf(err) != state.Unavailable:
			return "a refusal is not code Unavailable"
		case asked > 0 && state.CodeOf(err) != state.CodeOf(p.fails):
			return "what the bucket said got lost"
		case asked == 0 && !st.Open:
			return "a closed circuit did not ask"
		case asked == 0 && time.Since(began) > 0:
			return "a refusal took time"
		}
		time.Sleep(gap)
	}
	p.fails = nil
	time.Sleep(4*time.Second + time.Millisecond)
	if err := put(t.Context(), s); err != nil || s.State().Open {
		return "the bucket is well again, and not used"
	}
	return ""
}
