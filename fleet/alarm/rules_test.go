package alarm

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestCatalogue holds priority, class, delivery and minutes of every alarm as
// reviewed, so that none changes by accident.
func TestCatalogue(t *testing.T) {
	golden := strings.Fields(`
RES_LOW:low:noncritical:unaffected:1440 RES_EMPTY:high:critical:stopped:15 ERI:low:noncritical:unaffected:1440 EOS:high:critical:stopped:15
MOTOR_STALL:high:critical:stopped:15 STALL_RECOVERED:info:info:unaffected:1440 STOPPED:high:critical:stopped:15 STOPPED_48H:high:critical:stopped:15 MEM_NONCRIT:medium:noncritical:unaffected:240
MEM_CRIT:high:critical:minimum:15 LOW_BATT_RESET:high:critical:minimum:15 OVERINF_BASAL:high:critical:continues:5 OVERINF_BOLUS:high:critical:continues:5
UNDERINF:medium:noncritical:continues:240 OCCL_DOWN:high:critical:stopped:15 OCCL_UP:high:critical:stopped:15 MAX_DOSE:medium:noncritical:continues:240
HARD_LIMIT:high:critical:refused:60 DRUG_NOT_IN_LIB:high:critical:refused:60 PRIME_FAIL:high:critical:stopped:15 AIR:high:critical:stopped:15
BATT_LOW:medium:noncritical:unaffected:240 BATT_DEFECT:high:critical:continues:15 VOLT_OOR:medium:noncritical:continues:240 TEMP_HIGH:high:critical:continues:15
SECURITY:high:critical:continues:15 UPDATE_INCOMPLETE:high:critical:stopped:5 TELEM_STUCK:high:critical:stopped:15 COMM_LOST:medium:noncritical:unknown:240
ALARM_UNREAD:high:critical:unknown:15 CLOCK_DRIFT:low:noncritical:continues:1440 PTM_ABUSE:low:noncritical:unaffected:1440 REFILL_MISMATCH:high:critical:unknown:60 LIB_STALE:low:noncritical:unaffected:1440
PROGRAM_DRIFT:high:critical:unknown:15 STOP_FAILED:high:critical:continues:5 KEYSET_ENDS:low:noncritical:unaffected:1440 RECALL:medium:noncritical:unaffected:1440`)
	all := Catalogue()
	if len(all) != len(golden) {
		t.Fatalf("%d entries, want %d", len(all), len(golden))
	}
	seen := map[string]bool{}
	for i, e := range all {
		got := strings.Join([]string{e.Code, e.Priority.String(), string(e.Class), string(e.Delivery), strconv.Itoa(int(e.Ack / time.Minute))}, ":")
		if got != golden[i] {
			t.Errorf("got %s, want %s", got, golden[i])
		}
		if seen[e.Code] || !validCode(e.Code) {
			t.Errorf("code %q is invalid or appears twice", e.Code)
		}
		seen[e.Code] = true
		if e.Title == "" || e.Effect == "" || e.Detect == "" || !strings.HasSuffix(e.Advice, ".") || e.Source == "" {
			t.Errorf("%s: incomplete entry %+v", e.Code, e)
		}
		// What stops or starves the therapy is never a low alarm, and the high
		// ones are the critical ones.
		if (e.Delivery == Halted || e.Delivery == AtMinimum) && e.Priority != high {
			t.Errorf("%s: delivery %s with priority %s", e.Code, e.Delivery, e.Priority)
		}
		if (e.Priority == high) != (e.Class == Critical) || (e.Priority == info) != (e.Class == Notice) {
			t.Errorf("%s: priority %s with class %s", e.Code, e.Priority, e.Class)
		}
		if got, ok := Lookup(e.Code); !ok || got != e {
			t.Errorf("Lookup(%s) = %+v, %v", e.Code, got, ok)
		}
	}
	if e, ok := Lookup("VENDOR_X"); ok || e.Title != "VENDOR_X" || e.Advice == "" || e.Priority != 0 {
		t.Errorf("an unknown code: %+v, %v", e, ok)
	}
}

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		code     string
		declared wire.Priority
		want     wire.Priority
	}{
		{"RES_EMPTY", 0, high},
		{"RES_EMPTY", info, high},
		{"RES_EMPTY", high, high},
		{"RES_LOW", 0, low},
		{"RES_LOW", info, low},
		{"RES_LOW", high, high},
		{"STALL_RECOVERED", 0, info},
		{"VENDOR_X", 0, medium},
		{"VENDOR_X", info, info},
		{"VENDOR_X", low, low},
		{"VENDOR_X", high, high},
	} {
		if got := priority(c.code, c.declared); got != c.want {
			t.Errorf("%s declared %d: %s, want %s", c.code, c.declared, got, c.want)
		}
	}
}

