package web

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
	"cisterna/web/live"
)

// socket is a live feed as a browser has it.
type socket struct {
	f    *fixture
	conn *websocket.Conn
}

// listen opens the feed with a browser's cookie.
func (b *browser) listen(query string, headers ...string) (*socket, *http.Response, error) {
	h := http.Header{"Origin": {"http://localhost:8600"}}
	if b.cookie != nil {
		h.Set("Cookie", b.cookie.Name+"="+b.cookie.Value)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			h.Del(headers[i])
		}
	}
	d := websocket.Dialer{NetDialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, b.f.http.Listener.Addr().String())
	}}
	conn, res, err := d.Dial("ws://localhost:8600/api/v1/live"+query, h)
	if err != nil {
		return nil, res, err
	}
	b.f.Cleanup(func() { _ = conn.Close() })
	return &socket{b.f, conn}, res, nil
}

func (b *browser) mustListen(query string) *socket {
	b.f.Helper()
	s, res, err := b.listen(query)
	if err != nil {
		b.f.Fatalf("live feed: %v %v", err, res)
	}
	return s
}

// next returns the next frame that is of one of the kinds.
func (s *socket) next(kinds ...string) map[string]any {
	s.f.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	for {
		_, raw, err := s.conn.ReadMessage()
		if err != nil {
			s.f.Fatalf("waiting for %v: %v", kinds, err)
		}
		var frame map[string]any
		if err := json.Unmarshal(raw, &frame); err != nil {
			s.f.Fatalf("frame %s: %v", raw, err)
		}
		for _, k := range kinds {
			if frame["t"] == k {
				return frame
			}
		}
	}
}

// end returns the code that the socket is closed with.
func (s *socket) end() int {
	s.f.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	for {
		if _, _, err := s.conn.ReadMessage(); err != nil {
			if e, ok := errors.AsType[*websocket.CloseError](err); ok {
				return e.Code
			}
			s.f.Fatalf("the socket ended with %v", err)
		}
	}
}

func TestFeedShowsWhatChanges(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	snap := b.do("GET", "/api/v1/pumps", nil).json()
	s := b.mustListen("?epoch=" + snap["epoch"].(string) + "&rev=" + line(snap["rev"]))
	h := s.next("hello")
	f.want("hello", line(h["epoch"] == snap["epoch"], h["resumed"]), "true true")

	pump := f.pump(f.a)
	d := s.next("delta")
	row := d["rows"].([]any)[0].(map[string]any)
	f.want("a whole row", line(row["id"], row["status"], row["presence"], row["run"], row["alarms"]), line(pump, "registered", "never", nil, map[string]any{"high": 0., "low": 0., "medium": 0.}))
	// The row is the list's.
	var same map[string]any
	f.eventually("the list has the pump", func() bool {
		rows := b.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)
		if len(rows) == 1 {
			same = rows[0].(map[string]any)
		}
		return len(rows) == 1
	})
	for k, v := range same {
		if line(v) != line(row[k]) {
			t.Errorf("%s is %v in the list and %v in the feed", k, v, row[k])
		}
	}
	f.pump(f.b) // of another site: nothing is heard of it

	id := f.alarm(pump, "COMM_LOST")
	a := s.next("alarm")
	al := a["alarm"].(map[string]any)
	f.want("alarm", line(a["seq"], a["prev"], a["change"], al["id"], al["state"], al["pump_serial"], al["title"] != ""), line(1, 0, "raised", id, "active", row["serial"], true))
	d = s.next("delta")
	row = d["rows"].([]any)[0].(map[string]any)
	f.want("the row's counts", line(row["id"], row["alarms"], row["serial"]), line(pump, map[string]any{"high": 0., "low": 0., "medium": 1.}, nil))
	f.want("acknowledge", b.do("POST", "/api/v1/alarms/"+id+"/acknowledge", map[string]string{"note": "on my way"}).status, 200)
	a = s.next("alarm")
	al = a["alarm"].(map[string]any)
	f.want("alarm", line(a["seq"], a["change"], al["state"], al["ack_by"], al["ack_note"]), line(2, "acknowledged", "acknowledged", "The engineer", "on my way"))
	list := b.do("GET", "/api/v1/alarms?state=all", nil).json()["items"].([]any)[0].(map[string]any)
	for k, v := range list {
		if line(v) != line(al[k]) {
			t.Errorf("%s is %v in the list and %v in the feed", k, v, al[k])
		}
	}
	beat := s.next("beat")
	f.want("beat", beat["aseq"], 2)

	// A lost connection goes on where it was.
	_ = s.conn.Close()
	f.alarm(f.pump(f.a), "COMM_LOST")
	s = b.mustListen("?epoch=" + snap["epoch"].(string) + "&rev=" + line(beat["rev"]) + "&aseq=2")
	f.want("resumed", s.next("hello")["resumed"], true)
	f.want("the alarm meanwhile", s.next("alarm")["seq"], 3)
}

