package web

import (
	"fmt"
	"regexp"
	"strings"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/web/api"
)

// People whose session is locked to one patient, for the table of who may call
// what: they reach what is about that patient's pump as their role allows, and
// nothing else exists for their session.

// ofPump says which things are of one pump, by the table's meaning.
func ofPump(t api.Thing) bool {
	return t == api.OfPump || t == api.OfAlarm || t == api.OfOrder || t == api.OfReview || t == api.OfWork
}

// visitors returns people of both sites whose sessions are locked. They share no
// account with others: one person's sessions end each other.
func (f *fixture) visitors() []persona {
	f.Helper()
	var all []persona
	for _, r := range []auth.Role{auth.Engineer, auth.Prescriber, auth.Nurse} {
		login := "visiting-" + string(r)
		f.person(login, f.a, r)
		all = append(all, persona{name: string(r) + " who visits the patient", client: f.signIn(login), signed: true, here: []auth.Role{r}, visit: ownThing})
	}
	f.person("visiting-elsewhere", f.a, auth.Engineer)
	f.person("visiting-b", f.b, auth.Nurse)
	return append(all,
		persona{name: "engineer who visits another patient", client: f.signIn("visiting-elsewhere"), signed: true, here: []auth.Role{auth.Engineer}, visit: otherPump},
		persona{name: "nurse of another site who visits a patient there", client: f.signIn("visiting-b"), signed: true, there: []auth.Role{auth.Nurse}, visit: otherPump},
	)
}

// lock locks a persona's session, if it is one that visits, and returns the pump
// that it is locked to: the one that the attempt is about, or another of its site.
// A pump that was taken out is in nobody whom one could visit.
func (f *fixture) lock(b *browser, p *persona, who api.Access, a attempt) (pump string) {
	f.Helper()
	if p.visit == nowhere {
		return ""
	}
	if p.visit == ownThing && ofPump(who.Of) {
		pump = f.aboutPump(who.Of, a)
		if q, err := f.reg.Pump(f.Context(), auth.Scope{All: true}, f.number(pump)); err != nil {
			f.Fatal(err)
		} else if q.Status == registry.Explanted {
			p.visit, pump = otherPump, ""
		}
	}
	if pump == "" {
		site := f.a
		if len(p.here) == 0 {
			site = f.b
		}
		pump = f.pump(site)
	}
	f.lockTo(b, pump)
	return pump
}

// lockTo locks a browser's session to the patient that a pump is in.
func (f *fixture) lockTo(b *browser, pump string) {
	f.Helper()
	t, ok := auth.ParseToken(b.cookie.Value)
	if !ok {
		f.Fatalf("the browser has no session")
	}
	session, err := f.auth.Session(f.Context(), t)
	if err != nil {
		f.Fatal(err)
	}
	actor := session.Account.Actor(nil)
	if err := f.auth.EndVisit(f.Context(), actor, session); err != nil {
		f.Fatal(err)
	}
	if _, err := f.auth.BeginVisit(f.Context(), actor, session, f.patientIn(pump), f.a, f.number(pump)); err != nil {
		f.Fatal(err)
	}
}

// aboutPump returns the pump of the thing that an attempt is about.
func (f *fixture) aboutPump(of api.Thing, a attempt) string {
	f.Helper()
	if m := regexp.MustCompile(`/pumps/(\d+)`).FindStringSubmatch(a.path); of == api.OfPump && m != nil {
		return m[1]
	}
	table := map[api.Thing]string{api.OfAlarm: "alarm_alarms", api.OfOrder: "dosing_orders", api.OfReview: "dosing_reviews", api.OfWork: "maintenance_work"}[of]
	m := regexp.MustCompile(`/(\d+)(/|$)`).FindStringSubmatch(a.path)
	if table == "" || m == nil {
		f.Fatalf("%s %s is about %s: which pump is that?", a.method, a.path, of)
	}
	return f.inserted(`SELECT pump_id FROM `+table+` WHERE id = $1`, m[1])
}

// patientIn returns the patient that a pump is in, a new one if it is in none.
func (f *fixture) patientIn(pump string) int64 {
	f.Helper()
	patient, _, err := f.reg.PatientOf(f.Context(), auth.Scope{All: true}, f.number(pump))
	if err != nil {
		f.Fatal(err)
	}
	if patient != 0 {
		return patient
	}
	ref, ok := f.reg.Directory().ByID(f.number(pump))
	if !ok {
		f.Fatalf("no pump %s", pump)
	}
	made, err := f.reg.CreatePatient(f.Context(), auth.System("test"), ref.Site)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := f.reg.Bind(f.Context(), auth.System("test"), made.ID, f.number(pump), "for a test"); err != nil {
		f.Fatal(err)
	}
	return made.ID
}

// shown says what an answer to a locked session shows of other pumps than the
// visited one, "" if nothing.
func (f *fixture) shown(op string, p persona, pump string, r response) string {
	f.Helper()
	ref, ok := f.reg.Directory().ByID(f.number(pump))
	if !ok {
		f.Fatalf("no pump %s", pump)
	}
	body := strings.ReplaceAll(string(r.body), `"`+ref.Serial+`"`, "")
	if other := regexp.MustCompile(`SN-\d+-\d+`).FindString(body); other != "" {
		return fmt.Sprintf("%s by %s shows pump %s to a session that is locked to %s", op, p.name, other, ref.Serial)
	}
	for _, m := range regexp.MustCompile(`"pump":"(\d+)"`).FindAllStringSubmatch(body, -1) {
		if m[1] != pump {
			return fmt.Sprintf("%s by %s shows something of pump %s to a session that is locked to %s", op, p.name, m[1], pump)
		}
	}
	return ""
}
