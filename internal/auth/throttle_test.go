package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/internal/errs"
)

func TestThrottlePerLogin(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(home) // makes home known for anna
	guess := func(i int) error {
		_, _, err := f.try("anna", "wrong", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
		return err
	}
	for i := range perLogin.burst {
		f.wantKind(fmt.Sprint("guess ", i), guess(i), errs.Unauthorized)
	}
	err := guess(50)
	f.wantKind("one guess too many", err, errs.Throttled)
	if !strings.Contains(errs.Message(err), "Wait 30 seconds") {
		t.Errorf("message %q", errs.Message(err))
	}
	_, _, err = f.try("anna", password, other)
	f.wantKind("the right password from a strange address", err, errs.Throttled)
	if _, _, err := f.try("anna", password, home); err != nil {
		t.Errorf("guessers lock anna out at her own place: %v", err)
	}
	// A login that nobody has is treated alike.
	for i := range perLogin.burst {
		_, _, err := f.try("nobody", "wrong", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
		f.wantKind("nobody", err, errs.Unauthorized)
	}
	_, _, err = f.try("Nobody", "wrong", other)
	f.wantKind("nobody, one too many", err, errs.Throttled)

	f.clock.move(30 * time.Second)
	f.wantKind("after 30 s", guess(60), errs.Unauthorized)
	f.wantKind("and again", guess(61), errs.Throttled)
	f.clock.move(time.Hour)
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := f.db.Get(&left, `SELECT count(*) FROM auth_throttle`); err != nil || left != 0 {
		t.Errorf("%d rows left, %v", left, err)
	}
	if _, _, err := f.try("anna", password, other); err != nil {
		t.Errorf("after an hour: %v", err)
	}
}

func TestThrottlePerAddress(t *testing.T) {
	f := newFixture(t)
	from := func(host uint64) netip.Addr { // one customer's IPv6 network
		a := netip.MustParseAddr("2001:db8:1:2::").As16()
		a[15], a[14] = byte(host), byte(host>>8)
		return netip.AddrFrom16(a)
	}
	for i := range perAddress.burst {
		_, _, err := f.try(fmt.Sprint("guess", i), "wrong", from(uint64(i)))
		f.wantKind("guess", err, errs.Unauthorized)
	}
	_, _, err := f.try("anna", password, from(999))
	f.wantKind("the address's next", err, errs.Throttled)
	if _, _, err := f.try("anna", password, home); err != nil {
		t.Errorf("another address suffers: %v", err)
	}
	// Being right costs nothing: a ward may sign in as often as it likes.
	for range 3 * perAddress.burst {
		f.mustSignIn(home)
	}
}

// Many attempts at once are charged before the first is answered.
func TestThrottleHoldsAgainstManyAtOnce(t *testing.T) {
	f := newFixture(t)
	f.hasher.queue = make(chan struct{}, 1000)
	const n = 40
	results := make(chan errs.Kind, n)
	for i := range n {
		go func() {
			_, _, err := f.try("anna", "wrong", netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}))
			results <- errs.KindOf(err)
		}()
	}
	got := map[errs.Kind]int{}
	for range n {
		got[<-results]++
	}
	if got[errs.Unauthorized] != perLogin.burst || got[errs.Throttled] != n-perLogin.burst {
		t.Errorf("answers %v, want %d looked at", got, perLogin.burst)
	}
}

func TestFailuresAreSummarised(t *testing.T) {
	f := newFixture(t)
	for range 30 {
		_, _, _ = f.try("anna", "wrong", other)
	}
	attempts := func() (all []float64) {
		for _, l := range f.record("auth.sign_in_failed") {
			all = append(all, l.Payload["attempts"].(float64))
		}
		return all
	}
	if got := attempts(); !slices.Equal(got, []float64{1, 2, 4, 8, 16}) {
		t.Errorf("told at %v attempts", got)
	}
	f.clock.move(window + time.Second)
	for range 2 {
		if err := f.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := attempts(); !slices.Equal(got, []float64{1, 2, 4, 8, 16, 30}) {
		t.Errorf("after the sweep told at %v attempts", got)
	}
	last := f.record("auth.sign_in_failed")[5]
	if last.Payload["throttled"] != float64(20) || last.Payload["address"] != "198.51.100.7" || last.Actor != "system:sign-in" {
		t.Errorf("summary %+v", last)
	}
	// A new series begins; the right password closes it on the record.
	f.clock.move(time.Hour)
	for range 3 {
		_, _, _ = f.try("anna", "wrong", other)
	}
	f.mustSignIn(other)
	if got := attempts(); !slices.Equal(got[6:], []float64{1, 2, 3}) {
		t.Errorf("second series told at %v", got[6:])
	}
}
