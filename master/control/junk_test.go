package control

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// Nobody hears of files that editors make; of others once. None of them is a document.
func TestJunkIsToldOnce(t *testing.T) {
	quiet := []string{
		".n1.json.swp", ".n1.json.swx", "n1.json~", "4913", "#n1.json#", ".#n1.json", ".n1.json.AbC123", ".nfs000000000000a1b200000001",
		".DS_Store", "desktop.ini", "sedAbC123", "n1.json.tmp", "n1.json.tmp.123", "n1.json.bak", ".git/config", ".goutputstream-ABCDEF", "~$n1.json",
	}
	loud := []string{"readme.txt", "n 1.json", "old/n1.json"}
	inWorld(t, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.halt()
		w.log = slog.New(slog.NewTextHandler(&log, nil))
		w.startMaster()
		for range 3 {
			for _, kind := range kinds {
				if kind == state.KindHeartbeat {
					continue
				}
				for _, name := range append(quiet, loud...) {
					w.put(kind.Prefix()+name, time.Now().String())
				}
			}
			w.wait(10 * time.Second)
		}
		w.halt()
		for _, kind := range kinds {
			for _, name := range quiet {
				if strings.Contains(log.String(), `key=`+kind.Prefix()+name) || strings.Contains(log.String(), `key="`+kind.Prefix()+name) {
					t.Errorf("%s%s is told", kind.Prefix(), name)
				}
			}
			for _, name := range loud {
				n := strings.Count(log.String(), "key="+kind.Prefix()+name) + strings.Count(log.String(), `key="`+kind.Prefix()+name)
				if want := 1; kind != state.KindHeartbeat && n != want {
					t.Errorf("%s%s is told %d times, want %d", kind.Prefix(), name, n, want)
				}
			}
		}
		if names, nodes := w.c.AppNames(), w.c.Nodes(); len(names)+len(nodes)+len(w.c.Unreadable()) != 0 {
			t.Errorf("documents: %v, %v, %v", names, nodes, w.c.Unreadable())
		}
		w.startMaster()
	})
}
