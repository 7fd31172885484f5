package emulator

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// TestSwapWhileAnOrderIsApplied lets a new communicator come while a bolus is on its
// way, before it or after it, and cuts the power at each write that follows. The new
// communicator is there with its documents or not at all, and takes nothing away of
// what the pump remembers: the bolus is given at most once, however often it is sent
// again, and always answered alike.
func TestSwapWhileAnOrderIsApplied(t *testing.T) {
	w := newWard(t, deskStart)
	for _, swapFirst := range []bool{false, true} {
		cuts := 0
		for n, went := 1, true; went; n++ {
			for _, keep := range []disk.Keep{disk.KeepNone, disk.KeepAll, disk.KeepSome} {
				synctest.Test(t, func(t *testing.T) { went = swapOnce(t, w, swapFirst, n, keep) })
				if went {
					cuts++
				}
			}
		}
		if cuts < 15 {
			t.Errorf("only %d cuts", cuts)
		}
	}
}

// swapOnce reports whether the power went.
func swapOnce(t *testing.T, w *ward, swapFirst bool, n int, keep disk.Keep) (went bool) {
	s := newDesk(t, w, profile.Sample("meander-p20"), uint64(n))
	defer func() { s.close() }()
	doc := s.documentFor(order.ActBolus)
	who, docs := must(s.d.identity()), s.d.docs
	who.Link = "C-NEW"
	keys := w.keys
	keys.Version++
	docs.keyset = must(s.f.shelf.keyset(docs.root, w.sign(t, order.TypeKeyset, keys.Encode(), w.admin)))
	s.f.journal.Flush()
	began := s.d.st.Delivered

	swapped := make(chan error, 1)
	acts := []func(){
		func() {
			s.d.mu.Lock()
			defer s.d.mu.Unlock()
			s.d.queue(doc)
		},
		func() { go func() { swapped <- s.d.pair(who, docs, credential{}) }() },
	}
	if swapFirst {
		acts[0], acts[1] = acts[1], acts[0]
	}
	s.mem.Fail(syscall.EIO, false) // both wait for the disk
	for _, act := range acts {
		act()
		synctest.Wait()
	}
	s.cut(n)
	s.mem.Fail(nil, false)
	pass(time.Minute)
	went = !s.mem.Spare()
	s.off = went
	if went {
		_ = s.f.Close() // the disk is gone
	}
	err := <-swapped
	s.again(keep)

	v := s.d.look()
	if there := s.d.who.Link == "C-NEW"; there != (v.Keyset.Version == keys.Version) || err == nil && !there {
		t.Errorf("swap first %t, cut at %d, keep %d: swapped: %v; link %s, keyset %d", swapFirst, n, keep, err, s.d.who.Link, v.Keyset.Version)
	}
	first := order.Code("")
	for range 3 {
		answers, _ := s.deliver(doc)
		if len(answers) != 1 || first != "" && answers[0].Code != string(first) {
			t.Fatalf("swap first %t, cut at %d, keep %d: first %s, then %+v", swapFirst, n, keep, first, answers)
		}
		first = order.Code(answers[0].Code)
		s.pass(11 * time.Minute) // a bolus ends; its window is accepted
		s.again(disk.KeepNone)
	}
	boluses := (s.d.st.Delivered - began) / 20_000_000 // the program gives a third of one meanwhile
	if first == order.Applied && boluses != 1 || first == order.ErrPower && boluses != 0 || first != order.Applied && first != order.ErrPower {
		t.Errorf("swap first %t, cut at %d, keep %d: %s, %d boluses given", swapFirst, n, keep, first, boluses)
	}
	return went
}

// TestSwapWhileAStopWaits: the implant has no power, and a stop waits until it has. A
// new communicator leaves the stop where it is, whether the power comes back first or
// the process ends; and the keyset that it brings is as new as it is.
func TestSwapWhileAStopWaits(t *testing.T) {
	for _, restart := range []bool{false, true} {
		onWard(t, nil, func(s *scene) {
			b := s.cutStop(false, 5*time.Second)
			s.d.mu.Lock()
			who, docs := must(s.d.identity()), s.d.docs
			was := s.d.memory.KeysetAt
			s.d.mu.Unlock()
			who.Link = "C-NEW"
			docs.keyset = must(s.f.shelf.keyset(docs.root, s.nextKeyset(nil)))
			if err := s.d.pair(who, docs, credential{}); err != nil {
				t.Fatal(err)
			}
			if restart {
				s.restart()
			}
			s.g.know(s.d)
			pass(time.Minute)
			if v := s.d.look(); v.State.Run != wire.Stopped || v.Keyset.Version != docs.keyset.Version || v.Memory.KeysetAt <= was {
				t.Errorf("restart %t: %s, keyset %d taken at %d after %d", restart, v.State.Run, v.Keyset.Version, v.Memory.KeysetAt, was)
			}
			s.expect("the same again", wire.DnStop, b, order.Applied)
		})
	}
}

// TestSwapBeforeAPumpIsReady: a pump whose memory of orders was not read yet has none
// that a new communicator could be written down with.
func TestSwapBeforeAPumpIsReady(t *testing.T) {
	s := newDesk(t, newWard(t, deskStart), profile.Sample("meander-p20"), 1)
	defer func() { s.close() }()
	bolus := s.documentFor(order.ActBolus)
	s.deliver(bolus)
	s.close()
	s.open()
	s.d, _ = s.f.Device("S-1")
	if err := s.d.SwapCommunicator(t.Context(), "C-NEW", wire.Slip{}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("swapped: %v", err) // before the slip was spent
	}
	s.prepare()
	s.pass(time.Second)
	if m := s.d.look().Memory; m.Counter != 1 || len(m.Boluses) != 1 {
		t.Errorf("it has forgotten: %+v", m)
	}
}

// TestSwapWhileACertificateIsRenewed: the old communicator's certificate had expired,
// and its new one comes when another communicator has taken its place. That one's
// stays.
func TestSwapWhileACertificateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDesk(t, newWard(t, deskStart), profile.Sample("meander-p20"), 1)
		defer func() { s.close() }()
		key, der, err := newLinkKey()
		if err != nil {
			t.Fatal(err)
		}
		old := must(s.d.identity())
		leaf := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: old.Link}}
		reply := wire.CertReply{Chain: [][]byte{must(x509.CreateCertificate(rand.Reader, &leaf, &leaf, key.Public(), key))}}
		held := func() (c credential) {
			if ok, err := load(s.d.safe, itemCredential, &c); err != nil || !ok {
				t.Fatal(ok, err)
			}
			return c
		}
		if _, err := s.d.keepRenewed(old, reply, der); err != nil || !bytes.Equal(held().Key, der) {
			t.Fatalf("its own: %v", err)
		}
		now, brought := old, credential{Key: []byte("the new one's")}
		now.Link = "C-NEW"
		if err := s.d.pair(now, s.d.docs, brought); err != nil {
			t.Fatal(err)
		}
		if _, err := s.d.keepRenewed(old, reply, der); errs.KindOf(err) != errs.Conflict || !bytes.Equal(held().Key, brought.Key) {
			t.Errorf("the old one's, late: %v, the key held is %q", err, held().Key)
		}
	})
}
