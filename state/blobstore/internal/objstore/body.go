package objstore

import (
	"io"
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

// tail is what is left of a ReadSeeker: its offset 0 is where the body begins. Some clients refuse to start anywhere else.
type tail struct {
	r    io.ReadSeeker
	base int64
}

func newTail(r io.ReadSeeker) (*tail, int64, error) {
	base, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0, err
	}
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	_, err = r.Seek(base, io.SeekStart)
	return &tail{r: r, base: base}, end - base, err
}

func (t *tail) Read(p []byte) (int, error) { return t.r.Read(p) }

func (t *tail) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		offset += t.base
	}
	at, err := t.r.Seek(offset, whence)
	return at - t.base, err
}
