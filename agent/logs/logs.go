// Package logs bounds and reads the output files of instances.
//
// A process writes through a descriptor opened with O_APPEND that it keeps for its whole life; nothing stands between it
// and the file. The bound comes from beneath: [Trim] frees the oldest blocks of the file and leaves a hole in their place
// (fallocate(2), FALLOC_FL_PUNCH_HOLE). The offset of a byte never changes by that, writers notice nothing, and readers
// jump over the hole (lseek(2), SEEK_DATA) to the next line. Nothing but the file itself is kept, so whoever trims or
// reads may die at any time, and be somebody else the next time.
package logs

import (
	"errors"
	"io/fs"
	"os"

	"stathub/state"
)

const (
	// DefaultMaxBytes is what is kept of a stream whose app does not say.
	DefaultMaxBytes = 64 << 20
	// MaxTail is the most that is looked back for lines, in bytes. A line that reaches further back is shown from its middle.
	MaxTail = 16 << 20
	// Cycle is by how many bytes a file's offsets fall, all at once, when Trim shortens a file of more than Cycle bytes:
	// file systems have a largest size (ext4 16 TiB, f2fs 4 TiB) that a busy stream would reach within days. Readers take
	// an offset past the end of the file as one from before that. Where files cannot be shortened they go on growing.
	Cycle = 1 << 40

	blockSize = 64 << 10 // bytes read at a time
)

// From is where to begin to read: so many lines from the end, or at a byte.
type From struct {
	lines  int
	offset int64 // -1: by lines
}

// Lines begins n lines from the end; a last line without its newline counts. No more than MaxTail bytes back.
func Lines(n int) From { return From{lines: n, offset: -1} }

// At begins at a byte, such as the End of an earlier Span. What is no longer kept there is left out, up to the next line.
// An offset past the end of the file is one from before it was shortened (see Cycle) or else emptied: then it is 0.
func At(offset int64) From { return From{offset: max(0, offset)} }

// Span is a part of a file: from byte Start up to, and without, byte End.
type Span struct{ Start, End int64 }

func open(path string) (*os.File, error) {
	f, err := openShared(path, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, state.Errorf(state.NotFound, "", "there is no output: %w", err)
	case err != nil:
		return nil, cannotRead(err)
	}
	return f, nil
}

func sizeOf(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, cannotRead(err)
	}
	return st.Size(), nil
}

func cannotRead(err error) error {
	return state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
}

// settle turns an offset of a file that may have become shorter into one of the file as it is.
func settle(offset, size int64) int64 {
	for offset > size {
		if offset < Cycle {
			return 0
		}
		offset -= Cycle
	}
	return offset
}
