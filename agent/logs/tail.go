// Package logs reads the output files of instances: their end, and what is still being written to them.
package logs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"stathub/state"
)

// MaxTail is the most that Tail looks back, in bytes. A line that reaches further back is shown from its middle.
const MaxTail = 16 << 20

const blockSize = 64 << 10 // bytes read at a time

// Tail writes the last lines of the file at path to w, a last one without its newline included. It reads from the end
// and holds one block in memory. A missing file is code NotFound; an error of w is returned as it is.
func Tail(w io.Writer, path string, lines int) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
	}
	start, err := startOf(f, st.Size(), lines)
	if err != nil {
		return err
	}
	_, err = send(w, f, start, st.Size())
	var broken *writeError
	if errors.As(err, &broken) {
		return broken.err
	}
	return err
}

func open(path string) (*os.File, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, state.Errorf(state.NotFound, "", "there is no output: %w", err)
	case err != nil:
		return nil, state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
	}
	return f, nil
}

// startOf finds the offset at which the last lines of the first size bytes begin.
func startOf(f io.ReaderAt, size int64, lines int) (int64, error) {
	if lines <= 0 || size == 0 {
		return size, nil
	}
	buf := make([]byte, blockSize)
	least := max(0, size-MaxTail)
	missing := lines + 1 // newlines: the one before the first line counts, and the one that ends the file
	for end := size; end > least; {
		begin := max(least, end-blockSize)
		n, err := f.ReadAt(buf[:end-begin], begin)
		if err != nil && err != io.EOF {
			return 0, state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
		}
		block := buf[:n]
		if end == size && (n == 0 || block[n-1] != '\n') {
			missing-- // the last line has no newline yet
		}
		for i := bytes.LastIndexByte(block, '\n'); i >= 0; i = bytes.LastIndexByte(block[:i], '\n') {
			if missing--; missing == 0 {
				return begin + int64(i) + 1, nil
			}
		}
		end = begin
	}
	return least, nil
}

// writeError is a failure of the receiver, not of the file.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// send copies the bytes from offset up to end, or to the end of the file when end is -1, and gives the offset that it
// reached.
func send(w io.Writer, f io.ReaderAt, offset, end int64) (int64, error) {
	buf := make([]byte, blockSize)
	for end < 0 || offset < end {
		part := buf
		if end >= 0 {
			part = buf[:min(int64(len(buf)), end-offset)]
		}
		n, err := f.ReadAt(part, offset)
		if n > 0 {
			if _, err := w.Write(part[:n]); err != nil {
				return offset, &writeError{err}
			}
			offset += int64(n)
		}
		switch {
		case err == io.EOF:
			return offset, nil
		case err != nil:
			return offset, state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
		}
	}
	return offset, nil
}
