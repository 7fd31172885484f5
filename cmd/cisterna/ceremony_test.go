package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestKeysetCeremony: the administrators' keys are on computers of their own. The
// server shows the draft, each of two administrators signs it there by the command,
// and what it prints publishes the keyset, which pumps then take and obey.
func TestKeysetCeremony(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	ctx := context.Background()
	offline := w.takenAway("admin-a", "admin-b")
	edda := w.person("edda", auth.Admin).Actor
	before := w.app.Keysets.Current().Version

	// A newcomer's key counts when two administrators have signed, and not before.
	nora := w.person("nora", auth.Verifier)
	v, err := w.app.Keysets.Draft(ctx, w.ada, "nora has joined")
	if err != nil || v.Version != before+1 || !v.PublishedAt.IsZero() {
		t.Fatalf("draft: %+v, %v", v, err)
	}
	if _, err := w.app.Keysets.Lists(ctx, nora.key, w.site.ID); reason(err) != order.ErrKey {
		t.Errorf("a key of a draft counts: %v", err)
	}
	body := w.shown(v.Version)

	// What is signed is shown in words first, and the key stays where it is.
	words := func(key, in string) string {
		return (call{args: "keys sign --type keyset --key " + key + " -", in: in, out: `{"key":"`, err: "nora"}).run(t)
	}
	a := signatureOf(t, words(filepath.Join(offline, "admin-a.key"), body))

	// A file that was changed on its way is another document, or none.
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	bent, err := order.DecodeKeyset(raw)
	if err != nil {
		t.Fatal(err)
	}
	bent.Expires += 86_400
	forged := (call{args: "keys sign --type keyset --key " + filepath.Join(offline, "admin-a.key") + " -", in: base64.RawURLEncoding.EncodeToString(bent.Encode()), out: `{"key":"`, err: "nora"}).run(t)
	if err := w.app.Keysets.Sign(ctx, w.ada, v.Version, signatureOf(t, forged)); reason(err) != refusal.Root {
		t.Errorf("a signature over other bytes: %v", err)
	}
	for what, c := range map[string]call{
		"no body":         {args: "keys sign --type keyset --key " + filepath.Join(offline, "admin-a.key") + " -", in: "not base64url!", code: 1, err: "base64url"},
		"no keyset":       {args: "keys sign --type keyset --key " + filepath.Join(offline, "admin-a.key") + " -", in: "AAAA", code: 1, err: ""},
		"another's key":   {args: "keys sign --type keyset --key " + filepath.Join(offline, "nobody.key") + " -", in: body, code: exitUsage, err: "nobody.key"},
		"no kind of file": {args: "keys sign --type root --key " + filepath.Join(offline, "admin-a.key") + " -", in: body, code: exitUsage, err: "keyset"},
	} {
		t.Run(what, func(t *testing.T) { c.run(t) })
	}
	// A key that the root does not name for keysets.
	maker := signatureOf(t, words(filepath.Join(trustDir(filepath.Join(w.dir, "keys")), "secret", "pharmacist.key"), body))
	if err := w.app.Keysets.Sign(ctx, w.ada, v.Version, maker); reason(err) != refusal.Root {
		t.Errorf("the pharmacist's key signs keysets: %v", err)
	}

	// One signature is not enough; one person does not bring both; nobody brings one twice.
	if err := w.app.Keysets.Sign(ctx, w.ada, v.Version, a); err != nil {
		t.Fatalf("ada brings hers: %v", err)
	}
	if got := w.app.Keysets.Current().Version; got != before {
		t.Fatalf("keyset %d counts after one signature", got)
	}
	b := signatureOf(t, words(filepath.Join(offline, "admin-b.key"), body))
	if err := w.app.Keysets.Sign(ctx, w.ada, v.Version, b); reason(err) != refusal.Second {
		t.Errorf("ada brings both: %v", err)
	}
	if err := w.app.Keysets.Sign(ctx, edda, v.Version, a); reason(err) != refusal.Done {
		t.Errorf("the same one again: %v", err)
	}
	if err := w.app.Keysets.Sign(ctx, w.jonas.Actor, v.Version, b); reason(err) != refusal.Role {
		t.Errorf("a verifier brings one: %v", err)
	}
	if err := w.app.Keysets.Sign(ctx, edda, v.Version, b); err != nil {
		t.Fatalf("edda brings hers: %v", err)
	}
	if got := w.app.Keysets.Current().Version; got != v.Version {
		t.Fatalf("keyset %d counts, want %d", got, v.Version)
	}
	if _, err := w.app.Keysets.Lists(ctx, nora.key, w.site.ID); err != nil {
		t.Errorf("nora's key does not count: %v", err)
	}

	// The pump takes it, and an order that nora verified.
	p := w.plans[0]
	eventually(t, "the pump has the keyset", func() bool {
		held, err := w.app.Telemetry.Keysets(ctx)
		return err == nil && held[p.ID].Version == v.Version
	})
	w.jonas = nora
	o := w.release(w.approved(p, w.more(p, 990)).ID)
	if o = w.ends(o.ID, "applied"); o.Code != order.Applied {
		t.Errorf("the order: %s %s", o.State, o.Code)
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'keyset.sign' AND actor IN ($1, $2)`, w.ada.String(), edda.String()); n != 2 {
		t.Errorf("the record has %d signatures", n)
	}
}

// reason returns the code of a refusal.
func reason(err error) order.Code {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return order.Code(e.Reason)
	}
	return ""
}

// takenAway moves secret keys to a computer that is not the server, and starts the
// server again without them.
func (w *orderWorld) takenAway(names ...string) string {
	w.t.Helper()
	offline := w.t.TempDir()
	for _, n := range names {
		if err := os.Rename(filepath.Join(trustDir(filepath.Join(w.dir, "keys")), "secret", n+".key"), filepath.Join(offline, n+".key")); err != nil {
			w.t.Fatal(err)
		}
	}
	w.app.Stop()
	w.app = w.start()
	return offline
}

// shown returns the body of a draft as the API shows it to somebody.
func (w *orderWorld) shown(version uint64) string {
	w.t.Helper()
	_, raw := w.signIn("jonas").send("GET", "/keysets", nil)
	var out struct {
		Items []struct {
			Version uint64 `json:"version,string"`
			Body    string `json:"body"`
			State   string `json:"state"`
		} `json:"items"`
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		w.t.Fatalf("%v: %s", err, raw)
	}
	for _, k := range out.Items {
		if k.Version == version && k.State == "draft" {
			return k.Body
		}
	}
	w.t.Fatalf("keyset %d is not shown: %.300s", version, raw)
	return ""
}

// signatureOf reads what the command prints, as the page does.
func signatureOf(t *testing.T, printed string) order.Signature {
	t.Helper()
	var out struct{ Key, Signature string }
	if err := json.Unmarshal([]byte(printed), &out); err != nil {
		t.Fatalf("%v: %q", err, printed)
	}
	key, err := hex.DecodeString(out.Key)
	sig, err2 := base64.RawURLEncoding.DecodeString(out.Signature)
	if err != nil || err2 != nil || len(key) != 32 || len(sig) == 0 {
		t.Fatalf("%v, %v: %q", err, err2, printed)
	}
	return order.Signature{Key: key, Sig: sig}
}
