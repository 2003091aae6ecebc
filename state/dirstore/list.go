package dirstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"stathub/state"
)

// List is state.Store's. Unchanged files are not read again. A file that cannot be read is listed all the same, with an
// ETag of its outside, since leaving it out would say that it is gone: Get tells what is wrong with it.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		folder := "."
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			if folder = prefix[:i]; checkKey(folder) != nil {
				return // no key starts like this
			}
		}
		root, err := s.root()
		if err != nil {
			yield(state.Entry{}, err)
			return
		}
		defer root.Close()
		l := lister{s: s, ctx: ctx, root: root, prefix: prefix, yield: yield}
		if err := l.folder(folder); err != nil && !errors.Is(err, errEnough) {
			yield(state.Entry{}, err)
		}
	}
}

// errEnough: the caller of List wants no more.
var errEnough = errors.New("enough")

type lister struct {
	s      *Store
	ctx    context.Context
	root   *os.Root
	prefix string
	yield  func(state.Entry, error) bool
}

// folder lists one folder, "." for the top one, and those below it.
func (l *lister) folder(folder string) error {
	if l.ctx.Err() != nil {
		return ended(l.ctx, l.prefix, "list")
	}
	at, err := enter(l.root, folder)
	if absent(err) {
		return nil
	} else if err != nil {
		return l.s.failure(folder, "list the folder", err)
	}
	defer at.Close()
	names, err := readFolder(at)
	if err != nil {
		return l.s.failure(folder, "list the folder", err)
	}
	base := ""
	if folder != "." {
		base = folder + "/"
	}
	for _, name := range l.wanted(base, names) {
		if strings.HasSuffix(name, "/") {
			err = l.folder(base + strings.TrimSuffix(name, "/"))
		} else {
			err = l.file(at, base+name, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted gives the names under the prefix in the order of their keys: a folder sorts as its documents do, with a slash.
func (l *lister) wanted(base string, names map[string]bool) []string {
	var all []string
	for name, isFolder := range names {
		if checkKey(base+name) != nil {
			continue
		}
		if isFolder {
			name += "/"
		}
		if strings.HasPrefix(base+name, l.prefix) && !l.before(base+name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// before reports whether a key, or all keys of a folder, come before those that are wanted (state.ListAfter).
func (l *lister) before(key string) bool {
	after := state.After(l.ctx)
	return key <= after && !(strings.HasSuffix(key, "/") && strings.HasPrefix(after, key))
}

// readFolder gives the names in a folder, true for folders. Some file systems leave out a file that is replaced while
// they are asked (tmpfs and NFS may), and leaving out would mean deleted: so it asks until nothing changed meanwhile.
func readFolder(at *os.Root) (map[string]bool, error) {
	names := map[string]bool{}
	for range 5 {
		f, err := at.Open(".")
		if err != nil {
			return nil, err
		}
		before, err1 := f.Stat()
		entries, err2 := f.ReadDir(-1)
		after, err3 := f.Stat()
		f.Close()
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		for _, e := range entries {
			names[e.Name()] = e.IsDir()
		}
		if stampOf(before) == stampOf(after) {
			break
		}
	}
	return names, nil
}

// file yields one document. What is gone by now, or is none, is passed over.
func (l *lister) file(at *os.Root, key, name string) error {
	if l.ctx.Err() != nil {
		return ended(l.ctx, l.prefix, "list")
	}
	fi, err := at.Lstat(name)
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		at, name = l.root, key // a link may lead out of its folder
		fi, err = at.Stat(name)
		if l.s.leadsOut(err) {
			return nil
		}
	}
	if absent(err) || err == nil && !fi.Mode().IsRegular() {
		return nil
	} else if err != nil {
		return l.s.failure(key, "list the document", err)
	}
	e := entry(key, "", fi)
	var known bool
	if e.ETag, known = l.s.hashes.lookup(key, stampOf(fi)); !known {
		if e, err = l.read(at, name, e, fi); err != nil || e.ETag == "" {
			return err
		}
	}
	if !l.yield(e, nil) {
		return errEnough
	}
	return nil
}

// leadsOut: a link that Get refuses as no document.
func (s *Store) leadsOut(err error) bool {
	return err != nil && state.CodeOf(s.failure("", "", err)) == state.Invalid
}

// read completes an entry from the file itself; its ETag stays empty if the file is gone.
func (l *lister) read(at *os.Root, name string, e state.Entry, fi fs.FileInfo) (state.Entry, error) {
	f, now, err := openDocument(at, name)
	if err == nil {
		defer f.Close()
		e = entry(e.Key, "", now)
		e.ETag, err = l.s.etag(l.ctx, e.Key, f, now)
	}
	switch {
	case err == nil || absent(err) || errors.Is(err, errNoDocument):
		return e, nil
	case l.ctx.Err() != nil:
		return e, ended(l.ctx, l.prefix, "list")
	}
	h := fnv.New64a()
	fmt.Fprint(h, stampOf(fi))
	e.ETag = state.ETag(fmt.Sprintf("unreadable-%x", h.Sum64()))
	return e, nil
}
