//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stathub/state"
)

// What an instance finds in its environment.
const (
	roleEnv = "SOAK_ROLE"
	runEnv  = "SOAK_RUN" // the folder of the run; what belongs to a run is known by it
)

// role is one behaviour, and how many instances have it.
type role struct {
	name   string
	count  int
	app    state.App // what differs from the others
	steady bool      // it never ends by itself: whoever restarts it is wrong
	play   func(r *run)
}

const lineRate = 100 // lines of "lines" per second

func roles() []role {
	tcp := func(fail int) []state.HealthCheck {
		return []state.HealthCheck{{Protocol: "TCP", IntervalSeconds: 1, TimeoutSeconds: 20, MaxConsecutiveFailures: fail, InitialDelaySeconds: 1}}
	}
	short := 2.0
	return []role{
		{name: "steady", count: 60, steady: true, play: listen, app: state.App{Ports: []int{0}, HealthChecks: tcp(5)}},
		{name: "stubborn", count: 20, steady: true, play: stubborn, app: state.App{KillTimeoutSeconds: &short}},
		{name: "lines", count: 10, steady: true, play: lines, app: state.App{Logs: &state.Logs{MaxBytes: 1 << 20}}},
		{name: "flood", count: 2, steady: true, play: flood, app: state.App{Logs: &state.Logs{MaxBytes: 4 << 20}}},
		{name: "crash", count: 20, play: func(*run) { os.Exit(3) }, app: state.App{Restart: &state.Restart{MaxBackoffSeconds: new(5.0)}}},
		{name: "random", count: 30, play: random, app: state.App{Restart: &state.Restart{MaxBackoffSeconds: new(5.0)}}},
		{name: "daemon", count: 20, play: daemon, app: state.App{Restart: &state.Restart{MaxBackoffSeconds: new(5.0)}}},
		{name: "sick", count: 20, play: func(*run) { select {} }, app: state.App{Ports: []int{0}, HealthChecks: tcp(2)}},
		{name: "leak", count: 4, play: leak, app: state.App{ResAlloc: &state.Resources{Mem: 64 << 20}}},
		{name: "done", count: 14, play: func(*run) {}, app: state.App{Restart: &state.Restart{Policy: state.RestartOnFailure}}},
	}
}

// run is one process of a role.
type run struct{ dir, instance string }

// play is the life of an instance. It notes its start first.
func play(name string) {
	r := &run{dir: os.Getenv(runEnv), instance: os.Getenv("INSTANCE")}
	f, err := os.OpenFile(filepath.Join(r.dir, "starts", r.instance), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid(), time.Now().UTC().Format(time.StampMilli))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	f.Close()
	for _, role := range roles() {
		if role.name == name {
			role.play(r)
		}
	}
}

func listen(*run) {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	for {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}
}

// stubborn only ends by SIGKILL.
func stubborn(*run) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	select {}
}

// lines writes numbered lines, each in one write, at lineRate.
func lines(*run) {
	ticker := time.NewTicker(time.Second / lineRate)
	for n := 1; ; n++ {
		<-ticker.C
		fmt.Printf("line %d\n", n)
	}
}

// flood writes some 50 MB/s of numbered lines.
func flood(*run) {
	const perWrite = 5_000
	filler := strings.Repeat("x", 90)
	ticker := time.NewTicker(10 * time.Millisecond)
	var b bytes.Buffer
	for n := 1; ; {
		<-ticker.C
		b.Reset()
		for range perWrite {
			fmt.Fprintf(&b, "line %d %s\n", n, filler)
			n++
		}
		os.Stdout.Write(b.Bytes())
	}
}

// random ends some time within 4 s, well or badly.
func random(*run) {
	time.Sleep(time.Duration(rand.Int64N(int64(4 * time.Second))))
	os.Exit(rand.IntN(2))
}

// daemonized is the first argument of what "daemon" leaves behind; the folder of the run and its parent's pid follow.
const daemonized = "daemonized"

// daemon leaves a process behind that has a session of its own and a cleared environment, and ends.
func daemon(r *run) {
	exe, err := os.Executable()
	if err == nil {
		// The shell ends at once: what it started is nobody's child.
		cmd := exec.Command("/bin/sh", "-c", `setsid env -i "$@" >/dev/null 2>&1 &`, "sh", exe, daemonized, r.dir, strconv.Itoa(os.Getpid()))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		err = cmd.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	random(r)
}

// leak takes 8 MiB more every 50 ms.
func leak(*run) {
	var all [][]byte
	for {
		block := make([]byte, 8<<20)
		for k := 0; k < len(block); k += 4096 {
			block[k] = 1
		}
		all = append(all, block)
		runtime.KeepAlive(all)
		time.Sleep(50 * time.Millisecond)
	}
}
