package api

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cisterna/device/profile"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/events"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/lists"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/manual"
	"cisterna/fleet/overview"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/once"
	"cisterna/internal/token"
)

var update = flag.Bool("update", false, "write openapi.yaml")

// unserved returns an API whose services do nothing: enough to be described.
func unserved(t *testing.T) *API {
	t.Helper()
	a, err := New(Options{
		Accounts: &auth.Service{}, Tokens: &token.Service{}, Registry: &registry.Service{}, Alarms: &alarm.Service{}, Telemetry: &telemetry.Service{}, Lists: &lists.Service{}, Overview: &overview.Service{}, Events: &events.Service{},
		Orders: &dosing.Service{}, Keysets: &keyset.Service{}, Libraries: &library.Service{},
		Recalls: &recall.Service{}, Maintenance: &maintenance.Service{}, Readings: &manual.Service{},
		Profiles: func() []*profile.Profile { return nil }, Desired: func(string) Desired { return Desired{} },
		Record: Record{
			List: func(context.Context, audit.Filter, int64, int) ([]audit.Row, int64, error) { return nil, 0, nil },
			Get: func(context.Context, audit.Filter, int64) (audit.Row, *audit.Proof, error) {
				return audit.Row{}, nil, nil
			},
			Newest: func(context.Context) (audit.Checkpoint, bool, error) { return audit.Checkpoint{}, false, nil },
			Stored: func(context.Context, int64) (audit.Stored, error) { return audit.Stored{}, nil },
			Stretch: func(context.Context, audit.Filter, func(int64) bool, int64, int) (audit.Stretch, error) {
				return audit.Stretch{}, nil
			},
			Prove: func(context.Context, int64) (tlog.TreeProof, audit.Checkpoint, error) {
				return nil, audit.Checkpoint{}, nil
			},
			Export:     func(context.Context, io.Writer) error { return nil },
			NoteExport: func(context.Context, auth.Actor) error { return nil },
		},
		Once:   &once.Store{},
		Status: func(context.Context) []Part { return nil },
		Live:   func(http.ResponseWriter, *http.Request, Caller) error { return nil },
		Log:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The committed description is what the program says about itself.
func TestOpenAPIIsCurrent(t *testing.T) {
	got, err := unserved(t).OpenAPI().YAML()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("openapi.yaml is not current: go test ./web/api -update")
	}
}
