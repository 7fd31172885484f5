package emulator

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// pahoLink is a carrier on paho.mqtt.golang, so that a pump can be shown with a
// client that is not our own. It takes some ten goroutines a pump. Reconnecting
// stays the device's business: paho knows neither jitter nor our lanes.
type pahoLink struct {
	client paho.Client

	acked func(id uint16)

	mu sync.Mutex
	id uint16
}

const pahoWait = 10 * time.Second

// openPaho makes the connection c over its raw socket.
func (d *Device) openPaho(c *connected, o *mqtt.Options) error {
	p := &pahoLink{}
	p.acked = func(id uint16) { d.onPuback(p, id) }
	opts := paho.NewClientOptions().
		AddBroker("tcp://cisterna:1"). // never dialled: the socket is there already
		SetProtocolVersion(4).
		SetClientID(o.ClientID).
		SetCleanSession(true).
		SetKeepAlive(o.KeepAlive).
		SetPingTimeout(pahoWait).
		SetWriteTimeout(pahoWait).
		SetConnectTimeout(pahoWait).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetBinaryWill(o.Will.Topic, o.Will.Payload, o.Will.QoS, false).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return c.raw, nil }).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { d.hear([]byte(m.Topic()), m.Payload(), m.Retained()) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { d.lost(p, err) })
	p.client = paho.NewClient(opts)
	c.carrier = p
	if err := wait(p.client.Connect()); err != nil {
		return err
	}
	t := p.client.Subscribe(wire.DownFilter(o.ClientID), 0, nil).(*paho.SubscribeToken)
	if err := wait(t); err != nil {
		return err
	}
	for filter, code := range t.Result() {
		if code >= 0x80 { // paho leaves the error nil
			return fmt.Errorf("subscribe to %s: refused with %#x", filter, code)
		}
	}
	return nil
}

func wait(t paho.Token) error {
	if !t.WaitTimeout(pahoWait) {
		return errors.New("paho: no answer")
	}
	return t.Error()
}

// Append publishes at once: paho has no buffer of its own to fill. The id is
// ours, since paho gives its own away only later.
func (p *pahoLink) Append(topic string, qos byte, payload []byte) (uint16, error) {
	if !p.client.IsConnectionOpen() {
		return 0, errors.New("paho: not connected")
	}
	p.mu.Lock()
	p.id++
	if p.id == 0 {
		p.id++
	}
	id := p.id
	p.mu.Unlock()
	t := p.client.Publish(topic, qos, false, payload)
	if qos > 0 {
		go func() {
			<-t.Done()
			// A token ends without an error when the connection does; what was
			// in flight by then is forgotten with it, and this changes nothing.
			if t.Error() == nil {
				p.acked(id)
			}
		}()
	}
	return id, nil
}

// Flush does nothing: Append has published.
func (p *pahoLink) Flush() error { return nil }

// Tick does nothing: paho keeps its connection alive.
func (p *pahoLink) Tick(time.Time) error { return nil }

// Disconnect says goodbye.
func (p *pahoLink) Disconnect() error {
	p.client.Disconnect(250)
	return nil
}

// Close cuts the connection as far as paho lets one: with a goodbye.
func (p *pahoLink) Close() error {
	p.client.Disconnect(0)
	return nil
}
