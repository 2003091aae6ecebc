package logs

import (
	"bytes"
	"io"
	"math"
	"os"
)

// Tail writes the last lines of the file at path to w, a last one without its newline included. It reads from the end
// and holds one block in memory. A missing file is code NotFound; an error of w is returned as it is.
func Tail(w io.Writer, path string, lines int) error {
	span, err := Locate(path, Lines(lines))
	if err != nil {
		return err
	}
	return Copy(w, path, span)
}

// Locate finds where from is in the file at path, and where the file ends now. The span begins at a byte that is kept:
// after a hole that is the beginning of a line, unless none begins in the first 64 KiB. A missing file is code NotFound.
func Locate(path string, from From) (Span, error) {
	f, err := open(path)
	if err != nil {
		return Span{}, err
	}
	defer f.Close()
	return locate(f, from)
}

func locate(f *os.File, from From) (Span, error) {
	size, err := sizeOf(f)
	if err != nil {
		return Span{}, err
	}
	span := Span{End: size}
	if from.offset < 0 {
		span.Start, err = startOf(f, size, from.lines)
		return span, err
	}
	if span.Start = settle(from.offset, size); span.Start == size {
		return span, nil
	}
	kept, _, err := dataAt(f, span.Start, size)
	if err == nil && kept > span.Start {
		kept, err = lineAfter(f, kept, size)
	}
	span.Start = kept
	return span, err
}

// Copy writes a part of the file at path to w. Where bytes of it have been dropped since it was located, a line says so.
// A missing file is code NotFound; an error of w is returned as it is.
func Copy(w io.Writer, path string, span Span) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := reader{w: w, f: f, offset: span.Start}
	return r.send(span.End)
}

// LastOutput reads the end of the file at path: whole lines of no more than maxBytes together, or so much of the last
// line if it alone is longer. It is for the record of a crash. A missing file is code NotFound.
func LastOutput(path string, maxBytes int) ([]byte, error) {
	return LastOutputBefore(path, math.MaxInt64, maxBytes)
}

// LastOutputBefore is LastOutput of what the file held when it was end bytes long: what came after that is left out.
func LastOutputBefore(path string, end int64, maxBytes int) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := sizeOf(f)
	if size = min(size, end); err != nil || size <= 0 || maxBytes <= 0 {
		return nil, err
	}
	// The byte before tells whether a line begins there.
	start, err := lastRun(f, max(0, size-int64(maxBytes)-1), size)
	if err != nil {
		return nil, err
	}
	data := make([]byte, max(0, size-start)) // what was there may have been dropped since
	n, err := f.ReadAt(data, start)
	if err != nil && err != io.EOF {
		return nil, cannotRead(err)
	}
	if data = data[:n]; start > 0 || n > maxBytes {
		i := bytes.IndexByte(data, '\n') + 1
		if i == 0 || i == n {
			i = max(0, n-maxBytes)
		}
		data = data[i:]
	}
	return data, nil
}

// startOf finds the offset at which the last lines of the first size bytes begin.
func startOf(f *os.File, size int64, lines int) (int64, error) {
	if lines <= 0 || size == 0 {
		return size, nil
	}
	back := max(0, size-MaxTail)
	least, err := lastRun(f, back, size)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, min(blockSize, size-least))
	missing := lines + 1 // newlines: the one before the first line counts, and the one that ends the file
	for end := size; end > least; {
		begin := max(least, end-blockSize)
		n, err := f.ReadAt(buf[:end-begin], begin)
		if err != nil && err != io.EOF {
			return 0, cannotRead(err)
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
	if least > back {
		return lineAfter(f, least, size)
	}
	return least, nil
}

// lastRun finds where the data begins that reaches to size without a hole, looking no further back than least.
func lastRun(f *os.File, least, size int64) (int64, error) {
	for at := least; at < size; {
		start, end, err := dataAt(f, at, size)
		if err != nil || end >= size {
			return start, err
		}
		at = end
	}
	return size, nil
}

// lineAfter finds the first line that begins after offset, which stands in the middle of one for all that is known. If
// none does within a block, it is offset itself: a line is then shown from its middle, rather than not at all.
func lineAfter(f *os.File, offset, size int64) (int64, error) {
	buf := make([]byte, min(blockSize, max(0, size-offset)))
	n, err := f.ReadAt(buf, offset)
	if err != nil && err != io.EOF {
		return 0, cannotRead(err)
	}
	return offset + int64(bytes.IndexByte(buf[:n], '\n')) + 1, nil
}
