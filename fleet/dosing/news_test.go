package dosing

import (
	"crypto/ed25519"
	"crypto/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
)

func seenThen() Seen {
	return Seen{Volume: 12 * units.Millilitre, Day: 200_000, Trusted: true, Faults: []string{"MOTOR_STALL"}, Library: 3, Active: 4, Keyset: 5, Connected: true}
}

func newsIDs(all []News) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = n.ID
	}
	return out
}

// TestNewsOfThePump: what a pump says of itself otherwise than its proposer saw is
// said once, and nothing else is.
func TestNewsOfThePump(t *testing.T) {
	for name, tt := range map[string]struct {
		was    func(*Seen)
		now    func(*Seen)
		want   []string // ids
		detail string   // part of the first one's
	}{
		"nothing":                     {now: func(*Seen) {}},
		"a fault":                     {now: func(s *Seen) { s.Faults = append(s.Faults, "OCCLUSION") }, want: []string{"pump:fault OCCLUSION"}, detail: "OCCLUSION"},
		"no fault any more":           {now: func(s *Seen) { s.Faults = nil }, want: []string{"pump:no fault MOTOR_STALL"}, detail: "MOTOR_STALL"},
		"another fault":               {now: func(s *Seen) { s.Faults = []string{"MEMORY"} }, want: []string{"pump:fault MEMORY", "pump:no fault MOTOR_STALL"}},
		"a bridge":                    {now: func(s *Seen) { s.Bridge = true }, want: []string{"pump:bridge"}},
		"a bridge that waits":         {was: func(s *Seen) { s.Busy = order.BusyPrime }, now: func(s *Seen) { s.Bridge, s.Busy = true, order.BusyPrime }, want: []string{"pump:bridge waits"}},
		"one that has waited":         {was: func(s *Seen) { s.Bridge, s.Busy = true, order.BusyPrime }, now: func(s *Seen) { s.Bridge, s.Busy = true, order.Idle }, want: []string{"pump:bridge", "pump:busy 0"}},
		"a bridge that ended":         {was: func(s *Seen) { s.Bridge = true }, now: func(s *Seen) { s.Bridge = false }, want: []string{"pump:bridge over"}},
		"a bolus":                     {now: func(s *Seen) { s.Busy = order.BusyBolus }, want: []string{"pump:busy 1"}, detail: "A bolus runs."},
		"priming":                     {now: func(s *Seen) { s.Busy = order.BusyPrime }, want: []string{"pump:busy 2"}, detail: "It primes."},
		"an installation":             {now: func(s *Seen) { s.Busy = order.BusyInstalled }, want: []string{"pump:busy 3"}, detail: "Firmware is being installed."},
		"busy with nothing":           {was: func(s *Seen) { s.Busy = order.BusyBolus }, now: func(s *Seen) { s.Busy = order.Idle }, want: []string{"pump:busy 0"}, detail: "It is busy with nothing now."},
		"busy with what nobody knows": {now: func(s *Seen) { s.Busy = 9 }, want: []string{"pump:busy 9"}},
		"a clock that lost its word":  {now: func(s *Seen) { s.Trusted = false }, want: []string{"pump:clock"}},
		"a clock that was set":        {was: func(s *Seen) { s.Trusted = false }, now: func(s *Seen) { s.Trusted = true }, want: []string{"pump:clock set"}},
		"away":                        {now: func(s *Seen) { s.Connected = false }, want: []string{"pump:away"}},
		"back":                        {was: func(s *Seen) { s.Connected = false }, now: func(s *Seen) { s.Connected = true }, want: []string{"pump:back"}},
		// A tenth is no news; more than a tenth is, either way.
		"a tenth more":            {now: func(s *Seen) { s.Day = 220_000 }},
		"a tenth less":            {now: func(s *Seen) { s.Day = 180_000 }},
		"more than a tenth more":  {now: func(s *Seen) { s.Day = 220_001 }, want: []string{"pump:day " + units.Volume(220_001).String()}, detail: units.Volume(200_000).String()},
		"more than a tenth less":  {now: func(s *Seen) { s.Day = 179_999 }, want: []string{"pump:day " + units.Volume(179_999).String()}},
		"something after nothing": {was: func(s *Seen) { s.Day = 0 }, now: func(s *Seen) { s.Day = 1 }, want: []string{"pump:day " + units.Volume(1).String()}},
		"nothing after nothing":   {was: func(s *Seen) { s.Day = 0 }, now: func(s *Seen) { s.Day = 0 }},
		// What flows out is no news; what was filled in is.
		"less in the reservoir": {now: func(s *Seen) { s.Volume = units.Millilitre }},
		"more in the reservoir": {now: func(s *Seen) { s.Volume++ }, want: []string{"pump:volume " + (12*units.Millilitre + 1).String()}},
	} {
		was, now := seenThen(), seenThen()
		if tt.was != nil {
			tt.was(&was)
			now = was
			now.Faults = slices.Clone(was.Faults)
		}
		tt.now(&now)
		got := pumpNews(&was, &now)
		if !slices.Equal(newsIDs(got), tt.want) && len(got)+len(tt.want) > 0 {
			t.Errorf("%s: %v, want %v", name, newsIDs(got), tt.want)
			continue
		}
		for _, n := range got {
			if n.Kind != NewsPump || n.Title == "" {
				t.Errorf("%s: %+v", name, n)
			}
		}
		if len(got) > 0 && !strings.Contains(got[0].Detail, tt.detail) {
			t.Errorf("%s: %q, want %q", name, got[0].Detail, tt.detail)
		}
	}
}

