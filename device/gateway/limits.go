package gateway

import "time"

// Limits on one connection (LINK.md, The MQTT endpoint).
const (
	maxConnect    = 4 << 10   // bytes of CONNECT
	maxInFlight   = 16        // messages delivered and not done, per link
	maxOutbound   = 256 << 10 // bytes waiting to be written, per link
	readBuffer    = 1 << 10   // bytes, per connection that says little; four times as many in a burst
	writeChunk    = 32 << 10  // bytes that one write gathers before it goes out
	maxControl    = 64        // PINGREQ, SUBSCRIBE, UNSUBSCRIBE a link may send per tick
	maxKeepAlive  = 600 * time.Second
	connectWithin = 10 * time.Second // from accept to a whole CONNECT
	packetWithin  = 30 * time.Second // from a packet's first byte to its last
	writeWithin   = 10 * time.Second // for one write
	commitGrace   = 5 * time.Second  // from a failed commit to closing
	drainWithin   = 3 * time.Second  // for messages in flight when the server stops
)

// tick is how often time is looked at. One goroutine goes over all connections
// and compares numbers: that costs less than 0.1 % of a core at ten thousand
// pumps, and a connection needs neither timers nor a look at the clock per
// packet. Limits act up to one tick late, never early.
const tick = 500 * time.Millisecond

// ticks returns the number of ticks that a limit of d takes.
func ticks(d time.Duration) uint32 { return uint32((d + tick - 1) / tick) }
