package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/keyset"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// SigningKey is a key that signs orders.
type SigningKey struct {
	ID         ID            `json:"id"`
	Person     string        `json:"person" doc:"Login, as documents name it."`
	Key        string        `json:"key" doc:"Id of the key."`
	Public     string        `json:"public"`
	Software   bool          `json:"software"`
	Label      string        `json:"label"`
	RPID       string        `json:"rp_id"`
	Credential Maybe[string] `json:"credential" doc:"What a page asks the authenticator for, base64url."`
	AddedAt    Time          `json:"added_at"`
	NotAfter   Time          `json:"not_after"`
	RevokedAt  MaybeTime     `json:"revoked_at"`
	Reason     string        `json:"reason"`
	Holds      bool          `json:"holds" doc:"Neither it nor the passkey that it is was revoked."`
	Listed     bool          `json:"listed" doc:"The newest keyset lists it: it counts."`
	Roles      []string      `json:"roles" doc:"What it signs, by the keyset, at one site or another."`
}

func (a *API) signingKey(k keyset.Key) SigningKey {
	out := SigningKey{
		ID: id(k.ID), Person: k.Person, Key: k.KeyID.String(), Public: k.Text, Software: k.Software, Label: k.Label, RPID: k.RPID, Credential: notZero(b64.EncodeToString(k.Credential)),
		AddedAt: Time(k.AddedAt), NotAfter: Time(k.NotAfter), RevokedAt: maybeTime(k.RevokedAt), Reason: k.Reason, Holds: k.Holds, Roles: []string{},
	}
	cur := &a.Keysets.Current().Keyset
	if all := cur.Person(k.KeyID); len(all) > 0 && k.Holds && !cur.IsRevoked(k.KeyID) {
		out.Listed = true
		var roles []order.Role
		for _, p := range all {
			roles = append(roles, p.Roles...)
		}
		slices.Sort(roles)
		for _, r := range slices.Compact(roles) {
			out.Roles = append(out.Roles, r.String())
		}
	}
	return out
}

// KeysetVersion is a keyset, signed or not.
type KeysetVersion struct {
	Version     Digits                 `json:"version"`
	State       string                 `json:"state" enum:"draft,published"`
	Current     bool                   `json:"current"`
	Keyset      Document[order.Keyset] `json:"keyset"`
	Body        string                 `json:"body" doc:"What administrators sign, base64url."`
	Document    Maybe[string]          `json:"document" doc:"Signed, base64url."`
	Reason      string                 `json:"reason"`
	DraftedBy   string                 `json:"drafted_by"`
	DraftedAt   Time                   `json:"drafted_at"`
	PublishedAt MaybeTime              `json:"published_at"`
	ExpiresAt   Time                   `json:"expires_at"`
	Signed      []string               `json:"signed" doc:"Keys that have signed the draft."`
	Needed      int                    `json:"needed" doc:"Signatures that the root asks for."`
	Sites       []KeysetSite           `json:"sites" doc:"What the ids of sites in the keyset stand for."`
}

// KeysetSite is the id of a site in signed documents.
type KeysetSite struct {
	ID   string `json:"id"`
	Site ID     `json:"site"`
}

// keysetsOf shows keysets with the sites that their ids stand for.
func (a *API) keysetsOf(ctx context.Context, all []keyset.Version) ([]KeysetVersion, error) {
	sites, err := a.Registry.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return nil, err
	}
	ids := make([]KeysetSite, len(sites))
	for i, s := range sites {
		ids[i] = KeysetSite{ID: registry.OrderSite(s.ID).String(), Site: id(s.ID)}
	}
	out := make([]KeysetVersion, len(all))
	for i, v := range all {
		out[i] = a.keysetOf(v)
		out[i].Sites = ids
	}
	return out, nil
}