// TestEverythingSeenIsCompared: a member of Seen that nobody compares would be kept
// for nothing. Each, changed by itself, is news.
func TestEverythingSeenIsCompared(t *testing.T) {
	for i := range reflect.TypeFor[Seen]().NumField() {
		if reflect.TypeFor[Seen]().Field(i).Type == reflect.TypeFor[Then]() {
			continue // for showing
		}
		was, now := seenThen(), seenThen()
		f := reflect.ValueOf(&now).Elem().Field(i)
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int64:
			f.SetInt(2*f.Int() + 1)
		case reflect.Uint64, reflect.Uint16:
			f.SetUint(f.Uint() + 1)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"ANOTHER"}))
		default:
			t.Fatalf("a member of kind %s", f.Kind())
		}
		name := reflect.TypeFor[Seen]().Field(i).Name
		if got := append(pumpNews(&was, &now), documentNews(&was, &now, &order.Keyset{}, nil)...); len(got) == 0 {
			t.Errorf("%s: nobody hears of it", name)
		}
		if got := append(pumpNews(&was, &was), documentNews(&was, &was, &order.Keyset{}, nil)...); len(got) != 0 {
			t.Errorf("%s: news of nothing: %+v", name, got)
		}
	}
}

// TestNewsOfDocuments: another library or keyset, and signatures that count no more.
func TestNewsOfDocuments(t *testing.T) {
	key := func() (order.PersonKey, order.Digest) {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := wire.NewPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return order.PersonKey{Key: pub.String()}, order.Digest(order.IDOf(pub))
	}
	one, listed := key()
	two, revoked := key()
	_, unknown := key()
	current := order.Keyset{Keys: []order.PersonKey{one, two}, Revoked: []order.Digest{revoked}}
	was := seenThen()
	for name, tt := range map[string]struct {
		change func(*Seen)
		signed []Approval
		want   []string
		says   string
	}{
		"nothing":           {signed: []Approval{{Key: listed, Name: "Miriam"}}},
		"the pump's own":    {change: func(s *Seen) { s.Library = 9 }, want: []string{"library:9"}, says: "Version 9, and version 3 when"},
		"in force":          {change: func(s *Seen) { s.Active = 9 }, want: []string{"active:9"}, says: "Version 9, and version 4 when"},
		"a keyset":          {change: func(s *Seen) { s.Keyset = 9 }, want: []string{"keyset:9"}, says: "Version 9, and version 5 when"},
		"a revoked key":     {signed: []Approval{{Key: listed, Name: "Miriam"}, {Key: revoked, Name: "Jonas"}}, want: []string{"signers:Jonas"}, says: "The keys of Jonas were revoked"},
		"an unlisted key":   {signed: []Approval{{Key: unknown, Name: "Priya"}}, want: []string{"signers:Priya"}},
		"two of them":       {signed: []Approval{{Key: revoked, Name: "Jonas"}, {Key: unknown, Name: "Priya"}}, want: []string{"signers:Jonas,Priya"}, says: "Jonas and Priya"},
		"all three at once": {change: func(s *Seen) { s.Library, s.Active, s.Keyset = 7, 8, 9 }, want: []string{"library:7", "active:8", "keyset:9"}},
	} {
		now := seenThen()
		if tt.change != nil {
			tt.change(&now)
		}
		got := documentNews(&was, &now, &current, tt.signed)
		if !slices.Equal(newsIDs(got), tt.want) && len(got)+len(tt.want) > 0 {
			t.Errorf("%s: %v, want %v", name, newsIDs(got), tt.want)
		} else if len(got) > 0 && !strings.Contains(got[0].Detail, tt.says) {
			t.Errorf("%s: %q, want %q", name, got[0].Detail, tt.says)
		}
	}
}

