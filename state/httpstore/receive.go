package httpstore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"stathub/state"
)

// inMemory is the size in bytes up to which the body of a PUT is kept in memory; past it, in a temporary file.
const inMemory = 1 << 20

// slowest is the rate, in bytes a second, below which a large body is too slow to be waited for.
const slowest = 64 << 10

// receive takes in the whole body of a PUT before anything is written: a client that goes away halfway leaves no half
// document, and a slow one holds nothing of the store. The caller calls done when it has read the body.
func (g *gateway) receive(a *answer, r *http.Request, key string) (body io.ReadSeeker, done func(), err error) {
	limit := g.options.MaxBody
	tooLarge := state.Errorf(state.TooLarge, key, "the document is larger than %d bytes", limit)
	if r.ContentLength > limit {
		return nil, nil, tooLarge
	}
	_ = a.control.SetReadDeadline(time.Now().Add(stall + time.Duration(limit/slowest)*time.Second))
	unpacked, err := unpack(r.Header.Get("Content-Encoding"), http.MaxBytesReader(a.ResponseWriter, r.Body, limit))
	if err != nil {
		return nil, nil, state.Errorf(state.Invalid, key, "cannot read the body: %w; send it as it is, or as gzip", err)
	}
	source := &bodyReader{r: unpacked, left: limit}
	body, done, err = spool(source)
	switch {
	case err == nil:
		return body, done, nil
	case errors.Is(source.err, errTooLong) || errors.As(source.err, new(*http.MaxBytesError)):
		return nil, nil, tooLarge
	case source.err != nil:
		return nil, nil, state.Errorf(state.Invalid, key, "cannot read the body: %w", err)
	default:
		return nil, nil, state.Errorf(state.Unavailable, key, "cannot keep the body in a temporary file: %w", err)
	}
}

// bodyReader gives so many bytes at the most, and remembers an error of the client's side, to tell it from one of the
// temporary file's.
type bodyReader struct {
	r    io.Reader
	left int64
	err  error
}

var errTooLong = errors.New("it is too long")

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, errTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func spool(body io.Reader) (seeker io.ReadSeeker, done func(), err error) {
	var first bytes.Buffer
	if _, err := io.CopyN(&first, body, inMemory+1); errors.Is(err, io.EOF) {
		return bytes.NewReader(first.Bytes()), func() {}, nil
	} else if err != nil {
		return nil, nil, err
	}
	f, err := os.CreateTemp("", "stathub-upload-*")
	if err != nil {
		return nil, nil, err
	}
	done = func() { f.Close(); os.Remove(f.Name()) }
	if _, err = io.Copy(f, io.MultiReader(&first, body)); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return f, done, nil
}
