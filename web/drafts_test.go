package web

import (
	"strings"
	"testing"
)

// The list of what one has typed names the pumps; the text is the draft's own.
func TestListOfDraftsHoldsNoText(t *testing.T) {
	f := newFixture(t)
	b, pump := f.signIn("prescriber"), f.pump(f.a)
	draft := "/api/v1/pumps/" + pump + "/orders/draft"
	r := b.do("PUT", draft, map[string]string{"kind": "visit", "form": `{"a":"b"}`})
	f.want("keep", line(r.status, r.json()["form"]), `200 {"a":"b"}`)
	f.want("one", b.do("GET", draft, nil).json()["draft"].(map[string]any)["form"], `{"a":"b"}`)
	list := b.do("GET", "/api/v1/order-drafts", nil)
	items := list.json()["items"].([]any)
	f.want("the list", line(len(items), items[0].(map[string]any)["pump"], items[0].(map[string]any)["kind"]), "1 "+pump+" visit")
	f.want("holds text", strings.Contains(string(list.body), `"form"`), false)
}
