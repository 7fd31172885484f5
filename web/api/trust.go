package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
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
	Roles      []string      `json:"roles" doc:"What it signs, by the keyset."`
}

func (a *API) signingKey(k keyset.Key) SigningKey {
	out := SigningKey{
		ID: id(k.ID), Person: k.Person, Key: k.KeyID.String(), Public: k.Text, Software: k.Software, Label: k.Label, RPID: k.RPID, Credential: notZero(b64.EncodeToString(k.Credential)),
		AddedAt: Time(k.AddedAt), NotAfter: Time(k.NotAfter), RevokedAt: maybeTime(k.RevokedAt), Reason: k.Reason, Holds: k.Holds, Roles: []string{},
	}
	cur := &a.Keysets.Current().Keyset
	if p, ok := cur.Person(k.KeyID); ok && k.Holds && !cur.IsRevoked(k.KeyID) {
		out.Listed = true
		for _, r := range p.Roles {
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
	handle(a, op{id: "list-signing-keys", method: http.MethodGet, path: "/signing-keys", tag: "trust", summary: "Signing keys: one's own; administrators and auditors see everybody's"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[SigningKey], error) {
			who := c.ID
			if c.HasAnywhere(auth.Admin, auth.Auditor) {
				who = 0
			}
			all, err := a.Keysets.Keys(ctx, who)
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
		describe: "Its owner and administrators may. Pumps hear of it with the next keyset.",
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
			return listed(all, err, a.keysetOf)
		})
	handle(a, op{id: "draft-keyset", method: http.MethodPost, path: "/keysets", tag: "trust", summary: "Draft the next keyset of everybody's keys as they are now", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct{ Body reasonBody }) (*struct{ Body KeysetVersion }, error) {
			v, err := a.Keysets.Draft(ctx, c.Actor, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			return &struct{ Body KeysetVersion }{a.keysetOf(v)}, nil
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
	a.libraries()
}

// DrugLibrary is a version of the drug library.
type DrugLibrary struct {
	Version     Digits                  `json:"version"`
	State       string                  `json:"state" enum:"draft,review,approved,active,superseded,rejected"`
	Rev         int64                   `json:"rev"`
	Library     Document[order.Library] `json:"library"`
	Note        string                  `json:"note"`
	Author      string                  `json:"author"`
	AuthorID    ID                      `json:"author_id"`
	CreatedAt   Time                    `json:"created_at"`
	SubmittedAt MaybeTime               `json:"submitted_at"`
	Approver    Maybe[string]           `json:"approver"`
	ApprovedAt  MaybeTime               `json:"approved_at"`
	ActiveAt    MaybeTime               `json:"active_at"`
	Hash        Maybe[string]           `json:"hash" doc:"Of the signed document, which pumps name."`
	Body        string                  `json:"body" doc:"What is signed, base64url."`
}

func libraryOf(v library.Version) DrugLibrary {
	out := DrugLibrary{
		Version: digits(int64(v.Version)), State: string(v.State), Rev: v.Rev, Library: Document[order.Library]{v.Library}, Note: v.Note, Author: v.AuthorName, AuthorID: ID(digits(v.Author)), CreatedAt: Time(v.CreatedAt),
		SubmittedAt: maybeTime(v.SubmittedAt), Approver: notZero(v.ApproverName), ApprovedAt: maybeTime(v.ApprovedAt), ActiveAt: maybeTime(v.ActiveAt), Body: b64.EncodeToString(v.Body),
	}
	if v.Document != nil {
		out.Hash = some(v.Hash.String())
	}
	return out
}

type libraryOutput struct{ Body DrugLibrary }

func libraryOut(v library.Version, err error) (*libraryOutput, error) {
	if err != nil {
		return nil, err
	}
	return &libraryOutput{Body: libraryOf(v)}, nil
}

type libraryBody struct {
	Library Document[order.Library] `json:"library"`
	Note    string                  `json:"note" maxLength:"1000" doc:"What changes and why."`
	Rev     int64                   `json:"rev,omitempty" doc:"Of the draft that is changed."`
}

// LibraryHolding is how many pumps have a version.
type LibraryHolding struct {
	Version Maybe[Digits] `json:"version" doc:"null: one that is not known here."`
	Hash    string        `json:"hash"`
	Pumps   int64         `json:"pumps"`
}

// LibraryAdopted is how many pumps had taken a version by a day.
type LibraryAdopted struct {
	Day   Time  `json:"day"`
	Pumps int64 `json:"pumps"`
}

// LibraryViolation is a running program that a library does not allow.
type LibraryViolation struct {
	Pump   ID     `json:"pump"`
	Site   ID     `json:"site"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (a *API) libraries() {
	handle(a, op{id: "list-libraries", method: http.MethodGet, path: "/libraries", tag: "library", summary: "Versions of the drug library, newest first"},
		func(ctx context.Context, _ Caller, _ *struct{}) (*orderListOutput[DrugLibrary], error) {
			all, err := a.Libraries.Versions(ctx)
			return listed(all, err, libraryOf)
		})
	handle(a, op{id: "get-library", method: http.MethodGet, path: "/libraries/{version}", tag: "library", summary: "A version of the drug library", problems: []int{http.StatusNotFound}},
		func(ctx context.Context, _ Caller, in *versionInput) (*libraryOutput, error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			return libraryOut(a.Libraries.Version(ctx, n))
		})
	handle(a, op{id: "diff-libraries", method: http.MethodGet, path: "/libraries/{version}/diff", tag: "library", summary: "What a version says differently from another", problems: []int{http.StatusNotFound}},
		func(ctx context.Context, _ Caller, in *struct {
			Version string `path:"version" maxLength:"20"`
			From    string `query:"from" maxLength:"20" doc:"The version to compare with; the active one if left out."`
		},
		) (*orderListOutput[library.Difference], error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			b, err := a.Libraries.Version(ctx, n)
			if err != nil {
				return nil, err
			}
			from := a.Libraries.Current().Version
			if in.From != "" {
				if from, err = versionNo(in.From); err != nil {
					return nil, err
				}
			}
			old, err := a.Libraries.Version(ctx, from)
			if err != nil {
				return nil, err
			}
			return listed(library.Diff(&old.Library, &b.Library), nil, func(d library.Difference) library.Difference { return d })
		})
	handle(a, op{id: "library-holdings", method: http.MethodGet, path: "/library-holdings", tag: "library", summary: "Which versions the pumps of one's sites have"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[LibraryHolding], error) {
			all, err := a.Libraries.Holdings(ctx, c.Scope())
			return listed(all, err, func(h library.Holding) LibraryHolding {
				return LibraryHolding{Version: notZero(Digits(map[bool]string{true: strconv.FormatUint(h.Version, 10)}[h.Version > 0])), Hash: hex.EncodeToString(h.Hash), Pumps: h.Pumps}
			})
		})
	handle(a, op{id: "library-adoption", method: http.MethodGet, path: "/libraries/{version}/adoption", tag: "library", summary: "How many pumps of one's sites had taken a version, day by day", problems: []int{http.StatusNotFound}},
		func(ctx context.Context, c Caller, in *versionInput) (*orderListOutput[LibraryAdopted], error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			all, err := a.Libraries.Adoption(ctx, c.Scope(), n)
			return listed(all, err, func(d library.Adopted) LibraryAdopted { return LibraryAdopted{Time(d.Day), d.Pumps} })
		})
	handle(a, op{id: "library-check", method: http.MethodGet, path: "/libraries/{version}/check", tag: "library", summary: "Which running programs a version does not allow", problems: []int{http.StatusNotFound}},
		func(ctx context.Context, c Caller, in *versionInput) (*struct {
			Body struct {
				Checked int                `json:"checked" doc:"Pumps that were compared."`
				Items   []LibraryViolation `json:"items"`
			}
		}, error,
		) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			v, err := a.Libraries.Version(ctx, n)
			if err != nil {
				return nil, err
			}
			bad, checked, err := a.Orders.Recheck(ctx, c.Scope(), &v.Library)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Checked int                `json:"checked" doc:"Pumps that were compared."`
					Items   []LibraryViolation `json:"items"`
				}
			}
			out.Body.Checked, out.Body.Items = checked, []LibraryViolation{}
			for _, x := range bad {
				out.Body.Items = append(out.Body.Items, violationOf(x))
			}
			return &out, nil
		})
	handle(a, op{id: "draft-library", method: http.MethodPost, path: "/libraries", tag: "library", summary: "Draft a new version", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct{ Body libraryBody }) (*libraryOutput, error) {
			return libraryOut(a.Libraries.Save(ctx, c.Actor, 0, 0, in.Body.Library.V, in.Body.Note))
		})
	handle(a, op{id: "change-library", method: http.MethodPut, path: "/libraries/{version}", tag: "library", summary: "Change one's own draft", problems: []int{http.StatusConflict, http.StatusNotFound}},
		func(ctx context.Context, c Caller, in *struct {
			Version string `path:"version" maxLength:"20"`
			Body    libraryBody
		},
		) (*libraryOutput, error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			return libraryOut(a.Libraries.Save(ctx, c.Actor, n, in.Body.Rev, in.Body.Library.V, in.Body.Note))
		})
	for _, act := range []struct {
		id, path, summary string
		do                func(context.Context, auth.Actor, uint64, string) (library.Version, error)
	}{
		{"submit-library", "submit", "Hand one's draft to a second person; it never changes again", func(ctx context.Context, who auth.Actor, n uint64, _ string) (library.Version, error) {
			return a.Libraries.Submit(ctx, who, n)
		}},
		{"approve-library", "approve", "Agree to a version as the second person", func(ctx context.Context, who auth.Actor, n uint64, _ string) (library.Version, error) {
			return a.Libraries.Approve(ctx, who, n)
		}},
		{"reject-library", "reject", "Disagree with a version as the second person", a.Libraries.Reject},
	} {
		handle(a, op{id: act.id, method: http.MethodPost, path: "/libraries/{version}/" + act.path, tag: "library", summary: act.summary, problems: []int{http.StatusConflict, http.StatusNotFound}},
			func(ctx context.Context, c Caller, in *struct {
				Version string `path:"version" maxLength:"20"`
				Body    struct {
					Reason string `json:"reason,omitempty" maxLength:"300"`
				}
			},
			) (*libraryOutput, error) {
				n, err := versionNo(in.Version)
				if err != nil {
					return nil, err
				}
				v, err := act.do(ctx, c.Actor, n, in.Body.Reason)
				if err == nil {
					v, err = a.Libraries.Version(ctx, n)
				}
				return libraryOut(v, err)
			})
	}
	handle(a, op{id: "sign-library", method: http.MethodPost, path: "/libraries/{version}/signatures", tag: "library", summary: "Bring a signature over an approved version", status: http.StatusNoContent, problems: []int{http.StatusConflict, http.StatusNotFound}},
		func(ctx context.Context, c Caller, in *struct {
			Version string `path:"version" maxLength:"20"`
			Body    RootSignature
		},
		) (*struct{}, error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			return nil, a.Libraries.Sign(ctx, c.Actor, n, sig)
		})
}

func violationOf(x dosing.Violation) LibraryViolation {
	return LibraryViolation{Pump: id(x.Pump), Site: id(x.Site), Code: string(x.Code), Detail: x.Detail}
}
