package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"strconv"

	"cisterna/fleet/overview"
	"cisterna/fleet/registry"
)

// Desired is what a pump should have. A hash that is nil is not known.
type Desired struct {
	Root    []byte // SHA-256 of the signed root
	Library []byte // of the signed library
	Profile []byte // of what the device profile says
	Keyset  uint64 // version; 0: not known
}

// SyncItem is one thing that a pump should have beside what it said that it has.
type SyncItem struct {
	Name     string        `json:"name" enum:"root,keyset,library,profile,firmware,communicator_firmware"`
	Desired  Maybe[string] `json:"desired" doc:"A version or the first digits of a hash; null: there is no target."`
	Reported Maybe[string] `json:"reported" doc:"As of its last word; null: it has not said."`
	State    string        `json:"state" enum:"same,different,unknown,no_target,pinned" doc:"pinned: fixed at the enrolment and never reported. The pump accepts none but its signed successor, which is brought by hand."`
	At       MaybeTime     `json:"at" doc:"When it was reported."`
}

// sync compares what a pump should have with what it last said.
func (a *API) sync(d overview.Detail) []SyncItem {
	want := a.Desired(d.Pump.Profile)
	if d.Pump.Status == registry.Manual || d.Pump.Status == registry.Explanted || d.Pump.Status == registry.Retired {
		return []SyncItem{} // nobody keeps it up to date, and nothing is owed
	}
	root := SyncItem{Name: "root", Desired: hashText(want.Root), State: "pinned"}
	if d.Pump.Key.IsZero() {
		root.State = "unknown"
	}
	out := []SyncItem{root}
	if d.State == nil {
		for _, name := range []string{"keyset", "library", "profile", "firmware", "communicator_firmware"} {
			out = append(out, SyncItem{Name: name, State: "unknown"})
		}
		out[1].Desired, out[2].Desired, out[3].Desired = version(want.Keyset), hashText(want.Library), hashText(want.Profile)
		return out
	}
	st := d.State
	// A heartbeat says more recently than a hello which documents there are.
	at := st.HeartbeatAt
	if st.HelloAt.After(at) {
		at = st.HelloAt
	}
	keyset := SyncItem{Name: "keyset", Desired: version(want.Keyset), Reported: version(st.Keyset), State: "different", At: maybeTime(at)}
	switch {
	case want.Keyset == 0:
		keyset.State = "no_target"
	case st.Keyset == want.Keyset:
		keyset.State = "same"
	}
	hashes := func(name string, desired, reported []byte) SyncItem {
		item := SyncItem{Name: name, Desired: hashText(desired), Reported: hashText(reported), State: "different", At: maybeTime(at)}
		switch {
		case len(desired) == 0:
			item.State = "no_target"
		case len(reported) == 0:
			item.State = "unknown"
		case bytes.Equal(desired, reported):
			item.State = "same"
		}
		return item
	}
	firmware := func(name, reported string) SyncItem {
		return SyncItem{Name: name, Reported: notZero(reported), State: "no_target", At: maybeTime(st.HelloAt)}
	}
	return append(
		out, keyset, hashes("library", want.Library, st.Library), hashes("profile", want.Profile, st.Profile),
		firmware("firmware", st.Firmware), firmware("communicator_firmware", st.FirmwareComm),
	)
}

func hashText(h []byte) Maybe[string] {
	if len(h) == 0 {
		return Maybe[string]{}
	}
	return some(hex.EncodeToString(h))
}

func version(n uint64) Maybe[string] {
	if n == 0 {
		return Maybe[string]{}
	}
	return some("version " + strconv.FormatUint(n, 10))
}

// PumpRecall is an entry that a pump has in a recall.
type PumpRecall struct {
	ID        ID            `json:"id"`
	Reference string        `json:"reference"`
	Maker     string        `json:"maker"`
	Title     string        `json:"title"`
	Severity  string        `json:"severity" enum:"I,II,III"`
	Recall    string        `json:"recall_state" enum:"open,closed,withdrawn"`
	State     string        `json:"state" enum:"check,open,closed,removed"`
	Why       string        `json:"why"`
	StateWhy  string        `json:"state_why"`
	Outcome   Maybe[string] `json:"outcome"`
	StateAt   Time          `json:"state_at"`
}

func (a *API) pumpRecalls(ctx context.Context, c Caller, pump int64) ([]PumpRecall, error) {
	devices, recalls, err := a.Recalls.OfPump(ctx, c.Scope(), pump)
	out := make([]PumpRecall, len(devices))
	for i, d := range devices {
		if err != nil {
			break
		}
		r := recalls[i]
		out[i] = PumpRecall{
			ID: id(r.ID), Reference: r.Reference, Maker: r.Maker, Title: r.Title, Severity: string(r.Severity), Recall: string(r.State), State: string(d.State), Why: d.Why,
			StateWhy: d.StateWhy, Outcome: notZero(string(d.Outcome)), StateAt: Time(d.StateAt),
		}
	}
	return out, err
}
