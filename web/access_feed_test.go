package web

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/web/api"
	"cisterna/web/live"
)

// ear is a listener: whom it belongs to, and of which pumps it should hear.
type ear struct {
	persona
	socket *socket
	want   []string
}

// listens opens the feed for a persona. What the table says of the operation "live"
// is what becomes of it; only who is let in has a socket.
func (f *fixture) listens(p persona) (s *socket, wrong string) {
	f.Helper()
	var headers []string
	if p.client.token != "" {
		headers = []string{"Authorization", "Bearer " + p.client.token}
	}
	s, res, err := p.client.listen("", headers...)
	status := map[outcome]int{unauthorized: 401, denied: 403}
	want := expected(api.Operations()["live"], p)
	switch {
	case want == done && err != nil:
		return nil, "is not let in: " + err.Error()
	case want != done && err == nil:
		return nil, "is let in; the table says " + string(want)
	case want != done && (res == nil || res.StatusCode != status[want]):
		return nil, "is turned away otherwise than with " + string(want)
	}
	return s, ""
}

// hears reads the feed up to the first beat after a moment and returns, by kind of
// frame, the pumps that were heard of.
func (s *socket) hears(after time.Time) map[string][]string {
	s.f.Helper()
	heard := map[string]map[string]bool{}
	note := func(kind string, pump any) {
		if heard[kind] == nil {
			heard[kind] = map[string]bool{}
		}
		heard[kind][line(pump)] = true
	}
	for {
		frame := s.next(slices.Collect(maps.Keys(live.Kinds()))...)
		kind, _ := frame["t"].(string)
		switch kind {
		case "delta":
			for _, row := range frame["rows"].([]any) {
				note(kind, row.(map[string]any)["id"])
			}
			removed, _ := frame["removed"].([]any)
			for _, id := range removed {
				note(kind, id)
			}
		case "alarm":
			note(kind, frame["alarm"].(map[string]any)["pump"])
		case "order":
			note(kind, frame["order"].(map[string]any)["pump"])
		case "beat":
			if now, _ := frame["now"].(float64); int64(now) > after.UnixMilli() {
				out := map[string][]string{}
				for k, pumps := range heard {
					out[k] = slices.Sorted(maps.Keys(pumps))
				}
				return out
			}
		default:
			raw, err := json.Marshal(frame)
			if err != nil {
				s.f.Fatal(err)
			}
			if len(raw) > 400 {
				s.f.Errorf("a frame of kind %s carries more than positions and times: %.400s", kind, raw)
			}
		}
	}
}

// Everybody listens to the live feed, and hears of the pumps of their sites and of
// no other: in every role, in every kind of frame that carries something of a
// pump, and in a visit of the one pump alone.
func TestWhoHearsWhat(t *testing.T) {
	f := newFixture(t)
	here, there := []string{f.pump(f.a), f.pump(f.a)}, []string{f.pump(f.b), f.pump(f.b)}
	f.person("witness", f.a, auth.Engineer)
	f.person("witness", f.b, auth.Engineer)
	all := append(f.personas(), persona{name: "engineer of both sites", client: f.signIn("witness"), signed: true, here: []auth.Role{auth.Engineer}, there: []auth.Role{auth.Engineer}})
	witness := all[len(all)-1].client
	f.eventually("the pumps are listed", func() bool { return len(witness.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)) == 4 })

	var ears []ear
	asked := 0
	for _, p := range all {
		var want []string
		if len(p.here) > 0 {
			want = append(want, here...)
		}
		if len(p.there) > 0 {
			want = append(want, there...)
		}
		if p.visit != nowhere {
			want = want[:1] // their patient's, of the pumps of their site
			f.lockTo(p.client, want[0])
		}
		asked++
		s, wrong := f.listens(p)
		if wrong != "" {
			t.Errorf("%s %s", p.name, wrong)
		}
		if s != nil {
			s.next("hello")
			ears = append(ears, ear{p, s, slices.Sorted(slices.Values(want))})
		}
	}
	for site, pumps := range map[int64][]string{f.a: here, f.b: there} {
		who := auth.Actor{ID: f.someone(site, auth.Prescriber), Login: "somebody", Roles: map[int64][]auth.Role{site: {auth.Prescriber}}}
		for _, pump := range pumps {
			f.alarm(pump, "COMM_LOST")
			if _, err := f.orders.SaveDraft(t.Context(), who, f.number(pump), 0, dosing.Wish{Act: order.ActResume, Reason: "test"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.eventually("the list has the alarms", func() bool {
		n := 0
		for _, r := range witness.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any) {
			if r.(map[string]any)["alarms"].(map[string]any)["medium"] != 0. {
				n++
			}
		}
		return n == 4
	})
	// What the list has goes out with the next flush, before the beat after it.
	since := time.Now().Add(2 * live.FlushEvery)
	hearing := 0
	for _, e := range ears {
		heard := e.socket.hears(since)
		for kind, carries := range live.Kinds() {
			if !carries {
				continue
			}
			if !slices.Equal(e.want, heard[kind]) {
				t.Errorf("%s hears of pumps %v in %s frames, and should of %v", e.name, heard[kind], kind, e.want)
			}
			hearing += len(heard[kind])
		}
	}
	t.Logf("%d people and programs asked, %d listened, %d things were heard", asked, len(ears), hearing)
	if len(ears) < 18 || hearing < 50 {
		t.Errorf("only %d listened, and heard %d things", len(ears), hearing)
	}
}