func TestFeedIsForWhoIsSignedIn(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("nurse")
	for name, c := range map[string]struct {
		b       *browser
		headers []string
		want    int
	}{
		"nobody":           {f.stranger(), nil, 401},
		"forged":           {&browser{f: f, cookie: &http.Cookie{Name: "cisterna", Value: auth.NewToken().Reveal()}}, nil, 401},
		"no origin":        {b, []string{"Origin", ""}, 403},
		"another origin":   {b, []string{"Origin", "http://evil.test"}, 403},
		"another port":     {b, []string{"Origin", "http://localhost:9999"}, 403},
		"another scheme":   {b, []string{"Origin", "https://localhost:8600"}, 403},
		"another name":     {b, []string{"Host", "evil.test", "Origin", "http://evil.test"}, 421},
		"token in address": {f.stranger(), []string{"Authorization", "Bearer " + b.cookie.Value}, 401},
	} {
		_, res, err := c.b.listen("?token="+b.cookie.Value, c.headers...)
		if err == nil || res == nil || res.StatusCode != c.want {
			t.Errorf("%s: %v %v, want %d", name, res, err, c.want)
		}
	}
	_, res, err := b.listen("?rev=x&epoch=e")
	if err == nil || res.StatusCode != 422 {
		t.Errorf("a wrong revision: %v %v", res, err)
	}
	for range live.PerUser {
		b.mustListen("")
	}
	if _, res, err = b.listen(""); err == nil || res.StatusCode != 429 {
		t.Errorf("one socket too many: %v %v", res, err)
	}
}

// Whatever ends a session closes its sockets, and no others.
func TestFeedEndsWithTheSession(t *testing.T) {
	f := newFixture(t)
	b, other := f.signIn("nurse"), f.signIn("nurse")
	s, stays := b.mustListen(""), other.mustListen("")
	s.next("hello")
	start := time.Now()
	f.want("sign out", b.do("DELETE", "/api/v1/session", nil).status, 204)
	f.want("bye", s.next("bye")["code"], "session")
	f.want("close", s.end(), live.CloseSession)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("after %s", took)
	}
	stays.next("beat")

	target := auth.Actor{ID: f.people["nurse"], Roles: map[int64][]auth.Role{f.a: {auth.Nurse}}}
	if err := f.auth.Disable(t.Context(), auth.System("test"), target, "left"); err != nil {
		t.Fatal(err)
	}
	f.want("close of a disabled account", stays.end(), live.CloseSession)

	// The server's clock passes the idle limit: the feed itself is no activity.
	c := f.signIn("auditor")
	idle := c.mustListen("")
	f.later(auth.Idle + time.Second)
	f.want("close of an idle session", idle.end(), live.CloseSession)
}

// Who loses a site hears no more of it.
func TestFeedFollowsRoles(t *testing.T) {
	f := newFixture(t)
	f.person("both", f.a, auth.Nurse)
	f.person("both", f.b, auth.Nurse)
	b := f.signIn("both")
	s := b.mustListen("")
	s.next("hello")
	if err := f.reg.RemoveMembership(t.Context(), auth.System("test"), f.people["both"], f.a, auth.Nurse); err != nil {
		t.Fatal(err)
	}
	f.want("told", s.next("reset")["reason"], "scope")
	hidden, shown := f.pump(f.a), f.pump(f.b)
	d := s.next("delta")
	raw, _ := json.Marshal(d)
	if strings.Contains(string(raw), `"id":"`+hidden+`"`) || !strings.Contains(string(raw), `"id":"`+shown+`"`) {
		t.Errorf("delta %s; %s is hidden, %s shown", raw, hidden, shown)
	}
	// Without any role left the session stays, and shows nothing.
	if err := f.reg.RemoveMembership(t.Context(), auth.System("test"), f.people["both"], f.b, auth.Nurse); err != nil {
		t.Fatal(err)
	}
	f.want("told again", s.next("reset")["reason"], "scope")
	f.want("list", len(b.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)), 0)
}
