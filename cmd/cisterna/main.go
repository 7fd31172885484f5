// Command cisterna is the server of the fleet and its tools.
//
// It only wires packages together: what a command does is in the package that
// knows the thing. Settings come from flags, the environment (CISTERNA_…) and
// one file, in that order.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"cisterna/internal/errs"
)

var cli struct {
	Demo    DemoCmd    `cmd:"" help:"Start a demo hospital: private PostgreSQL, server, and fifty emulated pumps."`
	Serve   ServeCmd   `cmd:"" help:"Run the server on a database of yours."`
	Migrate MigrateCmd `cmd:"" help:"Bring the database's schema up to date."`
	Doctor  DoctorCmd  `cmd:"" help:"Check everything that a running server needs, and say what to do."`
	Audit   AuditCmd   `cmd:"" help:"Export the record, and verify an export without server or database."`
	Keys    KeysCmd    `cmd:"" help:"Create and show trust material: root, keyset, authority, record key."`
	Site    SiteCmd    `cmd:"" help:"Add sites."`
	User    UserCmd    `cmd:"" help:"Add people."`
	Wire    WireCmd    `cmd:"" help:"Print any message of the link in words."`

	LogLevel slog.Level `help:"Log from this level on: debug, info, warn or error." default:"info" env:"CISTERNA_LOG_LEVEL"`
}

// exitError ends the program with a code of its own, after its message.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	k := kong.Parse(&cli,
		kong.Name("cisterna"),
		kong.Description("Fleet platform for programmable intrathecal infusion pumps."),
		kong.UsageOnError(),
		kong.Vars{"demo_data": demoData()},
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: cli.LogLevel}))
	err := k.Run(log)
	stop()
	if exit, ok := errors.AsType[exitError](err); ok {
		if exit.text != "" {
			fmt.Fprintln(os.Stderr, "cisterna:", exit.text)
		}
		os.Exit(exit.code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cisterna:", err)
		if errs.KindOf(err) == errs.Invalid {
			os.Exit(2)
		}
		os.Exit(1)
	}
}
