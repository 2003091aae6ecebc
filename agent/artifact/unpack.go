package artifact

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"stathub/state"
)

// unpackInTurn is unpack once others are through.
func (p *placer) unpackInTurn(ctx context.Context, f File, kind *format) error {
	select {
	case p.cache.unpack <- struct{}{}:
		defer func() { <-p.cache.unpack }()
		return p.unpack(ctx, f, kind)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unpack brings the content of an archive into the directory: first everything into a folder of its own, so that a
// bomb or a full disk leaves nothing behind, then file by file into place. Files that are the same already are left alone.
func (p *placer) unpack(ctx context.Context, f File, kind *format) error {
	in, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	a, err := kind.open(ctx, in, st.Size(), p.limits)
	if err != nil {
		return err
	}
	check := newChecker(p.limits, st.Size())
	if !kind.stream {
		if err := a.walk(check.entry); err != nil {
			return err
		}
	}
	temp := p.temp()
	if err := p.root.Mkdir(temp, 0o700); err != nil {
		return err
	}
	defer func() { _ = p.root.RemoveAll(temp) }() // the next Place sweeps what stays
	most, why := p.limits.total(st.Size())
	u := &unpacking{placer: p, temp: temp, left: most, why: why}
	err = a.walk(func(e entry) error {
		if kind.stream {
			if err := check.entry(e); err != nil {
				return err
			}
		}
		return u.extract(ctx, e)
	})
	if err != nil {
		return err
	}
	if err := u.settle(); err != nil {
		return err
	}
	return u.move(ctx)
}

// unpacking is one archive on its way.
type unpacking struct {
	*placer
	temp        string
	left        int64 // bytes that may still come
	why         string
	dirs, files []string // in the order of the archive, relative to the directory
}

// extract writes one entry below temp. What the archive says about sizes is not believed.
func (u *unpacking) extract(ctx context.Context, e entry) error {
	name, err := cleanName(e.name)
	if err != nil || name == "" {
		return err
	}
	if e.mode.IsDir() {
		u.dirs = append(u.dirs, name)
		return u.root.MkdirAll(path.Join(u.temp, name), 0o755)
	}
	if err := u.root.MkdirAll(path.Join(u.temp, path.Dir(name)), 0o755); err != nil {
		return err
	}
	body, err := e.open()
	if err != nil {
		return refuse("entry %q: %w", e.name, err)
	}
	defer body.Close()
	in := &faultReader{r: io.LimitReader(body, min(e.size, u.left)+1), progress: func(int) {}}
	n, err := u.write(ctx, path.Join(u.temp, name), in, e.mode&0o111 != 0, false)
	var broken *sourceError
	switch {
	case errors.As(err, &broken):
		return refuse("entry %q: %w", e.name, broken.err)
	case err != nil:
		return err
	case n > u.left:
		return refuse("%s", u.why)
	case n != e.size:
		return refuse("entry %q is not as long as the archive says", e.name)
	}
	u.left -= n
	u.files = append(u.files, name)
	return nil
}

// settlers is how many files are brought to the disk at a time; file systems merge such requests.
const settlers = 8

// settle waits until every file is on the disk: a record that says "unpacked" must not survive a power cut that the
// files did not.
func (u *unpacking) settle() error {
	var (
		group sync.WaitGroup
		errs  [settlers]error
	)
	for i := range min(settlers, len(u.files)) {
		group.Go(func() {
			for j := i; j < len(u.files) && errs[i] == nil; j += settlers {
				errs[i] = u.sync(path.Join(u.temp, u.files[j]))
			}
		})
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

func (u *unpacking) sync(name string) error {
	f, err := u.openRegular(name, os.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// move brings everything into place, after a look whether something is in the way.
func (u *unpacking) move(ctx context.Context) error {
	for _, name := range u.files {
		if st, err := u.root.Lstat(name); err == nil && st.IsDir() {
			return state.Errorf(state.Unavailable, "", "the folder %q lies where a file of the archive belongs", name)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range u.dirs {
		if err := u.root.MkdirAll(name, 0o755); err != nil {
			return err
		}
	}
	for _, name := range u.files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from := path.Join(u.temp, name)
		if u.same(from, name) {
			continue
		}
		if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := u.root.Rename(from, name); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether two regular files have one content and mode.
func (u *unpacking) same(a, b string) bool {
	sa, errA := u.root.Lstat(a)
	sb, errB := u.root.Lstat(b)
	if errA != nil || errB != nil || sa.Mode() != sb.Mode() || sa.Size() != sb.Size() {
		return false
	}
	fa, errA := u.openRegular(a, os.O_RDONLY)
	if errA != nil {
		return false
	}
	defer fa.Close()
	fb, errB := u.openRegular(b, os.O_RDONLY)
	if errB != nil {
		return false
	}
	defer fb.Close()
	return sameContent(fa, fb)
}

func sameContent(a, b io.Reader) bool {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false
		}
		if errA != nil || errB != nil {
			return (errA == io.EOF || errA == io.ErrUnexpectedEOF) && (errB == io.EOF || errB == io.ErrUnexpectedEOF)
		}
	}
}
