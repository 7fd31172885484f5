package order

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"slices"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/webauthn"
)

// Keyset says whose signatures a pump counts, and how many. It is signed by two
// clinician-administrators, who can approve no dose.
type Keyset struct {
	V        uint64      `cbor:"1,keyasint" json:"v"`                            // 1
	Version  uint64      `cbor:"2,keyasint" json:"version"`                      // rises; a pump refuses a smaller one
	Issued   int64       `cbor:"3,keyasint" json:"issued"`                       // Unix seconds
	Expires  int64       `cbor:"4,keyasint" json:"expires"`                      // at most 90 days after Issued (DESIGN.md 5)
	Origin   string      `cbor:"5,keyasint" json:"origin"`                       // of the console that signs, scheme and port included
	Keys     []PersonKey `cbor:"6,keyasint" json:"keys"`                         // rising by key id, and by the first site where a key is there again
	Policies []Policy    `cbor:"7,keyasint,omitempty" json:"policies,omitempty"` // rising by act and class; without any, no order counts
	Revoked  []Digest    `cbor:"8,keyasint,omitempty" json:"revoked,omitempty"`  // key ids, rising
	Sites    []ID        `cbor:"9,keyasint,omitempty" json:"sites,omitempty"`    // it is for, rising; absent: every site under the root
}

// PersonKey is one person's signing key, with what it may sign and where. A key is
// there again for other sites, if its owner has other roles there.
type PersonKey struct {
	Person    string `cbor:"1,keyasint" json:"person"`
	Key       string `cbor:"2,keyasint" json:"key"` // text key; its form fixes the algorithm
	Roles     []Role `cbor:"3,keyasint" json:"roles"`
	NotBefore int64  `cbor:"4,keyasint" json:"not_before"`
	NotAfter  int64  `cbor:"5,keyasint" json:"not_after"`
	Software  bool   `cbor:"6,keyasint" json:"software"` // valid only under a demo root
	Usage     Usage  `cbor:"7,keyasint" json:"usage"`
	RPID      string `cbor:"8,keyasint" json:"rp_id"`
	Origin    string `cbor:"9,keyasint,omitempty" json:"origin,omitempty"`  // if it is not the keyset's
	Sites     []ID   `cbor:"10,keyasint,omitempty" json:"sites,omitempty"`  // rising; absent: every site of the keyset
	AAGUID    *ID    `cbor:"11,keyasint,omitempty" json:"aaguid,omitempty"` // model of authenticator, as enrolled
}

// Usage is what a key is for. A key has one usage.
type Usage uint16

// The usages.
const (
	UsageOrders Usage = 1 // approvals, releases, stops, withdrawals
	UsageOther  Usage = 2 // anything else: it is listed, and signs no order
)

// Role is what a person may do with orders.
type Role uint16

// The roles. The first four are what the meanings of the same number need.
const (
	RolePrescriber Role = 1
	RoleVerifier   Role = 2
	RolePharmacist Role = 3
	RolePolicy     Role = 4 // acts alone under standing policy
	RoleRelease    Role = 5
	RoleStop       Role = 6
)

var roleNames = [...]string{RolePrescriber: "prescriber", RoleVerifier: "verifier", RolePharmacist: "pharmacist", RolePolicy: "policy", RoleRelease: "release", RoleStop: "stop"}

// String returns the role's name.
func (r Role) String() string { return nameOf(roleNames[:], int(r), "role") }

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return marshalName(roleNames[:], int(r)) }

// UnmarshalText reads what MarshalText writes.
func (r *Role) UnmarshalText(b []byte) error {
	i, err := unmarshalName(roleNames[:], b)
	if err == nil {
		*r = Role(i)
	}
	return err
}

// Class is how many people an order needs at least: ORDERS.md, Quorum. The pump
// computes it; no document says it.
type Class uint16

// The classes.
const (
	ClassOne   Class = 1
	ClassTwo   Class = 2
	ClassThree Class = 3
)

// Policy is what a keyset asks of an act of a class. It can ask for more people
// than the class, never for fewer.
type Policy struct {
	Act      Act       `cbor:"1,keyasint" json:"act,omitempty"` // 0: every act without a policy of its own
	Class    Class     `cbor:"2,keyasint" json:"class"`
	People   uint64    `cbor:"3,keyasint" json:"people"`
	Meanings []Meaning `cbor:"4,keyasint,omitempty" json:"meanings,omitempty"` // each must be there, rising
}

