package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"stathub/state"
)

// packers compress an archive in the way that its file name tells.
var packers = map[string]func(t testing.TB, data string) string{
	"a.tar":     func(_ testing.TB, data string) string { return data },
	"a.tar.gz":  compressed(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
	"a.tar.zst": compressed(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	"a.tar.xz": compressed(func(w io.Writer) (io.WriteCloser, error) {
		return xz.WriterConfig{DictCap: 1 << 16}.NewWriter(w)
	}),
}

func compressed(open func(io.Writer) (io.WriteCloser, error)) func(testing.TB, string) string {
	return func(t testing.TB, data string) string {
		t.Helper()
		var buf bytes.Buffer
		w, err := open(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
}

// file is a header whose content stands in Uname until tarOf takes it from there.
func file(name, data string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), Uname: data}
}

// openTarOf makes an archive without the zeros at its end.
func openTarOf(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		data := h.Uname
		h.Uname = ""
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func tarOf(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	return openTarOf(t, headers...) + strings.Repeat("\x00", tarEnd)
}

// rawEntry is an entry that the writer of the library would not make.
func rawEntry(name string, typeflag byte, data string) string {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00%011o\x00        %c", len(data), 0, typeflag))
	copy(b[257:], "ustar\x0000")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(b) + data + strings.Repeat("\x00", (512-len(data)%512)%512)
}

func paxRecord(key, value string) string {
	size := len(key) + len(value) + 3
	for n := 0; n != size; {
		n = size
		size = len(fmt.Sprint(n)) + len(key) + len(value) + 3
	}
	return fmt.Sprintf("%d %s=%s\n", size, key, value)
}

func TestUnpackTar(t *testing.T) {
	long := strings.Repeat("long/", 40) + "name"
	gnu := file(long+"-gnu", "gnu")
	gnu.Format = tar.FormatGNU
	tool := file("bin/tool", "x")
	tool.Mode = 0o4755
	data := tarOf(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "a commit"}},
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		file("./readme.txt", "hi"), tool, file("bin/script", "#!/bin/sh"), file("设置/文件", "unicode"),
		tar.Header{Name: "empty/", Typeflag: tar.TypeDir, Mode: 0o700}, file(long+"-pax", "pax"), gnu, file("nothing", ""),
		file("zeros", strings.Repeat("\x00", 2048)))
	for name, pack := range packers {
		for _, padding := range []int{0, 512, 8 << 10} {
			packed := pack(t, data+strings.Repeat("\x00", padding))
			dir, err := placeAs(t, t.Context(), name, packed, defaultLimits)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := map[string]bool{}
			for _, line := range tree(t, dir) {
				got[line] = true
			}
			for _, want := range []string{
				name + " -rw-r--r-- " + packed, "readme.txt -rw-r--r-- hi", "bin/tool -rwxr-xr-x x", "bin/script -rwxr-xr-x #!/bin/sh", "empty d---------",
				"设置/文件 -rw-r--r-- unicode", long + "-pax -rw-r--r-- pax", long + "-gnu -rw-r--r-- gnu", "nothing -rw-r--r-- ",
			} {
				if !got[want] {
					t.Errorf("%s: %q is not among %v", name, want, got)
				}
			}
		}
	}
}

func TestTarSuffixes(t *testing.T) {
	for name, is := range map[string]bool{
		"a.tar": true, "a.tar.gz": true, "a.TGZ": true, "a.tar.xz": true, "a.txz": true, "a.tar.zst": true, "a.tzst": true,
		"a.gz": false, "a.xz": false, "a.zst": false, "tar": false, "a.tar.bz2": false,
	} {
		if got := formatOf(name); (got != nil) != is || is && !strings.HasSuffix(strings.ToLower(name), got.suffix) {
			t.Errorf("%s: %v", name, got)
		}
	}
	data := tarOf(t, file("x", "y"))
	for short, pack := range map[string]string{"a.tgz": "a.tar.gz", "a.txz": "a.tar.xz", "a.tzst": "a.tar.zst"} {
		packed := packers[pack](t, data)
		dir, err := placeAs(t, t.Context(), short, packed, defaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, short+" -rw-r--r-- "+packed, "x -rw-r--r-- y")
	}
}

func TestUnpackTarRefuses(t *testing.T) {
	good := file("good", "good")
	raw := func(name string) string { return tarOf(t, good, file(name, "x")) }
	kind := func(c byte) string { return openTarOf(t, good) + rawEntry("k", c, "") + strings.Repeat("\x00", tarEnd) }
	pax := func(records string) string {
		return openTarOf(t, good) + rawEntry("p", tar.TypeXHeader, records) + rawEntry("f", tar.TypeReg, "x") + strings.Repeat("\x00", tarEnd)
	}
	cases := []struct{ name, data, says string }{
		{"parent", raw("../evil"), "leads out"},
		{"parent inside", raw("a/../../evil"), "leads out"},
		{"parent at the end", raw("a/.."), "leads out"},
		{"parent in a PAX name", pax(paxRecord("path", "../evil")), "leads out"},
		{"parent in a GNU name", openTarOf(t, good) + rawEntry("././@LongLink", tar.TypeGNULongName, "../"+strings.Repeat("e", 200)+"\x00") + rawEntry("f", tar.TypeReg, ""), "leads out"},
		{"absolute", raw("/etc/evil"), "absolute"},
		{"drive letter", raw("C:/evil"), "drive letter"},
		{"drive letter, relative", raw("c:evil"), "drive letter"},
		{"backslash", raw(`..\evil`), "backslash"},
		{"share", raw(`\\host\share`), "backslash"},
		{"NUL", pax("12 path=a\x00b\n"), "invalid tar header"},
		{"newline", raw("a\nb"), "control characters"},
		{"not UTF-8", openTarOf(t, good) + rawEntry("\xc4\xe3", tar.TypeReg, "x"), "UTF-8"},
		{"no name", openTarOf(t, good) + rawEntry("", tar.TypeReg, "x"), "empty"},
		{"dot", raw("a/./b"), "empty segment"},
		{"double slash", raw("a//b"), "empty segment"},
		{"long segment", raw(strings.Repeat("n", 256)), "255"},
		{"long path", raw(strings.Repeat("d/", 2100) + "f"), "4096"},
		{"our own", raw(".stathub-1/x"), "taken"},
		{"symbolic link", tarOf(t, good, tar.Header{Name: "l", Linkname: "/etc", Typeflag: tar.TypeSymlink}), "symbolic link"},
		{"link within", tarOf(t, good, tar.Header{Name: "l", Linkname: "good", Typeflag: tar.TypeSymlink}), "symbolic link"},
		{"hard link", tarOf(t, good, tar.Header{Name: "l", Linkname: "good", Typeflag: tar.TypeLink}), "hard link"},
		{"character device", kind(tar.TypeChar), "neither"},
		{"block device", kind(tar.TypeBlock), "neither"},
		{"pipe", kind(tar.TypeFifo), "neither"},
		{"contiguous", kind(tar.TypeCont), "neither"},
		{"volume header", kind('V'), "neither"},
		{"multi-volume", kind('M'), "neither"},
		{"unknown type", kind('Z'), "neither"},
		{"sparse, PAX 0.1", pax(paxRecord("GNU.sparse.map", "0,1") + paxRecord("GNU.sparse.size", "1") + paxRecord("GNU.sparse.numblocks", "1")), "sparse"},
		{"sparse, PAX 9.9", pax(paxRecord("GNU.sparse.major", "9") + paxRecord("GNU.sparse.minor", "9")), "sparse"},
		{"sparse, old GNU", openTarOf(t, good) + oldSparse("s") + strings.Repeat("\x00", tarEnd), "sparse"},
		{"a file like a folder", openTarOf(t, good) + rawEntry("f/", tar.TypeReg, "x"), "slash"},
		{"twice", tarOf(t, good, good), "twice"},
		{"case", raw("GOOD"), "only in case"},
		{"case of a folder", tarOf(t, file("A/x", ""), file("a/y", "")), "only in case"},
		{"case beyond ASCII", tarOf(t, file("ſtraße", ""), file("Straße", "")), "only in case"},
		{"file and folder", tarOf(t, file("a", ""), file("a/b", "")), "a file and a folder"},
		{"too many", tarOf(t, good, file("2", ""), file("3", ""), file("4", ""), file("5", ""), file("6", "")), "more than 5"},
		{"too many comments", strings.Repeat(rawEntry("g", tar.TypeXGlobalHeader, paxRecord("comment", "x")), 6), "more than 5"},
		{"too large by its own word", openTarOf(t, file("big", strings.Repeat("b", 1001))), "1000 bytes"},
		{"negative size", pax(paxRecord("size", "-1")), "bad archive"},
		{"something behind", tarOf(t, good) + strings.Repeat("\x00", 700) + "evil", "something follows"},
		{"another archive behind", tarOf(t, good) + tarOf(t, good), "something follows"},
		{"cut off in a header", tarOf(t, good, good)[:1100], "unexpected EOF"},
		{"cut off in a content", openTarOf(t, good)[:514], "unexpected EOF"},
		{"cut off after an entry", openTarOf(t, good), "too early"},
		{"cut off after zeros", openTarOf(t, file("zeros", strings.Repeat("\x00", 900))), "too early"},
		{"cut off at its end", openTarOf(t, good) + strings.Repeat("\x00", 512), "too early"},
		{"not a tar", strings.Repeat("hello ", 200), "invalid tar header"},
		{"empty", "", "too early"},
	}
	limits := limits{entries: 5, bytes: 1000, ratio: 200, ratioFloor: 10 << 20}
	for name, pack := range packers {
		for _, tc := range cases {
			t.Run(name+" "+tc.name, func(t *testing.T) { wantRefused(t, name, pack(t, tc.data), limits, tc.says) })
		}
	}
}

// oldSparse is an entry of 1 MiB that holds nothing, in the old format of GNU tar.
func oldSparse(name string) string {
	b := []byte(rawEntry(name, tar.TypeGNUSparse, ""))
	copy(b[257:], "ustar  \x00")
	copy(b[386:], "00000000000\x0000000000000\x00")
	copy(b[483:], "00004000000\x00")
	copy(b[148:], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(b)
}

// wantRefused unpacks a bad archive, and nothing but the archive itself may lie in the directory afterwards.
func wantRefused(t *testing.T, name, data string, l limits, says string) {
	t.Helper()
	dir, err := placeAs(t, t.Context(), name, data, l)
	if state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "bad archive") {
		t.Fatalf("code %s: %v", state.CodeOf(err), err)
	}
	if got := tree(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], name+" ") {
		t.Fatalf("%d things lie there", len(got))
	}
}

