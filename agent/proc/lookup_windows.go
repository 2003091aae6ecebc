package proc

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"stathub/agent/proc/wincmd"
)

// envOf gives the last value of a variable; names mean the same in every case.
func envOf(env []string, name string) (string, bool) {
	for _, kv := range slices.Backward(env) {
		if k, v, ok := cutEnv(kv); ok && strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// cutEnv takes a setting apart. Names such as "=C:" begin with the sign.
func cutEnv(kv string) (name, value string, ok bool) {
	if kv == "" {
		return "", "", false
	}
	i := strings.IndexByte(kv[1:], '=')
	if i < 0 {
		return "", "", false
	}
	return kv[:i+1], kv[i+2:], true
}

// lastOfEach drops all but the last setting of each variable, and sorts them as Windows does. Without SYSTEMROOT programs
// do not start.
func lastOfEach(env []string) []string {
	seen := make(map[string]bool, len(env))
	out := make([]string, 0, len(env)+1)
	for _, kv := range slices.Backward(env) {
		name, _, ok := cutEnv(kv)
		if name = strings.ToUpper(name); ok && !seen[name] {
			seen[name] = true
			out = append(out, kv)
		}
	}
	if root := os.Getenv("SYSTEMROOT"); root != "" && !seen["SYSTEMROOT"] {
		out = append(out, "SYSTEMROOT="+root)
	}
	slices.SortFunc(out, func(a, b string) int {
		a, _, _ = cutEnv(a)
		b, _, _ = cutEnv(b)
		return strings.Compare(strings.ToUpper(a), strings.ToUpper(b))
	})
	return out
}

// lookProgram finds the file of a program as cmd.exe does: in the directory where it is to run, then in the PATH of its
// environment, with the extensions of PATHEXT where the name has none that is there.
func lookProgram(name, dir string, env []string) (string, error) {
	if name == wincmd.Shell { // no other program of that name
		if system, err := windows.GetSystemDirectory(); err == nil {
			return filepath.Join(system, name), nil
		}
	}
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", &StartError{Op: "find program", Path: name, Err: err}
	}
	extensions := pathExt(env)
	if strings.ContainsAny(name, `/\:`) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if file, ok := withExtension(name, extensions); ok {
			return file, nil
		}
		return "", &StartError{Op: "find program", Path: name, Err: explain(fs.ErrNotExist, "no such file")}
	}
	path, _ := envOf(env, "PATH")
	for _, folder := range append([]string{dir}, filepath.SplitList(path)...) {
		if folder == "" || !filepath.IsAbs(folder) {
			continue
		}
		if file, ok := withExtension(filepath.Join(folder, name), extensions); ok {
			return file, nil
		}
	}
	return "", &StartError{Op: "find program", Path: name, Err: explain(fs.ErrNotExist, "not found in %s nor in PATH=%s", dir, path)}
}

func pathExt(env []string) []string {
	text, ok := envOf(env, "PATHEXT")
	if !ok || text == "" {
		text = ".COM;.EXE;.BAT;.CMD"
	}
	return strings.Split(strings.ToLower(text), ";")
}

// withExtension gives the file that a path names, itself if it has an extension.
func withExtension(path string, extensions []string) (string, bool) {
	candidates := []string{}
	if filepath.Ext(path) != "" {
		candidates = append(candidates, path)
	}
	for _, e := range extensions {
		if e != "" {
			candidates = append(candidates, path+e)
		}
	}
	for _, c := range candidates {
		if st, err := os.Stat(c); err == nil && !st.IsDir() {
			return c, true
		}
	}
	return "", false
}