// MaxKeysetLife is the longest life of a keyset (DESIGN.md 5).
const MaxKeysetLife = 90 * 24 * time.Hour

// KeyOverlap is how long after its life a rotated key stays listed, so that what
// it approved before still counts (ORDERS.md).
const KeyOverlap = 31 * 24 * time.Hour

// Encode returns the body to sign.
func (k Keyset) Encode() []byte { return encode(k) }

// ID returns the key's id.
func (p *PersonKey) ID() (KeyID, error) {
	k, err := wire.ParsePublicKey(p.Key)
	if err != nil {
		return KeyID{}, err
	}
	return IDOf(k), nil
}

// OpenKeyset accepts a keyset signed by r's administrators.
func (r Root) OpenKeyset(b []byte) (Keyset, error) {
	var k Keyset
	if err := r.open(b, TypeKeyset, r.Keyset, &k); err != nil {
		return Keyset{}, err
	}
	if err := k.check(r.Demo); err != nil {
		return Keyset{}, err
	}
	return k, nil
}

// check says whether a keyset is one, whoever signed it.
func (k *Keyset) check(demo bool) error {
	if k.V != 1 || k.Version == 0 || k.Version > MaxCounter || !moment(k.Issued) || !moment(k.Expires) || k.Expires <= k.Issued || k.Expires-k.Issued > int64(MaxKeysetLife/time.Second) {
		return refused("keyset of format %d, version %d, life %d s", k.V, k.Version, k.Expires-k.Issued)
	}
	if !rising(k.Revoked, compareHash) || !rising(k.Sites, compareID) {
		return refused("keyset with revoked keys or sites out of order")
	}
	if err := k.checkPolicies(); err != nil {
		return err
	}
	last, first := KeyID{}, 0 // of the records of one key
	for i := range k.Keys {
		p := &k.Keys[i]
		pub, err := wire.ParsePublicKey(p.Key)
		if err != nil {
			return refused("keyset: key of %q: %v", p.Person, err)
		}
		id := IDOf(pub)
		switch {
		case i > 0 && compareHash(Digest(last), Digest(id)) > 0:
			return refused("keyset: key %s is out of order", id)
		case i == 0 || id != last:
			first = i
		case !p.elsewhere(k.Keys[first:i]):
			return refused("keyset: key %s is listed twice, and not for other sites and otherwise the same", id)
		}
		last = id
		if err := p.check(demo, pub.Alg()); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keyset) checkPolicies() error {
	for i, p := range k.Policies {
		if p.Act > ActClock || p.Class < ClassOne || p.Class > ClassThree || p.People < uint64(p.Class) || p.People > maxApprovals {
			return refused("keyset: a policy of %d people for act %d of class %d", p.People, uint16(p.Act), p.Class)
		}
		if i > 0 && k.Policies[i-1].order() >= p.order() {
			return refused("keyset: policies are not in order")
		}
		last := Meaning(0)
		for _, m := range p.Meanings {
			if m <= last || m > MeansPolicy {
				return refused("keyset: meanings of a policy are not in order")
			}
			last = m
		}
	}
	return nil
}

func (p *Policy) order() int { return int(p.Act)<<8 | int(p.Class) }

func (p *PersonKey) check(demo bool, alg wire.Alg) error {
	if p.Software && !demo {
		return refused("keyset lists a software key of %q, which only a demo root allows", p.Person)
	}
	if !plain(p.Person, 1, maxPerson) || !moment(p.NotBefore) || !moment(p.NotAfter) || p.NotAfter <= p.NotBefore || !rising(p.Sites, compareID) {
		return refused("keyset: the record of %q is not complete", p.Person)
	}
	last := Role(0)
	for _, r := range p.Roles {
		if r <= last || r > RoleStop {
			return refused("keyset: roles of %q are unknown or out of order", p.Person)
		}
		last = r
	}
	if p.Usage != UsageOrders && p.Usage != UsageOther {
		return refused("keyset: a key of %q with usage %d", p.Person, uint16(p.Usage))
	}
	if p.Usage == UsageOther {
		return nil
	}
	if alg != wire.ES256 {
		return refused("keyset: orders are signed with ES256, the key of %q is another", p.Person)
	}
	if p.RPID == "" {
		return refused("keyset: the key of %q names no relying party", p.Person)
	}
	return nil
}

// elsewhere reports whether a record of a key may stand behind others of it: each
// names its sites, which no two share, and they differ in nothing but sites and roles.
func (p *PersonKey) elsewhere(before []PersonKey) bool {
	same := func(k PersonKey) []byte {
		k.Roles, k.Sites = nil, nil
		return encode(k)
	}
	for _, b := range before {
		if len(b.Sites) == 0 || len(p.Sites) == 0 || compareID(b.Sites[0], p.Sites[0]) >= 0 || !slices.Equal(same(b), same(*p)) {
			return false
		}
		if slices.ContainsFunc(p.Sites, func(s ID) bool { return slices.Contains(b.Sites, s) }) {
			return false
		}
	}
	return true
}

// at returns the record of a key that counts at a site; if none does, its first, and
// nil if it is not listed.
func (k *Keyset) at(id Digest, site ID) *PersonKey {
	first := k.find(id)
	for i := range k.Keys {
		if p := &k.Keys[i]; first != nil && p.Key == first.Key && covers(p.Sites, site) {
			return p
		}
	}
	return first
}

// find returns the first record of a key, nil if it is not listed.
func (k *Keyset) find(id Digest) *PersonKey {
	for i := range k.Keys {
		if got, err := k.Keys[i].ID(); err == nil && Digest(got) == id {
			return &k.Keys[i]
		}
	}
	return nil
}

// policy returns what the keyset asks of an act of a class.
func (k *Keyset) policy(a Act, c Class) (Policy, bool) {
	for _, want := range [...]Act{a, 0} {
		for _, p := range k.Policies {
			if p.Act == want && p.Class == c {
				return p, true
			}
		}
	}
	return Policy{}, false
}

// passkey returns what an assertion of the key is checked against.
func (p *PersonKey) passkey(k *Keyset) (webauthn.Key, error) {
	pub, err := wire.ParsePublicKey(p.Key)
	if err != nil {
		return webauthn.Key{}, err
	}
	point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), pub.Raw())
	if err != nil {
		return webauthn.Key{}, err
	}
	origin := p.Origin
	if origin == "" {
		origin = k.Origin
	}
	return webauthn.Key{Public: point, RPID: p.RPID, Origin: origin, DeviceBound: true}, nil
}

