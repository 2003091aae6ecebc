package httpstore

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"stathub/state"
)

// Documents from minPacked to maxPacked bytes go over the wire as gzip (RFC 1952) where both ends take it. Packing is done
// in memory: a slow client holds no more than the result. Artifacts go as they are: most are archives, and a thousand
// nodes fetch them at one time.
const (
	minPacked = 1 << 10
	maxPacked = 1 << 20
)

const gzipName = "gzip"

// packable reports whether it is worth packing a document.
func packable(key string, size int64) bool {
	return minPacked <= size && size <= maxPacked && !strings.HasPrefix(key, state.KindArtifact.Prefix())
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func takesGzip(h http.Header) bool {
	for choice := range strings.SplitSeq(joined(h, "Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(choice, ";")
		if strings.EqualFold(strings.TrimSpace(name), gzipName) {
			weight, weighted := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			q, err := strconv.ParseFloat(weight, 64)
			return !weighted || err == nil && q > 0
		}
	}
	return false
}

// packed reads a document to its end and packs it; nil where that makes it no smaller. What was read is given, too.
func (g *gateway) packed(key string, o *state.Object) (packed, plain []byte, err error) {
	plain, err = io.ReadAll(io.LimitReader(o.Body, o.Size+1))
	if err != nil {
		return nil, nil, state.Errorf(state.Unavailable, key, "cannot read the document: %w", err)
	}
	if int64(len(plain)) != o.Size {
		return nil, nil, state.Errorf(state.Unavailable, key, "the store said that the document has %d bytes, and it has not", o.Size)
	}
	var b bytes.Buffer
	w := g.packers.get(&b)
	defer g.packers.put(w)
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Close()
	if b.Len() >= len(plain) {
		return nil, plain, nil
	}
	return b.Bytes(), plain, nil
}

// packers are writers of gzip that wait to be used: each is large.
type packers chan *gzip.Writer

const idlePackers = 8

func (p packers) get(to io.Writer) *gzip.Writer {
	select {
	case w := <-p:
		w.Reset(to)
		return w
	default:
		w, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // fails for unknown levels alone
		return w
	}
}

func (p packers) put(w *gzip.Writer) {
	w.Reset(io.Discard)
	select {
	case p <- w:
	default:
	}
}

// unpack gives what comes in a coding as it was before.
func unpack(coding string, from io.ReadCloser) (io.ReadCloser, error) {
	switch {
	case coding == "" || strings.EqualFold(coding, "identity"):
		return from, nil
	case strings.EqualFold(coding, gzipName):
		return &unpacking{ReadCloser: from}, nil
	default:
		return nil, errors.New("it is encoded as " + strconv.Quote(coding))
	}
}

// unpacking is one member of gzip; what follows it is not looked at.
type unpacking struct {
	io.ReadCloser
	reader *gzip.Reader // nil before the first Read
}

func (u *unpacking) Read(p []byte) (int, error) {
	if u.reader == nil {
		r, err := gzip.NewReader(u.ReadCloser)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		r.Multistream(false)
		u.reader = r
	}
	return u.reader.Read(p)
}

// packedSource is a source of the same document as gzip. It reads all of it.
func packedSource(from *source) (*source, error) {
	plain, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // fails for unknown levels alone
	_, _ = w.Write(plain)                           // a buffer takes everything
	_ = w.Close()
	return newSource(bytes.NewReader(b.Bytes()))
}
