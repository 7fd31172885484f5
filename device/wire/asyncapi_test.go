package wire

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// node is a YAML mapping, list or scalar of the plain kind that asyncapi.yaml
// is written in: two spaces a level, no flow style, no block text.
type node struct {
	text string
	keys []string
	sub  map[string]*node
}

// at walks down by keys; a missing one gives an empty node.
func (n *node) at(keys ...string) *node {
	for _, k := range keys {
		next, ok := n.sub[k]
		if !ok {
			return &node{}
		}
		n = next
	}
	return n
}

func (n *node) add(key string) *node {
	if n.sub == nil {
		n.sub = map[string]*node{}
	}
	child := &node{}
	n.keys, n.sub[key] = append(n.keys, key), child
	return child
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}

// parseYAML reads the subset and fails on anything beyond it.
func parseYAML(text string) (*node, error) {
	root := &node{}
	type level struct {
		indent int
		n      *node
	}
	stack := []level{{-1, root}}
	for i, line := range strings.Split(text, "\n") {
		body := strings.TrimLeft(line, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		indent := len(line) - len(body)
		for {
			item := strings.HasPrefix(body, "- ")
			for stack[len(stack)-1].indent >= indent {
				stack = stack[:len(stack)-1]
			}
			parent := stack[len(stack)-1].n
			if item {
				n := parent.add(fmt.Sprint(len(parent.keys)))
				stack = append(stack, level{indent, n})
				body, indent = body[2:], indent+2
				if _, _, ok := strings.Cut(body, ": "); !ok && !strings.HasSuffix(body, ":") {
					n.text = unquote(body)
					break
				}
				continue // the item's first key
			}
			key, value, ok := strings.Cut(body, ":")
			if !ok || value != "" && value[0] != ' ' || strings.ContainsAny(key, "{[\"|>&*") {
				return nil, fmt.Errorf("line %d: %q", i+1, line)
			}
			value = strings.TrimSpace(value)
			if value != "" && strings.ContainsAny(value[:1], "{[|>&*\"") {
				return nil, fmt.Errorf("line %d: %q", i+1, line)
			}
			key = unquote(key)
			if _, twice := parent.sub[key]; twice {
				return nil, fmt.Errorf("line %d: key %s twice", i+1, key)
			}
			n := parent.add(key)
			n.text = unquote(value)
			stack = append(stack, level{indent, n})
			break
		}
	}
	return root, nil
}

func asyncAPI(t *testing.T) *node {
	t.Helper()
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parseYAML(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if v := doc.at("asyncapi").text; v != "3.0.0" {
		t.Fatalf("asyncapi %q", v)
	}
	return doc
}

// TestAsyncAPIReferences: every $ref leads somewhere, and every schema and
// message is used.
func TestAsyncAPIReferences(t *testing.T) {
	doc := asyncAPI(t)
	used := map[string]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		for _, k := range n.keys {
			if k != "$ref" {
				walk(n.sub[k])
				continue
			}
			path, ok := strings.CutPrefix(n.sub[k].text, "#/")
			if target := doc.at(strings.Split(path, "/")...); !ok || len(target.keys) == 0 {
				t.Errorf("%s leads nowhere", n.sub[k].text)
			}
			used[path] = true
		}
	}
	walk(doc)
	// What a batch's records are, its description says: JSON Schema could only
	// repeat it at length.
	for _, name := range []string{"Record", "Sample", "Event", "Gap", "Raise", "Clear"} {
		used["components/schemas/"+name] = true
	}
	for _, part := range []string{"messages", "schemas", "parameters"} {
		for _, k := range doc.at("components", part).keys {
			if !used["components/"+part+"/"+k] {
				t.Errorf("%s %s is never used", part, k)
			}
		}
	}
}

// TestAsyncAPIChannels: every kind has exactly one channel with its topic, and
// an operation in its direction at its quality of service.
func TestAsyncAPIChannels(t *testing.T) {
	doc := asyncAPI(t)
	channels := map[string]string{} // address → id
	for _, id := range doc.at("channels").keys {
		address := doc.at("channels", id, "address").text
		if channels[address] != "" {
			t.Errorf("%s twice", address)
		}
		channels[address] = id
	}
	operations := map[string]*node{}
	for _, id := range doc.at("operations").keys {
		op := doc.at("operations", id)
		operations[op.at("channel", "$ref").text] = op
	}
	for _, k := range Kinds() {
		address := strings.ReplaceAll(strings.ReplaceAll(Topic("LINK", k), "LINK", "{link}"), "/"+string(ShardOf("LINK"))+"/", "/{shard}/")
		id := channels[address]
		if id == "" {
			t.Errorf("%s has no channel", address)
			continue
		}
		delete(channels, address)
		op := operations["#/channels/"+id]
		action, qos := "send", "0"
		if k.Up() {
			action, qos = "receive", "1"
		}
		if op == nil || op.at("action").text != action || op.at("bindings", "mqtt", "qos").text != qos || op.at("bindings", "mqtt", "retain").text != "false" {
			t.Errorf("%s: operation %v", k, op)
		}
		if n := len(doc.at("channels", id, "messages").keys); n != 1 {
			t.Errorf("%s: %d messages", k, n)
		}
	}
	for _, path := range []string{EnrolRootPath, EnrolPath, EnrolRenewPath} {
		if channels[path] == "" {
			t.Errorf("%s has no channel", path)
		}
		delete(channels, path)
	}
	if len(channels) != 0 {
		t.Errorf("channels of no kind: %v", channels)
	}
}

// described are the map-encoded messages.
var described = []any{
	Position{},
	Checkpoint{},
	Hello{},
	State{},
	Waits{},
	Heartbeat{},
	Answer{},
	Bye{},
	Cursors{},
	CertRequest{},
	CertReply{},
	EnrolRequest{},
	EnrolReply{},
	RenewRequest{},
	EnrolError{},
}

// snake writes a field's name as the file does: FirmwareComm → firmware_comm,
// CommMV → comm_mv.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			if i > 0 && name[i-1] >= 'a' {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// TestAsyncAPIFields: every field of every message is described under its CBOR
// key, with its name, its type and whether it may be missing.
func TestAsyncAPIFields(t *testing.T) {
	schemas := asyncAPI(t).at("components", "schemas")
	for _, m := range described {
		typ := reflect.TypeOf(m)
		schema := schemas.at(typ.Name())
		var required []string
		for _, k := range schema.at("required").keys {
			required = append(required, schema.at("required", k).text)
		}
		seen := 0
		for i := range typ.NumField() {
			f := typ.Field(i)
			key, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
			p := schema.at("properties", key)
			if p.at("title").text != snake(f.Name) || p.at("description").text == "" {
				t.Errorf("%s.%s: key %s is titled %q", typ.Name(), f.Name, key, p.at("title").text)
				continue
			}
			seen++
			if optional := strings.Contains(options, "omitempty"); slices.Contains(required, key) == optional {
				t.Errorf("%s.%s: optional %v, required lists %v", typ.Name(), f.Name, optional, required)
			}
			ref := strings.TrimPrefix(p.at("allOf", "0", "$ref").text, "#/components/schemas/")
			if want := schemaType(f.Type); cmp.Or(ref, p.at("type").text) != want {
				t.Errorf("%s.%s: described as %s, is %s", typ.Name(), f.Name, cmp.Or(ref, p.at("type").text), want)
			}
		}
		if n := len(schema.at("properties").keys); n != seen || seen == 0 {
			t.Errorf("%s: %d properties described, %d fields found", typ.Name(), n, seen)
		}
	}
}

// schemaType is what a field's type is called in the file.
func schemaType(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ.Kind() {
	case reflect.Struct:
		return typ.Name()
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Map:
		return "object"
	case reflect.Slice, reflect.Array:
		if typ == reflect.TypeFor[PumpID]() {
			return "PumpID"
		}
		if typ.Elem().Kind() == reflect.Uint8 {
			return "string"
		}
		return "array"
	}
	if typ.Name() != typ.Kind().String() {
		return typ.Name() // RunState, Kind
	}
	return "integer"
}

// TestAsyncAPIKnowsAllMessages: a message type that somebody adds must be
// described too.
func TestAsyncAPIKnowsAllMessages(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range described {
		names[reflect.TypeOf(m).Name()] = true
	}
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok || len(s.Fields.List) == 0 || s.Fields.List[0].Tag == nil || !strings.Contains(s.Fields.List[0].Tag.Value, "keyasint") {
				return true
			}
			found++
			if !names[spec.Name.Name] {
				t.Errorf("%s: message %s is not described in asyncapi.yaml", name, spec.Name.Name)
			}
			return true
		})
	}
	if found != len(described) {
		t.Errorf("%d messages in the source, %d listed", found, len(described))
	}
}

