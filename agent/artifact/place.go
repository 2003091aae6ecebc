package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// placement is what Place remembers of one working directory. It lies in the cache, not in the directory, which belongs
// to the app.
type placement struct {
	Dir   string            `json:"dir"`
	Files map[string]placed `json:"files"` // by file name
}

type placed struct {
	SHA256   string `json:"sha256"`
	Unpacked bool   `json:"unpacked,omitzero"` // an archive, and all of it lies in the directory
}

// placeLock serialises Place on one directory, which instances may share.
type placeLock struct {
	sync.Mutex
	users int
}

// Place puts the files into dir, which must exist, under the last segment of their URI, with mode 0755 for scripts and
// programs and 0644 for the rest, and unpacks archives there: .zip, .tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.zst, .tzst.
// Nothing outside dir is ever touched, whatever links lie in it, and a link on the way to dir that is a user's leads nowhere
// but to that user's own folders. Each file appears whole: a new one replaces the name,
// and a process that runs the old one keeps it.
//
// What was placed before is replaced only when the artifact changed: a person's edit stays until then. Files of an older archive
// that a newer one lacks stay too; they may hold what the app made of them.
// A bad archive is code Invalid, and nothing of it is written. Unavailable is a fault of the disk.
func (c *Cache) Place(ctx context.Context, files []File, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return state.Errorf(state.Internal, "", "cannot place artifacts: %w", err)
	}
	given := dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // one name for instances that share it
	}
	defer c.lockDir(dir)()
	root, err := openFolder(given)
	if err != nil {
		return state.Errorf(state.Unavailable, "", "cannot place artifacts: %w", err)
	}
	defer root.Close()
	p := &placer{cache: c, root: root, dir: dir, prefix: c.tempPrefix(), limits: defaultLimits}
	return p.place(ctx, files)
}

// lockDir waits for its turn in dir and gives the function that ends it.
func (c *Cache) lockDir(dir string) (unlock func()) {
	c.mu.Lock()
	l := c.places[dir]
	if l == nil {
		l = &placeLock{}
		c.places[dir] = l
	}
	l.users++
	c.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(c.places, dir)
		}
	}
}

// tempPrefix begins the names of this cache's unfinished files: another agent that shares the directory has its own.
func (c *Cache) tempPrefix() string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, c.dir) // a hash never fails
	return fmt.Sprintf("%s%08x-", tempPrefix, h.Sum32())
}

// placer is one Place under way.
type placer struct {
	cache  *Cache
	root   *os.Root
	dir    string
	prefix string
	limits limits
	temps  int // names given out
}

func (p *placer) place(ctx context.Context, files []File) error {
	names, err := namesOf(files)
	if err != nil {
		return err
	}
	was := p.recall()
	swept := false
	for i, f := range files {
		name := names[i]
		have := was.Files[name]
		format := formatOf(name)
		if there := p.exists(name); there && have.SHA256 == f.ETag && (format == nil || have.Unpacked) {
			continue
		} else if !there {
			have = placed{}
		}
		if !swept {
			p.sweep()
			swept = true
		}
		if have.SHA256 != f.ETag {
			if err := p.file(ctx, f, name); err != nil {
				return p.explain(f, err)
			}
			was.Files[name] = placed{SHA256: f.ETag}
		}
		if format != nil {
			if err := p.unpackInTurn(ctx, f, format); err != nil {
				_ = p.remember(was) // the archive itself is in place; the error to tell is that of its content
				return p.explain(f, err)
			}
			was.Files[name] = placed{SHA256: f.ETag, Unpacked: true}
		}
		if err := p.remember(was); err != nil {
			return p.explain(f, err)
		}
	}
	return nil
}

