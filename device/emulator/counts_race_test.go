//go:build race

package emulator

// slower divides how often the longest tests try: under the race detector each try
// takes ten times as long, and finds races after a few already. All of them are made
// without it.
const slower = 5
