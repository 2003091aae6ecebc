package objstore

import (
	"errors"
	"io"
	"sync"
)

// body is an object's content whose failures carry a code, a short body included: some servers and proxies close a
// broken answer as if it were whole.
type body struct {
	rc   io.ReadCloser
	want int64 // bytes still to come
	fail func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.rc.Read(p)
	b.want -= int64(n)
	switch {
	case err == io.EOF && b.want > 0:
		return n, b.fail(io.ErrUnexpectedEOF)
	case err == nil || err == io.EOF:
		return n, err
	}
	return n, b.fail(err)
}

func (b *body) Close() error { return b.rc.Close() }

// tail is what is left of a ReadSeeker: its offset 0 is where the body begins, since some clients refuse to start anywhere
// else. It gives the last byte only when the reader has ended there without an error: a client that has sent as many
// bytes as it announced is done, and its server keeps them, whatever the reader says afterwards.
// A transport may still be reading when its request has failed already: stop takes the reader away from it.
type tail struct {
	mu         sync.Mutex
	r          io.ReadSeeker
	base, size int64 // bytes
	at         int64
	failed     error // what the reader said
	stopped    bool
}

// bodyError is a failure of the caller's reader: sending the request again is no use.
type bodyError struct{ error }

func (e bodyError) Unwrap() error      { return e.error }
func (bodyError) NonRetriable()        {} // for Azure's client
func (bodyError) RetryableError() bool { return false }

var (
	errResized = errors.New("what is to be written changes its size meanwhile")
	errStopped = errors.New("the write is over")
)

func newTail(r io.ReadSeeker) (*tail, error) {
	base, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	_, err = r.Seek(base, io.SeekStart)
	return &tail{r: r, base: base, size: end - base}, err
}

// stop ends all reading and returns what the reader failed with, if it did.
func (t *tail) stop() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	return t.failed
}

func (t *tail) Read(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return 0, bodyError{errStopped}
	}
	left := t.size - t.at
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(int64(len(p)), left)])
	t.at += int64(n)
	switch {
	case err == io.EOF && int64(n) < left:
		err = errResized
	case err == nil && int64(n) == left:
		err = t.atEnd()
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	t.failed = err
	return max(n-1, 0), bodyError{err}
}

// atEnd is io.EOF if the reader has no more.
func (t *tail) atEnd() error {
	for {
		n, err := t.r.Read(make([]byte, 1))
		switch {
		case n > 0:
			return errResized
		case err != nil:
			return err
		}
	}
}

func (t *tail) Seek(offset int64, whence int) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return 0, bodyError{errStopped}
	}
	switch whence {
	case io.SeekCurrent:
		offset += t.at
	case io.SeekEnd:
		offset += t.size
	}
	if _, err := t.r.Seek(t.base+offset, io.SeekStart); err != nil {
		return 0, err
	}
	t.at = offset
	return offset, nil
}
