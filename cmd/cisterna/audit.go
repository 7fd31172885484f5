package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"cisterna/internal/audit"
)

// AuditCmd groups the commands for the record.
type AuditCmd struct {
	Export     AuditExportCmd     `cmd:"" help:"Write the whole record, as of one moment, into one file."`
	Verify     AuditVerifyCmd     `cmd:"" help:"Verify an export offline. Exit code 0: good; 1: tampered; 2: incomplete; 3: keys not trusted."`
	Checkpoint AuditCheckpointCmd `cmd:"" help:"Print the newest checkpoint. Keep it elsewhere: it finds a restored old backup."`
	Reports    AuditReportsCmd    `cmd:"" help:"Compare the reports of pumps, as they are stored, with their hourly digests on the record. Exit code 0: as recorded; 1: different; 2: no digest yet."`
}

// trustFlags say whose checkpoints count.
type trustFlags struct {
	Trust []string `help:"Trust policy file, or a record key (the text after 'record key' on the ceremony card). May be given several times." required:"" placeholder:"FILE|KEY"`
}

func (f trustFlags) load() (audit.Trust, error) {
	var keys []string
	for _, t := range f.Trust {
		b, err := os.ReadFile(t)
		switch {
		case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			// A key begins "cisterna/…", and the folder may hold a program cisterna.
			keys = append(keys, t)
		case err != nil:
			return audit.Trust{}, fmt.Errorf("--trust: %w", err)
		case len(f.Trust) == 1:
			return audit.ParseTrust(string(b))
		default:
			return audit.Trust{}, errors.New("--trust: give either one policy file or keys")
		}
	}
	trust, err := audit.TrustKeys(keys...)
	if err != nil {
		return audit.Trust{}, fmt.Errorf("--trust %v: neither a file nor a record key: %w", f.Trust, err)
	}
	return trust, nil
}

// AuditExportCmd writes a bundle.
type AuditExportCmd struct {
	databaseFlags
	Keys string `required:"" help:"Folder of keys; names the record's key in the export." env:"CISTERNA_KEYS" placeholder:"DIR"`
	Out  string `required:"" short:"o" help:"File to write; it must not exist." placeholder:"FILE"`
}

// Run exports.
func (c *AuditExportCmd) Run(ctx context.Context) error {
	if _, err := os.Lstat(c.Out); err == nil {
		return fmt.Errorf("%s exists already: an export overwrites nothing", c.Out)
	}
	signer, err := audit.OpenSigner(recordDir(c.Keys), "")
	if err != nil {
		return err
	}
	db, err := c.openMigrated(ctx, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// Written beside its place, so that a full disk leaves no half export.
	f, err := os.CreateTemp(filepath.Dir(c.Out), ".export-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	done, err := audit.Export(ctx, db, f, signer.Trust())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), c.Out); err != nil {
		return fmt.Errorf("%s: %w", c.Out, err)
	}
	fmt.Printf("%d leaves under %d checkpoints, %d still waiting for theirs\n", done.Leaves, done.Checkpoints, done.Pending)
	return nil
}

// AuditVerifyCmd verifies a bundle.
type AuditVerifyCmd struct {
	trustFlags
	File string   `arg:"" help:"The export; - for standard input."`
	Seen []string `help:"File with a checkpoint that was kept elsewhere: the record must contain it. May be given several times." placeholder:"FILE"`
}

// Run verifies and ends with the report's exit code.
func (c *AuditVerifyCmd) Run() error {
	trust, err := c.load()
	if err != nil {
		return exitError{3, err.Error()}
	}
	var o audit.VerifyOptions
	for _, name := range c.Seen {
		b, err := os.ReadFile(name)
		if err != nil {
			return exitError{2, err.Error()}
		}
		o.Seen = append(o.Seen, string(b))
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return exitError{2, err.Error()}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	report, err := audit.Verify(in, trust, o)
	if err != nil {
		return exitError{2, err.Error()}
	}
	code := report.ExitCode()
	if err := report.WriteText(os.Stdout); err != nil {
		if code == 0 {
			code = 2 // good, but nobody was told; 1 would say tampered
		}
		return exitError{code, err.Error()}
	}
	if code != 0 {
		return exitError{code, ""}
	}
	return nil
}

// AuditCheckpointCmd prints the newest checkpoint.
type AuditCheckpointCmd struct{ databaseFlags }

// Run prints it.
func (c *AuditCheckpointCmd) Run(ctx context.Context) error {
	db, err := c.openMigrated(ctx, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	cp, ok, err := audit.Newest(ctx, db)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the record has no checkpoint yet")
	}
	fmt.Print(cp.Text)
	return nil
}
