package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/overview"
	"cisterna/fleet/telemetry"
	"cisterna/web/api"
)

// deviceProfiles are the installation's profiles by id, opened once at start.
type deviceProfiles map[string]*profile.Profile

func openProfiles(t *keyset.Material) (deviceProfiles, error) {
	out := deviceProfiles{}
	for id, doc := range t.Profiles {
		body, err := t.Root.OpenProfile(doc)
		if err != nil {
			return nil, fmt.Errorf("device profile %s: %w", id, err)
		}
		p, err := profile.Decode(body)
		if err != nil {
			return nil, fmt.Errorf("device profile %s: %w", id, err)
		}
		out[id] = p
	}
	return out, nil
}

func (d deviceProfiles) get(id string) (*profile.Profile, bool) {
	p, ok := d[id]
	return p, ok
}

// all returns the profiles in no order.
func (d deviceProfiles) all() []*profile.Profile { return slices.Collect(maps.Values(d)) }

// signed returns, of a model, the hash that its pumps name and the document.
func (d deviceProfiles) signed(t *keyset.Material) func(id string) (says, document []byte) {
	return func(id string) (says, document []byte) {
		p, ok := d[id]
		if !ok {
			return nil, nil
		}
		hash := p.Hash()
		return hash[:], t.Profiles[id]
	}
}

// desired returns what pumps should have of the installation's documents now.
func desired(t *keyset.Material, keys *keyset.Service, drugs *library.Service, profiles deviceProfiles) func(profile string) api.Desired {
	root := t.RootHash()
	return func(id string) api.Desired {
		hash := drugs.Current().Hash
		want := api.Desired{Root: root[:], Library: hash[:], Keyset: keys.Current().Version}
		if p, ok := profiles.get(id); ok {
			hash := p.Hash() // pumps name what a profile says, whoever signed it
			want.Profile = hash[:]
		}
		return want
	}
}

// tls12 reports whether a communicator of the installation cannot do TLS 1.3.
func (d deviceProfiles) tls12() bool {
	for _, p := range d {
		if p.TLS12 {
			return true
		}
	}
	return false
}

// silence returns how long a pump of the profile may say nothing while it gives what
// is so grave to stop; the strictest of the profile's rules where that is not known. A
// profile that is not known gets none.
func (d deviceProfiles) silence(id string, s dose.Severity) telemetry.SilenceRule {
	p, ok := d[id]
	if !ok {
		return telemetry.SilenceRule{}
	}
	rule, ok := p.SilenceFor(s)
	if !ok {
		return telemetry.SilenceRule{}
	}
	seconds := func(n units.Seconds) time.Duration { return time.Duration(n) * time.Second }
	return telemetry.SilenceRule{
		Grace: 90 * time.Second, // 1.5 × the keep-alive of a communicator: it may be changing networks
		Stale: seconds(rule.Stale), Offline: seconds(rule.Offline), Alarm: seconds(rule.Alarm),
	}
}

// libraryName returns what to call the library of a hash.
func libraryName(l *library.Service) func(hash []byte) string {
	return func(hash []byte) string {
		v, ok := l.ByHash(hash)
		if !ok {
			return ""
		}
		return fmt.Sprintf("%s v%d", v.Library.Name, v.Version)
	}
}

// wanted returns what the list compares a pump's word with: what the greeter
// brings, by the hashes that a hello names.
func wanted(d deviceProfiles, keys *keyset.Service, drugs *library.Service) func(id string) overview.Desired {
	return func(id string) overview.Desired {
		hash := drugs.Current().Hash
		out := overview.Desired{Keyset: keys.Current().Version, Library: hash[:]}
		if p, ok := d[id]; ok {
			sum := p.Hash()
			out.Profile = sum[:]
		}
		return out
	}
}
