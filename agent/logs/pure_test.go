package logs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size, maxBytes := rapid.Int64Range(0, 1<<43).Draw(t, "size"), rapid.Int64Range(1, 1<<40).Draw(t, "maxBytes")
		block := int64(1) << rapid.IntRange(9, 21).Draw(t, "block")
		start := cut(size, maxBytes, block)
		switch kept := size - start; {
		case start < 0 || start%block != 0:
			t.Fatal(start)
		case start > 0 && kept <= maxBytes:
			t.Fatalf("the byte before the last %d is freed: %d kept", maxBytes, kept)
		case start == 0 && kept > maxBytes+block, kept > maxBytes+block:
			t.Fatalf("%d kept", kept)
		}
	})
}

func TestPause(t *testing.T) {
	const limit = 64 << 20
	cases := []struct {
		name          string
		grown         int64
		elapsed, last time.Duration
		want          time.Duration
	}{
		{"new", 0, 0, 0, newPause},
		{"new and large", limit, 0, 0, newPause},
		{"idle doubles", 0, time.Second / 4, time.Second / 4, time.Second / 2},
		{"idle", 0, time.Second, time.Second, idlePause},
		{"emptied", -limit, time.Second, time.Second, idlePause},
		{"a trickle", 100, time.Second, time.Second, idlePause},
		{"64 MiB/s", limit, time.Second, time.Second, time.Second / 4},
		{"after a stop, slow again", 1 << 20, 50 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond},
		{"faster than can be", 1 << 40, time.Second, time.Second, busyPause},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := pause(tc.grown, tc.elapsed, tc.last, limit); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	for name, tc := range map[string]struct{ offset, size, want int64 }{
		"inside":           {5, 10, 5},
		"the end":          {10, 10, 10},
		"emptied":          {11, 10, 0},
		"shortened":        {Cycle + 5, 10, 5},
		"shortened twice":  {2*Cycle + 5, 10, 5},
		"emptied since":    {Cycle + 11, 10, 0},
		"shortened, whole": {Cycle + 10, 10, 10},
	} {
		if got := settle(tc.offset, tc.size); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestLastOutput(t *testing.T) {
	cases := []struct {
		name, text string
		max        int
		want       string
	}{
		{"empty", "", 10, ""},
		{"none wanted", "a\n", 0, ""},
		{"all", "a\nb\n", 10, "a\nb\n"},
		{"exactly", "a\nb\n", 4, "a\nb\n"},
		{"begins with a line", "a\nb\nc\n", 4, "b\nc\n"},
		{"begins within a line", "aaa\nb\nc\n", 5, "b\nc\n"},
		{"unfinished", "aaa\nb\nc", 4, "b\nc"},
		{"a long line", "aaaaaa", 3, "aaa"},
		{"a long line, finished", "aaaaaa\n", 3, "aa\n"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := LastOutput(logFile(t, tc.text), tc.max); err != nil || string(got) != tc.want {
				t.Fatalf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
	path := logFile(t, "a\nb\nc\nd\n")
	for end, want := range map[int64]string{0: "", 2: "a\n", 6: "b\nc\n", 7: "c\nd", 8: "c\nd\n", 99: "c\nd\n"} {
		if got, err := LastOutputBefore(path, end, 4); err != nil || string(got) != want {
			t.Errorf("before %d: %q, %v; want %q", end, got, err, want)
		}
	}
	if _, err := LastOutput(filepath.Join(t.TempDir(), "none"), 10); state.CodeOf(err) != state.NotFound {
		t.Error(err)
	}
}

// FuzzTail has three ways to the end of a file agree, whatever is in it and wherever it was trimmed.
func FuzzTail(f *testing.F) {
	f.Add([]byte("a\nb\n"), uint16(0), uint16(1), uint16(3))
	f.Add([]byte("a\n\nb"), uint16(9000), uint16(2), uint16(5000))
	f.Add([]byte{0, '\n', 0}, uint16(20000), uint16(3), uint16(100))
	path := filepath.Join(f.TempDir(), "log")
	f.Fuzz(func(t *testing.T, part []byte, repeat, lines, maxBytes uint16) {
		if len(part) == 0 || len(part)*int(repeat) > 1<<20 {
			return
		}
		text := bytes.Repeat(part, 1+int(repeat))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if stat, err := Trim(path, int64(maxBytes)); err != nil {
			t.Fatal(err)
		} else if stat.Lost > 0 {
			return // no holes here
		}
		span, err := Locate(path, At(0))
		if err != nil || span.End != int64(len(text)) || span.Start > span.End {
			t.Fatal(span, err)
		}
		least := int64(len(text)) - int64(maxBytes)
		if maxBytes > 0 && span.Start > max(0, least) && bytes.IndexByte(text[max(0, least):span.Start-1], '\n') >= 0 {
			t.Fatalf("%v leaves out a line of the last %d bytes", span, maxBytes)
		}
		var all, tail bytes.Buffer
		if err := Copy(&all, path, span); err != nil || !bytes.Equal(all.Bytes(), text[span.Start:]) {
			t.Fatalf("%d bytes, %v; want %d", all.Len(), err, len(text)-int(span.Start))
		}
		if err := Tail(&tail, path, int(lines)); err != nil || !bytes.Equal(tail.Bytes(), lastLines(all.Bytes(), int(lines))) {
			t.Fatalf("%d lines: %d bytes, %v", lines, tail.Len(), err)
		}
		last, err := LastOutput(path, int(lines))
		if err != nil || len(last) > int(lines) || !bytes.HasSuffix(text, last) {
			t.Fatalf("%d of %d bytes, %v", len(last), lines, err)
		}
	})
}

func lastLines(text []byte, n int) []byte {
	all := strings.SplitAfter(string(text), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return []byte(strings.Join(all[max(0, len(all)-n):], ""))
}
