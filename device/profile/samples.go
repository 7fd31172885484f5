package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed samples/*.json
var files embed.FS

// samples parses the embedded profiles once. They are checked by a test, so that
// a failure here is a broken build.
var samples = sync.OnceValues(func() ([]*Profile, error) {
	names, err := fs.Glob(files, "samples/*.json")
	if err != nil {
		return nil, err
	}
	var out []*Profile
	for _, name := range names { // in alphabetical order
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		p, err := ParseJSON(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, p)
	}
	return out, nil
})

// Samples returns the profiles that ship with this code, by rising id. They
// follow classes of published devices, not any one product, and are for
// emulators and demonstrations: a real pump brings its own. The slice is the
// caller's; the profiles are shared.
func Samples() []*Profile {
	list, err := samples()
	if err != nil {
		panic("profile: embedded sample: " + err.Error())
	}
	return append([]*Profile(nil), list...)
}

// Sample returns the embedded profile of an id, nil if there is none.
func Sample(id string) *Profile {
	for _, p := range Samples() {
		if p.ID == id {
			return p
		}
	}
	return nil
}
