package live

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
)

var all = auth.Scope{All: true}

func TestHelloAndDeltas(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 10, 2900)
		v := w.open(all)
		got := v.take()
		w.want("frames", len(got), 1)
		w.want("hello", got[0]["t"], "hello")
		w.want("epoch and rev", words(got[0], "epoch", "rev", "resumed", "beat_ms"), "e1 1 false 2000")
		settle()
		w.board.set(1, 10, 2800)
		w.want("delta", v.take(), "[map[prev:1 rev:2 rows:[map[battery_mv:2800 id:1 rev:2]] t:delta]]")
		w.board.set(2, 10, 2700) // within the 200 ms
		w.board.set(1, 10, 2600)
		w.board.set(1, 10, 2500)
		w.want("before the next flush", len(v.take()), 0)
		settle()
		w.want("conflated", v.take(), "[map[prev:2 rev:5 rows:[map[battery_mv:2700 id:2 label: rev:3 site:10] map[battery_mv:2500 id:1 rev:5]] t:delta]]")
		w.board.remove(2)
		settle()
		w.want("removed", v.take(), "[map[prev:5 removed:[2] rev:6 rows:[] t:delta]]")
		w.board.put(1, 10, func(r *pumpRow) { r.Top = new("LOW") })
		w.board.poke()
		settle()
		w.board.put(1, 10, func(r *pumpRow) { r.Top = nil })
		w.board.poke()
		settle()
		w.want("a member comes and goes", v.take(), "[map[prev:6 rev:7 rows:[map[id:1 rev:7 top_alarm:LOW]] t:delta] map[prev:7 rev:8 rows:[map[id:1 rev:8 top_alarm:<nil>]] t:delta]]")
		v.close()
	})
}

func TestAtMostFiveFlushesASecond(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 1, 0)
		v := w.open(all)
		v.take()
		for i := range 3000 {
			w.board.set(1, 1, i)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(FlushEvery)
		got := v.take()
		if len(got) < 14 || len(got) > 17 {
			t.Errorf("%d deltas in 3 s", len(got))
		}
		w.want("last value", got[len(got)-1]["rows"], "[map[battery_mv:2999 id:1 rev:3001]]")
		v.close()
	})
}

func TestNobodySeesOtherSites(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 1, 1111)
		w.board.set(2, 2, 2222)
		one, two, both, none := w.open(sites(1)), w.open(sites(2)), w.open(sites(2, 1, 1)), w.open(sites())
		viewers := []*viewer{one, two, both, none}
		for _, v := range viewers {
			v.take()
		}
		w.want("lanes", w.hub.Stats().Lanes, 4)
		w.board.set(2, 2, 2223)
		w.hub.Alarm(Alarm{Site: 2, Change: "raised", Value: map[string]string{"id": "9"}})
		settle()
		w.want("site 1", len(one.take()), 0)
		w.want("nobody's", len(none.take()), 0)
		w.want("site 2", len(two.take("delta", "alarm")), 2)
		w.want("both", len(both.take("delta", "alarm")), 2)

		// A pump moves from site 1 to site 2: whole for those who did not see it.
		w.board.set(1, 2, 1112)
		settle()
		w.want("where it left", one.take(), "[map[prev:2 removed:[1] rev:4 rows:[] t:delta]]")
		w.want("where it came to", two.take(), "[map[prev:3 rev:4 rows:[map[battery_mv:1112 id:1 label: rev:4 site:2]] t:delta]]")
		w.want("who saw both", both.take(), "[map[prev:3 rev:4 rows:[map[battery_mv:1112 id:1 rev:4 site:2]] t:delta]]")
		w.want("nobody's", len(none.take()), 0)
		for _, v := range viewers {
			v.close()
		}
	})
}

