package gateway

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"cisterna/device/wire"
	"cisterna/internal/pki"
)

// These tests drive the endpoint with clients that are not ours.

func pahoOptions(e *endpoint, link string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("ssl://" + e.addr).SetClientID(link).SetTLSConfig(e.settings(link)).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(10 * time.Second).SetKeepAlive(2 * time.Second)
}

func wait(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(10 * time.Second) {
		t.Fatal("no answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func TestPaho(t *testing.T) {
	e := start(t)
	const link = "COMM-paho"
	c := paho.NewClient(pahoOptions(e, link).SetBinaryWill(wire.Topic(link, wire.UpBye), []byte("will"), 1, false))
	wait(t, c.Connect())
	got := make(chan paho.Message, 10)
	sub := c.SubscribeMultiple(map[string]byte{wire.DownFilter(link): 1, wire.DownFilter("COMM-other"): 0, "cis/+/+/+/dn/order": 1}, func(_ paho.Client, m paho.Message) { got <- m })
	if !sub.WaitTimeout(10 * time.Second) {
		t.Fatal("no SUBACK")
	}
	// paho does not treat a refused filter as an error: Result holds the codes.
	for filter, code := range sub.(*paho.SubscribeToken).Result() {
		want := byte(0x80)
		if filter == wire.DownFilter(link) {
			want = 0
		}
		if code != want {
			t.Errorf("filter %s granted %#x, want %#x", filter, code, want)
		}
	}
	for qos := range byte(2) {
		for i := range 20 {
			wait(t, c.Publish(wire.Topic(link, wire.UpTele), qos, false, fmt.Sprintf("%d/%d", qos, i)))
		}
	}
	for i, m := range e.in.messages(t, 40) {
		if want := fmt.Sprintf("%d/%d", i/20, i%20); string(m.Payload) != want || m.Kind != wire.UpTele || m.Link != link {
			t.Errorf("message %d: %+v, want %s", i, m, want)
		}
	}
	if !e.Push(link, Outbound{Kind: wire.DnAck, Payload: []byte("cursor")}) {
		t.Error("Push found nobody")
	}
	select {
	case m := <-got:
		if m.Topic() != wire.Topic(link, wire.DnAck) || string(m.Payload()) != "cursor" || m.Retained() || m.Qos() != 0 {
			t.Errorf("got %s %q", m.Topic(), m.Payload())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no message")
	}
	wait(t, c.Unsubscribe(wire.DownFilter(link)))
	if e.Push(link, Outbound{Kind: wire.DnAck}) {
		t.Error("pushed after UNSUBSCRIBE")
	}
	// Alive by PINGREQ alone, for longer than 1.5 × the keep-alive.
	select {
	case <-time.After(4 * time.Second):
	case m := <-got:
		t.Errorf("unexpected %s", m.Topic())
	}
	if !c.IsConnectionOpen() {
		t.Error("the connection did not live")
	}
	c.Disconnect(100)
	e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonClient)
	if n := e.Stats().Wills.Load(); n != 0 {
		t.Error("a will after a goodbye")
	}
}

func TestPahoRefusals(t *testing.T) {
	e := start(t)
	tests := []struct {
		name   string
		change func(*paho.ClientOptions)
		code   byte
	}{
		{"another's client id", func(o *paho.ClientOptions) { o.SetClientID("COMM-2") }, 2},
		{"MQTT 3.1", func(o *paho.ClientOptions) { o.SetProtocolVersion(3) }, 1},
		{"will elsewhere", func(o *paho.ClientOptions) { o.SetBinaryWill(wire.Topic("COMM-2", wire.UpBye), nil, 1, false) }, 5},
		{"will to itself", func(o *paho.ClientOptions) { o.SetBinaryWill(wire.Topic("COMM-1", wire.DnStop), nil, 1, false) }, 5},
		{"retained will", func(o *paho.ClientOptions) { o.SetBinaryWill(wire.Topic("COMM-1", wire.UpBye), nil, 1, true) }, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := pahoOptions(e, "COMM-1")
			tt.change(o)
			token := paho.NewClient(o).Connect()
			if !token.WaitTimeout(10*time.Second) || token.Error() == nil {
				t.Fatal("connected")
			}
			if code := token.(*paho.ConnectToken).ReturnCode(); code != tt.code {
				t.Errorf("return code %d, want %d (%v)", code, tt.code, token.Error())
			}
		})
	}
	if h := e.in.history(); len(h) != 0 {
		t.Errorf("the inbox heard of them: %q", h)
	}
}

// tool finds one of Mosquitto's command line clients.
func tool(t *testing.T, name string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed and not installed: apt-get install mosquitto-clients", name)
	}
	return file
}

