package wire

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeBatchLoose(t *testing.T) {
	good := sampleBatch()
	got, bad, err := DecodeBatchLoose(AppendBatch(nil, good), MainLane)
	if err != nil || bad != nil || cmp.Diff(good, got) != "" {
		t.Fatalf("a sound batch: %v, %d bad, %s", err, len(bad), cmp.Diff(good, got))
	}

	// A raise does not belong to the main lane; its neighbours do.
	b := AppendBatch(nil, &Batch{Epoch: 1, First: 5, Records: []Record{
		{Kind: RecordSample, Sample: Sample{Run: Infusing}},
		{Kind: RecordRaise, Raise: &Raise{Code: "X", Priority: 1, Detail: map[string]string{"a": "b"}}},
		{Kind: RecordGap, Gap: &Gap{Through: 9}},
		{Kind: RecordSample, Sample: Sample{Run: 9}},
		{Kind: RecordSample, Sample: Sample{Run: Stopped}},
	}})
	got, bad, err = DecodeBatchLoose(b, MainLane)
	if err != nil || len(got.Records) != 3 || len(bad) != 2 {
		t.Fatalf("got %v, %v, %v", got, bad, err)
	}
	if got.Records[0].Seq != 5 || bad[0].Seq != 6 || got.Records[1].Seq != 7 || got.Records[1].Last() != 9 || bad[1].Seq != 10 || got.Records[2].Seq != 11 {
		t.Errorf("sequences are wrong: %v %v", got, bad)
	}
	for _, r := range bad {
		if !errors.Is(r.Err, ErrMalformed) || len(r.Bytes) == 0 {
			t.Errorf("bad record %+v", r)
		}
	}
	if _, _, err := DecodeBatchLoose(b[:len(b)-1], MainLane); !errors.Is(err, ErrMalformed) {
		t.Errorf("a batch cut short: %v", err)
	}
}
