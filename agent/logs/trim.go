package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"stathub/state"
)

// Stat is a file after Trim.
type Stat struct {
	Span // the bytes that are kept; the first may be in the middle of a line, which readers leave out
	// Lost is how many bytes within maxBytes had to go, because the file system cannot free a part of a file.
	Lost int64
}

// Trim frees the blocks of a file that hold nothing of its last maxBytes bytes (0: DefaultMaxBytes), while others write
// to it and read it. What is kept is maxBytes and less than two blocks. Trimming what is trimmed does nothing, and two
// may do it at once.
//
// Where holes cannot be punched (NFS before 4.2, FAT; macOS, for whose call there is no code here), a file of
// more than 2×maxBytes is emptied, and its first line then says so: lines that were written and not read are lost.
// Prepare moves such a file out of the way before, without loss.
//
// A missing file is code NotFound, one that is no regular file or cannot be changed is code Unavailable.
func Trim(path string, maxBytes int64) (Stat, error) {
	f, stat, err := trim(path, maxBytes)
	if f != nil {
		defer f.Close()
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		return stat, cannotTrim(err)
	}
	if stat.End <= 2*limit(maxBytes) {
		return stat, nil
	}
	if err := f.Truncate(0); err != nil {
		return stat, cannotTrim(err)
	}
	stat = Stat{Lost: stat.End}
	notice := fmt.Sprintf("[stathub] %d bytes of output were dropped: this file system cannot free a part of a file\n", stat.Lost)
	if err := appendTo(path, notice); err != nil {
		return stat, cannotTrim(err)
	}
	stat.End = int64(len(notice))
	return stat, nil
}

// Prepare makes a file that is about to get a writer fit for it: a file that Trim could not bound is renamed to path.1,
// in place of an earlier one. That is one of more than maxBytes where holes cannot be punched, or of more than 2×Cycle
// where files cannot be shortened. Any other file stays and goes on to grow. It is no error if there is none.
func Prepare(path string, maxBytes int64) error {
	f, stat, err := trim(path, maxBytes)
	if f != nil {
		_ = f.Close() // nothing was written; open, it could not be renamed on Windows
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil || stat.End <= 2*Cycle:
		return cannotTrim(err)
	}
	return cannotTrim(os.Rename(path, path+".1"))
}

// trim frees what may go without loss. errors.ErrUnsupported means that there is something, and no way to free it.
func trim(path string, maxBytes int64) (*os.File, Stat, error) {
	f, err := openToTrim(path)
	if err != nil {
		return nil, Stat{}, err
	}
	stat, err := trimFile(f, limit(maxBytes))
	return f, stat, err
}

func trimFile(f *os.File, maxBytes int64) (Stat, error) {
	info, err := f.Stat()
	if err != nil {
		return Stat{}, err
	}
	if !info.Mode().IsRegular() {
		return Stat{}, fmt.Errorf("%s is no regular file", f.Name())
	}
	stat := Stat{Span: Span{End: info.Size()}}
	start := cut(info.Size(), maxBytes, blockOf(info))
	if start == 0 {
		return stat, nil
	}
	// From 0, not from the last hole's end: a process that opened its output anew, without O_APPEND, writes there.
	if err := punch(f, start); err != nil {
		return stat, err
	}
	stat.Start = start
	if start >= Cycle {
		switch err := collapse(f, Cycle); {
		case err == nil:
			stat.Start, stat.End = stat.Start-Cycle, stat.End-Cycle
		case !errors.Is(err, errors.ErrUnsupported):
			return stat, err
		}
	}
	return stat, nil
}

// cut is where the blocks begin that hold the last maxBytes of size bytes, and the byte before them: it tells whether they
// begin with a line.
func cut(size, maxBytes, block int64) int64 {
	if size <= maxBytes {
		return 0
	}
	return (size - maxBytes - 1) / block * block
}

func limit(maxBytes int64) int64 {
	if maxBytes <= 0 {
		return DefaultMaxBytes
	}
	return maxBytes
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func cannotTrim(err error) error {
	if err == nil {
		return nil
	}
	code := state.Unavailable
	if errors.Is(err, fs.ErrNotExist) {
		code = state.NotFound
	}
	return state.Errorf(code, "", "cannot bound output: %w", err)
}