// TestAsyncAPIArrays: what is encoded as an array has as many items as the file
// describes.
func TestAsyncAPIArrays(t *testing.T) {
	schemas := asyncAPI(t).at("components", "schemas")
	items := func(name string) int { return len(schemas.at(name, "items").keys) }
	records := []struct {
		name string
		r    Record
	}{
		{"Sample", Record{Kind: RecordSample, Sample: Sample{Run: Infusing}}},
		{"Event", Record{Kind: RecordEvent, Event: &Event{Code: "a"}}},
		{"Gap", Record{Kind: RecordGap, Gap: &Gap{Through: 1}}},
		{"Raise", Record{Kind: RecordRaise, Raise: &Raise{Code: "a", Priority: 1}}},
		{"Clear", Record{Kind: RecordClear, Clear: &Clear{Code: "a"}}},
	}
	for _, r := range records {
		var batch []any
		if err := cbor.Unmarshal(AppendBatch(nil, &Batch{Epoch: 1, First: 1, Records: []Record{r.r}}), &batch); err != nil {
			t.Fatal(err)
		}
		record := batch[3].([]any)[0].([]any)
		if len(batch) != items("MainBatch") || len(batch) != items("AlarmBatch") || len(record) != items("Record") || len(record[3].([]any)) != items(r.name) {
			t.Errorf("%s: batch %d, record %d, body %d", r.name, len(batch), len(record), len(record[3].([]any)))
		}
	}
	names := map[string][]string{"RunState": nil, "Priority": nil, "Kind": nil}
	values := map[string][]string{"RunState": nil, "Priority": nil, "Kind": nil}
	for v := Infusing; v <= Bridge; v++ {
		names["RunState"], values["RunState"] = append(names["RunState"], v.String()), append(values["RunState"], fmt.Sprint(uint8(v)))
	}
	for v := PriorityInfo; v <= PriorityHigh; v++ {
		names["Priority"], values["Priority"] = append(names["Priority"], v.String()), append(values["Priority"], fmt.Sprint(uint8(v)))
	}
	for _, v := range Kinds() {
		if !v.Up() {
			names["Kind"], values["Kind"] = append(names["Kind"], v.String()), append(values["Kind"], fmt.Sprint(uint8(v)))
		}
	}
	list := func(n *node) (out []string) {
		for _, k := range n.keys {
			out = append(out, n.at(k).text)
		}
		return out
	}
	for name := range names {
		if got := list(schemas.at(name, "enum")); !slices.Equal(got, values[name]) {
			t.Errorf("%s: values %v, want %v", name, got, values[name])
		}
		if got := list(schemas.at(name, "x-enum-varnames")); !slices.Equal(got, names[name]) {
			t.Errorf("%s: names %v, want %v", name, got, names[name])
		}
	}
}
