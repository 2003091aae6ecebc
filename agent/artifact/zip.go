package artifact

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// directoryBytes bounds the central directory that the zip reader takes into memory, per entry allowed.
const directoryBytes = 320

const (
	zipEncrypted = 1 << 0 // general purpose flags, APPNOTE.TXT section 4.4.4
	zipStrong    = 1 << 6
	zipMasked    = 1 << 13
)

type zipArchive struct{ files []*zip.File }

func openZip(_ context.Context, f *os.File, size int64, max limits) (archive, error) {
	in := &meteredReader{r: f, metered: true, left: int64(max.entries)*directoryBytes + 1<<20}
	z, err := zip.NewReader(in, size)
	switch {
	case errors.Is(err, errMeter):
		return nil, refuse("its directory of entries is too large")
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return nil, refuse("%w", err)
	}
	in.metered = false
	return &zipArchive{z.File}, nil
}

func (a *zipArchive) walk(visit func(entry) error) error {
	for _, f := range a.files {
		switch {
		case f.Flags&(zipEncrypted|zipStrong|zipMasked) != 0:
			return refuse("entry %q is encrypted", f.Name)
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return refuse("entry %q is compressed with method %d; only deflate (8) and stored (0) are supported", f.Name, f.Method)
		case f.UncompressedSize64 > 1<<62:
			return refuse("entry %q claims an impossible size", f.Name)
		}
		e := entry{name: f.Name, mode: f.Mode() & (fs.ModeType | fs.ModePerm), size: int64(f.UncompressedSize64), open: f.Open}
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// meteredReader bounds what may be read while metered: a hostile archive of small headers would fill the memory.
type meteredReader struct {
	r       io.ReaderAt
	left    int64
	metered bool
}

var errMeter = errors.New("read too much")

func (m *meteredReader) ReadAt(p []byte, off int64) (int, error) {
	if m.metered {
		if m.left -= int64(len(p)); m.left < 0 {
			return 0, errMeter
		}
	}
	return m.r.ReadAt(p, off)
}
