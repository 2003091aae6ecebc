package artifact

import (
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"time"

	"stathub/state"
)

// body is an open source: its content from offset on, and the validators of this revision.
type body struct {
	io.ReadCloser
	offset       int64 // bytes before what the body holds
	size         int64 // bytes of the whole content; -1: the source did not say
	etag         string
	lastModified string
	ranges       bool // the same revision can be asked for from an offset on
}

// transfer is one download on its way to the disk.
type transfer struct {
	*Cache
	src   source
	known answer
	meter *meter
	file  *os.File // what came so far; nil: nothing yet
	hash  hash.Hash
	part  part // what lies in file
	kept  bool // some of it came with an earlier Fetch
	saved int64
}

const (
	copyBuffer = 128 << 10
	maxCuts    = 20 // connections of one fetch that break off, each after it brought something
	maxBarren  = 3  // tries in a row that bring nothing
)

// barrenWait is the wait before the first of them; it doubles.
const barrenWait = 200 * time.Millisecond

// download brings the source's content into the cache, or is code NotModified when it has known already.
func (c *Cache) download(ctx context.Context, src source, known answer, m *meter) (answer, error) {
	t := &transfer{Cache: c, src: src, known: known, meter: m}
	t.takeUp(ctx)
	err := t.run(ctx)
	if err == nil {
		err = t.prove(ctx)
	}
	if err == nil {
		return t.finish()
	}
	t.leave(err)
	return answer{}, err
}

// run brings the whole content in. A connection that breaks off is taken up again where it ended, if the source can do so.
func (t *transfer) run(ctx context.Context) error {
	cuts, barren := 0, 0
	for {
		before := t.part.Bytes
		err := t.attempt(ctx)
		if err == nil {
			if err = t.verify(); err == nil || !t.kept {
				return err
			}
			// What was kept did not belong to what came.
			if err := t.restart(); err != nil {
				return err
			}
			continue
		}
		var again *resumable
		if !errors.As(err, &again) || ctx.Err() != nil {
			return err
		}
		if t.part.Bytes > before {
			cuts, barren = cuts+1, 0
		} else {
			barren++
		}
		if cuts > maxCuts || barren > maxBarren {
			return again.error
		}
		if barren > 0 && !pause(ctx, barrenWait<<(barren-1)) {
			return again.error
		}
	}
}

// resumable is a failure after which another try goes on where this one ended.
type resumable struct{ error }

func (e *resumable) Unwrap() error { return e.error }

// attempt is one connection. It adds what comes to the file.
func (t *transfer) attempt(caller context.Context) error {
	limit := t.opts.IdleTimeout
	if t.known.SHA256 != "" {
		limit = min(limit, answerTimeout)
	}
	ctx, stall := watchIdle(caller, limit)
	defer stall.stop()
	b, err := t.open(ctx)
	if errors.Is(err, errNotTheRest) {
		if err := t.restart(); err != nil {
			return err
		}
		b, err = t.open(ctx)
	}
	err = explainStall(ctx, t.src, err)
	if caller.Err() == nil {
		t.answered(t.src, err, time.Now())
	}
	if err != nil {
		return t.goOn(ctx, err)
	}
	defer b.Close()
	stall.allow(t.opts.IdleTimeout)
	if t.file == nil || b.offset != t.part.Bytes {
		if err := t.restart(); err != nil {
			return err
		}
	}
	t.part.ETag, t.part.LastModified, t.part.Size, t.part.Ranges = b.etag, b.lastModified, b.size, b.ranges
	if t.meter.total.Store(b.size); b.size > t.opts.MaxBytes {
		return t.tooLarge()
	}
	err = t.copy(b, stall)
	var broken *sourceError
	switch {
	case errors.As(err, &broken):
		err = state.Errorf(state.Unavailable, "", "cannot fetch %s: the source broke off after %d bytes: %w", t.src, t.part.Bytes, broken.err)
		return t.goOn(ctx, explainStall(ctx, t.src, err))
	case err != nil:
		return t.keepError(t.src, err)
	case t.part.Bytes > t.opts.MaxBytes:
		return t.tooLarge()
	case b.size >= 0 && t.part.Bytes != b.size:
		return t.goOn(ctx, state.Errorf(state.Unavailable, "", "cannot fetch %s: the source sent %d bytes instead of %d", t.src, t.part.Bytes, b.size))
	}
	return nil
}

// goOn marks a failure as one that another try may mend: a source that stalls or was called off gets no other.
func (t *transfer) goOn(ctx context.Context, err error) error {
	if ctx.Err() == nil && t.part.Ranges && t.part.Bytes > 0 && state.CodeOf(err) == state.Unavailable {
		return &resumable{err}
	}
	return err
}

// copy adds the body to the file, and notes now and then how much of it counts.
func (t *transfer) copy(b *body, stall *idle) error {
	in := &faultReader{r: io.LimitReader(b, t.opts.MaxBytes-t.part.Bytes+1), progress: stall.progress}
	buf := make([]byte, copyBuffer)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := t.file.Write(buf[:n]); err != nil {
				return err
			}
			_, _ = t.hash.Write(buf[:n]) // a hash never fails
			t.part.Bytes += int64(n)
			t.meter.done.Store(t.part.Bytes)
			if t.part.Ranges && t.part.Bytes-t.saved >= saveEvery {
				t.save()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *transfer) sum() string { return hex.EncodeToString(t.hash.Sum(nil)) }

func (t *transfer) tooLarge() error {
	return state.Errorf(state.TooLarge, "", "cannot fetch %s: it is larger than %d bytes, the limit for artifacts", t.src, t.opts.MaxBytes)
}

// verify holds the content against the sum that the URI demands.
func (t *transfer) verify() error {
	if sum := t.sum(); t.src.sum != "" && sum != t.src.sum {
		return state.Errorf(state.Invalid, "", "cannot fetch %s: its SHA-256 is %s, not the one that the URI demands", t.src, sum)
	}
	return nil
}

// finish gives the content its place.
func (t *transfer) finish() (answer, error) {
	a := answer{SHA256: t.sum(), Size: t.part.Bytes, ETag: t.part.ETag, LastModified: t.part.LastModified}
	if _, ok := t.held(t.src, a); ok {
		t.discard() // another URI brought the same content
	} else if err := publish(t.file, nil, t.path("content", a.SHA256), 0o444); err != nil {
		return answer{}, t.keepError(t.src, err)
	}
	_ = os.Remove(t.partMeta())
	if err := t.remember(t.src, a); err != nil {
		return answer{}, t.keepError(t.src, err)
	}
	t.settle()
	return a, nil
}

// open asks the source. Codes as Fetch has them, and NotModified.
func (t *transfer) open(ctx context.Context) (*body, error) {
	switch {
	case t.src.key != "":
		return t.openBucket(ctx, t.src, t.known)
	case t.src.url.Scheme == "file":
		return openFile(t.src, t.known)
	default:
		return t.openHTTP(ctx, t.src, t.known, t.part)
	}
}

// keepError is a failure of this machine's own disk. Contents that nobody needs make room for the next try.
func (c *Cache) keepError(src source, err error) error {
	if isFull(err) {
		c.makeRoom()
		return state.Errorf(state.Unavailable, "", "cannot keep %s: the disk that holds %s is full: free some space: %w", src, c.dir, err)
	}
	return state.Errorf(state.Unavailable, "", "cannot keep %s: %w", src, err)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sourceError tells a failed read from a failed write.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// faultReader marks the errors of r, and reports that bytes come.
type faultReader struct {
	r        io.Reader
	progress func(n int)
}

func (s *faultReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 {
		s.progress(n)
	}
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}
