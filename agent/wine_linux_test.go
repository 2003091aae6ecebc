//go:build amd64

package agent

import (
	"bytes"
	"context"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// wine runs programs for Windows on this machine, in a world of their own.
type wine struct {
	*testing.T
	prefix  string
	overlay string // for go build
}

// newWine makes that world. Go's programs need two things that Wine 8 lacks: a library from which their random numbers
// come, and a way to remove files, for which Go has another one that it does not know to take here.
func newWine(t *testing.T) *wine {
	if testing.Short() {
		t.Skip("takes some 60 s")
	}
	for _, program := range []string{"wine", "wineserver"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (Debian: apt install wine64 wine), so that nothing of Windows can be tried", program)
		}
	}
	w := &wine{T: t, prefix: t.TempDir(), overlay: filepath.Join(t.TempDir(), "overlay.json")}
	t.Cleanup(func() {
		for _, how := range []string{"-k", "-w"} {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_ = w.command(ctx, "wineserver", how).Run() // fails if nothing runs
		}
	})
	if out, err := w.run(w.command(t.Context(), "wine", "wineboot", "--init")); err != nil {
		t.Skipf("wine does not work here: %v\n%s", err, out)
	}
	system := filepath.Join(w.prefix, "drive_c", "windows", "system32")
	if library := filepath.Join(system, "bcryptprimitives.dll"); !exists(library) {
		w.write(library, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"))
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "internal", "syscall", "windows", "at_windows.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const known, notImplemented = "case STATUS_INVALID_INFO_CLASS,", "case NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS,"
	patched := filepath.Join(filepath.Dir(w.overlay), "at_windows.go")
	w.write(patched, bytes.Replace(text, []byte(known), []byte(notImplemented), 1))
	w.write(w.overlay, fmt.Appendf(nil, `{"Replace":{%q:%q}}`, source, patched))
	return w
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (w *wine) write(path string, data []byte) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *wine) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
	return cmd
}

// run runs a command and gives its output. That goes to a file: Wine's own daemons would keep a pipe open.
func (w *wine) run(cmd *exec.Cmd) (string, error) {
	w.Helper()
	out, err := os.Create(filepath.Join(w.TempDir(), "output"))
	if err != nil {
		w.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, readErr := os.ReadFile(out.Name())
	return string(text), errors.Join(err, readErr)
}

// build makes a program for Windows.
func (w *wine) build(path string, args ...string) string {
	w.Helper()
	verb := append([]string{args[0], "-overlay", w.overlay, "-o", path}, args[1:]...)
	cmd := exec.Command("go", verb...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("cannot build for Windows: %v\n%s", err, out)
	}
	return path
}

// drive gives a path as programs for Windows see it.
func drive(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// forwarder makes a library whose one export is another library's function.
func forwarder(name, export, target string) []byte {
	const at, inFile, align, headers = 0x1000, 0x200, 0x200, 64
	names := uint32(at + 50)
	exportName := names + uint32(len(name)) + 1
	var exports, file bytes.Buffer
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes all
		}
	}
	// IMAGE_EXPORT_DIRECTORY with one function, one name and one ordinal; then these three, then the texts.
	put(&exports, [3]uint32{}, names, uint32(1), uint32(1), uint32(1), uint32(at+40), uint32(at+44), uint32(at+48),
		exportName+uint32(len(export))+1, exportName, uint16(0))
	exports.WriteString(name + "\x00" + export + "\x00" + target + "\x00")
	size := uint32(exports.Len())
	dos := make([]byte, headers)
	copy(dos, "MZ")
	dos[60] = headers
	options := pe.OptionalHeader64{
		Magic: 0x20b, SizeOfInitializedData: align, ImageBase: 0x180000000, SectionAlignment: at, FileAlignment: align,
		MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6, SizeOfImage: 2 * at, SizeOfHeaders: inFile, Subsystem: 3,
		DllCharacteristics: 0x160, SizeOfStackReserve: 1 << 20, SizeOfStackCommit: 4096, SizeOfHeapReserve: 1 << 20,
		SizeOfHeapCommit: 4096, NumberOfRvaAndSizes: 16,
	}
	options.DataDirectory[0] = pe.DataDirectory{VirtualAddress: at, Size: size}
	put(&file, dos, []byte("PE\x00\x00"),
		pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(options)), Characteristics: 0x2022},
		options,
		pe.SectionHeader32{Name: [8]uint8{'.', 'e', 'd', 'a', 't', 'a'}, VirtualSize: size, VirtualAddress: at, SizeOfRawData: align,
			PointerToRawData: inFile, Characteristics: 0x40000040})
	file.Write(make([]byte, inFile-file.Len()))
	file.Write(exports.Bytes())
	file.Write(make([]byte, align-exports.Len()))
	return file.Bytes()
}

