package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// ParseFault reads a line of a script: "at=30s pump=S-3 kind=occlusion for=20s".
// at is the time after the start, pump a serial number, a number counting from 1
// in their order, or * for all; value and text are the fault's own.
func ParseFault(line string) (at time.Duration, pumps string, f Fault, err error) {
	for _, field := range splitFields(line) {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return 0, "", f, errs.Invalidf("fault %q: %q is not name=value", line, field)
		}
		var err error
		switch name {
		case "at":
			at, err = time.ParseDuration(value)
		case "pump":
			pumps = value
		case "kind":
			f.Kind = value
		case "for":
			f.For, err = time.ParseDuration(value)
		case "value":
			f.Value, err = strconv.ParseInt(value, 10, 64)
		case "text":
			f.Text = value
		default:
			return 0, "", f, errs.Invalidf("fault %q: there is no %q", line, name)
		}
		if err != nil {
			return 0, "", f, errs.Invalidf("fault %q: %s=%s cannot be read", line, name, value)
		}
	}
	if pumps == "" || !slices.ContainsFunc(faultKinds, func(k FaultKind) bool { return k.Name == f.Kind }) {
		return 0, "", f, errs.Invalidf("fault %q: want pump= and a kind= from the list of faults", line)
	}
	return at, pumps, f, nil
}

// splitFields splits at spaces; text= takes the rest of the line.
func splitFields(line string) (out []string) {
	for line = strings.TrimSpace(line); line != ""; {
		if strings.HasPrefix(line, "text=") {
			return append(out, line)
		}
		field, rest, _ := strings.Cut(line, " ")
		out, line = append(out, field), strings.TrimSpace(rest)
	}
	return out
}

// Pick returns the pumps that a script means.
func (f *Fleet) Pick(pumps string) ([]*Device, error) {
	all := f.Devices()
	if pumps == "*" {
		return all, nil
	}
	if d, ok := f.Device(pumps); ok {
		return []*Device{d}, nil
	}
	if n, err := strconv.Atoi(pumps); err == nil && n >= 1 && n <= len(all) {
		return all[n-1 : n], nil
	}
	return nil, errs.NotFoundf("there is no pump %q", pumps)
}
