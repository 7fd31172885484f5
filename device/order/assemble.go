package order

import (
	"bytes"
	"slices"

	"cisterna/device/wire"
)

// SigningBytes returns what a signature over body as a document of type t covers:
// for people who sign on a machine of their own.
func SigningBytes(t Type, body []byte) []byte { return signedBytes(t, body) }

// Signs reports whether s is a signature over body as a document of type t by one
// of the quorum's keys.
func (q Quorum) Signs(t Type, body []byte, s Signature) bool {
	for _, text := range q.Keys {
		k, err := wire.ParsePublicKey(text)
		if err != nil {
			continue
		}
		if id := IDOf(k); bytes.Equal(id[:], s.Key) {
			return k.VerifyBytes(signedBytes(t, body), s.Sig)
		}
	}
	return false
}

// Names reports whether a key is one of the quorum's.
func (q Quorum) Names(k wire.PublicKey) bool { return slices.Contains(q.Keys, k.String()) }

// Assemble puts a body and signatures that were made apart into one document.
func Assemble(body []byte, sigs ...Signature) []byte { return encode(Signed{Body: body, Sigs: sigs}) }

// Person returns the records of a signing key, one for each set of sites at which its
// owner has roles of their own; none if it is not listed.
func (k *Keyset) Person(key Digest) (all []PersonKey) {
	first := k.find(key)
	for i := range k.Keys {
		if first != nil && k.Keys[i].Key == first.Key {
			all = append(all, k.Keys[i])
		}
	}
	return all
}

// PersonAt returns the record of a signing key for a site: one that covers it, if any
// does; nil if the key is not listed.
func (k *Keyset) PersonAt(key Digest, site ID) *PersonKey { return k.at(key, site) }

// At returns the records of the keys that sign orders at a site, without those that were
// revoked or have no role.
func (k *Keyset) At(site ID) (all []PersonKey) {
	for _, p := range k.Keys {
		id, err := p.ID()
		if err == nil && p.Usage == UsageOrders && len(p.Roles) > 0 && p.Covers(site) && !k.IsRevoked(Digest(id)) {
			all = append(all, p)
		}
	}
	return all
}

// IsRevoked reports whether a key is on the list of those that count no more.
func (k *Keyset) IsRevoked(key Digest) bool {
	for _, r := range k.Revoked {
		if r == key {
			return true
		}
	}
	return false
}

// Covers reports whether the key counts at a site.
func (p *PersonKey) Covers(site ID) bool { return covers(p.Sites, site) }

// CheckAssertion checks that the key's authenticator signed a challenge, as a pump
// with this keyset would, and returns a Refusal if not.
func (k *Keyset) CheckAssertion(key, challenge Digest, a Assertion) error {
	p := k.find(key)
	if p == nil {
		return refuse(ErrKey, "the key is not in the keyset")
	}
	x := exam{keyset: k}
	return x.signature(p, challenge, &a)
}

// DecodeKeyset reads a keyset's body, which nobody may have signed yet.
func DecodeKeyset(body []byte) (Keyset, error) {
	var k Keyset
	err := decode(body, &k)
	return k, err
}

// DecodeLibrary reads a library's body, which nobody may have signed yet.
func DecodeLibrary(body []byte) (Library, error) {
	var l Library
	if err := decode(body, &l); err != nil {
		return Library{}, err
	}
	return l, l.Check()
}
