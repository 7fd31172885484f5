package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"cisterna/internal/errs"
)

// A cursor is where a page of a list ended. Clients hand it back as they got it.
// It holds the place itself, not a number of rows: what is inserted or removed
// before it moves nothing. It belongs to one list in one order under one filter;
// with another it is refused, or rows would be missing unnoticed.

// cursorVersion is part of every cursor, so that one of an earlier program is
// refused instead of misread.
const cursorVersion = 1

type cursorBox struct {
	V    int             `json:"v"`
	List string          `json:"l"` // checksum of the list's name, order and filter
	At   json.RawMessage `json:"a"`
}

// writeCursor encodes a place in a list. list names everything that the place
// means something in.
func writeCursor(at any, list ...any) (string, error) {
	raw, err := json.Marshal(at)
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	box, err := json.Marshal(cursorBox{V: cursorVersion, List: listSum(list), At: raw})
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(box), nil
}

// readCursor decodes into at. false: there is none, the list begins.
func readCursor(field, text string, at any, list ...any) (bool, error) {
	if text == "" {
		return false, nil
	}
	bad := errs.InvalidField("query."+field, "%s is not the next of an earlier page of this list, in this order and with this filter. Begin at the first page.", field)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return false, bad
	}
	var box cursorBox
	if err := json.Unmarshal(raw, &box); err != nil || box.V != cursorVersion || box.List != listSum(list) {
		return false, bad
	}
	if err := json.Unmarshal(box.At, at); err != nil {
		return false, bad
	}
	return true, nil
}

func listSum(list []any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", list))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
