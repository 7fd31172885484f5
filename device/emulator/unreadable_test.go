package emulator

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestStateOfAnotherVersion: a pump whose memory was written by a version that knew
// something else, as in the middle of a bridge, is left out by name, with the folder
// and what to do; the others run; and all that it had is there for the version that
// wrote it: the records that were not sent, the alarms, the state to the byte.
func TestStateOfAnotherVersion(t *testing.T) {
	// As a bridge was remembered before the path was: a rebase in the ledger.
	pending := func(t *testing.T, b []byte) []byte {
		return edit(t, b, 1, func(b []byte) []byte { // snapshot: state
			return edit(t, b, 16, func(b []byte) []byte { // state: ledger
				return edit(t, b, 5, func([]byte) []byte { return []byte{0xa3, 0x01, 0xa2, 0x01, 0x00, 0x02, 0x00, 0x02, 0x01, 0x03, 0x01} })
			})
		})
	}
	for _, c := range []struct {
		what, where string
		vault       bool
		item        byte
		change      func(t *testing.T, b []byte) []byte
	}{
		{"state", "/journal", false, itemSnapshot, pending},
		{"state", "/journal", false, itemSnapshot, func(t *testing.T, b []byte) []byte {
			return edit(t, b, 99, func([]byte) []byte { return []byte{0x01} })
		}},
		{"memory of orders", "/vault", true, itemOrders, func(t *testing.T, b []byte) []byte {
			return edit(t, b, 99, func([]byte) []byte { return []byte{0x01} })
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGround(t)
			mem := disk.NewMemory(1)
			tr := newTrust(t, time.Now())
			o := groundOptions(g, mem)
			f := openFleet(t, o)
			odd, sound := adopt(t, f, tr, "S-1", profile.Sample("meander-p20")), adopt(t, f, tr, "S-2", profile.Sample("meander-p20"))
			g.know(sound) // the other's records cannot be sent and wait
			start(t, f)
			mustInject(t, odd, "stall", Fault{})
			pass(time.Hour)
			waits := [2]journal.Head{odd.jp.Head(wire.MainLane), odd.jp.Head(wire.AlarmLane)}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if waits[0].Last == 0 || waits[1].Last == 0 {
				t.Fatalf("nothing waits: %+v", waits)
			}

			// The other version writes last.
			fs := o.Journal
			if c.vault {
				fs = o.Vault
			}
			j, err := journal.Open(journal.Options{FS: fs, Log: quietLog(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			was, err := j.Pump(odd.id).Item(c.item)
			if err != nil || was == nil {
				t.Fatalf("item %d: %x, %v", c.item, was, err)
			}
			was = c.change(t, was)
			if err := errors.Join(j.Pump(odd.id).AppendWait(journal.Write{Items: []journal.Item{{Key: c.item, Value: was}}}), j.Close()); err != nil {
				t.Fatal(err)
			}

			var log bytes.Buffer
			o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
			o.Vault, o.Journal = named{o.Vault, "/vault"}, named{o.Journal, "/journal"}
			f = openFleet(t, o)
			start(t, f)
			pass(time.Hour)
			odd, _ = f.Device("S-1")
			sound, _ = f.Device("S-2")
			if s := sound.Status(); !s.Connected || s.Main.Cursor != s.Main.Last {
				t.Errorf("the other pump: %+v", s)
			}
			if s := odd.Status(); s.Connected || s.Power {
				t.Errorf("it runs: %+v", s)
			}
			for name, said := range map[string]string{"log": log.String(), "status": odd.Status().LastError} {
				for _, want := range []string{"pump S-1", c.what, c.where, "nothing is lost", "run the version that wrote it", "--reset"} {
					if !strings.Contains(said, want) {
						t.Errorf("the %s does not say %q: %s", name, want, said)
					}
				}
			}
			if err := odd.Start(); !errors.As(err, new(*Unreadable)) {
				t.Errorf("started again: %v", err)
			}
			p := odd.jp
			if c.vault {
				p = odd.safe
			}
			if is, err := p.Item(c.item); err != nil || !bytes.Equal(is, was) {
				t.Errorf("item %d was written over: %v", c.item, err)
			}
			if now := [2]journal.Head{odd.jp.Head(wire.MainLane), odd.jp.Head(wire.AlarmLane)}; now != waits {
				t.Errorf("records: %+v, were %+v", now, waits)
			}
			if err := f.Start(odd); !errors.As(err, new(*Unreadable)) || !strings.Contains(err.Error(), "no pump could be started") {
				t.Errorf("none left: %v", err)
			}
		})
	}
}

// named is a folder that has a path.
type named struct {
	disk.FS
	path string
}

func (n named) String() string { return n.path }

// edit alters one entry of a CBOR map with integer keys; a byte string in it is
// opened first.
func edit(t *testing.T, b []byte, key uint64, change func([]byte) []byte) []byte {
	t.Helper()
	m := map[uint64]cbor.RawMessage{}
	if err := cbor.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	var inner []byte
	if was := m[key]; len(was) > 0 && was[0]>>5 == 2 {
		if err := cbor.Unmarshal(was, &inner); err != nil {
			t.Fatal(err)
		}
		m[key] = must(cbor.Marshal(change(inner)))
	} else {
		m[key] = change(was)
	}
	mode := must(cbor.CanonicalEncOptions().EncMode())
	return must(mode.Marshal(m))
}
