package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
	"cisterna/internal/token"
)

// reference returns the reference of a patient.
func (f *fixture) reference(patient string) string {
	f.Helper()
	p, err := f.reg.Patient(f.Context(), auth.Scope{All: true}, f.number(patient))
	if err != nil {
		f.Fatal(err)
	}
	return p.Token
}

// Whom a pump is in is read by whoever reads the pump's page, with the same answer in
// the list, the filter, the order and the file; and by nobody of another site.
func TestPatientInTheList(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	f.pump(f.a) // in nobody
	ref := f.reference(patient)
	f.person("far", f.b, auth.Engineer)
	engineer := f.signIn("engineer")
	count := func(b *browser, q string) string {
		return line(b.do("GET", "/api/v1/pumps/count?q="+url.QueryEscape(q), nil).json()["matched"])
	}
	f.eventually("the list has the binding", func() bool { return count(engineer, "patient:"+ref) == "1" })
	readers := map[string]*browser{"a token for pumps": f.program("engineer", token.PumpsRead)}
	for _, r := range auth.Roles() {
		readers[string(r)] = f.signIn(string(r))
	}
	for who, b := range readers {
		page := b.do("GET", "/api/v1/pumps/"+pump, nil).json()
		row := b.do("GET", "/api/v1/pumps/search?sort=-patient&q="+url.QueryEscape("patient!=none"), nil).json()["rows"].([]any)[0].(map[string]any)
		f.want(who+": the page and the row", line(page["patient"], page["patient_id"], row["patient"], row["id"]), line(ref, patient, ref, pump))
		f.want(who+": as a word", count(b, strings.ToLower(ref[2:])), "1")
		f.want(who+": in nobody", count(b, "patient:none"), "1")
		chosen := b.do("GET", "/api/v1/pumps/table?columns=pump,patient", nil)
		usual := b.do("GET", "/api/v1/pumps/table", nil)
		f.want(who+": in a file", line(chosen.status, strings.Contains(string(chosen.body), ","+ref), usual.status, strings.Contains(string(usual.body), ref)), "200 true 200 false")
		f.want(who+": it is not counted by", b.do("GET", "/api/v1/pumps/count?facets=patient", nil).status, 422)
	}
	far := f.signIn("far")
	f.want("of another site", line(count(far, "patient:"+ref), count(far, ref), far.do("GET", "/api/v1/pumps/"+pump, nil).status), "0 0 404")

	snap := engineer.do("GET", "/api/v1/pumps", nil).json()
	s := engineer.mustListen("?epoch=" + snap["epoch"].(string) + "&rev=" + line(snap["rev"]))
	s.next("hello")
	if _, err := f.reg.Unbind(t.Context(), auth.System("test"), f.number(patient), "a mistake"); err != nil {
		t.Fatal(err)
	}
	row := s.next("delta")["rows"].([]any)[0].(map[string]any)
	gone, told := row["patient"]
	f.want("the feed says that it ended", line(row["id"], told, gone), line(pump, true, nil))
	f.want("and the filter", count(engineer, "patient:"+ref), "0")
}

// cleared ends an alarm that f.alarm raised on a pump.
func (f *fixture) cleared(pump, code string) {
	f.Helper()
	err := postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) error {
		_, err := f.alarms.ClearTx(f.Context(), tx, alarm.Clear{Pump: f.number(pump), Site: f.a, Code: code, Source: alarm.SourceServer, At: f.now(), Actor: auth.System("test")})
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
}

