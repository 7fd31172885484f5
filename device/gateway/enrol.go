package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/netutil"

	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

// Limits of the enrolment listener.
const (
	maxEnrolConns = 128 // connections at the same time, half of them from one network; then accepting waits
	maxEnrolling  = 8   // requests that reach the Enroller at the same time
	enrolWithin   = 20 * time.Second
)

// EnrolOptions make an EnrolServer. All but Now and Stats are required.
type EnrolOptions struct {
	Listener net.Listener // raw; the server does the TLS
	TLS      *tls.Config  // pki.ServerConfig without client certificates
	Enroller Enroller
	Clients  *x509.CertPool // authorities of client certificates, for renewals
	Logger   *slog.Logger
	Stats    *Stats // the Gateway's, so that all counters stand in one place
	Now      func() time.Time
}

// EnrolServer is the listener where pumps get their first certificate, and a
// new one when the old has expired (LINK.md, Enrolment; bodies and paths are in
// wire/enrol.go). It asks for no client certificate: a one-time code or the
// pump's own key is what counts, and every wrong one costs its sender.
type EnrolServer struct {
	ln       net.Listener
	http     *http.Server
	enroller Enroller
	clients  *x509.CertPool
	log      *slog.Logger
	stats    *Stats
	now      func() time.Time
	attempts *attempts
	slots    chan struct{}
}

// NewEnrolServer returns a server that listens already but serves only when run.
func NewEnrolServer(o EnrolOptions) (*EnrolServer, error) {
	if o.Listener == nil || o.TLS == nil || o.Enroller == nil || o.Clients == nil || o.Logger == nil {
		return nil, errors.New("enrolment: listener, TLS, enroller, client authorities and logger are required")
	}
	e := &EnrolServer{
		enroller: o.Enroller, clients: o.Clients, log: o.Logger.With("component", "enrol"), stats: o.Stats, now: o.Now,
		attempts: newAttempts(), slots: make(chan struct{}, maxEnrolling),
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.stats == nil {
		e.stats = new(Stats)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.EnrolRootPath, e.root)
	mux.HandleFunc("POST "+wire.EnrolPath, e.enrol)
	mux.HandleFunc("POST "+wire.EnrolRenewPath, e.renew)

	fair := &fairListener{Listener: o.Listener, most: maxEnrolConns / 2, crowded: func() { e.stats.EnrolCrowded.Add(1) }}
	settings := o.TLS.Clone()
	settings.NextProtos = []string{"http/1.1"}
	e.ln = tls.NewListener(netutil.LimitListener(fair, maxEnrolConns), settings)
	e.http = &http.Server{
		Handler: mux, MaxHeaderBytes: 8 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
	return e, nil
}

// Addr returns where pumps enrol.
func (e *EnrolServer) Addr() net.Addr { return e.ln.Addr() }

// Run serves until ctx is done and lets requests under way finish.
func (e *EnrolServer) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- e.http.Serve(e.ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("enrolment: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	if err := e.http.Shutdown(grace); err != nil {
		_ = e.http.Close()
	}
	<-done
	return nil
}

func (e *EnrolServer) root(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), enrolWithin)
	defer cancel()
	doc, err := e.enroller.Root(ctx)
	if err != nil {
		e.fail(w, r, err)
		return
	}
	reply(w, http.StatusOK, doc)
}

func (e *EnrolServer) enrol(w http.ResponseWriter, r *http.Request) {
	e.attempt(w, r, func(ctx context.Context, body []byte) ([]byte, error) {
		req, err := wire.DecodeEnrol[wire.EnrolRequest](body)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "the enrolment request cannot be read")
		}
		csr, err := pki.CheckCSR(req.CSR)
		if err != nil {
			return nil, err
		}
		signed, key, err := req.Open()
		if err != nil {
			return nil, errs.Wrap(errs.Denied, err, "the pump's proof does not hold")
		}
		link := csr.Subject.CommonName
		if !wire.ValidLink(link) || signed.Link != link {
			return nil, errs.Invalidf("the certificate request is for %q, the pump signed one for %q", clip([]byte(link)), signed.Link)
		}
		out, err := e.enroller.Enrol(ctx, Enrolment{Request: req, CSR: csr, Link: link, Key: key, RemoteAddr: r.RemoteAddr})
		if err != nil {
			return nil, err
		}
		e.stats.Enrolled.Add(1)
		return wire.Encode(out), nil
	})
}

