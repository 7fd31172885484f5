package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// AuditRow is an entry of the record.
type AuditRow struct {
	ID       ID            `json:"id"`
	Index    Maybe[int64]  `json:"index" doc:"Its place in the tree; null while it waits for one."`
	LeafID   string        `json:"leaf_id"`
	LeafHash string        `json:"leaf_hash" doc:"SHA-256(00 ‖ leaf), hexadecimal."`
	Kind     string        `json:"kind"`
	Actor    string        `json:"actor"`
	At       Time          `json:"at"`
	Site     Maybe[ID]     `json:"site"`
	Pump     Maybe[ID]     `json:"pump"`
	Object   Maybe[string] `json:"object"`
	OnBehalf Maybe[string] `json:"on_behalf"`
	Device   Maybe[string] `json:"device"`
	Reason   Maybe[string] `json:"reason"`
	Evidence Maybe[string] `json:"evidence_sha256" doc:"Of the signed document that it is about."`
	DeviceAt MaybeTime     `json:"device_at"`
	Payload  any           `json:"payload" doc:"Detail, for engineers, auditors and administrators of the site; null if there is none, it was erased, or it is not for one's role."`
	Erased   bool          `json:"erased" doc:"There was a payload."`
	Damaged  Maybe[string] `json:"damaged" doc:"The stored entry cannot be read, and why. This must never happen."`
}

// Checkpoint is a signed statement of the record's size and root.
type Checkpoint struct {
	Text string `json:"text" doc:"C2SP tlog-checkpoint, a signed note."`
	Size int64  `json:"size"`
	Root string `json:"root_hash" doc:"Hexadecimal."`
	At   Time   `json:"at"`
}

// Proof shows that an entry is in the tree of a checkpoint.
type Proof struct {
	Entry      AuditRow          `json:"entry"`
	Text       Maybe[string]     `json:"text" doc:"C2SP tlog-proof, verified with the leaf's hash and the log's key alone; null while the entry waits for its checkpoint."`
	Checkpoint Maybe[Checkpoint] `json:"checkpoint"`
	Stored     Stored            `json:"stored"`
}

