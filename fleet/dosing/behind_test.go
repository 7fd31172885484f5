package dosing

import (
	"testing"
	"time"
)

func TestLibraryLate(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]bool{0: false, 24*time.Hour - 1: false, 24 * time.Hour: true, 1000 * time.Hour: true} {
		if got := libraryLate(now.Add(-after), now); got != want {
			t.Errorf("after %v: %t", after, got)
		}
	}
}
