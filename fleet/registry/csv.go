package registry

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/csvfile"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// importBatch is how many pumps of a file share two statements.
const importBatch = 500

// ExportCSV writes the pumps of the sites in scope as a file that ImportCSV
// reads, one line a pump. Cells that a spreadsheet would run as formulas are
// guarded.
func (s *Service) ExportCSV(ctx context.Context, scope auth.Scope, w io.Writer) error {
	all, err := s.Sites(ctx, scope)
	if err != nil {
		return err
	}
	short := make(map[int64]string, len(all))
	for _, n := range all {
		short[n.ID] = n.Short
	}
	out := csv.NewWriter(w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	if err := out.Write(record); err != nil {
		return err
	}
	err = s.eachPump(ctx, scope, func(p Pump) error {
		for i, c := range columns {
			record[i] = csvfile.Guard(c.get(p, short[p.Site]))
		}
		return out.Write(record)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// ImportOptions say how to import.
type ImportOptions struct {
	DryRun bool  // check everything, change nothing
	Site   int64 // for files without a column site; 0 = they are refused
}

// ImportReport says what became of a file.
type ImportReport struct {
	Created int // pumps, or those that would be created
	Refused int
	Rows    []ImportRow
}

// ImportRow says what became of a line.
type ImportRow struct {
	Line   int // in the file, from 1
	Serial string
	Status string // "created", "ok" (dry run) or "refused"
	ID     int64  // of the pump created
	Field  string // the column that was wrong, if one was
	Error  string // why it was refused
}

// errDryRun rolls an import back.
var errDryRun = errors.New("dry run")

// ImportCSV registers the pumps of a file, the first line of which names the
// columns (see ExportCSV; serial or udi, model and profile are required). Fields
// are separated by commas or semicolons. Every good line is kept and every bad
// one reported with its number; if the database fails, nothing is kept. An error
// of kind Invalid is about the file as a whole.
func (s *Service) ImportCSV(ctx context.Context, actor auth.Actor, file io.Reader, o ImportOptions) (ImportReport, error) {
	if !actor.HasAnywhere(auth.Engineer) {
		return ImportReport{}, errs.Deniedf("Only biomedical engineers register pumps.")
	}
	in, err := newImport(file)
	if err != nil {
		return ImportReport{}, err
	}
	if !in.Has("site") && o.Site == 0 {
		return ImportReport{}, errs.Invalidf("The file has no column site.")
	}
	sites, err := s.Sites(ctx, actor.Scope())
	if err != nil {
		return ImportReport{}, err
	}
	var report ImportReport
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		var fresh []int64
		var leaves []audit.Entry
		// A statement for each pump, and two for each batch of them.
		flush := func() error {
			if len(fresh) == 0 {
				return nil
			}
			if _, err := audit.AppendBatch(ctx, tx, leaves); err != nil {
				return err
			}
			if s.Known != nil {
				pumps, err := pumpsOf(ctx, tx, fresh)
				if err != nil {
					return err
				}
				if err := s.known(ctx, tx, actor, pumps...); err != nil {
					return err
				}
			}
			err := s.announce(ctx, tx, fresh...)
			fresh, leaves = fresh[:0], leaves[:0]
			return err
		}
		for {
			row, n, err := in.next(sites, o.Site)
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				n, row.ID, err = s.importRow(ctx, tx, actor, n)
			}
			if err == nil {
				fresh, leaves = append(fresh, row.ID), append(leaves, registered(actor, row.ID, n, fmt.Sprintf("import, line %d", row.Line)))
			} else if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind == errs.Internal || row.Line == 0 {
				return fmt.Errorf("import: %w", err)
			}
			report.Add(row, err, o.DryRun)
			if len(fresh) == importBatch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err := flush(); err != nil {
			return err
		}
		if o.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return ImportReport{}, err
	}
	return report, nil
}

func (s *Service) importRow(ctx context.Context, tx *postgres.Tx, actor auth.Actor, n NewPump) (NewPump, int64, error) {
	if err := may(actor, n.Site, "site", auth.Engineer); err != nil {
		return n, 0, err
	}
	n, err := n.check(s.Profiles)
	if err != nil {
		return n, 0, err
	}
	id, err := s.insert(ctx, tx, n)
	return n, id, err
}

// Add counts a line: err says why it was refused, dry that nothing is kept.
func (r *ImportReport) Add(row ImportRow, err error, dry bool) {
	switch {
	case err != nil:
		row.Status, row.Error = "refused", errs.Message(err)
		if e, ok := errors.AsType[*errs.Error](err); ok {
			row.Field = e.Field
		}
		r.Refused++
	case dry:
		row.Status, row.ID = "ok", 0
		r.Created++
	default:
		row.Status = "created"
		r.Created++
	}
	r.Rows = append(r.Rows, row)
}

// importer reads a file of pumps line by line.
type importer struct {
	*csvfile.Reader
	columns []column // those that the file has and an import reads
}

func newImport(file io.Reader) (*importer, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	r, err := csvfile.Open(file, names, []string{"model", "profile"})
	if err != nil {
		return nil, err
	}
	if !r.Has("serial") && !r.Has("udi") {
		return nil, errs.Invalidf("The file has neither a column serial nor a column udi.")
	}
	in := &importer{Reader: r}
	for _, c := range columns {
		if c.set != nil && r.Has(c.name) {
			in.columns = append(in.columns, c)
		}
	}
	return in, nil
}

// next reads a line; its errors are those of csvfile.
func (in *importer) next(sites []Site, site int64) (ImportRow, NewPump, error) {
	line, err := in.Next()
	row, n := ImportRow{Line: line.Line}, NewPump{Site: site}
	if err != nil {
		return row, n, err
	}
	row.Serial = clip(line.Get("serial"))
	if n.Site, err = siteOf(sites, line.Get("site"), site); err != nil {
		return row, n, err
	}
	for _, c := range in.columns {
		if err := c.set(&n, line.Get(c.name)); err != nil {
			return row, n, err
		}
	}
	return row, n, nil
}

// siteOf returns the site of that short name, or otherwise if the name is empty.
func siteOf(sites []Site, short string, otherwise int64) (int64, error) {
	if short == "" {
		if otherwise == 0 {
			return 0, errs.InvalidField("site", "site is missing.")
		}
		return otherwise, nil
	}
	at := slices.IndexFunc(sites, func(s Site) bool { return strings.EqualFold(s.Short, short) })
	if at < 0 {
		return 0, errs.InvalidField("site", "There is no site %q.", clip(short))
	}
	return sites[at].ID, nil
}
