package wire

import "strings"

// Kind is what a topic carries: a direction and a name.
type Kind uint8

// Kinds of uplink, from a pump or its communicator.
const (
	UpHello Kind = iota + 1 // signed Hello, first after every connect
	UpTele                  // signed Batch of the main lane
	UpEvent                 // signed Batch of the main lane that should not wait
	UpAlarm                 // signed Batch of the alarm lane
	UpAck                   // signed Answer to a document
	UpHB                    // signed Heartbeat
	UpOTA                   // signed firmware report
	UpCert                  // signed CertRequest
	UpBye                   // Bye: the will
)

// Kinds of downlink, to a pump or its communicator.
const (
	DnOrder Kind = iota + 32
	DnStop
	DnAck // Cursors: what is committed
	DnKeyset
	DnLibrary
	DnOTA
	DnCert // CertReply
	DnRoot
	DnProfile
	DnCheckpoint // the newest checkpoint of the record, a signed note
)

var kindNames = map[Kind]string{
	UpHello: "up/hello", UpTele: "up/tele", UpEvent: "up/event", UpAlarm: "up/alarm", UpAck: "up/ack",
	UpHB: "up/hb", UpOTA: "up/ota", UpCert: "up/cert", UpBye: "up/bye",
	DnOrder: "dn/order", DnStop: "dn/stop", DnAck: "dn/ack", DnKeyset: "dn/keyset", DnLibrary: "dn/library",
	DnOTA: "dn/ota", DnCert: "dn/cert", DnRoot: "dn/root", DnProfile: "dn/profile", DnCheckpoint: "dn/checkpoint",
}

var kindsByName = func() map[string]Kind {
	m := make(map[string]Kind, len(kindNames))
	for k, n := range kindNames {
		m[n] = k
	}
	return m
}()

// Kinds returns all kinds, uplinks first.
func Kinds() []Kind {
	var ks []Kind
	for k := range Kind(64) {
		if _, ok := kindNames[k]; ok {
			ks = append(ks, k)
		}
	}
	return ks
}

// String returns the last two levels of the topic: "up/tele", "dn/ack".
func (k Kind) String() string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return "unknown"
}

// Up reports whether k goes from pump to server.
func (k Kind) Up() bool { return k >= UpHello && k <= UpBye }

// ParseKind is the inverse of Kind.String.
func ParseKind(s string) (Kind, bool) {
	k, ok := kindsByName[s]
	return k, ok
}

const topicPrefix = "cis/1/"

// Topic returns the topic of one kind of one link: cis/1/{shard}/{link}/up/tele.
func Topic(link string, k Kind) string {
	return topicPrefix + string(ShardOf(link)) + "/" + link + "/" + k.String()
}

// DownFilter returns the filter that covers everything sent to a link.
func DownFilter(link string) string {
	return topicPrefix + string(ShardOf(link)) + "/" + link + "/dn/#"
}

// ValidLink reports whether s can be a link id: [A-Za-z0-9_-]{1,64}.
func ValidLink(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// ParseTopic takes a topic apart. It refuses a bad link, an unknown kind and a
// shard that is not the link's.
func ParseTopic(topic string) (link string, k Kind, err error) {
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	if !ok || len(rest) < 3 || rest[1] != '/' {
		return "", 0, malformed("topic %q is not cis/1/{shard}/{link}/…", clip(topic))
	}
	link, name, ok := strings.Cut(rest[2:], "/")
	if !ok || !ValidLink(link) {
		return "", 0, malformed("topic %q names no valid link", clip(topic))
	}
	if rest[0] != ShardOf(link) {
		return "", 0, malformed("topic %q: link %s belongs to shard %c", clip(topic), link, ShardOf(link))
	}
	k, ok = ParseKind(name)
	if !ok {
		return "", 0, malformed("topic %q carries no known kind", clip(topic))
	}
	return link, k, nil
}

// Filter says what a SUBSCRIBE of link may ask for: its own dn/#, or one of its
// own dn topics. Anything else is refused with 0x80.
func Filter(link, filter string) bool {
	if filter == DownFilter(link) {
		return true
	}
	l, k, err := ParseTopic(filter)
	return err == nil && l == link && !k.Up()
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
