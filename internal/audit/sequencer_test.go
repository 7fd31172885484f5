package audit

import "testing"

func TestAppendSequenceExportVerify(t *testing.T) {
	app, _, signer := sequenced(t, 100)
	bundle := export(t, app, signer)
	r := verify(t, bundle, signer.Trust())
	expect(t, r, Good)
	if r.Leaves != 100 || r.Covered != 100 {
		t.Errorf("%d leaves, %d covered", r.Leaves, r.Covered)
	}
	r.WriteText(t.Output())
}