func TestAlarmLane(t *testing.T) {
	inWorld(t, func(w *world) {
		v := w.open(sites(1))
		other := w.open(sites(2))
		w.want("hello", v.take("hello")[0]["aseq"], 0)
		for i := range 5 {
			w.hub.Alarm(Alarm{Site: int64(1 + i%2), Change: "raised", Value: map[string]any{"id": fmt.Sprint(i)}})
		}
		w.want("alarms at once", v.take(), "[map[alarm:map[id:0] change:raised prev:0 seq:1 t:alarm] map[alarm:map[id:2] change:raised prev:1 seq:2 t:alarm] map[alarm:map[id:4] change:raised prev:2 seq:3 t:alarm]]")
		w.want("the other site's lane", len(other.take("alarm")), 2)
		time.Sleep(BeatEvery)
		beat := v.take("beat")
		w.want("beat", fmt.Sprint(len(beat), beat[0]["aseq"], beat[0]["rev"]), "1 3 0")

		resume := func(aseq string) []map[string]any {
			q := url.Values{"epoch": {"e1"}, "rev": {"0"}, "aseq": {aseq}}
			for k, x := range v.query {
				q[k] = x
			}
			again := w.dial(q, true)
			defer again.close()
			return again.take()
		}
		v.close()
		w.hub.Alarm(Alarm{Site: 1, Change: "cleared", Value: map[string]any{"id": "0"}})
		got := resume("1")
		w.want("from 1", fmt.Sprint(got[0]["resumed"], got[1:]), "true [map[alarm:map[id:2] change:raised prev:1 seq:2 t:alarm]"+
			" map[alarm:map[id:4] change:raised prev:2 seq:3 t:alarm] map[alarm:map[id:0] change:cleared prev:3 seq:4 t:alarm]]")
		w.want("from the end", len(resume("4")), 1)
		got = resume("5")
		w.want("from beyond the end", words(got[0], "resumed")+" "+words(got[1], "t", "reason", "aseq"), "false reset alarms 4")

		// Once the lane is forgotten its numbers are not used again.
		time.Sleep(Remember + 2*BeatEvery)
		w.want("lanes left", w.hub.Stats().Lanes, 1)
		got = resume("4")
		w.want("after the lane was forgotten", words(got[1], "t", "reason", "aseq"), "reset alarms 6")
		w.hub.Lost()
		got = resume("6")
		w.want("after changes were lost", words(got[1], "t", "reason"), "reset alarms")
		other.take()
		other.close()
	})
}

// Orders share the alarms' lane: numbered with them, told per site, never conflated,
// and after a cut nothing of them is missing.
func TestOrdersShareTheLane(t *testing.T) {
	inWorld(t, func(w *world) {
		v, other := w.open(sites(1)), w.open(sites(2))
		v.take()
		other.take()
		order := func(site int64, id, state string) {
			w.hub.Order(Order{Site: site, Pump: 7, Value: map[string]string{"id": id, "state": state}})
		}
		order(1, "41", "released")
		w.hub.Alarm(Alarm{Site: 1, Pump: 7, Change: "raised", Value: map[string]string{"id": "9"}})
		order(2, "42", "proposed")
		order(1, "41", "sent")
		order(1, "41", "applied")
		w.want("in the order of what happened", v.take(), "[map[order:map[id:41 state:released] prev:0 seq:1 t:order] map[alarm:map[id:9] change:raised prev:1 seq:2 t:alarm]"+
			" map[order:map[id:41 state:sent] prev:2 seq:3 t:order] map[order:map[id:41 state:applied] prev:3 seq:4 t:order]]")
		w.want("the other site's", other.take(), "[map[order:map[id:42 state:proposed] prev:0 seq:1 t:order]]")

		// The connection is cut; meanwhile an order and an alarm.
		v.close()
		order(1, "43", "proposed")
		w.hub.Alarm(Alarm{Site: 1, Pump: 7, Change: "cleared", Value: map[string]string{"id": "9"}})
		order(1, "43", "verified")
		q := url.Values{"epoch": {"e1"}, "rev": {"0"}, "aseq": {"4"}}
		for k, x := range v.query {
			q[k] = x
		}
		again := w.dial(q, true)
		got := again.take()
		w.want("resumed with all of it", fmt.Sprint(got[0]["resumed"], got[1:]), "true [map[order:map[id:43 state:proposed] prev:4 seq:5 t:order]"+
			" map[alarm:map[id:9] change:cleared prev:5 seq:6 t:alarm] map[order:map[id:43 state:verified] prev:6 seq:7 t:order]]")
		w.want("counted", fmt.Sprint(w.hub.Stats().Orders, w.hub.Stats().Alarms), "6 2")
		again.close()
		other.close()
	})
}

