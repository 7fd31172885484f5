package wire

// BadRecord is a record that DecodeBatch refuses, in a batch that is sound
// otherwise. It occupies one sequence.
type BadRecord struct {
	Seq   uint64
	Kind  RecordKind // 0 if it cannot be read
	Bytes []byte     // as it came; aliases the batch
	Err   error      // wraps ErrMalformed
}

// DecodeBatchLoose reads a batch like DecodeBatch, but sets aside the records
// that DecodeBatch would refuse it for, such as those of an unknown kind. It is
// for batches whose signature holds: one bad record must not stop the stream of
// a pump that will send the same bytes again. Records and bad ones together are
// contiguous. It fails if the batch itself is broken.
func DecodeBatchLoose(b []byte, lane Lane) (*Batch, []BadRecord, error) {
	r := reader{b: b}
	var out Batch
	n := r.batchHead(&out)
	if r.err != nil {
		return nil, nil, r.err
	}
	var bad []BadRecord
	seq := out.First
	for range n {
		rest := r.b
		rec := Record{Seq: seq}
		decodeRecord(&r, &rec, lane)
		if r.err == nil {
			out.Records = append(out.Records, rec)
			seq = rec.Last() + 1
			continue
		}
		err := r.err
		r = reader{b: rest}
		r.skip(6)
		if r.err != nil {
			return nil, nil, r.err
		}
		bad = append(bad, BadRecord{Seq: seq, Kind: rec.Kind, Bytes: rest[:len(rest)-len(r.b)], Err: err})
		seq++
	}
	if err := r.end(); err != nil {
		return nil, nil, err
	}
	return &out, bad, nil
}
