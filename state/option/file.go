package option

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"stathub/state"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// readFile reads the YAML file: a mapping of names, dotted or nested (server: {port: 1} is server.port: 1).
func (s *Set) readFile(path string) ([]value, error) {
	bad := func(err error) error {
		return state.Errorf(state.Invalid, "--"+configName, "cannot read the configuration: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, bad(err)
	}
	if len(data) > maxFile {
		return nil, bad(fmt.Errorf("%s is larger than %d bytes", path, maxFile))
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, bad(fmt.Errorf("%s: %w", path, err))
	}
	var all []value
	err = s.walk(path, "", doc.Content[0], &all)
	return all, err
}

// walk collects the values of a mapping; prefix is the dotted name that leads to it.
func (s *Set) walk(path, prefix string, node *yaml.Node, all *[]value) error {
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s line %d column %d", path, n.Line, n.Column) }
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		return state.Errorf(state.Invalid, at(node), "want names and values, such as %q", "server.port: 51025")
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, content := node.Content[i], node.Content[i+1]
		if content.Kind == yaml.AliasNode {
			content = content.Alias
		}
		name := prefix + key.Value
		o := s.find(name)
		switch {
		case o == nil && (content.Kind == yaml.MappingNode || content.Tag == "!!null") && s.isPrefix(name):
			if err := s.walk(path, name+".", content, all); err != nil {
				return err
			}
		case o == nil:
			return state.Errorf(state.Invalid, at(key), "unknown option %q%s", name, s.hint(name, ""))
		case content.Tag == "!!null": // "name:" alone: as if it were not there
		default:
			text, ok := textOf(content)
			if !ok {
				return state.Errorf(state.Invalid, at(content), "option %q: want %s", name, o.kind)
			}
			*all = append(*all, value{o, text, at(content) + ": " + name})
		}
	}
	return nil
}

func (s *Set) isPrefix(name string) bool {
	for _, o := range s.options {
		if strings.HasPrefix(o.name, name+".") {
			return true
		}
	}
	return false
}

// textOf gives a scalar as it was written, and a list of scalars joined with commas.
func textOf(n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, true
	case yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return "", false
			}
			parts[i] = c.Value
		}
		return strings.Join(parts, ","), true
	default:
		return "", false
	}
}
