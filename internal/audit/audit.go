// Package audit keeps the record: who changed what, when and why, in a form
// that nobody can rewrite unnoticed, not even the database's administrator.
//
// # How it is kept
//
// [Append] writes a leaf in the transaction of the change that it tells of, into
// audit_leaf and audit_pending. The [Sequencer], one at a time for all servers of
// a database, takes what is pending in the order of its ids, gives it the next
// places in an RFC 6962 tree (audit_index, audit_hash), and has a [Signer] sign
// the tree's size and root as a C2SP checkpoint (audit_checkpoint). The signer
// remembers the last tree it signed, apart from the database, and signs only
// what continues it. Checkpoints travel: pumps carry the newest, people keep
// some, and a [Witness] may cosign them. Any of them finds a record that was
// rolled back or forked.
//
// Invariants: leaves are never changed or removed; only functions that belong to
// audit_owner write them, and those can only add; places have no gaps; a
// checkpoint is signed after the tree it covers has committed. Detail that may
// have to be forgotten lies beside the leaf, which holds a salted commitment to
// it ([Erase]). Signed documents lie beside the leaf too, verbatim.
//
// Wherever the leaf itself is concerned, the package speaks of bytes: a leaf is
// hashed as it was written, and never encoded again.
//
// # The bundle
//
// [Export] writes the record up to its newest checkpoint into one file, and
// [Verify] checks it offline. The file is the line "cisterna-audit-bundle/1",
// then frames: one byte that names the kind, four bytes of length (big endian),
// and the body in deterministic CBOR.
//
//	H header      [origin, [key names], pending leaves that are not included]
//	L leaf        [index, hash in audit_index, row, leaf, hash in audit_leaf, at µs, kind, actor, pump, site,
//	               payload state (0 none, 1 kept, 2 erased), salt, payload, evidence]
//	C checkpoint  the signed note
//	S stray       [row, leaf]: a leaf that is neither in the tree nor pending
//	T trailer     [leaves, checkpoints, SHA-256 of all before this frame]
//
// A header comes first and a trailer last. Leaves come in the order of the tree,
// each checkpoint behind the last leaf that it covers. The same record gives the
// same bytes. A new version of the format gets a new first line; old bundles stay
// readable.
package audit
