package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
)

func TestVerifyNew(t *testing.T) {
	s := newSoft(t)
	s.Eligible = true
	c, err := s.Create(challenge)
	if err != nil {
		t.Fatal(err)
	}
	n, err := VerifyNew(rp, origin, challenge, c)
	if err != nil || !bytes.Equal(n.ID, s.ID) || !n.Public.Equal(&s.Key.PublicKey) || !n.Flags.BackupEligible {
		t.Fatalf("%+v, %v", n, err)
	}
	// Extensions follow the key where the flag says so.
	c.AuthenticatorData = append(bytes.Clone(c.AuthenticatorData), 0xa0)
	c.AuthenticatorData[32] |= flagExtension
	if _, err := VerifyNew(rp, origin, challenge, c); err != nil {
		t.Errorf("with extensions: %v", err)
	}
}

func TestVerifyNewRefuses(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Soft, *Creation)
		want   error
	}{
		"cut off":          {func(_ *Soft, c *Creation) { c.AuthenticatorData = c.AuthenticatorData[:headSize+17] }, ErrData},
		"no attested data": {func(_ *Soft, c *Creation) { c.AuthenticatorData[32] &^= flagAttested }, ErrFlags},
		"not verified":     {func(_ *Soft, c *Creation) { c.AuthenticatorData[32] &^= flagVerified }, ErrUnverified},
		"not present":      {func(_ *Soft, c *Creation) { c.AuthenticatorData[32] &^= flagPresent }, ErrPresence},
		"another RP":       {func(_ *Soft, c *Creation) { c.AuthenticatorData[0] ^= 1 }, ErrRP},
		"an assertion": {func(_ *Soft, c *Creation) {
			c.ClientDataJSON = append(clientPrefix("webauthn.get", challenge, origin), '}')
		}, ErrClient},
		"another challenge": {func(_ *Soft, c *Creation) {
			c.ClientDataJSON = append(clientPrefix("webauthn.create", [32]byte{}, origin), '}')
		}, ErrClient},
		"another origin": {func(_ *Soft, c *Creation) {
			c.ClientDataJSON = append(clientPrefix("webauthn.create", challenge, "http://localhost"), '}')
		}, ErrClient},
		"a short id":          {func(s *Soft, c *Creation) { s.ID = s.ID[:15]; *c, _ = s.Create(challenge) }, ErrCredential},
		"an id without end":   {func(_ *Soft, c *Creation) { c.AuthenticatorData[headSize+16] = 3 }, ErrCredential},
		"an id past its end":  {func(_ *Soft, c *Creation) { c.AuthenticatorData[headSize+16] = 0xff }, ErrCredential},
		"another key":         {func(_ *Soft, c *Creation) { c.PublicKey = spki(t, &other.PublicKey) }, ErrCredential},
		"no key":              {func(_ *Soft, c *Creation) { c.PublicKey = nil }, ErrKey},
		"something after":     {func(_ *Soft, c *Creation) { c.AuthenticatorData = append(c.AuthenticatorData, 0) }, ErrCredential},
		"extensions, but not": {func(_ *Soft, c *Creation) { c.AuthenticatorData[32] |= flagExtension }, ErrCredential},
	} {
		s := newSoft(t)
		made, err := s.Create(challenge)
		if err != nil {
			t.Fatal(err)
		}
		c.change(s, &made)
		if _, err := VerifyNew(rp, origin, challenge, made); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzVerifyNew(f *testing.F) {
	s := newSoft(f)
	c, _ := s.Create(challenge)
	f.Add(c.AuthenticatorData, c.ClientDataJSON, c.PublicKey)
	f.Fuzz(func(t *testing.T, data, client, public []byte) {
		n, err := VerifyNew(rp, origin, challenge, Creation{data, client, public})
		if err != nil {
			return
		}
		if len(n.ID) < minID || len(n.ID) > maxID || n.Public == nil {
			t.Errorf("%+v", n)
		}
	})
}