func (a *API) keysetOf(v keyset.Version) KeysetVersion {
	out := KeysetVersion{
		Version: digits(int64(v.Version)), State: "published", Current: v.Version == a.Keysets.Current().Version, Keyset: Document[order.Keyset]{v.Keyset}, Body: b64.EncodeToString(v.Body),
		Document: notZero(b64.EncodeToString(v.Document)), Reason: v.Reason, DraftedBy: v.DraftedBy, DraftedAt: Time(v.DraftedAt), PublishedAt: maybeTime(v.PublishedAt),
		ExpiresAt: Time(time.Unix(v.Keyset.Expires, 0)), Signed: []string{}, Needed: v.Needed,
	}
	if v.Document == nil {
		out.State = "draft"
	}
	for _, s := range v.Signed {
		out.Signed = append(out.Signed, hex.EncodeToString(s.Key[:]))
	}
	return out
}

// RootSignature is a signature by one of the keys that the root names.
type RootSignature struct {
	Key       string `json:"key" minLength:"64" maxLength:"64" doc:"Id of the key, hexadecimal."`
	Signature string `json:"signature" maxLength:"256" doc:"base64url"`
}

func (r RootSignature) read() (order.Signature, error) {
	key, err := readDigest("key", r.Key)
	if err != nil {
		return order.Signature{}, err
	}
	sig, err := readBytes("signature", r.Signature)
	return order.Signature{Key: key[:], Sig: sig}, err
}

func versionNo(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 53)
	if err != nil || n == 0 {
		return 0, errs.NotFoundf("There is no version %.20q.", s)
	}
	return n, nil
}

type versionInput struct {
	Version string `path:"version" maxLength:"20"`
}

type reasonBody struct {
	Reason string `json:"reason" maxLength:"300"`
}

