package gateway

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// office is a registry of one pump: it knows one code and one pump key.
type office struct {
	mu       sync.Mutex
	ca       *pki.Authority
	code     string
	key      wire.PublicKey
	err      error // answers everything, if set
	renewals []Renewal
}

const testCode = "AB12-CD34-EF56"

func (o *office) Root(context.Context) ([]byte, error) { return []byte("the root"), o.err }

func (o *office) Enrol(_ context.Context, e Enrolment) (wire.EnrolReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return wire.EnrolReply{}, o.err
	}
	if e.Request.Code != o.code {
		return wire.EnrolReply{}, errs.Deniedf("this code is not good")
	}
	o.code, o.key = "", e.Key
	_, chain, err := o.ca.IssueClient(e.CSR, time.Now())
	return wire.EnrolReply{Chain: chain, Root: []byte("the root"), MQTT: "localhost:8883", Shard: string(wire.ShardOf(e.Link))}, err
}

func (o *office) Renew(_ context.Context, r Renewal) (wire.CertReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return wire.CertReply{}, o.err
	}
	if _, err := wire.OpenCertRequest(r.Envelope, o.key); err != nil {
		return wire.CertReply{}, errs.Wrap(errs.Denied, err, "not signed by the pump")
	}
	o.renewals = append(o.renewals, r)
	cert, chain, err := o.ca.IssueClient(r.CSR, time.Now())
	if err != nil {
		return wire.CertReply{}, err
	}
	return wire.CertReply{Chain: chain, NotAfter: cert.NotAfter.Unix()}, nil
}

// enrolment is an enrolment server under test and a client of it.
type enrolment struct {
	*EnrolServer
	t      *testing.T
	off    *office
	url    string
	client *http.Client
	clock  time.Time
}

