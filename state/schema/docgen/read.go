package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// comments are what is known of the types of some packages.
type comments struct {
	members map[string]string // by "package.Type" and "package.Type.member", the member as JSON has it
	words   map[string][]word // by "package.Type", in their order
}

type word struct{ value, comment string }

// read takes up the package in a folder, without its tests.
func (c *comments) read(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return os.ErrNotExist
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_gen.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if d, ok := decl.(*ast.GenDecl); ok {
				c.take(file.Name.Name, d)
			}
		}
	}
	return nil
}

func (c *comments) take(pkg string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			fields, ok := s.Type.(*ast.StructType)
			if !ok {
				continue
			}
			key := pkg + "." + s.Name.Name
			shown := false
			for _, f := range fields.Fields.List {
				shown = c.field(key, f) || shown
			}
			if text := plain(s.Doc, d.Doc); shown && text != "" {
				c.members[key] = text
			}
		case *ast.ValueSpec:
			c.constant(pkg, d.Tok, s)
		}
	}
}

// field takes up a member; false when JSON does not have it.
func (c *comments) field(key string, f *ast.Field) bool {
	if f.Tag == nil || len(f.Names) != 1 {
		return false
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return false
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	if text := plain(f.Doc, f.Comment); name != "" && text != "" {
		c.members[key+"."+name] = text
	}
	return name != ""
}

func (c *comments) constant(pkg string, tok token.Token, s *ast.ValueSpec) {
	of, ok := s.Type.(*ast.Ident)
	if tok != token.CONST || !ok || len(s.Values) != 1 {
		return
	}
	literal, ok := s.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil || value == "" {
		return
	}
	key := pkg + "." + of.Name
	c.words[key] = append(c.words[key], word{value, plain(s.Doc, s.Comment)})
}

// sources are remarks for readers of the code.
var sources = regexp.MustCompile(`\s*\((?:[^()]*\b(?:seed \d|design section|law \d)[^()]*|[A-Z]\w+\.[A-Z]\w+)\)`)

// plain gives the first comment that there is, as one paragraph without remarks on where a rule is from.
func plain(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return sources.ReplaceAllString(text, "")
		}
	}
	return ""
}