func TestLaneOverflowResets(t *testing.T) {
	inWorld(t, func(w *world) {
		s := sites(1)
		w.setSession(7, &s, nil)
		v := w.dial(url.Values{"session": {"7"}, "user": {"7"}}, false)
		v.reads <- true // hello
		synctest.Wait()
		w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": "0"}})
		synctest.Wait() // the writer is stuck with it
		for i := range Lane + 100 {
			w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": fmt.Sprint(1 + i)}})
		}
		close(v.reads)
		got := v.take()
		w.want("frames", len(got), 3)
		w.want("told to start again", words(got[2], "t", "reason", "aseq"), fmt.Sprint("reset alarms ", Lane+101))
		w.hub.Alarm(Alarm{Site: 1, Change: "raised", Value: map[string]any{"id": "x"}})
		w.want("and goes on", v.take()[0]["prev"], Lane+101)
		w.want("resets", w.hub.Stats().Resets, 1)
		v.close()
	})
}

// A reader that does not read is dropped after five seconds, costs no other
// viewer anything, and gets the newest state once when it reads in time.
func TestSlowReaders(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 1, 0)
		for id := int64(2); id < 4; id++ {
			w.setSession(id, &all, nil)
		}
		quick := w.open(all)
		lazy := w.dial(url.Values{"session": {"2"}, "user": {"2"}}, false)
		dead := w.dial(url.Values{"session": {"3"}, "user": {"3"}}, false)
		lazy.reads <- true
		dead.reads <- true
		synctest.Wait()
		for i := range 20 { // four seconds
			w.board.set(1, 1, i)
			time.Sleep(FlushEvery + time.Millisecond)
		}
		close(lazy.reads)
		got := lazy.take("delta")
		w.want("deltas to the lazy", len(got), 2) // the one under way, and all the rest in one
		w.want("the newest state", got[1]["rows"], "[map[battery_mv:19 id:1 label: rev:21 site:1]]")
		w.want("deltas to the quick", len(quick.take("delta")), 20)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		s := w.hub.Stats()
		w.want("slow, clients", fmt.Sprint(s.Slow, s.Clients), "1 2")
		close(dead.reads)
		w.want("the dead one's close", dead.closeCode(), websocket.CloseAbnormalClosure)
		quick.close()
		lazy.close()
	})
}

func TestSilentConnectionIsDropped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setSession(1, &all, nil)
		v := w.dial(url.Values{"session": {"1"}, "user": {"1"}}, false)
		pings := 0
		v.conn.SetPingHandler(func(string) error { pings++; return nil }) // no pong
		close(v.reads)
		time.Sleep(PongWithin + time.Second)
		<-v.over
		synctest.Wait()
		w.want("pings, clients", fmt.Sprint(pings, w.hub.Stats().Clients), "2 0")
		v = w.open(all)
		time.Sleep(5 * time.Minute)
		w.want("one that answers stays", w.hub.Stats().Clients, 1)
		w.want("beats", len(v.take("beat")), 150)
		v.close()
	})
}

func TestSessionsTakeTheirSocketsWithThem(t *testing.T) {
	inWorld(t, func(w *world) {
		v, stays := w.open(all), w.open(all)
		w.ended.Publish(auth.Ended{Session: w.last - 1, How: auth.SignedOut})
		start := time.Now()
		w.want("close", v.closeCode(), CloseSession)
		w.want("at once", time.Since(start) < 10*time.Millisecond, true)
		got := v.take()
		w.want("bye", got[len(got)-1], "map[code:session t:bye]")
		w.want("clients", w.hub.Stats().Clients, 1)

		// Another server ended this one: the check finds it.
		w.setSession(w.last, nil, nil)
		start = time.Now()
		w.want("close", stays.closeCode(), CloseSession)
		w.want("within the check", time.Since(start) <= CheckEvery, true)
		synctest.Wait()
		w.want("ended", w.hub.Stats().Ended, 2)
	})
}

