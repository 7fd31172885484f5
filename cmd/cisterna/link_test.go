package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
)

// eventually waits for a condition, never for a duration.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain: %s", what)
		}
		pause(t, 25*time.Millisecond)
	}
}

// world is a server with n live pumps in this process, over real TLS.
type world struct {
	*installation
	app   *App
	fleet *emulator.Fleet
	plans []plannedPump
}

func liveWorld(t *testing.T, n int) *world {
	t.Helper()
	w := &world{installation: install(t)}
	w.app = w.start()
	t.Cleanup(func() { w.app.Stop() })
	w.plans = w.slips(w.app, n)
	w.fleet = w.installation.fleet("pumps")
	if err := enrol(t.Context(), w.fleet, w.plans); err != nil {
		t.Fatal(err)
	}
	if err := w.fleet.Start(); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.plans {
		eventually(t, p.Serial+" is online", func() bool { return w.device(p).Status().Connected })
	}
	return w
}

func (w *world) device(p plannedPump) *emulator.Device {
	d, ok := w.fleet.Device(p.Serial)
	if !ok {
		w.t.Fatalf("no pump %s", p.Serial)
	}
	return d
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.app.DB.Get(&n, query, args...); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// flows checks that a pump's stream goes on: what it writes now is committed.
func (w *world) flows(t *testing.T, p plannedPump) {
	t.Helper()
	d := w.device(p)
	if err := d.Emit(3); err != nil {
		t.Fatal(err)
	}
	last := d.Status().Main.Last
	eventually(t, p.Serial+"'s records are committed", func() bool { return d.Status().Main.Cursor >= last })
}

// TestBadInputIsRefusedAndNeverStopsTheStream lets a pump misbehave in every way
// the emulator knows. Each is refused by its code, kept where the pump's page
// shows it, and the pump's stream goes on.
func TestBadInputIsRefusedAndNeverStopsTheStream(t *testing.T) {
	t.Parallel()
	w := liveWorld(t, 2)
	p := w.plans[0]
	for _, tt := range []struct{ fault, code string }{
		{"garbage", "E_MALFORMED"},
		{"malformed", "E_MALFORMED"},
		{"wrong-signature", "E_SIGNATURE"},
		{"foreign-body", "E_PAIRING"},
		{"future-epoch", "E_EPOCH"},
		{"ten-years", "E_TIME"},
		{"sequence-jump", "E_SEQ"},
		{"oversize", "E_SIZE"},
		{"packet-garbage", "E_PROTOCOL"},
		{"foreign-topic", "E_PROTOCOL"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			before := w.count(`SELECT count(*) FROM telemetry_refusals WHERE code = $1`, tt.code)
			if err := w.device(p).Inject(emulator.Fault{Kind: tt.fault}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a refusal "+tt.code, func() bool {
				return w.count(`SELECT count(*) FROM telemetry_refusals WHERE code = $1`, tt.code) > before
			})
			eventually(t, "it is back on the line", func() bool { return w.device(p).Status().Connected })
			w.flows(t, p)
		})
	}
	for _, fault := range []string{"duplicate", "reorder"} {
		t.Run(fault, func(t *testing.T) {
			if err := w.device(p).Inject(emulator.Fault{Kind: fault}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is back on the line", func() bool { return w.device(p).Status().Connected })
			w.flows(t, p)
		})
	}
	t.Run("flood", func(t *testing.T) {
		if err := w.device(p).Inject(emulator.Fault{Kind: "flood", Value: 400}); err != nil {
			t.Fatal(err)
		}
		w.flows(t, w.plans[1]) // the neighbour does not notice
		w.flows(t, p)
		if n := w.count(`SELECT count(*) FROM telemetry_refusals WHERE pump_id = $1`, p.ID); n > 400 {
			t.Errorf("%d refusals are kept of one pump's flood", n)
		}
	})
	t.Run("journal-loss", func(t *testing.T) {
		if err := w.device(p).Inject(emulator.Fault{Kind: "journal-loss"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new journal epoch", func() bool { return w.device(p).Status().Main.Epoch == 2 })
		w.flows(t, p)
		eventually(t, "a gap record of the new epoch", func() bool {
			return w.count(`SELECT count(*) FROM telemetry_gaps WHERE pump_id = $1 AND epoch = 2`, p.ID) > 0
		})
	})
	var dup int
	if dup = w.count(`SELECT count(*) - count(DISTINCT (pump_id, epoch, seq)) FROM telemetry_samples`); dup != 0 {
		t.Errorf("%d samples are there twice", dup)
	}
}

// TestTrustEnds: revocation cuts the live connection and keeps the pump out; a
// new claim brings it back with its old key; a swap gives it another
// communicator, and the old one stays out; explant is for good.
func TestTrustEnds(t *testing.T) {
	t.Parallel()
	w := liveWorld(t, 2)
	ctx, actor, reg := t.Context(), auth.System("test"), w.app.Registry
	p, other := w.plans[0], w.plans[1]
	d := w.device(p)

	denied := w.app.Gateway.Stats().Denied.Load()
	if _, err := reg.Revoke(ctx, actor, p.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection is cut", func() bool { return !d.Status().Connected })
	eventually(t, "it tries again and is refused", func() bool { return w.app.Gateway.Stats().Denied.Load() > denied })
	w.flows(t, other)
	if d.Status().Connected {
		t.Error("a revoked pump is connected")
	}

	if _, err := reg.Reinstate(ctx, actor, p.ID, "found in a drawer"); err != nil {
		t.Fatal(err)
	}
	swap := func(link string, c registry.Claim) {
		t.Helper()
		slip := wire.Slip{Server: w.app.Enrol.Addr().String(), Code: c.Code, Root: w.keys.trust.RootHash()}
		if err := d.Inject(emulator.Fault{Kind: "communicator-swap", Text: link + " " + slip.String()}); err != nil {
			t.Fatal(err)
		}
		eventually(t, p.Serial+" is online by "+link, func() bool { s := d.Status(); return s.Connected && s.Link == link })
		w.flows(t, p)
	}
	c, err := reg.CreateClaim(ctx, actor, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	swap("C-NEW-1", c)
	c, err = reg.SwapCommunicator(ctx, actor, registry.Swap{Pump: p.ID, Serial: "C-NEW-2", Reason: "battery"})
	if err != nil {
		t.Fatal(err)
	}
	swap("C-NEW-2", c)
	if err := reg.Directory().Admit("C-NEW-1", "00"); err == nil {
		t.Error("the old communicator is still admitted")
	}
	if ps, err := reg.Pairings(ctx, auth.Scope{All: true}, p.ID); err != nil || len(ps) != 3 {
		t.Errorf("pairings %v, %v", ps, err)
	}

	if _, err := reg.Explant(ctx, actor, registry.Explant{Pump: p.ID, On: registry.DateOf(time.Now()), Reason: "end of therapy", Fate: registry.FateMaker}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the explanted pump is off", func() bool { return !d.Status().Connected })
	if _, err := reg.CreateClaim(ctx, actor, p.ID, 0); err == nil {
		t.Error("an explanted pump can be claimed")
	}
}

// TestCertificatesAfterARestore: the database comes from a backup that is older than
// the pumps' certificates. A pump gets another one by itself and its stream goes on;
// one that is revoked does not.
func TestCertificatesAfterARestore(t *testing.T) {
	t.Parallel()
	w := liveWorld(t, 2)
	p, stolen := w.plans[0], w.plans[1]
	if _, err := w.app.Registry.Revoke(t.Context(), auth.System("test"), stolen.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	owner := w.ownerDB()
	for _, q := range []string{`UPDATE registry_claims SET cert = NULL`, `DELETE FROM registry_certificates`, `UPDATE registry_pumps SET rev = rev + 1`} {
		if _, err := owner.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	denied, refused := w.app.Gateway.Stats().Denied.Load(), w.app.Gateway.Stats().EnrolRefused.Load()
	if err := w.app.Registry.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is turned away", func() bool { return w.app.Gateway.Stats().Denied.Load() > denied })
	eventually(t, "it is back", func() bool { return w.device(p).Status().Connected })
	w.flows(t, p)
	eventually(t, "the revoked one is refused a certificate", func() bool { return w.app.Gateway.Stats().EnrolRefused.Load() > refused })
	if w.device(stolen).Status().Connected || w.count(`SELECT count(*) FROM registry_certificates WHERE pump_id = $1`, stolen.ID) != 0 {
		t.Error("a revoked pump is back")
	}
}

// TestOneEndpoint: a second server on the same database refuses to start, and
// says why.
func TestOneEndpoint(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	defer app.Stop()
	o := in.options()
	o.HTTP, o.MQTT, o.Enrol = "localhost:0", "127.0.0.1:0", "127.0.0.1:0"
	second, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	if err := second.Start(context.Background()); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("second server: %v", err)
	}
	o.HTTP = in.addr["http"]
	if third, err := New(context.Background(), o); err == nil {
		third.Stop()
		t.Error("a taken port was not noticed")
	} else if !strings.Contains(err.Error(), "--http") {
		t.Errorf("taken port: %v", err)
	}
}

// TestEndpointTakenOver: a server that was stopped for a while finds that another
// has become the endpoint, and ends; one whose lease merely ran out takes it
// again.
func TestEndpointTakenOver(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	defer app.Stop()
	owner := in.ownerDB()
	set := func(query string) {
		t.Helper()
		if _, err := owner.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	epoch := func() (n int64) {
		t.Helper()
		if err := owner.Get(&n, `SELECT epoch FROM lease_leases WHERE name = 'endpoint'`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	lost := epoch() + 1
	set(`UPDATE lease_leases SET epoch = epoch + 1, expires_at = clock_timestamp() WHERE name = 'endpoint'`)
	eventually(t, "the lease is taken again", func() bool { return epoch() > lost })
	select {
	case err := <-app.Failed():
		t.Fatalf("a lease that nobody else took ended the server: %v", err)
	default:
	}
	set(`UPDATE lease_leases SET owner = 'another', epoch = epoch + 1, expires_at = 'infinity' WHERE name = 'endpoint'`)
	select {
	case err := <-app.Failed():
		if !strings.Contains(err.Error(), "another server") {
			t.Errorf("failed with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("two servers are the endpoint, and neither ends")
	}
}

// TestTheRecordOfASystem: what pumps and people did is on the record; the export
// verifies offline; a row changed by the database's owner is found; and pumps
// carry the newest checkpoint.
func TestTheRecordOfASystem(t *testing.T) {
	t.Parallel()
	w := liveWorld(t, 3)
	ctx := t.Context()
	if _, err := w.app.Registry.Revoke(ctx, auth.System("test"), w.plans[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	export := func() (*audit.Report, string) {
		t.Helper()
		var b bytes.Buffer
		if _, err := audit.Export(ctx, w.app.DB, &b, w.keys.record.Trust()); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Verify(&b, w.keys.record.Trust(), audit.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		return r, text.String()
	}
	eventually(t, "every leaf is under a checkpoint", func() bool { return w.count(`SELECT count(*) FROM audit_pending`) == 0 })
	if r, text := export(); r.ExitCode() != 0 || r.Leaves < 10 {
		t.Fatalf("good record: %s", text)
	}
	for _, kind := range []string{"pump.register", "pump.claim", "pump.enrol", "pump.revoke", "site.create"} {
		if w.count(`SELECT count(*) FROM audit_leaf WHERE kind = $1`, kind) == 0 {
			t.Errorf("no leaf of %s", kind)
		}
	}
	// A pump that says hello now is shown the newest checkpoint.
	if err := w.device(w.plans[1]).Inject(emulator.Fault{Kind: "reconnect"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump carries a checkpoint", func() bool { return w.device(w.plans[1]).Status().Checkpoint > 0 })

	owner := w.ownerDB()
	if _, err := owner.Exec(`SET session_replication_role = replica; UPDATE audit_leaf SET leaf = set_byte(leaf, 20, get_byte(leaf, 20) # 1) WHERE id = (SELECT min(id) + 3 FROM audit_leaf)`); err != nil {
		t.Fatal(err)
	}
	if r, text := export(); r.ExitCode() != 1 {
		t.Errorf("a changed leaf: exit code %d\n%s", r.ExitCode(), text)
	}
	if _, err := w.app.DB.Exec(`UPDATE audit_leaf SET kind = 'x'`); err == nil {
		t.Error("the server's role may change leaves")
	}
}

// TestConfiguration: the file is strict, and the environment wins over it.
func TestConfiguration(t *testing.T) {
	if err := (&ServeCmd{TLSCert: "a", KeepSamples: 96 * time.Hour}).Validate(); err == nil || !strings.Contains(err.Error(), "--tls-key") {
		t.Errorf("certificate without key: %v", err)
	}
	if err := (&ServeCmd{KeepSamples: time.Hour}).Validate(); err == nil || !strings.Contains(err.Error(), "keep-samples") {
		t.Errorf("short retention: %v", err)
	}
	if _, _, err := parseRole("1:boss"); err == nil || !strings.Contains(err.Error(), "engineer") {
		t.Errorf("unknown role: %v", err)
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listens string
		hosts   []string
		want    string
	}{
		{"127.0.0.1:8883", []string{"pumps.example.org"}, "127.0.0.1:8883"},
		{"[::]:8883", []string{"pumps.example.org", "other"}, "pumps.example.org:8883"},
		{"0.0.0.0:8883", nil, name + ":8883"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", c.listens)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&App{o: Options{Hosts: c.hosts}}).reachable(addr); got != c.want {
			t.Errorf("listening on %s as %q, pumps are told %s, want %s", c.listens, c.hosts, got, c.want)
		}
	}
	seen := map[string]bool{}
	for _, p := range castPumps(200) {
		if seen[p.serial] || seen[p.label] {
			t.Errorf("pump %s %s is in the cast twice", p.serial, p.label)
		}
		seen[p.serial], seen[p.label] = true, true
	}
}

// TestVerifyCommandNeverCriesWolf: exit code 1 says that the record was tampered
// with, and nothing else does.
func TestVerifyCommandNeverCriesWolf(t *testing.T) {
	t.Chdir(t.TempDir())
	signer, err := audit.OpenSigner("record", "cisterna/0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cisterna": "the program itself", "bundle": "no bundle"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := trustFlags{Trust: []string{signer.VerifierKey()}}
	for _, c := range []struct {
		name string
		cmd  AuditVerifyCmd
		want int
	}{
		{"no bundle", AuditVerifyCmd{trustFlags: key, File: "bundle"}, 2},
		{"no file", AuditVerifyCmd{trustFlags: key, File: "missing"}, 2},
		{"unreadable checkpoint", AuditVerifyCmd{trustFlags: key, File: "bundle", Seen: []string{"record"}}, 2},
		{"no key", AuditVerifyCmd{trustFlags: trustFlags{Trust: []string{"somebody"}}, File: "bundle"}, 3},
	} {
		err := c.cmd.Run()
		if exit, ok := errors.AsType[exitError](err); !ok || exit.code != c.want {
			t.Errorf("%s: %#v, want exit code %d", c.name, err, c.want)
		}
	}
}
