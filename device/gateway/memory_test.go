package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// BenchmarkMemory is the resident memory of an idle connection in KiB, ours
// beside a bare listener of its kind (one goroutine and a 4 KiB buffer a
// connection), each in a process of its own, with ten thousand connections.
// Ours have connected and subscribed, and each has sent five messages.
func BenchmarkMemory(b *testing.B) {
	b.Cleanup(func() {
		for _, m := range memoryDirs {
			_ = os.RemoveAll(m.dir)
		}
		clear(memoryDirs)
	})
	for _, kind := range []string{"plain", "tls"} {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				ours, bare := measure(b, "ours", kind), measure(b, "bare", kind)
				b.ReportMetric(ours, "KiB/conn")
				b.ReportMetric(bare, "KiB/bare-conn")
				b.ReportMetric(ours/bare, "ratio")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

const (
	memoryConns = 10_000
	memoryChild = "CISTERNA_MEMORY_CHILD" // "ours plain dir"
)

// TestMain turns the test binary into one side of BenchmarkMemory.
func TestMain(m *testing.M) {
	if role := os.Getenv(memoryChild); role != "" {
		if err := memoryServer(strings.Fields(role)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// descriptors raises the limit of open files to what n connections need.
func descriptors(n uint64) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	if l.Cur >= n {
		return nil
	}
	l.Cur = n
	l.Max = max(l.Max, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("%d connections need %d open files: %w (raise ulimit -n)", memoryConns, n, err)
	}
	return nil
}

// resident returns the process's resident memory in KiB after a collection.
func resident() (int, error) {
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("no VmRSS in /proc/self/status")
}

// memoryServer listens, says where and how large it is, and says how large it
// has become at every line it is sent.
func memoryServer(role []string) error {
	if err := descriptors(memoryConns + 100); err != nil {
		return err
	}
	ln, err := Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		return err
	}
	var settings *tls.Config
	if role[1] == "tls" {
		ca, err := pki.Load(filepath.Join(role[2], "authority.pem"))
		if err != nil {
			return err
		}
		source, err := ca.ServerSource([]string{"localhost"}, time.Now)
		if err != nil {
			return err
		}
		settings = pki.ServerConfig(pki.ServerOptions{Certificate: source, Clients: ca.Pool()})
	}
	if role[0] == "bare" {
		go bareListener(ln, settings)
	} else {
		g, err := New(Options{
			Listener: ln, TLS: settings, Plain: settings == nil, Inbox: &instant{}, Directory: everybody{},
			Logger: slog.New(slog.DiscardHandler), AcceptRate: 1e6, MaxPending: memoryConns,
		})
		if err != nil {
			return err
		}
		go func() { _ = g.Run(context.Background()) }()
	}
	fmt.Println(ln.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		kib, err := resident()
		if err != nil {
			return err
		}
		fmt.Println(kib, runtime.NumGoroutine())
	}
	return nil
}

// bareListener is the least that can hold connections.
func bareListener(ln net.Listener, settings *tls.Config) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			if settings != nil {
				conn = tls.Server(conn, settings)
			}
			buf := make([]byte, 4096)
			for {
				if _, err := conn.Read(buf); err != nil {
					return
				}
			}
		}()
	}
}

// measure runs one side in a child process and returns KiB per connection.
func measure(b *testing.B, side, kind string) float64 {
	if err := descriptors(memoryConns + 100); err != nil {
		b.Fatal(err)
	}
	dir, links := memoryLinks(b, kind)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), memoryChild+"="+strings.Join([]string{side, kind, dir}, " "))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	pipe, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer child.Wait()
	defer in.Close()
	out := bufio.NewScanner(pipe)
	out.Scan()
	addr := out.Text()
	ask := func() (kib, goroutines int) {
		fmt.Fprintln(in)
		out.Scan()
		if _, err := fmt.Sscan(out.Text(), &kib, &goroutines); err != nil {
			b.Fatalf("the child says %q", out.Text())
		}
		return kib, goroutines
	}
	before, _ := ask()
	conns := make([]net.Conn, memoryConns)
	next := make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for i := range next {
				conn, err := memoryConnect(addr, side, links[i])
				if err != nil {
					b.Error(err)
					continue
				}
				conns[i] = conn
			}
		})
	}
	for i := range conns {
		next <- i
	}
	close(next)
	wg.Wait()
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	if b.Failed() {
		b.FailNow()
	}
	ask() // stacks shrink by half at each collection
	ask()
	after, goroutines := ask()
	if goroutines < memoryConns || goroutines > memoryConns+100 {
		b.Errorf("%d goroutines for %d connections", goroutines, memoryConns)
	}
	return float64(after-before) / memoryConns
}

func memoryConnect(addr, side string, link memoryLink) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if link.settings != nil {
		conn = tls.Client(conn, link.settings)
		if err := conn.(*tls.Conn).Handshake(); err != nil {
			return nil, err
		}
	}
	if side == "bare" {
		_, err := conn.Write(make([]byte, 500)) // it reads as much as ours
		return conn, err
	}
	acked := make(chan struct{}, 5)
	c := mqtt.NewConn(conn, &mqtt.Options{ClientID: link.name, OnPuback: func(uint16) { acked <- struct{}{} }})
	if err := c.Connect(); err != nil {
		return nil, err
	}
	if _, err := c.Subscribe(wire.DownFilter(link.name)); err != nil {
		return nil, err
	}
	go func() { _ = c.Run() }()
	for range 5 {
		if _, err := c.Publish(wire.Topic(link.name, wire.UpTele), 1, make([]byte, 100)); err != nil {
			return nil, err
		}
		<-acked
	}
	return conn, nil
}

type memoryLink struct {
	name     string
	settings *tls.Config
}

var memoryDirs = map[string]struct {
	dir   string
	links []memoryLink
}{}

// memoryLinks returns ten thousand links, each with a certificate of its own if
// kind is tls, and the directory of their authority.
func memoryLinks(b *testing.B, kind string) (string, []memoryLink) {
	if m, ok := memoryDirs[kind]; ok {
		return m.dir, m.links
	}
	dir, err := os.MkdirTemp("", "cisterna-memory")
	if err != nil {
		b.Fatal(err)
	}
	ca, err := pki.LoadOrCreate(filepath.Join(dir, "authority.pem"), "memory", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	links := make([]memoryLink, memoryConns)
	for i := range links {
		links[i].name = fmt.Sprintf("COMM-%d", i)
		if kind == "tls" {
			chain, key := identity(b, ca, links[i].name)
			links[i].settings = pki.ClientConfig(pki.ClientOptions{Roots: ca.Pool(), ServerName: "localhost", Chain: chain, Key: key})
		}
	}
	memoryDirs[kind] = struct {
		dir   string
		links []memoryLink
	}{dir, links}
	return dir, links
}
