package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// yamlLines are the lines of a YAML file that mean something, of those forms that
// compose.yaml is written in: mappings and lists by indentation, and lists in
// brackets.
type yamlLines []struct {
	n, indent int
	text      string
}

func readYAML(t *testing.T, name string) any {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines yamlLines
	for n, s := range strings.Split(string(b), "\n") {
		text := strings.TrimSpace(s)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		lines = append(lines, struct {
			n, indent int
			text      string
		}{n + 1, len(s) - len(strings.TrimLeft(s, " ")), text})
	}
	v, rest, err := lines.block(0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("line %d: is indented like nothing above it", rest[0].n)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func (l yamlLines) block(indent int) (any, yamlLines, error) {
	var list []any
	mapping := map[string]any{}
	for len(l) > 0 && l[0].indent == indent {
		line := l[0]
		l = l[1:]
		if item, ok := strings.CutPrefix(line.text, "- "); ok {
			v, err := scalar(item)
			if err != nil {
				return nil, nil, fmt.Errorf("line %d: %w", line.n, err)
			}
			list = append(list, v)
			continue
		}
		key, text, ok := strings.Cut(line.text, ":")
		if _, twice := mapping[key]; !ok || twice || text != "" && text[0] != ' ' {
			return nil, nil, fmt.Errorf("line %d: %q is no new key", line.n, line.text)
		}
		v, err := scalar(strings.TrimSpace(text))
		if text == "" && len(l) > 0 && l[0].indent > indent {
			v, l, err = l.block(l[0].indent)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", line.n, err)
		}
		mapping[key] = v
	}
	switch {
	case list != nil && len(mapping) > 0:
		return nil, nil, errors.New("a list and a mapping in one place")
	case list != nil:
		return list, l, nil
	}
	return mapping, l, nil
}

var flowItem = regexp.MustCompile(`\s*("(?:[^"\\]|\\.)*"|[^",\]]+)\s*(,|$)`)

func scalar(s string) (any, error) {
	switch {
	case strings.HasPrefix(s, "["):
		inner, ok := strings.CutSuffix(s[1:], "]")
		list := []any{}
		for ok && inner != "" {
			m := flowItem.FindStringSubmatch(inner)
			if m == nil || !strings.HasPrefix(inner, m[0]) {
				ok = false
				break
			}
			v, err := scalar(strings.TrimSpace(m[1]))
			if err != nil {
				return nil, err
			}
			list, inner = append(list, v), inner[len(m[0]):]
		}
		if !ok {
			return nil, fmt.Errorf("%s is no list", s)
		}
		return list, nil
	case strings.HasPrefix(s, `"`):
		return strconv.Unquote(s)
	case strings.ContainsAny(s, "{}&*!|>%@`") && !strings.Contains(s, "${"), strings.Contains(s, ": "), strings.Contains(s, " #"):
		return nil, fmt.Errorf("%q is more YAML than this test reads", s)
	}
	return s, nil
}

// under follows keys into a parsed file.
func under(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, fmt.Sprint(e))
	}
	return out
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::[-?]([^}]*))?\}`)

// TestComposeFile: what compose.yaml says fits together, and the command accepts
// the command lines and environments in it.
func TestComposeFile(t *testing.T) {
	file := readYAML(t, "../../compose.yaml")
	services, _ := under(file, "services").(map[string]any)
	volumes, _ := under(file, "volumes").(map[string]any)
	if len(services) != 5 || len(volumes) != 3 {
		t.Fatalf("%d services, %d volumes", len(services), len(volumes))
	}
	used := map[string]bool{}
	for name, s := range services {
		for _, v := range texts(under(s, "volumes")) {
			from, _, _ := strings.Cut(v, ":")
			if _, ok := volumes[from]; !ok && !strings.HasPrefix(from, "./") {
				t.Errorf("service %s: there is no volume %s", name, from)
			}
			used[from] = true
		}
		needs, _ := under(s, "depends_on").(map[string]any)
		for other, how := range needs {
			condition := under(how, "condition")
			if services[other] == nil || condition == "service_healthy" && under(services[other], "healthcheck", "test") == nil {
				t.Errorf("service %s waits for %s, %v", name, other, condition)
			}
		}
	}
	for v := range volumes {
		if !used[v] {
			t.Errorf("nobody uses volume %s", v)
		}
	}
	if ports := texts(under(services["server"], "ports")); !slices.Contains(ports, "127.0.0.1:8600:8600") || len(ports) != 3 {
		t.Errorf("the console has no TLS of its own and belongs on this machine only: %v", ports)
	}
	for name := range under(services["server"], "environment").(map[string]any) {
		if strings.Contains(name, "OWNER") {
			t.Errorf("the server knows the owner's %s", name)
		}
	}

	// Addresses that answer here and now stand in for those of the containers.
	keys := t.TempDir()
	here := strings.NewReplacer("@postgres:5432", "@127.0.0.1:1", "http://localhost:8600", "http://localhost:1")
	environment := func(s any) (env []string) {
		vars, _ := under(s, "environment").(map[string]any)
		for name, v := range vars {
			value := variable.ReplaceAllStringFunc(fmt.Sprint(v), func(ref string) string {
				m := variable.FindStringSubmatch(ref)
				if strings.Contains(ref, ":-") {
					return m[2]
				}
				return "secret-of-" + m[1]
			})
			if value == "/keys" {
				value = keys
			}
			env = append(env, name+"="+here.Replace(value))
		}
		return env
	}
	line := func(words []string) string {
		for i, w := range words {
			if w == "/keys" {
				words[i] = keys
			}
			words[i] = variable.ReplaceAllString(words[i], "$2")
		}
		return strings.Join(words, " ")
	}
	test := texts(under(services["server"], "healthcheck", "test"))
	if len(test) < 3 || test[0] != "CMD" || test[1] != "cisterna" {
		t.Fatalf("the server's health check is %v", test)
	}
	for _, c := range []call{
		{args: line(texts(under(services["keys"], "command"))), env: environment(services["keys"]), out: "Ceremony card of Cisterna"},
		{args: line(texts(under(services["migrate"], "command"))), env: environment(services["migrate"]), code: 1, err: "connection refused"},
		{args: line(texts(under(services["server"], "command"))), env: environment(services["server"]), code: 1, err: "connection refused"},
		{args: here.Replace(line(test[2:])), env: environment(services["server"]), code: 1, out: "FAIL  server http://localhost:1", err: "1 of 2 checks"},
	} {
		c.run(t)
	}
}

// TestDockerfile: every file that the Dockerfile copies is there, its Go is new
// enough, and the volumes of compose.yaml can be written by its user.
func TestDockerfile(t *testing.T) {
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if version == nil || !strings.Contains(string(b), "FROM golang:"+string(version[1])+"-") {
		t.Errorf("the Dockerfile builds with another Go than go.mod's %s", version)
	}
	copied, owned := 0, map[string]bool{}
	for _, l := range strings.Split(string(b), "\n") {
		words := strings.Fields(l)
		if len(words) == 0 || words[0] != "COPY" {
			continue
		}
		if strings.HasPrefix(words[1], "--from=") {
			owned[words[len(words)-1]] = strings.Contains(l, "--chown=65532:65532")
			continue
		}
		for _, from := range words[1 : len(words)-1] {
			copied++
			if _, err := os.Stat(filepath.Join("../..", from)); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: there is no %s", l, from)
			}
		}
	}
	if copied == 0 || !owned["/keys"] || !owned["/pumps"] || !strings.Contains(string(b), "USER nonroot") {
		t.Errorf("%d files copied; folders of the volumes: %v", copied, owned)
	}
}
