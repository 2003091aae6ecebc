package airgap

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"stathub/state"
)

// sumsKey is the list of digests, in the form of sha256sum(1).
const sumsKey = "SHA256SUMS"

var sumsLine = regexp.MustCompile(`^([0-9a-f]{64})  (.+)$`)

// readSums gives the digests of a former export by key; lines of another form are passed over.
func readSums(ctx context.Context, s state.Store) (map[string]string, error) {
	data, _, err := read(ctx, s, sumsKey)
	if state.CodeOf(err) == state.NotFound {
		return map[string]string{}, nil
	} else if err != nil {
		return nil, err
	}
	return parseSums(data), nil
}

func parseSums(data []byte) map[string]string {
	sums := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if m := sumsLine.FindStringSubmatch(lines.Text()); m != nil && state.CheckKey(m[2]) == nil {
			sums[m[2]] = m[1]
		}
	}
	return sums
}

func writeSums(sums map[string]string) []byte {
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[key], key)
	}
	return b.Bytes()
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
