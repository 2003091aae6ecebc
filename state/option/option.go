// Package option reads a program's options from flags, environment variables and a YAML file, in that order of
// precedence, over defaults. One table says everything about an option once: its name, where its value goes, and what
// --help tells.
package option

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// ErrHelp and ErrVersion are what Parse returns for --help (or -h) and --version: print Usage or the version, and exit 0.
var (
	ErrHelp    = errors.New("help was asked for")
	ErrVersion = errors.New("the version was asked for")
)

// EnvPrefix starts the name of every environment variable: server.port is STATHUB_SERVER_PORT.
const EnvPrefix = "STATHUB_"

// configName is the option that every Set has: the YAML file.
const configName = "config"

// Set is a table of options. Register all of them, then Parse once. It is not safe for concurrent use.
type Set struct {
	program string
	config  string
	options []*option
}

type option struct {
	name  string
	def   string // as it is shown
	help  string
	kind  string // what a value looks like, for --help
	set   func(value string) error
	given bool // some source gave a value
}

// New makes a table for the program of this name. It holds --config alone.
func New(program string) *Set {
	s := &Set{program: program}
	s.String(&s.config, configName, "", "YAML file with the same names, dotted or nested")
	return s
}

// String registers an option whose value is any text.
func (s *Set) String(p *string, name, def, help string) {
	*p = def
	s.add(name, def, "text", help, func(v string) error { *p = v; return nil })
}

// Int registers an option that is a whole number.
func (s *Set) Int(p *int, name string, def int, help string) {
	*p = def
	s.add(name, strconv.Itoa(def), "number", help, func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("must be a whole number, not %q", v)
		}
		*p = n
		return nil
	})
}

// Bool registers an option that is true or false. As a flag it may stand without a value, which means true; a value
// must follow an equals sign.
func (s *Set) Bool(p *bool, name string, def bool, help string) {
	*p = def
	s.add(name, strconv.FormatBool(def), kindBool, help, func(v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("must be true or false, not %q", v)
		}
		*p = b
		return nil
	})
}

const kindBool = "true|false"

// Duration registers an option that is a time span, such as 10s or 1m30s. A number alone counts seconds.
func (s *Set) Duration(p *time.Duration, name string, def time.Duration, help string) {
	*p = def
	s.add(name, def.String(), "time", help, func(v string) error {
		d, err := time.ParseDuration(v)
		if seconds, numErr := strconv.ParseFloat(v, 64); numErr == nil {
			d, err = time.Duration(seconds*float64(time.Second)), nil
		}
		if err != nil || d < 0 {
			return fmt.Errorf("must be a time such as 10s or 1m30s, not %q", v)
		}
		*p = d
		return nil
	})
}

// Bytes registers an option that is a size: a number of bytes, or one with a unit such as 512MiB (state.ParseBytes). def
// is the default as people write it.
func (s *Set) Bytes(p *state.Bytes, name, def, help string) {
	set := func(v string) error {
		n, err := state.ParseBytes(v)
		if err != nil || n < 0 {
			return fmt.Errorf("must be a size such as 512MiB or 10GiB, not %q", v)
		}
		*p = n
		return nil
	}
	if err := set(def); err != nil {
		panic("option " + name + ": its default " + err.Error())
	}
	s.add(name, def, "size", help, set)
}

// Strings registers an option that is a list. As text its parts are separated by commas; white space around them and
// empty ones are dropped. In YAML it may be a list.
func (s *Set) Strings(p *[]string, name string, def []string, help string) {
	*p = def
	s.add(name, strings.Join(def, ","), "a,b,…", help, func(v string) error {
		*p = nil
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*p = append(*p, part)
			}
		}
		return nil
	})
}

func (s *Set) add(name, def, kind, help string, set func(string) error) {
	if s.find(name) != nil {
		panic("option " + name + " is registered twice")
	}
	s.options = append(s.options, &option{name: name, def: def, kind: kind, help: help, set: set})
}

// Given reports whether a flag, a variable or the file gave the option a value.
func (s *Set) Given(name string) bool {
	o := s.find(name)
	return o != nil && o.given
}

// Parse fills in the options. args are those after the program's name; getenv is os.Getenv, where an empty variable is
// one that is not set. Errors are code Invalid and name the flag, variable, or file and line; ErrHelp and ErrVersion
// are returned as they are.
func (s *Set) Parse(args []string, getenv func(string) string) error {
	flags, err := s.readFlags(args)
	if err != nil {
		return err
	}
	values := s.readEnv(getenv)
	if path := fileOf(flags, values); path != "" {
		file, err := s.readFile(path)
		if err != nil {
			return err
		}
		values = append(file, values...)
	}
	for _, v := range append(values, flags...) { // the last one counts
		if err := v.option.set(v.text); err != nil {
			return state.Errorf(state.Invalid, v.source, "%w", err)
		}
		v.option.given = true
	}
	return nil
}

// fileOf gives the file named by --config, else by its variable.
func fileOf(flags, env []value) string {
	path := ""
	for _, v := range append(env, flags...) {
		if v.option.name == configName {
			path = v.text
		}
	}
	return path
}

// value is what one source says of one option.
type value struct {
	option *option
	text   string
	source string // as an error names it
}

// readFlags understands --name=value, --name value, and --name for a Bool.
func (s *Set) readFlags(args []string) ([]value, error) {
	var all []value
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		switch {
		case args[i] == "-h" || name == "help" && isFlag:
			return nil, ErrHelp
		case isFlag && name == "version":
			return nil, ErrVersion
		case !isFlag || name == "":
			return nil, state.Errorf(state.Invalid, "", "unexpected argument %q: options are --name=value; --help lists them", args[i])
		}
		name, text, hasValue := strings.Cut(name, "=")
		o := s.find(name)
		if o == nil {
			return nil, state.Errorf(state.Invalid, "", "unknown option --%s%s", name, s.hint(name, "--"))
		}
		if !hasValue {
			switch {
			case o.kind == kindBool:
				text = "true"
			case i+1 < len(args) && !strings.HasPrefix(args[i+1], "--"):
				i++
				text = args[i]
			default:
				return nil, state.Errorf(state.Invalid, "", "option --%s needs a value: --%s=%s", name, name, o.kind)
			}
		}
		all = append(all, value{o, text, "--" + name})
	}
	return all, nil
}

// readEnv looks up each option's variable. Other variables that start with STATHUB_ are left alone: they may be meant
// for another program.
func (s *Set) readEnv(getenv func(string) string) []value {
	var all []value
	for _, o := range s.options {
		name := EnvName(o.name)
		if text := getenv(name); text != "" {
			all = append(all, value{o, text, name})
		}
	}
	return all
}

// EnvName gives the environment variable of an option: STATHUB_SERVER_PORT for server.port.
func EnvName(name string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

func (s *Set) find(name string) *option {
	for _, o := range s.options {
		if o.name == name {
			return o
		}
	}
	return nil
}

// hint names the option that was likely meant.
func (s *Set) hint(name, prefix string) string {
	known := []string{"help", "version"}
	for _, o := range s.options {
		known = append(known, o.name)
	}
	if n := state.Nearest(name, known); n != "" {
		return fmt.Sprintf(": did you mean %s%s?", prefix, n)
	}
	return "; --help lists the options"
}
