package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/fleet/dispatch"
	"cisterna/fleet/dosing"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
)

// signatures holds a ceremony and makes what orders need.
func (f *fixture) signatures(tel *telemetry.Service, sample func(string) (*profile.Profile, bool)) {
	f.Helper()
	log := slog.New(slog.DiscardHandler)
	must := func(err error) {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
	}
	m, err := keyset.Create(filepath.Join(f.TempDir(), "trust"), keyset.Ceremony{
		Name: "Test", Demo: true, Origin: "http://localhost:8600", CAs: [][]byte{{1}}, Library: library.Sample(f.now()), Profiles: map[string][]byte{}, Now: f.now(),
	})
	must(err)
	admins, err := m.Signers("admin-a", "admin-b")
	must(err)
	f.keysets, err = keyset.New(f.Context(), keyset.Options{
		DB: f.db, Material: m, Origin: func() string { return "http://localhost:8600" }, Roles: f.reg.Roles, Now: f.now, Log: log, Demo: admins,
		Open:  func(context.Context, int64) (bool, error) { return true, nil },
		Holds: func(context.Context, int64, []byte) (bool, error) { return true, nil },
	})
	must(err)
	f.libraries, err = library.New(f.Context(), library.Options{DB: f.db, Root: m.Root, Document: m.Library, Now: f.now, Log: log})
	must(err)
	f.orders, err = dosing.New(dosing.Options{
		DB: f.db, Root: m.Root, Registry: f.reg, Telemetry: tel, Alarms: f.alarms, Keysets: f.keysets, Libraries: f.libraries, Profile: sample, Now: f.now, Log: log,
		Outbox: &dispatch.Outbox{DB: f.db, Directory: f.reg.Directory(), Now: f.now, Log: log},
	})
	must(err)
}

// draft keeps a wish for a new pump of a site, by somebody else, and returns it.
func (f *fixture) draft(site int64) string {
	f.Helper()
	who := auth.Actor{ID: f.someone(site, auth.Prescriber), Login: "somebody", Roles: map[int64][]auth.Role{site: {auth.Prescriber}}}
	o, err := f.orders.SaveDraft(f.Context(), who, f.number(f.pump(site)), 0, dosing.Wish{Act: order.ActResume})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(o.ID)
}

// signingKey adds a signing key of a new nurse of site A or B, whose label says of
// which, and returns its id.
func (f *fixture) signingKey(site int64) string {
	f.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	who := auth.Actor{ID: f.someone(site, auth.Nurse), Login: "somebody", Roles: map[int64][]auth.Role{site: {auth.Nurse}}}
	label := map[int64]string{f.a: "of ALPHA", f.b: "of BETA"}[site]
	k, err := f.keysets.AddKey(f.Context(), who, keyset.NewKey{Public: &private.PublicKey, RPID: "localhost", Software: true, Label: label})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(k.ID)
}

func (f *fixture) inserted(query string, args ...any) string {
	f.Helper()
	var id int64
	if err := f.db.Get(&id, query, args...); err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(id)
}

