package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestControl(t *testing.T) {
	c := newClinic(t)
	f, _ := realFleet(t, t.TempDir(), nil)
	d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	ln, err := ListenControl(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.ServeControl(ln) }()
	url := "http://" + ln.Addr().String()
	call := func(method, path, body string, change func(*http.Request)) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(req)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, body := call("GET", "/v1/faults", "", nil); code != 200 || !strings.Contains(body, `"occlusion"`) || !strings.Contains(body, "until ended") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := call("GET", "/v1/stats", "", nil); code != 200 || !strings.Contains(body, `"pumps":1`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := call("GET", "/v1/pumps", "", nil); code != 200 || !strings.Contains(body, `"serial":"S-1"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := call("GET", "/v1/pumps/1", "", nil); code != 200 || !strings.Contains(body, `"serial":"S-1"`) {
		t.Errorf("%d %s", code, body)
	}
	code, body := call("POST", "/v1/pumps/S-1/faults", `{"kind":"link-loss","for":"1h"}`, nil)
	var s Status
	if err := json.Unmarshal([]byte(body), &s); code != 200 || err != nil || len(s.Faults) != 1 {
		t.Errorf("%d %s %v", code, body, err)
	}
	until(t, "the link is lost", func() bool { return !d.Status().Connected })
	if code, body := call("DELETE", "/v1/pumps/S-1/faults/link-loss", "", nil); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	until(t, "the link is back", func() bool { return d.Status().Connected })
	for _, tt := range []struct {
		method, path, body string
		change             func(*http.Request)
		want               int
	}{
		{"GET", "/v1/pumps/S-9", "", nil, 404},
		{"POST", "/v1/pumps/S-1/faults", `{"kind":"nothing"}`, nil, 400},
		{"POST", "/v1/pumps/S-1/faults", `{"kind":"stall","for":"soon"}`, nil, 400},
		{"POST", "/v1/pumps/S-1/faults", `{"kind":"stall","extra":1}`, nil, 400},
		{"POST", "/v1/pumps/S-1/faults", `{"kind":"stall"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400},
		{"DELETE", "/v1/pumps/S-1/faults/garbage", "", nil, 409},
		{"GET", "/v1/stats", "", func(r *http.Request) { r.Host = "pumps.example" }, 403},
		{"GET", "/v1/stats", "", func(r *http.Request) { r.Header.Set("Origin", "http://pumps.example") }, 403},
	} {
		if code, body := call(tt.method, tt.path, tt.body, tt.change); code != tt.want || !strings.Contains(body, `"error"`) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, code, body)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://127.0.0.1/v1/stats", nil)
	r.RemoteAddr = "192.0.2.1:4000"
	if f.Control().ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("from another machine: %d", w.Code)
	}
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "127.0.0.1", ":7070"} {
		if ln, err := ListenControl(t.Context(), addr); err == nil {
			ln.Close()
			t.Errorf("listens on %s", addr)
		}
	}
	ln.Close()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still serving")
	}
}
