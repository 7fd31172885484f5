package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

func TestRegisterAndClaim(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	r := b.do("POST", "/api/v1/pumps", map[string]any{"site": line(f.a), "serial": "SN-9", "model": "Meander P20", "profile": "meander-p20", "label": "Bed 9"})
	f.want("register", line(r.status, r.json()["status"], r.json()["serial"]), "201 registered SN-9")
	pump := r.json()["id"].(string)
	f.want("again", b.do("POST", "/api/v1/pumps", map[string]any{"site": line(f.a), "serial": "SN-9", "model": "Meander P20", "profile": "meander-p20"}).code(), "conflict")
	for name, c := range map[string]struct {
		body map[string]any
		at   string
	}{
		"no site":         {map[string]any{"serial": "X", "model": "M", "profile": "meander-p20"}, "body"},
		"a site's number": {map[string]any{"site": f.a, "serial": "X", "model": "M", "profile": "meander-p20"}, "body.site"},
		"no serial":       {map[string]any{"site": line(f.a), "model": "M", "profile": "meander-p20"}, "body.serial"},
		"unknown profile": {map[string]any{"site": line(f.a), "serial": "X", "model": "M", "profile": "nothing"}, "body.profile"},
		"a wrong UDI":     {map[string]any{"site": line(f.a), "serial": "X", "model": "M", "profile": "meander-p20", "udi": "(01)1"}, "body.udi"},
		"a long label":    {map[string]any{"site": line(f.a), "serial": "X", "model": "M", "profile": "meander-p20", "label": strings.Repeat("x", 101)}, "body.label"},
		"another case":    {map[string]any{"site": line(f.a), "serial": "X", "Serial": "Y", "model": "M", "profile": "meander-p20"}, "body"},
	} {
		r := b.do("POST", "/api/v1/pumps", c.body)
		problems, _ := r.json()["errors"].([]any)
		if r.status != 422 && r.status != 400 || len(problems) == 0 || !strings.HasPrefix(problems[0].(map[string]any)["location"].(string), c.at) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}

	r = b.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{"life_seconds": 3600})
	slip, err := wire.ParseSlip(r.json()["slip"].(string))
	root := sha256.Sum256([]byte("root document"))
	if err != nil || slip.Server != "pumps.example.org:8884" || slip.Root != root || slip.Code != r.json()["code"] || r.json()["root_sha256"] != hex.EncodeToString(root[:]) {
		t.Errorf("slip %s: %v", r.body, err)
	}
	expires, err := time.Parse(time.RFC3339, r.json()["expires_at"].(string))
	if err != nil || time.Until(expires) > time.Hour || time.Until(expires) < 50*time.Minute {
		t.Errorf("expires at %v, %v", r.json()["expires_at"], err)
	}
	f.want("too long a life", b.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{"life_seconds": 999999}).status, 422)
	var stored string
	if err := f.db.Get(&stored, `SELECT string_agg(p::text, '') FROM audit_payload p`); err != nil || strings.Contains(stored, slip.Code) {
		t.Errorf("the code is in the record, %v", err)
	}

	for _, step := range []struct{ verb, want string }{
		{"reinstate", "409 conflict"},
		{"revoke", "200 "},
		{"claim", "409 conflict"},
		{"revoke", "409 conflict"},
		{"reinstate", "200 "},
		{"explant", "200 "},
		{"reinstate", "409 conflict"},
		{"retire", "200 "},
		{"explant", "409 conflict"},
	} {
		body := map[string]string{"reason": "as a test"}
		if step.verb == "claim" {
			body = map[string]string{}
		}
		if step.verb == "explant" {
			body["on"], body["fate"] = "2026-01-31", "maker"
		}
		r := b.do("POST", "/api/v1/pumps/"+pump+"/"+step.verb, body)
		f.want(step.verb, line(r.status, r.code()), step.want)
	}
	f.want("without a reason", b.do("POST", "/api/v1/pumps/"+f.pump(f.a)+"/retire", map[string]string{"reason": " "}).status, 422)
	// The page's row comes from the board, which hears of a change after its commit.
	detail := map[string]any{}
	f.eventually("the page says retired", func() bool {
		detail = b.do("GET", "/api/v1/pumps/"+pump, nil).json()
		return detail["status"] == "retired"
	})
	f.want("detail", line(detail["status"], detail["communicator"], detail["status_reason"]), line("retired", nil, "as a test"))
	items := b.do("GET", "/api/v1/pumps/"+pump+"/timeline?kinds=audit&limit=3", nil).json()
	f.want("timeline", len(items["items"].([]any)), 3)
	more := b.do("GET", "/api/v1/pumps/"+pump+"/timeline?kinds=audit&limit=3&before="+items["next"].(string), nil).json()
	if line(more["items"]) == line(items["items"]) || len(more["items"].([]any)) == 0 {
		t.Errorf("the next page is %v", more["items"])
	}
}