// orderAttempts makes the requests about orders and whose signatures count.
func (f *fixture) orderAttempts() map[string]func() attempt {
	key := map[string]any{"key": strings.Repeat("00", 32)}
	with := func(more map[string]any) map[string]any {
		out := map[string]any{"key": key["key"]}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	wish := map[string]any{"wish": map[string]any{"act": "resume"}}
	signed := map[string]any{"document": "AA", "assertion": map[string]string{"authenticator_data": "", "client_data_json": "", "signature": ""}}
	onDraft := func(method, suffix string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, "/api/v1/orders/" + f.draft(f.a) + suffix, body, ok} }
	}
	onPump := func(method, suffix string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, "/api/v1/pumps/" + f.pump(f.a) + suffix, body, ok} }
	}
	plain := func(method, path string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, "/api/v1" + path, body, ok} }
	}
	sig := map[string]string{"key": strings.Repeat("00", 32), "signature": "AA"}
	lib := map[string]any{"library": map[string]any{"name": "As a test"}, "note": ""}
	return map[string]func() attempt{
		"check-order":        onPump("POST", "/orders/check", wish, 409), // it was never enrolled
		"plan-visit":         onPump("POST", "/orders/plan", map[string]any{"refill": map[string]any{}}, 409),
		"pump-patients":      onPump("GET", "/patients", nil, 200),
		"pump-destinations":  onPump("GET", "/destinations", nil, 200),
		"list-transfers":     onPump("GET", "/transfers/root", nil, 200),
		"make-transfer":      onPump("POST", "/transfers/root", map[string]string{"site": fmt.Sprint(f.b), "reason": "as a test"}, 409), // it was never enrolled
		"hand-in-transfer":   onPump("POST", "/transfers/root/signed", map[string]string{"signed": "AA"}, 422),
		"create-patient":     plain("POST", "/patients", map[string]string{"site": fmt.Sprint(f.a)}, 201),
		"keep-draft":         onPump("PUT", "/orders/draft", map[string]string{"kind": "visit", "form": "{}"}, 200),
		"get-draft":          onPump("GET", "/orders/draft", nil, 200),
		"drop-draft":         onPump("DELETE", "/orders/draft", nil, 204),
		"list-drafts":        plain("GET", "/order-drafts", nil, 200),
		"order-news":         onDraft("GET", "/news", nil, 200),
		"draft-order":        onPump("POST", "/orders/drafts", wish, 201),
		"discard-draft":      onDraft("POST", "/discard", nil, 409), // it is somebody else's
		"propose-order":      onPump("POST", "/orders", wish, 409),
		"list-orders":        plain("GET", "/orders", nil, 200),
		"get-order":          onDraft("GET", "", nil, 200),
		"order-history":      onDraft("GET", "/history", nil, 200),
		"order-before":       onDraft("GET", "/before", nil, 200),
		"rehearse-order":     onDraft("GET", "/rehearsal", nil, 409),
		"pump-letters":       onPump("GET", "/letters", nil, 200),
		"pump-therapy":       onPump("GET", "/therapy", nil, 409),
		"pump-trends":        onPump("GET", "/trends", nil, 200),
		"order-codes":        plain("GET", "/order-codes", nil, 200),
		"order-form":         onDraft("GET", "/form", nil, 409),
		"verify-order":       onDraft("POST", "/verify", map[string]any{"source": "prescription", "entries": []any{}}, 409),
		"prepare-approval":   onDraft("POST", "/approval", with(map[string]any{"meaning": "verify"}), 409),
		"approve-order":      onDraft("POST", "/approvals", signed, 422),
		"prepare-release":    onDraft("POST", "/release", key, 409),
		"release-order":      onDraft("POST", "/releases", signed, 422),
		"prepare-stop":       onPump("POST", "/stop", with(map[string]any{"reason": "as a test"}), 409),
		"stop-pump":          onPump("POST", "/stops", signed, 422),
		"prepare-withdrawal": onDraft("POST", "/withdrawal", with(map[string]any{"reason": "as a test"}), 409),
		"withdraw-order":     onDraft("POST", "/withdrawals", signed, 409),
		"list-order-reviews": plain("GET", "/order-reviews", nil, 200),
		"review-order-act": func() attempt {
			n := f.inserted(`INSERT INTO dosing_reviews (site_id, pump_id, what, user_id, name, at, due_at) VALUES ($1, $2, 'stop', 999, 'Somebody', now(), now()) RETURNING id`, f.a, f.number(f.pump(f.a)))
			return attempt{"POST", "/api/v1/order-reviews/" + n, map[string]any{"agreed": true, "note": ""}, []int{200}}
		},
		"list-on-call": plain("GET", "/on-call", nil, 200),
		"set-on-call": func() attempt {
			at := f.now().UTC()
			return attempt{"POST", "/api/v1/on-call", map[string]any{
				"site": fmt.Sprint(f.a), "user": fmt.Sprint(f.someone(f.a, auth.Verifier)), "from": at.Format(time.RFC3339), "to": at.Add(time.Hour).Format(time.RFC3339), "rank": 1, "wait_s": 600,
			}, []int{201}}
		},
		"end-on-call": func() attempt {
			n := f.inserted(`INSERT INTO dosing_oncall (site_id, user_id, name, from_at, to_at, rank, wait_s) VALUES ($1, 999, 'Somebody', now(), now() + interval '1 hour', 1, 600) RETURNING id`, f.a)
			return attempt{"DELETE", "/api/v1/on-call/" + n, nil, []int{204}}
		},
		"list-order-catches": plain("GET", "/order-catches", nil, 200),
		"order-report":       plain("GET", "/order-report", nil, 200),
		"order-weeks":        plain("GET", "/order-weeks", nil, 200),
		"order-report-file":  plain("GET", "/order-report/file?what=catches", nil, 200),
		"list-verifiers":     plain("GET", "/verifiers", nil, 200),

		"list-signing-keys": func() attempt {
			f.signingKey(f.a)
			return attempt{"GET", "/api/v1/signing-keys", nil, []int{200}}
		},
		"add-signing-key": plain("POST", "/signing-keys", map[string]string{"passkey": "999", "label": ""}, 404),
		"revoke-signing-key": func() attempt {
			return attempt{"POST", "/api/v1/signing-keys/" + f.signingKey(f.a) + "/revoke", asTest, []int{204}}
		},
		"list-keysets":       plain("GET", "/keysets", nil, 200),
		"get-root":           plain("GET", "/root", nil, 200),
		"draft-keyset":       plain("POST", "/keysets", map[string]string{"reason": "as a test"}, 201),
		"sign-keyset":        plain("POST", "/keysets/999/signatures", sig, 404),
		"list-libraries":     plain("GET", "/libraries", nil, 200),
		"get-library":        plain("GET", "/libraries/1", nil, 200),
		"diff-libraries":     plain("GET", "/libraries/1/diff", nil, 200),
		"library-holdings":   plain("GET", "/library-holdings", nil, 200),
		"library-pumps":      plain("GET", "/library-pumps", nil, 200),
		"library-signatures": plain("GET", "/libraries/1/signatures", nil, 200),
		"keyset-pumps":       plain("GET", "/keyset-pumps", nil, 200),
		"library-adoption":   plain("GET", "/libraries/1/adoption", nil, 200),
		"library-check":      plain("GET", "/libraries/1/check", nil, 200),
		"draft-library":      plain("POST", "/libraries", lib, 422),
		"change-library":     plain("PUT", "/libraries/999", lib, 422),
		"submit-library":     plain("POST", "/libraries/999/submit", map[string]string{}, 404),
		"approve-library":    plain("POST", "/libraries/999/approve", map[string]string{}, 404),
		"reject-library":     plain("POST", "/libraries/999/reject", map[string]string{"reason": "as a test"}, 404),
		"sign-library":       plain("POST", "/libraries/999/signatures", sig, 404),
	}
}