func TestChangedRolesMoveTheLane(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 1, 1)
		w.board.set(2, 2, 2)
		v := w.open(sites(1))
		v.take()
		w.setSession(w.last, &auth.Scope{Sites: []int64{2}}, nil)
		time.Sleep(CheckEvery)
		got := v.take()
		w.want("told", fmt.Sprint(len(got))+" "+words(got[0], "t", "reason", "rev"), "1 reset scope 2")
		w.board.set(1, 1, 11)
		w.board.set(2, 2, 22)
		settle()
		var rows []any
		for _, f := range v.take() {
			rows = append(rows, f["rows"].([]any)...)
		}
		w.want("only the new site", rows, "[map[battery_mv:22 id:2 rev:4]]")
		v.close()
	})
}

func TestFailsClosed(t *testing.T) {
	inWorld(t, func(w *world) {
		v := w.open(all)
		w.setSession(w.last, &all, fmt.Errorf("the database is gone"))
		time.Sleep(CheckLimit - CheckEvery)
		w.want("patience", w.hub.Stats().Clients, 1)
		w.want("close", v.closeCode(), websocket.CloseTryAgainLater)
		w.want("bye", v.take("bye"), "[map[code:unavailable t:bye]]")
	})
}

func TestUpgradeIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		w.setSession(1, &all, nil)
		who := url.Values{"session": {"1"}, "user": {"1"}}
		with := func(origin ...string) http.Header { return http.Header{"Origin": origin} }
		for name, c := range map[string]struct {
			header http.Header
			query  string
			want   string
		}{
			"no origin":       {nil, "", "403"},
			"other host":      {with("http://evil.test"), "", "403"},
			"other port":      {with("http://cisterna.test:8080"), "", "403"},
			"host as prefix":  {with("http://cisterna.test.evil.test"), "", "403"},
			"host as user":    {with("http://cisterna.test@evil.test"), "", "403"},
			"null":            {with("null"), "", "403"},
			"other scheme":    {with("ftp://cisterna.test"), "", "403"},
			"file":            {with("file://"), "", "403"},
			"rev no number":   {with("http://cisterna.test"), "epoch=e1&rev=x", "422"},
			"rev negative":    {with("http://cisterna.test"), "epoch=e1&rev=-1", "422"},
			"rev huge":        {with("http://cisterna.test"), "epoch=e1&rev=99999999999999999999", "422"},
			"aseq no integer": {with("http://cisterna.test"), "epoch=e1&aseq=1.5", "422"},
		} {
			q, _ := url.ParseQuery(c.query + "&" + who.Encode())
			if _, err := w.tryDial(q, c.header); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		w.want("counted", fmt.Sprint(w.hub.total, w.hub.perUser), "0 map[]")
		var open []*viewer
		for range PerUser {
			open = append(open, w.dial(who, true))
		}
		if _, err := w.tryDial(who, with("http://cisterna.test")); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("one socket too many: %v", err)
		}
		open[0].close()
		open[0] = w.dial(who, true)
		for _, v := range open {
			v.close()
		}
		w.want("counted", fmt.Sprint(w.hub.total, w.hub.perUser), "0 map[]")
		r, _ := http.NewRequest(http.MethodGet, "http://cisterna.test/api/v1/live", nil)
		if err := w.hub.Serve(nil, r, Viewer{}, Resume{}); !errors.Is(err, ErrNotWebsocket) {
			t.Errorf("plain GET: %v", err)
		}
	})
}

func TestClientsSendNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		v := w.open(all)
		if err := v.conn.WriteMessage(websocket.TextMessage, []byte(`{"t":"sub"}`)); err != nil {
			t.Fatal(err)
		}
		w.want("close", v.closeCode(), websocket.ClosePolicyViolation)
		v = w.open(all)
		_ = v.conn.WriteMessage(websocket.BinaryMessage, make([]byte, MaxRead+1))
		if code := v.closeCode(); code != websocket.CloseMessageTooBig && code != websocket.ClosePolicyViolation {
			t.Errorf("too long: close %d", code)
		}
		synctest.Wait()
		w.want("clients", w.hub.Stats().Clients, 0)
	})
}

