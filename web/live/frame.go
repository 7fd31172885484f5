package live

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// message is an encoded frame, shared by all who get it.
type message = *websocket.PreparedMessage

func prepare(b []byte) message {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, b)
	if err != nil {
		panic(fmt.Sprintf("live: prepare a text frame: %v", err)) // only a wrong type of frame fails
	}
	return m
}

func prepareJSON(v any) message {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("live: encode %T: %v", v, err)) // of strings and numbers only
	}
	return prepare(b)
}

type hello struct {
	T        string `json:"t"`
	Version  int    `json:"v"`
	Epoch    string `json:"epoch"`
	Rev      uint64 `json:"rev"`
	Aseq     uint64 `json:"aseq"`
	Resumed  bool   `json:"resumed"`
	RetryMin int64  `json:"retry_min_ms"`
	RetryMax int64  `json:"retry_max_ms"`
	Beat     int64  `json:"beat_ms"`
	Now      int64  `json:"now"`
}

type beat struct {
	T    string `json:"t"`
	Now  int64  `json:"now"`
	Rev  uint64 `json:"rev"`
	Aseq uint64 `json:"aseq"`
}

type reset struct {
	T      string `json:"t"`
	Reason string `json:"reason"`
	Rev    uint64 `json:"rev"`
	Aseq   uint64 `json:"aseq"`
}

type bye struct {
	T    string `json:"t"`
	Code string `json:"code"`
}

// alarmFrame encodes one alarm of a lane.
func alarmFrame(seq uint64, change string, alarm []byte) []byte {
	b := make([]byte, 0, len(alarm)+96)
	b = append(b, `{"t":"alarm","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"prev":`...)
	b = strconv.AppendUint(b, seq-1, 10)
	b = append(b, `,"change":`...)
	b = strconv.AppendQuote(b, change)
	b = append(b, `,"alarm":`...)
	b = append(b, alarm...)
	return append(b, '}')
}

// orderFrame encodes one change of an order of a lane.
func orderFrame(seq uint64, order []byte) []byte {
	b := make([]byte, 0, len(order)+64)
	b = append(b, `{"t":"order","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"prev":`...)
	b = strconv.AppendUint(b, seq-1, 10)
	b = append(b, `,"order":`...)
	b = append(b, order...)
	return append(b, '}')
}

// piece is a row on its way into a delta.
type piece struct {
	rev  uint64
	json []byte
}

// deltaFrames encodes the way from one revision to another. pieces are in order
// of their revisions. Frames stay within MaxFrame by being cut between two
// revisions: each carries its reader to a revision that is complete. ok is false
// if that cannot be, because one revision alone is larger.
func deltaFrames(from, to uint64, pieces []piece, removed []int64) (frames []message, ok bool) {
	const around = 96 // bytes of a frame without its rows
	var ids []byte
	for i, id := range removed {
		if i > 0 {
			ids = append(ids, ',')
		}
		ids = append(strconv.AppendInt(append(ids, '"'), id, 10), '"')
	}
	for first := true; first || len(pieces) > 0; first = false {
		size, n := around+len(ids), 0
		for n < len(pieces) && size+len(pieces[n].json)+1 <= MaxFrame {
			size += len(pieces[n].json) + 1
			n++
		}
		upTo := to
		if n < len(pieces) {
			cut := n
			for cut > 0 && pieces[cut-1].rev == pieces[cut].rev {
				cut--
			}
			if cut == 0 {
				return nil, false
			}
			n, upTo = cut, pieces[cut-1].rev
		}
		frames = append(frames, prepare(deltaFrame(from, upTo, pieces[:n], ids, size)))
		from, pieces, ids = upTo, pieces[n:], nil
	}
	return frames, true
}

func deltaFrame(from, to uint64, pieces []piece, removed []byte, size int) []byte {
	b := make([]byte, 0, size)
	b = append(b, `{"t":"delta","rev":`...)
	b = strconv.AppendUint(b, to, 10)
	b = append(b, `,"prev":`...)
	b = strconv.AppendUint(b, from, 10)
	b = append(b, `,"rows":[`...)
	for i, p := range pieces {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.json...)
	}
	b = append(b, ']')
	if len(removed) > 0 {
		b = append(b, `,"removed":[`...)
		b = append(b, removed...)
		b = append(b, ']')
	}
	return append(b, '}')
}

func millis(t time.Time) int64 { return t.UnixMilli() }

// Kinds lists the kinds of frames, and of each whether it carries what belongs to a
// pump and so goes only to those who may see the pump. The others carry positions
// and times.
func Kinds() map[string]bool {
	return map[string]bool{"hello": false, "delta": true, "alarm": true, "order": true, "reset": false, "beat": false, "bye": false}
}
