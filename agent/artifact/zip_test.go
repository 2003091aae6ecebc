package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stathub/state"
)

// member is one entry of an archive that a test makes.
type member struct {
	name   string
	data   string
	mode   fs.FileMode
	change func(h *zip.FileHeader)
}

func zipOf(t testing.TB, members ...member) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(0o644)
		if m.mode != 0 {
			h.SetMode(m.mode)
		}
		if m.change != nil {
			m.change(h)
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(m.name, "/") {
			if _, err := out.Write([]byte(m.data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// patch changes the central directory header of the first entry, at an offset of APPNOTE.TXT section 4.3.12.
func patch(archive string, offset int, value uint32, size int) string {
	data := []byte(archive)
	at := bytes.Index(data, []byte("PK\x01\x02")) + offset
	if size == 2 {
		binary.LittleEndian.PutUint16(data[at:], uint16(value))
	} else {
		binary.LittleEndian.PutUint32(data[at:], value)
	}
	return string(data)
}

func TestUnpack(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	data := zipOf(t,
		member{name: "./readme.txt", data: "hi"},
		member{name: "bin/"},
		member{name: "bin/tool", data: "x", mode: 0o755},
		member{name: "bin/script", data: "#!/bin/sh"},
		member{name: "empty/"},
		member{name: "设置/文件", data: "unicode"},
		member{name: "setuid", data: "y", mode: 0o4755 | fs.ModeSetuid})
	z := stock(t, c, "http://h/app.ZIP", data)
	mustPlace(t, c, dir, z)
	want := []string{
		"app.ZIP -rw-r--r-- " + data, "bin d---------", "bin/script -rwxr-xr-x #!/bin/sh", "bin/tool -rwxr-xr-x x", "empty d---------",
		"readme.txt -rw-r--r-- hi", "setuid -rwxr-xr-x y", "设置 d---------", "设置/文件 -rw-r--r-- unicode",
	}
	wantTree(t, dir, want...)

	write(t, filepath.Join(dir, "readme.txt"), "edited")
	tool, _ := os.Stat(filepath.Join(dir, "bin/tool"))
	mustPlace(t, c, dir, z)
	if got, _ := os.ReadFile(filepath.Join(dir, "readme.txt")); string(got) != "edited" {
		t.Fatal("unpacked again for the same archive")
	}
	if err := os.Remove(filepath.Join(dir, "app.ZIP")); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, c, dir, z)
	wantTree(t, dir, want...)
	if again, _ := os.Stat(filepath.Join(dir, "bin/tool")); !os.SameFile(tool, again) {
		t.Fatal("a file that was the same already was replaced")
	}
	newer := zipOf(t, member{name: "readme.txt", data: "version 2"})
	mustPlace(t, c, dir, stock(t, c, "http://h/app.ZIP", newer))
	if got, _ := os.ReadFile(filepath.Join(dir, "readme.txt")); string(got) != "version 2" {
		t.Fatalf("%q", got)
	}
}

func TestUnpackRefuses(t *testing.T) {
	good := member{name: "good", data: "good"}
	raw := func(name string) string { return zipOf(t, good, member{name: name, data: "x"}) }
	deep := strings.Repeat("d/", 2100) + "f"
	cases := []struct{ name, data, says string }{
		{"parent", raw("../evil"), "leads out"},
		{"parent inside", raw("a/../../evil"), "leads out"},
		{"parent at the end", raw("a/.."), "leads out"},
		{"absolute", raw("/etc/evil"), "absolute"},
		{"drive letter", raw("C:/evil"), "drive letter"},
		{"drive letter, relative", raw("c:evil"), "drive letter"},
		{"backslash", raw(`..\evil`), "backslash"},
		{"share", raw(`\\host\share`), "backslash"},
		{"NUL", raw("a\x00b"), "control characters"},
		{"newline", raw("a\nb"), "control characters"},
		{"not UTF-8", raw("\xc4\xe3"), "UTF-8"},
		{"no name", raw(""), "empty"},
		{"dot", raw("a/./b"), "empty segment"},
		{"double slash", raw("a//b"), "empty segment"},
		{"long segment", raw(strings.Repeat("n", 256)), "255"},
		{"long path", raw(deep), "4096"},
		{"our own", raw(".stathub-1/x"), "taken"},
		{"link", zipOf(t, good, member{name: "l", data: "/etc", mode: fs.ModeSymlink | 0o777}), "symbolic link"},
		{"link as a folder", zipOf(t, good, member{name: "l/", mode: fs.ModeSymlink | 0o777}), "symbolic link"},
		{"device", zipOf(t, good, member{name: "d", mode: fs.ModeDevice | 0o666}), "neither"},
		{"pipe", zipOf(t, good, member{name: "p", mode: fs.ModeNamedPipe | 0o666}), "neither"},
		{"socket", zipOf(t, good, member{name: "s", mode: fs.ModeSocket | 0o666}), "neither"},
		{"twice", zipOf(t, good, good), "twice"},
		{"case", raw("GOOD"), "only in case"},
		{"case of a folder", zipOf(t, member{name: "A/x"}, member{name: "a/y"}), "only in case"},
		{"case beyond ASCII", zipOf(t, member{name: "ſtraße"}, member{name: "Straße"}), "only in case"},
		{"file and folder", zipOf(t, member{name: "a"}, member{name: "a/b"}), "a file and a folder"},
		{"encrypted", patch(zipOf(t, good), 8, 1, 2), "encrypted"},
		{"unknown method", patch(zipOf(t, good), 10, 99, 2), "method 99"},
		{"too many", zipOf(t, good, member{name: "2"}, member{name: "3"}, member{name: "4"}, member{name: "5"}, member{name: "6"}), "more than 5"},
		{"too large by its own word", patch(zipOf(t, good), 24, 2000, 4), "1000 bytes"},
		{"not a zip", "hello", "zip"},
		{"empty file", "", "zip"},
		{"cut off", zipOf(t, good)[:60], "zip"},
		{"lies: longer than said", patch(zipOf(t, good), 24, 2, 4), "good"},
		{"lies: shorter than said", patch(zipOf(t, good), 24, 9, 4), "good"},
		{"wrong checksum", patch(zipOf(t, good), 16, 1, 4), "checksum"},
	}
	limits := limits{entries: 5, bytes: 1000, ratio: 200, ratioFloor: 10 << 20}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			dir, err := place(t, tc.data, limits)
			if state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "bad archive") {
				t.Fatalf("code %s: %v", state.CodeOf(err), err)
			}
			wantTree(t, dir, "a.zip -rw-r--r-- "+tc.data)
		})
	}
}

