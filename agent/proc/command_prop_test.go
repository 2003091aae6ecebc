//go:build !windows

package proc

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSkippingTheShellChangesNothing: where the text becomes an argv of its own, a real shell would have made the same
// words of it; in any case the arguments follow.
func TestSkippingTheShellChangesNothing(t *testing.T) {
	dir := printer(t)
	pieces := []string{"a", "b", "é", "'", `"`, "' '", `" "`, "''", `\`, "$", "$a", "`", "~", "{", ",", "}", "*", "?", "[", "]", "!", "#", "=", "-", ".", "/",
		":", "@", "%", "+", "^", "(", ")", ";", "&", " ", " ", "\t", "\n", "\r\n", "if"}
	rapid.Check(t, func(t *rapid.T) {
		text := "./printer " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "text"), "")
		argv, err := ShellArgv(text, []string{"$end"})
		if err != nil || argv[0] == shell {
			t.Skip("not direct")
		}
		want := runPrinter(t, dir, []string{shell, "-c", strings.ReplaceAll(text, "\r\n", "\n")})
		if got := argv[1 : len(argv)-1]; !slices.Equal(got, want) || argv[len(argv)-1] != "$end" {
			t.Fatalf("%q: argv %q, the shell makes %q", text, got, want)
		}
	})
}

func runPrinter(t *rapid.T, dir string, argv []string) []string {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "REPORT=" + dir + "/report"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", argv, err, out)
	}
	data, err := os.ReadFile(dir + "/report")
	if err != nil {
		t.Fatal(err)
	}
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}
