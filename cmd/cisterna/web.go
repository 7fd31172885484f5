package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/oidc"
	"cisterna/internal/once"
	"cisterna/web"
	"cisterna/web/api"
	"cisterna/web/console"
)

// newWeb listens for the console and assembles what it serves.
func (a *App) newWeb(profiles deviceProfiles) error {
	if err := a.listenHTTP(); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	for _, c := range []counters{{"cisterna_link", a.Gateway.Stats()}, {"cisterna_telemetry", &a.Telemetry.Stats}} {
		if err := registry.Register(c); err != nil {
			return err
		}
	}
	if !console.Built() {
		a.log.Warn("this program was built without the console: only the API is served (make build)")
	}
	provider, err := a.provider()
	if err != nil {
		return err
	}
	a.Web, err = web.New(web.Options{
		API: api.Options{
			Accounts: a.People, Tokens: a.Tokens, Registry: a.Registry, Alarms: a.Alarms, Telemetry: a.Telemetry, Overview: a.Overview, Events: a.Events,
			Recalls: a.Recalls, Maintenance: a.Maintenance, Readings: a.Readings, Profiles: profiles.all, Desired: desired(a.o.Keys.trust, a.Keysets, a.Libraries, profiles),
			Orders: a.Dosing, Keysets: a.Keysets, Libraries: a.Libraries,
			Record: api.Record{
				List: func(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Row, int64, error) {
					return audit.List(ctx, a.DB, f, before, limit)
				},
				Get: func(ctx context.Context, f audit.Filter, id int64) (audit.Row, *audit.Proof, error) {
					return audit.Get(ctx, a.DB, f, id)
				},
				Newest: func(ctx context.Context) (audit.Checkpoint, bool, error) { return audit.Newest(ctx, a.DB) },
				Stored: func(ctx context.Context, id int64) (audit.Stored, error) { return audit.ReadStored(ctx, a.DB, id) },
				Stretch: func(ctx context.Context, f audit.Filter, detail func(int64) bool, from int64, limit int) (audit.Stretch, error) {
					return audit.ReadStretch(ctx, a.DB, f, detail, from, limit)
				},
				Prove: func(ctx context.Context, old int64) (tlog.TreeProof, audit.Checkpoint, error) {
					return audit.ProveTree(ctx, a.DB, old)
				},
				Export: func(ctx context.Context, w io.Writer) error {
					_, err := audit.Export(ctx, a.DB, w, a.o.Keys.record.Trust())
					return err
				},
				NoteExport: func(ctx context.Context, actor auth.Actor) error { return audit.NoteExport(ctx, a.DB, actor.String()) },
				Origin:     a.o.Keys.record.Origin(), Keys: []string{a.o.Keys.record.VerifierKey()},
			},
			Once: once.New(a.DB, time.Now), Lists: a.Lists,
			Enrol: a.o.PublicEnrol, Demo: a.demoPeople(), OIDC: provider,
		},
		Origin: a.URL(), Hosts: a.o.WebHosts, Proxies: a.o.Proxies, Console: console.Files(),
		Ready:   map[string]func(context.Context) error{"database": a.DB.PingContext, "endpoint": a.serving},
		Record:  a.Sequencer.Status,
		System:  a.system(),
		Gateway: a.Gateway.Stats(), Metrics: []prometheus.Gatherer{registry}, MetricsToken: a.o.MetricsKey,
		Log: a.log,
	})
	if err != nil {
		return err
	}
	a.http = a.Web.HTTP()
	if a.o.TLSCert != "" {
		return a.serveTLS()
	}
	return nil
}

// serving reports whether pumps are served: not before Start, not while another
// server holds the endpoint.
func (a *App) serving(context.Context) error {
	if !a.open.Load() {
		return errors.New("the endpoint of the pumps is not open")
	}
	return nil
}

// serveTLS puts TLS around the console's listeners. The files are read again
// when a certificate is renewed: at the next handshake a minute later.
func (a *App) serveTLS() error {
	load := newCertificate(a.o.TLSCert, a.o.TLSKey)
	a.page = load
	if _, err := load(nil); err != nil {
		return fieldError("tls-cert", a.o.TLSCert, err)
	}
	for i, ln := range a.httpLn {
		a.httpLn[i] = tls.NewListener(ln, consoleTLS(load))
	}
	return nil
}

// consoleTLS says what browsers and programs may speak: TLS 1.2 and 1.3, with forward
// secrecy and authenticated encryption only (OWASP ASVS 12.1). TLS 1.3 has no other.
func consoleTLS(load func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: load, NextProtos: []string{"http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}

// URL returns the console's address, which browsers find it at.
func (a *App) URL() string {
	if a.o.Origin != "" {
		return a.o.Origin
	}
	host, _, _ := net.SplitHostPort(a.o.HTTP)
	_, port, _ := net.SplitHostPort(a.httpLn[0].Addr().String())
	if a.o.TLSCert != "" {
		return "https://" + net.JoinHostPort(host, port)
	}
	return "http://" + net.JoinHostPort("localhost", port)
}

// provider returns the organisation's sign-in, which sends people back to the
// console.
func (a *App) provider() (*oidc.Provider, error) {
	if a.o.OIDC == nil {
		return nil, nil
	}
	c := *a.o.OIDC
	c.Redirect = a.URL() + api.OIDCReturn
	return oidc.New(c)
}

// demoPeople returns the people for the sign-in page, nil if this is no demo.
func (a *App) demoPeople() []api.DemoPerson {
	var out []api.DemoPerson
	for _, p := range a.o.Demo {
		role, site, _ := strings.Cut(p.Does, ", ")
		out = append(out, api.DemoPerson{Login: p.Login, Name: p.Name, Role: role, Site: site, Password: p.Password})
	}
	return out
}

// parseProxies reads the networks whose word about a request's origin counts.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if addr, e := netip.ParseAddr(s); e == nil {
			p, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fieldError("proxy", s, errors.New("want an address or a network, such as 10.0.0.0/8"))
		}
		out = append(out, p)
	}
	return out, nil
}

// newCertificate returns a source of the certificate in two files, read at most
// once a minute.
func newCertificate(certFile, keyFile string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	type state struct {
		cert *tls.Certificate
		at   time.Time
	}
	lock := make(chan state, 1)
	lock <- state{}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s := <-lock
		defer func() { lock <- s }()
		if s.cert != nil && time.Since(s.at) < time.Minute {
			return s.cert, nil
		}
		c, err := tls.LoadX509KeyPair(certFile, keyFile)
		s.at = time.Now()
		switch {
		case err == nil:
			s.cert = &c
		case s.cert == nil:
			return nil, err
		}
		return s.cert, nil // a half-written renewal leaves the old one in use
	}
}

// actor returns a person, or their program by an API token, with the roles they have
// now, to go on with work that they began (lists.Options.Actor).
func (a *App) actor(ctx context.Context, account, program int64) (auth.Actor, error) {
	who, err := a.People.Account(ctx, account)
	if err != nil {
		return auth.Actor{}, err
	}
	if who.Disabled() {
		return auth.Actor{}, errs.Deniedf("The account of %s is shut.", who.Name)
	}
	roles, err := a.Registry.Roles(ctx, account)
	if err != nil {
		return auth.Actor{}, err
	}
	if program == 0 {
		return who.Actor(roles), nil
	}
	t, err := a.Tokens.Active(ctx, account, program)
	return who.Actor(roles).ByToken(program, t.Sites), err
}
