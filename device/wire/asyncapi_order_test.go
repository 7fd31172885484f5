package wire_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cisterna/device/order"
)

// TestAsyncAPIOrders: the envelopes of package order are as this file describes
// them, with their kinds first and as many items.
func TestAsyncAPIOrders(t *testing.T) {
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e := order.NewEnvelope([]byte{1}, []order.Approved{{Statement: []byte{2}}}, []byte{3}, order.Assertion{})
	for _, tt := range []struct {
		b    []byte
		says string
	}{
		{e.Encode(), "An order [1, prescription, [[approval, assertion], ...], release, assertion]"},
		{order.EncodeWithdraw([]byte{1}, order.Assertion{}), "a withdrawal [3, document, assertion]"},
		{order.EncodeStop([]byte{1}, order.Assertion{}), "'[2, document, assertion]."},
	} {
		var items []any
		if err := cbor.Unmarshal(tt.b, &items); err != nil {
			t.Fatal(err)
		}
		list := tt.says[strings.Index(tt.says, "["):]
		depth, n := 0, 1
		for _, c := range list {
			switch c {
			case '[':
				depth++
			case ']':
				depth--
			case ',':
				if depth == 1 {
					n++
				}
			}
			if depth == 0 {
				break
			}
		}
		if !strings.Contains(string(text), tt.says) || len(items) != n || !strings.HasPrefix(list, fmt.Sprintf("[%d,", items[0])) {
			t.Errorf("an envelope of kind %v with %d items; asyncapi.yaml should say %q", items[0], len(items), tt.says)
		}
	}
}
