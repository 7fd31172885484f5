package order

import (
	"slices"
	"time"

	"cisterna/device/dose"
)

// Keyset says whose signatures a pump counts. Until dose orders exist it only
// names the people's keys; their policies join it with the orders.
type Keyset struct {
	V       uint        `cbor:"1,keyasint"` // 1
	Version uint64      `cbor:"2,keyasint"` // rises; a pump refuses a smaller one
	Issued  int64       `cbor:"3,keyasint"` // Unix seconds
	Expires int64       `cbor:"4,keyasint"` // at most 90 days after Issued (DESIGN.md 5)
	Origin  string      `cbor:"5,keyasint"` // of the console that signs, scheme and port included
	Keys    []PersonKey `cbor:"6,keyasint"`
}

// PersonKey is one person's signing key.
type PersonKey struct {
	Person    string   `cbor:"1,keyasint"`
	Key       string   `cbor:"2,keyasint"` // text key
	Roles     []string `cbor:"3,keyasint"`
	NotBefore int64    `cbor:"4,keyasint"`
	NotAfter  int64    `cbor:"5,keyasint"`
	Software  bool     `cbor:"6,keyasint"` // valid only under a demo root
}

// maxKeysetLife is the longest life of a keyset (DESIGN.md 5).
const maxKeysetLife = 90 * 24 * time.Hour

// Encode returns the body to sign.
func (k Keyset) Encode() []byte { return encode(k) }

// OpenKeyset accepts a keyset signed by r's administrators.
func (r Root) OpenKeyset(b []byte) (Keyset, error) {
	var k Keyset
	if err := r.open(b, TypeKeyset, r.Keyset, &k); err != nil {
		return Keyset{}, err
	}
	if k.V != 1 || k.Version == 0 || k.Expires <= k.Issued || k.Expires-k.Issued > int64(maxKeysetLife/time.Second) {
		return Keyset{}, refused("keyset of format %d, version %d, life %d s", k.V, k.Version, k.Expires-k.Issued)
	}
	if i := slices.IndexFunc(k.Keys, func(p PersonKey) bool { return p.Software && !r.Demo }); i >= 0 {
		return Keyset{}, refused("keyset lists a software key of %q, which only a demo root allows", k.Keys[i].Person)
	}
	return k, nil
}

// Library is the drug library as pumps know it. Limits per patient group join it
// with dose orders; what stands here already decides how a fault is answered.
type Library struct {
	V       uint   `cbor:"1,keyasint"` // 1
	Version uint64 `cbor:"2,keyasint"` // rises; immutable once signed
	Issued  int64  `cbor:"3,keyasint"`
	Name    string `cbor:"4,keyasint"`
	Sample  bool   `cbor:"5,keyasint"` // unapproved sample content
	Drugs   []Drug `cbor:"6,keyasint"`
}

// Drug is one entry of the library.
type Drug struct {
	Code       dose.Code     `cbor:"1,keyasint"`
	Name       string        `cbor:"2,keyasint"`
	Class      string        `cbor:"3,keyasint"`
	Unit       string        `cbor:"4,keyasint"` // mg or mcg, as clinicians write it
	Decimals   uint          `cbor:"5,keyasint"` // of a daily dose in Unit
	Withdrawal dose.Severity `cbor:"6,keyasint"` // what an abrupt stop does
	Restricted bool          `cbor:"7,keyasint"` // no dose can be proposed
	Source     string        `cbor:"8,keyasint"`
}

// Encode returns the body to sign.
func (l Library) Encode() []byte { return encode(l) }

// OpenLibrary accepts a library signed by r's library keys.
func (r Root) OpenLibrary(b []byte) (Library, error) {
	var l Library
	if err := r.open(b, TypeLibrary, r.Library, &l); err != nil {
		return Library{}, err
	}
	if l.V != 1 || l.Version == 0 {
		return Library{}, refused("library of format %d, version %d", l.V, l.Version)
	}
	seen := map[dose.Code]bool{}
	for _, d := range l.Drugs {
		if d.Code == 0 || d.Name == "" || seen[d.Code] || d.Withdrawal < dose.WithdrawalNone || d.Withdrawal > dose.WithdrawalDeadly || d.Unit != "mg" && d.Unit != "mcg" || d.Decimals > 4 {
			return Library{}, refused("library entry %d %q is incomplete or there twice", d.Code, d.Name)
		}
		seen[d.Code] = true
	}
	return l, nil
}

// OpenProfile accepts a device profile signed by r's makers and returns its
// body, which package profile decodes.
func (r Root) OpenProfile(b []byte) ([]byte, error) {
	d, err := Open(b)
	if err != nil {
		return nil, err
	}
	if err := d.verify(TypeProfile, r.Profile); err != nil {
		return nil, err
	}
	return d.Body, nil
}

func (r Root) open(b []byte, t Type, q Quorum, into any) error {
	d, err := Open(b)
	if err != nil {
		return err
	}
	if err := d.verify(t, q); err != nil {
		return err
	}
	return decode(d.Body, into)
}
