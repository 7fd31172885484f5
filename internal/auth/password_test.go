package auth

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"cisterna/internal/errs"
)

var cheap = Params{MemoryKiB: 64, Passes: 1, Lanes: 1}

// The test vector of phc-winner-argon2's README, and RFC 9106's parameters in
// the form that other programs write.
func TestHashReadsWhatOthersWrite(t *testing.T) {
	h := newHash("a long enough password", cheap)
	again, err := parseHash(h.String())
	if err != nil {
		t.Fatal(err)
	}
	if again.String() != h.String() || !again.matches("a long enough password") || again.matches("a long enough Password") {
		t.Errorf("%s does not verify after a round trip", h)
	}
	if newHash("a long enough password", cheap).String() == h.String() {
		t.Error("two hashes of one password are equal: no salt")
	}
}

func TestParseHashIsStrict(t *testing.T) {
	good := newHash("a long enough password", cheap).String()
	fields := strings.Split(good, "$")
	with := func(i int, s string) string {
		f := append([]string(nil), fields...)
		f[i] = s
		return strings.Join(f, "$")
	}
	for name, s := range map[string]string{
		"empty":              "",
		"argon2i":            with(1, "argon2i"),
		"old version":        with(2, "v=16"),
		"no version":         strings.Replace(good, "$v=19", "", 1),
		"memory of nothing":  with(3, "m=0,t=1,p=1"),
		"memory of 2 TiB":    with(3, "m=2147483648,t=1,p=1"),
		"no pass":            with(3, "m=64,t=0,p=1"),
		"a thousand passes":  with(3, "m=64,t=1000,p=1"),
		"no lane":            with(3, "m=64,t=1,p=0"),
		"parameters swapped": with(3, "t=1,m=64,p=1"),
		"leading zero":       with(3, "m=064,t=1,p=1"),
		"more behind":        with(3, "m=64,t=1,p=1,x=1"),
		"short salt":         with(4, fields[4][:8]),
		"padded salt":        with(4, fields[4]+"=="),
		"short key":          with(5, fields[5][:8]),
		"no key":             with(5, ""),
		"newline":            good + "\n",
		"seventh field":      good + "$",
	} {
		if _, err := parseHash(s); err == nil {
			t.Errorf("%s: %q was accepted", name, s)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(newHash("a long enough password", cheap).String())
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObGRdescudvJCsg")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHash(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("%q is read as %q", s, h)
		}
	})
}

func TestPasswordRules(t *testing.T) {
	for _, p := range []string{
		"winter garden at nine", "Tr0ub4dor&3 again!!", strings.Repeat("Regenschirm ", 20), "äöüßéèêëāăą world", "annas umbrella is blue",
	} {
		if err := CheckPassword(p, "anna", "Anna Berg"); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, p := range []string{
		"", "short", "fourteen chars", "äöüäöüäöüäöüäö", // 14 characters in 28 bytes
		"aaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "abc-abc-abc-abc-abc-abc", "1234567890123456", "passwordpassword", "Password12345678",
		"cisterna cisterna", "qwertyuiop12345", "anna berg 123456", strings.Repeat("x1y2z3", 50), "not text at all \xff\xfe",
	} {
		if err := CheckPassword(p, "anna", "Anna Berg"); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q was accepted (%v)", p, err)
		}
	}
}

func TestHasherBoundsTheQueue(t *testing.T) {
	h, err := newHasher(cheap, 1)
	if err != nil {
		t.Fatal(err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1+queued)
	hold := func() { done <- h.run(context.Background(), func() { held <- struct{}{}; <-release }) }
	go hold()
	<-held // the only slot is taken
	for range queued {
		go hold()
	}
	for len(h.queue) < cap(h.queue) { // until all wait
		runtime.Gosched()
	}
	if err := h.run(context.Background(), func() { t.Error("ran past the bound") }); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("one too many: %v, want Unavailable", err)
	}
	close(release)
	for range queued {
		<-held
	}
	for range 1 + queued {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.slots <- struct{}{}
	if err := h.run(ctx, func() { t.Error("ran after its caller left") }); err == nil {
		t.Error("a caller who left got no error")
	}
}

func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		newHash("a long enough password", DefaultParams)
	}
}
