package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// dosed is an operation such as later ones will be: a limit on the struct.
type dosed struct {
	Body struct {
		Rate int64  `json:"rate_nl_day" minimum:"1" maximum:"4000"`
		Note string `json:"note" minLength:"5"`
	}
}

// try sends a body to an operation with our settings and returns the status and
// the rate that arrived, 0 if none.
func try(t *testing.T, body, kind string) (status int, rate int64) {
	t.Helper()
	mux := http.NewServeMux()
	huma.Register(newHuma(mux), huma.Operation{OperationID: "dose", Method: http.MethodPost, Path: "/dose"}, func(_ context.Context, in *dosed) (*struct{}, error) {
		rate = in.Body.Rate
		return nil, nil
	})
	r := httptest.NewRequest(http.MethodPost, "/dose", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Code, rate
}

// No body carries a value past its limit: not by a member in another case, not
// by one that is there twice, not by another type.
func TestLimitsCannotBePassedBy(t *testing.T) {
	if status, rate := try(t, `{"rate_nl_day":100,"note":"hello"}`, "application/json"); status != 204 || rate != 100 {
		t.Fatalf("a good body: %d, %d", status, rate)
	}
	for body, want := range map[string]int{
		`{"rate_nl_day":100,"RATE_NL_DAY":999999,"note":"hello"}`: 400,
		`{"RATE_NL_DAY":999999,"rate_nl_day":100,"note":"hello"}`: 400,
		`{"rate_nl_day":100,"rate_nl_day":999999,"note":"hello"}`: 400,
		`{"rate_nl_day":999999,"rate_nl_day":100,"note":"hello"}`: 400,
		`{"rate_nl_day":100,"rate_nl_day":200,"note":"hello"}`:    400,
		`{"Rate_nl_day":100,"note":"hello"}`:                      422,
		`{"rate_nl_day":1e2,"note":"hello"}`:                      422,
		`{"rate_nl_day":"100","note":"hello"}`:                    422,
		`{"rate_nl_day":100,"note":"hello"} {"x":1}`:              400,
		`{"rate_nl_day":null,"note":"hello"}`:                     422,
		`{"rate_nl_day":9007199254740993,"note":"hello"}`:         422,
		// and what else comes to mind
		`{"rate_nl_day":550.5,"note":"hello"}`:                                422,
		`{"rate_nl_day":1e999,"note":"hello"}`:                                400,
		`{"rate_nl_day":NaN,"note":"hello"}`:                                  400,
		`{"rate_nl_day":-1,"note":"hello"}`:                                   422,
		`{"rate_nl_day":0,"note":"hello"}`:                                    422,
		`{"rate_nl_day":4001,"note":"hello"}`:                                 422,
		`{"rate_nl_day":true,"note":"hello"}`:                                 422,
		`{"rate_nl_day":[100],"note":"hello"}`:                                422,
		`{"rate_nl_day":{"x":100},"note":"hello"}`:                            422,
		`{"rate_nl_day":100,"note":"hello","extra":1}`:                        422,
		`{"rate_nl_day":100,"note":"hello","x":{"a":1,"a":2}}`:                400,
		"{\"rate_nl_day\":100,\"note\":\"hello\",\"rate\\u005fnl_day\":9999}": 400,
		"{\"rate_nl_day\":100,\"note\":\"hello\",\"\u212aate_nl_day\":9999}":  422,
		"{\"rate_nl_day\":100,\"note\":\"hello\",\"rate_nl_day\u0000\":9999}": 400,
		`{"note":"hello"}`:                                                    422,
		`{}`:                                                                  422,
		`[]`:                                                                  422,
		`null`:                                                                422,
		`100`:                                                                 422,
		``:                                                                    400,
		`{"rate_nl_day":100,"note":"hello"`:                                   400,
	} {
		status, rate := try(t, body, "application/json")
		if status != want || rate != 0 {
			t.Errorf("%s: %d with rate %d, want %d", body, status, rate, want)
		}
	}
}

// What the test above relies on is set before any operation is registered.
func TestSettings(t *testing.T) {
	if !huma.ValidateStrictCasing || huma.DefaultArrayNullable {
		t.Error("huma's settings are not ours")
	}
	api := newHuma(http.NewServeMux())
	if api.OpenAPI().Components.Schemas.Map()["ErrorModel"] != nil {
		t.Error("problems are huma's")
	}
}

func FuzzUniqueNames(f *testing.F) {
	for _, s := range []string{`{"a":1,"A":2}`, `{"a":{"b":[{"c":1},{"c":2}]}}`, `[{"a":1},{"a":2}]`, `"x"`, `{"a":"a"}`, `{"":{"":1}}`, `[[],{},"a",{"a":[]}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var v any
		if json.Unmarshal([]byte(s), &v) != nil {
			return
		}
		// What is written from a decoded value has no name twice; in another case
		// it may.
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if uniqueNames([]byte(s)) == nil && count(s) != count(string(again)) {
			t.Errorf("%s was taken, but decodes as %s", s, again)
		}
	})
}

// count returns how many names objects in s have.
func count(s string) (n int) {
	dec := json.NewDecoder(strings.NewReader(s))
	type level struct{ object, name bool }
	var open []level
	for {
		tok, err := dec.Token()
		if err != nil {
			return n
		}
		top := len(open) - 1
		switch d, _ := tok.(json.Delim); {
		case d == '{':
			if top >= 0 {
				open[top].name = true
			}
			open = append(open, level{true, true})
			continue
		case d == '[':
			if top >= 0 {
				open[top].name = true
			}
			open = append(open, level{})
			continue
		case d == '}' || d == ']':
			open = open[:top]
			continue
		}
		if top >= 0 && open[top].object {
			if open[top].name {
				n++
			}
			open[top].name = !open[top].name
		}
	}
}