// place unpacks a zip archive under other limits than the usual ones.
func place(t testing.TB, data string, l limits) (dir string, err error) {
	t.Helper()
	return placeAs(t, t.Context(), "a.zip", data, l)
}

func placeAs(t testing.TB, ctx context.Context, name, data string, l limits) (dir string, err error) {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	path := c.path("content", sumOf(data))
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "work")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p := &placer{cache: c, root: root, dir: dir, prefix: c.tempPrefix(), limits: l}
	return dir, p.place(ctx, []File{{URI: "http://h/" + name, ETag: sumOf(data), Path: path}})
}

func TestUnpackBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	honest := zipOf(t, member{name: "first", data: "x"}, member{name: "zeros", data: zeros})
	nested := zipOf(t, member{name: "inner.zip", data: honest})
	cases := []struct {
		name, data string
		limits     limits
		says       string
	}{
		{"ratio", honest, limits{entries: 9, bytes: 8 << 30, ratio: 200, ratioFloor: 1 << 10}, "200 times"},
		{"bytes", honest, limits{entries: 9, bytes: 1 << 19, ratio: 1 << 20, ratioFloor: 0}, "524288 bytes"},
		{"sizes that lie", lieAboutSize(t, zeros), limits{entries: 9, bytes: 1 << 19, ratio: 1 << 20, ratioFloor: 0}, "bad archive"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			dir, err := place(t, tc.data, tc.limits)
			if state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), tc.says) {
				t.Fatal(err)
			}
			wantTree(t, dir, "a.zip -rw-r--r-- "+tc.data)
		})
	}
	t.Run("an archive inside is only a file", func(t *testing.T) {
		dir, err := place(t, nested, defaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, "a.zip -rw-r--r-- "+nested, "inner.zip -rw-r--r-- "+honest)
	})
	t.Run("a directory that does not end", func(t *testing.T) {
		var many []member
		for i := range 300 {
			many = append(many, member{name: fmt.Sprintf("%0200d", i)})
		}
		data := zipOf(t, many...)
		meter := limits{entries: 10, bytes: 1 << 20, ratio: 200, ratioFloor: 1 << 20}
		in := &meteredReader{r: strings.NewReader(data), left: 10_000, metered: true}
		if _, err := zip.NewReader(in, int64(len(data))); !errors.Is(err, errMeter) {
			t.Fatal(err)
		}
		if _, err := place(t, data, meter); !strings.Contains(err.Error(), "more than 10") {
			t.Fatal(err)
		}
	})
}

// lieAboutSize makes an archive whose second entry says that it holds one byte.
func lieAboutSize(t *testing.T, data string) string {
	honest := zipOf(t, member{name: "zeros", data: data})
	return patch(honest, 24, 1, 4)
}

func TestUnpackStops(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	z := stock(t, c, "http://h/a.zip", zipOf(t, member{name: "a", data: "1"}, member{name: "b", data: "2"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Place(ctx, []File{z}, dir); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantTree(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "b", "kept"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Place(t.Context(), []File{z}, dir); err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Fatal("half the archive is in place")
	}
	if err := os.RemoveAll(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, c, dir, z)
	if got := tree(t, dir); len(got) != 3 {
		t.Fatal(got)
	}
}
