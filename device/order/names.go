package order

import (
	"fmt"
	"slices"
)

// nameOf, marshalName and unmarshalName are the text form of a number with
// names, whose entry 0 is no name.
func nameOf(names []string, i int, what string) string {
	if i < 1 || i >= len(names) {
		return fmt.Sprintf("%s(%d)", what, i)
	}
	return names[i]
}

func marshalName(names []string, i int) ([]byte, error) {
	if i < 1 || i >= len(names) {
		return nil, fmt.Errorf("no name for %d", i)
	}
	return []byte(names[i]), nil
}

func unmarshalName(names []string, b []byte) (int, error) {
	if i := slices.Index(names, string(b)); i > 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown name %q", b)
}
