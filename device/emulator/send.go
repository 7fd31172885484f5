package emulator

import (
	"crypto/rand"
	"errors"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// collect returns what is to be published now: hello first, then alarms, then
// answers, and telemetry last. Called with d.mu held, while connected.
func (d *Device) collect(now time.Time) (out []publication) {
	if len(d.flights) > 0 && now.Sub(d.quiet) >= lostAfter {
		d.lastErr = "the server acknowledges nothing"
		d.hangUp()
		return nil
	}
	if !d.greeted {
		if !d.ready || d.guarded == 0 || d.off || d.settling {
			return nil
		}
		d.greeted = true
		out = append(out, publication{kind: wire.UpHello, what: whatHello, payload: d.hello(now)})
	}
	out = d.collectLane(out, wire.AlarmLane, alarmWindow, now)
	for len(d.answers) > 0 && d.other < otherWindow {
		out = append(out, publication{kind: wire.UpAck, payload: d.answers[0]})
		d.answers = d.answers[1:]
		d.other++
	}
	if len(d.answers) == 0 {
		d.answers = nil
	}
	if !now.Before(d.nextBeat) && !d.settling {
		d.nextBeat = now.Add(d.f.opt.Heartbeat)
		if !d.beating && d.welcome && !d.off {
			d.beating = true
			out = append(out, publication{kind: wire.UpHB, what: whatBeat, payload: d.heartbeat(now)})
		}
	}
	if p, ok := d.askCertificate(now); ok {
		out = append(out, p)
	}
	if d.welcome {
		out = d.collectLane(out, wire.MainLane, mainWindow, now)
	}
	out = append(out, d.extra...)
	d.extra = nil
	if d.shape != nil {
		out = d.shape.shape(out, now)
	}
	if !now.Before(d.nextTick) {
		d.nextTick = now.Add(d.f.opt.KeepAlive / 4)
		out = append(out, publication{}) // no message: a look at the keep-alive
	}
	return out
}

// send writes publications to the connection. Called by work, without d.mu.
func (d *Device) send(c carrier, out []publication) {
	if c == nil {
		return
	}
	now := d.f.opt.Now()
	for i := range out {
		p := &out[i]
		var err error
		switch {
		case p.payload == nil:
			err = c.Tick(now)
		case p.bytes:
			if err = c.Flush(); err == nil {
				err = d.sendBytes(c, p.payload)
			}
		default:
			err = d.publish(c, p, now)
		}
		if err != nil {
			d.lost(c, err)
			return
		}
	}
	if err := c.Flush(); err != nil {
		d.lost(c, err)
	}
}

func (d *Device) publish(c carrier, p *publication, now time.Time) error {
	// The lock is held over Append, which only fills a buffer, so that the
	// acknowledgement cannot come before its flight is known.
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != c {
		return nil
	}
	topic := p.topic
	if topic == "" {
		topic = wire.Topic(d.who.Link, p.kind)
	}
	if p.unasked {
		_, err := c.Append(topic, 0, p.payload)
		return err
	}
	id, err := c.Append(topic, 1, p.payload)
	if errors.Is(err, mqtt.ErrWindow) {
		// Only faults fill the window; what they keep out was not to be missed.
		d.landed(p.what)
		return nil
	}
	if err != nil {
		return err
	}
	if len(d.flights) == 0 {
		d.quiet = now
	}
	d.flights = append(d.flights, flight{id, p.what})
	d.f.stats.published.Add(1)
	return nil
}

func (d *Device) sendBytes(c carrier, b []byte) error {
	d.mu.Lock()
	raw := d.raw
	if d.conn != c {
		raw = nil
	}
	d.mu.Unlock()
	if raw == nil {
		return nil
	}
	if err := raw.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err := raw.Write(b)
	return err
}

// seal signs a payload, or, for measuring without signatures, leaves them empty.
func (d *Device) seal(k wire.Kind, payload []byte) []byte {
	if d.f.opt.Unsigned {
		return encode([][]byte{payload, {}})
	}
	return must(wire.Seal(rand.Reader, d.key, k, payload))
}

func (d *Device) hello(now time.Time) []byte {
	t := d.at(now.UnixMilli())
	main, alarm := d.jp.Head(wire.MainLane), d.jp.Head(wire.AlarmLane)
	return d.seal(wire.UpHello, wire.Encode(wire.Hello{
		Pump: d.id, Link: d.who.Link, Session: d.session, Min: wire.Version, Max: wire.Version,
		Serial: d.who.Serial, Model: d.who.Model, Firmware: d.st.Firmware, FirmwareComm: d.who.FirmwareComm,
		Boot: d.boot, Wall: t.Wall, Mono: uint64(max(t.Mono, 0)),
		Main: wire.Position{Epoch: main.Epoch, Seq: main.Last}, Alarm: wire.Position{Epoch: alarm.Epoch, Seq: alarm.Last},
		State:  d.state(now.UnixMilli(), true),
		Vendor: map[string]string{"emulator": "1"},
	}))
}

// state is what hello and heartbeats say of the pump.
func (d *Device) state(real int64, full bool) wire.State {
	state, program, window := d.st.StateHash(), d.st.Program.Hash(), d.windows.Current()
	s := wire.State{
		Run: d.machine().Sample(&d.st).Run, StateHash: state[:], ProgramHash: program[:], Profile: d.docs.profile.content[:],
		Gen: d.st.Gen, OrderEpoch: d.st.Epoch, Smaller: d.check.smaller, Fell: d.check.fell,
		Window: window[:], Counter: d.memory.Counter, StopCounter: d.memory.Stops,
	}
	if mark := d.reported(); full || mark != d.told {
		d.told, s.Report = mark, d.report(real)
	}
	if h := d.held; h != nil {
		s.Waits = &wire.Waits{Release: h.name, Left: uint64(max(h.until-d.at(real).Mono, 0))}
	}
	if d.check.note != "" {
		s.Checkpoint = wire.Checkpoint{Size: d.check.size, Root: d.check.root[:]}
	}
	if d.docs.keyset != nil {
		s.Keyset = d.docs.keyset.Version
	}
	if d.docs.library != nil {
		s.Library = d.docs.library.hash[:]
	}
	if full {
		s.Program, s.Contents = d.st.Program.Encode(), d.st.Contents.Encode()
	}
	return s
}

// reported sums up what a server needs a new report for.
func (d *Device) reported() order.Digest {
	state, waits := d.st.StateHash(), order.Digest{}
	if d.held != nil {
		waits = d.held.name
	}
	return dose.Sum("emulator.report", encode([]any{state[:], d.patient[:], d.site[:], d.st.Foreign, d.done[:], d.st.Clock.Bad, waits[:]}))
}

func (d *Device) heartbeat(now time.Time) []byte {
	real := now.UnixMilli()
	d.advance(real, false)
	t := d.at(real)
	return d.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
		Pump: d.id, Session: d.session, Boot: d.boot, Wall: t.Wall, Mono: uint64(max(t.Mono, 0)),
		Backlog: d.backlog(), State: d.state(real, false), Sample: wire.NewHeartbeatSample(d.machine().Sample(&d.st)), CommMV: d.commMV(now),
	}))
}

func (d *Device) backlog() (n uint64) {
	for _, l := range []wire.Lane{wire.MainLane, wire.AlarmLane} {
		h := d.jp.Head(l)
		n += h.Last - h.Cursor
	}
	return n
}

// commMV is the communicator's own battery, which its owner charges each night.
func (d *Device) commMV(now time.Time) int64 {
	if i := d.activeFault("comm-battery"); i >= 0 {
		return d.faults[i].Value
	}
	minute := (now.Unix()/60 + int64(d.id[0])*11) % (24 * 60)
	return 4150 - minute*500/(24*60)
}
