package miniosrv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Options of a server. The zero Options are right for a test.
type Options struct {
	Binary    string // from Binary, which is asked when this is empty
	Port      int    // on 127.0.0.1; 0 for a free one
	AccessKey string // random when empty; MinIO wants 3 characters or more
	SecretKey string // random when empty; 8 or more
	Logf      func(format string, args ...any)
}

// Server is a running MinIO server.
type Server struct {
	Endpoint  string // http://127.0.0.1:port
	AccessKey string
	SecretKey string

	process *os.Process
	done    chan struct{} // closed when the process is gone
	log     string
}

// attempts is how many free ports are tried: one may be taken between our look and the server's.
const attempts = 5

// Start runs a server on 127.0.0.1 with its data and its log under dir, and waits until it serves. ctx bounds the wait,
// not the server's life: whoever starts it calls Stop. On Linux it also ends when this process does. It makes no
// connections of its own: no console, no update check.
func Start(ctx context.Context, dir string, o Options) (*Server, error) {
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Binary == "" {
		path, err := Binary(ctx, o.Logf)
		if err != nil {
			return nil, err
		}
		o.Binary = path
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return nil, fmt.Errorf("cannot start MinIO: %w", err)
	}
	var errs []error
	for range attempts {
		s, err := start(ctx, dir, o)
		if err == nil {
			return s, nil
		}
		if errs = append(errs, err); o.Port != 0 || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("cannot start MinIO: %w", errors.Join(errs...))
}

func start(ctx context.Context, dir string, o Options) (*Server, error) {
	address, err := freeAddress(o.Port)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Endpoint: "http://" + address, AccessKey: o.AccessKey, SecretKey: o.SecretKey,
		done: make(chan struct{}), log: filepath.Join(dir, "minio.log"),
	}
	if s.AccessKey == "" {
		s.AccessKey = strings.ToLower(rand.Text()[:20])
	}
	if s.SecretKey == "" {
		s.SecretKey = rand.Text()
	}
	if err := s.run(o.Binary, address, dir); err != nil {
		return nil, err
	}
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func freeAddress(port int) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// run starts the process from a thread that stays until the process ends, as dieWithParent needs it.
func (s *Server) run(path, address, dir string) error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(path, "server", "--address", address, "--certs-dir", filepath.Join(dir, "certs"), filepath.Join(dir, "data"))
	cmd.Env = s.environ(dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			cmd.Wait() // its exit status says nothing that the log does not
			close(s.done)
		}
	}()
	return <-started
}

func (s *Server) environ(dir string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MINIO_") && !strings.HasPrefix(kv, "HOME=") && !strings.HasPrefix(kv, "_MINIO") {
			env = append(env, kv)
		}
	}
	return append(env, "HOME="+dir, "MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey,
		"MINIO_UPDATE=off", "MINIO_BROWSER=off", "NO_COLOR=1")
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/minio/health/ready", nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(req); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("the server ended at once; its log: %s", s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not get ready: %w; its log: %s", s.Endpoint, context.Cause(ctx), s.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) logTail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}

// PID is the server's process.
func (s *Server) PID() int { return s.process.Pid }

// Done is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop ends the server: it may finish what it writes for 5 s, then it is killed. Stopping twice is allowed.
func (s *Server) Stop() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := interrupt(s.process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop MinIO (pid %d): %w", s.process.Pid, err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(5 * time.Second):
	}
	if err := s.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill MinIO (pid %d): %w", s.process.Pid, err)
	}
	<-s.done
	return nil
}

// CreateBucket makes a bucket; one that is there already is fine.
func (s *Server) CreateBucket(ctx context.Context, name string) error {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return err
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, "")})
	if err != nil {
		return fmt.Errorf("cannot create bucket %q: %w", name, err)
	}
	err = c.MakeBucket(ctx, name, minio.MakeBucketOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != "BucketAlreadyOwnedByYou" {
		return fmt.Errorf("cannot create bucket %q: %w", name, err)
	}
	return nil
}

// StateURL is what --state.url takes to use a bucket of this server. The process that opens it needs Env.
func (s *Server) StateURL(bucket string) string {
	q := url.Values{"endpoint": {s.Endpoint}, "region": {"us-east-1"}, "use_path_style": {"true"}}
	return "s3://" + bucket + "?" + q.Encode()
}

// Env is the environment that gives a process this server's credentials, as KEY=value.
func (s *Server) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_EC2_METADATA_DISABLED=true"}
}
