package state_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func TestUpdateOfNothing(t *testing.T) {
	s := memstore.New()
	data, etag, err := state.Update(t.Context(), s, "k", func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("a missing document comes as %q", old)
		}
		return []byte("unused"), state.ErrNoChange
	})
	if data != nil || etag != "" || err != nil || s.Counts()["put"] != 0 {
		t.Errorf("%q, %q, %v, %d writes", data, etag, err, s.Counts()["put"])
	}
}

func TestUpdateRefusesWhatNobodyCouldRead(t *testing.T) {
	s := memstore.New()
	_, _, err := state.Update(t.Context(), s, "k", func([]byte) ([]byte, error) { return make([]byte, state.MaxDocument+1), nil })
	if state.CodeOf(err) != state.TooLarge || s.Counts()["put"] != 0 {
		t.Errorf("%v, %d writes", err, s.Counts()["put"])
	}
}

// A store that gives no ETag would turn a conditional write into one that overwrites.
func TestUpdateNeedsAnETag(t *testing.T) {
	s := noETags{memstore.New()}
	if err := overwrite(s.Store, "old"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Update(t.Context(), s, "k", appendX); state.CodeOf(err) != state.Internal {
		t.Errorf("Update without an ETag: %v", err)
	}
}

type noETags struct{ *memstore.Store }

func (n noETags) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	o, err := n.Store.Get(ctx, key, etag)
	if err == nil {
		o.ETag = ""
	}
	return o, err
}

// An answer that is lost leaves the edit written: the caller that tries again finds it, and does not repeat it.
func TestUpdateAfterALostAnswer(t *testing.T) {
	s := memstore.New()
	lost := false
	s.Fail(func(op, _ string) error {
		if op == "put-applied" && !lost {
			lost = true
			return errors.New("connection reset")
		}
		return nil
	})
	once := func(old []byte) ([]byte, error) {
		if string(old) == "x" {
			return nil, state.ErrNoChange
		}
		return append(old, 'x'), nil
	}
	if _, _, err := state.Update(t.Context(), s, "k", once); state.CodeOf(err) != state.Unavailable {
		t.Fatalf("the lost answer: %v", err)
	}
	if data, etag, err := state.Update(t.Context(), s, "k", once); string(data) != "x" || etag == "" || err != nil {
		t.Errorf("again: %q, %q, %v", data, etag, err)
	}
}

func TestUpdateUnderAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := memstore.New()
	_, _, err := state.Update(ctx, s, "k", func([]byte) ([]byte, error) { t.Error("edit ran"); return nil, nil })
	if state.CodeOf(err) != state.Unavailable || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReadLimits(t *testing.T) {
	s := memstore.New()
	if err := overwrite(s, "text"); err != nil {
		t.Fatal(err)
	}
	if data, _, err := state.Read(t.Context(), s, "k", "", math.MaxInt64); string(data) != "text" || err != nil {
		t.Errorf("without a limit: %q, %v", data, err)
	}
	short := sized{lying{body: strings.NewReader("half")}, 8}
	if data, _, err := state.Read(t.Context(), short, "k", "", 100); state.CodeOf(err) != state.Unavailable {
		t.Errorf("a body shorter than its size: %q, %v", data, err)
	}
}

type sized struct {
	lying
	size int64
}

func (s sized) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	o, err := s.lying.Get(ctx, key, etag)
	o.Size = s.size
	return o, err
}

// A probe whose first answer is lost takes its object away all the same.
func TestProbeAfterALostAnswer(t *testing.T) {
	s := memstore.New()
	s.Fail(func(op, _ string) error {
		if op == "put-applied" {
			return errors.New("connection reset")
		}
		return nil
	})
	if err := state.Probe(t.Context(), s); state.CodeOf(err) != state.Unavailable {
		t.Error(err)
	}
	for e := range s.List(t.Context(), "") {
		t.Errorf("Probe left %q behind", e.Key)
	}
}

// hanging is a store that stops answering.
type hanging struct {
	*memstore.Store
	puts int // that are answered
}

func (h *hanging) Put(ctx context.Context, key string, body io.ReadSeeker, c state.Condition) (state.ETag, error) {
	if h.puts--; h.puts >= 0 {
		return h.Store.Put(ctx, key, body, c)
	}
	<-ctx.Done()
	return "", state.Errorf(state.Unavailable, key, "hangs: %w", context.Cause(ctx))
}

func (h *hanging) Delete(ctx context.Context, key string, _ state.ETag) error {
	<-ctx.Done()
	return state.Errorf(state.Unavailable, key, "hangs: %w", context.Cause(ctx))
}

// A store that hangs holds a probe up for little longer than its context.
func TestProbeOfAHangingStore(t *testing.T) {
	for puts := range 4 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := state.Probe(ctx, &hanging{memstore.New(), puts})
			if took := time.Since(began); state.CodeOf(err) != state.Unavailable || took > 10*time.Second {
				t.Errorf("after %d answers: %v after %v", puts, err, took)
			}
		})
	}
}