// namesOf gives the file name of each file; two different contents must not meet in one name.
func namesOf(files []File) ([]string, error) {
	names, first := make([]string, len(files)), map[string]int{}
	for i, f := range files {
		src, err := parseURI(f.URI)
		if err != nil {
			return nil, err
		}
		names[i] = src.name
		j, taken := first[foldName(src.name)]
		if taken && (files[j].ETag != f.ETag || names[j] != src.name) {
			return nil, state.Errorf(state.Invalid, "", "artifacts %s and %s would both be called %q", redact(files[j].URI), src, src.name)
		}
		first[foldName(src.name)] = i
	}
	return names, nil
}

func (p *placer) recordPath() string { return p.cache.path("placed", hashName(p.dir)) }

// recall reads what was placed before. A record that cannot be read is none: contents are compared then.
func (p *placer) recall() placement {
	var was placement
	data, err := os.ReadFile(p.recordPath())
	if err != nil || json.Unmarshal(data, &was) != nil || was.Dir != p.dir || was.Files == nil {
		return placement{Dir: p.dir, Files: map[string]placed{}}
	}
	return was
}

func (p *placer) remember(now placement) error {
	return p.cache.writeFile(p.recordPath(), state.Encode(now))
}

func (p *placer) exists(name string) bool {
	_, err := p.root.Lstat(name)
	return err == nil
}

// sweep removes what a killed agent left unfinished.
func (p *placer) sweep() {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return // the work that follows meets the same error and tells it
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), p.prefix) {
			_ = p.root.RemoveAll(e.Name()) // it is in nobody's way
		}
	}
}

func (p *placer) temp() string {
	p.temps++
	return fmt.Sprintf("%s%d", p.prefix, p.temps)
}

// file puts one content under name, unless it is there already.
func (p *placer) file(ctx context.Context, f File, name string) error {
	if sum, err := p.sum(ctx, name); err == nil && sum == f.ETag {
		return nil
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	temp, hash := p.temp(), sha256.New()
	_, err = p.write(ctx, temp, io.TeeReader(in, hash), false, true)
	if err == nil && hex.EncodeToString(hash.Sum(nil)) != f.ETag {
		_ = os.Remove(f.Path) // so that the next Fetch brings it anew
		err = fmt.Errorf("the copy in the cache is damaged and was removed: it is fetched again at the next try")
	}
	if err == nil {
		err = p.root.Rename(temp, name)
	}
	if err != nil {
		_ = p.root.Remove(temp) // it may not exist; the first error is the one that counts
	}
	return err
}

// openRegular opens a regular file. An app that changes its directory meanwhile can put a pipe there, for which nobody waits.
func (p *placer) openRegular(name string, flags int) (*os.File, error) {
	f, err := p.root.OpenFile(name, flags|noWait, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		_ = f.Close() // nothing was read or written
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", name))
	}
	return f, nil
}

// sum hashes what lies under name; a link is not followed.
func (p *placer) sum(ctx context.Context, name string) (string, error) {
	st, err := p.root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	f, err := p.openRegular(name, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, &contextReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// write makes a new file of in. It is executable when told so, or when its first bytes are those of a program.
func (p *placer) write(ctx context.Context, name string, in io.Reader, executable, sync bool) (n int64, err error) {
	out, err := p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	head := &headWriter{w: out}
	if n, err = io.Copy(head, &contextReader{ctx, in}); err != nil {
		return n, err
	}
	mode := os.FileMode(0o644)
	if executable || isProgram(head.head) {
		mode = 0o755
	}
	if err = out.Chmod(mode); err == nil && sync {
		err = out.Sync()
	}
	return n, err
}

// explain says which artifact could not be placed where. Errors that have a code keep it.
func (p *placer) explain(f File, err error) error {
	code := state.CodeOf(err)
	if code == state.Internal {
		code = state.Unavailable
	}
	if isFull(err) {
		err = fmt.Errorf("the disk is full: free some space: %w", err)
	}
	return state.Errorf(code, "", "cannot place %s in %s: %w", redact(f.URI), p.dir, err)
}
