package host

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// residentFile is the program's resident memory that is backed by files, in kB (proc(5), RssFile).
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "RssFile:" {
			kb, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no RssFile")
	return 0
}

func TestTrimMemory(t *testing.T) {
	before := residentFile(t)
	TrimMemory()
	if after := residentFile(t); after >= before {
		t.Errorf("%d kB of files resident before, %d kB after", before, after)
	}
	if _, err := Facts(t.Context()); err != nil { // code that was dropped comes back
		t.Error(err)
	}
}