// covers reports whether a list that is absent or names the site covers it.
func covers(sites []ID, site ID) bool { return len(sites) == 0 || slices.Contains(sites, site) }

// rising reports whether a list rises strictly.
func rising[T any](list []T, compare func(a, b T) int) bool {
	for i := 1; i < len(list); i++ {
		if compare(list[i-1], list[i]) >= 0 {
			return false
		}
	}
	return true
}

func compareHash(a, b Digest) int { return slices.Compare(a[:], b[:]) }

func compareID(a, b ID) int { return slices.Compare(a[:], b[:]) }

// SortKeys puts a keyset's lists in the order that its form asks for. A key that
// is none stays where it is, and the keyset is then refused.
func (k *Keyset) SortKeys() {
	id := func(p PersonKey) Digest {
		h, err := p.ID()
		if err != nil {
			return Digest{}
		}
		return Digest(h)
	}
	slices.SortFunc(k.Keys, func(a, b PersonKey) int {
		if c := compareHash(id(a), id(b)); c != 0 || len(a.Sites) == 0 || len(b.Sites) == 0 {
			return c
		}
		return compareID(a.Sites[0], b.Sites[0])
	})
	slices.SortFunc(k.Policies, func(a, b Policy) int { return a.order() - b.order() })
	slices.SortFunc(k.Revoked, compareHash)
	slices.SortFunc(k.Sites, compareID)
}

// DefaultPolicies are those of ORDERS.md: one, two or three people by class, a
// prescriber among those that are more than one.
func DefaultPolicies() []Policy {
	return []Policy{
		{Class: ClassOne, People: 1},
		{Class: ClassTwo, People: 2, Meanings: []Meaning{MeansPrescribe}},
		{Class: ClassThree, People: 3, Meanings: []Meaning{MeansPrescribe}},
	}
}
