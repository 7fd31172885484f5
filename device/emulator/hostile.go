package emulator

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// hostile makes a fault of publications that no honest pump sends. They pass the
// journal by, so that the pump's own stream stays as it is.
func hostile(make func(d *Device, f Fault) []publication) func(*Device, Fault) (func(*Device), error) {
	return func(d *Device, f Fault) (func(*Device), error) {
		if d.conn == nil {
			return nil, errs.Conflictf("pump %s is not connected", d.who.Serial)
		}
		for _, p := range make(d, f) {
			p.what = whatEcho
			d.extra = append(d.extra, p)
		}
		return nil, nil
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func garbage(*Device, Fault) []publication {
	return []publication{{kind: wire.UpTele, payload: noise(300)}}
}

func packetGarbage(*Device, Fault) []publication {
	// Packet type 0 does not exist.
	return []publication{{bytes: true, payload: append([]byte{0x0f}, noise(40)...)}}
}

func malformed(d *Device, _ Fault) []publication {
	b := wire.AppendBatchHead(nil, d.id, d.jp.Head(wire.MainLane).Epoch, d.jp.Head(wire.MainLane).Last+1, 3)
	return []publication{{kind: wire.UpTele, payload: d.seal(wire.UpTele, append(b, 0x84, 0x01))}}
}

// oneSample is a batch of the pump's present sample.
func (d *Device) oneSample(id wire.PumpID, epoch, seq uint64) []byte {
	t := d.at(d.f.opt.Now().UnixMilli())
	return wire.AppendBatch(nil, &wire.Batch{Pump: id, Epoch: epoch, First: seq, Records: []wire.Record{{
		Kind: wire.RecordSample, Wall: t.Wall, Mono: uint64(max(t.Mono, 0)), Sample: d.machine().Sample(&d.st),
	}}})
}

func stranger() (ed25519.PrivateKey, wire.PumpID) {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	k = must(k, err)
	return k, must(wire.NewPublicKey(k.Public())).PumpID()
}

// foreignBody is sound in itself and comes by the wrong link: if the fleet has
// another pump it is that one's.
func foreignBody(d *Device, _ Fault) []publication {
	for _, other := range d.f.Devices() {
		if other != d {
			return []publication{{kind: wire.UpTele, payload: other.seal(wire.UpTele, d.oneSample(other.id, 1, 1))}}
		}
	}
	key, id := stranger()
	return []publication{{kind: wire.UpTele, payload: must(wire.Seal(rand.Reader, key, wire.UpTele, d.oneSample(id, 1, 1)))}}
}

func wrongSignature(d *Device, _ Fault) []publication {
	key, _ := stranger()
	h := d.jp.Head(wire.MainLane)
	return []publication{{kind: wire.UpTele, payload: must(wire.Seal(rand.Reader, key, wire.UpTele, d.oneSample(d.id, h.Epoch, h.Last+1)))}}
}

func foreignTopic(d *Device, _ Fault) []publication {
	return []publication{{kind: wire.UpTele, topic: wire.Topic("somebody-else", wire.UpTele), payload: noise(10)}}
}

func futureEpoch(d *Device, _ Fault) []publication {
	h := d.jp.Head(wire.MainLane)
	return []publication{{kind: wire.UpTele, payload: d.seal(wire.UpTele, d.oneSample(d.id, h.Epoch+5, 1))}}
}

func sequenceJump(d *Device, _ Fault) []publication {
	h := d.jp.Head(wire.MainLane)
	return []publication{{kind: wire.UpTele, payload: d.seal(wire.UpTele, d.oneSample(d.id, h.Epoch, h.Last+1000))}}
}

// oversize is a PUBLISH of 80 KiB, built by hand: our own client would not.
func oversize(d *Device, _ Fault) []publication {
	topic := wire.Topic(d.who.Link, wire.UpTele)
	body := binary.BigEndian.AppendUint16(nil, uint16(len(topic)))
	body = append(append(append(body, topic...), 0xff, 0xfe), noise(80<<10)...)
	b := []byte{packets.Publish<<4 | 1<<1}
	n := len(body)
	for {
		digit := byte(n % 128)
		if n /= 128; n > 0 {
			b = append(b, digit|0x80)
			continue
		}
		return []publication{{bytes: true, payload: append(append(b, digit), body...)}}
	}
}

func flood(d *Device, f Fault) []publication {
	n := min(max(f.Value, 1), 10_000)
	out := make([]publication, n)
	for i := range out {
		out[i] = publication{kind: wire.UpTele, payload: noise(64), unasked: true}
	}
	return out
}
