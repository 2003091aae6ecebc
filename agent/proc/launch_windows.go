package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"

	"stathub/agent/proc/wincmd"
)

// launch is a Spec made ready for CreateProcess: nothing in it needs a decision any more.
type launch struct {
	path  string // the program's file, absolute
	line  string
	env   []string
	dir   string
	files [3]windows.Handle // stdin, stdout, stderr; the last two may be one
}

// prepare looks everything up and opens the files. The caller closes them.
func prepare(spec Spec) (*launch, error) {
	if len(spec.Argv) == 0 || spec.Argv[0] == "" {
		return nil, &StartError{Op: "find program", Err: errors.New("the command is empty")}
	}
	if spec.User != "" {
		return nil, &StartError{Op: "switch to user", Path: spec.User, Err: errNoUsers}
	}
	for _, s := range slices.Concat(spec.Argv, spec.Env, []string{spec.Dir}) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, &StartError{Op: "execute", Path: spec.Argv[0], Err: errors.New("an argument, variable or directory contains a NUL byte")}
		}
	}
	if spec.Dir != "" {
		st, err := os.Stat(spec.Dir)
		if err == nil && !st.IsDir() {
			err = explain(fs.ErrInvalid, "not a directory")
		}
		if err != nil {
			return nil, &StartError{Op: "enter directory", Path: spec.Dir, Err: bare(err)}
		}
	}
	l := &launch{dir: spec.Dir, env: lastOfEach(spec.Env)}
	argv := slices.Clone(spec.Argv)
	var err error
	if l.path, err = lookProgram(argv[0], spec.Dir, l.env); err != nil {
		return nil, err
	}
	if wincmd.IsScript(l.path) {
		if argv, err = wincmd.Script(l.path, argv[1:]); err == nil {
			l.path, err = lookProgram(wincmd.Shell, "", nil)
		}
		if err != nil {
			return nil, &StartError{Op: "execute", Path: spec.Argv[0], Err: err}
		}
	}
	l.line = wincmd.Line(argv)
	if err := l.open(spec.Stdout, spec.Stderr); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// open opens stdin, stdout and stderr, to be inherited by whoever is told to: see create.
func (l *launch) open(stdout, stderr string) error {
	var err error
	if l.files[0], err = openInherited(os.DevNull, windows.GENERIC_READ); err != nil {
		return &StartError{Op: "open", Path: os.DevNull, Err: err}
	}
	for i, name := range []string{stdout, stderr} {
		access := uint32(windows.FILE_APPEND_DATA | windows.FILE_READ_ATTRIBUTES | windows.SYNCHRONIZE)
		switch {
		case name == "":
			name, access = os.DevNull, windows.GENERIC_WRITE
		case i == 1 && name == stdout:
			l.files[2] = l.files[1]
			continue
		}
		if l.files[i+1], err = openInherited(name, access); err != nil {
			return &StartError{Op: "open log", Path: name, Err: err}
		}
	}
	return nil
}

// openInherited opens a file that others may read, write, rename and remove meanwhile. With the right to append and not to
// write each write goes to the end, whoever else writes.
func openInherited(name string, access uint32) (windows.Handle, error) {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return 0, err
	}
	how := windows.SecurityAttributes{InheritHandle: 1}
	how.Length = uint32(unsafe.Sizeof(how))
	h, err := windows.CreateFile(text, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, &how,
		windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return 0, err
	}
	return h, nil
}

func (l *launch) close() {
	for i, h := range l.files {
		if h != 0 && slices.Index(l.files[:], h) == i {
			_ = windows.CloseHandle(h)
		}
	}
}

// create makes the process, suspended, in a process group and with a console of its own, which no window shows: it neither
// ends with the agent's console nor hears what is typed there. It inherits the three files and nothing else.
func (l *launch) create() (info windows.ProcessInformation, err error) {
	handles := slices.Compact(slices.Clone(l.files[:])) // each once
	list, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return info, err
	}
	defer list.Delete()
	if err := list.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&handles[0]), uintptr(len(handles))*unsafe.Sizeof(handles[0])); err != nil {
		return info, err
	}
	start := windows.StartupInfoEx{ProcThreadAttributeList: list.List()}
	start.Cb = uint32(unsafe.Sizeof(start))
	start.Flags = windows.STARTF_USESTDHANDLES
	start.StdInput, start.StdOutput, start.StdErr = l.files[0], l.files[1], l.files[2]
	path, err := windows.UTF16PtrFromString(l.path)
	if err != nil {
		return info, err
	}
	line, err := windows.UTF16PtrFromString(l.line)
	if err != nil {
		return info, err
	}
	var dir *uint16
	if l.dir != "" {
		if dir, err = windows.UTF16PtrFromString(l.dir); err != nil {
			return info, err
		}
	}
	const flags = windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW | windows.CREATE_UNICODE_ENVIRONMENT |
		windows.EXTENDED_STARTUPINFO_PRESENT
	err = windows.CreateProcess(path, line, nil, nil, true, flags|breakaway(), envBlock(l.env), dir, &start.StartupInfo, &info)
	return info, err
}

// envBlock writes an environment as CreateProcess wants it: each setting ends in a NUL, and one more ends them all.
func envBlock(env []string) *uint16 {
	var b []uint16
	for _, kv := range env {
		b = append(append(b, utf16.Encode([]rune(kv))...), 0)
	}
	if len(b) == 0 {
		b = append(b, 0)
	}
	b = append(b, 0)
	return &b[0]
}

// diagnose says why no process was made.
func (l *launch) diagnose(err error) error {
	switch {
	case errors.Is(err, windows.ERROR_BAD_EXE_FORMAT):
		err = explain(err, "not a program that this machine can run: %v", err)
	case errors.Is(err, windows.ERROR_ELEVATION_REQUIRED):
		err = explain(err, "the program asks for administrator's rights: run the agent with them")
	case errors.Is(err, windows.ERROR_FILENAME_EXCED_RANGE):
		err = explain(err, "the command line is too long: %d characters, and 32,767 are the most", len(utf16.Encode([]rune(l.line))))
	}
	return &StartError{Op: "execute", Path: l.path, Err: err}
}

// spawned is a process that runs in its job.
type spawned struct {
	pid     int
	start   uint64
	process windows.Handle
	job     *job
}

// spawn starts the process in a job of its own. It has run nothing before it is in there, so that nothing of it can be
// outside. Should the agent die meanwhile, the process dies with it.
func (l *launch) spawn(store string, limits jobLimits) (s *spawned, err error) {
	info, err := l.create()
	if err != nil {
		return nil, l.diagnose(err)
	}
	defer windows.CloseHandle(info.Thread)
	s = &spawned{pid: int(info.ProcessId), process: info.Process}
	op := "identify"
	defer func() {
		if err != nil {
			_ = windows.TerminateProcess(info.Process, killedCode)
			_ = windows.CloseHandle(info.Process)
			if s.job != nil {
				s.job.close()
			}
			s, err = nil, &StartError{Op: op, Path: l.path, Err: err}
		}
	}()
	if s.start, err = startOfHandle(info.Process); err != nil {
		return s, err
	}
	op = "put into a job object"
	if s.job, err = newJob(jobName(store, s.pid, s.start), limits); err != nil {
		return s, err
	}
	if err = windows.AssignProcessToJobObject(s.job.handle, info.Process); err != nil {
		return s, fmt.Errorf("%w; if the agent itself runs in a job, that one must let its processes have jobs of their own", err)
	}
	op = "resume"
	if _, err = windows.ResumeThread(info.Thread); err != nil {
		return s, err
	}
	return s, s.job.settle(info.Process, limits)
}
