package main

import (
	"cisterna/device/gateway"
	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// plainDirectory admits by link id alone, for measurements: an endpoint without
// TLS (Options.Plain) sees no certificates.
type plainDirectory struct{ *registry.Directory }

var _ gateway.Directory = plainDirectory{}

// Admit implements gateway.Directory.
func (d plainDirectory) Admit(link, _ string) error {
	if ref, ok := d.ByLink(link); !ok || ref.Status != registry.Active {
		return errs.Deniedf("Communicator %s is not paired with an active pump.", link)
	}
	return nil
}
