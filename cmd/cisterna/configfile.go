package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"cisterna/internal/config"
)

// configFile is a flag that names the configuration file. The file's names are
// the flags of the command that it is given to.
type configFile string

// configured is the file that the command line named, for messages.
var configured *config.File

// BeforeResolve reads the file once the command line has been parsed.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	flags := map[string]bool{}
	for _, f := range ctx.Flags() {
		flags[f.Name] = true
	}
	file, err := config.Read(kong.ExpandPath(path), func(name string) bool { return flags[name] && name != "config" && name != "help" })
	if err != nil {
		return err
	}
	configured = file
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			if _, set := os.LookupEnv(env); set {
				return nil, nil // the environment wins over the file
			}
		}
		if v, ok := file.Get(flag.Name); ok {
			return v, nil
		}
		return nil, nil
	}))
	return nil
}

// fieldError names the setting whose value cannot be used.
func fieldError(flag, value string, err error) error {
	return fmt.Errorf("--%s %q: %w", flag, value, err)
}

// inConfigFile adds to the text of an error about a setting where the file sets
// it, if the value came from there: args and the environment win.
func inConfigFile(err error, args []string) string {
	_, name, _ := strings.Cut(err.Error(), "--")
	if end := strings.IndexAny(name, ": ="); end >= 0 {
		name = name[:end]
	}
	_, env := os.LookupEnv("CISTERNA_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
	given := slices.ContainsFunc(args, func(a string) bool { return a == "--"+name || strings.HasPrefix(a, "--"+name+"=") })
	place := configured.Place(name)
	if place == "" || env || given {
		return err.Error()
	}
	return place + ": " + err.Error()
}