// mosquitto returns a command that connects as link.
func mosquitto(t *testing.T, ctx context.Context, e *endpoint, name, link string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	chain, key := identity(t, e.ca, link)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	_, port, _ := strings.Cut(e.addr, ":")
	return exec.CommandContext(ctx, tool(t, name), append([]string{
		"-h", "localhost", "-p", port, "-i", link, "-V", "mqttv311",
		"--cafile", file("ca.pem", "CERTIFICATE", e.ca.Certificate().Raw),
		"--cert", file("cert.pem", "CERTIFICATE", chain[0]), "--key", file("key.pem", "PRIVATE KEY", der),
	}, args...)...)
}

func TestMosquittoPub(t *testing.T) {
	e := start(t)
	const link = "COMM-mosq"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, qos := range []string{"0", "1"} {
		out, err := mosquitto(t, ctx, e, "mosquitto_pub", link, "-q", qos, "-t", wire.Topic(link, wire.UpTele), "-m", "hello "+qos).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if m := e.in.messages(t, i+1)[i]; string(m.Payload) != "hello "+qos || m.Kind != wire.UpTele {
			t.Errorf("got %+v", m)
		}
	}
	// Many lines over one connection, up to 20 of them in flight.
	cmd := mosquitto(t, ctx, e, "mosquitto_pub", link, "-q", "1", "-t", wire.Topic(link, wire.UpEvent), "-l")
	var lines strings.Builder
	for i := range 500 {
		fmt.Fprintln(&lines, i)
	}
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, m := range e.in.messages(t, 502)[2:] {
		if string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
	}

	refused := []struct {
		name string
		args []string
		want string
	}{
		{"foreign topic", []string{"-q", "1", "-t", wire.Topic("COMM-2", wire.UpTele), "-m", "x"}, ""},
		{"QoS 2", []string{"-q", "2", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, ""},
		{"retain", []string{"-q", "1", "-r", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, ""},
		{"MQTT 3.1", []string{"-V", "mqttv31", "-q", "1", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, "unacceptable protocol version"},
		{"MQTT 5", []string{"-V", "mqttv5", "-q", "1", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, ""},
		{"another's id", []string{"-i", "COMM-2", "-q", "1", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, "identifier rejected"},
		{"another's will", []string{"--will-topic", "a", "-q", "1", "-t", wire.Topic(link, wire.UpTele), "-m", "x"}, "not authorised"},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // mosquitto_pub reconnects for ever
			defer cancel()
			out, err := mosquitto(t, ctx, e, "mosquitto_pub", link, tt.args...).CombinedOutput()
			if err == nil {
				t.Errorf("accepted: %s", out)
			}
			if !strings.Contains(strings.ToLower(string(out)), tt.want) {
				t.Errorf("want %q, got %s", tt.want, out)
			}
		})
	}
	if n := len(e.in.messages(t, 502)); n != 502 {
		t.Errorf("%d messages that are forbidden were delivered", n-502)
	}
}

func TestMosquittoSub(t *testing.T) {
	e := start(t)
	const link = "COMM-mosq"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := mosquitto(t, ctx, e, "mosquitto_sub", link, "-q", "1", "-t", wire.DownFilter(link), "-F", "%t %q %r %p", "-C", "3",
		"--will-topic", wire.Topic(link, wire.UpBye), "--will-payload", "gone")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the subscription", func() bool { return e.Push(link, Outbound{Kind: wire.DnStop, Payload: []byte("1")}) })
	e.Push(link, Outbound{Kind: wire.DnOrder, Payload: []byte("2")})
	e.Push(link, Outbound{Kind: wire.DnCheckpoint, Payload: []byte("3")})
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	want := fmt.Sprintf("%s 0 0 1\n%s 0 0 2\n%s 0 0 3\n", wire.Topic(link, wire.DnStop), wire.Topic(link, wire.DnOrder), wire.Topic(link, wire.DnCheckpoint))
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonClient)

	// Killed, it leaves its will.
	cmd = mosquitto(t, ctx, e, "mosquitto_sub", link, "-t", wire.DownFilter(link), "--will-topic", wire.Topic(link, wire.UpBye), "--will-payload", "gone")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := e.in.session(t, 1)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	m := e.in.messages(t, 1)[0]
	if m.Kind != wire.UpBye || string(m.Payload) != "gone" || m.Conn != s.Conn {
		t.Errorf("got %+v", m)
	}
	e.in.ended(t, link, s.Conn, ReasonIO)
}

func TestTLS12ForProfilesThatNeedIt(t *testing.T) {
	e := start(t, func(o *Options) { o.TLS.MinVersion = 0x0303 })
	chain, key := identity(t, e.ca, "COMM-12")
	o := pahoOptions(e, "COMM-12")
	o.SetTLSConfig(pki.ClientConfig(pki.ClientOptions{Roots: e.ca.Pool(), ServerName: "localhost", Chain: chain, Key: key, TLS12: true}))
	c := paho.NewClient(o)
	wait(t, c.Connect())
	wait(t, c.Publish(wire.Topic("COMM-12", wire.UpHB), 1, false, "x"))
	c.Disconnect(0)
}
