package airgap

import (
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"stathub/state"
)

// openFile opens a file of this machine, which stands for the one that nodes have at that path. It must lie in one of the
// folders, links resolved: whoever can write a manifest would otherwise carry off anything that the operator can read.
func openFile(u *url.URL, folders []string) (io.ReadCloser, error) {
	name := filepath.FromSlash(u.Path)
	if drive := strings.TrimPrefix(name, string(filepath.Separator)); filepath.VolumeName(drive) != "" {
		name = drive
	}
	for _, folder := range folders {
		abs, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		inside, err := filepath.Rel(abs, filepath.Clean(name))
		if err != nil || !filepath.IsLocal(inside) {
			continue
		}
		return openInside(abs, inside)
	}
	return nil, state.Errorf(state.Denied, "", "it is a file of the machine that exports, and none that is allowed: "+
		"allow its folder with --files=%s, or put the file into the bucket", filepath.Dir(name))
}

func openInside(folder, name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = state.Errorf(state.Invalid, "", "%s is not a file", filepath.Join(folder, name))
	}
	if err != nil {
		return nil, err
	}
	return root.Open(name)
}
