package emulator

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// childEnv makes the test binary a process of its own, so that its memory is that
// of one thing only: "server", "bare addr n" or "fleet addr n dir".
const childEnv = "CISTERNA_EMULATOR_CHILD"

func TestMain(m *testing.M) {
	role := strings.Fields(os.Getenv(childEnv))
	if len(role) == 0 {
		os.Exit(m.Run())
	}
	var err error
	switch role[0] {
	case "server":
		err = serveChild()
	case "bare":
		err = bareChild(role[1], atoi(role[2]))
	case "fleet":
		err = fleetChild(role[1], atoi(role[2]), role[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role[0]+":", err)
		os.Exit(1)
	}
}

func atoi(s string) int { return must(strconv.Atoi(s)) }

// benchCA signs everything in these processes; they share it by file.
func benchCA(dir string) (*pki.Authority, error) {
	return pki.LoadOrCreate(dir+"/ca.pem", "bench", time.Now())
}

// serveChild is the least server that a pump stays with: it acknowledges what it
// is sent and knows nothing.
func serveChild() error {
	ca, err := benchCA(os.Getenv("CISTERNA_EMULATOR_DIR"))
	if err != nil {
		return err
	}
	source, err := ca.ServerSource([]string{"127.0.0.1"}, time.Now)
	if err != nil {
		return err
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", pki.ServerConfig(pki.ServerOptions{Certificate: source, Clients: ca.Pool()}))
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			rd := mqtt.NewReader(c, 512, mqtt.MaxPacket)
			for {
				p, err := rd.ReadPacket()
				if err != nil {
					return
				}
				var out []byte
				switch p.Type {
				case mqtt.Connect:
					out = mqtt.AppendConnack(nil, mqtt.Accepted)
				case mqtt.Subscribe:
					m, err := mqtt.ParseSubscribe(p)
					if err != nil {
						return
					}
					out = mqtt.AppendSuback(nil, m.MessageID, []byte{0})
				case mqtt.Pingreq:
					out = mqtt.AppendPingresp(nil)
				case mqtt.Publish:
					m, err := mqtt.ParsePublish(p)
					if err != nil {
						return
					}
					out = mqtt.AppendPuback(nil, m.ID)
				default:
				}
				c.Write(out)
			}
		}()
	}
}

// rss returns the resident memory after everything that can go has gone.
func rss() int64 {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	return int64(atoi(strings.Fields(string(b))[1])) * int64(os.Getpagesize())
}

func tlsCredential(ca *pki.Authority, link string) (credential, error) {
	key, der, err := newLinkKey()
	if err != nil {
		return credential{}, err
	}
	csr, err := pki.NewCSR(key, link)
	if err != nil {
		return credential{}, err
	}
	req, err := pki.CheckCSR(csr)
	if err != nil {
		return credential{}, err
	}
	_, chain, err := ca.IssueClient(req, time.Now())
	return credential{Chain: chain, Key: der}, err
}

