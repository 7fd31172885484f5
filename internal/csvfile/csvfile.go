// Package csvfile reads files that people made with a spreadsheet, line by line,
// and writes cells that a spreadsheet does not run.
//
// The first line names the columns, in any order. Fields are separated by commas
// or semicolons. A line that is not well formed is an error about that line, after
// which the next one can be read; a file that is too large or has wrong columns is
// an error about the file. The package keeps no state beyond a [Reader] and knows
// nothing of what the columns mean.
package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"cisterna/internal/errs"
)

// Limits of a file.
const (
	MaxBytes = 32 << 20
	MaxRows  = 50_000
)

// Reader reads a file. It is for one goroutine.
type Reader struct {
	csv   *csv.Reader
	limit *io.LimitedReader
	names []string // of the columns, as they stand in the file
	rows  int
}

// Row is a line of a file. It holds until the next one is read.
type Row struct {
	Line   int // in the file, from 1
	fields []string
	names  []string
}

// Open reads a file's first line. known are the columns that may be there, and
// needed those that must. Errors: Invalid, about the file.
func Open(file io.Reader, known, needed []string) (*Reader, error) {
	limit := &io.LimitedReader{R: file, N: MaxBytes + 1}
	buf := bufio.NewReaderSize(limit, 64<<10)
	if bom, _ := buf.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = buf.Discard(3)
	}
	r := &Reader{csv: csv.NewReader(buf), limit: limit}
	r.csv.FieldsPerRecord, r.csv.ReuseRecord = -1, true
	start, _ := buf.Peek(4096)
	if head, _, _ := bytes.Cut(start, []byte("\n")); bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		r.csv.Comma = ';' // how spreadsheets write it where the comma is the decimal point
	}
	first, err := r.csv.Read()
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "The file's first line, which names the columns, cannot be read")
	}
	for _, name := range first {
		name = strings.ToLower(strings.TrimSpace(Unguard(name)))
		if !slices.Contains(known, name) {
			return nil, errs.Invalidf("There is no column %q. Known are %s.", clip(name), strings.Join(known, ", "))
		}
		if slices.Contains(r.names, name) {
			return nil, errs.Invalidf("Column %s appears twice.", name)
		}
		r.names = append(r.names, strings.Clone(name))
	}
	for _, name := range needed {
		if !slices.Contains(r.names, name) {
			return nil, errs.Invalidf("The file has no column %s.", name)
		}
	}
	return r, nil
}

// Has reports whether the file has a column.
func (r *Reader) Has(column string) bool { return slices.Contains(r.names, column) }

// Broken reports whether the last error was about the whole file.
func (r *Reader) Broken() bool { return r.limit.N <= 0 || r.rows > MaxRows }

// Next reads a line. Its errors are io.EOF at the end, Invalid for a line that is
// not well formed (the Row says which) or, if Broken, for the file, and others for
// a file that cannot be read.
func (r *Reader) Next() (Row, error) {
	record, err := r.csv.Read()
	if r.limit.N <= 0 {
		return Row{}, errs.Invalidf("The file is larger than %d MiB. Split it.", MaxBytes>>20)
	}
	if errors.Is(err, io.EOF) {
		if r.rows == 0 {
			return Row{}, errs.Invalidf("The file has no line after its first, which names the columns.")
		}
		return Row{}, io.EOF
	}
	if r.rows++; r.rows > MaxRows {
		return Row{}, errs.Invalidf("The file has more than %d lines. Split it.", MaxRows)
	}
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		return Row{Line: e.StartLine}, errs.Invalidf("The line is not well formed: %v.", e.Err)
	}
	if err != nil {
		return Row{}, err
	}
	line, _ := r.csv.FieldPos(0)
	row := Row{Line: line, fields: record, names: r.names}
	if len(record) != len(r.names) {
		return Row{Line: line}, errs.Invalidf("The line has %d fields, the first line names %d.", len(record), len(r.names))
	}
	return row, nil
}

// Get returns what a line says in a column, trimmed and without a guard; "" if the
// file has no such column.
func (r Row) Get(column string) string {
	i := slices.Index(r.names, column)
	if i < 0 || i >= len(r.fields) {
		return ""
	}
	return strings.Clone(Unguard(strings.TrimSpace(r.fields[i])))
}

// formulaStarts are the characters that make a spreadsheet take a cell for a
// formula, in ASCII and in the wide forms that some locales accept.
const formulaStarts = "=+-@\t\r＝＋－＠"

// Guard makes a cell harmless in a spreadsheet: one that would be a formula, or
// that begins with an apostrophe, gets an apostrophe in front. Unguard takes it
// off again.
func Guard(s string) string {
	if starts(s) {
		return "'" + s
	}
	return s
}

// Unguard undoes Guard.
func Unguard(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && starts(rest) {
		return rest
	}
	return s
}

func starts(s string) bool {
	for _, r := range s {
		return r == '\'' || strings.ContainsRune(formulaStarts, r)
	}
	return false
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
