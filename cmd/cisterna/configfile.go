package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"cisterna/internal/config"
)

// configFile is a flag that names the configuration file. The file's names are
// the flags of the command that it is given to.
type configFile string

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
