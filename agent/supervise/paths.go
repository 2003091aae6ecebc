package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// paths says where everything lies in the store directory:
//
//	manifest.json, manifest.meta.json  the last good manifest, and where it came from
//	run/<app>.<n>.json                 the record of an instance
//	work/<app>.<n>/                    its working folder
//	logs/<app>.<n>/stdout.log …        its output
//	contact.json                       when the bucket last heard of the agent, where instances hang on it
//	events/                            what happened (package events)
//	crashes/                           what instances said last (package crash)
type paths struct{ dir string }

func (p paths) manifest() string     { return filepath.Join(p.dir, "manifest.json") }
func (p paths) manifestMeta() string { return filepath.Join(p.dir, "manifest.meta.json") }
func (p paths) contact() string      { return filepath.Join(p.dir, "contact.json") }
func (p paths) crashes() string      { return filepath.Join(p.dir, "crashes") }
func (p paths) events() string       { return filepath.Join(p.dir, "events") }
func (p paths) runs() string         { return filepath.Join(p.dir, "run") }

func (p paths) run(app string, n int) string  { return filepath.Join(p.runs(), folder(app, n)+".json") }
func (p paths) work(app string, n int) string { return filepath.Join(p.dir, "work", folder(app, n)) }
func (p paths) logs(app string, n int) string { return filepath.Join(p.dir, "logs", folder(app, n)) }
func (p paths) log(app string, n int, stream string) string {
	return filepath.Join(p.logs(app, n), stream+".log")
}

// workDir is where an instance runs whose app has the workingDirectory dir.
func (p paths) workDir(app string, n int, dir string) string {
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(p.work(app, n), dir)
}

func folder(app string, n int) string { return app + "." + strconv.Itoa(n) }

// make creates what must be there before anything runs.
func (p paths) make() error {
	for _, dir := range []string{p.dir, p.runs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make the store directory: %w", err)
		}
	}
	return nil
}

// parseID takes an instance ID (state.InstanceID) apart.
func parseID(id string) (node, app string, n int, ok bool) {
	node, rest, ok := strings.Cut(id, "/")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 {
		return "", "", 0, false
	}
	n, err := strconv.Atoi(rest[dot+1:])
	if err != nil || n < 0 || strconv.Itoa(n) != rest[dot+1:] {
		return "", "", 0, false
	}
	return node, rest[:dot], n, true
}
