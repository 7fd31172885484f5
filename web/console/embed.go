// Package console holds the built web console: a static single-page application in dist, made by `npm run build` and
// embedded into the binary.
//
// A fresh clone has an empty dist (only .gitkeep), so the package always compiles; Built says whether a console is inside.
// Files under assets/ carry a content hash in their name and never change; index.html names them and holds the text
// NoncePlaceholder once, which the server replaces in every response by that response's style nonce.
package console

import (
	"embed"
	"io/fs"
)

// NoncePlaceholder stands in index.html where the nonce of the content security policy belongs.
const NoncePlaceholder = "__CSP_NONCE__"

//go:embed all:dist
var dist embed.FS

// Files returns the built console with index.html at its root.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a constant valid path
	}
	return sub
}

// Built reports whether the console was built before the binary was.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}