func TestUnpackTarDamaged(t *testing.T) {
	var body strings.Builder
	for i := range 3000 { // does not compress to nothing
		fmt.Fprintf(&body, "%x ", i*i*7919)
	}
	data := tarOf(t, file("first", "x"), file("body", body.String()))
	for name, pack := range packers {
		packed := pack(t, data)
		for cut := 0; cut < len(packed)-tarEnd; cut += 1 + len(packed)/40 {
			wantRefused(t, name, packed[:cut], defaultLimits, "")
		}
		if name == "a.tar" {
			continue
		}
		for cut := max(0, len(packed)-40); cut < len(packed); cut++ {
			wantRefused(t, name, packed[:cut], defaultLimits, "")
		}
		wantRefused(t, name, packed+"garbage behind it", defaultLimits, "")
		flipped := []byte(packed)
		flipped[len(packed)/2] ^= 0x10
		wantRefused(t, name, string(flipped), defaultLimits, "")
		dir, err := placeAs(t, t.Context(), name, pack(t, data[:1000])+pack(t, data[1000:]), defaultLimits)
		if err != nil || len(tree(t, dir)) != 3 {
			t.Fatalf("%s: two streams in a row: %v", name, err)
		}
	}
}

func TestUnpackTarBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 4<<20)
	inside := tarOf(t, file("first", "x"), file("zeros", zeros))
	for name, pack := range packers {
		if name == "a.tar" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			data := pack(t, inside)
			wantRefused(t, name, data, limits{entries: 9, bytes: 8 << 30, ratio: 200, ratioFloor: 1 << 10}, "200 times")
			wantRefused(t, name, data, limits{entries: 9, bytes: 1 << 19, ratio: 1 << 20, ratioFloor: 1 << 19}, "524288 bytes")
			endless := strings.Repeat(rawEntry("p", tar.TypeXHeader, paxRecord("comment", strings.Repeat("c", 1<<19))), 9)
			wantRefused(t, name, pack(t, endless), defaultLimits, "headers of one entry")
			wantRefused(t, name, pack(t, endless), limits{entries: 9, bytes: 1 << 19, ratio: 1 << 20, ratioFloor: 1 << 19}, "524288 bytes")
			behind := pack(t, tarOf(t, file("first", "x"))+zeros)
			wantRefused(t, name, behind, limits{entries: 9, bytes: 1 << 19, ratio: 1 << 20, ratioFloor: 1 << 19}, "524288 bytes")
		})
	}
	t.Run("windows", func(t *testing.T) {
		wide := compressed(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithWindowSize(512<<20)) })
		wantRefused(t, "a.tar.zst", wide(t, strings.Repeat(inside, 3)), defaultLimits, "--long=27")
		for prop, ok := range map[byte]bool{28: true, 30: true, 31: false, 40: false, 41: false} {
			if _, err := unxzAll(xzWindow(t, prop)); (err == nil) != ok {
				t.Errorf("window property %d: %v", prop, err)
			}
		}
	})
}

func TestUnpackTarStops(t *testing.T) {
	for name, pack := range packers {
		ctx, cancel := context.WithCancel(t.Context())
		packed := pack(t, tarOf(t, file("a", "1"), file("b", "2")))
		c, dir := openCache(t, nil, Options{}), t.TempDir()
		f := stock(t, c, "http://h/"+name, packed)
		cancel()
		if err := c.Place(ctx, []File{f}, dir); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		in, err := os.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		a, err := formatOf(name).open(ctx, in, int64(len(packed)), defaultLimits)
		if err == nil {
			err = a.walk(func(entry) error { return nil })
		}
		if !errors.Is(err, context.Canceled) || state.CodeOf(err) == state.Invalid {
			t.Fatalf("%s: %v", name, err)
		}
		wantTree(t, dir)
	}
}
