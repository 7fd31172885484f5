package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
)

// AuditReportsCmd compares the reports that are stored with their digests on the record.
// That the record itself holds is another matter: audit verify.
type AuditReportsCmd struct {
	databaseFlags
	Hours int `help:"How many hours to look at, from the newest digest back; no more than reports are kept for." default:"24" placeholder:"N"`
}

// Run prints a line for each hour, the newest first.
func (c *AuditReportsCmd) Run(ctx context.Context) error {
	db, err := c.openMigrated(ctx, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	seen, differ := 0, 0
	for before, more := int64(0), true; more && seen < c.Hours; {
		rows, next, err := audit.List(ctx, db, audit.Filter{AllSites: true, Kind: telemetry.KindDigest}, before, c.Hours-seen)
		if err != nil {
			return err
		}
		for i := range rows {
			same, err := compareReports(ctx, db, &rows[i])
			if err != nil {
				return err
			}
			if seen++; !same {
				differ++
			}
		}
		before, more = next, next != 0
	}
	switch {
	case seen == 0:
		return exitError{2, "the record has no digest of reports yet: the first comes when an hour is over"}
	case differ > 0:
		return exitError{1, fmt.Sprintf("of %d hours, the reports of %d are not those that the record has a digest of", seen, differ)}
	}
	return nil
}

// compareReports computes a digest again and prints what comes of it.
func compareReports(ctx context.Context, db *sqlx.DB, row *audit.Row) (same bool, err error) {
	text := strings.TrimPrefix(row.Object, telemetry.DigestPrefix)
	hour, err := time.Parse(time.RFC3339, text)
	if err != nil {
		fmt.Printf("entry %d cannot be read as a digest of reports: %s%s\n", row.ID, row.Object, row.Damaged)
		return false, nil
	}
	d, err := telemetry.DigestOf(ctx, db, hour)
	if err != nil {
		return false, err
	}
	word := "as recorded"
	if same = bytes.Equal(d.Hash[:], row.NewHash); !same {
		word = fmt.Sprintf("DIFFERENT; recorded were %s", row.Payload)
	}
	fmt.Printf("%s  %d samples, %d events: %s\n", text, d.Samples, d.Events, word)
	return same, nil
}
