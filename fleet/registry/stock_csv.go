package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/csvfile"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// stockColumns are those of a file of communicators.
var stockColumns = []string{"site", "serial", "model", "firmware", "lot", "asset_no"}

// ImportCommunicators puts the communicators of a file into stock; serial and
// model are required. As with ImportCSV, good lines are kept and bad ones
// reported. An error of kind Invalid is about the file as a whole.
func (s *Service) ImportCommunicators(ctx context.Context, actor auth.Actor, file io.Reader, o ImportOptions) (ImportReport, error) {
	if !actor.HasAnywhere(auth.Engineer) {
		return ImportReport{}, errs.Deniedf("Only biomedical engineers register communicators.")
	}
	in, err := csvfile.Open(file, stockColumns, []string{"serial", "model"})
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
		var leaves []audit.Entry
		var kept []string
		for {
			line, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			row := ImportRow{Line: line.Line}
			var n NewCommunicator
			if err == nil {
				row.Serial = clip(line.Get("serial"))
				n, err = s.importCommunicator(ctx, tx, actor, line, sites, o.Site)
			}
			if err == nil {
				kept = append(kept, n.Serial)
				leaves = append(leaves, stocked(actor, n, fmt.Sprintf("import, line %d", row.Line)))
			} else if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind == errs.Internal || row.Line == 0 {
				return fmt.Errorf("import: %w", err)
			}
			report.Add(row, err, o.DryRun)
		}
		if err := s.knownComms(ctx, tx, actor, kept...); err != nil {
			return err
		}
		if len(leaves) > 0 {
			if _, err := audit.AppendBatch(ctx, tx, leaves); err != nil {
				return err
			}
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

func (s *Service) importCommunicator(ctx context.Context, tx *postgres.Tx, actor auth.Actor, line csvfile.Row, sites []Site, otherwise int64) (NewCommunicator, error) {
	site, err := siteOf(sites, line.Get("site"), otherwise)
	if err != nil {
		return NewCommunicator{}, err
	}
	n := NewCommunicator{Site: site, Serial: line.Get("serial"), Model: line.Get("model"), Firmware: line.Get("firmware"), Lot: line.Get("lot"), AssetNo: line.Get("asset_no")}
	if err := may(actor, n.Site, "site", auth.Engineer); err != nil {
		return n, err
	}
	if n, err = n.check(); err != nil {
		return n, err
	}
	if err := commAssetTaken(ctx, tx, n.Site, n.AssetNo); err != nil {
		return n, err
	}
	return n, insertCommunicator(ctx, tx, n, s.Now())
}
