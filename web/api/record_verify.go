package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Bytes is binary data in base64 (RFC 4648 section 4).
type Bytes []byte

// MarshalJSON writes the data in base64.
func (b Bytes) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%q", base64.StdEncoding.EncodeToString(b)), nil
}

// Schema describes Bytes.
func (Bytes) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, ContentEncoding: "base64"}
}

func maybeBytes(b []byte) Maybe[Bytes] {
	if b == nil {
		return Maybe[Bytes]{}
	}
	return some(Bytes(b))
}

// Place is one place in the record's tree.
type Place struct {
	Index   int64        `json:"index"`
	Entry   ID           `json:"entry" doc:"The id of its entry."`
	Hash    string       `json:"hash" doc:"Of the leaf, as the tree has it; hexadecimal."`
	Missing bool         `json:"missing" doc:"The place is there and its leaf is gone. This must never happen."`
	Leaf    Maybe[Bytes] `json:"leaf" doc:"null for entries that are not for the caller: their hash says nothing about them."`
	Salt    Maybe[Bytes] `json:"salt"`
	Payload Maybe[Bytes] `json:"payload" doc:"The bytes of the detail: the leaf holds SHA-256(salt ‖ payload)."`
	Erased  bool         `json:"erased"`

	Withheld bool `json:"withheld" doc:"A detail is not for the caller. Without it and without erased, an entry that commits to a detail has it: one that is not there was deleted."`
}

// Stretch is what somebody needs to compute a part of the tree themselves.
type Stretch struct {
	From        int64    `json:"from"`
	Size        int64    `json:"size" doc:"Entries under the newest checkpoint."`
	Edge        []string `json:"edge" doc:"Roots of the complete subtrees of the tree of size from, largest first; hexadecimal."`
	Places      []Place  `json:"places"`
	Checkpoints []string `json:"checkpoints" doc:"The signed notes of sizes from + 1 to the end of places, in order."`
}

// Consistency shows that the newest tree continues an older one.
type Consistency struct {
	From       int64      `json:"from"`
	Hashes     []string   `json:"hashes" doc:"The proof of RFC 6962 section 2.1.2; hexadecimal."`
	Checkpoint Checkpoint `json:"checkpoint"`
}

// RecordKeys says who signs the record.
type RecordKeys struct {
	Origin string   `json:"origin"`
	Keys   []string `json:"keys" doc:"C2SP verifier keys: name+hash+key. Compare them with the ceremony card: a server that lies about its record would lie here too."`
}

// Stored is what is kept of an entry, as bytes.
type Stored struct {
	Leaf     Bytes        `json:"leaf"`
	Salt     Maybe[Bytes] `json:"salt"`
	Payload  Maybe[Bytes] `json:"payload"`
	Evidence Maybe[Bytes] `json:"evidence" doc:"The signed document that it names, as it came."`
	Gone     bool         `json:"gone" doc:"The detail that the leaf commits to is not there and was not erased. This must never happen."`
}