// bareChild is n TLS clients: a goroutine that reads into 4 KiB each.
func bareChild(addr string, n int) error {
	ca, err := benchCA(os.Getenv("CISTERNA_EMULATOR_DIR"))
	if err != nil {
		return err
	}
	cred, err := tlsCredential(ca, "bare")
	if err != nil {
		return err
	}
	_, key, err := cred.parse()
	if err != nil {
		return err
	}
	conf := pki.ClientConfig(pki.ClientOptions{Roots: ca.Pool(), ServerName: "127.0.0.1", Chain: cred.Chain, Key: key})
	before := rss()
	slots := make(chan struct{}, maxDials)
	var up sync.WaitGroup
	for range n {
		slots <- struct{}{}
		up.Add(1)
		go func() {
			c, err := tls.Dial("tcp", addr, conf)
			<-slots
			up.Done()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			b := make([]byte, 4<<10)
			for {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		}()
	}
	up.Wait()
	time.Sleep(3 * time.Second)
	fmt.Println((rss() - before) / int64(n))
	return nil
}

// fleetChild is n whole pumps over the same TLS.
func fleetChild(addr string, n int, dir string) error {
	ca, err := benchCA(os.Getenv("CISTERNA_EMULATOR_DIR"))
	if err != nil {
		return err
	}
	data, err := OpenDir(dir)
	if err != nil {
		return err
	}
	before := rss()
	f, err := Open(Options{Vault: data.Vault, Journal: data.Journal, Log: quietLog(), FirstConnect: -1, Heartbeat: 30 * time.Second})
	if err != nil {
		return err
	}
	var t benchTB
	tr := newTrust(&t, time.Now())
	tr.ca = ca
	tr.body.CAs[0].DER = ca.Certificate().Raw
	tr.rootDoc = tr.sign(&t, "root", tr.body.Encode(), tr.root)
	docs := docsOf(&t, f, tr, profile.Sample("meander-p20"))
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxDials)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			link := fmt.Sprintf("C-%05d", i)
			key := must(newKey(Blueprint{Serial: link, Seed: 1, Alg: wire.Ed25519}))
			_, err := f.keep(identity{Serial: link, Model: "meander-p20", Link: link, Key: must(marshalKey(key)), Seed: 1, Firmware: "1", FirmwareComm: "1", MQTT: addr, Enrol: addr}, docs, must(tlsCredential(ca, link)))
			must(0, err)
		})
	}
	wg.Wait()
	if err := f.Start(); err != nil {
		return err
	}
	for f.Stats().Connected < int64(n) {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(35 * time.Second) // a heartbeat of each
	got := (rss() - before) / int64(n)
	if s := f.Stats(); s.Connected != int64(n) || s.Acknowledged < uint64(2*n) {
		return fmt.Errorf("not idle: %+v", s)
	}
	fmt.Println(got)
	return nil
}

// benchTB fails by panic, in a process without a test.
type benchTB struct{ testing.TB }

func (benchTB) Helper()           {}
func (benchTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func child(b *testing.B, dir string, role ...string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+strings.Join(role, " "), "CISTERNA_EMULATOR_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// BenchmarkIdleMemory compares the resident memory of ten thousand idle pumps
// with that of as many bare TLS clients, each in a process of its own.
func BenchmarkIdleMemory(b *testing.B) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	dir := b.TempDir()
	if _, err := benchCA(dir); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		server := child(b, dir, "server")
		in, err := server.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := server.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := server.Start(); err != nil {
			b.Fatal(err)
		}
		addr, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		addr = strings.TrimSpace(addr)
		measure := func(role ...string) float64 {
			got, err := child(b, dir, role...).Output()
			if err != nil {
				b.Fatal(role, err)
			}
			return float64(atoi(strings.TrimSpace(string(got))))
		}
		bare := measure("bare", addr, strconv.Itoa(n))
		pump := measure("fleet", addr, strconv.Itoa(n), b.TempDir())
		in.Close()
		server.Wait()
		b.ReportMetric(bare, "B/bare-client")
		b.ReportMetric(pump, "B/pump")
		b.ReportMetric(pump/bare, "ratio")
	}
}

// BenchmarkHistory gives fifty pumps a week of five-minute samples.
func BenchmarkHistory(b *testing.B) {
	for b.Loop() {
		data, err := OpenDir(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		f, err := Open(Options{Vault: data.Vault, Journal: data.Journal, Log: quietLog()})
		if err != nil {
			b.Fatal(err)
		}
		docs := docsOf(b, f, newTrust(b, time.Now()), quick(300))
		var all []*Device
		for i := range 50 {
			serial := fmt.Sprintf("S-%02d", i)
			key := must(newKey(Blueprint{Serial: serial, Seed: 9, Alg: wire.Ed25519}))
			d, err := f.keep(identity{Serial: serial, Model: "m", Link: "C-" + serial, Key: must(marshalKey(key)), Seed: 9}, docs, credential{})
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, d)
		}
		begun := time.Now()
		if err := SeedHistory(all, 7); err != nil {
			b.Fatal(err)
		}
		n := uint64(0)
		for _, d := range all {
			n += d.Status().Main.Last
		}
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms")
		b.ReportMetric(float64(n), "records")
		f.Close()
		data.Close()
	}
}

