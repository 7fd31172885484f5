package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
)

// patient makes a patient with a pump at a site and returns both ids.
func (f *fixture) patient(site int64) (patient, pump string) {
	f.Helper()
	pump = f.pump(site)
	var n int64
	_, _ = fmt.Sscan(pump, &n)
	carer := auth.Actor{ID: f.people["prescriber"], Login: "prescriber", Roles: map[int64][]auth.Role{site: {auth.Prescriber}}}
	p, err := f.reg.CreatePatient(f.Context(), carer, site)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := f.reg.Bind(f.Context(), carer, p.ID, n, "implanted"); err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(p.ID), pump
}

// unbound makes a patient of site A without a pump.
func (f *fixture) unbound() string {
	f.Helper()
	carer := auth.Actor{ID: f.people["prescriber"], Login: "prescriber", Roles: map[int64][]auth.Role{f.a: {auth.Prescriber}}}
	p, err := f.reg.CreatePatient(f.Context(), carer, f.a)
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(p.ID)
}

// During a visit a session reaches one patient's pump and no other.
func TestVisit(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	_, other := f.patient(f.a)
	b := f.signIn("nurse")
	mine, theirs := f.alarm(pump, "COMM_LOST"), f.alarm(other, "COMM_LOST")
	f.eventually("both pumps are listed", func() bool { return len(b.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)) == 2 })
	begin := func(p string) response { return b.do("POST", "/api/v1/session/visit", map[string]string{"patient": p}) }
	f.want("begun", begin(patient).status, 200)
	me := b.do("GET", "/api/v1/session", nil).json()["visit"].(map[string]any)
	f.want("the session says so", line(me["patient"], me["pump"], me["left_seconds"].(float64) > 3590), line(patient, pump, true))
	rows := b.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)
	f.want("listed", line(len(rows), rows[0].(map[string]any)["id"]), line(1, pump))
	f.want("its pump", b.do("GET", "/api/v1/pumps/"+pump, nil).status, 200)
	alarms := b.do("GET", "/api/v1/alarms", nil).json()["items"].([]any)
	f.want("alarms", line(len(alarms), alarms[0].(map[string]any)["id"]), line(1, mine))
	f.want("its alarm", b.do("POST", "/api/v1/alarms/"+mine+"/acknowledge", map[string]string{"note": "seen"}).status, 200)
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/pumps/" + other},
		{"GET", "/api/v1/pumps/" + other + "/timeline"},
		{"POST", "/api/v1/alarms/" + theirs + "/acknowledge"},
		{"GET", "/api/v1/audit"},
		{"GET", "/api/v1/pumps/export"},
		{"GET", "/api/v1/pumps/99999"},
	} {
		var body any
		if c.method == "POST" {
			body = map[string]string{"note": "seen"}
		}
		r := b.do(c.method, c.path, body)
		f.want(c.path, line(r.status, r.code()), "403 visit_locked")
	}
	f.want("the other pump's alarms", b.do("GET", "/api/v1/alarms?pump="+other, nil).status, 404)
	second, _ := f.patient(f.a)
	f.want("another visit meanwhile", begin(second).status, 409)
	f.want("the same again", begin(patient).status, 200)

	f.want("ended", b.do("DELETE", "/api/v1/session/visit", nil).status, 204)
	f.want("the other pump", b.do("GET", "/api/v1/pumps/"+other, nil).status, 200)
	f.want("no visit", b.do("GET", "/api/v1/session", nil).json()["visit"], nil)
	f.want("begun again", begin(patient).status, 200)
	for range 6 {
		f.later(10 * time.Minute)
		b.do("GET", "/api/v1/session", nil)
	}
	f.want("after an hour", b.do("GET", "/api/v1/pumps/"+other, nil).status, 200)
	var leaves int
	if err := f.db.Get(&leaves, `SELECT count(*) FROM audit_leaf WHERE kind IN ('auth.visit_begin', 'auth.visit_end')`); err != nil || leaves != 4 {
		t.Errorf("%d leaves, %v", leaves, err)
	}
}

// A visit is where an order is released, and where an engineer attends: both reach
// what is of the patient's pump, and lists hold nothing else.
func TestVisitReachesWhatIsOfItsPump(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	_, other := f.patient(f.a)
	wish := map[string]any{"wish": map[string]any{"act": "resume"}}
	b := f.signIn("prescriber")
	made := map[string]string{}
	for _, p := range []string{pump, other} {
		r := b.do("POST", "/api/v1/pumps/"+p+"/orders/drafts", wish)
		f.want("drafted", r.status, 201)
		made[p], _ = r.json()["id"].(string)
	}
	f.want("the patient's number", b.do("GET", "/api/v1/pumps/"+pump, nil).json()["patient_id"], patient)
	f.want("of a pump in nobody", b.do("GET", "/api/v1/pumps/"+f.pump(f.a), nil).json()["patient_id"], nil)
	v := b.do("POST", "/api/v1/session/visit", map[string]string{"patient": patient})
	f.want("begun", line(v.status, v.json()["pump_serial"] != ""), "200 true")

	items := b.do("GET", "/api/v1/orders", nil).json()["items"].([]any)
	f.want("orders", line(len(items), items[0].(map[string]any)["id"]), line(1, made[pump]))
	f.want("those of the other pump", len(b.do("GET", "/api/v1/orders?pump="+other, nil).json()["items"].([]any)), 0)
	f.want("its order", b.do("GET", "/api/v1/orders/"+made[pump], nil).status, 200)
	f.want("another draft", b.do("POST", "/api/v1/pumps/"+pump+"/orders/drafts", wish).status, 201)
	for _, path := range []string{"/orders/" + made[other], "/orders/" + made[other] + "/history", "/orders/99999"} {
		r := b.do("GET", "/api/v1"+path, nil)
		f.want(path, line(r.status, r.code()), "403 visit_locked")
	}
	r := b.do("POST", "/api/v1/pumps/"+other+"/orders/drafts", wish)
	f.want("a draft for the other pump", line(r.status, r.code()), "403 visit_locked")
	for path, member := range map[string]string{"/pumps/search": "matched", "/pumps/count": "total"} {
		f.want(path, b.do("GET", "/api/v1"+path, nil).json()[member], 1)
	}
	for _, e := range b.do("GET", "/api/v1/events?tail=100", nil).json()["items"].([]any) {
		f.want("an event's pump", e.(map[string]any)["pump"], pump)
	}
	f.want("events of the other pump", b.do("GET", "/api/v1/events?pump="+other, nil).status, 404)
}

