//go:build !race

package emulator

// slower divides how often the longest tests try.
const slower = 1
