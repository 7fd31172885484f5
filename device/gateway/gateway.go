// Package gateway is the server's end of the link: the MQTT endpoint that pumps
// connect to, and the listener where they enrol.
//
// It is a gateway and not a broker. It speaks the part of MQTT 3.1.1 that a
// pump needs, routes nothing between clients, keeps nothing for absent ones, and
// sends PUBACK only after the message is durable. LINK.md, The MQTT endpoint,
// holds its rules.
//
// # Invariants
//
//   - Who a connection is comes from its certificate alone: link id = client
//     id = common name. It publishes under its own up/ and hears its own dn/.
//   - A PUBACK follows its message's commit, on the connection that the message
//     came over, in the order of arrival; a message that was not stored is never
//     acknowledged, nor is any that came after it.
//   - Nothing a peer does, or fails to do, slows another link or holds more
//     than the bounds in limits.go.
//   - An idle connection costs one goroutine, one read buffer and no timer.
package gateway

import (
	"context"
	"crypto/x509"
	"net"
	"time"

	"cisterna/device/wire"
)

// Transport is a way to reach pumps. This package's Gateway is the direct one.
type Transport interface {
	// Run serves until ctx is done, then lets messages in flight finish and
	// closes every connection. It returns nil after an orderly end.
	Run(ctx context.Context) error
	// Push hands a message to a link's connection. It reports false if the link
	// is not connected here, did not subscribe to the kind, or does not read.
	// True promises nothing: only the pump's own signed answer does.
	Push(link string, m Outbound) bool
	// Kick cuts a link's connection. It does not wait for it.
	Kick(link, reason string)
	// Addr returns where pumps connect to.
	Addr() net.Addr
}

// Outbound is a message to a link.
type Outbound struct {
	Kind    wire.Kind
	Payload []byte // not changed by anyone after Push
	// Slot 0 is always queued. Another slot replaces the unsent message of the
	// same slot of that link, so that only the newest state is sent.
	Slot uint8
	// Along asks for no write of its own: the message leaves with what is written
	// next to the link, a PUBACK that is about to follow, so that a radio sends once
	// and not twice. If nothing follows it leaves within a second.
	Along bool
}

// Slots in use.
const (
	SlotQueue      uint8 = 0
	SlotMainAck    uint8 = 1 // dn/ack of the main lane
	SlotAlarmAck   uint8 = 2 // dn/ack of the alarm lane
	SlotCheckpoint uint8 = 3
)

// Inbound is one publication of a link. Payload belongs to the receiver.
type Inbound struct {
	Link    string
	Conn    uint64 // Session.Conn of the connection it came over
	Kind    wire.Kind
	Payload []byte
	At      time.Time // when it was read
}

// Inbox takes what pumps say.
type Inbox interface {
	// Deliver takes one uplink publication. It may block briefly, which holds up
	// that one link. done is called exactly once, from any goroutine, when the
	// message is durable: nil = committed, or refused and the refusal committed;
	// an error = not stored, so that there is no PUBACK and the connection
	// closes after five seconds. A call after the first does nothing.
	Deliver(in Inbound, done func(error))
	// Connected is called after CONNACK and before the connection's first
	// Deliver.
	Connected(s Session)
	// Broke is called before Disconnected when the pump broke a rule of the link, with
	// what it did (mqtt.IsTooLarge tells of a packet too long).
	Broke(s Session, why error)
	// Disconnected is called exactly once per Connected and after the
	// connection's last Deliver. After a takeover the newer session's Connected
	// may come first: tell sessions apart by Conn.
	Disconnected(s Session, reason string)
}

// Reasons for the end of a session.
const (
	ReasonClient    = "client"    // the pump said goodbye
	ReasonKeepAlive = "keepalive" // silent for 1.5 × the keep-alive
	ReasonTakeover  = "takeover"  // the same link connected again
	ReasonRevoked   = "revoked"   // the registry cut it
	ReasonProtocol  = "protocol"  // it broke a rule
	ReasonOverflow  = "overflow"  // it does not read what is sent to it
	ReasonIO        = "io"        // the connection broke, or a commit failed
	ReasonShutdown  = "shutdown"  // the server stops
)

// Session is one connection that was accepted.
type Session struct {
	Link         string
	Conn         uint64 // rises over the life of the process; unique with Boot
	Boot         string // random, per start of the server
	RemoteAddr   string
	At           time.Time
	CertSerial   string // lower-case hexadecimal; empty without TLS
	CertNotAfter time.Time
}

// Directory knows which links may connect. It answers from memory.
type Directory interface {
	// Admit returns nil if the link may connect with the certificate of that
	// serial (lower-case hexadecimal), and an errs.Denied that says why not.
	Admit(link, certSerial string) error
}

// Enroller issues certificates. The registry implements it. Its errors are of
// package errs; the kind decides what the pump is told.
type Enroller interface {
	// Root returns the signed root document in force.
	Root(ctx context.Context) ([]byte, error)
	// Enrol spends a one-time code. The proof of possession and the CSR have
	// been checked: link is the CSR's common name, key signed the request.
	Enrol(ctx context.Context, e Enrolment) (wire.EnrolReply, error)
	// Renew issues a new certificate for a link that is still active.
	Renew(ctx context.Context, r Renewal) (wire.CertReply, error)
}

// Enrolment is an EnrolRequest whose CSR and proof have been checked. Whether
// the code is good, and for this pump, is the Enroller's to say.
type Enrolment struct {
	Request    wire.EnrolRequest
	CSR        *x509.CertificateRequest
	Link       string         // the CSR's common name
	Key        wire.PublicKey // Request.Key, which signed the proof
	RemoteAddr string
}

// Renewal is a request for a new certificate, in band or for an expired one.
// The old certificate was issued by our authority to Link and the CSR is sound;
// the envelope's signature is the Enroller's to check (wire.OpenCertRequest),
// because only the registry knows the pump's key.
type Renewal struct {
	Link       string
	Envelope   []byte           // of a wire.CertRequest
	Claimed    wire.CertRequest // what the envelope holds, not yet verified
	CSR        *x509.CertificateRequest
	Old        *x509.Certificate
	Issued     bool // the enrolment listener proved that an authority of ours issued Old
	InBand     bool
	RemoteAddr string
}
