package logs

import (
	"errors"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"stathub/state"
)

// openShared opens a file that others may rename and remove meanwhile, which package os does not let them.
func openShared(path string, flags int) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	access := uint32(windows.GENERIC_READ)
	if flags&os.O_RDWR != 0 {
		access |= windows.GENERIC_WRITE
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

func openToTrim(path string) (*os.File, error) { return openShared(path, os.O_RDWR) }

// punch frees the file's first bytes, which must be a multiple of blockOf. The size stays. NTFS and ReFS can do that to
// files that are marked as sparse.
func punch(f *os.File, bytes int64) error {
	sparse := [1]byte{1} // FILE_SET_SPARSE_BUFFER
	if _, err := control(f, windows.FSCTL_SET_SPARSE, &sparse[0], 1, nil, 0); err != nil {
		return err
	}
	zero := struct{ from, beyond int64 }{0, bytes} // FILE_ZERO_DATA_INFORMATION
	_, err := control(f, windows.FSCTL_SET_ZERO_DATA, (*byte)(unsafe.Pointer(&zero)), unsafe.Sizeof(zero), nil, 0)
	return err
}

func collapse(*os.File, int64) error { return errors.ErrUnsupported }

// blockOf is what NTFS frees of a sparse file at a time, in bytes.
func blockOf(os.FileInfo) int64 { return 64 << 10 }

// dataAt finds the first data at offset or after it, and where the hole after it begins, neither further than limit;
// without any data both are limit.
func dataAt(f *os.File, offset, limit int64) (start, end int64, err error) {
	if offset >= limit {
		return limit, limit, nil
	}
	type span struct{ offset, length int64 } // FILE_ALLOCATED_RANGE_BUFFER
	asked, found := span{offset, limit - offset}, span{}
	n, err := control(f, windows.FSCTL_QUERY_ALLOCATED_RANGES, (*byte)(unsafe.Pointer(&asked)), unsafe.Sizeof(asked), (*byte)(unsafe.Pointer(&found)), unsafe.Sizeof(found))
	switch {
	case errors.Is(err, errors.ErrUnsupported): // knows no holes
		return offset, limit, nil
	case err != nil && !errors.Is(err, windows.ERROR_MORE_DATA):
		return 0, 0, state.Errorf(state.Unavailable, "", "cannot read output: %w", err)
	case n < uint32(unsafe.Sizeof(found)):
		return limit, limit, nil
	}
	start = min(max(found.offset, offset), limit)
	if found.length > math.MaxInt64-found.offset {
		return start, limit, nil
	}
	return start, max(start, min(found.offset+found.length, limit)), nil
}

func control(f *os.File, code uint32, in *byte, inSize uintptr, out *byte, outSize uintptr) (n uint32, err error) {
	err = windows.DeviceIoControl(windows.Handle(f.Fd()), code, in, uint32(inSize), out, uint32(outSize), &n, nil)
	for _, unknown := range []error{windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_CALL_NOT_IMPLEMENTED} {
		if errors.Is(err, unknown) {
			err = errors.ErrUnsupported
		}
	}
	return n, err
}
