//go:build linux

package faultsuite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/localstack/faults"
	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
	_ "stathub/state/blobstore/s3"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// The credentials of MinIO are those of the whole process, as the client of S3 takes them.
const accessKey, secretKey = "stathub-faults", "stathub-faults-secret"

func TestMain(m *testing.M) {
	os.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	os.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	harness.Main(m)
}

// long is how many edits `make faults` asks for, at MinIO too; unset: the short form of all tests.
const long = "STATHUB_FAULT_EDITS"

func editsOr(t *testing.T, short int) int {
	t.Helper()
	text := os.Getenv(long)
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", long, err)
	}
	return n
}

// The real master program, killed with kill -9, before a bucket in memory that is reached over a network that fails.
func TestEditsOfPrograms(t *testing.T) {
	t.Parallel()
	rec := newRecorder(memstore.New())
	server := httptest.NewServer(httpstore.Handler(rec, httpstore.Options{}))
	t.Cleanup(server.Close)
	b := bucket{truth: rec, look: rec, endpoint: server.URL, at: func(endpoint string) string { return endpoint }}
	editThroughPrograms(t, b, editsOr(t, 300))
}

// The same before a real MinIO.
func TestEditsAtMinIO(t *testing.T) {
	t.Parallel()
	b := startMinIO(t)
	b.look = newRecorder(b.truth)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { b.look.watch(ctx) })
	t.Cleanup(func() { cancel(); watching.Wait() })
	editThroughPrograms(t, b, editsOr(t, 100))
}

// startMinIO gives an empty bucket of a MinIO of its own.
func startMinIO(t *testing.T) bucket {
	t.Helper()
	server, err := miniosrv.Start(t.Context(), t.TempDir(), miniosrv.Options{Logf: t.Logf, AccessKey: accessKey, SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := server.CreateBucket(t.Context(), "stathub"); err != nil {
		t.Fatal(err)
	}
	b := bucket{endpoint: server.Endpoint, env: server.Env(), at: func(endpoint string) string {
		return strings.ReplaceAll(server.StateURL("stathub"), url.QueryEscape(server.Endpoint), url.QueryEscape(endpoint))
	}}
	if b.truth, err = state.Open(t.Context(), b.at(server.Endpoint)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.truth.Close() })
	return b
}

// bucket is one that programs reach over HTTP.
type bucket struct {
	truth    state.Store // without faults
	look     *recorder
	endpoint string
	env      []string
	at       func(endpoint string) string // the URL of the bucket at an endpoint
}

func editThroughPrograms(t *testing.T, b bucket, edits int) {
	s := newSuite(t, b.truth, edits)
	ctx := t.Context()
	through := func(name string) (state.Store, faults.Target) {
		p := s.proxy(b.endpoint)
		store, err := state.Open(ctx, b.at(p.URL()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return store, faults.Target{Name: name, Breaker: p}
	}
	writers, ofWriters := through("writers")
	agents, ofAgents := through("agents")
	c := cluster{
		writers: []state.Store{writers}, agents: []state.Store{agents}, look: b.look, pace: 400 * time.Millisecond,
		targets: []faults.Target{ofWriters, ofAgents},
	}
	for i := range masters {
		bucket, api := s.proxy(b.endpoint), s.proxy("http://127.0.0.1:1")
		m := &program{log: filepath.Join(t.TempDir(), "log"), path: harness.Build(t, "./master/stathub-master"), env: b.env, api: api, args: []string{
			"--server.port=0", "--store.directory=" + t.TempDir(), "--state.url=" + b.at(bucket.URL()), "--poll=500ms",
			"--node.timeout=" + nodeTimeout.String(), fmt.Sprint("--master.name=master-", i),
		}}
		s.begin(m)
		c.masters, c.apis = append(c.masters, m), append(c.apis, api.URL())
		c.targets = append(c.targets,
			faults.Target{Name: fmt.Sprint("bucket of master ", i), Breaker: bucket}, faults.Target{Name: fmt.Sprint("api of master ", i), Breaker: api})
	}
	s.run(ctx, c)
}

// program is a master in a process of its own.
type program struct {
	path string
	args []string
	env  []string
	log  string // file that gets its output
	api  *faults.Proxy

	cmd  *exec.Cmd
	done chan error // how it ended
}

func (p *program) start() error {
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	began, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan error, 1)
	started := make(chan error)
	go func() { // of one thread until the end, which Pdeathsig is about
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			done <- p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.done = done
	return p.find(began)
}

var listening = regexp.MustCompile(`listening=(\S+)`)

// find waits until the log says, past an offset, where the master listens, and leads the proxy there.
func (p *program) find(from int64) error {
	for deadline := time.Now().Add(stuck); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return err
		}
		if found := listening.FindSubmatch(text[from:]); found != nil {
			return p.api.Point("http://" + string(found[1]))
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a master does not say where it listens: %s", text[from:])
		}
	}
}

func (p *program) kill() error { return p.end(syscall.SIGKILL) }

func (p *program) stop() error { return p.end(syscall.SIGTERM) }

func (p *program) end(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case err := <-p.done:
		if sig == syscall.SIGTERM && err != nil {
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%w: %s", err, text[max(0, len(text)-2000):])
		}
		return nil
	case <-time.After(stuck):
		err := p.cmd.Process.Kill()
		<-p.done
		return errors.Join(err, fmt.Errorf("a master did not end within %s of %s", stuck, sig))
	}
}
