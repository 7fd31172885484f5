package library

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cisterna/device/order"
)

// State is where a version stands.
type State string

// The states. From review on the content never changes.
const (
	StateDraft      State = "draft"      // its author works on it
	StateReview     State = "review"     // waits for a second person
	StateApproved   State = "approved"   // a second person agreed; waits for signatures
	StateActive     State = "active"     // signed: pumps are given it
	StateSuperseded State = "superseded" // a later one is active
	StateRejected   State = "rejected"   // the second person did not agree
)

// Version is one version of the drug library.
type Version struct {
	Version      uint64
	State        State
	Rev          int64 // rises with every change of a draft
	Library      order.Library
	Body         []byte
	Annex        Annex
	Note         string // what changed and why
	Author       int64
	AuthorName   string
	CreatedAt    time.Time
	SubmittedAt  time.Time
	Approver     int64
	ApproverName string
	ApprovedAt   time.Time
	Document     []byte       // signed; nil before
	Hash         order.Digest // of Document, which pumps name
	ActiveAt     time.Time
}

// Difference is one value that two versions say differently.
type Difference struct {
	Entry string `json:"entry"` // drug or mixture
	Field string `json:"field"`
	Old   string `json:"old"` // "" if it was not there
	New   string `json:"new"` // "" if it is there no more
}

// Diff returns what b says differently from a, entry by entry.
func Diff(a, b *order.Library) []Difference {
	old, now := flatten(a), flatten(b)
	var out []Difference
	for k, v := range now {
		if was := old[k]; was != v {
			out = append(out, Difference{Entry: k.entry, Field: k.field, Old: was, New: v})
		}
	}
	for k, v := range old {
		if _, ok := now[k]; !ok {
			out = append(out, Difference{Entry: k.entry, Field: k.field, Old: v})
		}
	}
	slices.SortFunc(out, func(x, y Difference) int {
		return slices.Compare([]string{x.Entry, x.Field}, []string{y.Entry, y.Field})
	})
	return out
}

type place struct{ entry, field string }

// flatten spreads a library into values by place.
func flatten(l *order.Library) map[place]string {
	out := map[place]string{}
	for i := range l.Drugs {
		d := &l.Drugs[i]
		limits := d.Limits
		bare := *d
		bare.Limits = nil
		spread(out, d.Name, "", bare)
		for _, x := range limits {
			spread(out, d.Name, fmt.Sprintf("%s %s ", x.Group, x.Route), x)
		}
	}
	for _, m := range l.Mixtures {
		name := "mixture"
		for _, c := range m.Codes {
			name += " " + c.String()
		}
		spread(out, name, "", m)
	}
	return out
}

func spread(out map[place]string, entry, prefix string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // package order's values always encode
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil {
		return
	}
	for k, raw := range fields {
		if text := string(raw); text != "null" {
			out[place{entry, prefix + k}] = text
		}
	}
}
