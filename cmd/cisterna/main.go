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
	"strings"
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
	User    UserCmd    `cmd:"" help:"Add people, change their roles, shut their accounts."`
	Wire    WireCmd    `cmd:"" help:"Print any message of the link in words."`
	People  PeopleCmd  `cmd:"" help:"Ask a server who may do what."`
	Pumps   PumpsCmd   `cmd:"" help:"Ask a server about pumps, and work on many at once."`
	Events  EventsCmd  `cmd:"" help:"Print what happens in the fleet, and follow it."`

	Completion CompletionCmd `cmd:"" help:"Print what bash, zsh or fish needs to complete words."`
	Complete   CompleteCmd   `cmd:"" hidden:""`

	LogLevel slog.Level `help:"Log from this level on: debug, info, warn or error." default:"info" env:"CISTERNA_LOG_LEVEL"`
}

// exitError ends the program with a code of its own, after its message.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

// exitUsage is the exit code for a command line, environment or configuration
// file that cannot be used (EX_USAGE). It is none of those that audit verify ends
// with.
const exitUsage = 64

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run parses the command line, runs the command, and returns the exit code.
func run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parser := kong.Must(&cli,
		kong.Name("cisterna"),
		kong.Description("Fleet platform for programmable intrathecal infusion pumps."),
		kong.Vars{"demo_data": demoData()},
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cisterna:", inConfigFile(err, args))
		of := "cisterna"
		if e, ok := errors.AsType[*kong.ParseError](err); ok && e.Context.Selected() != nil {
			of = e.Context.Selected().FullPath()
		}
		fmt.Fprintf(os.Stderr, "Run %q for what it takes.\n", of+" --help")
		return exitUsage
	}
	switch k.Command() {
	case "demo", "serve", "migrate", "audit export", "pumps tag", "pumps tag <filter>":
		// These end by ctx and leave nothing half done.
	default:
		signal.Reset(os.Interrupt, syscall.SIGTERM) // the others may simply be killed
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: cli.LogLevel}))
	err = k.Run(log)
	if exit, ok := errors.AsType[exitError](err); ok {
		if exit.text != "" {
			fmt.Fprintln(os.Stderr, "cisterna:", exit.text)
		}
		return exit.code
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cisterna:", forPeople(err))
		if errs.KindOf(err) == errs.Invalid {
			return 2
		}
		return 1
	}
	return 0
}

// forPeople returns the text of err. A sentence that was written for people
// stands without its cause, which is for logs.
func forPeople(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return strings.Replace(err.Error(), e.Error(), e.Message, 1)
	}
	return err.Error()
}
