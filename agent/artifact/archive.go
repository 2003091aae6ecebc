package artifact

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"stathub/state"
)

// format is one kind of archive.
type format struct {
	suffix string // of the file name, in lower case
	stream bool   // entries come one after the other, and only once
	open   func(ctx context.Context, f *os.File, size int64, max limits) (archive, error)
}

// archive gives the entries of an open archive in their order. All but a stream can be walked several times: first all
// names are checked, then contents are written. walk ends at the first error, of visit or its own.
type archive interface {
	walk(visit func(entry) error) error
}

// entry is one member of an archive, as the archive claims it to be.
type entry struct {
	name string                        // as it stands there
	mode fs.FileMode                   // type and permissions
	size int64                         // bytes; the content may be another
	open func() (io.ReadCloser, error) // the content; valid during the visit
}

func formatOf(name string) *format {
	for _, f := range [...]format{
		{".zip", false, openZip},
		{".tar", true, openTar(plain)},
		{".tar.gz", true, openTar(gunzip)}, {".tgz", true, openTar(gunzip)},
		{".tar.xz", true, openTar(unxz)}, {".txz", true, openTar(unxz)},
		{".tar.zst", true, openTar(unzstd)}, {".tzst", true, openTar(unzstd)},
	} {
		if strings.HasSuffix(strings.ToLower(name), f.suffix) {
			return &f
		}
	}
	return nil
}

// limits bound what an archive may unpack to.
type limits struct {
	entries    int
	bytes      int64 // of all contents
	ratio      int64 // contents to archive file
	ratioFloor int64 // contents up to this many bytes may have any ratio
}

var defaultLimits = limits{entries: 100_000, bytes: 8 << 30, ratio: 200, ratioFloor: 10 << 20}

// total gives the most that an archive file of size bytes may unpack to, and why no more.
func (l limits) total(size int64) (most int64, why string) {
	byRatio := max(l.ratioFloor, size*l.ratio)
	if byRatio < l.bytes {
		return byRatio, fmt.Sprintf("it unpacks to more than %d times its size", l.ratio)
	}
	return l.bytes, fmt.Sprintf("it unpacks to more than %d bytes", l.bytes)
}

// refuse says what is wrong with an archive.
func refuse(format string, args ...any) error {
	return state.Errorf(state.Invalid, "", "bad archive: "+format, args...)
}

// checker judges the entries of one archive, each before anything of it is written.
type checker struct {
	limits limits
	most   int64
	why    string
	count  int
	bytes  int64
	seen   map[string]seen // by folded path
}

type seen struct {
	path     string
	dir      bool
	explicit bool // an entry of its own, not just the folder of another one
}

func newChecker(l limits, size int64) *checker {
	most, why := l.total(size)
	return &checker{limits: l, most: most, why: why, seen: map[string]seen{}}
}

// entry refuses one that could do harm, and counts it.
func (c *checker) entry(e entry) error {
	if c.count++; c.count > c.limits.entries {
		return refuse("it has more than %d entries", c.limits.entries)
	}
	name, err := cleanName(e.name)
	if err != nil {
		return err
	}
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return refuse("entry %q is a symbolic link", e.name)
	case !e.mode.IsRegular() && !e.mode.IsDir():
		return refuse("entry %q is neither a file nor a folder", e.name)
	case e.size < 0 || e.size > c.most-c.bytes:
		return refuse("%s", c.why)
	}
	c.bytes += e.size
	if name == "" {
		return nil
	}
	for i := range len(name) {
		if name[i] == '/' {
			if err := c.add(seen{path: name[:i], dir: true}); err != nil {
				return err
			}
		}
	}
	return c.add(seen{path: name, dir: e.mode.IsDir(), explicit: true})
}

func (c *checker) add(s seen) error {
	key := foldName(s.path)
	old, ok := c.seen[key]
	switch {
	case !ok:
	case old.path != s.path:
		return refuse("%q and %q differ only in case", old.path, s.path)
	case old.dir != s.dir:
		return refuse("%q is a file and a folder", s.path)
	case old.explicit && s.explicit:
		return refuse("%q is there twice", s.path)
	}
	s.explicit = s.explicit || old.explicit
	c.seen[key] = s
	return nil
}

var driveForm = regexp.MustCompile(`^[A-Za-z]:`)

// maxPath is what the usual systems take as one path, in bytes.
const maxPath = 4096

// cleanName gives the entry's path below the working directory, with slashes and without one at the end; "" is the
// directory itself. Names that lead elsewhere, or mean different things on different systems, are refused.
func cleanName(name string) (string, error) {
	bad := func(why string) (string, error) { return "", refuse("entry %q: its name %s", name, why) }
	switch {
	case !utf8.ValidString(name):
		return bad("is not UTF-8: pack it with a program that writes UTF-8 names")
	case strings.ContainsFunc(name, isControl):
		return bad("contains control characters")
	case strings.Contains(name, `\`):
		return bad("contains a backslash")
	case strings.HasPrefix(name, "/"):
		return bad("is absolute")
	case driveForm.MatchString(name):
		return bad("starts with a drive letter")
	case name == "":
		return bad("is empty")
	case len(name) > maxPath:
		return bad("is longer than 4096 bytes")
	}
	path := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if path == "" || path == "." {
		return "", nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		switch {
		case segment == "..":
			return bad("leads out of the directory")
		case segment == "" || segment == ".":
			return bad("has an empty segment")
		case len(segment) > maxName:
			return bad("has a segment longer than 255 bytes")
		case strings.HasPrefix(segment, tempPrefix):
			return bad("starts with " + tempPrefix + ", which is taken")
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return bad("cannot be used on this system")
	}
	return path, nil
}

// foldName maps names that differ only in case to one.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}
