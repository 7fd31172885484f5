package order

// Codes of documents that are no orders.
const (
	ErrRoot  Code = "E_ROOT"    // not the successor of the root in force
	ErrDrugs Code = "E_LIBRARY" // not signed as the root wants it, or not complete
	ErrOlder Code = "E_OLDER"   // a version below the one in force
)

// TakeKeyset says whether a pump that holds a keyset of version held, 0 for none,
// takes the document.
func (r Root) TakeKeyset(b []byte, held uint64) (Keyset, error) {
	k, err := r.OpenKeyset(b)
	if err != nil {
		return Keyset{}, refuse(ErrKeyset, "%v", err)
	}
	if k.Version < held {
		return Keyset{}, refuse(ErrOlder, "keyset %d is in force, %d is older", held, k.Version)
	}
	return k, nil
}

// TakeLibrary says whether a pump that holds a library of version held, 0 for
// none, takes the document.
func (r Root) TakeLibrary(b []byte, held uint64) (Library, error) {
	l, err := r.OpenLibrary(b)
	if err != nil {
		return Library{}, refuse(ErrDrugs, "%v", err)
	}
	if l.Version < held {
		return Library{}, refuse(ErrOlder, "library %d is in force, %d is older", held, l.Version)
	}
	return l, nil
}

// TakeRoot says whether a pump takes the document as the successor of r.
func (r Root) TakeRoot(b []byte) (Root, error) {
	n, err := r.OpenNext(b)
	if err != nil {
		return Root{}, refuse(ErrRoot, "%v", err)
	}
	return n, nil
}