// The tests of what differs by system, as programs for Windows.
func TestPackagesUnderWine(t *testing.T) {
	w := newWine(t)
	for pkg, skip := range map[string]string{
		"agent/proc":      "^$",
		"agent/logs":      "^$",
		"agent/health":    "^$",
		"agent/supervise": "^TestCommandChecksRunAsTheInstanceDoes$|^TestCannotStart$", // paths of Unix
		// Wine 8 does not rename a file to the name of one that somebody has open; one that was removed keeps its name while
		// somebody has; and 10,000 files take it minutes.
		"state/dirstore": "^TestLargeBody$|^TestContract$/^(Increments.*|OneReplacerWins|DeleteAgainstPut|NoHalfDocuments)$|" +
			"^TestLockFileRemoved$|^TestUnchangedFilesAreNotReadAgain$",
	} {
		t.Run(pkg, func(t *testing.T) {
			w := &wine{T: t, prefix: w.prefix, overlay: w.overlay}
			program := w.build(filepath.Join(t.TempDir(), "test.exe"), "test", "-c", "stathub/"+pkg)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cmd := w.command(ctx, "wine", program, "-test.short", "-test.skip", skip, "-test.timeout", "4m")
			cmd.Dir = filepath.Join("..", filepath.FromSlash(pkg))
			if out, err := w.run(cmd); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// childSource is a program that says so when it runs, and ends with code 3 once a file of its first argument's name is there.
const childSource = `package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	fmt.Printf("up %q\n", os.Args[2:])
	for {
		if os.Remove(os.Args[1]) == nil {
			os.Exit(3)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
`

// The agent itself: an instance is started, restarted after its end and after a kill, adopted by a later agent, and stopped
// with its children.
func TestAgentUnderWine(t *testing.T) {
	w := newWine(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "child.go")
	w.write(source, []byte(childSource))
	child := w.build(filepath.Join(dir, "child.exe"), "build", source)
	binary := w.build(filepath.Join(dir, "stathub-agent.exe"), "build", "stathub/agent/stathub-agent")
	store := filepath.Join(dir, "store")
	manifest := filepath.Join(store, "state", "manifests", "n.json")
	end := filepath.Join(dir, "end")
	plain := fmt.Sprintf(`{"app":{"name":"plain","toProcess":%q,"args":[%q,"a b","%%PATH%%","x\"y"],"ports":[0],"killTimeoutSeconds":0.5}}`, drive(child), drive(end))
	shell := fmt.Sprintf(`{"app":{"name":"shell","toProcess":"echo %%INSTANCE%%& %s %s","args":["a&b"],"killTimeoutSeconds":0.5}}`,
		strings.ReplaceAll(drive(child), `\`, `\\`), strings.ReplaceAll(drive(filepath.Join(dir, "never")), `\`, `\\`))
	w.write(manifest, []byte(`{"apps":[`+plain+","+shell+"]}"))

	a := &wineAgent{wine: w, args: []string{binary, "--store.directory=" + drive(store), "--node.id=n", "--server.port=0", "--poll=100ms"}}
	a.start()
	before := a.running(2)
	for app, want := range map[string]string{"plain": "up [\"a b\" \"%PATH%\" \"x\\\"y\"]\n", "shell": "shell.0\r\nup [\"a&b\"]\n"} {
		path := filepath.Join(store, "logs", app+".0", "stdout.log")
		w.eventually("output of "+app, func() error {
			if got, err := os.ReadFile(path); string(got) != want {
				return fmt.Errorf("%q, %v", got, err)
			}
			return nil
		})
	}
	if shell := a.running(2)["shell"]; len(shell.Children) != 1 {
		t.Errorf("the shell's children: %v", shell.Children)
	}

	if out, err := w.run(w.command(t.Context(), "wine", a.args...)); err == nil || !strings.Contains(out, "uses the store directory") {
		t.Errorf("a second agent: %v\n%s", err, out)
	}

	w.write(end, nil)
	w.eventually("a restart after exit code 3", func() error {
		return a.restarted(before, "plain", 1, 3)
	})
	before = a.running(2)
	a.request("POST", fmt.Sprintf("/v1/proc/%d/_kill", before["shell"].PID), `{"signal":9}`)
	w.eventually("a restart after a kill", func() error { return a.restarted(before, "shell", 1, 1) })
	before = a.running(2)

	a.kill()
	a.start()
	after := a.running(2)
	for app, p := range before {
		if q := after[app]; q.PID != p.PID || !q.StartTime.Equal(p.StartTime) || q.Restarts != p.Restarts {
			t.Errorf("%s was process %d of %s, %d restarts; and now %d of %s, %d", app, p.PID, p.StartTime, p.Restarts, q.PID, q.StartTime, q.Restarts)
		}
	}
	w.write(end, nil)
	w.eventually("the exit of an adopted process", func() error { return a.restarted(after, "plain", 2, 3) })

	w.write(manifest, []byte(`{"apps":[`+plain+"]}"))
	left := a.running(1)
	w.write(manifest, []byte(`{"apps":[]}`))
	a.running(0)
	w.eventually("nothing to be left of "+fmt.Sprint(left), func() error {
		if found := programs(child); len(found) > 0 {
			return fmt.Errorf("these run: %v", found)
		}
		return nil
	})
	w.eventually("the working folder to be gone", func() error {
		if folder := filepath.Join(store, "work", "plain.0"); exists(folder) {
			return fmt.Errorf("%s is there", folder)
		}
		return nil
	})
}

// programs gives the processes of this machine that run a program for Windows.
func programs(path string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		if data, err := os.ReadFile(file); err == nil && bytes.HasPrefix(data, []byte(drive(path)+"\x00")) {
			found = append(found, file)
		}
	}
	return found
}

// wineAgent is an agent of Windows.
type wineAgent struct {
	*wine
	args []string
	cmd  *exec.Cmd
	page string
}

var pageOf = regexp.MustCompile(`page=(http://[0-9.:]+)`)

func (a *wineAgent) start() {
	a.Helper()
	cmd := a.command(context.Background(), "wine", a.args...)
	log, err := os.Create(filepath.Join(a.TempDir(), "log"))
	if err != nil {
		a.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		a.Fatal(err)
	}
	a.cmd = cmd
	a.Cleanup(func() {
		_ = cmd.Process.Kill() // one that was killed before
		_ = cmd.Wait()
		if a.Failed() {
			said, _ := os.ReadFile(log.Name())
			a.Logf("%s", said)
		}
	})
	a.eventually("the agent to be up", func() error {
		said, err := os.ReadFile(log.Name())
		m := pageOf.FindSubmatch(said)
		if m == nil {
			return fmt.Errorf("it says %s (%w)", said, err)
		}
		a.page = string(m[1])
		return nil
	})
}

func (a *wineAgent) kill() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

func (w *wine) eventually(what string, try func() error) {
	w.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	w.Fatalf("waited in vain for %s: %v", what, err)
}

func (a *wineAgent) request(method, path, body string) []byte {
	a.Helper()
	data, err := a.do(method, path, body)
	if err != nil {
		a.Fatal(err)
	}
	return data
}

func (a *wineAgent) do(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, a.page+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, data)
	}
	return data, err
}

// procs gives the instances that have a process and run, by app.
func (a *wineAgent) procs() (map[string]state.Proc, error) {
	data, err := a.do("GET", "/v1/proc?full=true", "")
	if err != nil {
		return nil, err
	}
	var list []state.Proc
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	all := map[string]state.Proc{}
	for _, p := range list {
		if p.PID != 0 && p.State == state.Running {
			all[p.App] = p
		}
	}
	return all, nil
}

func (a *wineAgent) running(count int) (all map[string]state.Proc) {
	a.Helper()
	a.eventually(fmt.Sprint(count, " instances to run"), func() (err error) {
		if all, err = a.procs(); err == nil && len(all) != count {
			err = fmt.Errorf("there are %v", all)
		}
		return err
	})
	return all
}

// restarted says whether an app's instance has another process than before, after an exit with that code.
func (a *wineAgent) restarted(before map[string]state.Proc, app string, restarts, code int) error {
	now, err := a.procs()
	if err != nil {
		return err
	}
	p := now[app]
	if p.PID == 0 || p.PID == before[app].PID && p.StartTime.Equal(before[app].StartTime) || p.Restarts != restarts || p.LastExit == nil || p.LastExit.Code != code {
		return fmt.Errorf("%+v, last exit %+v", p, p.LastExit)
	}
	return nil
}
