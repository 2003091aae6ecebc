package logs

import (
	"fmt"
	"io"
	"math"
	"os"
)

// reader copies one file to w, from an offset on.
type reader struct {
	w       io.Writer
	f       *os.File
	offset  int64 // the next byte wanted
	buf     []byte
	midLine bool // what was written last is no newline
}

// send copies up to byte end of the file, or to the end of the file if it ends before.
func (r *reader) send(end int64) error {
	if r.buf == nil {
		r.buf = make([]byte, blockSize)
	}
	for r.offset < end {
		start, stop, err := dataAt(r.f, r.offset, end)
		switch {
		case err != nil:
			return err
		case start >= end:
			return nil // nothing more, or a hole so far
		case start > r.offset:
			if err := r.jump(start); err != nil {
				return err
			}
			continue
		}
		n, err := r.f.ReadAt(r.buf[:min(blockSize, stop-start)], start)
		if err != nil && err != io.EOF {
			return cannotRead(err)
		}
		if n == 0 {
			return nil
		}
		if whole, err := r.kept(start); err != nil {
			return err
		} else if !whole {
			continue
		}
		if err := r.write(r.buf[:n]); err != nil {
			return err
		}
		r.offset += int64(n)
	}
	return nil
}

// rest copies all that there is.
func (r *reader) rest() error { return r.send(math.MaxInt64) }

// kept reports whether the byte at offset is still there. Files are trimmed from their beginning: if it is, then all that
// was read from there on is what was written, and not the zeros of a hole.
func (r *reader) kept(offset int64) (bool, error) {
	start, _, err := dataAt(r.f, offset, math.MaxInt64)
	return start == offset, err
}

// jump goes on at the first line after offset start, where the data begins again, and says so.
func (r *reader) jump(start int64) error {
	line, err := lineAfter(r.f, start, math.MaxInt64)
	if err != nil {
		return err
	}
	if whole, err := r.kept(start); err != nil || !whole {
		return err // the writer is fast: look again
	}
	text := dropped(line-r.offset, line)
	if r.midLine {
		text = "\n" + text
	}
	r.offset = line
	return r.write([]byte(text))
}

// dropped is the line that stands for bytes that a reader came too late for.
func dropped(bytes, next int64) string {
	return fmt.Sprintf("[stathub] %d bytes of output are no longer kept; it goes on at offset %d\n", bytes, next)
}

func (r *reader) write(p []byte) error {
	r.midLine = p[len(p)-1] != '\n'
	_, err := r.w.Write(p)
	return err
}
