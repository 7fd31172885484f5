package web

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSearchPages(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	for range 7 {
		f.pump(f.a)
	}
	f.pump(f.b)
	f.eventually("the board has them", func() bool { return line(b.do("GET", "/api/v1/pumps/count", nil).json()["matched"]) == "7" })
	seen, pages, after := map[string]int{}, 0, ""
	for {
		r := b.do("GET", "/api/v1/pumps/search?limit=3&q="+url.QueryEscape("status:registered presence : never")+"&after="+after, nil)
		body := r.json()
		f.want("page", line(r.status, body["total"], body["matched"], body["filter"]), "200 7 7 status:registered presence:never")
		for _, row := range body["rows"].([]any) {
			seen[row.(map[string]any)["serial"].(string)]++
		}
		pages++
		if body["next"] == nil {
			break
		}
		after = body["next"].(string)
		if pages == 1 {
			f.want("a cursor of another list", b.do("GET", "/api/v1/pumps/search?after="+after, nil).status, 422)
			f.want("a cursor of another order", b.do("GET", "/api/v1/pumps/search?sort=-pump&q="+url.QueryEscape("status:registered presence:never")+"&after="+after, nil).status, 422)
		}
		if pages > 10 {
			t.Fatal("the pages do not end")
		}
	}
	f.want("pages", line(pages, len(seen)), "3 7")
	for s, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", s, n)
		}
	}
	r := b.do("GET", "/api/v1/pumps/search?q="+url.QueryEscape("presence:gone"), nil)
	detail := r.json()["errors"].([]any)[0].(map[string]any)
	f.want("a filter that is wrong", line(r.status, detail["location"], strings.Contains(detail["message"].(string), "At character 10"), strings.Contains(detail["message"].(string), "online, stale")), "422 query.q true true")
	for _, bad := range []string{"sort=colour", "limit=0", "limit=1001", "after=x", "columns=x", "q=" + url.QueryEscape("site:BETA"), "q=" + url.QueryEscape("group:night")} {
		if r := b.do("GET", "/api/v1/pumps/search?"+bad, nil); r.status != 422 {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
	count := b.do("GET", "/api/v1/pumps/count?facets=site,presence", nil).json()
	f.want("facets", line(count["facets"].(map[string]any)["site"]), line(map[string]any{"ALPHA": count["matched"]}))
	fields := b.do("GET", "/api/v1/pumps/fields", nil).json()
	f.want("fields and columns", len(fields["fields"].([]any)) > 20 && len(fields["columns"].([]any)) > 15, true)
}

// A file holds exactly what is shown: those rows, those columns, that order.
func TestTableAsCSV(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	var ids []string
	for range 4 {
		ids = append(ids, f.pump(f.a))
	}
	f.pump(f.b)
	f.want("a formula as a tag", b.do("POST", "/api/v1/pumps/"+ids[0]+"/tags", map[string]any{"add": []string{"=1+1"}}).status, 422)
	for _, id := range ids[:3] {
		f.want("tag", b.do("POST", "/api/v1/pumps/"+id+"/tags", map[string]any{"add": []string{"ward-3"}}).status, 200)
	}
	if _, err := f.db.Exec(`UPDATE registry_pumps SET label = '=cmd()', rev = rev + 1 WHERE id = $1`, ids[1]); err != nil {
		t.Fatal(err)
	}
	f.want("told", b.do("POST", "/api/v1/pumps/"+ids[1]+"/tags", map[string]any{"add": []string{"x"}}).status, 200)
	at := "/api/v1/pumps/table?q=" + url.QueryEscape("tag:ward-3") + "&sort=-pump&columns=tags,pump,presence"
	var rows [][]string
	f.eventually("the file", func() bool {
		r := b.do("GET", at, nil)
		var err error
		rows, err = csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
		return r.status == 200 && err == nil && strings.Contains(string(r.body), "cmd()") && len(rows) == 4 && r.header.Get("Content-Type") == "text/csv; charset=utf-8"
	})
	f.want("head", line(rows[0]), "[tags serial label presence presence_since]")
	f.want("order", rows[1][1] > rows[2][1] && rows[2][1] > rows[3][1], true)
	f.want("a formula is guarded", rows[2][2], "'=cmd()")
	f.want("a column that is not there", b.do("GET", "/api/v1/pumps/table?columns=colour", nil).status, 422)
	// A frozen list is a file of exactly its pumps.
	fr := b.do("POST", "/api/v1/pumps/frozen", map[string]any{"q": "tag:ward-3", "pumps": ids[:2]}).json()
	r := b.do("GET", "/api/v1/pumps/table?columns=pump&frozen="+fr["id"].(string), nil)
	f.want("of a frozen list", line(r.status, strings.Count(string(r.body), "\r\n")), "200 3")
	f.want("somebody else's", f.signIn("nurse").do("GET", "/api/v1/pumps/table?frozen="+fr["id"].(string), nil).status, 404)
}

func TestGroupsAndViewsOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	p := f.pump(f.a)
	r := b.do("POST", "/api/v1/groups", map[string]string{"site": line(f.a), "name": "Night", "filter": "presence : never"})
	f.want("create", line(r.status, r.json()["filter"], r.header.Get("ETag") == r.json()["etag"]), "201 presence:never true")
	id, etag := r.json()["id"].(string), r.header.Get("ETag")
	f.eventually("the group is asked for", func() bool {
		return line(b.do("GET", "/api/v1/pumps/count?q=group:night", nil).json()["matched"]) == "1"
	})
	change := map[string]string{"name": "Night shift"}
	f.want("without If-Match", line(b.do("PUT", "/api/v1/groups/"+id, change).status, b.do("DELETE", "/api/v1/groups/"+id, nil).status), "428 428")
	r = b.do("PUT", "/api/v1/groups/"+id, change, "If-Match", etag)
	f.want("with it", line(r.status, r.json()["name"], r.header.Get("ETag") != etag), "200 Night shift true")
	r2 := b.do("PUT", "/api/v1/groups/"+id, change, "If-Match", etag)
	f.want("the old one", line(r2.status, r2.code()), "412 precondition_failed")
	f.want("put in", b.do("POST", "/api/v1/groups/"+id+"/pumps", map[string]any{"pump": p, "in": true}).status, 204)
	f.eventually("the row says so", func() bool {
		return line(b.do("GET", "/api/v1/pumps/"+p, nil).json()["groups"]) == "["+id+"]"
	})
	f.want("delete", b.do("DELETE", "/api/v1/groups/"+id, nil, "If-Match", r.header.Get("ETag")).status, 204)
	f.want("gone", b.do("PUT", "/api/v1/groups/"+id, change, "If-Match", etag).status, 404)

	v := b.do("POST", "/api/v1/views", map[string]any{"name": "Weak", "filter": "battery<20", "sort": "battery", "columns": []string{"pump", "battery"}, "site": line(f.a)})
	f.want("view", line(v.status, v.json()["filter"]), "201 battery<20%")
	f.want("a filter that is wrong", b.do("POST", "/api/v1/views", map[string]any{"name": "x", "filter": "battery<"}).status, 422)
	nurse := f.signIn("nurse")
	f.want("shared", len(nurse.do("GET", "/api/v1/views", nil).body) > 10, true)
	f.want("edited by a colleague", nurse.do("PUT", "/api/v1/views/"+v.json()["id"].(string), map[string]any{"name": "Weaker", "site": line(f.a)}, "If-Match", v.header.Get("ETag")).status, 200)
	f.want("edited at once by its owner", b.do("PUT", "/api/v1/views/"+v.json()["id"].(string), map[string]any{"name": "Weakest"}, "If-Match", v.header.Get("ETag")).status, 412)
}

func TestBulkOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	ids := []string{f.pump(f.a), f.pump(f.a), f.pump(f.a)}
	f.eventually("the board has them", func() bool { return line(b.do("GET", "/api/v1/pumps/count", nil).json()["matched"]) == "3" })
	fr := b.do("POST", "/api/v1/pumps/frozen", map[string]string{"q": "presence:never"})
	f.want("frozen", line(fr.status, fr.json()["count"], fr.json()["filter"], fr.json()["picked"]), "201 3 presence:never false")
	late := f.pump(f.a) // comes under the filter afterwards
	begin := func(frozen any, body map[string]any, at string) response {
		body["frozen"] = frozen
		return b.do("POST", at, body, "Idempotency-Key", fmt.Sprintf("run-%v-%d", frozen, time.Now().UnixNano()))
	}
	run := begin(fr.json()["id"], map[string]any{"action": "tag", "tags": []string{"Night"}}, "/api/v1/runs")
	f.want("begun", line(run.status, run.json()["count"], run.json()["filter"]), "201 3 presence:never")
	at := "/api/v1/runs/" + run.json()["id"].(string)
	f.eventually("done", func() bool { return b.do("GET", at, nil).json()["state"] == "done" })
	f.want("outcome", line(b.do("GET", at, nil).json()["done"], b.do("GET", at, nil).json()["refused"]), "3 0")
	items := b.do("GET", at+"/items?limit=2", nil).json()
	more := b.do("GET", at+"/items?limit=2&after="+items["next"].(string), nil).json()
	f.want("items", line(len(items["items"].([]any)), len(more["items"].([]any)), more["next"], more["items"].([]any)[0].(map[string]any)["state"]), line(2, 1, nil, "done"))
	f.eventually("the rows say so", func() bool {
		return line(b.do("GET", "/api/v1/pumps/count?q=tag:night", nil).json()["matched"]) == "3"
	})
	f.want("the late one was not worked on", line(b.do("GET", "/api/v1/pumps/"+late, nil).json()["tags"]), "[]")
	f.want("again with the same list", begin(fr.json()["id"], map[string]any{"action": "tag", "tags": []string{"x"}}, "/api/v1/runs").status, 404)

	fr = b.do("POST", "/api/v1/pumps/frozen", map[string]any{"q": "", "pumps": ids})
	f.want("revoke is no action of runs", begin(fr.json()["id"], map[string]any{"action": "revoke"}, "/api/v1/runs").status, 422)
	run = begin(fr.json()["id"], map[string]any{"action": "claim"}, "/api/v1/runs")
	f.want("slips", run.status, 201)
	at = "/api/v1/runs/" + run.json()["id"].(string)
	slips := b.do("POST", at+"/slips", map[string]any{"limit": 2}, "Idempotency-Key", someKey)
	again := b.do("POST", at+"/slips", map[string]any{"limit": 2}, "Idempotency-Key", someKey)
	f.want("two slips, asked for twice", line(slips.status, len(slips.json()["slips"].([]any)), string(slips.body) == string(again.body)), "200 2 true")
	f.want("the rest", line(len(b.do("POST", at+"/slips", map[string]any{}).json()["slips"].([]any)), b.do("GET", at, nil).json()["state"]), "1 done")

	fr = b.do("POST", "/api/v1/pumps/frozen", map[string]any{"q": "", "pumps": ids})
	f.want("without a reason", begin(fr.json()["id"], map[string]any{"reason": " "}, "/api/v1/runs/revoke").status, 422)
	run = begin(fr.json()["id"], map[string]any{"reason": "recalled"}, "/api/v1/runs/revoke")
	at = "/api/v1/runs/" + run.json()["id"].(string)
	f.eventually("revoked", func() bool { return b.do("GET", at, nil).json()["state"] == "done" })
	f.want("status", b.do("GET", "/api/v1/pumps/"+ids[0], nil).json()["status_reason"], "recalled")
	f.want("runs", strings.Count(string(b.do("GET", "/api/v1/runs", nil).body), `"state":"done"`), 3)
	f.want("nothing is meant", b.do("POST", "/api/v1/pumps/frozen", map[string]string{"q": "nothing-is-called-that"}).status, 422)
	f.want("a pump of another site", b.do("POST", "/api/v1/pumps/frozen", map[string]any{"q": "", "pumps": []string{f.pump(f.b)}}).status, 404)
}
