package state

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Small rules that several documents share.

func (c *checker) noNUL(s string) {
	if strings.ContainsRune(s, 0) {
		c.fail("must not contain a NUL character")
	}
}

func (c *checker) seconds(s *float64) {
	if s != nil && !(*s >= 0 && *s <= MaxSeconds) {
		c.fail("must be a number of seconds from 0 to a year")
	}
}

// MaxBytes bounds every size in a document. It is 1 PiB: sums of sizes do not overflow.
const MaxBytes Bytes = 1 << 50

func (c *checker) size(b Bytes) {
	if b < 0 || b > MaxBytes {
		c.fail("must be a size from 0 to 1 PiB")
	}
}

func (c *checker) oneOf(s string, allowed ...string) {
	if slices.Contains(allowed, s) {
		return
	}
	named := slices.DeleteFunc(slices.Clone(allowed), func(a string) bool { return a == "" })
	hint := ""
	if n := Nearest(s, named); n != "" {
		hint = fmt.Sprintf(": did you mean %q?", n)
	}
	c.fail(fmt.Sprintf("must be one of %s, not %q%s", strings.Join(named, ", "), s, hint))
}

func checkEnvs(c *checker, envs map[string]string) {
	for _, name := range sortedKeys(envs) {
		switch value := envs[name]; {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			c.at(name).fail(`a variable's name must not be empty and must not contain "=" or NUL`)
		case strings.HasPrefix(name, "STATHUB_"):
			c.at(name).fail("variables that start with STATHUB_ are set by the agent")
		default:
			c.at(name).noNUL(value)
		}
	}
}

// checkTags refuses what could not be found again in a node query or a list typed with commas.
func checkTags(c *checker, tags []string) {
	seen := map[string]bool{}
	for i, t := range tags {
		switch {
		case strings.TrimSpace(t) == "" || t != strings.TrimSpace(t):
			c.at(i).fail("a tag must not be empty, nor start or end with white space")
		case len(t) > 256:
			c.at(i).fail("a tag must not be longer than 256 bytes")
		case seen[t]:
			c.at(i).fail(fmt.Sprintf("tag %q is listed twice", t))
		default:
			c.at(i).noNUL(t)
		}
		seen[t] = true
	}
}

var uriSchemes = []string{"http", "https", "file", "s3", "bucket"}

// checkURI accepts the schemes of design section 4, with an optional "#sha256=" and 64 hex digits.
func checkURI(c *checker, raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		c.fail("is not a URI: " + err.Error())
	case !slices.Contains(uriSchemes, u.Scheme):
		c.fail(fmt.Sprintf("must start with one of %s, such as http://host/file or bucket:artifacts/file", strings.Join(uriSchemes, ":, ")+":"))
	case u.Scheme == "bucket" && CheckKey(u.Opaque) != nil:
		c.fail("must be bucket:artifacts/… and name a file there")
	case u.Scheme == "bucket" && !strings.HasPrefix(u.Opaque, KindArtifact.Prefix()):
		c.fail("must be bucket:artifacts/…: other documents of the bucket are not artifacts")
	case u.Scheme == "file" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")):
		c.fail("must be file:///absolute/path")
	case u.Scheme != "bucket" && u.Scheme != "file" && u.Host == "":
		c.fail("names no host")
	}
	if err != nil || u.Fragment == "" {
		return
	}
	sum, ok := strings.CutPrefix(u.Fragment, "sha256=")
	if !ok || len(sum) != 64 || strings.Trim(strings.ToLower(sum), "0123456789abcdef") != "" {
		c.fail("the part after # must be sha256= and 64 hexadecimal digits")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