// TestNewsOfAlarms: an alarm is news when it was raised after the proposal, or ended
// after it. One that the proposer saw is none.
func TestNewsOfAlarms(t *testing.T) {
	proposed := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return proposed.Add(time.Duration(minutes) * time.Minute) }
	for name, tt := range map[string]struct {
		raised, cleared time.Time
		want            string
	}{
		"before, and still there":      {raised: at(-5)},
		"at the same moment":           {raised: proposed},
		"before and over before":       {raised: at(-5), cleared: at(-1)},
		"since":                        {raised: at(1), want: "alarm:7"},
		"since, and over":              {raised: at(1), cleared: at(2), want: "alarm:7"},
		"before, and over since":       {raised: at(-5), cleared: at(3), want: "cleared:7"},
		"over at the very same moment": {raised: at(-5), cleared: proposed},
	} {
		a := alarm.Alarm{ID: 7, Code: "RES_LOW", Priority: wire.PriorityMedium, RaisedAt: tt.raised, ClearedAt: tt.cleared}
		got := alarmNews(&a, proposed)
		if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || got[0].ID != tt.want) {
			t.Errorf("%s: %v, want %q", name, newsIDs(got), tt.want)
			continue
		}
		for _, n := range got {
			if n.Kind != NewsAlarm || n.Priority != "medium" || n.Detail != "RES_LOW" || n.Title == "" || !n.At.After(proposed) {
				t.Errorf("%s: %+v", name, n)
			}
		}
	}
}

// TestWhoIsAsked: those on call are asked in their order, each when whoever was asked
// before had their time, and nobody twice, whoever else comes and goes; the proposer is
// never asked to verify their own.
func TestWhoIsAsked(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	on := func(user int64, rank int) OnCall {
		return OnCall{Site: 1, User: user, Rank: rank, Wait: 15 * time.Minute, From: noon.Add(-time.Hour), To: noon.Add(8 * time.Hour)}
	}
	all := []OnCall{on(11, 1), on(12, 2), on(13, 3)}
	other := on(14, 1)
	other.Site = 2
	over := on(15, 1)
	over.To = noon
	later := on(16, 1)
	later.From = noon.Add(time.Hour)
	asked := func(users ...int64) Order { return Order{AskedAll: users, AskedUntil: noon.Add(15 * time.Minute)} }
	for name, tt := range map[string]struct {
		list  []OnCall
		order Order
		at    time.Duration
		want  int64
	}{
		"the first at once":                         {list: all, want: 11},
		"the second not before their time":          {list: all, order: asked(11), at: 15*time.Minute - 1},
		"the second then":                           {list: all, order: asked(11), at: 15 * time.Minute, want: 12},
		"the third after both":                      {list: all, order: asked(11, 12), at: 15 * time.Minute, want: 13},
		"nobody after the last":                     {list: all, order: asked(11, 12, 13), at: 7 * time.Hour},
		"never the proposer":                        {list: all, order: Order{Proposer: Person{ID: 11}}, want: 12},
		"nobody who has signed":                     {list: all, order: Order{Approvals: []Approval{{User: 11}}}, want: 12},
		"the next shift after a shift that is over": {list: all[1:2], order: asked(11), at: 15 * time.Minute, want: 12},
		"who was asked first is off call since":     {list: all[1:], order: asked(11, 12), at: 15 * time.Minute, want: 13},
		"somebody who came before those asked":      {list: all, order: asked(12), at: 15 * time.Minute, want: 11},
		"nobody of another site":                    {list: []OnCall{other}},
		"nobody whose time is over":                 {list: []OnCall{over}},
		"nobody whose time has not begun":           {list: []OnCall{later}},
		"nobody":                                    {},
	} {
		tt.order.Site = 1
		got := nextOnCall(tt.list, &tt.order, noon.Add(tt.at))
		if (got == nil) != (tt.want == 0) || got != nil && got.User != tt.want {
			t.Errorf("%s: %+v, want %d", name, got, tt.want)
		}
	}
}

// TestWhatIsAskedFor: an order to be verified, and one that was and lacks signatures.
func TestWhatIsAskedFor(t *testing.T) {
	signed := []Approval{{User: 1}, {User: 2}}
	for name, tt := range map[string]struct {
		order Order
		want  bool
	}{
		"proposed":                    {Order{State: Proposed, Class: order.ClassTwo, Finding: Finding{People: 2}}, true},
		"of one person":               {Order{State: Proposed, Class: order.ClassOne, Finding: Finding{People: 1}}, false},
		"verified, a signature lacks": {Order{State: Verified, Class: order.ClassThree, Finding: Finding{People: 3}, Approvals: signed}, true},
		"verified, all have signed":   {Order{State: Verified, Class: order.ClassTwo, Finding: Finding{People: 2}, Approvals: signed}, false},
		"approved":                    {Order{State: Approved, Class: order.ClassTwo, Finding: Finding{People: 2}}, false},
	} {
		if got := tt.order.waits(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
