package dirstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
