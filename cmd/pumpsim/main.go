// Command pumpsim runs emulated pumps against a server, one or ten thousand of
// them. What a pump does is in package emulator; this only wires it up.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"cisterna/internal/errs"
)

const description = `Emulated intrathecal pumps with their communicators.

Every pump is whole: it keeps its keys and its records on disk, enrols with a
claim slip, speaks MQTT over mutual TLS, and goes on where it was after Ctrl-C,
kill -9 or a full disk. Pumps of one data directory share a journal, so that ten
thousand of them cost one sync at a time.

A slips file has one pump a line; lines that begin with # are comments:

  serial=ME204117 model="Meander P20" cisterna:enrol?server=…&code=…&root=…
  serial=TA212036 model="Tarn V20" link=C-77 alg=es256 zone=3600 scale=60 cisterna:enrol?…

serial and model are needed, as the pump is registered; link is the
communicator's serial, alg the pump's key (ed25519 or es256), zone the patient's
seconds east of UTC, scale how many times faster the reservoir empties. A pump
that the data directory knows already is not enrolled again, so the same file
serves every start.

A fault is a line of name=value; 'pumpsim faults' lists the kinds:

  at=30s pump=3 kind=occlusion for=20s
  at=1m pump=ME204117 kind=battery value=40
  pump=* kind=link-loss for=2m

pump is a serial, a place in the order of serials, or * for all.`

var cli struct {
	Run    RunCmd    `cmd:"" help:"Run pumps until Ctrl-C."`
	Faults FaultsCmd `cmd:"" help:"List the faults that can be made to happen."`
	Inject InjectCmd `cmd:"" help:"Make a fault happen in a running pumpsim or demo."`
	Status StatusCmd `cmd:"" help:"Show the pumps of a running pumpsim or demo."`

	LogLevel slog.Level `help:"Log from this level on: debug, info, warn or error." default:"info" env:"PUMPSIM_LOG_LEVEL"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends it at once, whatever it waits for.
	context.AfterFunc(ctx, stop)
	k := kong.Parse(&cli,
		kong.Name("pumpsim"),
		kong.Description(description),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: cli.LogLevel}))
	err := k.Run(log)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pumpsim:", err)
		if errs.KindOf(err) == errs.Invalid {
			os.Exit(2)
		}
		os.Exit(1)
	}
}
