package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cisterna/device/wire"
)

// WireCmd groups the tools for the link's messages.
type WireCmd struct {
	Decode WireDecodeCmd `cmd:"" help:"Decode a message: a file, or hexadecimal or base64 text on the command line or standard input."`
	Topics WireTopicsCmd `cmd:"" help:"List the topics of a link."`
}

// WireDecodeCmd prints one message as JSON.
type WireDecodeCmd struct {
	Kind  string `arg:"" help:"What the message is: the end of its topic, such as up/tele or dn/ack."`
	Input string `arg:"" optional:"" help:"A file, or the message as hexadecimal or base64. Standard input if absent."`
	Key   string `help:"Check the signature with this device key (ed25519:… or es256:…)."`
}

// Run decodes and prints.
func (c *WireDecodeCmd) Run() error {
	k, ok := wire.ParseKind(strings.Trim(c.Kind, "/"))
	if !ok {
		return fmt.Errorf("there is no kind %q; see: cisterna wire topics LINK", c.Kind)
	}
	b, err := messageBytes(c.Input)
	if err != nil {
		return err
	}
	out := map[string]any{"kind": k.String(), "bytes": len(b)}
	payload := b
	if k.Up() && k != wire.UpBye {
		env, err := wire.OpenEnvelope(b)
		if err != nil {
			return fmt.Errorf("envelope: %w", err)
		}
		payload = env.Payload
		out["signature"] = hex.EncodeToString(env.Sig)
		if c.Key != "" {
			key, err := wire.ParsePublicKey(c.Key)
			if err != nil {
				return fieldError("key", c.Key, err)
			}
			out["signature_valid"] = key.Verify(k, env.Payload, env.Sig)
		}
	}
	if out["message"], err = decodePayload(k, payload); err != nil {
		return err
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func decodePayload(k wire.Kind, b []byte) (any, error) {
	switch k {
	case wire.UpTele, wire.UpEvent:
		return decodeBatch(b, wire.MainLane)
	case wire.UpAlarm:
		return decodeBatch(b, wire.AlarmLane)
	case wire.UpHello:
		h, err := wire.Decode[wire.Hello](b)
		return withReport(h, h.State.Report, err)
	case wire.UpHB:
		h, err := wire.Decode[wire.Heartbeat](b)
		return withReport(h, h.State.Report, err)
	case wire.UpAck:
		return decodeAnswer(b)
	case wire.DnOrder:
		return decodeOrder(b)
	case wire.DnStop:
		return decodeStop(b)
	case wire.DnKeyset, wire.DnLibrary, wire.DnRoot, wire.DnProfile:
		return decodeTrust(b)
	case wire.UpCert:
		return wire.Decode[wire.CertRequest](b)
	case wire.UpBye:
		return wire.Decode[wire.Bye](b)
	case wire.DnAck:
		return wire.Decode[wire.Cursors](b)
	case wire.DnCert:
		return wire.Decode[wire.CertReply](b)
	case wire.DnCheckpoint:
		return string(b), nil
	default:
		return hex.EncodeToString(b), nil
	}
}

// withReport adds what a pump says of itself to its hello or heartbeat, if it does.
func withReport(message any, report []byte, err error) (any, error) {
	if err != nil || len(report) == 0 {
		return message, err
	}
	r, words, err := reportWords(report)
	if err != nil {
		return nil, err
	}
	return map[string]any{"message": message, "report": r, "words": words}, nil
}

func decodeBatch(b []byte, lane wire.Lane) (any, error) {
	batch, err := wire.DecodeBatch(b, lane)
	if err != nil {
		return nil, err
	}
	var records []map[string]any
	for _, r := range batch.Records {
		m := map[string]any{"seq": r.Seq, "wall": time.UnixMilli(r.Wall).UTC().Format("2006-01-02T15:04:05.000Z"), "mono_ms": r.Mono}
		switch r.Kind {
		case wire.RecordSample:
			m["sample"], m["run"] = r.Sample, r.Sample.Run.String()
		case wire.RecordEvent:
			m["event"] = r.Event
		case wire.RecordGap:
			m["gap"] = r.Gap
		case wire.RecordRaise:
			m["raise"], m["priority"] = r.Raise, r.Raise.Priority.String()
		case wire.RecordClear:
			m["clear"] = r.Clear
		}
		records = append(records, m)
	}
	return map[string]any{"pump": batch.Pump.String(), "epoch": batch.Epoch, "first": batch.First, "last": batch.Last(), "records": records}, nil
}

// messageBytes finds the message: a file's contents, or text in hexadecimal or
// base64, or what standard input holds in any of these forms.
func messageBytes(input string) ([]byte, error) {
	raw := []byte(input)
	if input == "" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, 4*wire.MaxPayload))
		if err != nil {
			return nil, err
		}
		raw = b
	} else if b, err := os.ReadFile(input); err == nil {
		raw = b
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return nil, errors.New("there is no message: give a file, hexadecimal or base64")
	}
	// psql prints bytes behind \x.
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.Join(strings.Fields(text), ""), `\x`), "0x")
	if b, err := hex.DecodeString(digits); err == nil {
		return b, nil
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(text); err == nil {
			return b, nil
		}
	}
	if len(raw) == 0 || bytes.Equal(raw, []byte(input)) {
		if len(input) > 40 {
			input = input[:40] + "…"
		}
		return nil, fmt.Errorf("%q is neither a file nor hexadecimal nor base64", input)
	}
	return raw, nil
}

// WireTopicsCmd lists a link's topics.
type WireTopicsCmd struct {
	Link string `arg:"" help:"The link's id: the communicator's serial."`
}

// Run prints one topic a line.
func (c *WireTopicsCmd) Run() error {
	if !wire.ValidLink(c.Link) {
		return fmt.Errorf("%q cannot be a link id: want 1 to 64 of A-Z a-z 0-9 _ -", c.Link)
	}
	for _, k := range wire.Kinds() {
		fmt.Println(wire.Topic(c.Link, k))
	}
	return nil
}
