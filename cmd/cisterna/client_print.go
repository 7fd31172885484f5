package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// formatFlags say how a command prints what it found.
type formatFlags struct {
	JSON bool `name:"json" help:"As the API answers it." xor:"format"`
	CSV  bool `name:"csv" help:"As a file for spreadsheets." xor:"format"`
}

// printJSON prints an answer of the API, indented.
func printJSON(w io.Writer, raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

// printTable prints lines under a head, in columns. What a terminal would take for
// a command is left out: names and notes come from people.
func printTable(w io.Writer, head []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, r := range append([][]string{head}, rows...) {
		cells := make([]string, len(r))
		for j, c := range r {
			if cells[j] = printable(c); cells[j] == "" {
				cells[j] = "-"
			}
			if i == 0 {
				cells[j] = strings.ToUpper(strings.ReplaceAll(cells[j], "_", " "))
			}
		}
		if _, err := fmt.Fprintln(t, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}
