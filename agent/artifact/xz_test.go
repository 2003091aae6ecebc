package artifact

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

func unxzAll(data string) (string, error) {
	r, err := unxz(strings.NewReader(data))
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(r)
	return string(out), err
}

// xzWindow is a small stream whose block header asks for another window.
func xzWindow(t testing.TB, property byte) string {
	data := []byte(compressed(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })(t, "small"))
	header := data[12 : 12+(int(data[12])+1)*4]
	at := strings.Index(string(header), "\x21\x01") + 2
	header[at] = property
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	return string(data)
}

func TestXZ(t *testing.T) {
	text := strings.Repeat("some text that repeats, and ", 9000)
	for name, c := range map[string]xz.WriterConfig{
		"CRC64":  {},
		"CRC32":  {CheckSum: xz.CRC32},
		"SHA256": {CheckSum: xz.SHA256},
		"none":   {NoCheckSum: true},
		"blocks": {BlockSize: 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			c.DictCap = 1 << 16
			pack := compressed(func(w io.Writer) (io.WriteCloser, error) { return c.NewWriter(w) })
			for _, want := range []string{"", "x", text} {
				data := pack(t, want)
				if got, err := unxzAll(data); err != nil || got != want {
					t.Fatalf("%d bytes of %d: %v", len(got), len(want), err)
				}
				if got, err := unxzAll(data + "\x00\x00\x00\x00" + data); err != nil || got != want+want {
					t.Fatalf("two streams: %v", err)
				}
				for _, behind := range []string{"\x00", "\x00\x00\x00", "x", "\x00\x00\x00\x00x", data[:5]} {
					if _, err := unxzAll(data + behind); err == nil {
						t.Fatalf("%q behind the stream was taken", behind)
					}
				}
				for cut := 0; cut < len(data); cut += 1 + cut/100 {
					if _, err := unxzAll(data[:cut]); err == nil {
						t.Fatalf("cut at %d of %d", cut, len(data))
					}
				}
				for at := range min(len(data), 200) { // the last bytes of LZMA data may not matter
					broken := []byte(data)
					broken[len(data)-1-at] ^= 4
					if got, err := unxzAll(string(broken)); err == nil && got != want && name != "none" {
						t.Fatalf("a flipped bit %d before the end went unseen", at)
					}
				}
			}
		})
	}
}

func TestXZBlocks(t *testing.T) {
	c := xz.WriterConfig{BlockSize: 1, DictCap: 1 << 12, BufSize: 1 << 12}
	pack := compressed(func(w io.Writer) (io.WriteCloser, error) { return c.NewWriter(w) })
	part := pack(t, strings.Repeat("x", 101))
	if got, err := unxzAll(strings.Repeat(part, 99)); err != nil || len(got) != 9999 {
		t.Fatalf("%d bytes: %v", len(got), err)
	}
	if _, err := unxzAll(strings.Repeat(part, 100)); err == nil || !strings.Contains(err.Error(), "blocks") {
		t.Fatal(err)
	}
}
