package objstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestTailIsTheRestOfTheReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		from := rapid.IntRange(0, len(data)).Draw(t, "from")
		r := bytes.NewReader(data)
		r.Seek(int64(from), io.SeekStart)
		tl, err := newTail(r)
		if err != nil {
			t.Fatal(err)
		}
		if tl.size != int64(len(data)-from) {
			t.Fatalf("size %d of %d bytes from %d", tl.size, len(data), from)
		}
		if err := iotest.TestReader(tl, data[from:]); err != nil {
			t.Fatal(err)
		}
		if err := tl.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

var errBroken = errors.New("broken")

// breaking fails with errBroken when its data are at their end.
type breaking struct{ *bytes.Reader }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

// lying says that it is longer or shorter than it is.
type lying struct {
	*bytes.Reader
	by int64
}

func (l lying) Seek(offset int64, whence int) (int64, error) {
	n, err := l.Reader.Seek(offset, whence)
	if whence == io.SeekEnd {
		n += l.by
	}
	return n, err
}

func TestTailNeverGivesAllOfABrokenBody(t *testing.T) {
	data := []byte("0123456789")
	for name, c := range map[string]struct {
		r    io.ReadSeeker
		want error
	}{
		"fails at its end": {breaking{bytes.NewReader(data)}, errBroken},
		"shrinks":          {lying{bytes.NewReader(data), 3}, errResized},
		"grows":            {lying{bytes.NewReader(data), -3}, errResized},
	} {
		t.Run(name, func(t *testing.T) {
			tl, err := newTail(c.r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(tl)
			if !errors.Is(err, c.want) {
				t.Errorf("reading gives %v, want %v", err, c.want)
			}
			if int64(len(got)) >= tl.size {
				t.Errorf("all %d announced bytes were given", tl.size)
			}
			if err := tl.stop(); !errors.Is(err, c.want) {
				t.Errorf("stop gives %v, want %v", err, c.want)
			}
		})
	}
}

func TestTailStopsForGood(t *testing.T) {
	r := bytes.NewReader([]byte("text"))
	tl, err := newTail(r)
	if err != nil {
		t.Fatal(err)
	}
	tl.stop()
	if _, err := tl.Read(make([]byte, 1)); err == nil || r.Len() != 4 {
		t.Errorf("read after the end: %v, %d bytes left", err, r.Len())
	}
	if _, err := tl.Seek(1, io.SeekStart); err == nil || r.Len() != 4 {
		t.Errorf("sought after the end: %v, %d bytes left", err, r.Len())
	}
}

func TestBodyTellsAShortOne(t *testing.T) {
	marked := func(err error) error { return errors.Join(errBroken, err) }
	for name, c := range map[string]struct {
		rc   io.Reader
		want error
	}{
		"whole":  {bytes.NewReader([]byte("0123456789")), nil},
		"short":  {bytes.NewReader([]byte("01234")), io.ErrUnexpectedEOF},
		"breaks": {io.MultiReader(bytes.NewReader([]byte("01234")), iotest.ErrReader(io.ErrClosedPipe)), io.ErrClosedPipe},
	} {
		_, err := io.ReadAll(&body{rc: io.NopCloser(c.rc), want: 10, fail: marked})
		if !errors.Is(err, c.want) || (c.want != nil) != errors.Is(err, errBroken) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
