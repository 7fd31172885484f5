package api

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/library"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

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
	BodyHash    string                  `json:"body_hash" doc:"SHA-256 of body: what a signer compares."`
	Document    Maybe[string]           `json:"document" doc:"Signed, base64url."`
	Annex       Document[library.Annex] `json:"annex" doc:"Beside what is signed: sources of numbers, and how fast doses may rise."`
}

// LibrarySignature is a signature that was brought for a version.
type LibrarySignature struct {
	Key string `json:"key" doc:"Id of the key, hexadecimal."`
	By  string `json:"by"`
	At  Time   `json:"at"`
}

func libraryOf(v library.Version) DrugLibrary {
	out := DrugLibrary{
		Version: digits(int64(v.Version)), State: string(v.State), Rev: v.Rev, Library: Document[order.Library]{v.Library}, Note: v.Note, Author: v.AuthorName, AuthorID: ID(digits(v.Author)), CreatedAt: Time(v.CreatedAt),
		SubmittedAt: maybeTime(v.SubmittedAt), Approver: notZero(v.ApproverName), ApprovedAt: maybeTime(v.ApprovedAt), ActiveAt: maybeTime(v.ActiveAt), Body: b64.EncodeToString(v.Body),
		BodyHash: order.Digest(order.Hash(v.Body)).String(), Document: notZero(b64.EncodeToString(v.Document)), Annex: Document[library.Annex]{v.Annex},
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
	Annex   Document[library.Annex] `json:"annex,omitempty"`
	Note    string                  `json:"note" maxLength:"1000" doc:"What changes and why."`
	Rev     int64                   `json:"rev,omitempty" doc:"Of the draft that is changed."`
}

func (b *libraryBody) read() library.Content {
	return library.Content{Library: b.Library.V, Annex: b.Annex.V, Note: b.Note}
}

// LibraryPump is which version one pump says it has.
type LibraryPump struct {
	Pump    ID            `json:"pump"`
	Serial  string        `json:"serial"`
	Site    ID            `json:"site"`
	Status  string        `json:"status"`
	Version Maybe[Digits] `json:"version" doc:"null: one that is not known here, or it has not said."`
	Hash    Maybe[string] `json:"hash" doc:"null: it has not said."`
	Since   MaybeTime     `json:"since" doc:"When it first said so."`
}

// libraryPumps joins what pumps say with the pumps of the caller's sites that have a
// link.
func (a *API) libraryPumps(ctx context.Context, c Caller) ([]LibraryPump, error) {
	held, err := a.Libraries.Pumps(ctx, c.Scope())
	if err != nil {
		return nil, err
	}
	by := map[int64]library.PumpHolding{}
	for _, h := range held {
		by[h.Pump] = h
	}
	out := []LibraryPump{}
	for _, p := range a.linkedPumps(c.Scope()) {
		row := LibraryPump{Pump: id(p.ID), Serial: p.Serial, Site: id(p.Site), Status: string(p.Status)}
		if h, ok := by[p.ID]; ok {
			row.Version, row.Hash, row.Since = versionOf(h.Version), some(hex.EncodeToString(h.Hash)), maybeTime(h.Since)
		}
		out = append(out, row)
	}
	return out, nil
}

// linkedPumps are the active pumps in scope, by serial: those that are sent keysets
// and libraries.
func (a *API) linkedPumps(scope auth.Scope) []registry.PumpRef {
	var out []registry.PumpRef
	for p := range a.Registry.Directory().All() {
		if p.Status == registry.Active && scope.Allows(p.Site) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y registry.PumpRef) int { return cmp.Compare(x.Serial, y.Serial) })
	return out
}

