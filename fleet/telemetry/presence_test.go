package telemetry

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cisterna/device/gateway"
	"cisterna/device/wire"
)

func TestJudge(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	up := uplink{up: true, since: ago(24 * time.Hour)}
	rule := ruleForTests // grace 30 s, stale 2 min, offline 10 min, alarm 15 min
	key := sessionKey{"b", 1}
	for _, tt := range []struct {
		name string
		c    contact
		rule SilenceRule
		our  uplink
		was  judgement
		want judgement
	}{
		{"nothing ever", contact{}, rule, up, judgement{Never, false}, judgement{Never, false}},
		{"a connection alone", contact{key: key, connected: true, connectedAt: ago(time.Second)}, rule, up, judgement{Never, false}, judgement{Never, false}},
		{"talking", contact{heard: ago(time.Second), key: key, connected: true}, rule, up, judgement{Never, false}, judgement{Online, false}},
		{"quiet", contact{heard: ago(3 * time.Minute), key: key, connected: true}, rule, up, judgement{Online, false}, judgement{Stale, false}},
		{"dead on an open connection", contact{heard: ago(11 * time.Minute), key: key, connected: true}, rule, up, judgement{Stale, false}, judgement{Offline, false}},
		{"dead for long", contact{heard: ago(16 * time.Minute), key: key, connected: true}, rule, up, judgement{Offline, false}, judgement{Offline, true}},
		{"gone a moment ago", contact{heard: ago(20 * time.Second), key: key, closedAt: ago(10 * time.Second)}, rule, up, judgement{Online, false}, judgement{Online, false}},
		{"gone", contact{heard: ago(40 * time.Second), key: key, closedAt: ago(30 * time.Second)}, rule, up, judgement{Online, false}, judgement{Offline, false}},
		{"reconnected, not heard", contact{heard: ago(3 * time.Hour), key: key, connected: true, connectedAt: ago(time.Second)}, rule, up, judgement{Offline, true}, judgement{Offline, true}},
		{"back", contact{heard: now, key: key, connected: true}, rule, up, judgement{Offline, true}, judgement{Online, false}},
		{"our end down", contact{heard: ago(time.Second), key: key, connected: true}, rule, uplink{}, judgement{Online, false}, judgement{Unknown, false}},
		{"our end down, alarm stands", contact{heard: ago(time.Hour), key: key}, rule, uplink{}, judgement{Offline, true}, judgement{Unknown, true}},
		{"our end just came up", contact{heard: ago(time.Hour), deaf: 58 * time.Minute, key: key, closedAt: ago(time.Minute)}, rule, uplink{true, ago(time.Minute)}, judgement{Online, false}, judgement{Unknown, false}},
		{"our end came up, it had been gone", contact{heard: ago(time.Hour), key: key, closedAt: ago(time.Hour)}, rule, uplink{true, ago(time.Minute)}, judgement{Offline, true}, judgement{Offline, true}},
		{"our end came up, it stays away", contact{heard: ago(time.Hour), deaf: 58 * time.Minute, key: key, closedAt: ago(time.Hour)}, rule, uplink{true, ago(settle)}, judgement{Unknown, false}, judgement{Offline, false}},
		{"silence while we could not hear is not the pump's", contact{heard: ago(time.Hour), deaf: 59 * time.Minute, key: key, connected: true}, rule, uplink{true, ago(time.Minute)}, judgement{Online, false}, judgement{Unknown, false}},
		{"since our start, a connection alone", contact{heard: ago(time.Hour), deaf: 59 * time.Minute, key: key, connected: true, connectedAt: ago(time.Second)}, rule, uplink{true, ago(settle)}, judgement{Unknown, false}, judgement{Stale, false}},
		{"since our start, a connection alone; it was lost", contact{heard: ago(time.Hour), deaf: 59 * time.Minute, key: key, connected: true, connectedAt: ago(time.Second)}, rule, uplink{true, ago(settle)}, judgement{Offline, true}, judgement{Offline, true}},
		{"gone, and back with a connection alone", contact{heard: ago(40 * time.Second), key: key, connected: true, connectedAt: ago(time.Second)}, rule, up, judgement{Offline, true}, judgement{Offline, true}},
		{"heard in the millisecond in which it connected", contact{heard: ago(time.Second), key: key, connected: true, connectedAt: ago(time.Second - time.Microsecond)}, rule, up, judgement{Offline, true}, judgement{Online, false}},
		{"what passed before our end was down is the pump's", contact{heard: ago(20 * time.Minute), deaf: 5 * time.Minute, key: key, closedAt: ago(20 * time.Minute)}, rule, uplink{true, ago(settle)}, judgement{Offline, false}, judgement{Offline, true}},
		{"it has the time to come back", contact{heard: ago(20 * time.Minute), deaf: 5 * time.Minute, key: key, closedAt: ago(20 * time.Minute)}, rule, uplink{true, ago(time.Minute)}, judgement{Unknown, false}, judgement{Unknown, false}},
		{"it has had that time in earlier starts", contact{heard: ago(20 * time.Minute), deaf: 3 * time.Minute, key: key, closedAt: ago(20 * time.Minute)}, rule, uplink{true, ago(time.Minute)}, judgement{Unknown, false}, judgement{Unknown, true}},
		{"an implant may be silent for hours", contact{heard: ago(5 * time.Hour), key: key, connected: true}, SilenceRule{Grace: time.Hour}, up, judgement{Online, false}, judgement{Online, false}},
		{"no grace", contact{heard: ago(time.Second), key: key, closedAt: now}, SilenceRule{}, up, judgement{Online, false}, judgement{Offline, false}},
	} {
		if got := judge(tt.c, tt.rule, tt.our, now, tt.was); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestPresenceRaces draws interleavings of a pump that connects again and again
// while news of its former connections comes late, in any order. Whatever comes,
// the newest connection is open until its own end came, and a message that was
// heard is not forgotten.
func TestPresenceRaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type news struct {
			what string // open, hear, greet, close, bye
			conn uint64
		}
		n := rapid.Uint64Range(1, 4).Draw(t, "connections")
		session := func(conn uint64) []byte { return []byte{byte(conn)} }
		var queue []news
		ended := rapid.Bool().Draw(t, "the newest ends too")
		for c := uint64(1); c <= n; c++ {
			queue = append(queue, news{"open", c}, news{"greet", c})
			for range rapid.IntRange(0, 2).Draw(t, "messages") {
				queue = append(queue, news{"hear", c})
			}
			if c < n || ended {
				queue = append(queue, news{"close", c})
				if rapid.Bool().Draw(t, "will") {
					queue = append(queue, news{"bye", c})
				}
			}
		}
		// Opens come in their order, and nothing of a connection comes before
		// its open, as the gateway promises; all else may be late.
		var got contact
		var heard time.Time
		opened := uint64(0)
		newestEnded := false
		for at := time.Unix(1000, 0); len(queue) > 0; at = at.Add(time.Second) {
			var able []int
			for i, q := range queue {
				if q.what == "open" && q.conn == opened+1 || q.what != "open" && q.conn <= opened {
					able = append(able, i)
				}
			}
			i := able[rapid.IntRange(0, len(able)-1).Draw(t, "next")]
			q := queue[i]
			queue = slices.Delete(queue, i, i+1)
			key := sessionKey{"boot", q.conn}
			switch q.what {
			case "open":
				opened = q.conn
				newestEnded = false
				got.open(key, "link", at)
			case "hear":
				got.hear(key, "link", at)
				heard = at
			case "greet":
				got.hear(key, "link", at)
				got.greet(key, session(q.conn))
				heard = at
			case "close":
				got.close(key, "io", at)
				newestEnded = newestEnded || q.conn == opened
			case "bye":
				got.bye(key, session(q.conn), at)
				newestEnded = newestEnded || q.conn == opened
			}
			if got.key.conn != opened || got.connected == newestEnded || !got.heard.Equal(heard) {
				t.Fatalf("after %v: connected %v by %d, heard %v; the newest is %d, ended %v, heard %v", q, got.connected, got.key.conn, got.heard, opened, newestEnded, heard)
			}
		}
	})
}

