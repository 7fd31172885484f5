package emulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

const enrolTimeout = 30 * time.Second

// Enrol spends a claim slip: it makes the pump's keys, gets its certificate and
// its documents, and keeps them. The root must be the slip's; the server must
// chain to an authority that the root names. The implant is made when it is
// first started, or given a past: see [Device.Start] and [Device.SeedHistory]. Enrolling a
// serial that this fleet has already is a conflict.
func (f *Fleet) Enrol(ctx context.Context, slip wire.Slip, b Blueprint) (*Device, error) {
	if b.Link == "" {
		b.Link = "C-" + b.Serial
	}
	if b.Alg == 0 {
		b.Alg = wire.Ed25519
	}
	if b.Serial == "" || b.Model == "" || !wire.ValidLink(b.Link) {
		return nil, errs.Invalidf("pump %q of model %q with communicator %q: want a serial, a model, and a communicator of 1 to 64 letters, digits, - and _", b.Serial, b.Model, b.Link)
	}
	if _, known := f.Device(b.Serial); known {
		return nil, errs.Conflictf("pump %s is enrolled already", b.Serial)
	}
	key, err := newKey(b)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pump key: %w", err)
	}
	id := identity{
		Serial: b.Serial, Model: b.Model, Link: b.Link, Key: der, Seed: b.Seed, Zone: b.Zone, Scale: b.Scale,
		Firmware: f.opt.Firmware, FirmwareComm: f.opt.FirmwareComm, Enrol: slip.Server, Patient: b.Patient, Empty: b.Empty,
	}
	docs, cred, err := f.claim(ctx, slip, &id)
	if err != nil {
		return nil, fmt.Errorf("enrol pump %s: %w", b.Serial, err)
	}
	if want := docs.profile.machine.Profile(); want.SampleEach == 0 {
		return nil, errs.Invalidf("pump %s: model %s has no link", b.Serial, want.Name)
	}
	return f.keep(id, docs, cred)
}

// keep adds a pump to the fleet and waits until the vault has it.
func (f *Fleet) keep(id identity, docs documents, cred credential) (*Device, error) {
	d, err := f.newDevice(id, docs)
	if err != nil {
		return nil, err
	}
	err = d.safe.AppendWait(journal.Write{Items: []journal.Item{
		{Key: itemIdentity, Value: encode(id)},
		{Key: itemCredential, Value: encode(cred)},
		{Key: itemDocuments, Value: encode(docs.kept())},
	}})
	if err != nil {
		return nil, fmt.Errorf("keep pump %s: %w", id.Serial, err)
	}
	return d, f.add(d)
}

// claim gets a certificate for a communicator and the documents of its pump.
func (f *Fleet) claim(ctx context.Context, slip wire.Slip, id *identity) (docs documents, cred credential, err error) {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	root, err := f.pinnedRoot(ctx, slip)
	if err != nil {
		return docs, cred, err
	}
	linkKey, linkDER, err := newLinkKey()
	if err != nil {
		return docs, cred, err
	}
	csr, err := pki.NewCSR(linkKey, id.Link)
	if err != nil {
		return docs, cred, err
	}
	pumpKey, err := parseKey(id.Key)
	if err != nil {
		return docs, cred, err
	}
	pub, err := wire.NewPublicKey(pumpKey.Public())
	if err != nil {
		return docs, cred, err
	}
	proof, err := wire.Seal(rand.Reader, pumpKey, wire.UpCert, wire.Encode(wire.CertRequest{Pump: pub.PumpID(), Link: id.Link, CSR: csr, Wall: f.opt.Now().UnixMilli()}))
	if err != nil {
		return docs, cred, err
	}
	body, err := f.post(ctx, slip.Server, wire.EnrolPath, root.pool, wire.Encode(wire.EnrolRequest{
		Code: slip.Code, CSR: csr, Serial: id.Serial, Model: id.Model, Key: pub.String(), Proof: proof,
	}))
	if err != nil {
		return docs, cred, err
	}
	reply, err := wire.DecodeEnrol[wire.EnrolReply](body)
	if err != nil {
		return docs, cred, err
	}
	cred = credential{Chain: reply.Chain, Key: linkDER}
	leaf, _, err := cred.parse()
	if err != nil {
		return docs, cred, err
	}
	if leaf.Subject.CommonName != id.Link || reply.Shard != string(wire.ShardOf(id.Link)) {
		return docs, cred, fmt.Errorf("asked for communicator %s, got a certificate of %q in shard %q", id.Link, leaf.Subject.CommonName, reply.Shard)
	}
	id.MQTT = reply.MQTT
	if id.Site.IsZero() {
		id.Site = reply.Site // a new communicator does not move the pump
	}
	docs, err = f.firstDocuments(root, reply)
	return docs, cred, err
}

