package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"cisterna/internal/errs"
)

// Control is the HTTP interface of a fleet, JSON in and out:
//
//	GET    /v1/faults                       the kinds of faults
//	GET    /v1/stats                        numbers of the fleet
//	GET    /v1/pumps                        all pumps
//	GET    /v1/pumps/{serial}               one pump
//	POST   /v1/pumps/{serial}/faults        {"kind":"occlusion","for":"20s","value":0,"text":""}
//	DELETE /v1/pumps/{serial}/faults/{kind} end a fault
//
// A pump may also be named by its place in the order of serials, from 1. The
// interface asks nobody who they are, and therefore answers on a loopback address only,
// and only to requests that were meant for one: a page in a browser that has this
// machine resolve its own name is turned away by the name.
func (f *Fleet) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/faults", func(w http.ResponseWriter, _ *http.Request) {
		type kind struct {
			Name    string `json:"name"`
			Help    string `json:"help"`
			Value   string `json:"value,omitempty"`
			Default int64  `json:"default_value,omitempty"`
			For     string `json:"for,omitempty"`
			Text    string `json:"text,omitempty"`
		}
		var out []kind
		for _, k := range faultKinds {
			out = append(out, kind{k.Name, k.Help, k.Value, k.Default, k.Lasts(), k.Text})
		}
		answerJSON(w, http.StatusOK, out)
	})
	mux.HandleFunc("GET /v1/stats", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, f.Stats()) })
	mux.HandleFunc("GET /v1/pumps", func(w http.ResponseWriter, _ *http.Request) {
		out := []Status{}
		for _, d := range f.Devices() {
			out = append(out, d.Status())
		}
		answerJSON(w, http.StatusOK, out)
	})
	one := func(do func(d *Device, r *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			picked, err := f.Pick(r.PathValue("serial"))
			if err == nil && len(picked) != 1 {
				err = errs.Invalidf("one pump at a time")
			}
			if err != nil {
				answerError(w, err)
				return
			}
			d := picked[0]
			if err := do(d, r); err != nil {
				answerError(w, err)
				return
			}
			answerJSON(w, http.StatusOK, d.Status())
		}
	}
	mux.HandleFunc("GET /v1/pumps/{serial}", one(func(*Device, *http.Request) error { return nil }))
	mux.HandleFunc("POST /v1/pumps/{serial}/faults", one(func(d *Device, r *http.Request) error {
		fault, err := readFault(r)
		if err != nil {
			return err
		}
		return d.Inject(fault)
	}))
	mux.HandleFunc("DELETE /v1/pumps/{serial}/faults/{kind}", one(func(d *Device, r *http.Request) error { return d.EndFault(r.PathValue("kind")) }))
	return loopback(mux)
}

// Lasts says how long a fault of this kind lasts unless told otherwise.
func (k *FaultKind) Lasts() string {
	if k.For == instant {
		return ""
	}
	if k.For == 0 {
		return "until ended"
	}
	return k.For.String()
}

func readFault(r *http.Request) (f Fault, err error) {
	if r.Header.Get("Content-Type") != "application/json" {
		return f, errs.Invalidf("the body must be application/json")
	}
	var body struct {
		Kind  string `json:"kind"`
		For   string `json:"for"`
		Value int64  `json:"value"`
		Text  string `json:"text"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return f, errs.Wrap(errs.Invalid, err, "the body cannot be read")
	}
	f = Fault{Kind: body.Kind, Value: body.Value, Text: body.Text}
	if body.For != "" {
		if f.For, err = time.ParseDuration(body.For); err != nil {
			return f, errs.Invalidf("for: %q is no duration such as 20s", body.For)
		}
	}
	return f, nil
}

// loopback turns away requests that did not come from this machine or were meant
// for another.
func loopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		peer, _, _ := net.SplitHostPort(r.RemoteAddr)
		if !isLoopback(host) || !isLoopback(peer) || r.Header.Get("Origin") != "" {
			answerError(w, errs.Deniedf("this interface serves its own machine only"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ListenControl opens the address of a control interface, which must be a
// loopback address.
func ListenControl(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !isLoopback(host) {
		return nil, errs.Invalidf("control address %q: want a loopback address and a port, such as 127.0.0.1:7070", addr)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "the control interface cannot listen on %s", addr)
	}
	return ln, nil
}

// ServeControl serves the control interface until the listener is closed.
func (f *Fleet) ServeControl(ln net.Listener) error {
	s := &http.Server{Handler: f.Control(), ReadTimeout: 10 * time.Second, WriteTimeout: 60 * time.Second, MaxHeaderBytes: 8 << 10}
	if err := s.Serve(ln); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusBadRequest, errs.NotFound: http.StatusNotFound, errs.Conflict: http.StatusConflict, errs.Denied: http.StatusForbidden,
}

func answerError(w http.ResponseWriter, err error) {
	status, ok := statuses[errs.KindOf(err)]
	if !ok {
		status = http.StatusInternalServerError
	}
	answerJSON(w, status, map[string]string{"error": err.Error()})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a reader that is gone needs no answer
}
