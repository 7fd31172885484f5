package audit

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Witness cosigns checkpoints that continue what it saw before, somewhere the
// operator of the log does not reach. Its signature line joins the log's own in
// the note; see C2SP tlog-witness and tlog-cosignature.
type Witness interface {
	Name() string
	// Cosign returns one signature line ("— name base64") for the checkpoint.
	// prove makes the consistency proof from the size that the witness knows.
	Cosign(ctx context.Context, checkpoint string, prove func(old int64) (tlog.TreeProof, error)) (line string, err error)
}

// addSignature puts a cosignature below a checkpoint's other signatures.
func addSignature(checkpoint, line string) (string, error) {
	line = strings.TrimSuffix(line, "\n")
	if !strings.HasPrefix(line, "— ") || strings.ContainsAny(line, "\n\r") || strings.Count(line, " ") != 2 {
		return "", fmt.Errorf("%q is not a signature line", line)
	}
	return checkpoint + line + "\n", nil
}
