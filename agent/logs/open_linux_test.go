package logs

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A process may have anything behind its descriptor: only what was deleted, and is the agent's own, is touched through it.
func TestDescriptorOfAnotherFile(t *testing.T) {
	text := strings.Repeat("line\n", 100_000)
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, text)
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	link := "/proc/self/fd/" + strconv.Itoa(fd)
	var out bytes.Buffer
	if err := Tail(&out, link, 1); err == nil || out.Len() > 0 {
		t.Errorf("a file that has a name was read: %q, %v", out.String(), err)
	}
	if _, err := Trim(link, 1000); err == nil {
		t.Error("a file that has a name was trimmed")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != text {
		t.Errorf("%d bytes are left, %v", len(data), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Trim(link, 1000); err != nil {
		t.Errorf("a deleted file: %v", err)
	}
	if err := Tail(&out, link, 1); err != nil || out.String() != "line\n" {
		t.Errorf("a deleted file: %q, %v", out.String(), err)
	}
}
