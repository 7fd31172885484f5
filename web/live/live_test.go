package live

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		w.want("epoch and rev", words(got[0], "epoch", "rev", "resumed", "beat_ms"), all.Epoch("e1")+" 1 false 2000")
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

// Whoever comes back under other roles does not go on with the list of before: what
// was shown may be no more theirs, and what stands at a site that came was never read.
func TestChangedRolesAreNotResumed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.board.set(1, 1, 1)
		w.board.set(2, 2, 2)
		back := func(v *viewer, hello map[string]any, aseq string, s auth.Scope) map[string]any {
			v.close()
			w.setSession(w.last, &s, nil)
			q := url.Values{"epoch": {hello["epoch"].(string)}, "rev": {fmt.Sprint(hello["rev"])}, "aseq": {aseq}, "session": v.query["session"], "user": v.query["user"]}
			again := w.dial(q, true)
			defer again.close()
			return again.take("hello")[0]
		}
		v := w.open(sites(1))
		hello := v.take("hello")[0]
		got := back(v, hello, "0", sites(1, 2))
		w.want("a site came, before any alarm", fmt.Sprint(got["resumed"], got["epoch"] == hello["epoch"]), "false false")

		v = w.open(sites(1, 2))
		hello = v.take("hello")[0]
		w.hub.Alarm(Alarm{Site: 2, Pump: 2, Change: "raised", Value: map[string]string{"id": "9"}})
		v.take()
		got = back(v, hello, "1", sites(1))
		w.want("a site went", fmt.Sprint(got["resumed"], got["epoch"] == hello["epoch"]), "false false")
		got = back(w.open(sites(2, 1)), hello, "1", sites(1, 2, 2))
		w.want("the same sites", fmt.Sprint(got["resumed"], got["epoch"] == hello["epoch"]), "true true")
		got = back(w.open(sites(1, 2)), hello, "1", auth.Scope{Sites: []int64{1, 2}, Pump: 2})
		w.want("a visit began", fmt.Sprint(got["resumed"], got["epoch"] == hello["epoch"]), "false false")
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
			q := url.Values{"epoch": {sites(1).Epoch(epoch)}, "rev": {rev}, "session": v.query["session"], "user": v.query["user"]}
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
		w.want("no epoch", try("none", "5"), "hello 7 false")

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
		back := w.dial(url.Values{"epoch": {all.Epoch("e1")}, "rev": {"1999"}, "session": v.query["session"], "user": {"x"}}, true)
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
