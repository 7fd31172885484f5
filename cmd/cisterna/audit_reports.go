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
	check := reportsCheck{db: db}
	if check.kept, err = telemetry.KeptSince(ctx, db); err != nil {
		return err
	}
	for before, more := int64(0), true; more && check.seen < c.Hours; {
		rows, next, err := audit.List(ctx, db, audit.Filter{AllSites: true, Kind: telemetry.KindDigest}, before, c.Hours-check.seen)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := check.compare(ctx, &rows[i]); err != nil {
				return err
			}
		}
		before, more = next, next != 0
	}
	switch {
	case check.seen == 0:
		return exitError{2, "the record has no digest of reports yet: the first comes when an hour is over"}
	case check.differ > 0 || check.missing > 0:
		return exitError{1, fmt.Sprintf("of %d hours, the reports of %d are not those that the record has a digest of; %d hours between them have no digest", check.seen, check.differ, check.missing)}
	}
	return nil
}

// reportsCheck is what came of the digests so far.
type reportsCheck struct {
	db                    *sqlx.DB
	kept                  time.Time // the first day of which samples are kept
	last                  time.Time // the hour before this one in the list, which is the later one
	seen, differ, missing int       // hours
}

// compare computes a digest again and prints what comes of it.
func (c *reportsCheck) compare(ctx context.Context, row *audit.Row) error {
	c.seen++
	text := strings.TrimPrefix(row.Object, telemetry.DigestPrefix)
	hour, err := time.Parse(time.RFC3339, text)
	if err != nil {
		c.differ++
		fmt.Printf("entry %d cannot be read as a digest of reports: %s%s\n", row.ID, row.Object, row.Damaged)
		return nil
	}
	if next := hour.Add(time.Hour); next.Before(c.last) {
		c.missing += int(c.last.Sub(next) / time.Hour)
		fmt.Printf("no digest from %s to %s\n", next.Format(time.RFC3339), c.last.Format(time.RFC3339))
	}
	c.last = hour
	d, err := telemetry.DigestOf(ctx, c.db, hour)
	if err != nil {
		return err
	}
	word := "as recorded"
	switch {
	case bytes.Equal(d.Hash[:], row.NewHash):
	case c.dropped(hour):
		word = fmt.Sprintf("no longer kept; recorded were %s", row.Payload)
	default:
		c.differ++
		word = fmt.Sprintf("DIFFERENT; recorded were %s", row.Payload)
	}
	fmt.Printf("%s  %d samples, %d events: %s\n", text, d.Samples, d.Events, word)
	return nil
}

// dropped reports whether retention may have dropped an hour's samples: it is before all
// that are kept, and no younger than what the database lets nobody drop.
func (c *reportsCheck) dropped(hour time.Time) bool {
	return hour.Before(c.kept) && time.Since(hour) > telemetry.KeptAtLeast
}
