package live

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		`{}`:                        nil,
		`{"a":1}`:                   {`"a"`, `1`},
		`{"a":"x,y:{[","b":[1,{}]}`: {`"a"`, `"x,y:{["`, `"b"`, `[1,{}]`},
		`{"a\"b":"\\","c":{"d":"}\""},"e":null,"f":-1.5e3}`: {`"a\"b"`, `"\\"`, `"c"`, `{"d":"}\""}`, `"e"`, `null`, `"f"`, `-1.5e3`},
	} {
		fields, ok := split([]byte(in))
		var got []string
		for _, f := range fields {
			got = append(got, string(f.key), string(f.value))
		}
		if !ok || !cmp.Equal(got, want) {
			t.Errorf("%s: %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{``, `1`, `[]`, `null`, `{`, `{"a"}`, `{"a":1,"b"}`} {
		if f, ok := split([]byte(in)); ok {
			t.Errorf("%s: %q", in, f)
		}
	}
}

// FuzzPatch lays a patch over the old object, as a browser does, and must get
// the new one.
func FuzzPatch(f *testing.F) {
	f.Add(`{"id":"1","a":1,"b":"x"}`, `{"id":"1","a":1,"b":"y","c":[{"d":"}"}]}`)
	f.Add(`{"id":"1","a":{"x":[1,2]},"\\\"":"\""}`, `{"id":"1"}`)
	f.Add(`{}`, `{"é":" "}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		var old, now map[string]json.RawMessage
		if json.Unmarshal([]byte(a), &old) != nil || json.Unmarshal([]byte(b), &now) != nil || old == nil || now == nil {
			return
		}
		old["id"], now["id"] = json.RawMessage(`"7"`), json.RawMessage(`"7"`)
		m := mirror{epoch: "e", rows: map[int64]*row{}}
		for i, v := range []any{old, now} {
			e, err := m.encode(Changes{Epoch: "e", Rev: uint64(i + 1), Rows: []Row{{ID: 7, Site: 1, Rev: uint64(i + 1), Value: v}}})
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				check(t, m.rows[7].full, e.step.rows[0].patch, now)
			}
			check(t, nil, e.step.rows[0].full, v.(map[string]json.RawMessage))
			m.apply(e)
		}
	})
}

// check lays over upon base and compares with want; null means gone.
func check(t *testing.T, base, over []byte, want map[string]json.RawMessage) {
	t.Helper()
	got := map[string]json.RawMessage{}
	for _, raw := range [][]byte{base, over} {
		if raw == nil {
			continue
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		for k, v := range m {
			got[k] = v
		}
	}
	for k, v := range got {
		w := want[k]
		if w == nil {
			w = null
		}
		var x, y bytes.Buffer
		if json.Compact(&x, v) != nil || json.Compact(&y, w) != nil {
			t.Fatalf("member %q: %s or %s is not JSON", k, v, w)
		}
		var p, q any
		_ = json.Unmarshal(x.Bytes(), &p)
		_ = json.Unmarshal(y.Bytes(), &q)
		if !cmp.Equal(p, q) {
			t.Errorf("member %q: %s, want %s", k, v, w)
		}
	}
	for k := range want {
		if _, ok := got[k]; !ok {
			t.Errorf("member %q is missing", k)
		}
	}
}
