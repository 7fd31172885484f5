package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"cisterna/device/emulator"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// planned is a pump to be enrolled.
type planned struct {
	emulator.Blueprint
	slip wire.Slip
}

// readSlips reads a slips file, "-" for standard input.
func readSlips(name string, seed uint64) ([]planned, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "the slips file cannot be opened")
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	return parseSlips(in, seed)
}

func parseSlips(in io.Reader, seed uint64) (out []planned, err error) {
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p, err := parseSlip(line)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "slips, line %d", n)
		}
		p.Seed = seed
		out = append(out, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read slips: %w", err)
	}
	return out, nil
}

func parseSlip(line string) (p planned, err error) {
	fields, err := splitFields(line)
	if err != nil {
		return p, err
	}
	for _, field := range fields {
		if strings.HasPrefix(field, "cisterna:") {
			if p.slip, err = wire.ParseSlip(field); err != nil {
				return p, err
			}
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		var n int64
		switch name {
		case "serial":
			p.Serial = value
		case "model":
			p.Model = value
		case "link":
			p.Link = value
		case "alg":
			if p.Alg = map[string]wire.Alg{"ed25519": wire.Ed25519, "es256": wire.ES256}[value]; p.Alg == 0 {
				return p, errs.Invalidf("alg=%s: want ed25519 or es256", value)
			}
		case "zone":
			n, err = strconv.ParseInt(value, 10, 32)
			p.Zone = int32(n)
		case "scale":
			n, err = strconv.ParseInt(value, 10, 32)
			p.Scale = uint32(max(n, 0))
		default:
			return p, errs.Invalidf("there is no %q", field)
		}
		if err != nil {
			return p, errs.Invalidf("%s=%s is no number", name, value)
		}
	}
	if p.Serial == "" || p.Model == "" || p.slip.Server == "" {
		return p, errs.Invalidf("want serial=, model= and a claim slip")
	}
	return p, nil
}

// splitFields takes a line apart at its blanks, but for those in double quotes,
// which are left out.
func splitFields(line string) ([]string, error) {
	quoted := false
	fields := strings.FieldsFunc(line, func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return !quoted && unicode.IsSpace(c)
	})
	if quoted {
		return nil, errs.Invalidf("a quote is not closed")
	}
	for i, f := range fields {
		fields[i] = strings.ReplaceAll(f, `"`, "")
	}
	return fields, nil
}