// TestMergeOrder: what two servers know comes to the same, whoever writes first.
func TestMergeOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Unix(1000, 0)
		draw := func(boot string, connAt int) contact {
			c := contact{
				heard: base.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "heard")) * time.Second),
				key:   sessionKey{boot, 1}, link: boot, connected: rapid.Bool().Draw(t, "connected"), connectedAt: base.Add(time.Duration(connAt) * time.Second),
			}
			if !c.connected {
				c.closedAt, c.reason = c.connectedAt.Add(time.Second), "io"
			}
			return c
		}
		at := rapid.Permutation([]int{1, 2, 3}).Draw(t, "order of connections")
		known := []contact{draw("a", at[0]), draw("b", at[1]), draw("c", at[2])}
		var one, two contact
		for _, c := range known {
			one.merge(c)
		}
		for _, c := range rapid.Permutation(known).Draw(t, "order of writes") {
			two.merge(c)
			two.merge(c) // twice is once
		}
		if one.key != two.key || one.connected != two.connected || !one.heard.Equal(two.heard) || !one.closedAt.Equal(two.closedAt) {
			t.Fatalf("%+v\n%+v", one, two)
		}
	})
}

// TestPresenceCaseIsJudge holds the SQL of the sweep against the rules.
func TestPresenceCaseIsJudge(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		some := func(name string) time.Time {
			if rapid.IntRange(0, 4).Draw(t, name+" at all") == 0 {
				return time.Time{}
			}
			return now.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, name)) * 30 * time.Second)
		}
		limit := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(0, 12).Draw(t, name)) * time.Minute
		}
		row := presenceRow{
			pump: p.id, since: now,
			is:      judgement{state: rapid.SampledFrom([]Presence{Online, Stale, Offline, Never, Unknown}).Draw(t, "was"), lost: rapid.Bool().Draw(t, "lost")},
			contact: contact{heard: some("heard"), deaf: time.Duration(rapid.IntRange(0, 10).Draw(t, "deaf")) * 30 * time.Second, key: sessionKey{"b", 1}, connected: rapid.Bool().Draw(t, "connected"), connectedAt: some("connected at"), closedAt: some("closed at")},
			rule:    SilenceRule{Grace: limit("grace"), Stale: limit("stale"), Offline: limit("offline"), Alarm: limit("alarm")},
		}
		our := uplink{up: rapid.IntRange(0, 4).Draw(t, "up") != 0, since: now.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "since")) * 30 * time.Second)}
		if err := writePresence(context.Background(), r.db, []presenceRow{row}); err != nil {
			t.Fatal(err)
		}
		var state Presence
		var due bool
		if err := r.db.QueryRow(`SELECT `+presenceCase+`, `+lostCase+` FROM telemetry_presence`, now, our.up, our.since, our.since.Add(settle)).Scan(&state, &due); err != nil {
			t.Fatal(err)
		}
		want := judge(row.contact, row.rule, our, now, row.is)
		if got := (judgement{state, state != Online && state != Never && (row.is.lost || due)}); got != want {
			t.Fatalf("SQL says %+v, the rules %+v for %+v, %+v", got, want, row, our)
		}
	})
}

