package gateway

import "sync/atomic"

// Stats counts what happened since the start. Fields are read with Load at any
// time; they are not a consistent snapshot of each other.
type Stats struct {
	Accepted        atomic.Uint64 // sockets accepted
	AcceptErrors    atomic.Uint64 // Accept failed, such as for want of descriptors
	Crowded         atomic.Uint64 // closed at once: their network had half of the places already
	Flooding        atomic.Uint64 // closed at once: their network connects too often
	Flapping        atomic.Uint64 // links made to wait, or closed, because they connect too often
	Pending         atomic.Int64  // sockets between accept and CONNACK now
	HandshakeFailed atomic.Uint64 // TLS handshakes that failed, whoever's fault
	Denied          atomic.Uint64 // connections that the directory refused
	RefusedProtocol atomic.Uint64 // CONNECT of another protocol level
	RefusedIdentity atomic.Uint64 // client id that is not the certificate's
	RefusedRights   atomic.Uint64 // will outside the link's own up/
	BadConnect      atomic.Uint64 // no CONNECT, a malformed one, or none in time
	Connected       atomic.Uint64 // CONNACK 0
	Sessions        atomic.Int64  // connected now

	Received     atomic.Uint64 // PUBLISH delivered to the inbox
	ReceivedSize atomic.Uint64 // bytes of their payloads
	Acked        atomic.Uint64 // PUBACK queued
	FailedCommit atomic.Uint64 // messages that were not stored
	Held         atomic.Uint64 // times a link was made to wait
	Sent         atomic.Uint64 // PUBLISH queued to pumps
	Coalesced    atomic.Uint64 // of which replaced by a newer one before they were written
	Unsent       atomic.Uint64 // Push that found nobody to send to
	Writes       atomic.Uint64 // calls of Write
	Wrote        atomic.Uint64 // bytes written

	Takeovers atomic.Uint64
	Kicked    atomic.Uint64
	KeepAlive atomic.Uint64 // closed for silence, or for a packet never finished
	Protocol  atomic.Uint64 // closed for breaking a rule
	Overflow  atomic.Uint64 // closed for not reading
	Wills     atomic.Uint64 // wills delivered

	Renewed      atomic.Uint64 // certificates renewed in band
	RenewRefused atomic.Uint64
	Enrolled     atomic.Uint64 // at the enrolment listener
	EnrolRefused atomic.Uint64
	EnrolLimited atomic.Uint64 // attempts over the rate limit
	EnrolCrowded atomic.Uint64 // closed at once: their network had half of the places already
	EnrolRenewed atomic.Uint64 // expired certificates renewed
}
