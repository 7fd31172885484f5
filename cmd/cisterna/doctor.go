package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/audit"
	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// DoctorCmd checks what a server needs.
type DoctorCmd struct {
	DatabaseURL string `help:"Check this database, as the role cisterna_app." env:"CISTERNA_DATABASE_URL" placeholder:"URL"`
	Keys        string `help:"Check this folder of keys." env:"CISTERNA_KEYS" placeholder:"DIR"`
	URL         string `help:"Check this running server, such as http://localhost:8600." placeholder:"URL"`
	Data        string `help:"Check the disk that holds this folder." default:"." placeholder:"DIR"`
}

// finding is one line of the doctor's report.
type finding struct {
	what string
	err  error
	do   string // what to do about it
}

// Run prints one line a check and fails if any did.
func (c *DoctorCmd) Run(ctx context.Context) error {
	var all []finding
	check := func(what, do string, err error) { all = append(all, finding{what, err, do}) }

	if c.DatabaseURL == "" && c.URL == "" && c.Keys == "" {
		_, err := pgserver.FindBinaries()
		check("PostgreSQL programs, for a demo", "apt-get install postgresql, or name their folder in CISTERNA_PG_BIN; not needed with a database of yours", err)
	}
	check("free disk", "make room: below 1 GiB a busy server fills the rest in hours", diskFree(c.Data))
	haveKeys := c.Keys != "" && c.keys(check)
	if c.DatabaseURL != "" {
		c.database(ctx, haveKeys, check)
	}
	if c.URL != "" {
		err := ready(ctx, c.URL)
		do := "look at its log; /readyz names the part that is not ready"
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			do = "use the name that the certificate is for; if it is of an authority of your own, name that one's file in SSL_CERT_FILE"
		}
		check("server "+c.URL, do, err)
	}
	bad := 0
	for _, f := range all {
		if f.err == nil {
			fmt.Printf("  ok    %s\n", f.what)
			continue
		}
		bad++
		fmt.Printf("  FAIL  %s: %v\n        → %s\n", f.what, f.err, f.do)
	}
	if c.DatabaseURL == "" && c.URL == "" && c.Keys == "" {
		fmt.Println("  (give --database-url, --keys and --url to check an installation)")
	}
	if bad > 0 {
		return exitError{1, fmt.Sprintf("%d of %d checks failed", bad, len(all))}
	}
	return nil
}

// keys reports whether there are any.
func (c *DoctorCmd) keys(check func(what, do string, err error)) bool {
	now := time.Now()
	k, err := loadKeys(c.Keys, now)
	check("keys in "+c.Keys, "cisterna keys create makes them; restore a lost folder from its own backup", err)
	if err != nil {
		return false
	}
	ks, err := k.trust.Root.OpenKeyset(k.trust.Keyset)
	if err == nil && ks.Expires-now.Unix() < int64((21*24*time.Hour)/time.Second) {
		err = fmt.Errorf("expires on %s", time.Unix(ks.Expires, 0).UTC().Format(time.DateOnly))
	}
	check("keyset", "have the administrators sign the next one: cisterna keys renew", err)
	if left := time.Until(k.authority.Certificate().NotAfter); left < 365*24*time.Hour {
		err = fmt.Errorf("expires in %d days", int(left.Hours()/24))
	} else {
		err = nil
	}
	check("link authority", "add a new authority to the next root while the old one still works", err)
	return true
}

func (c *DoctorCmd) database(ctx context.Context, haveKeys bool, check func(what, do string, err error)) {
	db, err := postgres.Open(ctx, c.DatabaseURL, 2)
	check("database answers", "check address, role, password and pg_hba.conf", err)
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }()
	info, err := postgres.Inspect(ctx, db)
	if err == nil && info.Version < 150000 {
		err = fmt.Errorf("version %d", info.Version/10000)
	}
	check("PostgreSQL 15 or newer", "upgrade it", err)
	if info.Version == 0 {
		return
	}
	err = nil
	if d := time.Since(info.Now).Abs(); d > 2*time.Second {
		err = fmt.Errorf("differ by %s", d.Round(time.Millisecond))
	}
	check("clocks of this machine and the database agree", "run a time service on both", err)
	check("the server's role is restricted", "use the role cisterna_app, which cannot change the record", info.Restricted())
	err = nil
	if !info.Durable {
		err = errors.New("fsync or synchronous_commit is off")
	}
	check("commits are durable", "turn both on: what is acknowledged must survive a power cut", err)
	n, err := postgres.Pending(ctx, db, migrations.FS)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d migrations are missing", n)
	}
	check("schema is current", "cisterna migrate --owner-url …", err)
	if haveKeys && err == nil {
		check("record continues what was signed", "see docs/operating.md, After a restore: the database is older than the signer's memory, or was rewritten", recordContinues(ctx, db, c.Keys))
	}
}

// recordContinues compares the newest checkpoint in the database with what the
// signer remembers.
func recordContinues(ctx context.Context, db *sqlx.DB, keys string) error {
	signer, err := audit.OpenSigner(recordDir(keys), "")
	if err != nil {
		return err
	}
	last, err := signer.Last(ctx)
	if err != nil {
		return err
	}
	newest, ok, err := audit.Newest(ctx, db)
	if err != nil {
		return err
	}
	if !ok {
		newest.Size = 0
	}
	if newest.Size < last.N {
		return fmt.Errorf("the database's newest checkpoint has %d leaves, the signer signed %d", newest.Size, last.N)
	}
	if ok && newest.Size == last.N && newest.Root != last.Hash {
		return fmt.Errorf("at %d leaves the database has another root than was signed", last.N)
	}
	return nil
}

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", resp.Status)
	}
	return nil
}

func diskFree(dir string) error {
	free, _, err := diskOf(dir)
	if err == nil && free < 1<<30 {
		return fmt.Errorf("%d MiB left on the disk of %s", free>>20, dir)
	}
	return err
}
