package artifact

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	tarEntryBytes  = 4 << 10   // of headers and padding that the whole stream may hold per entry allowed
	tarHeaderBytes = 4 << 20   // most that may stand before one entry: the reader keeps extended headers in memory
	tarEnd         = 1024      // zero bytes that close an archive, POSIX.1-2024 pax, "ustar Interchange Format"
	maxWindow      = 128 << 20 // bytes of history that a decompressor may keep: what the zstd program takes unless told otherwise, twice that of xz -9
)

// decompressor gives what a compressed stream holds. Its end is reached only after all checksums were right.
type decompressor func(io.Reader) (io.ReadCloser, error)

func plain(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(r), nil }

func gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func unzstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// tarArchive is a stream: it is walked once.
type tarArchive struct {
	source     *sourceReader
	decompress decompressor
	meter      streamMeter
}

func openTar(d decompressor) func(context.Context, *os.File, int64, limits) (archive, error) {
	return func(ctx context.Context, f *os.File, size int64, max limits) (archive, error) {
		most, why := max.total(size)
		a := &tarArchive{source: &sourceReader{r: &contextReader{ctx, f}}, decompress: d}
		a.meter = streamMeter{left: most + int64(max.entries)*tarEntryBytes + 1<<20, why: why}
		return a, nil
	}
}

func (a *tarArchive) walk(visit func(entry) error) error {
	body, err := a.decompress(a.source)
	if err != nil {
		err = refuse("%w", err)
	} else {
		defer body.Close()
		a.meter.r = body
		err = a.entries(visit)
	}
	switch {
	case a.source.err != nil:
		return a.source.err // the archive could not be read: that says nothing about it
	case a.meter.err != nil:
		return a.meter.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse("it needs a window of more than %d bytes: pack it with --long=27 or less", maxWindow)
	}
	return err
}

func (a *tarArchive) entries(visit func(entry) error) error {
	in := tar.NewReader(&a.meter)
	for {
		a.meter.header()
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return a.end()
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return refuse("%w", err)
		}
		a.meter.content()
		e, err := tarEntry(h, in)
		if err != nil {
			return err
		}
		if err := visit(e); err != nil {
			return err
		}
	}
}

// end makes sure that the archive is whole, and that nothing but zeros comes after it.
func (a *tarArchive) end() error {
	if a.meter.zeros < tarEnd {
		return refuse("it ends too early: it was cut off, or it is no tar archive")
	}
	a.meter.content()
	buf := make([]byte, 32<<10)
	for {
		n, err := a.meter.Read(buf)
		switch {
		case trailingZeros(buf[:n]) != n:
			return refuse("something follows the end of the archive")
		case err == io.EOF:
			return nil
		case err != nil:
			return refuse("what follows the end of the archive: %w", err)
		}
	}
}

// tarEntry describes a member. A global header of comments, which git writes, comes as the directory itself.
func tarEntry(h *tar.Header, content io.Reader) (entry, error) {
	e := entry{name: h.Name, mode: fs.FileMode(h.Mode) & fs.ModePerm, size: h.Size}
	e.open = func() (io.ReadCloser, error) { return io.NopCloser(content), nil }
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return entry{}, refuse("entry %q is sparse: pack it without --sparse", h.Name)
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		if strings.HasSuffix(h.Name, "/") {
			return entry{}, refuse("entry %q: a file whose name ends in a slash", h.Name)
		}
	case tar.TypeDir:
		e.mode, e.size = e.mode|fs.ModeDir, 0
	case tar.TypeXGlobalHeader:
		e.name, e.mode, e.size = "./", fs.ModeDir, 0
	case tar.TypeGNUSparse:
		return entry{}, refuse("entry %q is sparse: pack it without --sparse", h.Name)
	case tar.TypeSymlink:
		e.mode |= fs.ModeSymlink
	case tar.TypeLink:
		return entry{}, refuse("entry %q is a hard link", h.Name)
	default:
		e.mode |= fs.ModeIrregular
	}
	return e, nil
}

// sourceReader remembers why the file of an archive could not be read.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// streamMeter bounds what an unpacked stream may hold beside the contents of its entries, which others count.
type streamMeter struct {
	r        io.Reader
	left     int64  // bytes that may still come
	why      string // not more
	inHeader bool
	headers  int64 // bytes of headers that may still come before the next entry
	zeros    int64 // that ended what was read since header
	err      error // a bound that was passed
}

func (m *streamMeter) header()  { m.inHeader, m.headers, m.zeros = true, tarHeaderBytes, 0 }
func (m *streamMeter) content() { m.inHeader = false }

func (m *streamMeter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	if m.inHeader {
		m.headers -= int64(n)
		if z := trailingZeros(p[:n]); z == n {
			m.zeros += int64(n)
		} else {
			m.zeros = int64(z)
		}
	}
	switch {
	case m.left < 0:
		m.err = refuse("%s", m.why)
	case m.inHeader && m.headers < 0:
		m.err = refuse("the headers of one entry are larger than %d bytes", tarHeaderBytes)
	}
	if m.err != nil {
		return 0, m.err
	}
	return n, err
}

func trailingZeros(p []byte) int {
	n := 0
	for n < len(p) && p[len(p)-1-n] == 0 {
		n++
	}
	return n
}
