package gateway

import (
	"net"
	"net/netip"
	"testing"
)

type addressed struct {
	net.Conn
	from net.Addr
}

func (c addressed) RemoteAddr() net.Addr { return c.from }

// TestOneNetworkGetsHalfThePlaces: idle sockets of one network do not keep
// others out, and leave nothing behind when they end.
func TestOneNetworkGetsHalfThePlaces(t *testing.T) {
	g := &Gateway{slots: make(chan struct{}, 8), pending: map[net.Conn]struct{}{}, pendingFrom: map[netip.Prefix]int{}}
	conn := func(ip string, port int) addressed {
		a, b := net.Pipe()
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return addressed{a, &net.TCPAddr{IP: net.ParseIP(ip), Port: port}}
	}
	var crowd []addressed
	for i := range 8 {
		c := conn("203.0.113.9", 1000+i)
		if got, want := g.admitPending(c), i < 4; got != want {
			t.Fatalf("connection %d of one network: admitted %v, want %v", i, got, want)
		}
		if i < 4 {
			crowd = append(crowd, c)
		}
	}
	if !g.admitPending(conn("203.0.113.10", 1)) {
		t.Error("another network is kept out")
	}
	for i := range 4 {
		c := conn("2001:db8::"+string(rune('1'+i)), 1)
		if !g.admitPending(c) {
			t.Errorf("IPv6 connection %d refused", i)
		}
	}
	if g.admitPending(conn("2001:db8::ffff", 1)) {
		t.Error("an IPv6 network got more by using many addresses")
	}
	for i := range 8 {
		if !g.admitPending(conn("127.0.0.1", 1+i)) {
			t.Error("this machine itself is kept out")
		}
	}
	for _, c := range crowd {
		g.endPending(c)
	}
	if !g.admitPending(conn("203.0.113.9", 2000)) {
		t.Error("places are not given back")
	}
}
