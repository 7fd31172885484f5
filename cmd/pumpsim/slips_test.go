package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

func TestParseSlips(t *testing.T) {
	slip := wire.Slip{Server: "pumps.example:8884", Code: "AAAA-BBBB-CCCC", Root: [32]byte{1}}
	in := "# two pumps\n\nserial=S-1 model=meander-p20 " + slip.String() + "\n" +
		" serial=S-2  model=\"Tarn V20\" link=C-9 alg=es256 zone=-3600 scale=60 " + slip.String() + " \n"
	got, err := parseSlips(strings.NewReader(in), 7)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if p := got[0]; p.Serial != "S-1" || p.Model != "meander-p20" || p.slip != slip || p.Seed != 7 || p.Link != "" {
		t.Errorf("%+v", p)
	}
	if p := got[1]; p.Model != "Tarn V20" || p.Link != "C-9" || p.Alg != wire.ES256 || p.Zone != -3600 || p.Scale != 60 {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{"serial=S-1 model=m", "serial=S-1 model=\"m " + slip.String(), "model=m " + slip.String(), "serial=S-1 model=m what=1 " + slip.String(), "serial=S-1 model=m zone=a " + slip.String(), "serial=S-1 model=m alg=rsa " + slip.String(), "serial=S-1 model=m cisterna:enrol?x"} {
		if _, err := parseSlips(strings.NewReader(bad), 1); errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestScript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults")
	if err := os.WriteFile(file, []byte("# weather\n\nat=2s pump=* kind=link-loss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := RunCmd{Fault: []string{"pump=1 kind=press"}, Script: file}
	got, err := c.script()
	if err != nil || len(got) != 2 || got[0].fault.Kind != "press" || got[1].pumps != "*" {
		t.Errorf("%+v %v", got, err)
	}
	c.Fault = []string{"pump=1"}
	if _, err := c.script(); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	c.Fault, c.Script = nil, file+"x"
	if _, err := c.script(); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
}