// BenchmarkRecords is what one core of a fleet signs and sends when records come
// as fast as they can, one or ten in a message.
func BenchmarkRecords(b *testing.B) {
	for _, per := range []int{1, 10} {
		b.Run(strconv.Itoa(per), func(b *testing.B) { benchRecords(b, per) })
	}
}

func benchRecords(b *testing.B, per int) {
	data, err := OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer data.Close()
	sink := newSink()
	f, err := Open(Options{Vault: data.Vault, Journal: data.Journal, Log: quietLog(), FirstConnect: -1, Plain: true, Batch: per, Dial: sink.dial})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	docs := docsOf(b, f, newTrust(b, time.Now()), profile.Sample("meander-p20"))
	const pumps = 100
	for i := range pumps {
		serial := fmt.Sprintf("S-%03d", i)
		key := must(newKey(Blueprint{Serial: serial, Seed: 9, Alg: wire.Ed25519}))
		if _, err := f.keep(identity{Serial: serial, Model: "m", Link: "C-" + serial, Key: must(marshalKey(key)), Seed: 9}, docs, credential{}); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Start(); err != nil {
		b.Fatal(err)
	}
	for f.Stats().Connected < pumps {
		runtime.Gosched()
	}
	all := f.Devices()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := all[n%pumps].Emit(per); err != nil {
			b.Fatal(err)
		}
		if n++; n%(8*pumps) == 0 {
			for f.Stats().Journal.Writes+2*8*pumps < uint64(n) {
				runtime.Gosched()
			}
		}
	}
	for uint64(n*per) > sink.records() {
		runtime.Gosched()
	}
	b.ReportMetric(float64(per), "records/op")
}

// sink is a server that takes everything and says so.
type sink struct {
	n atomic.Uint64
}

func newSink() *sink { return &sink{} }

func (s *sink) records() uint64 { return s.n.Load() }

func (s *sink) dial(context.Context, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		rd := mqtt.NewReader(server, 4096, mqtt.MaxPacket)
		for {
			p, err := rd.ReadPacket()
			if err != nil {
				return
			}
			var out []byte
			switch p.Type {
			case mqtt.Connect:
				out = mqtt.AppendConnack(nil, mqtt.Accepted)
			case mqtt.Subscribe:
				m, err := mqtt.ParseSubscribe(p)
				if err != nil {
					return
				}
				out = mqtt.AppendSuback(nil, m.MessageID, []byte{0})
			case mqtt.Pingreq:
				out = mqtt.AppendPingresp(nil)
			case mqtt.Publish:
				m, err := mqtt.ParsePublish(p)
				if err != nil {
					return
				}
				out = mqtt.AppendPuback(nil, m.ID)
				link, kind, err := wire.ParseTopic(string(m.Topic))
				if err != nil {
					return
				}
				if kind == wire.UpTele || kind == wire.UpEvent {
					env, err := wire.OpenEnvelope(m.Payload)
					if err != nil {
						return
					}
					b, err := wire.DecodeBatch(env.Payload, wire.MainLane)
					if err != nil {
						return
					}
					s.n.Add(uint64(len(b.Records)))
					ack := wire.Encode(wire.Cursors{Main: &wire.Position{Epoch: b.Epoch, Seq: b.Last()}})
					out = mqtt.AppendPublish(out, wire.Topic(link, wire.DnAck), 0, 0, false, ack)
				}
			default:
			}
			if _, err := server.Write(out); err != nil {
				return
			}
		}
	}()
	return client, nil
}
