package api

import (
	"bytes"
	"encoding/csv"
	"strings"
	"unicode/utf8"
)

// csvFile writes a table as RFC 4180 in UTF-8: CRLF, cells in quotes where they
// must be. Cells that a spreadsheet would run as formulas are guarded by a quote
// sign, as package registry reads them back; numbers stay numbers.
type csvFile struct {
	buf bytes.Buffer
	w   *csv.Writer
}

func newCSV(columns ...string) *csvFile {
	f := &csvFile{}
	f.w = csv.NewWriter(&f.buf)
	f.w.UseCRLF = true
	f.row(columns...)
	return f
}

// row adds a line. Writing to memory does not fail.
func (f *csvFile) row(cells ...string) {
	guarded := make([]string, len(cells))
	for i, c := range cells {
		guarded[i] = guardCell(c)
	}
	_ = f.w.Write(guarded)
}

// bytes returns the file.
func (f *csvFile) bytes() []byte {
	f.w.Flush()
	return f.buf.Bytes()
}

// formulaStarts are the characters that make a spreadsheet take a cell for a
// formula, in narrow and full width, and the apostrophe that guards against them.
const formulaStarts = "=+-@\t\r\n'＝＋－＠"

// guardCell returns a cell that no spreadsheet runs (OWASP, CSV injection). A
// negative number is no formula.
func guardCell(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	if s == "" || !strings.ContainsRune(formulaStarts, first) || plainNumber(s) {
		return s
	}
	return "'" + s
}

func plainNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	all := func(s string) bool {
		return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	}
	return all(whole) && (!point || all(frac))
}

// csvOutput is a file to keep.
type csvOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) csv(name string, f *csvFile) *csvOutput {
	return &csvOutput{
		ContentType: "text/csv; charset=utf-8",
		Disposition: `attachment; filename="cisterna-` + name + "-" + a.Now().UTC().Format("20060102-150405") + `.csv"`,
		Body:        f.bytes(),
	}
}
