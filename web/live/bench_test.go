package live

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
)

const fanClients = 1000

// TestMain lets the test program be its own crowd of readers: they run in
// another process, so that what they cost is not the server's.
func TestMain(m *testing.M) {
	if addr := os.Getenv("LIVE_BENCH_READERS"); addr != "" {
		if err := readers(addr, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// readers connects to paths and counts frames. Commands on its input: "dial
// path", and "wait n", answered once every connection of the last path has n
// more frames than at the last answer.
func readers(addr string, in io.Reader, out io.Writer) error {
	sets, base := map[string][]*atomic.Int64{}, map[string]int64{}
	for {
		var what, path string
		var n int64
		if _, err := fmt.Fscanln(in, &what, &path, &n); err != nil {
			return nil // the parent is done
		}
		if what == "dial" {
			for range n {
				got := &atomic.Int64{}
				if err := dialReader(addr, path, got); err != nil {
					return err
				}
				sets[path] = append(sets[path], got)
			}
		} else {
			base[path] += n
			for _, got := range sets[path] {
				for got.Load() < base[path] {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}
		fmt.Fprintln(out, "ok")
	}
}

func dialReader(addr, path string, got *atomic.Int64) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path)
	r := bufio.NewReaderSize(conn, 16<<10)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("upgrade: %v %w", resp, err)
	}
	go countFrames(r, got)
	return nil
}

func countFrames(r *bufio.Reader, got *atomic.Int64) {
	for {
		var h [10]byte
		if _, err := io.ReadFull(r, h[:2]); err != nil {
			return
		}
		n := uint64(h[1])
		switch n {
		case 126:
			_, _ = io.ReadFull(r, h[2:4])
			n = uint64(binary.BigEndian.Uint16(h[2:4]))
		case 127:
			_, _ = io.ReadFull(r, h[2:10])
			n = binary.BigEndian.Uint64(h[2:10])
		}
		if _, err := r.Discard(int(n)); err != nil {
			return
		}
		if h[0]&0xf == websocket.TextMessage {
			got.Add(1)
		}
	}
}

// crowd is the parent's end of the readers.
type crowd struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Reader
}

func (c *crowd) do(what, path string, n int) {
	fmt.Fprintln(c.in, what, path, n)
	if line, err := c.out.ReadString('\n'); line != "ok\n" {
		c.b.Fatalf("readers: %q, %v", line, err)
	}
}

// cost is wall and processor time.
type cost struct{ wall, cpu time.Duration }

func (c *crowd) measure(path string, frames int, send func()) cost {
	cpu, start := processor(), time.Now()
	send()
	c.do("wait", path, frames)
	return cost{time.Since(start), processor() - cpu}
}

func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut sends messages to 1,000 clients over TCP: by the hub, and by a
// bare loop that writes one PreparedMessage to each. Rounds alternate; medians
// of both and their ratio are printed, by the clock and by the server's
// processor time, which other programs on the machine disturb less.
func BenchmarkFanOut(b *testing.B) {
	board := newBoard()
	hub, err := New(Options{Board: board, Log: slog.New(slog.DiscardHandler), Check: func(context.Context, []int64) (map[int64]auth.Scope, error) { return nil, nil }})
	if err != nil {
		b.Fatal(err)
	}
	var (
		mu   sync.Mutex
		bare []*websocket.Conn
		user int64
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hub" {
			mu.Lock()
			user++
			v := Viewer{Session: user, User: user, Scope: auth.Scope{All: true}}
			mu.Unlock()
			if err := hub.Serve(w, r, v, Resume{}); err != nil {
				b.Error(err)
			}
			return
		}
		up := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferPool: &sync.Pool{}, CheckOrigin: func(*http.Request) bool { return true }}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			b.Error(err)
			return
		}
		mu.Lock()
		bare = append(bare, conn)
		mu.Unlock()
		_, _, _ = conn.NextReader()
	}))
	defer server.Close()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "LIVE_BENCH_READERS="+server.Listener.Addr().String())
	child.Stderr = os.Stderr
	in, _ := child.StdinPipe()
	out, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = child.Wait() }()
	crowd := &crowd{b, in, bufio.NewReader(out)}
	crowd.do("dial", "/hub", fanClients)
	crowd.do("dial", "/bare", fanClients)
	crowd.do("wait", "/hub", 1) // hello

	loop := func(m *websocket.PreparedMessage) {
		for _, conn := range bare {
			if err := conn.WritePreparedMessage(m); err != nil {
				b.Error(err)
			}
		}
	}
	alarm := map[string]string{"id": "12", "text": strings.Repeat("x", 270)}
	b.Run("alarms", func(b *testing.B) { // bursts of 100
		const burst = 100
		compare(b, burst*fanClients, func() cost {
			return crowd.measure("/hub", burst, func() {
				for range burst {
					hub.Alarm(Alarm{Change: "raised", Value: alarm})
				}
			})
		}, func() cost {
			return crowd.measure("/bare", burst, func() {
				for i := range uint64(burst) {
					loop(prepare(alarmFrame(i+1, "raised", []byte(`{"id":"12","text":"`+alarm["text"]+`"}`))))
				}
			})
		})
	})
	b.Run("deltas", func(b *testing.B) { // flushes of 50 rows, each read by all before the next
		const flushes = 20
		var frame message
		compare(b, flushes*fanClients, func() (sum cost) {
			for range flushes {
				for id := range int64(50) {
					board.put(id, 1, func(r *pumpRow) { r.Battery++ })
				}
				c := crowd.measure("/hub", 1, hub.refresh)
				sum.wall, sum.cpu = sum.wall+c.wall, sum.cpu+c.cpu
			}
			frame = hub.lanes["all"].frames[0]
			return sum
		}, func() (sum cost) {
			for range flushes {
				c := crowd.measure("/bare", 1, func() { loop(frame) })
				sum.wall, sum.cpu = sum.wall+c.wall, sum.cpu+c.cpu
			}
			return sum
		})
	})
}

// compare runs both in turn and reports messages per second of each.
func compare(b *testing.B, messages int, hub, loop func() cost) {
	var wall, cpu [2][]float64
	for b.Loop() {
		for i, f := range []func() cost{hub, loop} {
			c := f()
			wall[i] = append(wall[i], float64(messages)/c.wall.Seconds())
			cpu[i] = append(cpu[i], float64(messages)/c.cpu.Seconds())
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(wall[0]), "hub-msg/s")
	b.ReportMetric(median(wall[1]), "loop-msg/s")
	b.ReportMetric(100*median(wall[0])/median(wall[1]), "%-wall")
	b.ReportMetric(median(cpu[0]), "hub-msg/cpu-s")
	b.ReportMetric(median(cpu[1]), "loop-msg/cpu-s")
	b.ReportMetric(100*median(cpu[0])/median(cpu[1]), "%-cpu")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
