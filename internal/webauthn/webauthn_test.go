package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
)

const (
	rp     = "localhost"
	origin = "http://localhost:8600"
)

func newSoft(t testing.TB) *Soft {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Soft{ID: bytes.Repeat([]byte{7}, 32), Key: k, RPID: rp, Origin: origin}
}

func keyOf(s *Soft) Key { return Key{Public: &s.Key.PublicKey, RPID: rp, Origin: origin} }

// sign makes an assertion over any authenticator data and client data, as an
// authenticator with a defect would.
func sign(t testing.TB, s *Soft, data, client []byte) Assertion {
	t.Helper()
	a := Assertion{AuthenticatorData: data, ClientDataJSON: client}
	var err error
	if a.Signature, err = ecdsa.SignASN1(rand.Reader, s.Key, digest(a)); err != nil {
		t.Fatal(err)
	}
	return a
}

// more returns client data with its end replaced.
func more(client []byte, tail string) []byte {
	return append(bytes.Clone(client[:len(client)-1]), tail...)
}

var challenge = sha256.Sum256([]byte("what is being signed"))

func TestVerify(t *testing.T) {
	for name, s := range map[string]*Soft{
		"device-bound": {}, "synced": {Eligible: true, BackedUp: true}, "eligible": {Eligible: true}, "counting": {Counts: true, SignCount: 41},
	} {
		fresh := newSoft(t)
		s.ID, s.Key, s.RPID, s.Origin = fresh.ID, fresh.Key, rp, origin
		a, err := s.Sign(rand.Reader, challenge)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Verify(keyOf(s), challenge, a)
		if err != nil || f != (Flags{s.Eligible, s.BackedUp, s.SignCount}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// What a browser may add to client data does no harm.
func TestVerifyWithMoreClientData(t *testing.T) {
	s := newSoft(t)
	prefix := clientPrefix("webauthn.get", challenge, origin)
	for _, tail := range []string{`}`, `,"topOrigin":"x"}`, `,"other_keys_can_be_added_here":"do not compare clientDataJSON against a template"}`} {
		if _, err := Verify(keyOf(s), challenge, sign(t, s, s.head(0), append(bytes.Clone(prefix), tail...))); err != nil {
			t.Errorf("%s: %v", tail, err)
		}
	}
}

// Each case is signed rightly, and differs from a right one in one thing.
func TestVerifyRefuses(t *testing.T) {
	s := newSoft(t)
	good := append(clientPrefix("webauthn.get", challenge, origin), '}')
	bits := func(b byte) []byte {
		d := s.head(0)
		d[32] = b
		return d
	}
	otherRP := *s
	otherRP.RPID = "evil.example"
	replace := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	cases := []struct {
		name         string
		data, client []byte
		want         error
	}{
		{"no data", nil, good, ErrData},
		{"36 bytes", s.head(0)[:36], good, ErrData},
		{"38 bytes", append(s.head(0), 0), good, ErrData},
		{"extension data", append(bits(flagPresent|flagVerified|flagExtension), 0xa0), good, ErrData},
		{"another RP", otherRP.head(0), good, ErrRP},
		{"not present", bits(flagVerified), good, ErrPresence},
		{"not verified", bits(flagPresent), good, ErrUnverified},
		{"backed up but not eligible", bits(flagPresent | flagVerified | flagBackedUp), good, ErrFlags},
		{"attested data flagged", bits(flagPresent | flagVerified | flagAttested), good, ErrFlags},
		{"extension flagged", bits(flagPresent | flagVerified | flagExtension), good, ErrFlags},
		{"reserved bit 1", bits(flagPresent | flagVerified | 1<<1), good, ErrFlags},
		{"reserved bit 5", bits(flagPresent | flagVerified | 1<<5), good, ErrFlags},
		{"no client data", s.head(0), nil, ErrClient},
		{"another purpose", s.head(0), replace("webauthn.get", "webauthn.create"), ErrClient},
		{"payment", s.head(0), replace("webauthn.get", "payment.get"), ErrClient},
		{"another challenge", s.head(0), append(clientPrefix("webauthn.get", sha256.Sum256(nil), origin), '}'), ErrClient},
		{"padded challenge", s.head(0), replace(`","origin"`, `=","origin"`), ErrClient},
		{"another port", s.head(0), replace(":8600", ":8601"), ErrClient},
		{"longer origin", s.head(0), replace(`:8600"`, `:8600.evil.example"`), ErrClient},
		{"cross origin", s.head(0), replace("false", "true"), ErrClient},
		{"no crossOrigin", s.head(0), replace(`,"crossOrigin":false`, ""), ErrClient},
		{"members in another order", s.head(0), replace(`"type":"webauthn.get",`, ""), ErrClient},
		{"blank between", s.head(0), replace(`{"type":`, `{"type": `), ErrClient},
		{"no end", s.head(0), bytes.TrimSuffix(good, []byte("}")), ErrClient},
		{"longer false", s.head(0), replace("false}", "false1}"), ErrClient},
		{"cut off", s.head(0), more(good, ",\"x\":1"), ErrClient},
		{"1025 bytes", s.head(0), more(good, `,"x":"`+strings.Repeat("x", maxClientData-len(good)-6)+`"}`), ErrClient},
	}
	for _, c := range cases {
		if f, err := Verify(keyOf(s), challenge, sign(t, s, c.data, c.client)); !errors.Is(err, c.want) || f != (Flags{}) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if len(cases[len(cases)-1].client) != maxClientData+1 {
		t.Errorf("the longest client data has %d bytes", len(cases[len(cases)-1].client))
	}
	fits := more(good, `,"x":"`+strings.Repeat("x", maxClientData-len(good)-7)+`"}`)
	if _, err := Verify(keyOf(s), challenge, sign(t, s, s.head(0), fits)); err != nil || len(fits) != maxClientData {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
}

func TestVerifyDeviceBound(t *testing.T) {
	s := newSoft(t)
	k := keyOf(s)
	k.DeviceBound = true
	for eligible, want := range map[bool]error{false: nil, true: ErrSynced} {
		s.Eligible = eligible
		a, _ := s.Sign(rand.Reader, challenge)
		if _, err := Verify(k, challenge, a); !errors.Is(err, want) {
			t.Errorf("eligible %v: %v", eligible, err)
		}
	}
}

func TestVerifySignature(t *testing.T) {
	s := newSoft(t)
	a, _ := s.Sign(rand.Reader, challenge)
	if _, err := Verify(keyOf(s), challenge, a); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(keyOf(newSoft(t)), challenge, a); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	// No byte that was signed may change. Those of the head and the prefix are
	// caught before; here it is the tail and the count.
	changed := a
	changed.AuthenticatorData = bytes.Clone(a.AuthenticatorData)
	changed.AuthenticatorData[36] ^= 1
	if _, err := Verify(keyOf(s), challenge, changed); !errors.Is(err, ErrSignature) {
		t.Errorf("another count: %v", err)
	}
	changed = a
	changed.ClientDataJSON = more(a.ClientDataJSON, `,"x":1}`)
	if _, err := Verify(keyOf(s), challenge, changed); !errors.Is(err, ErrSignature) {
		t.Errorf("another tail: %v", err)
	}
	der := a.Signature
	padded := append([]byte{0x30, der[1] + 1, 0x02, der[3] + 1, 0}, der[4:]...) // an integer with a needless zero
	long := append([]byte{0x30, 0x81, der[1]}, der[2:]...)                      // a length in two bytes
	for name, sig := range map[string][]byte{
		"none": nil, "truncated": der[:len(der)-1], "trailing byte": append(bytes.Clone(der), 0), "long length": long, "padded integer": padded,
		"raw": bytes.Repeat([]byte{1}, 64), "zeros": {0x30, 6, 2, 1, 0, 2, 1, 0}, "73 bytes": append(bytes.Clone(der), make([]byte, 73)...),
	} {
		changed := a
		changed.Signature = sig
		if _, err := Verify(keyOf(s), challenge, changed); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyKey(t *testing.T) {
	s := newSoft(t)
	a, _ := s.Sign(rand.Reader, challenge)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 the ways that are not deprecated make no key off the curve
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	for name, p := range map[string]*ecdsa.PublicKey{"none": nil, "P-384": &p384.PublicKey, "not on the curve": off} {
		if _, err := Verify(Key{Public: p, RPID: rp, Origin: origin}, challenge, a); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, der := range map[string][]byte{"nothing": nil, "text": []byte("key"), "P-384": spki(t, &p384.PublicKey), "trailing": append(spki(t, &s.Key.PublicKey), 0)} {
		if _, err := ParsePublic(der); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := ParsePublic(spki(t, &s.Key.PublicKey)); err != nil || !p.Equal(&s.Key.PublicKey) {
		t.Errorf("a key: %v", err)
	}
}

func spki(t *testing.T, p *ecdsa.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(p)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Text in client data is escaped as browsers do it.
func TestAppendText(t *testing.T) {
	if got, want := string(appendText(nil, "a\"b\\c\x01é/<")), `"a\"b\\c\u0001é/<"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Whatever is handed in, nothing that was not signed for the challenge passes.
func FuzzVerify(f *testing.F) {
	s := newSoft(f)
	a, _ := s.Sign(rand.Reader, challenge)
	f.Add(a.AuthenticatorData, a.ClientDataJSON, a.Signature)
	f.Add([]byte{}, []byte("{}"), []byte{0x30, 0})
	f.Fuzz(func(t *testing.T, data, client, sig []byte) {
		got := Assertion{data, client, sig}
		same := bytes.Equal(data, a.AuthenticatorData) && bytes.Equal(client, a.ClientDataJSON)
		if flags, err := Verify(keyOf(s), challenge, got); err == nil && !same || err != nil && flags != (Flags{}) {
			t.Errorf("%+v, %v", flags, err)
		}
	})
}