func TestImportAndExport(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	file := "serial,model,profile,label\nSN-1,Meander P20,meander-p20,=SUM(A1)\nSN-2,Meander P20,nothing,x\nSN-1,Meander P20,meander-p20,again\n"
	at := "/api/v1/pumps/import?site=" + line(f.a)
	dry := b.do("POST", at+"&dry_run=true", []byte(file)).json()
	f.want("dry run", line(dry["created"], dry["refused"]), "1 2")
	report := b.do("POST", at, []byte(file)).json()
	f.want("import", line(report["created"], report["refused"]), "1 2")
	row := report["rows"].([]any)[1].(map[string]any)
	f.want("a bad line", line(row["line"], row["serial"], row["status"], row["field"], row["error"] != nil), "3 SN-2 refused profile true")
	r := b.do("GET", "/api/v1/pumps/export", nil)
	f.want("export", line(r.status, r.header.Get("Content-Type"), strings.HasPrefix(r.header.Get("Content-Disposition"), `attachment; filename="cisterna-pumps-`)), "200 text/csv; charset=utf-8 true")
	if text := string(r.body); !strings.Contains(text, "SN-1") || strings.Contains(text, ",=SUM") {
		t.Errorf("export %s", text)
	}
	f.want("another site's export", strings.Contains(string(f.signIn("engineer-b").do("GET", "/api/v1/pumps/export", nil).body), "SN-1"), false)
	f.want("JSON is no file", b.do("POST", at, map[string]string{}).status, 415)
	f.want("too large a file", b.do("POST", at, []byte(strings.Repeat("x,", 3<<20))).status, 413)
	f.want("not a table", b.do("POST", at, []byte("hello")).status, 422)
}

func TestAlarmsOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("nurse")
	pump := f.pump(f.a)
	other := f.pump(f.b)
	f.alarm(other, "COMM_LOST")
	for range 3 {
		f.alarm(f.pump(f.a), "COMM_LOST")
	}
	var n int64
	_, _ = fmt.Sscan(pump, &n)
	var high alarm.Alarm
	err := postgres.InTx(t.Context(), f.db, func(tx *postgres.Tx) (err error) {
		high, _, err = f.alarms.RaiseTx(t.Context(), tx, alarm.Raise{Pump: n, Site: f.a, Code: "MOTOR_STALL", Source: alarm.SourceServer, Priority: wire.PriorityHigh, At: f.now(), Actor: auth.System("test")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := b.do("GET", "/api/v1/alarms", nil).json()
	items := list["items"].([]any)
	f.want("active", line(len(items), items[0].(map[string]any)["code"], list["next"]), line(4, "MOTOR_STALL", nil))
	f.want("of a pump", len(b.do("GET", "/api/v1/alarms?pump="+pump, nil).json()["items"].([]any)), 1)
	f.want("of another's pump", len(b.do("GET", "/api/v1/alarms?pump="+other, nil).json()["items"].([]any)), 0)
	ids := map[any]bool{}
	for next := ""; ; {
		page := b.do("GET", "/api/v1/alarms?state=all&limit=2"+next, nil).json()
		for _, it := range page["items"].([]any) {
			ids[it.(map[string]any)["id"]] = true
		}
		if page["next"] == nil {
			break
		}
		next = "&before=" + page["next"].(string)
	}
	f.want("all, page by page", len(ids), 4)
	var open []any
	for next := ""; ; {
		page := b.do("GET", "/api/v1/alarms?limit=3"+next, nil).json()
		open = append(open, page["items"].([]any)...)
		if page["next"] == nil {
			break
		}
		next = "&before=" + page["next"].(string)
	}
	f.want("active, page by page", line(open...), line(items...))
	f.want("a page that there is not", b.do("GET", "/api/v1/alarms?before=4.1", nil).status, 422)
	of := func(which string) int {
		return len(b.do("GET", "/api/v1/alarms?state=all&"+which, nil).json()["items"].([]any))
	}
	f.want("by priority", line(of("least=high&most=high") > 0, of("least=high&most=high")+of("most=medium"), of("least=low&most=info")), "true 4 0")
	at := "/api/v1/alarms/" + line(high.ID) + "/acknowledge"
	f.want("a high one needs a note", b.do("POST", at, map[string]string{}).status, 422)
	r := b.do("POST", at, map[string]string{"note": "going there"})
	f.want("acknowledge", line(r.status, r.json()["state"], r.json()["ack_by"]), "200 acknowledged The nurse")
	again := f.signIn("engineer").do("POST", at, map[string]string{"note": "me too"})
	f.want("the first stays", line(again.status, again.json()["ack_by"], again.json()["ack_note"]), "200 The nurse going there")
	f.want("none such", b.do("POST", "/api/v1/alarms/99999/acknowledge", map[string]string{"note": "x"}).status, 404)
	f.want("a state that is none", b.do("GET", "/api/v1/alarms?state=purple", nil).status, 422)
	f.want("too many", b.do("GET", "/api/v1/alarms?limit=100000", nil).status, 422)
}

func TestHistoryIsChecked(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("auditor")
	at := "/api/v1/pumps/" + f.pump(f.a)
	for path, status := range map[string]int{
		"/telemetry": 422, "/telemetry?from=x&to=y": 422, "/telemetry?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z": 422,
		"/telemetry?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z&points=1": 422, "/telemetry?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z&points=99999": 422,
		"/telemetry?from=2026-11-22T00:00:00%2B01:00&to=2026-11-23T00:00:00Z": 200, "/telemetry?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z": 422,
		"/timeline?kinds=event,alarm": 200, "/timeline?kinds=everything": 422, "/timeline?before=x": 422, "/timeline?limit=0": 422, "/timeline?limit=201": 422,
		"/refusals": 200, "/refusals?before=x": 422, "/refusals?before=1700000000000000.1.2.3": 200, "/refusals?before=99999999999999999999.1.2.3": 422,
		"/nothing": 404,
	} {
		if r := b.do("GET", at+path, nil); r.status != status {
			t.Errorf("%s: %d %s, want %d", path, r.status, r.body, status)
		}
	}
}

// sequence runs the record's sequencer until the test ends.
func (f *fixture) sequence() *audit.FileSigner {
	f.Helper()
	signer, err := audit.OpenSigner(f.TempDir(), "cisterna.test/record")
	if err != nil {
		f.Fatal(err)
	}
	seq, err := audit.NewSequencer(audit.Options{DB: f.db, Signer: signer, Logger: f.srv.log})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- seq.Run(ctx) }()
	f.Cleanup(func() { cancel(); <-done })
	return signer
}

// The record can be verified with what the API gives out.
func TestRecordOverHTTP(t *testing.T) {
	f := newFixture(t)
	signer := f.sequence()
	b := f.signIn("auditor")
	pump := f.pump(f.a)
	var items []any
	f.eventually("the entry has its place", func() bool {
		items = b.do("GET", "/api/v1/audit?kind=pump.&pump="+pump, nil).json()["items"].([]any)
		return len(items) == 1 && items[0].(map[string]any)["index"] != nil
	})
	entry := items[0].(map[string]any)
	var proof map[string]any
	f.eventually("the entry is under a checkpoint", func() bool {
		proof = b.do("GET", "/api/v1/audit/"+entry["id"].(string)+"/proof", nil).json()
		return proof["text"] != nil
	})
	trust, err := audit.TrustKeys(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	var hash tlog.Hash
	if _, err := hex.Decode(hash[:], []byte(entry["leaf_hash"].(string))); err != nil {
		t.Fatal(err)
	}
	got, err := audit.VerifyProof(proof["text"].(string), hash, trust)
	if err != nil || line(got.Index) != line(entry["index"]) {
		t.Errorf("proof of %v: %+v, %v", entry, got, err)
	}
	cp := b.do("GET", "/api/v1/audit/checkpoint", nil).json()
	open, err := trust.Open(cp["text"].(string))
	if err != nil || line(open.Size) != line(cp["size"]) || hex.EncodeToString(open.Root[:]) != cp["root_hash"] {
		t.Errorf("checkpoint %v: %v", cp, err)
	}
	f.want("another site's entry", f.signIn("engineer-b").do("GET", "/api/v1/audit/"+entry["id"].(string)+"/proof", nil).status, 404)
	var pages int
	for next := ""; ; pages++ {
		page := b.do("GET", "/api/v1/audit?limit=5"+next, nil).json()
		if page["next"] == nil || pages > 50 {
			break
		}
		next = "&before=" + page["next"].(string)
	}
	if pages < 1 || pages > 50 {
		t.Errorf("%d pages", pages)
	}
}
