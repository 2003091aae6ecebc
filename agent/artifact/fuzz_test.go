package artifact

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stathub/state"
)

func FuzzUnpackZip(f *testing.F) {
	fuzzUnpack(f, "a.zip",
		zipOf(f, member{name: "a/b", data: "data"}, member{name: "c", data: "more", mode: 0o755}),
		zipOf(f, member{name: "../evil", data: "x"}),
		zipOf(f, member{name: "way/victim", data: "evil"}),
		zipOf(f, member{name: "way/"}, member{name: "way/new/"}),
		zipOf(f, member{name: "link", data: "/etc", mode: fs.ModeSymlink | 0o777}),
		patch(zipOf(f, member{name: "a", data: "abc"}), 24, 1<<30, 4),
		"PK\x05\x06")
}

func FuzzUnpackTar(f *testing.F)     { fuzzTar(f, "a.tar") }
func FuzzUnpackTarGzip(f *testing.F) { fuzzTar(f, "a.tar.gz") }
func FuzzUnpackTarXZ(f *testing.F)   { fuzzTar(f, "a.tar.xz") }
func FuzzUnpackTarZstd(f *testing.F) { fuzzTar(f, "a.tar.zst") }

func fuzzTar(f *testing.F, name string) {
	pack := packers[name]
	fuzzUnpack(f, name,
		pack(f, tarOf(f, file("a/b", "data"), tar.Header{Name: "d/", Typeflag: tar.TypeDir})),
		pack(f, tarOf(f, file("../evil", "x"))),
		pack(f, tarOf(f, file("way/victim", "evil"))),
		pack(f, tarOf(f, tar.Header{Name: "way/new/", Typeflag: tar.TypeDir})),
		pack(f, tarOf(f, file("hard", ""), tar.Header{Name: "l", Linkname: "../../outside/victim", Typeflag: tar.TypeLink})),
		pack(f, tarOf(f, file(strings.Repeat("long/", 50)+"f", "x"), tar.Header{Name: "l", Linkname: "/etc", Typeflag: tar.TypeSymlink})))
}

// fuzzUnpack: whatever the bytes, nothing changes outside the directory, though a link in it leads there; no links appear
// in it; it does not grow beyond the bounds; and an archive that is refused leaves nothing.
func fuzzUnpack(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	kind := formatOf(name)
	small := limits{entries: 20, bytes: 1 << 16, ratio: 50, ratioFloor: 1 << 10}
	f.Fuzz(func(t *testing.T, data []byte) {
		base := t.TempDir()
		dir, outside, path := filepath.Join(base, "work"), filepath.Join(base, "outside"), filepath.Join(base, name)
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(outside, 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(outside, "victim"), "safe")
		links := os.Symlink(outside, filepath.Join(dir, "way")) == nil // not every system lets everybody make links
		beside, there := tree(t, outside), len(tree(t, dir))
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		p := &placer{root: root, dir: dir, prefix: tempPrefix, limits: small}
		err = p.unpack(t.Context(), File{Path: path}, kind)
		if now := tree(t, outside); !slices.Equal(now, beside) {
			t.Fatalf("outside the directory: %q", now)
		}
		if all, _ := os.ReadDir(base); len(all) != 3 {
			t.Fatalf("beside the directory: %v", all)
		}
		count, bytes := measure(t, dir, links)
		if state.CodeOf(err) == state.Invalid && count != there {
			t.Fatalf("a refused archive left %d things behind: %v", count-there, err)
		}
		if bytes > max(small.ratioFloor, small.ratio*int64(len(data))) {
			t.Fatalf("%d bytes from %d", bytes, len(data))
		}
	})
}

// measure counts what lies in dir; it must be files and folders, but for the link that was there before.
func measure(t *testing.T, dir string, links bool) (count int, bytes int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		st, err := d.Info()
		isOurs := links && path == filepath.Join(dir, "way") && st.Mode()&fs.ModeSymlink != 0
		if err != nil || !st.Mode().IsRegular() && !st.IsDir() && !isOurs {
			t.Fatalf("%s: %v, %v", path, d, err)
		}
		if path != dir {
			count++
		}
		if st.Mode().IsRegular() {
			bytes += st.Size()
		}
		return nil
	})
	return count, bytes
}
