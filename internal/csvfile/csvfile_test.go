package csvfile

import (
	"errors"
	"io"
	"strings"
	"testing"

	"cisterna/internal/errs"
)

var columns = []string{"serial", "model", "note"}

func TestRead(t *testing.T) {
	for _, file := range []string{
		"serial,model,note\nA-1,X,\"two\nlines\"\nA-2,Y,'=1+1\n",
		"\ufeffSerial ; Model;note\r\nA-1;X;\"two\nlines\"\r\n A-2 ;Y;'=1+1\r\n",
	} {
		r, err := Open(strings.NewReader(file), columns, []string{"serial"})
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.Next()
		if err != nil || a.Line != 2 || a.Get("serial") != "A-1" || a.Get("note") != "two\nlines" || a.Get("other") != "" {
			t.Errorf("first %+v, %v", a, err)
		}
		b, err := r.Next()
		if err != nil || b.Line != 4 || b.Get("serial") != "A-2" || b.Get("note") != "=1+1" {
			t.Errorf("second %+v, %v", b, err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "unknown column": "serial,colour\n", "twice": "serial,serial\n", "missing": "model\n",
	} {
		if _, err := Open(strings.NewReader(file), columns, []string{"serial"}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := Open(strings.NewReader("serial,model\n"), columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); errs.KindOf(err) != errs.Invalid {
		t.Errorf("no lines: %v", err)
	}
}

func TestBadLineIsOneLine(t *testing.T) {
	r, err := Open(strings.NewReader("serial,model\nA\nB,\"x\"y\nC,z\n"), columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []int{2, 3} {
		if row, err := r.Next(); errs.KindOf(err) != errs.Invalid || row.Line != line || r.Broken() {
			t.Errorf("line %d: %+v, %v", line, row, err)
		}
	}
	if row, err := r.Next(); err != nil || row.Get("serial") != "C" {
		t.Errorf("the good line: %+v, %v", row, err)
	}
}

func TestTooMuch(t *testing.T) {
	r, err := Open(strings.NewReader("serial\n"+strings.Repeat("A\n", MaxRows+1)), columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	if errs.KindOf(err) != errs.Invalid || !r.Broken() {
		t.Errorf("too many lines: %v, broken %v", err, r.Broken())
	}
	r, err = Open(io.MultiReader(strings.NewReader("serial\nA\n"), strings.NewReader(strings.Repeat("x", MaxBytes))), columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	if errs.KindOf(err) != errs.Invalid || !r.Broken() {
		t.Errorf("too many bytes: %v, broken %v", err, r.Broken())
	}
}

// Whatever a cell says, a spreadsheet takes it for text, and we read it back.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"", "=1", "'=1", "''", "+A", "＝x", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g := Guard(s)
		if g != "" && strings.ContainsAny(g[:1], "=+-@\t\r") {
			t.Errorf("%q is guarded as %q", s, g)
		}
		if got := Unguard(g); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}

// Any bytes are read to an end without a panic, and what is read is what a plain
// reader of the form finds.
func FuzzNext(f *testing.F) {
	f.Add("serial,model\nA,B\n\"x\n")
	f.Add("serial;model\n;;\n")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Open(strings.NewReader(s), columns, nil)
		if err != nil {
			return
		}
		for range 1000 {
			row, err := r.Next()
			if errors.Is(err, io.EOF) || r.Broken() {
				return
			}
			if err != nil {
				if errs.KindOf(err) != errs.Invalid {
					t.Fatal(err)
				}
				if row.Line == 0 {
					return // about the file
				}
				continue
			}
			if len(row.fields) != len(row.names) || row.Line < 2 {
				t.Fatalf("row %+v", row)
			}
		}
	})
}
