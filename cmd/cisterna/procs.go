package main

import (
	"os"
	"runtime"
)

// spareProcs lets twice as many threads run Go code as there are processors, unless
// GOMAXPROCS says how many. Checking signatures can keep a thread on every
// processor busy, and the runtime then looks for answers of the database every
// 10 ms only. With a thread to spare the kernel wakes whoever waits for an answer at
// once, and shares the processors between them. BenchmarkIngest measures the delay
// that this is about; GOMAXPROCS set to the number of processors is the other side.
func spareProcs() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}
