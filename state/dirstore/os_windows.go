package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

const openFlags = os.O_RDONLY

// unfitName says why a key's segment cannot be a file's name here, "" if it can.
func unfitName(name string) string {
	switch {
	case strings.ContainsAny(name, `<>:"|?*`):
		return `<>:"|?* are not allowed`
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "it ends in a dot or a space"
	case !filepath.IsLocal(name):
		return "it names a device"
	}
	return ""
}

// syncFolder does nothing: Windows has no sync of folders, NTFS logs the names itself.
func syncFolder(*os.File) error { return nil }

func keepOwner(*os.File, fs.FileInfo) {}

// patience is how long a name is waited for.
const patience = 2 * time.Second

// persist does something to a name. A program that has the file open, such as an editor or a virus scanner, may keep others
// from that for a moment; the same code may also mean that it will never be allowed.
func persist(ctx context.Context, do func() error) error {
	begun := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := do()
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) || time.Since(begun) > patience {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}