func TestResumeOfRows(t *testing.T) {
	inWorld(t, func(w *world) {
		for id := range int64(5) {
			w.board.set(id, 1, 0)
		}
		v := w.open(sites(1))
		v.take()
		try := func(epoch, rev string) string {
			q := url.Values{"epoch": {epoch}, "rev": {rev}, "session": v.query["session"], "user": v.query["user"]}
			again := w.dial(q, true)
			defer again.close()
			var out []string
			for _, f := range again.take() {
				out = append(out, words(f, "t", "prev", "rev", "rows", "removed", "resumed", "reason"))
			}
			return strings.Join(out, "; ")
		}
		w.want("nothing new", try("e1", "5"), "hello 5 true")
		settle()
		w.board.put(3, 2, nil) // leaves
		w.board.put(4, 1, func(r *pumpRow) { r.Battery = 1 })
		w.want("ahead of the flush", try("e1", "7"), "hello 7 true")
		w.board.poke()
		settle()
		w.want("one flush back", try("e1", "5"), "hello 5 true; delta 5 7 [map[battery_mv:1 id:4 rev:7]] [3]")
		w.want("further back", try("e1", "4"), "hello 4 true; delta 4 7 [map[battery_mv:1 id:4 label: rev:7 site:1]] [3]")
		w.want("from the future", try("e1", "8"), "hello 7 false; reset 7 unknown")
		w.want("another epoch", try("e0", "5"), "hello 7 false")
		w.want("no epoch", try("", "5"), "hello 7 false")

		w.board.mu.Lock()
		w.board.epoch = "e2" // the board was loaded again
		w.board.mu.Unlock()
		w.board.poke()
		settle()
		got := v.take()
		w.want("board", words(got[len(got)-1], "t", "reason"), "reset board")
		v.close()
	})
}

// A flush larger than a frame comes in several that each carry the viewer to a
// complete revision.
func TestLargeFlushIsCut(t *testing.T) {
	inWorld(t, func(w *world) {
		const pumps, label = 2000, 400
		v := w.open(all)
		v.take()
		for id := range int64(pumps) {
			w.board.put(id, 1, func(r *pumpRow) { r.Label = strings.Repeat("x", label) })
		}
		w.board.poke()
		synctest.Wait()
		v.mu.Lock()
		sizes := v.sizes
		v.mu.Unlock()
		if len(sizes) < pumps*label/MaxFrame {
			t.Errorf("%d frames", len(sizes))
		}
		for _, n := range sizes {
			if n > MaxFrame {
				t.Errorf("a frame of %d bytes", n)
			}
		}
		own, rows := 0.0, 0
		for _, f := range v.take("delta") {
			if f["prev"] != own || f["rev"].(float64) <= own {
				t.Errorf("from %v to %v at %v", f["prev"], f["rev"], own)
			}
			own, rows = f["rev"].(float64), rows+len(f["rows"].([]any))
		}
		w.want("rows", fmt.Sprint(rows, own), fmt.Sprint(pumps, " ", pumps))
		// Who comes back from far behind gets a reset: the snapshot is cheaper.
		for id := range int64(pumps) {
			w.board.put(id, 1, func(r *pumpRow) { r.Label = strings.Repeat("y", 2*label) })
		}
		w.board.poke()
		settle()
		back := w.dial(url.Values{"epoch": {"e1"}, "rev": {"1999"}, "session": v.query["session"], "user": {"x"}}, true)
		got := back.take()
		w.want("far behind", words(got[1], "t", "reason"), "reset behind")
		back.close()
		v.close()
	})
}

