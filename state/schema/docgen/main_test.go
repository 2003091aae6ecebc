package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const root = "../../.."

// What is committed is what the comments say.
func TestGeneratedFilesAreFresh(t *testing.T) {
	for _, target := range targets {
		want, err := target.generate(root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(target.file(root))
		if err != nil || !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
			t.Errorf("%s is not what the comments say now: run `make generate` (%v)", target.file(""), err)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	text := "package p\n\n// T is a thing (seed 5.1).\n// It has parts.\ntype T struct {\n\tA int `json:\"a,omitzero\"` // the a (law 1), in s\n" +
		"\t// B is documented above.\n\tB string `json:\"b\"`\n\tc int\n\tBare int `json:\"bare\"`\n}\n\n// Word is a word.\ntype Word string\n\n" +
		"const (\n\tOne Word = \"one\" // the first\n\tTwo Word = \"two\"\n\tother = \"x\"\n)\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := comments{members: map[string]string{}, words: map[string][]word{}}
	if err := c.read(dir); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"p.T": "T is a thing. It has parts.", "p.T.a": "the a, in s", "p.T.b": "B is documented above.", "p.T.bare": "", "p.T.c": "",
	} {
		if c.members[key] != want {
			t.Errorf("%s: %q, want %q", key, c.members[key], want)
		}
	}
	if w := c.words["p.Word"]; len(w) != 2 || w[0] != (word{"one", "the first"}) || w[1] != (word{"two", ""}) {
		t.Errorf("the words are %v", w)
	}
	if err := c.read(t.TempDir()); err == nil {
		t.Error("a folder without a package has no comments, and nobody said so")
	}
}
