package registry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Limits on an import.
const (
	maxImportBytes = 32 << 20
	maxImportRows  = 50_000
	importBatch    = 500
)

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
			record[i] = guard(c.get(p, short[p.Site]))
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
	if in.site < 0 && o.Site == 0 {
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
			err := s.announce(ctx, tx, fresh...)
			fresh, leaves = fresh[:0], leaves[:0]
			return err
		}
		for {
			row, n, err := in.next(sites, o.Site)
			if errors.Is(err, io.EOF) {
				break
			}
			if len(report.Rows) == maxImportRows {
				return errs.Invalidf("The file has more than %d lines. Split it.", maxImportRows)
			}
			if err == nil {
				n, row.ID, err = s.importRow(ctx, tx, actor, n)
			}
			if err == nil {
				fresh, leaves = append(fresh, row.ID), append(leaves, registered(actor, row.ID, n, fmt.Sprintf("import, line %d", row.Line)))
			} else if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind == errs.Internal || in.limit.N <= 0 {
				return fmt.Errorf("line %d: %w", row.Line, err)
			}
			report.add(row, err, o.DryRun)
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
	if len(report.Rows) == 0 {
		return ImportReport{}, errs.Invalidf("The file has no line after its first, which names the columns.")
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

func (r *ImportReport) add(row ImportRow, err error, dry bool) {
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

// importer reads a file line by line.
type importer struct {
	csv     *csv.Reader
	limit   *io.LimitedReader
	columns []column // by position; a nil set is not read
	site    int      // position of the column site, -1 if there is none
}

func newImport(file io.Reader) (*importer, error) {
	limit := &io.LimitedReader{R: file, N: maxImportBytes + 1}
	buf := bufio.NewReaderSize(limit, 64<<10)
	if bom, _ := buf.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = buf.Discard(3)
	}
	in := &importer{csv: csv.NewReader(buf), limit: limit, site: -1}
	in.csv.FieldsPerRecord, in.csv.ReuseRecord = -1, true
	start, _ := buf.Peek(4096)
	if head, _, _ := bytes.Cut(start, []byte("\n")); bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		in.csv.Comma = ';' // how spreadsheets write it where the comma is the decimal point
	}
	names, err := in.csv.Read()
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "The file's first line, which names the columns, cannot be read")
	}
	seen := map[string]bool{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(unguard(name)))
		at := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		if at < 0 {
			return nil, errs.Invalidf("There is no column %q. Known are %s.", clip(name), columnNames())
		}
		if seen[name] {
			return nil, errs.Invalidf("Column %s appears twice.", name)
		}
		seen[name] = true
		if name == "site" {
			in.site = i
		}
		in.columns = append(in.columns, columns[at])
	}
	for _, name := range []string{"model", "profile"} {
		if !seen[name] {
			return nil, errs.Invalidf("The file has no column %s.", name)
		}
	}
	if !seen["serial"] && !seen["udi"] {
		return nil, errs.Invalidf("The file has neither a column serial nor a column udi.")
	}
	return in, nil
}

func columnNames() string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// next reads a line. Its errors are io.EOF at the end, an errs.Invalid for a bad
// line, after which the next one can be read, and others for a broken file.
func (in *importer) next(sites []Site, site int64) (ImportRow, NewPump, error) {
	record, err := in.csv.Read()
	if in.limit.N <= 0 {
		return ImportRow{}, NewPump{}, errs.Invalidf("The file is larger than %d MiB. Split it.", maxImportBytes>>20)
	}
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return ImportRow{Line: e.StartLine}, NewPump{}, errs.Invalidf("The line is not well formed: %v.", e.Err)
	}
	if err != nil {
		return ImportRow{}, NewPump{}, err
	}
	line, _ := in.csv.FieldPos(0)
	row, n := ImportRow{Line: line}, NewPump{Site: site}
	if len(record) != len(in.columns) {
		return row, n, errs.Invalidf("The line has %d fields, the first line names %d.", len(record), len(in.columns))
	}
	if i := slices.IndexFunc(in.columns, func(c column) bool { return c.name == "serial" }); i >= 0 {
		row.Serial = clip(unguard(strings.TrimSpace(record[i])))
	}
	for i, c := range in.columns {
		value := unguard(strings.TrimSpace(record[i]))
		if i == in.site && value != "" {
			at := slices.IndexFunc(sites, func(s Site) bool { return strings.EqualFold(s.Short, value) })
			if at < 0 {
				return row, n, errs.InvalidField("site", "There is no site %q.", clip(value))
			}
			n.Site = sites[at].ID
		}
		if c.set == nil {
			continue
		}
		if err := c.set(&n, strings.Clone(value)); err != nil {
			return row, n, err
		}
	}
	if n.Site == 0 {
		return row, n, errs.InvalidField("site", "site is missing.")
	}
	return row, n, nil
}
