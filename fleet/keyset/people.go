package keyset

import (
	"bytes"
	"crypto/ecdsa"
	"maps"
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

// records returns a key as the keyset lists it: once for each set of sites at which
// its owner signs the same, nowhere more. None: its owner signs nothing anywhere.
func (k *Key) records(roles map[int64][]auth.Role) []order.PersonKey {
	var out []order.PersonKey
	for _, s := range slices.Sorted(maps.Keys(roles)) {
		signs := Signing(roles, s)
		if len(signs) == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(p order.PersonKey) bool { return slices.Equal(p.Roles, signs) })
		if i < 0 {
			i = len(out)
			out = append(out, order.PersonKey{
				Person: k.Person, Key: k.Text, Roles: signs, NotBefore: k.AddedAt.Unix(), NotAfter: k.NotAfter.Unix(),
				Software: k.Software, Usage: order.UsageOrders, RPID: k.RPID, AAGUID: k.AAGUID,
			})
		}
		out[i].Sites = append(out[i].Sites, registry.OrderSite(s))
	}
	for i := range out {
		slices.SortFunc(out[i].Sites, func(a, b order.ID) int { return bytes.Compare(a[:], b[:]) })
	}
	return out
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
