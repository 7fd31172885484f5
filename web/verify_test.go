package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
)

// Who computes the tree again from what the API gives out gets the root that was
// signed, and sees the leaves of their own sites only.
func TestTheTreeOverHTTP(t *testing.T) {
	f := newFixture(t)
	signer := f.sequence()
	pump := f.pump(f.a)
	f.person("chief", f.a, auth.Auditor)
	f.person("chief", f.b, auth.Auditor)
	chief, elsewhere := f.signIn("chief"), f.signIn("engineer-b")
	f.eventually("everything is under a checkpoint", func() bool {
		var pending int
		return f.db.Get(&pending, `SELECT (SELECT count(*) FROM audit_leaf) - (SELECT max(size) FROM audit_checkpoint)`) == nil && pending == 0
	})
	trust, err := audit.TrustKeys(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*browser{"an auditor of all sites": chief, "an engineer of the other site": elsewhere} {
		var stored []tlog.Hash // as tlog stores them, to compute roots from
		read := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(idx))
			for i, x := range idx {
				out[i] = stored[x]
			}
			return out, nil
		})
		hidden, shown, checkpoints := 0, 0, 0
		for from, size := int64(0), int64(1); from < size; {
			r := b.do("GET", fmt.Sprintf("/api/v1/audit/leaves?from=%d&limit=7", from), nil)
			if r.status != 200 {
				t.Fatalf("%s: %d %s", name, r.status, r.body)
			}
			page := r.json()
			size = int64(page["size"].(float64))
			edge := page["edge"].([]any)
			if len(edge) != ones(from) {
				t.Fatalf("%s: the edge at %d has %d hashes", name, from, len(edge))
			}
			for _, p := range page["places"].([]any) {
				p := p.(map[string]any)
				h := unhex(t, p["hash"])
				if p["leaf"] == nil {
					hidden++
				} else {
					shown++
					leaf, err := base64.StdEncoding.DecodeString(p["leaf"].(string))
					if err != nil || tlog.RecordHash(leaf) != h {
						t.Errorf("%s: leaf %v does not have its hash, %v", name, p["index"], err)
					}
					if name != "an auditor of all sites" && bytes.Contains(leaf, []byte("pump:"+pump)) {
						t.Errorf("%s sees leaf %v", name, p["index"])
					}
					if p["payload"] != nil {
						salt, _ := base64.StdEncoding.DecodeString(p["salt"].(string))
						payload, _ := base64.StdEncoding.DecodeString(p["payload"].(string))
						sum := sha256.Sum256(slices.Concat(salt, payload))
						if !bytes.Contains(leaf, sum[:]) {
							t.Errorf("%s: leaf %v does not commit to its payload", name, p["index"])
						}
					}
				}
				more, err := tlog.StoredHashesForRecordHash(from, h, read)
				if err != nil {
					t.Fatal(err)
				}
				stored = append(stored, more...)
				from++
			}
			for _, note := range page["checkpoints"].([]any) {
				cp, err := trust.Open(note.(string))
				if err != nil {
					t.Fatal(err)
				}
				root, err := tlog.TreeHash(cp.Size, read)
				if err != nil || root != cp.Root {
					t.Errorf("%s: the root at %d is %v, %v", name, cp.Size, root, err)
				}
				checkpoints++
			}
		}
		if checkpoints == 0 || shown == 0 || (hidden > 0) != (name != "an auditor of all sites") {
			t.Errorf("%s: %d checkpoints, %d leaves shown, %d hidden", name, checkpoints, shown, hidden)
		}
	}

	var sizes []int64
	if err := f.db.Select(&sizes, `SELECT size FROM audit_checkpoint ORDER BY size`); err != nil {
		t.Fatal(err)
	}
	r := chief.do("GET", fmt.Sprintf("/api/v1/audit/consistency?from=%d", sizes[0]), nil).json()
	var proof tlog.TreeProof
	for _, h := range r["hashes"].([]any) {
		proof = append(proof, unhex(t, h))
	}
	var old tlog.Hash
	var root []byte
	if err := f.db.Get(&root, `SELECT root FROM audit_checkpoint WHERE size = $1`, sizes[0]); err != nil {
		t.Fatal(err)
	}
	copy(old[:], root)
	cp := r["checkpoint"].(map[string]any)
	if size := int64(cp["size"].(float64)); size != sizes[0] {
		if err := tlog.CheckTree(proof, size, unhex(t, cp["root_hash"]), sizes[0], old); err != nil {
			t.Error(err)
		}
	}
	for path, status := range map[string]int{
		"/audit/consistency": 422, "/audit/consistency?from=0": 422, "/audit/consistency?from=99999": 422, "/audit/leaves?from=-1": 422,
		"/audit/leaves?from=99999": 422, "/audit/leaves?limit=1001": 422, "/audit?from=yesterday": 422, "/audit?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": 422, "/audit?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z": 200, "/audit?from=2026-01-01T00:00:00Z": 200,
	} {
		if r := chief.do("GET", "/api/v1"+path, nil); r.status != status {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	items := chief.do("GET", "/api/v1/audit?object=pump:"+pump, nil).json()["items"].([]any)
	if len(items) == 0 {
		t.Error("nothing is found by its object")
	}
	for _, it := range items {
		if it.(map[string]any)["object"] != "pump:"+pump {
			t.Errorf("another object was found: %v", it)
		}
	}
	stored := chief.do("GET", "/api/v1/audit/"+items[0].(map[string]any)["id"].(string)+"/proof", nil).json()["stored"].(map[string]any)
	leaf, err := base64.StdEncoding.DecodeString(stored["leaf"].(string))
	h := tlog.RecordHash(leaf)
	if err != nil || hex.EncodeToString(h[:]) != items[0].(map[string]any)["leaf_hash"] {
		t.Errorf("the stored leaf is another one: %v", err)
	}
	for from, want := range map[string]int{"2199-01-01T00:00:00Z": 0, "2020-01-01T00:00:00Z": len(items)} {
		if got := len(chief.do("GET", "/api/v1/audit?object=pump:"+pump+"&from="+from, nil).json()["items"].([]any)); got != want {
			t.Errorf("%d entries from %s on, want %d", got, from, want)
		}
	}
}

func ones(n int64) (k int) {
	for ; n > 0; n &= n - 1 {
		k++
	}
	return k
}

func unhex(t *testing.T, v any) (h tlog.Hash) {
	t.Helper()
	if n, err := hex.Decode(h[:], []byte(v.(string))); n != len(h) || err != nil {
		t.Fatalf("%v is not a hash", v)
	}
	return h
}

// The bundle is what the command writes, it verifies, and the record says who took
// it.
func TestExportOverHTTP(t *testing.T) {
	f := newFixture(t)
	signer := f.sequence()
	f.pump(f.a)
	f.person("chief", f.a, auth.Auditor)
	f.person("chief", f.b, auth.Auditor)
	f.want("an auditor of one site", f.signIn("auditor").do("POST", "/api/v1/audit/export", nil).status, 403)
	b := f.signIn("chief")
	f.eventually("there is a checkpoint", func() bool { return b.do("GET", "/api/v1/audit/checkpoint", nil).status == 200 })
	r := b.do("POST", "/api/v1/audit/export", nil)
	f.want("export", r.status, 200)
	trust, err := audit.TrustKeys(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(bytes.NewReader(r.body), trust, audit.VerifyOptions{})
	if err != nil || report.Verdict() != audit.Good || report.Leaves < 3 {
		t.Fatalf("the bundle: %+v, %v", report, err)
	}
	r.body[len(r.body)/2] ^= 1
	if report, err = audit.Verify(bytes.NewReader(r.body), trust, audit.VerifyOptions{}); err == nil && report.Verdict() == audit.Good {
		t.Error("a changed bundle verifies")
	}
	items := b.do("GET", "/api/v1/audit?kind=audit.export", nil).json()["items"].([]any)
	if len(items) != 1 || !strings.Contains(items[0].(map[string]any)["actor"].(string), "chief") {
		t.Errorf("the record says of the export: %v", items)
	}
}

// A client that goes on from the cursor sees everything once, waits for what
// comes, and is told when it cannot go on.
func TestEventsOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.sequence()
	b, elsewhere := f.signIn("engineer"), f.signIn("engineer-b")
	first := b.do("GET", "/api/v1/events?tail=1", nil).json()
	cursor := first["next"].(string)
	waited := make(chan response, 1)
	go func() { waited <- b.do("GET", "/api/v1/events?names=pump.&wait=25&after="+cursor, nil) }()
	pump := f.pump(f.a)
	r := (<-waited).json()
	items := r["items"].([]any)
	if len(items) == 0 {
		t.Fatal("the waiting request saw nothing")
	}
	e := items[0].(map[string]any)
	if e["name"] != "pump.register" || e["title"] != "Pump registered" || e["pump"] != pump || e["site"] != line(f.a) || e["entry"] == nil || e["pump_serial"] == nil {
		t.Errorf("the event is %v", e)
	}
	again := b.do("GET", "/api/v1/events?names=pump.&after="+cursor, nil).json()["items"].([]any)
	if len(again) < len(items) || again[0].(map[string]any)["cursor"] != e["cursor"] {
		t.Errorf("the second reading differs: %v", again)
	}
	if rest := b.do("GET", "/api/v1/events?names=pump.register&after="+e["cursor"].(string), nil).json()["items"].([]any); len(rest) != 0 {
		t.Errorf("behind the event are %v", rest)
	}
	if r := elsewhere.do("GET", "/api/v1/events?after="+cursor, nil); strings.Contains(string(r.body), "pump.register") {
		t.Errorf("another site sees %s", r.body)
	}
	if r := b.do("GET", "/api/v1/events?names=auth.&tail=100", nil); len(r.json()["items"].([]any)) != 0 {
		t.Errorf("an engineer sees sign-ins: %s", r.body)
	}
	f.alarm(pump, "COMM_LOST")
	f.eventually("the alarm is told", func() bool {
		items := b.do("GET", "/api/v1/events?names=alarm.raised&pump="+pump, nil).json()["items"].([]any)
		return len(items) == 1 && items[0].(map[string]any)["detail"].(map[string]any)["code"] == "COMM_LOST"
	})
	for path, status := range map[string]int{
		"?tail=5&after=" + cursor: 422, "?after=x": 422, "?after=000000000000.1": 410, "?after=" + strings.Split(cursor, ".")[0] + ".999999": 410,
		"?names=no.such": 422, "?tail=1001": 422, "?pump=x": 422, "?site=x": 422, "?wait=26": 422, "?names=alarm.,presence.": 200,
	} {
		if r := b.do("GET", "/api/v1/events"+path, nil); r.status != status {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	names := b.do("GET", "/api/v1/events/names", nil).json()["items"].([]any)
	if len(names) < 40 || names[0].(map[string]any)["means"] == "" {
		t.Errorf("%d names", len(names))
	}
}

// A detail that was deleted is told from one that was not for the reader.
func TestADeletedDetailIsMissed(t *testing.T) {
	f := newFixture(t)
	pump := f.pump(f.a)
	f.sequence()
	var entry int64
	if err := f.db.Get(&entry, `SELECT id FROM audit_leaf WHERE kind = 'pump.register' AND pump_id = $1`, pump); err != nil {
		t.Fatal(err)
	}
	places := func(b *browser) (found []any) {
		for _, p := range b.do("GET", "/api/v1/audit/leaves?limit=1000", nil).json()["places"].([]any) {
			if p := p.(map[string]any); p["entry"] == fmt.Sprint(entry) {
				found = append(found, p["payload"] != nil, p["erased"], p["withheld"])
			}
		}
		return found
	}
	auditor, nurse, elsewhere := f.signIn("auditor"), f.signIn("nurse"), f.signIn("engineer-b")
	f.eventually("the entry is under a checkpoint", func() bool { return len(places(auditor)) > 0 })
	gone := func() any {
		return auditor.do("GET", fmt.Sprintf("/api/v1/audit/%d/proof", entry), nil).json()["stored"].(map[string]any)["gone"]
	}
	f.want("to an auditor", line(places(auditor), gone()), "[true false false] false")
	f.want("to a nurse", places(nurse), "[false false true]")
	f.want("at another site", places(elsewhere), "[false false true]")
	for _, sql := range []string{`ALTER TABLE audit_payload DISABLE TRIGGER ALL`, fmt.Sprintf(`DELETE FROM audit_payload WHERE leaf_id = %d`, entry)} {
		if _, err := f.owner.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	f.want("to an auditor, deleted", line(places(auditor), gone()), "[false false false] true")
	f.want("to a nurse, deleted", places(nurse), "[false false true]")
}
