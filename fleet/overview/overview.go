// Package overview is what the screens read: joins across the fleet's packages,
// and the board, which is the list of all pumps in memory.
//
// It only reads, and it is the only package that reads others' tables.
//
// # The board
//
// [Board] holds one [Row] per pump. It is loaded by one joined SELECT and then
// follows the packages' events, which tell of committed changes only; whatever
// an event does not carry is read again for that pump alone. Every change of a
// row raises the board's revision. A reader asks for what changed since the
// revision it has seen and gets each changed row once, however often it changed.
// A revision means something only together with the board's epoch, which is new
// at every start; a reader that comes with another epoch, or from before what
// the board remembers, starts again from a snapshot.
//
// After any sequence of changes the board equals a fresh load.
package overview
