package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"stathub/state"
)

// body is an open source: its content from the start, and the validators of this revision.
type body struct {
	io.ReadCloser
	size         int64 // bytes; -1: the source did not say
	etag         string
	lastModified string
}

// download brings the source's content into the cache, or is code NotModified when it has known already.
func (c *Cache) download(ctx context.Context, src source, known answer) (answer, error) {
	ctx, stall := watchIdle(ctx, c.opts.IdleTimeout)
	defer stall.stop()
	b, err := c.open(ctx, src, known)
	if err != nil {
		return answer{}, explainStall(ctx, src, err)
	}
	defer b.Close()
	tooLarge := state.Errorf(state.TooLarge, "", "cannot fetch %s: it is larger than %d bytes, the limit for artifacts", src, c.opts.MaxBytes)
	if b.size > c.opts.MaxBytes {
		return answer{}, tooLarge
	}
	f, err := c.newTemp()
	if err != nil {
		return answer{}, c.keepError(src, err)
	}
	hash := sha256.New()
	in := io.TeeReader(&faultReader{r: io.LimitReader(b, c.opts.MaxBytes+1), progress: stall.progress}, hash)
	n, err := io.Copy(f, in)
	sum := hex.EncodeToString(hash.Sum(nil))
	var broken *sourceError
	switch {
	case errors.As(err, &broken):
		err = explainStall(ctx, src, state.Errorf(state.Unavailable, "", "cannot fetch %s: the source broke off after %d bytes: %w", src, n, broken.err))
	case err != nil:
		err = c.keepError(src, err)
	case n > c.opts.MaxBytes:
		err = tooLarge
	case src.sum != "" && sum != src.sum:
		err = state.Errorf(state.Invalid, "", "cannot fetch %s: its SHA-256 is %s, not the one that the URI demands", src, sum)
	}
	if err != nil {
		_, _ = f.Close(), os.Remove(f.Name())
		return answer{}, err
	}
	a := answer{SHA256: sum, Size: n, ETag: b.etag, LastModified: b.lastModified}
	if _, ok := c.held(src, a); ok {
		_, _ = f.Close(), os.Remove(f.Name()) // another URI brought the same content
	} else if err := publish(f, nil, c.path("content", sum), 0o444); err != nil {
		return answer{}, c.keepError(src, err)
	}
	if err := c.remember(src, a); err != nil {
		return answer{}, c.keepError(src, err)
	}
	return a, nil
}

// open asks the source. Codes as Fetch has them, and NotModified.
func (c *Cache) open(ctx context.Context, src source, known answer) (*body, error) {
	switch {
	case src.key != "":
		return c.openBucket(ctx, src, known)
	case src.url.Scheme == "file":
		return openFile(src, known)
	default:
		return c.openHTTP(ctx, src, known)
	}
}

func (c *Cache) openBucket(ctx context.Context, src source, known answer) (*body, error) {
	if c.bucket == nil {
		return nil, state.Errorf(state.Unsupported, "", "cannot fetch %s: this agent has no bucket", src)
	}
	o, err := c.bucket.Get(ctx, src.key, state.ETag(known.ETag))
	if code := state.CodeOf(err); code == state.NotModified {
		return nil, err
	} else if err != nil {
		return nil, state.Errorf(code, "", "cannot fetch %s: %w", src, err)
	}
	return &body{ReadCloser: o.Body, size: o.Size, etag: string(o.ETag)}, nil
}

// racy is how old a file's time stamp must be before it vouches for the content: file systems count time in steps, so
// that two writes in a row may leave the same stamp.
const racy = 2 * time.Second

func openFile(src source, known answer) (*body, error) {
	name := localPath(src.url)
	st, err := os.Stat(name)
	if err == nil && !st.Mode().IsRegular() {
		return nil, state.Errorf(state.Invalid, "", "cannot fetch %s: it is not a regular file", src)
	}
	if err != nil {
		return nil, state.Errorf(fileCode(err), "", "cannot fetch %s: %w", src, err)
	}
	etag := fileTag(st)
	if etag == known.ETag {
		return nil, state.Errorf(state.NotModified, "", "unchanged")
	}
	f, err := os.Open(name)
	if err == nil {
		st, err = f.Stat() // of the very file that is read
	}
	if err != nil {
		_ = f.Close() // nil is fine
		return nil, state.Errorf(fileCode(err), "", "cannot fetch %s: %w", src, err)
	}
	etag = fileTag(st)
	if time.Since(st.ModTime()) < racy {
		etag = ""
	}
	return &body{ReadCloser: f, size: st.Size(), etag: etag}, nil
}

func fileTag(st os.FileInfo) string {
	return fmt.Sprintf("%d-%d", st.Size(), st.ModTime().UnixNano())
}

func fileCode(err error) state.Code {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return state.NotFound
	case errors.Is(err, os.ErrPermission):
		return state.Denied
	}
	return state.Unavailable
}

// keepError is a failure of this machine's own disk.
func (c *Cache) keepError(src source, err error) error {
	if isFull(err) {
		return state.Errorf(state.Unavailable, "", "cannot keep %s: the disk that holds %s is full: free some space: %w", src, c.dir, err)
	}
	return state.Errorf(state.Unavailable, "", "cannot keep %s: %w", src, err)
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

// idle ends a context when hardly anything came for a while. One goroutine tells it of progress.
type idle struct {
	timer  *time.Timer
	limit  time.Duration
	got    int // bytes since the timer was set
	cancel context.CancelCauseFunc
}

var errStalled = errors.New("the source sent too little for too long")

func watchIdle(ctx context.Context, limit time.Duration) (context.Context, *idle) {
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := fmt.Errorf("%w (%v)", errStalled, limit)
	return ctx, &idle{timer: time.AfterFunc(limit, func() { cancel(stalled) }), limit: limit, cancel: cancel}
}

// minChunk is the least that has to come within the limit: a source that drips would hold up a restart for good.
const minChunk = 16 << 10 // bytes

func (i *idle) progress(n int) {
	if i.got += n; i.got >= minChunk {
		i.got = 0
		i.timer.Reset(i.limit)
	}
}

func (i *idle) stop() {
	i.timer.Stop()
	i.cancel(nil)
}

// explainStall says that the source stalled, where a read error says only that its context ended.
func explainStall(ctx context.Context, src source, err error) error {
	cause := context.Cause(ctx)
	if !errors.Is(cause, errStalled) || strings.Contains(err.Error(), errStalled.Error()) {
		return err
	}
	return state.Errorf(state.Unavailable, "", "cannot fetch %s: %w", src, cause)
}