func TestShutdownSaysGoodbye(t *testing.T) {
	inWorld(t, func(w *world) {
		v := w.open(all)
		w.setSession(99, &all, nil)
		stuck := w.dial(url.Values{"session": {"99"}, "user": {"99"}}, false)
		synctest.Wait()
		start := time.Now()
		w.cancel()
		w.want("close", v.closeCode(), websocket.CloseGoingAway)
		w.want("bye", v.take("bye"), "[map[code:shutdown t:bye]]")
		if err := <-w.ran; err != nil || time.Since(start) > 2*WriteLimit {
			t.Errorf("run ended after %s: %v", time.Since(start), err)
		}
		w.ran <- nil
		close(stuck.reads)
		<-stuck.over
		if _, err := w.tryDial(v.query, http.Header{"Origin": {"http://cisterna.test"}}); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("after the end: %v", err)
		}
	})
}

// A browser that follows PROTOCOL.md has the same list as the board, whatever
// happens: changes, moves between sites, removals, lost connections, resumption,
// slow reading.
func TestModelBrowserConverges(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		inWorld(t, func(w *world) {
			for id := range int64(20) {
				w.board.set(id, rnd.Int64N(3), 0)
			}
			scope := sites(0, 1)
			b := &browser{w: w, scope: scope}
			b.connect()
			for range 200 {
				switch n := rnd.IntN(100); {
				case n < 70:
					id, change := rnd.Int64N(20), rnd.IntN(5)
					site := rnd.Int64N(3)
					w.board.put(id, site, func(r *pumpRow) {
						switch change {
						case 0:
							r.Label = fmt.Sprint("label ", rnd.IntN(9), `\"{[,:]}`)
						case 1:
							r.Top = nil
						case 2:
							r.Top = new(fmt.Sprint("A", rnd.IntN(3)))
						default:
							r.Battery = rnd.IntN(3000)
						}
					})
					w.board.poke()
				case n < 73:
					w.board.remove(rnd.Int64N(20))
				case n < 90:
					time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
				case n < 96:
					b.follow()
				default:
					b.follow()
					b.v.close()
					time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
					b.connect()
				}
			}
			time.Sleep(2 * FlushEvery)
			b.follow()
			want, _ := w.board.snapshot(scope)
			if diff := cmp.Diff(want, b.rows); diff != "" {
				t.Errorf("seed %d after %d snapshots and %d deltas (-board +browser):\n%s", seed, b.snapshots, b.deltas, diff)
			}
			if b.deltas == 0 {
				t.Errorf("seed %d: no delta", seed)
			}
			b.v.close()
		})
	}
}

// browser is the protocol's other end.
type browser struct {
	w                 *world
	scope             auth.Scope
	v                 *viewer
	epoch             string
	rev               float64
	rows              map[string]map[string]any
	snapshots, deltas int
}

func (b *browser) connect() {
	b.w.setSession(5, &b.scope, nil)
	q := url.Values{"session": {"5"}, "user": {"5"}}
	if b.rows == nil {
		b.load()
	}
	q.Set("epoch", b.epoch)
	q.Set("rev", fmt.Sprint(uint64(b.rev)))
	b.v = b.w.dial(q, true)
}

func (b *browser) load() {
	rows, rev := b.w.board.snapshot(b.scope)
	b.rows, b.rev, b.epoch = rows, float64(rev), b.w.board.epoch
	b.snapshots++
}

func (b *browser) follow() {
	for _, f := range b.v.take() {
		switch f["t"] {
		case "hello":
			if f["epoch"] != b.epoch {
				b.load()
			}
		case "reset":
			b.load()
		case "delta":
			prev, rev := f["prev"].(float64), f["rev"].(float64)
			if rev < b.rev {
				continue
			}
			if prev > b.rev {
				b.w.Errorf("a hole: delta from %v at %v", prev, b.rev)
				b.load()
				continue
			}
			b.rev = rev
			b.deltas++
			for _, r := range f["rows"].([]any) {
				row := r.(map[string]any)
				id := row["id"].(string)
				if b.rows[id] == nil {
					b.rows[id] = map[string]any{}
					if row["site"] == nil {
						b.w.Errorf("a new row that is not whole: %v", row)
					}
				}
				for k, v := range row {
					if v == nil {
						delete(b.rows[id], k)
					} else {
						b.rows[id][k] = v
					}
				}
			}
			removed, _ := f["removed"].([]any)
			for _, id := range removed {
				delete(b.rows, id.(string))
			}
		}
	}
}
