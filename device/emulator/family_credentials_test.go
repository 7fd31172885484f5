package emulator

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// TestFamilyCredentials: no key leaves the secure element, whatever is sent to the
// pump: not in a message, a status, the journal, or any answer.
func TestFamilyCredentials(t *testing.T) {
	family{
		order: on(func(t *testing.T, s *scene) {
			s.expect("an order", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more), order.Applied)
			s.refused("noise", wire.DnOrder, []byte("noise"), order.ErrFormat, false)
			s.tellsNoKey(t)
		}),
		stop: on(func(t *testing.T, s *scene) {
			s.expect("a stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
			s.refused("noise", wire.DnStop, []byte("noise"), order.ErrFormat, false)
			s.tellsNoKey(t)
		}),
		keyset: on(func(t *testing.T, s *scene) {
			s.expect("a keyset", wire.DnKeyset, s.nextKeyset(nil), order.Applied)
			s.refused("noise", wire.DnKeyset, []byte("noise"), order.ErrKeyset, false)
			s.tellsNoKey(t)
		}),
		library: on(func(t *testing.T, s *scene) {
			s.expect("a library", wire.DnLibrary, s.nextLibrary(nil), order.Applied)
			s.refused("noise", wire.DnLibrary, []byte("noise"), order.ErrDrugs, false)
			s.tellsNoKey(t)
		}),
		answer: on(func(t *testing.T, s *scene) {
			for range 20 {
				s.refused("noise", wire.DnOrder, []byte("noise"), order.ErrFormat, false)
			}
			sealed := s.sealed()
			if len(sealed) < 20 {
				t.Fatalf("%d answers", len(sealed))
			}
			s.tellsNoKey(t)
		}),
	}.play(t)
}

// tellsNoKey looks for the pump's key in all that left it and all that it wrote
// outside of its vault.
func (s *scene) tellsNoKey(t *testing.T) {
	t.Helper()
	mustInject(t, s.d, "reconnect", Fault{})
	pass(2 * time.Hour)
	seed := s.d.key.(ed25519.PrivateKey).Seed()
	der := must(x509.MarshalPKCS8PrivateKey(s.d.key))
	look := func(where string, b []byte) {
		t.Helper()
		if bytes.Contains(b, seed) || bytes.Contains(b, der) || strings.Contains(string(b), hex.EncodeToString(seed)) {
			t.Errorf("%s holds the pump's key", where)
		}
	}
	look("the status", must(json.Marshal(s.d.Status())))
	heard := s.g.of()
	for _, h := range heard {
		look(h.kind.String(), h.payload)
	}
	if err := s.f.Close(); err != nil {
		t.Fatal(err)
	}
	files, found := must(s.mem.List()), false
	for _, name := range files {
		b := s.mem.Bytes(name)
		if strings.HasPrefix(name, "journal/") {
			look(name, b)
		} else {
			found = found || bytes.Contains(b, seed)
		}
	}
	if len(heard) < 100 || !found {
		t.Errorf("%d messages looked at, the vault has the key: %t", len(heard), found)
	}
}
