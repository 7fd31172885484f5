// Package config reads the server's one configuration file.
//
// # Format
//
// UTF-8 text, one `name = value` a line. Names are those of the command-line
// flags without the dashes (`database-url = postgres:///cisterna`). Blank lines
// and lines that begin with # are ignored. A value may be quoted as in Go, which
// keeps leading and trailing blanks.
//
// The file is read strictly: an unknown name, a name twice, or a line that is no
// assignment stops the program with the file, the line and the name. Flags win
// over the environment, and the environment wins over the file.
package config

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// File is a parsed configuration file: values by name, with the line of each.
type File struct {
	Path   string
	values map[string]entry
}

type entry struct {
	value string
	line  int
}

// Read reads the file at path. known reports whether a name exists; every other
// name is refused with its line.
func Read(path string, known func(name string) bool) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer func() { _ = f.Close() }()
	out := &File{Path: path, values: map[string]entry{}}
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		name, value, err := parseLine(sc.Text())
		switch prev, twice := out.values[name]; {
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		case name == "":
			continue
		case twice:
			return nil, fmt.Errorf("%s:%d: %s is set twice, first in line %d", path, n, name, prev.line)
		case !known(name):
			return nil, fmt.Errorf("%s:%d: there is no setting %q", path, n, name)
		}
		out.values[name] = entry{value, n}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// Get returns the value of name and whether the file sets it.
func (f *File) Get(name string) (string, bool) {
	if f == nil {
		return "", false
	}
	e, ok := f.values[name]
	return e.value, ok
}

// Place returns where name is set, as file:line, or "" if it is not.
func (f *File) Place(name string) string {
	if f == nil {
		return ""
	}
	e, ok := f.values[name]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.Path, e.line)
}

// parseLine takes one line apart. A line without an assignment has no name.
func parseLine(s string) (name, value string, err error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasPrefix(s, "#") {
		return "", "", nil
	}
	name, value, ok := strings.Cut(s, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || !validName(name) {
		return "", "", fmt.Errorf("want `name = value`, got %q", s)
	}
	if strings.HasPrefix(value, `"`) {
		value, err = strconv.Unquote(value)
		if err != nil {
			return "", "", fmt.Errorf("%s: the quoted value is not well formed", name)
		}
	}
	return name, value, nil
}

func validName(s string) bool {
	for _, c := range s {
		if c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
