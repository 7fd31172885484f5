package registry

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

func at(id, rev, pairing int64, link string, status Status, certs ...string) *entry {
	e := &entry{PumpRef: PumpRef{ID: id, Rev: rev, Link: link, Status: status, Wire: wire.PumpID{byte(id)}, Key: someKey}, pairing: pairing, certs: map[string]struct{}{}}
	for _, c := range certs {
		e.certs[c] = struct{}{}
	}
	return e
}

var someKey = func() wire.PublicKey {
	k, err := wire.RawPublicKey(wire.Ed25519, make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return k
}()

// TestDirectoryOrder: whatever order news of committed transactions arrives in,
// the directory ends up the same.
func TestDirectoryOrder(t *testing.T) {
	// Pump 1 had L1 and loses it to pump 2, then gets L2; pump 2 is revoked and
	// L1 returns to pump 3.
	news := []*entry{
		at(1, 1, 10, "L1", Active, "a"), at(1, 2, 10, "L1", Active, "a", "b"), at(1, 3, 0, "", Registered), at(1, 4, 12, "L2", Active, "c"),
		at(2, 1, 0, "", Registered), at(2, 2, 11, "L1", Active, "d"), at(2, 3, 0, "", Revoked),
		at(3, 1, 0, "", Registered), at(3, 2, 13, "L1", Active, "e"),
	}
	order := make([]int, len(news))
	for i := range order {
		order[i] = i
	}
	n := 0
	permute(order, func(o []int) {
		n++
		d := newDirectory()
		for _, i := range o {
			d.put(news[i])
		}
		one, _ := d.ByLink("L1")
		two, _ := d.ByLink("L2")
		byID, _ := d.ByID(2)
		if one.ID != 3 || two.ID != 1 || byID.Status != Revoked || d.Admit("L1", "e") != nil || d.Admit("L2", "c") != nil ||
			d.Admit("L1", "a") == nil || d.Admit("L1", "d") == nil || len(slices.Collect(d.All())) != 3 {
			t.Fatalf("order %v: L1 is pump %d, L2 pump %d, pump 2 %s", o, one.ID, two.ID, byID.Status)
		}
	}, 20000)
	if n == 0 {
		t.Fatal("nothing tried")
	}
}

// permute calls f with up to limit permutations of v, spread by Heap's algorithm.
func permute(v []int, f func([]int), limit int) {
	c := make([]int, len(v))
	f(v)
	limit--
	for i := 0; i < len(v) && limit > 0; {
		if c[i] < i {
			if i%2 == 0 {
				v[0], v[i] = v[i], v[0]
			} else {
				v[c[i]], v[i] = v[i], v[c[i]]
			}
			f(v)
			limit--
			c[i]++
			i = 0
		} else {
			c[i] = 0
			i++
		}
	}
}

func TestAdmit(t *testing.T) {
	d := newDirectory()
	d.put(at(1, 1, 1, "L1", Active, "aa"))
	d.put(at(2, 1, 2, "L2", Revoked, "bb"))
	for _, c := range []struct {
		link, cert string
		ok         bool
	}{{"L1", "aa", true}, {"L1", "bb", false}, {"L1", "", false}, {"L2", "bb", false}, {"L3", "aa", false}, {"", "aa", false}} {
		err := d.Admit(c.link, c.cert)
		if c.ok != (err == nil) || err != nil && errs.KindOf(err) != errs.Denied {
			t.Errorf("%q with %q: %v", c.link, c.cert, err)
		}
	}
}

// TestDirectoryReaders: readers run while writers move a link to and fro, and
// never see it with a pump that does not have it.
func TestDirectoryReaders(t *testing.T) {
	d := newDirectory()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if p, ok := d.ByLink("L1"); ok && p.Link != "L1" {
					t.Errorf("ByLink returned %+v", p)
					return
				}
				_ = d.Admit("L1", "x")
				for p := range d.All() {
					if p.ID == 0 {
						t.Error("a pump without id")
					}
				}
			}
		})
	}
	for i := int64(1); i < 2000; i++ {
		d.put(at(1+i%2, 2*i, 0, "", Registered))
		d.put(at(2-i%2, 2*i+1, i, "L1", Active, "x"))
	}
	close(done)
	wg.Wait()
}

// TestReload: another server learns of changes, and its reload never undoes what
// it knows already.
func TestReload(t *testing.T) {
	r := newRig(t)
	second := r.open()
	sub := second.Events().Subscribe(100)
	p, d := r.enrolled("S1", "COMM-1")
	if _, ok := second.Directory().ByLink("COMM-1"); ok {
		t.Fatal("the second server knows without a reload")
	}
	if err := second.Reload(r.ctx); err != nil {
		t.Fatal(err)
	}
	got, _ := second.Directory().ByLink("COMM-1")
	want, _ := r.Directory().ByLink("COMM-1")
	if got != want || got.ID != p.ID {
		t.Errorf("second server %+v, first %+v", got, want)
	}
	if err := second.Reload(r.ctx); err != nil {
		t.Fatal(err)
	}
	if news, missed := sub.Take(); len(news) != 1 || missed {
		t.Errorf("%d events, want 1: a reload tells only what is new", len(news))
	}
	if _, err := second.Revoke(r.ctx, r.ada, p.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	r.admitted(d, d.leaf(), true) // the first server has not heard
	if err := r.Reload(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.admitted(d, d.leaf(), false)
}

func BenchmarkAdmit(b *testing.B) {
	d := newDirectory()
	for i := range int64(10_000) {
		d.put(at(i+1, 1, i+1, fmt.Sprintf("COMM-%d", i), Active, "aa"))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if d.Admit("COMM-777", "aa") != nil {
				b.Fatal("refused")
			}
		}
	})
}