// The number of a recall is none of a pump, even if they are the same.
func TestVisitIsNotFooledByNumbers(t *testing.T) {
	f := newFixture(t)
	patient, pump := f.patient(f.a)
	recallID, other := f.recall(f.a)
	for recallID < pump { // both count from 1: go on until a recall has the pump's number
		recallID, other = f.recall(f.a)
	}
	f.want("the same number", recallID, pump)
	b := f.signIn("engineer")
	f.want("begun", b.do("POST", "/api/v1/session/visit", map[string]string{"patient": patient}).status, 200)
	r := b.do("POST", "/api/v1/recalls/"+recallID+"/pumps/"+other, map[string]string{"act": "remove", "reason": "as a test"})
	f.want("a device of the recall", line(r.status, r.code()), "403 visit_locked")
}

func TestVisitRefuses(t *testing.T) {
	f := newFixture(t)
	patient, _ := f.patient(f.a)
	for login, want := range map[string]int{"engineer": 200, "auditor": 403, "admin": 403, "nurse-b": 404, "verifier": 200} {
		f.want(login, f.signIn(login).do("POST", "/api/v1/session/visit", map[string]string{"patient": patient}).status, want)
	}
	f.want("nobody's patient", f.signIn("nurse").do("POST", "/api/v1/session/visit", map[string]string{"patient": "99999"}).status, 404)
}

// feed opens the live feed of a browser.
func (b *browser) feed() *websocket.Conn {
	b.f.Helper()
	h := http.Header{"Origin": {"http://localhost:8600"}, "Cookie": {b.cookie.String()}}
	h.Set("Host", "localhost:8600")
	d := websocket.Dialer{}
	c, r, err := d.Dial("ws"+strings.TrimPrefix(b.f.http.URL, "http")+"/api/v1/live", h)
	if err != nil {
		b.f.Fatalf("open the feed: %v %v", err, r)
	}
	b.f.Cleanup(func() { _ = c.Close() })
	return c
}

// closed reports how a feed ended, and how long it took.
func (f *fixture) closed(c *websocket.Conn, since time.Time) (code int, took time.Duration) {
	f.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			var e *websocket.CloseError
			if ok := websocket.IsCloseError(err, 4401); ok {
				return 4401, time.Since(since)
			}
			f.Fatalf("the feed ended otherwise: %v %v", err, e)
		}
	}
}

// However a session ends, its feed ends within five seconds.
func TestFeedsEndWithTheirSessions(t *testing.T) {
	for name, end := range map[string]func(f *fixture, b *browser){
		"signing out": func(_ *fixture, b *browser) { b.do("DELETE", "/api/v1/session", nil) },
		"the account is shut": func(f *fixture, _ *browser) {
			if err := f.reg.DisablePerson(f.Context(), auth.System("test"), f.people["nurse"], "left"); err != nil {
				f.Fatal(err)
			}
		},
		"the passkey is revoked": func(f *fixture, b *browser) {
			var key int64
			if err := f.db.Get(&key, `SELECT id FROM auth_credentials WHERE user_id = $1`, f.people["nurse"]); err != nil {
				f.Fatal(err)
			}
			target := auth.Actor{ID: f.people["nurse"], Login: "nurse", Roles: map[int64][]auth.Role{f.a: {auth.Nurse}}}
			if err := f.auth.RevokeKey(f.Context(), auth.System("test"), target, key, "lost"); err != nil {
				f.Fatal(err)
			}
		},
		"the session expires": func(f *fixture, _ *browser) { f.later(16 * time.Minute) },
		"another server ends it": func(f *fixture, _ *browser) {
			if _, err := f.db.Exec(`UPDATE auth_sessions SET ended_at = now(), ended = 'revoked' WHERE user_id = $1 AND ended_at IS NULL`, f.people["nurse"]); err != nil {
				f.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newStrict(t)
			b := f.withPasskey("nurse")
			c := b.feed()
			if _, _, err := c.ReadMessage(); err != nil { // hello
				t.Fatal(err)
			}
			began := time.Now()
			end(f, b)
			if code, took := f.closed(c, began); code != 4401 || took > 5500*time.Millisecond {
				t.Errorf("closed with %d after %s", code, took)
			}
		})
	}
}
