package logs

import (
	"encoding/binary"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// waker tells of the next write to a file, once (inotify(7)): a file that nobody writes to costs nothing then. A nil waker
// watches nothing.
type waker struct {
	file  *os.File
	woken chan []string // paths that were written to, moved or deleted; nil: some were lost, it may be any
	done  chan struct{}

	mu    sync.Mutex
	paths map[int32]string // by watch descriptor
}

// newWaker gives nil where the system has no more watchers to give: files are then looked at again and again.
func newWaker() *waker {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	w := &waker{file: os.NewFile(uintptr(fd), "inotify"), woken: make(chan []string), done: make(chan struct{}), paths: map[int32]string{}}
	go w.read()
	return w
}

// arm asks for the next write to path. It is false when that cannot be had: no such file, or no watch left.
func (w *waker) arm(path string) bool {
	if w == nil {
		return false
	}
	w.mu.Lock() // the event may come before the call returns
	defer w.mu.Unlock()
	conn, err := w.file.SyscallConn()
	if err != nil {
		return false
	}
	wd := -1
	err = conn.Control(func(fd uintptr) {
		wd, _ = unix.InotifyAddWatch(int(fd), path, unix.IN_MODIFY|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF|unix.IN_ONESHOT)
	})
	if err != nil || wd < 0 {
		return false
	}
	w.paths[int32(wd)] = path
	return true
}

// events is where the paths come from.
func (w *waker) events() <-chan []string {
	if w == nil {
		return nil
	}
	return w.woken
}

// close ends it, and waits for that.
func (w *waker) close() {
	if w == nil {
		return
	}
	close(w.done)
	_ = w.file.Close()
	for range w.woken {
		// its reader ends by closing the channel
	}
}

func (w *waker) read() {
	defer close(w.woken)
	buf := make([]byte, 4096) // without names an event is 16 bytes
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		paths, lost := w.take(buf[:n])
		if lost {
			paths = nil
		} else if len(paths) == 0 {
			continue
		}
		select {
		case w.woken <- paths:
		case <-w.done:
			return
		}
	}
}

// take gives the paths of a batch of events: struct inotify_event is wd, mask, cookie, len, 4 bytes each, and a name.
func (w *waker) take(buf []byte) (paths []string, lost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(buf) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(buf))
		lost = lost || binary.NativeEndian.Uint32(buf[4:])&unix.IN_Q_OVERFLOW != 0
		if path, ok := w.paths[wd]; ok {
			paths = append(paths, path)
			delete(w.paths, wd)
		}
		buf = buf[min(unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(buf[12:])), len(buf)):]
	}
	return paths, lost
}
