package artifact

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"stathub/state"
)

// source is a parsed artifact URI.
type source struct {
	uri   string   // as it was given
	url   *url.URL // of all but bucket:, without fragment
	store string   // URL of the bucket that s3:, gs: and azblob: name
	key   string   // in a bucket: that one, or the agent's own
	name  string   // file name that it gets in the working directory
	sum   string   // demanded SHA-256 in lower-case hex, or ""
}

// String is the URI for messages, without a password.
func (s source) String() string {
	if s.url != nil {
		return s.url.Redacted()
	}
	return s.uri
}

var sumForm = regexp.MustCompile(`^sha256=[0-9A-Fa-f]{64}$`)

// tempPrefix begins the names of everything unfinished in a working directory; no artifact may be called so.
const tempPrefix = ".stathub-"

func parseURI(uri string) (source, error) {
	bad := func(code state.Code, why string) (source, error) {
		return source{}, state.Errorf(code, "", "artifact URI %q: %s", redact(uri), why)
	}
	src := source{uri: uri}
	base, fragment, pinned := strings.Cut(uri, "#")
	if pinned {
		if !sumForm.MatchString(fragment) {
			return bad(state.Invalid, "after # only sha256= and 64 hex digits may stand")
		}
		src.sum = strings.ToLower(strings.TrimPrefix(fragment, "sha256="))
	}
	scheme, rest, ok := strings.Cut(base, ":")
	if !ok {
		return bad(state.Invalid, "has no scheme: write http://, https://, file:/// or bucket:artifacts/")
	}
	var whole string // decoded path
	switch strings.ToLower(scheme) {
	case "bucket":
		key, err := bucketKey(rest)
		if err != nil {
			return bad(state.Invalid, err.Error())
		}
		if !strings.HasPrefix(key, state.KindArtifact.Prefix()) {
			return bad(state.Invalid, "only what lies under artifacts/ in the bucket is an artifact")
		}
		src.key, whole = key, rest
	case "http", "https", "file":
		u, err := url.Parse(base)
		if err != nil {
			return bad(state.Invalid, "cannot be read: "+errors.Unwrap(err).Error())
		}
		if src.url, whole = u, u.EscapedPath(); u.Opaque != "" {
			return bad(state.Invalid, "lacks // after its scheme")
		}
		if isFile := u.Scheme == "file"; isFile && u.Host != "" && u.Host != "localhost" {
			return bad(state.Invalid, "a file URI has three slashes: file:///path; other hosts' files are not reached")
		} else if !isFile && u.Hostname() == "" {
			return bad(state.Invalid, "names no host")
		}
	case "s3", "gs", "azblob":
		u, err := url.Parse(base)
		if err != nil {
			return bad(state.Invalid, "cannot be read: "+errors.Unwrap(err).Error())
		}
		if u.Host == "" {
			return bad(state.Invalid, "names no bucket: write "+u.Scheme+"://bucket/key")
		}
		whole = strings.TrimPrefix(u.EscapedPath(), "/")
		if src.key, err = bucketKey(whole); err != nil {
			return bad(state.Invalid, err.Error())
		}
		src.url, src.store = u, (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, RawQuery: u.RawQuery}).String()
	default:
		return bad(state.Unsupported, "its scheme must be http, https, file, bucket, s3, gs or azblob")
	}
	var why string
	if src.name, why = fileName(whole); why != "" {
		return bad(state.Invalid, why)
	}
	return src, nil
}

// bucketKey gives the key that an escaped path names.
func bucketKey(escaped string) (string, error) {
	key, err := url.PathUnescape(escaped)
	if err == nil {
		err = state.CheckKey(strings.TrimSuffix(key, "/"))
	}
	return key, err
}

// fileName gives the last segment of an escaped path as a file name, or says why it is none.
func fileName(escaped string) (name, why string) {
	if escaped == "" || strings.HasSuffix(escaped, "/") {
		return "", "names no file: it must not end in a slash"
	}
	name, err := url.PathUnescape(path.Base(escaped))
	switch {
	case err != nil:
		return "", err.Error()
	case name == "." || name == "..":
		return "", "names no file"
	case strings.ContainsAny(name, `/\`):
		return "", "its file name contains a slash or backslash"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, isControl):
		return "", "its file name contains control characters or is not UTF-8"
	case len(name) > maxName:
		return "", "its file name is longer than 255 bytes"
	case strings.HasPrefix(name, tempPrefix):
		return "", "file names that start with " + tempPrefix + " are taken"
	case !filepath.IsLocal(name):
		return "", "its file name cannot be used on this system"
	}
	return name, ""
}

const maxName = 255 // bytes, of one segment: the limit of the usual file systems

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// localPath turns the path of a file URI into one of this system: "/C:/dir" is "C:\dir" where there are drives.
func localPath(u *url.URL) string {
	bare := filepath.FromSlash(strings.TrimPrefix(u.Path, "/"))
	if filepath.VolumeName(bare) != "" {
		return bare
	}
	return filepath.FromSlash(u.Path)
}

// Redact gives an artifact URI for people, without a password.
func Redact(uri string) string { return redact(uri) }

// redact takes the password out of a URI that may not be parsable.
func redact(uri string) string {
	if u, err := url.Parse(uri); err == nil {
		return u.Redacted()
	}
	if i := strings.LastIndexByte(uri, '@'); i >= 0 {
		return "…" + uri[i:]
	}
	return uri
}