func (e *EnrolServer) renew(w http.ResponseWriter, r *http.Request) {
	e.attempt(w, r, func(ctx context.Context, body []byte) ([]byte, error) {
		req, err := wire.DecodeEnrol[wire.RenewRequest](body)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "the renewal request cannot be read")
		}
		// However long ago it expired: whether the pump is still ours to serve is
		// what the registry says.
		old, err := pki.CheckIssued(req.OldLeaf, e.clients, e.now(), pki.AuthorityLife)
		if err != nil {
			return nil, err
		}
		renewal, err := checkRenewal(req.Envelope, old.Subject.CommonName)
		if err != nil {
			return nil, err
		}
		renewal.Old, renewal.Issued, renewal.RemoteAddr = old, true, r.RemoteAddr
		out, err := e.enroller.Renew(ctx, renewal)
		if err != nil {
			return nil, err
		}
		e.stats.EnrolRenewed.Add(1)
		return wire.Encode(out), nil
	})
}

// attempt runs one try at getting a certificate. A failure that is the asker's
// costs it one of its attempts.
func (e *EnrolServer) attempt(w http.ResponseWriter, r *http.Request, try func(ctx context.Context, body []byte) ([]byte, error)) {
	from := source(r.RemoteAddr)
	if wait := e.attempts.wait(from, e.now()); wait > 0 {
		e.stats.EnrolLimited.Add(1)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		e.fail(w, r, errs.New(errs.Throttled, "Too many failed attempts. Wait %s and check the claim slip.", wait.Round(time.Second)))
		return
	}
	if r.Header.Get("Content-Type") != wire.EnrolContentType {
		e.attempts.failed(from, e.now())
		e.fail(w, r, errs.Invalidf("the body must be %s", wire.EnrolContentType))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxEnrolRequest))
	if err != nil {
		e.attempts.failed(from, e.now())
		e.fail(w, r, errs.Wrap(errs.Invalid, err, "the body cannot be read or is larger than %d bytes", wire.MaxEnrolRequest))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), enrolWithin)
	defer cancel()
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		e.fail(w, r, errs.New(errs.Unavailable, "The server is busy; try again."))
		return
	}
	out, err := try(ctx, body)
	if err == nil {
		reply(w, http.StatusOK, out)
		return
	}
	if k := errs.KindOf(err); k != errs.Internal && k != errs.Unavailable {
		e.attempts.failed(from, e.now())
		e.stats.EnrolRefused.Add(1)
		e.log.Warn("enrolment refused", slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.String("error", err.Error()))
	}
	e.fail(w, r, err)
}

// statuses maps kinds of errors to HTTP.
var statuses = map[errs.Kind]int{
	errs.Invalid: http.StatusBadRequest, errs.NotFound: http.StatusNotFound, errs.Conflict: http.StatusConflict,
	errs.Denied: http.StatusForbidden, errs.Unauthorized: http.StatusForbidden, errs.Throttled: http.StatusTooManyRequests,
	errs.Unavailable: http.StatusServiceUnavailable,
}

func (e *EnrolServer) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := errs.KindOf(err)
	status, known := statuses[kind]
	if !known {
		status, kind = http.StatusInternalServerError, "internal"
		e.log.Error("enrolment failed", slog.String("path", r.URL.Path), slog.String("error", err.Error()))
	}
	reply(w, status, wire.Encode(wire.EnrolError{Code: string(kind), Text: errs.Message(err)}))
}

func reply(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", wire.EnrolContentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a peer that is gone needs no answer
}
