package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"cisterna/internal/pgserver"
)

// lockFolder makes the folder and keeps a second demo out of it.
func lockFolder(dir string) (unlock func(), err error) {
	// The database's account must be able to pass through.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("%w: name a folder of yours with --data", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: name a folder of yours with --data", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another demo runs on %s: stop it, or give this one a folder of its own with --data", dir)
	}
	return func() { _ = f.Close() }, nil
}

// resetDemo deletes the demo's data and nothing else.
func resetDemo(ctx context.Context, dir string) error {
	if err := pgserver.StopStale(ctx, filepath.Join(dir, "pg")); err != nil {
		return err
	}
	var errs []error
	for _, part := range []string{"pg", "keys", "pumps"} {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, part)))
	}
	return errors.Join(errs...)
}