func versionOf(n uint64) Maybe[Digits] {
	if n == 0 {
		return Maybe[Digits]{}
	}
	return some(Digits(strconv.FormatUint(n, 10)))
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

// LibraryCheck is what came of comparing running programs with a version.
type LibraryCheck struct {
	Checked int                `json:"checked" doc:"Pumps that were compared."`
	Items   []LibraryViolation `json:"items"`
	Skipped []LibrarySkipped   `json:"skipped" doc:"Pumps that could not be compared."`
}

// LibraryViolation is a running program that a library does not allow.
type LibraryViolation struct {
	Pump   ID     `json:"pump"`
	Serial string `json:"serial"`
	Site   ID     `json:"site"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// LibrarySkipped is a pump that could not be compared.
type LibrarySkipped struct {
	Pump   ID     `json:"pump"`
	Serial string `json:"serial"`
	Site   ID     `json:"site"`
	Why    string `json:"why"`
}

func (a *API) libraryCheck(r dosing.Rechecked) LibraryCheck {
	serial := func(pump int64) string {
		p, _ := a.Registry.Directory().ByID(pump)
		return p.Serial
	}
	out := LibraryCheck{Checked: r.Checked, Items: make([]LibraryViolation, len(r.Bad)), Skipped: make([]LibrarySkipped, len(r.Skipped))}
	for i, x := range r.Bad {
		out.Items[i] = LibraryViolation{Pump: id(x.Pump), Serial: serial(x.Pump), Site: id(x.Site), Code: string(x.Code), Detail: x.Detail, Remedy: refusal.Remedy(x.Code)}
	}
	for i, x := range r.Skipped {
		out.Skipped[i] = LibrarySkipped{Pump: id(x.Pump), Serial: serial(x.Pump), Site: id(x.Site), Why: x.Why}
	}
	return out
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
				return LibraryHolding{Version: versionOf(h.Version), Hash: hex.EncodeToString(h.Hash), Pumps: h.Pumps}
			})
		})
	handle(a, op{id: "library-pumps", method: http.MethodGet, path: "/library-pumps", tag: "library", summary: "Which version each pump of one's sites says it has"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[LibraryPump], error) {
			all, err := a.libraryPumps(ctx, c)
			return listed(all, err, func(p LibraryPump) LibraryPump { return p })
		})
	handle(a, op{id: "library-signatures", method: http.MethodGet, path: "/libraries/{version}/signatures", tag: "library", summary: "Who has signed a version, and how many signatures it needs", problems: []int{http.StatusNotFound}},
		func(ctx context.Context, _ Caller, in *versionInput) (*struct {
			Body struct {
				Needed int                `json:"needed"`
				Items  []LibrarySignature `json:"items"`
			}
		}, error,
		) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			if _, err := a.Libraries.Version(ctx, n); err != nil {
				return nil, err
			}
			all, needed, err := a.Libraries.Signatures(ctx, n)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Needed int                `json:"needed"`
					Items  []LibrarySignature `json:"items"`
				}
			}
			out.Body.Needed, out.Body.Items = needed, make([]LibrarySignature, len(all))
			for i, s := range all {
				out.Body.Items[i] = LibrarySignature{Key: hex.EncodeToString(s.Key[:]), By: s.Actor, At: Time(s.At)}
			}
			return &out, nil
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
		func(ctx context.Context, c Caller, in *versionInput) (*struct{ Body LibraryCheck }, error) {
			n, err := versionNo(in.Version)
			if err != nil {
				return nil, err
			}
			v, err := a.Libraries.Version(ctx, n)
			if err != nil {
				return nil, err
			}
			r, err := a.Orders.Recheck(ctx, c.Scope(), &v.Library)
			if err != nil {
				return nil, err
			}
			return &struct{ Body LibraryCheck }{a.libraryCheck(r)}, nil
		})
	handle(a, op{id: "draft-library", method: http.MethodPost, path: "/libraries", tag: "library", summary: "Draft a new version", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct{ Body libraryBody }) (*libraryOutput, error) {
			return libraryOut(a.Libraries.Save(ctx, c.Actor, 0, 0, in.Body.read()))
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
			return libraryOut(a.Libraries.Save(ctx, c.Actor, n, in.Body.Rev, in.Body.read()))
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