var (
	t0    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	nurse = auth.Actor{ID: 7, Login: "anna", Name: "Anna N.", Roles: map[int64][]auth.Role{1: {auth.Nurse}}}
)

func raiseAt(at time.Time, p wire.Priority, seq uint64) Raise {
	return Raise{Pump: 1, Site: 1, Code: "VENDOR_X", Source: SourcePump, Priority: p, At: at, Pos: wire.Position{Epoch: 1, Seq: seq}}
}

func TestAgain(t *testing.T) {
	a := begin(raiseAt(t0, medium, 1))
	noted := 0
	for i := range 100 {
		var n bool
		if a, n = a.again(raiseAt(t0.Add(time.Duration(i)*time.Second), low, uint64(2+i))); n {
			noted++
		}
	}
	if a.Count != 101 || a.Priority != medium || a.State != Active || noted != 4 {
		t.Errorf("after 100 repeats: count %d, priority %s, %s, %d noted", a.Count, a.Priority, a.State, noted)
	}
	if a, n := a.again(raiseAt(t0.Add(2*time.Hour), low, 200)); !n || !a.noted.Equal(t0.Add(2*time.Hour)) {
		t.Error("a repeat after an hour is not noted")
	}
	a, _, err := a.acknowledged(nurse, "", t0)
	if err != nil || a.State != Acknowledged {
		t.Fatalf("%s, %v", a.State, err)
	}
	same, n := a.again(raiseAt(t0.Add(time.Minute), medium, 201))
	if n || same.State != Acknowledged {
		t.Errorf("a repeat of the same priority: %s, noted %v", same.State, n)
	}
	risen, n := a.again(raiseAt(t0.Add(time.Minute), high, 202))
	if !n || risen.State != Active || risen.Priority != high || risen.Declared != high || risen.AckBy != "" || !risen.AckAt.IsZero() {
		t.Errorf("a repeat of higher priority: %+v, noted %v", risen, n)
	}
	if risen.Rev <= a.Rev {
		t.Error("the revision did not rise")
	}
}

func TestAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name     string
		priority wire.Priority
		note     string
		want     errs.Kind
		ok       bool
	}{
		{"high without a note", high, "", errs.Invalid, false},
		{"high with spaces", high, " \n ", errs.Invalid, false},
		{"high with a note", high, "called the ward", "", true},
		{"medium without a note", medium, "", "", true},
		{"a long note", low, strings.Repeat("x", maxNote+1), errs.Invalid, false},
		{"NUL", low, "a\x00b", errs.Invalid, false},
		{"not UTF-8", low, "a\xff", errs.Invalid, false},
	} {
		before := begin(raiseAt(t0, c.priority, 1))
		a, changed, err := before.acknowledged(nurse, c.note, t0)
		if changed != c.ok || (err == nil) != c.ok || err != nil && errs.KindOf(err) != c.want {
			t.Errorf("%s: changed %v, %v", c.name, changed, err)
		}
		if c.ok && (a.State != Acknowledged || a.AckBy != "person:7 anna" || a.AckName != "Anna N.") || !c.ok && a.State != Active {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
	happened := Raise{Code: "ALARM_UNREAD", Source: SourceServer, At: t0}
	for _, r := range []Raise{happened, {Code: "SECURITY", Source: SourceServer, Instance: OfDocument + "0a0b0c0d", At: t0}, {Code: "SECURITY", Source: SourceServer, Instance: OfCheckpoint, At: t0}} {
		if a, changed, err := begin(r).acknowledged(nurse, "read the pump: empty", t0); err != nil || !changed || a.State != Cleared || !a.ClearedAt.Equal(t0) || a.AckAt.IsZero() {
			t.Errorf("%s happened once and was looked at: %+v, %v, %v", r.Code, a, changed, err)
		}
	}
	happened.Source = SourcePump // a pump may use the word as it likes, and ends it itself
	if a, _, err := begin(happened).acknowledged(nurse, "seen", t0); err != nil || a.State != Acknowledged {
		t.Errorf("the same code from a pump: %+v, %v", a, err)
	}
	over := begin(raiseAt(t0, low, 1)).ended(Clear{At: t0, Pos: wire.Position{Epoch: 1, Seq: 2}})
	if a, changed, err := over.acknowledged(nurse, "", t0); err != nil || !changed || a.State != Cleared || a.AckAt.IsZero() {
		t.Errorf("an alarm that is over: %+v, %v, %v", a, changed, err)
	}
}

func TestLate(t *testing.T) {
	a := begin(Raise{Code: "X", At: t0, Pos: wire.Position{Epoch: 2, Seq: 5}})
	for _, c := range []struct {
		pos  wire.Position
		want bool
	}{
		{wire.Position{}, false},
		{wire.Position{Epoch: 2, Seq: 4}, true},
		{wire.Position{Epoch: 2, Seq: 5}, false},
		{wire.Position{Epoch: 2, Seq: 6}, false},
		{wire.Position{Epoch: 1, Seq: 99}, true},
		{wire.Position{Epoch: 3, Seq: 1}, false},
	} {
		if got := a.late(c.pos); got != c.want {
			t.Errorf("%+v after %+v: late %v, want %v", c.pos, a.pos, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, r := range []Raise{
		{Site: 1, Code: "X", Source: SourcePump, At: t0},
		{Pump: 1, Code: "X", Source: SourcePump, At: t0},
		{Pump: 1, Site: 1, Source: SourcePump, At: t0},
		{Pump: 1, Site: 1, Code: "a b", Source: SourcePump, At: t0},
		{Pump: 1, Site: 1, Code: strings.Repeat("x", 33), Source: SourcePump, At: t0},
		{Pump: 1, Site: 1, Code: "X", Source: "moon", At: t0},
		{Pump: 1, Site: 1, Code: "X", Source: SourcePump},
		{Pump: 1, Site: 1, Code: "X", Source: SourcePump, At: t0, Priority: 5},
	} {
		if err := r.check(); err == nil {
			t.Errorf("%+v passes", r)
		}
	}
	r := Raise{
		Pump: 1, Site: 1, Code: "X", Source: SourcePump, At: t0, Instance: "a\x00b", Detail: map[string]string{"k\x00": "v\x00", "bad": "\xff"},
		DeviceAt: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if err := r.check(); err != nil || r.Instance != "a\uFFFDb" || r.Detail["k\uFFFD"] != "v\uFFFD" || r.Detail["bad"] != "\uFFFD" || len(r.Detail) != 2 || !r.DeviceAt.IsZero() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCount(t *testing.T) {
	open := []Alarm{{ID: 4, Pump: 1, Priority: high, State: Acknowledged}, {ID: 3, Pump: 2, Priority: medium, State: Active}, {ID: 2, Pump: 1, Priority: low, State: Active}, {ID: 1, Pump: 1, Priority: info, State: Active}}
	got := count(open)
	if c := got[1]; c.High != 1 || c.Low != 1 || c.Info != 1 || c.Medium != 0 || c.Active != 2 || c.Top.ID != 4 {
		t.Errorf("pump 1: %+v", c)
	}
	if c := got[2]; c.Medium != 1 || c.Active != 1 || c.Top.ID != 3 || len(got) != 2 {
		t.Errorf("pump 2: %+v", c)
	}
}
