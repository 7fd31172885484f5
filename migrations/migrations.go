// Package migrations holds the database schema as numbered SQL files.
//
// Files are forward only, one transaction each, and embedded in the program.
// Code must run before and after each of them. A file, once released, never
// changes. Tables carry the prefix of the package that owns them.
package migrations

import "embed"

// FS holds the files, `NNNN_name.sql`, in goose's format.
//
//go:embed *.sql
var FS embed.FS