type stretchInput struct {
	From  int64 `query:"from" minimum:"0"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

type stretchOutput struct{ Body Stretch }

type consistencyInput struct {
	From int64 `query:"from" minimum:"1" required:"true" doc:"The size of the older tree."`
}

type consistencyOutput struct{ Body Consistency }

type recordKeysOutput struct{ Body RecordKeys }

func (a *API) recordVerify() {
	handle(a, op{
		id: "audit-leaves", method: http.MethodGet, path: "/audit/leaves", tag: "record", summary: "A part of the tree, to verify it",
		describe: "Places of the newest checkpoint's tree from a place on. Hash the leaves, grow the tree from its edge, and compare its root with the checkpoints.",
	}, func(ctx context.Context, c Caller, in *stretchInput) (*stretchOutput, error) {
		f, err := a.recordOf(ctx, c)
		if err != nil {
			return nil, err
		}
		s, err := a.Record.Stretch(ctx, f, readsDetail(c.Actor), in.From, in.Limit)
		if err != nil {
			return nil, err
		}
		out := Stretch{From: s.From, Size: s.Size, Edge: hexes(s.Edge), Places: make([]Place, len(s.Places)), Checkpoints: append([]string{}, s.Checkpoints...)}
		for i, p := range s.Places {
			out.Places[i] = Place{
				Index: p.Index, Entry: id(p.Row), Hash: hex.EncodeToString(p.Hash[:]), Missing: p.Missing,
				Leaf: maybeBytes(p.Leaf), Salt: maybeBytes(p.Salt), Payload: maybeBytes(p.Payload), Erased: p.Erased, Withheld: p.Withheld,
			}
		}
		return &stretchOutput{Body: out}, nil
	})
	handle(a, op{
		id: "audit-consistency", method: http.MethodGet, path: "/audit/consistency", tag: "record", summary: "The proof that the record continues an older checkpoint",
	}, func(ctx context.Context, _ Caller, in *consistencyInput) (*consistencyOutput, error) {
		proof, cp, err := a.Record.Prove(ctx, in.From)
		if err != nil {
			return nil, err
		}
		return &consistencyOutput{Body: Consistency{From: in.From, Hashes: hexes(proof), Checkpoint: checkpointOf(cp)}}, nil
	})
	handle(a, op{
		id: "audit-keys", method: http.MethodGet, path: "/audit/keys", tag: "record", summary: "The keys that sign the record",
	}, func(context.Context, Caller, *struct{}) (*recordKeysOutput, error) {
		return &recordKeysOutput{Body: RecordKeys{Origin: a.Record.Origin, Keys: slices.Clone(a.Record.Keys)}}, nil
	})
	handle(a, op{
		id: "export-audit", method: http.MethodPost, path: "/audit/export", tag: "record", summary: "The whole record as a signed bundle", streams: true,
		describe: "For auditors and administrators of every site, because it holds everything. The file is what cisterna audit export writes; " +
			"cisterna audit verify checks it offline. The record says who exported it.",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*huma.StreamResponse, error) {
		f, err := a.recordOf(ctx, c)
		if err != nil {
			return nil, err
		}
		if !f.AllSites {
			return nil, errs.Deniedf("The bundle holds the record of every site: it is for auditors and administrators of all of them.")
		}
		if err := a.Record.NoteExport(ctx, c.Actor); err != nil {
			return nil, err
		}
		name := "cisterna-record-" + a.Now().UTC().Format("20060102-150405") + ".bundle"
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/octet-stream")
			hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
			r, w := humago.Unwrap(hc)
			// A record of years takes longer than an answer usually may.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportTime))
			to := &counted{w: hc.BodyWriter()}
			err := a.Record.Export(r.Context(), to)
			if err == nil {
				return
			}
			a.Log.Error("the record was not exported", "request_id", RequestID(ctx), "bytes", to.n, "error", err)
			if to.n > 0 {
				panic(http.ErrAbortHandler) // half a bundle must not look like a whole one
			}
			hc.SetStatus(http.StatusInternalServerError)
		}}, nil
	})
}

// exportTime is how long an export may take.
const exportTime = 30 * time.Minute

// counted counts what was written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// readsDetail reports of which sites' entries the actor reads the payloads of every
// kind. Whoever checks orders there does not: what an order asks for is in them. An
// entry of no site is shown to none but those who audit all sites.
func readsDetail(actor auth.Actor) func(site int64) bool {
	return func(site int64) bool {
		return site == 0 || actor.Has(site, payloadReaders...) && !actor.Has(site, auth.Prescriber, auth.Verifier, auth.Pharmacist)
	}
}

func storedOf(actor auth.Actor, r audit.Row, s audit.Stored) Stored {
	out := Stored{Leaf: s.Leaf, Gone: s.Gone}
	if readsDetail(actor)(r.Site) {
		out.Salt, out.Payload, out.Evidence = maybeBytes(s.Salt), maybeBytes(s.Payload), maybeBytes(s.Evidence)
	}
	return out
}

func hexes(hashes []tlog.Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = hex.EncodeToString(h[:])
	}
	return out
}