// An alarm names the patient whom its pump is in: not who had the pump before, and to
// no program that may not read pumps.
func TestPatientOfAnAlarm(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	ref := f.reference(patient)
	b := f.signIn("nurse")
	f.eventually("the list has the binding", func() bool {
		return line(b.do("GET", "/api/v1/pumps/count?q=patient:"+ref, nil).json()["matched"]) == "1"
	})
	s := b.mustListen("")
	s.next("hello")
	id := f.alarm(pump, "COMM_LOST")
	f.want("the feed", s.next("alarm")["alarm"].(map[string]any)["patient"], ref)
	seen := func(b *browser) string {
		t.Helper()
		one := b.do("GET", "/api/v1/alarms/"+id, nil).json()
		list := b.do("GET", "/api/v1/alarms?state=all", nil).json()["items"].([]any)[0].(map[string]any)
		if line(one["patient"]) != line(list["patient"]) {
			t.Errorf("the alarm says %v, the list %v", one["patient"], list["patient"])
		}
		return line(list["patient"])
	}
	for _, r := range auth.Roles() {
		f.want(string(r), seen(f.signIn(string(r))), ref)
	}
	f.want("a token for both", seen(f.program("nurse", token.AlarmsRead, token.PumpsRead)), ref)
	f.want("a token for alarms alone", seen(f.program("nurse", token.AlarmsRead)), line(nil))
	f.want("acknowledged", b.do("POST", "/api/v1/alarms/"+id+"/acknowledge", map[string]string{"note": "on my way"}).json()["patient"], ref)

	// The next patient has nothing to do with an alarm that was over before.
	f.cleared(pump, "COMM_LOST")
	f.want("a cleared one", seen(b), ref)
	f.later(time.Minute)
	system := auth.System("test")
	if _, err := f.reg.Unbind(t.Context(), system, f.number(patient), "a mistake"); err != nil {
		t.Fatal(err)
	}
	other := f.unbound()
	if _, err := f.reg.Bind(t.Context(), system, f.number(other), f.number(pump), "implanted"); err != nil {
		t.Fatal(err)
	}
	f.eventually("the list has the next", func() bool {
		return line(b.do("GET", "/api/v1/pumps/count?q=patient:"+f.reference(other), nil).json()["matched"]) == "1"
	})
	f.want("of the patient before", seen(b), line(nil))
	id = f.alarm(pump, "COMM_LOST")
	f.want("of the patient now", seen(b), f.reference(other))
}

// An order names whom it is for, before its values are seen too; except a bind to whoever
// is to name the patient on their own.
func TestPatientOfAnOrder(t *testing.T) {
	f := newFixture(t)
	patient, _ := f.patient(f.a)
	ref := f.reference(patient)
	id := f.draft(f.a)
	seen := func(login string) string {
		t.Helper()
		b := f.signIn(login)
		one, list := b.do("GET", "/api/v1/orders/"+id, nil).json(), b.do("GET", "/api/v1/orders", nil).json()["items"].([]any)[0].(map[string]any)
		if line(one["patient"], one["blind"]) != line(list["patient"], list["blind"]) {
			t.Errorf("the order says %v, the list %v", one["patient"], list["patient"])
		}
		return line(one["patient"], one["blind"])
	}
	f.want("in nobody", seen("verifier"), line(nil, true))
	for act, verifier := range map[string]string{"program": line(ref, true), "bind": line(nil, true)} {
		if _, err := f.db.Exec(`UPDATE dosing_orders SET act = $2, patient_id = $3 WHERE id = $1`, id, act, patient); err != nil {
			t.Fatal(err)
		}
		f.want(act+", who checks it", seen("verifier"), verifier)
		f.want(act+", who does not", seen("engineer"), line(ref, false))
	}
}

// A program that may work on pumps and not read them does not find out whom they are in
// by what a filter means.
func TestPatientIsNotAskedAround(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	ref := f.reference(patient)
	reads, works := f.program("engineer", token.PumpsRead, token.PumpsWrite), f.program("engineer", token.PumpsWrite)
	b := f.signIn("engineer")
	f.want("a group", b.do("POST", "/api/v1/groups", map[string]string{"site": line(f.a), "name": "Theirs", "filter": "patient:" + ref}).status, 201)
	frozen := func(who *browser, q string) string {
		r := who.do("POST", "/api/v1/pumps/frozen", map[string]any{"q": q})
		return line(r.status, r.json()["count"])
	}
	for _, q := range []string{"patient:" + ref, ref, "group:Theirs"} {
		f.eventually("the list means the pump by "+q, func() bool { return frozen(reads, q) == "201 1" })
	}
	for q, want := range map[string]string{"patient:" + ref: line(403, nil), "patient:none": line(403, nil), "group:Theirs": line(403, nil), ref: line(422, nil), "P-0000-0000": line(422, nil), "SN-": "201 1"} {
		f.want(q, frozen(works, q), want)
	}
	f.want("the pump", b.do("GET", "/api/v1/pumps/"+pump, nil).json()["patient"], ref)
}