func startEnrolment(t *testing.T) *enrolment {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ca := testAuthority()
	source, err := ca.ServerSource([]string{"127.0.0.1"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e := &enrolment{t: t, off: &office{ca: ca, code: testCode}, clock: time.Now()}
	e.EnrolServer, err = NewEnrolServer(EnrolOptions{
		Listener: ln, TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source}), Enroller: e.off, Clients: ca.Pool(),
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return e.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	e.url = "https://" + e.Addr().String()
	e.client = &http.Client{Transport: &http.Transport{TLSClientConfig: pki.ClientConfig(pki.ClientOptions{Roots: ca.Pool()})}, Timeout: 20 * time.Second}
	t.Cleanup(e.client.CloseIdleConnections)
	return e
}

func (e *enrolment) post(path string, body []byte) (int, []byte) {
	e.t.Helper()
	r, err := e.client.Post(e.url+path, wire.EnrolContentType, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return r.StatusCode, b
}

// applicant is a pump and its communicator that want a certificate.
type applicant struct {
	pump crypto.Signer
	comm *ecdsa.PrivateKey
}

func newApplicant(t testing.TB) applicant {
	t.Helper()
	_, pump, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	comm, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return applicant{pump, comm}
}

func (a applicant) key(t testing.TB) wire.PublicKey {
	t.Helper()
	k, err := wire.NewPublicKey(a.pump.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ask returns a CSR and the envelope of a request for it.
func (a applicant) ask(t testing.TB, link string, change ...func(*wire.CertRequest)) (csr, envelope []byte) {
	t.Helper()
	csr, err := pki.NewCSR(a.comm, link)
	if err != nil {
		t.Fatal(err)
	}
	req := wire.CertRequest{Pump: a.key(t).PumpID(), Link: link, CSR: csr, Wall: time.Now().UnixMilli()}
	for _, f := range change {
		f(&req)
	}
	envelope, err = wire.Seal(rand.Reader, a.pump, wire.UpCert, wire.Encode(req))
	if err != nil {
		t.Fatal(err)
	}
	return csr, envelope
}

func (a applicant) request(t testing.TB, link string) wire.EnrolRequest {
	t.Helper()
	csr, proof := a.ask(t, link)
	return wire.EnrolRequest{Code: testCode, CSR: csr, Serial: "P-1", Model: "M", Key: a.key(t).String(), Proof: proof}
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	e := startEnrolment(t)
	r, err := e.client.Get(e.url + wire.EnrolRootPath)
	if err != nil {
		t.Fatal(err)
	}
	root, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || string(root) != "the root" || r.Header.Get("Content-Type") != wire.EnrolContentType || r.ProtoMajor != 1 || r.TLS.Version != tls.VersionTLS13 {
		t.Errorf("root %q, %v, %s", root, err, r.Proto)
	}
	a := newApplicant(t)
	status, body := e.post(wire.EnrolPath, wire.Encode(a.request(t, "COMM-1")))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	reply, err := wire.DecodeEnrol[wire.EnrolReply](body)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(reply.Chain[0])
	if err != nil || leaf.Subject.CommonName != "COMM-1" || !a.comm.PublicKey.Equal(leaf.PublicKey) || e.off.key != a.key(t) {
		t.Errorf("certificate %v, %v", leaf.Subject, err)
	}
	// The certificate opens the endpoint.
	g := start(t)
	conn, err := tls.Dial("tcp", g.addr, pki.ClientConfig(pki.ClientOptions{Roots: g.ca.Pool(), ServerName: "localhost", Chain: reply.Chain, Key: a.comm}))
	if err != nil {
		t.Fatal(err)
	}
	p := g.peerOn(conn)
	p.send(connectPacket("COMM-1"))
	p.expect(mqtt.AppendConnack(nil, 0))
	// The code is spent.
	status, body = e.post(wire.EnrolPath, wire.Encode(a.request(t, "COMM-1")))
	if f, err := wire.DecodeEnrol[wire.EnrolError](body); status != http.StatusForbidden || err != nil || f.Code != "denied" {
		t.Errorf("%d %v %v", status, f, err)
	}
}

func TestEnrolmentRefuses(t *testing.T) {
	t.Parallel()
	a, other := newApplicant(t), newApplicant(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(r *wire.EnrolRequest)) []byte {
		r := a.request(t, "COMM-1")
		f(&r)
		return wire.Encode(r)
	}
	tests := []struct {
		name   string
		body   []byte
		status int
	}{
		{"garbage", []byte("hello"), 400},
		{"nothing", nil, 400},
		{"too large", make([]byte, wire.MaxEnrolRequest+1), 400},
		{"wrong code", change(func(r *wire.EnrolRequest) { r.Code = "XXXX-XXXX-XXXX" }), 403},
		{"code of another form", change(func(r *wire.EnrolRequest) { r.Code = "' OR 1=1" }), 400},
		{"another pump's key", change(func(r *wire.EnrolRequest) { r.Key = other.key(t).String() }), 403},
		{"no proof", change(func(r *wire.EnrolRequest) { r.Proof = nil }), 403},
		{"another CSR than was signed", change(func(r *wire.EnrolRequest) { r.CSR, _ = a.ask(t, "COMM-2") }), 403},
		{"P-384", change(func(r *wire.EnrolRequest) {
			r.CSR, err = pki.NewCSR(p384, "COMM-1")
			if err != nil {
				t.Fatal(err)
			}
		}), 400},
		{"common name is no link", wire.Encode(wire.EnrolRequest{Code: testCode, CSR: func() []byte { csr, _ := pki.NewCSR(a.comm, "a/b"); return csr }(), Key: a.key(t).String()}), 403},
		{"signed for another link", func() []byte {
			csr, proof := a.ask(t, "COMM-1", func(r *wire.CertRequest) { r.Link = "COMM-2" })
			return wire.Encode(wire.EnrolRequest{Code: testCode, CSR: csr, Key: a.key(t).String(), Proof: proof})
		}(), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := startEnrolment(t)
			status, body := e.post(wire.EnrolPath, tt.body)
			f, err := wire.DecodeEnrol[wire.EnrolError](body)
			if status != tt.status || err != nil || f.Text == "" || f.Code == "" {
				t.Errorf("%d %+v %v, want %d", status, f, err, tt.status)
			}
			if e.off.code != testCode {
				t.Error("the code was spent")
			}
		})
	}
}

func TestEnrolmentErrors(t *testing.T) {
	t.Parallel()
	e := startEnrolment(t)
	a := newApplicant(t)
	body := wire.Encode(a.request(t, "COMM-1"))
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("pq: password of the database is hunter2"), 500, "internal"},
		{errs.New(errs.Unavailable, "The database is down."), 503, "unavailable"},
		{errs.Conflictf("pump P-1 is explanted"), 409, "conflict"},
		{errs.NotFoundf("no pump P-1"), 404, "not_found"},
	} {
		e.off.err = tt.err
		status, b := e.post(wire.EnrolPath, body)
		f, err := wire.DecodeEnrol[wire.EnrolError](b)
		if status != tt.status || f.Code != tt.code || err != nil || strings.Contains(f.Text, "hunter2") {
			t.Errorf("%v: %d %+v %v", tt.err, status, f, err)
		}
	}
	e.off.err = nil
	for path, want := range map[string]int{"/": 404, "/v1/enrol/x": 404, wire.EnrolRootPath + "?x": 405, "/metrics": 404} {
		if status, _ := e.post(path, nil); status != want {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	r, err := e.client.Post(e.url+wire.EnrolPath, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 400 {
		t.Errorf("JSON: %d", r.StatusCode)
	}
	settings := pki.ClientConfig(pki.ClientOptions{Roots: testAuthority().Pool(), ServerName: "127.0.0.1", TLS12: true})
	if conn, err := tls.Dial("tcp", e.Addr().String(), settings); err == nil {
		conn.Close()
		t.Error("TLS 1.2 is taken")
	}
}

// TestEnrolmentAttempts: wrong codes are used up, right ones cost nothing.
func TestEnrolmentAttempts(t *testing.T) {
	t.Parallel()
	e := startEnrolment(t)
	a := newApplicant(t)
	good := wire.Encode(a.request(t, "COMM-1"))
	wrong := a.request(t, "COMM-1")
	wrong.Code = "XXXX-XXXX-XXXX"
	for range 3 * addressBurst {
		e.off.mu.Lock()
		e.off.code = testCode
		e.off.mu.Unlock()
		if status, b := e.post(wire.EnrolPath, good); status != 200 {
			t.Fatalf("a good one: %d %s", status, b)
		}
	}
	for i := range addressBurst {
		if status, _ := e.post(wire.EnrolPath, wire.Encode(wrong)); status != 403 {
			t.Fatalf("attempt %d: %d", i, status)
		}
	}
	e.off.code = testCode
	r, err := e.client.Post(e.url+wire.EnrolPath, wire.EnrolContentType, bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" || e.off.code != testCode {
		t.Errorf("after %d wrong codes: %d, Retry-After %q", addressBurst, r.StatusCode, r.Header.Get("Retry-After"))
	}
	if status, _ := e.post(wire.EnrolRenewPath, nil); status != 429 {
		t.Errorf("renewal: %d", status)
	}
	e.clock = e.clock.Add(addressEvery)
	if status, b := e.post(wire.EnrolPath, good); status != 200 {
		t.Errorf("after waiting: %d %s", status, b)
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	if source("192.0.2.1:99") == source("192.0.2.2:99") || source("[2001:db8::1]:1") != source("[2001:db8::ffff]:2") ||
		source("[2001:db8::1]:1") == source("[2001:db8:0:1::1]:1") || source("[::ffff:192.0.2.1]:1") != source("192.0.2.1:5") {
		t.Error("sources are told apart wrongly")
	}
	a := newAttempts()
	// One address after the other: the sum has a limit too.
	n := 0
	for i := range 2 * allBurst {
		from := source(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250))
		if a.wait(from, now) > 0 {
			break
		}
		a.failed(from, now)
		n++
	}
	if n != allBurst {
		t.Errorf("%d attempts altogether, want %d", n, allBurst)
	}
	// The table of addresses is bounded, and those it has no room for share.
	for i := range maxAddresses + crowdedBurst {
		a.failed(source(fmt.Sprintf("10.%d.%d.1:1", 1+i/250, i%250)), now)
	}
	if len(a.sources) > maxAddresses {
		t.Errorf("%d addresses kept", len(a.sources))
	}
	if until(a.crowd, now) == 0 {
		t.Error("a stranger in a crowd may try at once")
	}
	// In time all is forgotten.
	later := now.Add(time.Hour)
	a.failed(source("203.0.113.9:1"), later)
	if len(a.sources) != 1 || a.wait(source("203.0.113.9:1"), later) != 0 {
		t.Errorf("%d addresses kept after an hour", len(a.sources))
	}
}

func TestRenewExpired(t *testing.T) {
	t.Parallel()
	e := startEnrolment(t)
	a, other := newApplicant(t), newApplicant(t)
	e.off.key = a.key(t)
	issue := func(ca *pki.Authority, link string, at time.Time) []byte {
		csr, _ := a.ask(t, link)
		req, err := pki.CheckCSR(csr)
		if err != nil {
			t.Fatal(err)
		}
		_, chain, err := ca.IssueClient(req, at)
		if err != nil {
			t.Fatal(err)
		}
		return chain[0]
	}
	stranger, err := pki.Create("stranger", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, own := a.ask(t, "COMM-1")
	_, foreign := a.ask(t, "COMM-2")
	_, forged := other.ask(t, "COMM-1", func(r *wire.CertRequest) { r.Pump = a.key(t).PumpID() })
	expired := issue(e.off.ca, "COMM-1", time.Now().Add(-40*24*time.Hour))
	tests := []struct {
		name   string
		req    wire.RenewRequest
		status int
	}{
		{"expired", wire.RenewRequest{Envelope: own, OldLeaf: expired}, 200},
		{"not yet expired", wire.RenewRequest{Envelope: own, OldLeaf: issue(e.off.ca, "COMM-1", time.Now())}, 200},
		{"another link's certificate", wire.RenewRequest{Envelope: own, OldLeaf: issue(e.off.ca, "COMM-2", time.Now())}, 403},
		{"for another link", wire.RenewRequest{Envelope: foreign, OldLeaf: expired}, 403},
		{"another authority's certificate", wire.RenewRequest{Envelope: own, OldLeaf: issue(stranger, "COMM-1", time.Now())}, 403},
		{"signed by another pump", wire.RenewRequest{Envelope: forged, OldLeaf: expired}, 403},
		{"no certificate", wire.RenewRequest{Envelope: own}, 403},
		{"no request", wire.RenewRequest{OldLeaf: expired}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e.clock = e.clock.Add(time.Hour) // attempts are not what is tested
			status, b := e.post(wire.EnrolRenewPath, wire.Encode(tt.req))
			if status != tt.status {
				t.Fatalf("%d %s, want %d", status, b, tt.status)
			}
			if status == 200 {
				reply, err := wire.Decode[wire.CertReply](b)
				if err != nil || len(reply.Chain) != 1 {
					t.Errorf("%v %v", reply, err)
				}
			}
		})
	}
	if len(e.off.renewals) != 2 || e.off.renewals[0].InBand || e.off.renewals[0].Link != "COMM-1" || e.off.renewals[0].Old == nil {
		t.Errorf("renewals %+v", e.off.renewals)
	}
}

func TestRenewInBand(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	off := &office{ca: testAuthority()}
	e := start(t, func(o *Options) { o.Enroller = off })
	a := newApplicant(t)
	off.key = a.key(t)
	p := e.join(link)
	_, own := a.ask(t, link)
	p.send(mqtt.AppendPublish(nil, wire.Topic(link, wire.UpCert), 1, 1, false, own))
	var reply wire.CertReply
	acked := false
	for reply.Chain == nil || !acked {
		q, err := p.rd.ReadPacket()
		if err != nil {
			t.Fatal(err)
		}
		switch q.Type {
		case mqtt.Puback:
			acked = true
		case mqtt.Publish:
			m, err := mqtt.ParsePublish(q)
			if err != nil || string(m.Topic) != wire.Topic(link, wire.DnCert) {
				t.Fatal(string(m.Topic), err)
			}
			if reply, err = wire.Decode[wire.CertReply](m.Payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	if leaf, err := x509.ParseCertificate(reply.Chain[0]); err != nil || leaf.Subject.CommonName != link || reply.NotAfter != leaf.NotAfter.Unix() {
		t.Errorf("%v", err)
	}
	if r := off.renewals[0]; !r.InBand || r.Old.Subject.CommonName != link || r.Claimed.Link != link {
		t.Errorf("renewal %+v", r)
	}

	// Refusals are final for the message: acknowledged, no answer.
	other := newApplicant(t)
	_, foreign := a.ask(t, "COMM-2")
	_, forged := other.ask(t, link)
	for i, envelope := range [][]byte{[]byte("garbage"), foreign, forged} {
		p.send(mqtt.AppendPublish(nil, wire.Topic(link, wire.UpCert), 1, uint16(i+2), false, envelope))
		p.acks(uint16(i + 2))
	}
	if n := e.Stats().RenewRefused.Load(); n != 3 || len(off.renewals) != 1 {
		t.Errorf("%d refused, %d renewed", n, len(off.renewals))
	}
	// An outage is not: no PUBACK, and the pump tries again.
	off.mu.Lock()
	off.err = errors.New("database is down")
	off.mu.Unlock()
	p.send(mqtt.AppendPublish(nil, wire.Topic(link, wire.UpCert), 1, 9, false, own))
	if rest := p.expectClosed(); len(rest) != 0 {
		t.Errorf("sent % x", rest)
	}
	if len(e.in.messages(t, 0)) != 0 {
		t.Error("the inbox was bothered")
	}
}
