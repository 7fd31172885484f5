package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat is JSON as this API takes and gives it: of two members with one
// name, which encoding/json would resolve silently, neither is right.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: func(data []byte, v any) error {
		if err := uniqueNames(data); err != nil {
			return err
		}
		return json.Unmarshal(data, v)
	},
}

// uniqueNames refuses an object with two members of one name, in whatever case:
// encoding/json takes "RATE" for "rate".
func uniqueNames(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []map[string]bool // names of each open object; nil for an array
	name := false              // the next text is a name
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
				name = true
				continue
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if name {
				names, folded := open[len(open)-1], strings.ToLower(t)
				if names[folded] {
					return fmt.Errorf("the member %.40q appears twice", t)
				}
				names[folded] = true
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}
