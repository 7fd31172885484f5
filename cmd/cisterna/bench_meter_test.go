package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The benchmarks of the whole system measure real processes: the server, its
// PostgreSQL with fsync on, and what sends, each with its CPU time apart. Compare
// only figures of one run; .ci/bench puts them together.

// rounds returns how often the rounds of a benchmark are repeated. Of what they
// measure, medians are reported.
func rounds(b *testing.B) int {
	b.Helper()
	return int(seconds(b, "BENCH_ROUNDS", 3))
}

// window returns for how long one load is measured.
func window(b *testing.B) time.Duration {
	b.Helper()
	return seconds(b, "BENCH_SECONDS", 12) * time.Second
}

// seconds reads a whole number from the environment.
func seconds(b *testing.B, name string, otherwise int) time.Duration {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return time.Duration(otherwise)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s is %q, want a whole number from 1", name, text)
	}
	return time.Duration(n)
}

// tickLength is the unit of CPU times in /proc, 10 ms on every Linux of today.
const tickLength = 10 * time.Millisecond

// procStat is what is wanted of /proc/PID/stat. reaped is the CPU time of
// children that have ended and were waited for.
type procStat struct {
	parent      int
	own, reaped time.Duration
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return procStat{}, err
	}
	// The second field is the program's name in brackets and may hold anything.
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return procStat{}, fmt.Errorf("process %d: stat has %d fields", pid, len(fields))
	}
	n := func(i int) int {
		v, _ := strconv.Atoi(fields[i])
		return v
	}
	return procStat{
		parent: n(1),
		own:    time.Duration(n(11)+n(12)) * tickLength,
		reaped: time.Duration(n(13)+n(14)) * tickLength,
	}, nil
}

// treeCPU returns the CPU time that a process and its children have used, those
// that have ended included. A child that ends between two calls moves its time to
// its parent's account, so that nothing is lost.
func treeCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	root, err := readStat(pid)
	if err != nil {
		b.Fatal(err)
	}
	sum := root.own + root.reaped
	files, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		child, err := strconv.Atoi(filepath.Base(f))
		if err != nil {
			continue
		}
		if s, err := readStat(child); err == nil && s.parent == pid {
			sum += s.own + s.reaped
		}
	}
	return sum
}

// machineCPU returns the time that all processors have been busy.
func machineCPU(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	var busy time.Duration
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, _ := strconv.Atoi(fields[i])
		busy += time.Duration(n) * tickLength
	}
	return busy
}

// usage is CPU time by who used it.
type usage struct{ server, postgres, generator, machine time.Duration }

func (u usage) sub(v usage) usage {
	return usage{u.server - v.server, u.postgres - v.postgres, u.generator - v.generator, u.machine - v.machine}
}

// load is what one window of load measured.
type load struct {
	records int64
	wall    time.Duration
	used    usage
}

// rate returns durable records a second.
func (l load) rate() float64 { return float64(l.records) / l.wall.Seconds() }

// per returns CPU-seconds per million records.
func (l load) per(d time.Duration) float64 { return d.Seconds() / float64(l.records) * 1e6 }

// foreign returns how many processors others kept busy meanwhile.
func (l load) foreign() float64 {
	return (l.used.machine - l.used.server - l.used.postgres - l.used.generator).Seconds() / l.wall.Seconds()
}

// loads are the windows of all rounds.
type loads []load

func (ls loads) each(f func(load) float64) []float64 {
	out := make([]float64, len(ls))
	for i, l := range ls {
		out[i] = f(l)
	}
	return out
}

// report writes medians, and the span of the rates, as a benchmark's result.
func (ls loads) report(b *testing.B, name string, ceiling []float64) {
	b.Run(name, func(b *testing.B) {
		rates := ls.each(load.rate)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(rates), "rec/s")
		b.ReportMetric(slices.Min(rates), "min-rec/s")
		b.ReportMetric(slices.Max(rates), "max-rec/s")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.server) })), "server-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.postgres) })), "pg-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.server + l.used.postgres) })), "both-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.generator) })), "gen-cpu-s/M")
		b.ReportMetric(median(ls.each(load.foreign)), "foreign-cores")
		if ceiling != nil {
			ratios := make([]float64, len(ls))
			for i := range ls {
				ratios[i] = 100 * rates[i] / ceiling[i]
			}
			b.ReportMetric(median(ratios), "%copy")
		}
	})
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// fsync returns how many µs a folder's disk takes to make 8 KiB durable, the
// median of two hundred: what every commit waits for.
func fsync(b *testing.B, dir string) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	took := make([]float64, 200)
	for i := range took {
		start := time.Now()
		if _, err := f.WriteAt(make([]byte, 8192), 0); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(start).Seconds() * 1e6
	}
	return median(took)
}

// verification returns the µs of CPU time that one Ed25519 verification takes while
// all processors verify: how fast they are at the moment.
func verification(b *testing.B) float64 {
	b.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 150)
	sig := ed25519.Sign(key, msg)
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	const each = 5000
	before, n := cpu(), runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for range each {
				if !ed25519.Verify(pub, msg, sig) {
					b.Error("a good signature is refused")
				}
			}
		})
	}
	wg.Wait()
	return (cpu() - before).Seconds() * 1e6 / float64(n*each)
}
