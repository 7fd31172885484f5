package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlip(t *testing.T) {
	s := Slip{Server: "pumps.example.org:8884", Code: "AB12-CD34-EF56", Root: [32]byte{0xde, 0xad, 31: 0x01}}
	const text = "cisterna:enrol?server=pumps.example.org:8884&code=AB12-CD34-EF56&root=dead000000000000000000000000000000000000000000000000000000000001"
	if s.String() != text {
		t.Errorf("got %s", s)
	}
	for _, in := range []string{text, " " + text + "\n", strings.ReplaceAll(text, "dead", "DEAD")} {
		if got, err := ParseSlip(in); err != nil || got != s {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	for _, server := range []string{"[::1]:8884", "127.0.0.1:1"} {
		want := Slip{Server: server, Code: s.Code}
		if got, err := ParseSlip(want.String()); err != nil || got != want {
			t.Errorf("%s: %v %v", server, got, err)
		}
	}
}

func TestSlipRefuses(t *testing.T) {
	const root = "0000000000000000000000000000000000000000000000000000000000000000"
	for _, in := range []string{
		"", "cisterna:enrol?", "https://example.org", "cisterna:enrol?server=a:1&code=AB12-CD34-EF56",
		"cisterna:enrol?server=a:1&code=AB12-CD34-EF56&root=" + root[1:],
		"cisterna:enrol?server=a:1&code=AB12-CD34-EF56&root=" + root + "0",
		"cisterna:enrol?server=a:1&code=AB12-CD34-EF56&root=" + root[1:] + "g",
		"cisterna:enrol?server=a&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=:1&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=a:&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=a:http&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=a/b:1&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=u%40a:1&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=a:1&code=ab12-cd34-ef56&root=" + root,
		"cisterna:enrol?server=a:1&code=AB12CD34EF56&root=" + root,
		"cisterna:enrol?server=a:1&code=AB12-CD34-EF56-&root=" + root,
		"cisterna:enrol?server=a:1&server=b:1&code=AB12-CD34-EF56&root=" + root,
		"cisterna:enrol?server=a:1&code=AB12-CD34-EF56&rot=1&root=" + root,
	} {
		if got, err := ParseSlip(in); !errors.Is(err, ErrMalformed) || got != (Slip{}) {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
}

// request returns an enrolment request as a pump makes it.
func request(t *testing.T, signer crypto.Signer, change func(*CertRequest)) EnrolRequest {
	t.Helper()
	key, err := NewPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	req := CertRequest{Pump: key.PumpID(), Link: "COMM-1", CSR: []byte("a certificate request"), Wall: 1}
	if change != nil {
		change(&req)
	}
	proof, err := Seal(rand.Reader, signer, UpCert, Encode(req))
	if err != nil {
		t.Fatal(err)
	}
	return EnrolRequest{Code: "AB12-CD34-EF56", CSR: []byte("a certificate request"), Serial: "S1", Model: "M", Key: key.String(), Proof: proof}
}

func TestEnrolProof(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, signer := range []crypto.Signer{ed, es} {
		r, err := DecodeEnrol[EnrolRequest](Encode(request(t, signer, nil)))
		if err != nil {
			t.Fatal(err)
		}
		req, key, err := r.Open()
		if err != nil || req.Link != "COMM-1" || req.Pump != key.PumpID() {
			t.Errorf("%v %v", req, err)
		}
	}
	own := request(t, ed, nil)
	other := request(t, es, nil)
	wrongKind, err := Seal(rand.Reader, ed, UpHello, Encode(CertRequest{Pump: must(NewPublicKey(ed.Public())).PumpID(), Link: "COMM-1", CSR: own.CSR}))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		r    EnrolRequest
	}{
		{"another's key", EnrolRequest{CSR: own.CSR, Key: other.Key, Proof: own.Proof}},
		{"no key", EnrolRequest{CSR: own.CSR, Proof: own.Proof}},
		{"no proof", EnrolRequest{CSR: own.CSR, Key: own.Key}},
		{"another CSR", EnrolRequest{CSR: []byte("other"), Key: own.Key, Proof: own.Proof}},
		{"another pump's id", request(t, ed, func(r *CertRequest) { r.Pump[0] ^= 1 })},
		{"a bad link", request(t, ed, func(r *CertRequest) { r.Link = "a/b" })},
		{"signed as a hello", EnrolRequest{CSR: own.CSR, Key: own.Key, Proof: wrongKind}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if req, key, err := tt.r.Open(); !errors.Is(err, ErrMalformed) || !key.IsZero() || req.Link != "" {
				t.Errorf("%v %v %v", req, key, err)
			}
		})
	}
}

func TestEnrolBodies(t *testing.T) {
	reply := EnrolReply{Chain: [][]byte{{1}, {2}}, Root: []byte("r"), Keyset: []byte("k"), Library: bytes.Repeat([]byte{1}, 100_000), Profile: []byte("p"), MQTT: "h:1", Shard: "a"}
	if got, err := DecodeEnrol[EnrolReply](Encode(reply)); err != nil || cmp.Diff(reply, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(reply, got))
	}
	renew := RenewRequest{Envelope: []byte("e"), OldLeaf: []byte("l")}
	if got, err := DecodeEnrol[RenewRequest](Encode(renew)); err != nil || cmp.Diff(renew, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(renew, got))
	}
	fail := EnrolError{Code: "denied", Text: "no"}
	if got, err := DecodeEnrol[EnrolError](Encode(fail)); err != nil || got != fail {
		t.Errorf("%v %v", got, err)
	}
	refused := []struct {
		name string
		body []byte
		dec  func([]byte) error
	}{
		{"long request", Encode(EnrolRequest{Code: "AB12-CD34-EF56", Proof: make([]byte, MaxEnrolRequest)}), decodeErr[EnrolRequest]},
		{"long CSR", Encode(EnrolRequest{Code: "AB12-CD34-EF56", CSR: make([]byte, maxCSR+1)}), decodeErr[EnrolRequest]},
		{"bad code", Encode(EnrolRequest{Code: "1234"}), decodeErr[EnrolRequest]},
		{"long serial", Encode(EnrolRequest{Code: "AB12-CD34-EF56", Serial: strings.Repeat("x", MaxText+1)}), decodeErr[EnrolRequest]},
		{"no shard", Encode(EnrolReply{}), decodeErr[EnrolReply]},
		{"long chain", Encode(EnrolReply{Shard: "a", Chain: make([][]byte, 5)}), decodeErr[EnrolReply]},
		{"long certificate", Encode(RenewRequest{OldLeaf: make([]byte, maxCert+1)}), decodeErr[RenewRequest]},
		{"garbage", []byte{0xff}, decodeErr[EnrolRequest]},
		{"another type", []byte{0x80}, decodeErr[EnrolRequest]},
		{"key twice", []byte{0xa2, 1, 0x60, 1, 0x60}, decodeErr[EnrolError]},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.dec(tt.body); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func decodeErr[T EnrolMessage](b []byte) error {
	_, err := DecodeEnrol[T](b)
	return err
}

func FuzzParseSlip(f *testing.F) {
	f.Add(Slip{Server: "a.b:1", Code: "AB12-CD34-EF56"}.String())
	f.Add("cisterna:enrol?server=[::1]:8884&code=AB12-CD34-EF56&root=00")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSlip(in)
		if err != nil {
			if s != (Slip{}) {
				t.Fatalf("value %v with error %v", s, err)
			}
			return
		}
		if again, err := ParseSlip(s.String()); err != nil || again != s {
			t.Fatalf("%q: %v, %v", s, again, err)
		}
	})
}

func FuzzDecodeEnrol(f *testing.F) {
	f.Add(Encode(EnrolRequest{Code: "AB12-CD34-EF56", CSR: []byte{1}}))
	f.Add(Encode(RenewRequest{OldLeaf: []byte{1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := DecodeEnrol[EnrolRequest](b); err == nil {
			_, _, _ = m.Open()
		}
		_, _ = DecodeEnrol[EnrolReply](b)
		_, _ = DecodeEnrol[RenewRequest](b)
		_, _ = DecodeEnrol[EnrolError](b)
	})
}
