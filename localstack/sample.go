package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stathub/state"
)

//go:embed sample/http_server.py
var sampleScript []byte

const (
	sampleName  = "http_server"
	sampleFile  = "/http_server.py"
	sampleScale = 5
)

// artifactServer serves the sample's script, as an artifact store would, with an ETag that follows its content.
func artifactServer() *http.Server {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(sampleScript))
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+sampleFile, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Type", "text/x-python; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sampleScript))
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
}

// sampleApp is the seed's application (seed 5.2.1). Its folder is one per instance, so that nothing lies around
// outside the stack's data. Without Python it is this program's own sample, which needs no artifact.
func sampleApp(artifacts *url.URL, havePython bool) (*state.App, error) {
	app := &state.App{
		Name: sampleName, ToProcess: "python", WorkingDirectory: "", Args: []string{"http_server.py"}, Ports: []int{0, 0},
		KillSignal: state.DefaultKillSignal, URIs: []string{artifacts.JoinPath(sampleFile).String()},
		Description: "the sample of `make run`: a page that says which instance answered",
		HealthChecks: []state.HealthCheck{{
			InitialDelaySeconds: 60, IntervalSeconds: 20, MaxConsecutiveFailures: 3, Path: "/", PortIndex: 0, Protocol: "HTTP", TimeoutSeconds: 20,
		}},
	}
	if havePython {
		return app, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's own file: %w", err)
	}
	app.ToProcess, app.Args, app.URIs = "'"+strings.ReplaceAll(exe, "'", `'\''`)+"'", []string{"role-sample", "${PORT}"}, nil
	return app, nil
}

// python makes sure that the agents find a program named python, as the seed's JSON calls it: many systems only have
// python3. It gives the folder to put in front of PATH, empty where none is needed.
func python(dir string) (bin string, found bool, err error) {
	if _, err := exec.LookPath("python"); err == nil {
		return "", true, nil
	}
	python3, err := exec.LookPath("python3")
	if err != nil {
		return "", false, nil
	}
	bin = filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o750); err != nil {
		return "", false, err
	}
	link := filepath.Join(bin, "python")
	os.Remove(link)
	return bin, true, os.Symlink(python3, link)
}

// serveSample is the sample for machines without Python: the same page.
func serveSample(args []string) error {
	port := os.Getenv("PORT")
	if len(args) > 0 {
		port = args[0]
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	fmt.Printf("serving on port %s as pid %d\n", port, os.Getpid())
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		instance := html.EscapeString(os.Getenv("STATHUB_INSTANCE"))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>http_server</title>\n"+
			"<h1>Hello from %s</h1>\n<dl>\n<dt>instance</dt><dd>%s</dd>\n<dt>pid</dt><dd>%d</dd>\n<dt>port</dt><dd>%s</dd>\n</dl>\n</html>\n",
			instance, instance, os.Getpid(), html.EscapeString(port))
	})
	return (&http.Server{Handler: page, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}