// at brings the stored presence of a pump.
func (p *pump) presence() presenceRow {
	p.r.t.Helper()
	rows, err := readPresence(context.Background(), p.r.db, `SELECT `+presenceColumns+` FROM telemetry_presence WHERE pump_id = $1`, p.id)
	if err != nil {
		p.r.t.Fatal(err)
	}
	if len(rows) == 0 {
		return presenceRow{is: judgement{state: Never}}
	}
	return rows[0]
}

func (p *pump) session(conn uint64) gateway.Session {
	return gateway.Session{Link: p.link, Conn: conn, Boot: p.r.svc.Boot, RemoteAddr: "192.0.2.1:1", At: p.r.now(), CertSerial: "ab", CertNotAfter: p.r.now().Add(time.Hour)}
}

// flush and sweep do by hand what the loops do, so that a test owns the clock.
func (r *rig) flush() {
	r.t.Helper()
	if err := r.svc.flushPresence(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) sweep() {
	r.t.Helper()
	if err := r.svc.sweepPresence(context.Background(), nil); err != nil {
		r.t.Fatal(err)
	}
}

// hear delivers a heartbeat without the batchers.
func (p *pump) hear(conn uint64) {
	ref, _ := p.r.svc.Directory.ByLink(p.link)
	p.r.svc.tracker.heard(ref, p.link, conn, p.r.now())
}

func TestPresenceLife(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	start := time.Now().Truncate(time.Second)
	r.set(start)
	r.svc.SetUplink(true)
	events := r.svc.Events().Subscribe(100)
	want := func(state Presence, lost bool) {
		t.Helper()
		if got := p.presence().is; got != (judgement{state, lost}) {
			t.Fatalf("after %v: %+v, want %s, alarm %v", r.now().Sub(start), got, state, lost)
		}
		if _, open := p.alarms()["COMM_LOST"]; open != lost {
			t.Fatalf("after %v: COMM_LOST open is %v", r.now().Sub(start), open)
		}
	}
	r.sweep()
	want(Never, false)
	r.svc.Connected(p.session(7))
	r.flush()
	want(Never, false)
	p.hear(7)
	r.flush()
	want(Online, false)
	if v, _ := events.Take(); len(v) == 0 || v[len(v)-1][0].Presence == nil || v[len(v)-1][0].Presence.State != Online {
		t.Errorf("told %+v", v)
	}
	r.advance(3 * time.Minute)
	r.sweep()
	want(Stale, false)
	r.advance(8 * time.Minute)
	r.sweep()
	want(Offline, false)
	r.advance(5 * time.Minute)
	r.sweep()
	r.sweep()
	want(Offline, true)
	if a := p.alarms()["COMM_LOST"]; a.Count != 1 || a.Detail["silent_s"] != "960" {
		t.Errorf("alarm %+v", a)
	}
	p.hear(7)
	r.flush()
	want(Online, false)
	r.svc.Disconnected(p.session(7), gateway.ReasonIO)
	r.flush()
	want(Online, false)
	r.advance(time.Minute)
	r.sweep()
	want(Offline, false)
	changes, err := r.svc.PresenceOf(context.Background(), p.id, Mark{}, 0)
	var path string
	for _, c := range slices.Backward(changes) {
		path += fmt.Sprintf(" %s(%s)", c.State, c.Reason)
	}
	if err != nil || path != " online() stale() offline() online() offline(io)" {
		t.Errorf("history:%s %v", path, err)
	}
	sessions, err := r.svc.SessionsOf(context.Background(), p.id, 0)
	if err != nil || len(sessions) != 1 || sessions[0].Reason != "io" || sessions[0].ClosedAt.IsZero() || sessions[0].CertSerial != "ab" {
		t.Errorf("sessions %+v %v", sessions, err)
	}
}

// TestTakeover: the end of the former connection, and its will, come after the
// pump is back.
func TestTakeover(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.set(time.Now())
	r.svc.SetUplink(true)
	r.svc.Connected(p.session(1))
	p.hear(1)
	ref, _ := r.svc.Directory.ByLink(p.link)
	r.svc.tracker.greet(ref, p.link, 1, [16]byte{1}, r.now())
	r.flush()
	r.advance(time.Second)
	r.svc.Connected(p.session(2))
	r.svc.tracker.greet(ref, p.link, 2, [16]byte{2}, r.now())
	r.flush()
	r.svc.Disconnected(p.session(1), gateway.ReasonTakeover)
	r.svc.tracker.bye(ref, 1, [16]byte{1}, r.now())
	p.hear(1) // delivered before, checked late
	r.flush()
	r.advance(time.Minute)
	r.sweep()
	if got := p.presence(); got.is.state != Online || !got.contact.connected || got.contact.key.conn != 2 {
		t.Fatalf("after a takeover: %+v", got)
	}
	r.svc.Disconnected(p.session(2), gateway.ReasonKeepAlive)
	r.flush()
	r.advance(time.Minute)
	r.sweep()
	if got := p.presence(); got.is.state != Offline || got.contact.reason != gateway.ReasonKeepAlive {
		t.Fatalf("after the end: %+v", got)
	}
}

// TestRestart: a start of the server is not held against the pumps, and does not
// clear an alarm that stands.
func TestRestart(t *testing.T) {
	r := newRig(t)
	p, lost := r.pump(), r.pump()
	r.set(time.Now().Truncate(time.Second))
	r.svc.SetUplink(true)
	for _, x := range []*pump{p, lost} {
		r.svc.Connected(x.session(x.conn))
		x.hear(x.conn)
	}
	r.svc.Disconnected(lost.session(lost.conn), gateway.ReasonIO)
	r.flush()
	r.advance(20 * time.Minute)
	p.hear(p.conn)
	r.flush()
	r.sweep()
	if !lost.presence().is.lost || p.presence().is.state != Online {
		t.Fatalf("before: %+v, %+v", p.presence(), lost.presence())
	}

	r.advance(time.Hour) // down
	r.open("boot-2")
	if err := r.svc.takeOver(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.sweep() // our end is not up yet
	if got := p.presence().is.state; got != Unknown {
		t.Fatalf("while down: %s", got)
	}
	r.svc.SetUplink(true)
	r.advance(time.Minute)
	r.sweep()
	if got := p.presence(); got.is != (judgement{Unknown, false}) || got.contact.connected {
		t.Fatalf("after the start: %+v", got)
	}
	if got := lost.presence().is; !got.lost {
		t.Fatalf("the lost pump after the start: %+v", got)
	}
	// A connection is no sign of life: numbers begin again with the new start, and
	// neither pump is back before something signed came.
	p.conn, lost.conn = 1, 2
	for _, x := range []*pump{p, lost} {
		r.svc.Connected(x.session(x.conn))
	}
	r.flush()
	if got := p.presence(); got.is != (judgement{Unknown, false}) || !got.contact.connected {
		t.Fatalf("connected, not heard: %+v", got)
	}
	if got := lost.presence(); !got.is.lost || got.is.state == Online || !got.contact.connected {
		t.Fatalf("lost, connected, not heard: %+v", got)
	}
	if _, open := lost.alarms()["COMM_LOST"]; !open {
		t.Fatal("a connection alone cleared COMM_LOST")
	}
	p.hear(1)
	r.svc.Disconnected(lost.session(2), gateway.ReasonIO)
	r.flush()
	r.advance(settle)
	r.sweep()
	if got := p.presence().is; got != (judgement{Online, false}) && got != (judgement{Stale, false}) {
		t.Errorf("the pump that came back: %+v", got)
	}
	if got := lost.presence().is; got != (judgement{Offline, true}) {
		t.Errorf("the pump that stayed away: %+v", got)
	}
	if a := lost.alarms()["COMM_LOST"]; a.Count != 1 {
		t.Errorf("COMM_LOST was raised %d times", a.Count)
	}
}

// TestSilenceCountsOverStarts: what a start takes off is the time in which nobody
// could hear, and no more.
func TestSilenceCountsOverStarts(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.rule = SilenceRule{Grace: time.Minute, Stale: time.Hour, Offline: 2 * time.Hour, Alarm: 12 * time.Hour}
	start := time.Now().Truncate(time.Second)
	r.set(start)
	begin := func(boot string) {
		t.Helper()
		r.open(boot)
		if err := r.svc.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.svc.SetUplink(true)
		r.sweep()
	}
	still := func() {
		t.Helper()
		if err := noteUp(t.Context(), r.db, r.now()); err != nil {
			t.Fatal(err)
		}
	}
	lostAt := func(due time.Duration) {
		t.Helper()
		r.set(start.Add(due - time.Second))
		r.sweep()
		if got := p.presence(); got.is.lost {
			t.Fatalf("COMM_LOST before %v: %+v", due, got)
		}
		r.advance(time.Second)
		r.sweep()
		if got := p.presence(); !got.is.lost || p.alarms()["COMM_LOST"].Detail["silent_s"] != "43200" {
			t.Fatalf("no COMM_LOST after %v: %+v %v", due, got, p.alarms())
		}
	}
	begin("boot-1")
	p.hear(1)
	r.flush()
	r.advance(8 * time.Hour)
	still()
	r.advance(5 * time.Minute)
	begin("boot-2")
	lostAt(12*time.Hour + 5*time.Minute)

	// Whoever is heard begins anew; a server that starts every hour, each time with
	// a minute in between, still counts.
	start = r.now()
	p.hear(2)
	r.flush()
	if got := p.presence(); got.is.lost || got.contact.deaf != 0 {
		t.Fatalf("heard again: %+v", got)
	}
	for n := range 11 {
		r.advance(time.Hour)
		still()
		r.advance(time.Minute)
		begin(fmt.Sprintf("boot-%d", n+3))
	}
	lostAt(12*time.Hour + 11*time.Minute)
}

// TestRunNotesThatItHears: the stamp is written while the server runs and when it
// ends, so that its downtime begins where it stopped.
func TestRunNotesThatItHears(t *testing.T) {
	r := newRig(t)
	r.set(time.Now().Truncate(time.Second))
	r.run()
	at := func() time.Time { return one[time.Time](r, `SELECT up_at FROM telemetry_uplink`) }
	if got := at(); !got.Equal(r.now()) {
		t.Errorf("at the start: %v, want %v", got, r.now())
	}
	r.advance(time.Hour)
	r.stop()
	if got := at(); !got.Equal(r.now()) {
		t.Errorf("at the end: %v, want %v", got, r.now())
	}
}

// TestNoAlarmForPumpsThatLeft: a pump that is explanted is not missed.
func TestNoAlarmForPumpsThatLeft(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.set(time.Now())
	r.svc.SetUplink(true)
	p.hear(1)
	r.flush()
	r.advance(20 * time.Minute)
	r.sweep()
	if !p.presence().is.lost {
		t.Fatal("a silent pump raised no alarm")
	}
	r.exec(`UPDATE registry_pumps SET status = 'explanted', rev = rev + 1 WHERE id = $1`, p.id)
	if err := r.reg.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.sweep()
	r.sweep()
	if _, open := p.alarms()["COMM_LOST"]; open || p.presence().is.lost {
		t.Error("an explanted pump is missed")
	}
}

// TestStartSaysUnknown: from the start on, a pump that was online before is not
// shown as online.
func TestStartSaysUnknown(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.svc.SetUplink(true)
	r.svc.Connected(p.session(1))
	p.hear(1)
	r.flush()
	if got := p.presence().is.state; got != Online {
		t.Fatalf("before: %s", got)
	}
	r.exec(`INSERT INTO lease_leases (name, owner, epoch, expires_at) VALUES ('telemetry.sweep', 'boot-1', 1, now() + interval '1 hour')`) // of a server that was killed
	r.open("boot-2")
	r.run()
	if got := p.presence().is.state; got != Unknown {
		t.Errorf("after the start: %s", got)
	}
}

// TestPresenceThroughTheInbox goes the whole way with the loops running.
func TestPresenceThroughTheInbox(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	s := p.session(p.conn)
	r.svc.Connected(s)
	p.send(wire.UpHello, p.hello(func(*wire.Hello) {}))
	r.eventually("online", func() bool { at := p.presence(); return at.is.state == Online && at.contact.connected })
	if got := p.presence().contact; len(got.session) != 16 || got.link != p.link {
		t.Errorf("stored %+v", got)
	}
	// The will of another session changes nothing; its own ends it.
	p.send(wire.UpBye, wire.Encode(wire.Bye{Session: [16]byte{99}, Reason: "x"}))
	p.tele(1, 1, 1)
	if !p.presence().contact.connected {
		t.Error("a foreign will closed the connection")
	}
	p.send(wire.UpBye, wire.Encode(wire.Bye{Session: [16]byte{byte(p.conn)}, Reason: "x"}))
	r.svc.Disconnected(s, gateway.ReasonIO)
	r.eventually("the connection's end", func() bool { c := p.presence().contact; return !c.connected && c.reason == "will" })
}
