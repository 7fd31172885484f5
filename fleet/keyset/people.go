package keyset

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// Key is somebody's signing key.
type Key struct {
	ID         int64
	User       int64
	Person     string // login, as documents name them
	Text       string // public key
	KeyID      order.Digest
	Software   bool // lives in a file or a browser; counts under a demo's root only
	RPID       string
	Label      string
	AAGUID     *order.ID // model of authenticator, if it told
	Credential []byte    // what a page asks the authenticator for
	AddedAt    time.Time
	AddedBy    string
	NotAfter   time.Time
	RevokedAt  time.Time // zero: it counts
	RevokedBy  string
	Reason     string // of the revocation
	Holds      bool   // as Service.Keys returns it: neither it nor its passkey was revoked
}

// NewKey is what it takes to add one. Who adds it must hold the key.
type NewKey struct {
	Public     *ecdsa.PublicKey
	RPID       string
	Label      string
	Software   bool
	Synced     bool // may be copied to other devices: refused
	AAGUID     *order.ID
	Credential []byte
}

// keyLife is how long a key is listed before it must be renewed
// (reference/signing.md 4.5, Key life).
const keyLife = 365 * 24 * time.Hour

// rolesOf says what a role at a site lets a person sign there.
var rolesOf = map[auth.Role][]order.Role{
	auth.Prescriber: {order.RolePrescriber, order.RolePolicy, order.RoleRelease, order.RoleStop},
	auth.Verifier:   {order.RoleVerifier, order.RoleRelease, order.RoleStop},
	auth.Pharmacist: {order.RolePharmacist, order.RoleStop},
	auth.Nurse:      {order.RoleRelease, order.RoleStop},
}

// Signing returns what somebody with these roles signs at one site: nothing for
// administrators, engineers and auditors, and nothing at all for whoever manages
// people anywhere.
func Signing(roles map[int64][]auth.Role, site int64) []order.Role {
	for _, held := range roles {
		if slices.Contains(held, auth.Admin) {
			return nil
		}
	}
	var out []order.Role
	for _, r := range roles[site] {
		out = append(out, rolesOf[r]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// record returns a key as the keyset lists it, and false if its owner signs
// nothing anywhere. A record has one set of roles for all of its sites: where a
// person's roles differ from site to site, it lists the sites with the set that
// the most of them share, and among equals the first. For the others they use
// another key.
func (k *Key) record(roles map[int64][]auth.Role) (order.PersonKey, bool) {
	type grant struct {
		roles []order.Role
		sites []int64
	}
	var grants []grant
	sites := make([]int64, 0, len(roles))
	for s := range roles {
		sites = append(sites, s)
	}
	slices.Sort(sites)
	for _, s := range sites {
		r := Signing(roles, s)
		if len(r) == 0 {
			continue
		}
		i := slices.IndexFunc(grants, func(g grant) bool { return slices.Equal(g.roles, r) })
		if i < 0 {
			grants = append(grants, grant{roles: r})
			i = len(grants) - 1
		}
		grants[i].sites = append(grants[i].sites, s)
	}
	if len(grants) == 0 {
		return order.PersonKey{}, false
	}
	best := slices.MaxFunc(grants, func(a, b grant) int { return cmp.Compare(len(a.sites), len(b.sites)) })
	p := order.PersonKey{
		Person: k.Person, Key: k.Text, Roles: best.roles, NotBefore: k.AddedAt.Unix(), NotAfter: k.NotAfter.Unix(),
		Software: k.Software, Usage: order.UsageOrders, RPID: k.RPID, AAGUID: k.AAGUID,
	}
	for _, s := range best.sites {
		p.Sites = append(p.Sites, registry.OrderSite(s))
	}
	slices.SortFunc(p.Sites, func(a, b order.ID) int { return bytes.Compare(a[:], b[:]) })
	return p, true
}

// check says whether a key may be added, and returns it with its id.
func (n *NewKey) check(demo bool) (wire.PublicKey, error) {
	switch {
	case n.Public == nil:
		return wire.PublicKey{}, refusal.InvalidAs(refusal.Key, "key", "The key is missing.")
	case n.Synced:
		return wire.PublicKey{}, refusal.InvalidAs(refusal.Key, "key", "This passkey can be copied to other devices. It signs in, but no dose: enrol a security key, or a passkey that stays on its device.")
	case n.Software && !demo:
		return wire.PublicKey{}, refusal.InvalidAs(refusal.Key, "key", "A key in software counts in a demo only.")
	case n.RPID == "":
		return wire.PublicKey{}, refusal.InvalidAs(refusal.Key, "key", "The key does not say which server it was made for.")
	case len(n.Label) > 100:
		return wire.PublicKey{}, refusal.Invalid("label", "The label is longer than 100 characters.")
	}
	k, err := wire.NewPublicKey(n.Public)
	if err != nil {
		return wire.PublicKey{}, refusal.InvalidAs(refusal.Key, "key", "Orders are signed with ES256, and this key is another.")
	}
	return k, nil
}
