// Package arch holds no code: its tests keep the structure of the repository.
//
// They say who may import whom, which packages do no I/O, who owns which table,
// and that every package says what it is for. A new package declares its place
// in the tables of arch_test.go.
package arch