// firstDocuments checks what came with the certificate.
func (f *Fleet) firstDocuments(root *rootDoc, reply wire.EnrolReply) (docs documents, err error) {
	if order.Hash(reply.Root) != root.hash {
		return docs, errors.New("the server enrolled under another root than the one on the slip")
	}
	docs.root = root
	if docs.profile, err = f.shelf.profile(root, reply.Profile); err != nil {
		return docs, err
	}
	if len(reply.Keyset) > 0 {
		if docs.keyset, err = f.shelf.keyset(root, reply.Keyset); err != nil {
			return docs, err
		}
	}
	if len(reply.Library) > 0 {
		if docs.library, err = f.shelf.library(root, reply.Library); err != nil {
			return docs, err
		}
	}
	return docs, nil
}

// pinnedRoot fetches the root that the slip names. Whoever answers is believed
// in nothing but these bytes, and only after a look at their hash; then the very
// peer that sent them must chain to an authority in them.
func (f *Fleet) pinnedRoot(ctx context.Context, slip wire.Slip) (*rootDoc, error) {
	var peer *tls.ConnectionState
	client := f.client(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the slip's hash stands in; the chain is checked below
		VerifyConnection: func(cs tls.ConnectionState) error {
			peer = &cs
			return nil
		},
	})
	defer client.CloseIdleConnections()
	b, err := get(ctx, client, "https://"+slip.Server+wire.EnrolRootPath)
	if err != nil {
		return nil, err
	}
	r, err := order.OpenRoot(b, slip.Root)
	if err != nil {
		return nil, err
	}
	if !r.Valid(f.opt.Now()) {
		return nil, fmt.Errorf("the root is good from %s to %s, and now it is %s", time.Unix(r.Issued, 0).UTC(), time.Unix(r.Expires, 0).UTC(), f.opt.Now().UTC())
	}
	root, err := f.shelf.root(b, r)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(slip.Server)
	if err != nil {
		return nil, fmt.Errorf("claim slip: %w", err)
	}
	rest := x509.NewCertPool()
	for _, c := range peer.PeerCertificates[1:] {
		rest.AddCert(c)
	}
	if _, err := peer.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: root.pool, Intermediates: rest, DNSName: host, CurrentTime: f.opt.Now()}); err != nil {
		return nil, fmt.Errorf("the server that sent the root is not one that the root names: either it is misconfigured, or somebody stands between: %w", err)
	}
	return root, nil
}

// renewExpired gets a new certificate in place of one that has expired and can
// no longer open the endpoint.
func (f *Fleet) renewExpired(ctx context.Context, server string, root *rootDoc, envelope, oldLeaf []byte) (wire.CertReply, error) {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	body, err := f.post(ctx, server, wire.EnrolRenewPath, root.pool, wire.Encode(wire.RenewRequest{Envelope: envelope, OldLeaf: oldLeaf}))
	if err != nil {
		return wire.CertReply{}, err
	}
	return wire.Decode[wire.CertReply](body)
}

func (f *Fleet) client(c *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         func(ctx context.Context, _, addr string) (net.Conn, error) { return f.opt.Dial(ctx, addr) },
			TLSClientConfig:     c,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns:        1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the enrolment listener redirects nobody")
		},
	}
}

func get(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(c, req)
}

func (f *Fleet) post(ctx context.Context, server, path string, pool *x509.CertPool, body []byte) ([]byte, error) {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", server, err)
	}
	c := f.client(pki.ClientConfig(pki.ClientOptions{Roots: pool, ServerName: host}))
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", wire.EnrolContentType)
	return do(c, req)
}

// do returns the body of a good answer, and the server's own words for a bad one.
func do(c *http.Client, req *http.Request) ([]byte, error) {
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxEnrolReply+1))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return b, nil
	}
	e, err := wire.DecodeEnrol[wire.EnrolError](b)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status)
	}
	return nil, errs.New(errs.Kind(strings.TrimPrefix(e.Code, "internal")), "%s", e.Text)
}