func (a *API) trust() {
	handle(a, op{id: "list-signing-keys", method: http.MethodGet, path: "/signing-keys", tag: "trust", summary: "Signing keys: one's own; administrators and auditors see those of the people of their sites"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[SigningKey], error) {
			all, err := a.Keysets.Seen(ctx, c.Actor)
			return listed(all, err, a.signingKey)
		})
	handle(a, op{
		id: "add-signing-key", method: http.MethodPost, path: "/signing-keys", tag: "trust", summary: "Have one of one's own passkeys sign orders", status: http.StatusCreated, problems: []int{http.StatusConflict},
		describe: "It counts once two administrators have signed a keyset that lists it. A passkey that can be copied to other devices is refused.",
	},
		func(ctx context.Context, c Caller, in *struct {
			Body struct {
				Passkey ID     `json:"passkey" doc:"Id of the passkey (GET /me)."`
				Label   string `json:"label" maxLength:"100"`
			}
		},
		) (*struct{ Body SigningKey }, error) {
			n, err := parseID(string(in.Body.Passkey), "passkey")
			if err != nil {
				return nil, err
			}
			all, err := a.Accounts.Keys(ctx, c.ID)
			if err != nil {
				return nil, err
			}
			for _, k := range all {
				if k.ID != n || k.Revoked() {
					continue
				}
				public, err := k.Public()
				if err != nil {
					return nil, err
				}
				label := in.Body.Label
				if label == "" {
					label = k.Name
				}
				aaguid := order.ID(k.AAGUID)
				add := keyset.NewKey{Public: public, RPID: k.RPID(), Label: label, Software: k.Kind == auth.Software, Synced: k.Synced, Credential: k.Credential}
				if !aaguid.IsZero() {
					add.AAGUID = &aaguid
				}
				got, err := a.Keysets.AddKey(ctx, c.Actor, add)
				if err != nil {
					return nil, err
				}
				if err := a.Keysets.DemoDraft(ctx, c.Login+" has a new signing key"); err != nil {
					return nil, err
				}
				return &struct{ Body SigningKey }{a.signingKey(got)}, nil
			}
			return nil, errs.NotFoundf("You have no such passkey.")
		})
	handle(a, op{
		id: "revoke-signing-key", method: http.MethodPost, path: "/signing-keys/{id}/revoke", tag: "trust", summary: "Say that a signing key counts no more", status: http.StatusNoContent, problems: []int{http.StatusConflict},
		describe: "Its owner may, and administrators of a site where the owner works. Pumps hear of it with the next keyset.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body reasonBody
		},
		) (*struct{}, error) {
			n, err := parseID(in.ID, "key")
			if err != nil {
				return nil, err
			}
			if err := a.Keysets.RevokeKey(ctx, c.Actor, n, in.Body.Reason); err != nil {
				return nil, err
			}
			return nil, a.Keysets.DemoDraft(ctx, "a key was revoked")
		})
	handle(a, op{id: "list-keysets", method: http.MethodGet, path: "/keysets", tag: "trust", summary: "Keysets, newest first, the draft included"},
		func(ctx context.Context, _ Caller, _ *struct{}) (*orderListOutput[KeysetVersion], error) {
			all, err := a.Keysets.Versions(ctx)
			if err != nil {
				return nil, err
			}
			shown, err := a.keysetsOf(ctx, all)
			return listed(shown, err, func(v KeysetVersion) KeysetVersion { return v })
		})
	handle(a, op{id: "draft-keyset", method: http.MethodPost, path: "/keysets", tag: "trust", summary: "Draft the next keyset of everybody's keys as they are now", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct{ Body reasonBody }) (*struct{ Body KeysetVersion }, error) {
			v, err := a.Keysets.Draft(ctx, c.Actor, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			shown, err := a.keysetsOf(ctx, []keyset.Version{v})
			if err != nil {
				return nil, err
			}
			return &struct{ Body KeysetVersion }{shown[0]}, nil
		})
	handle(a, op{
		id: "sign-keyset", method: http.MethodPost, path: "/keysets/{version}/signatures", tag: "trust", summary: "Bring an administrator's signature under the draft", status: http.StatusNoContent, problems: []int{http.StatusConflict, http.StatusNotFound},
		describe: "Made offline with a key that the root names (cisterna keys sign). The one that makes it enough publishes the keyset. Two people bring them.",
	},
		func(ctx context.Context, c Caller, in *struct {
			Version string `path:"version" maxLength:"20"`
			Body    RootSignature
		},
		) (*struct{}, error) {
			if !c.HasAnywhere(auth.Admin) {
				return nil, errs.Deniedf("Administrators sign keysets.")
			}
			v, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			return nil, a.Keysets.Sign(ctx, c.Actor, v, sig)
		})
	a.roots()
	handle(a, op{id: "keyset-pumps", method: http.MethodGet, path: "/keyset-pumps", tag: "trust", summary: "Which keyset each pump of one's sites says it has"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[KeysetPump], error) {
			all, err := a.keysetPumps(ctx, c)
			return listed(all, err, func(p KeysetPump) KeysetPump { return p })
		})
	a.libraries()
}

// KeysetPump is which keyset one pump says it has.
type KeysetPump struct {
	Pump      ID            `json:"pump"`
	Serial    string        `json:"serial"`
	Site      ID            `json:"site"`
	Version   Maybe[Digits] `json:"version" doc:"null: it has not said."`
	ExpiresAt MaybeTime     `json:"expires_at" doc:"Of that keyset; null: it is not known here."`
	SaidAt    MaybeTime     `json:"said_at"`
}

// keysetPumps joins what pumps say with the pumps of the caller's sites that have a
// link.
func (a *API) keysetPumps(ctx context.Context, c Caller) ([]KeysetPump, error) {
	held, err := a.Telemetry.Keysets(ctx)
	if err != nil {
		return nil, err
	}
	out := []KeysetPump{}
	for _, p := range a.linkedPumps(c.Scope()) {
		row := KeysetPump{Pump: id(p.ID), Serial: p.Serial, Site: id(p.Site)}
		if h, ok := held[p.ID]; ok {
			row.Version, row.SaidAt = versionOf(h.Version), maybeTime(h.At)
			if k, ok := a.Keysets.Held(h.Version); ok {
				row.ExpiresAt = maybeTime(time.Unix(k.Expires, 0))
			}
		}
		out = append(out, row)
	}
	return out, nil
}
