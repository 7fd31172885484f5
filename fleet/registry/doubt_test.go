package registry

import (
	"context"
	"slices"
	"testing"
	"time"

	"cisterna/internal/pgtest"
	"cisterna/internal/pki"
)

// TestRevocationWithoutAnAnswer: the database revokes a pump and its answer is
// lost. The link is refused and cut all the same.
func TestRevocationWithoutAnAnswer(t *testing.T) {
	db := pgtest.NewDeaf(t)
	r := newRigOn(t, db.DB)
	p, device := r.enrolled("S1", "COMM-1")
	other, otherDevice := r.enrolled("S2", "COMM-2")
	r.admitted(device, device.leaf(), true)
	r.kicks()

	ctx, stop := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	cut := make(chan string, 1)
	r.mu.Lock()
	r.onKick = func(link string) {
		if r.Directory().Admit(link, pki.Serial(device.leaf())) == nil {
			t.Error("cut before the directory refuses")
		}
		cut <- link
	}
	r.mu.Unlock()

	db.Arm()
	if _, err := r.Revoke(r.ctx, r.ada, p.ID, "stolen"); err == nil {
		t.Fatal("the answer was not lost")
	}
	select {
	case link := <-cut:
		if link != "COMM-1" {
			t.Errorf("%s was cut", link)
		}
	case <-time.After(20 * time.Second):
		t.Error("the link stays connected")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	r.admitted(device, device.leaf(), false)
	r.admitted(otherDevice, otherDevice.leaf(), true)
	if k := r.kicks(); !slices.Equal(k, []string{"COMM-1 revoked"}) {
		t.Errorf("kicks %q, want COMM-1 alone: pump %d is trusted", k, other.ID)
	}
}