type auditInput struct {
	Before string `query:"before" maxLength:"32" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Kind   string `query:"kind" maxLength:"100" doc:"pump.register, or pump. for all that begin so."`
	Pump   string `query:"pump" maxLength:"32"`
	Actor  string `query:"actor" maxLength:"200" doc:"person:7, whatever the login was, or the whole of it."`
	Object string `query:"object" maxLength:"200" doc:"alarm:12"`

	From time.Time `query:"from" doc:"Not before."`
	To   time.Time `query:"to" doc:"Before."`
}

type checkpointOutput struct{ Body Checkpoint }

type proofOutput struct{ Body Proof }

func (a *API) record() {
	handle(a, op{
		id: "list-audit", method: http.MethodGet, path: "/audit", tag: "record", summary: "The record, newest first",
		describe: "Entries of one's sites. Entries that concern no site, such as sign-ins, are for people who are auditors or administrators of every site.",
	}, func(ctx context.Context, c Caller, in *auditInput) (*pageOutput[AuditRow], error) {
		f, err := a.recordOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if !in.From.IsZero() && !in.To.IsZero() && !in.From.Before(in.To) {
			return nil, errs.InvalidField("to", "to is not after from: no entry can be between them.")
		}
		f.Kind, f.Actor, f.Object, f.From, f.To = in.Kind, in.Actor, in.Object, in.From, in.To
		if f.Pump, err = parseFilterID("pump", in.Pump); err != nil {
			return nil, err
		}
		before, err := parseFilterID("before", in.Before)
		if err != nil {
			return nil, err
		}
		rows, next, err := a.Record.List(ctx, f, before, in.Limit)
		if err != nil {
			return nil, err
		}
		out := &pageOutput[AuditRow]{Body: Page[AuditRow]{Items: make([]AuditRow, len(rows))}}
		for i, r := range rows {
			out.Body.Items[i] = auditRowOf(c.Actor, r)
		}
		if next != 0 {
			out.Body.Next = some(string(id(next)))
		}
		return out, nil
	})
	handle(a, op{
		id: "audit-proof", method: http.MethodGet, path: "/audit/{id}/proof", tag: "record", summary: "The proof that an entry is in the record",
		problems: []int{http.StatusNotFound},
	}, func(ctx context.Context, c Caller, in *pumpInput) (*proofOutput, error) {
		n, err := parseID(in.ID, "entry")
		if err != nil {
			return nil, err
		}
		f, err := a.recordOf(ctx, c)
		if err != nil {
			return nil, err
		}
		row, proof, err := a.Record.Get(ctx, f, n)
		if err != nil {
			return nil, err
		}
		stored, err := a.Record.Stored(ctx, n)
		if err != nil {
			return nil, err
		}
		out := &proofOutput{Body: Proof{Entry: auditRowOf(c.Actor, row), Stored: storedOf(c.Actor, row, stored)}}
		if proof != nil {
			out.Body.Text, out.Body.Checkpoint = some(proof.Text()), some(checkpointOf(proof.Checkpoint))
		}
		return out, nil
	})
	handle(a, op{
		id: "audit-checkpoint", method: http.MethodGet, path: "/audit/checkpoint", tag: "record", summary: "The newest checkpoint",
		describe: "Keep it elsewhere: with it, cisterna audit verify --seen finds a record that was cut short or restored from a backup.",
		problems: []int{http.StatusNotFound},
	}, func(ctx context.Context, _ Caller, _ *struct{}) (*checkpointOutput, error) {
		cp, ok, err := a.Record.Newest(ctx)
		if err == nil && !ok {
			err = errs.NotFoundf("The record has no checkpoint yet.")
		}
		return &checkpointOutput{Body: checkpointOf(cp)}, err
	})
}

// recordOf returns which entries the caller may see.
func (a *API) recordOf(ctx context.Context, c Caller) (audit.Filter, error) {
	f := audit.Filter{Sites: c.Scope().Sites}
	if !c.HasAnywhere(auth.Auditor, auth.Admin) {
		return f, nil
	}
	sites, err := a.Registry.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return f, err
	}
	f.AllSites = true
	for _, s := range sites {
		f.AllSites = f.AllSites && c.Has(s.ID, auth.Auditor, auth.Admin)
	}
	return f, nil
}

func auditRowOf(actor auth.Actor, r audit.Row) AuditRow {
	row := AuditRow{
		ID: id(r.ID), LeafID: hex.EncodeToString(r.LeafID[:]), LeafHash: hex.EncodeToString(r.Hash[:]), Kind: r.Kind, Actor: r.Actor, At: Time(r.At),
		Site: maybeID(r.Site), Pump: maybeID(r.Pump), Object: notZero(r.Object), OnBehalf: notZero(r.OnBehalf), Device: notZero(r.Device),
		Reason: notZero(r.Reason), Evidence: notZero(hex.EncodeToString(r.Evidence)), DeviceAt: maybeTime(r.DeviceTime), Erased: r.Erased, Damaged: notZero(r.Damaged),
	}
	if r.Index >= 0 {
		row.Index = some(r.Index)
	}
	// An entry of no site was shown to somebody who is an auditor everywhere.
	reads := r.Site == 0 || actor.Has(r.Site, payloadReaders...)
	if strings.HasPrefix(r.Kind, "order.") {
		reads = readsDetail(actor)(r.Site)
	}
	if len(r.Payload) > 0 && reads {
		row.Payload = r.Payload
	}
	return row
}

func checkpointOf(c audit.Checkpoint) Checkpoint {
	return Checkpoint{Text: strings.TrimSuffix(c.Text, "\n") + "\n", Size: c.Size, Root: hex.EncodeToString(c.Root[:]), At: Time(c.At)}
}
