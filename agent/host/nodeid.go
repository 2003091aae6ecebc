package host

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
)

// NodeID is the default node id: "<host name>-<6 hex digits>". The digits stand for the machine and the store directory's
// path, so the id is the same after that directory was wiped, and two agents of one machine differ.
func NodeID(storeDir string) string {
	hostname, _ := os.Hostname()
	return nodeID(hostname, machineID(), storeDir)
}

func nodeID(hostname, machine, storeDir string) string {
	if machine == "" {
		machine = "host:" + hostname
	}
	if abs, err := filepath.Abs(storeDir); err == nil {
		storeDir = abs
	}
	sum := sha256.Sum256([]byte(machine + "\x00" + storeDir))
	return sanitise(hostname) + "-" + hex.EncodeToString(sum[:3])
}

// maxName leaves room for the digits in the 63 characters that a node id may have.
const maxName = 63 - 7

// sanitise makes a host name fit the pattern of node ids.
func sanitise(hostname string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, hostname)
	clean = strings.TrimLeft(clean, "._-")
	clean = strings.TrimRight(clean[:min(len(clean), maxName)], "._-")
	if clean == "" {
		return "node"
	}
	return clean
}
