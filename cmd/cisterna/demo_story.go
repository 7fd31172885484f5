package main

import (
	"context"
	"log/slog"

	"cisterna/device/emulator"
)

func serveControl(f *emulator.Fleet, addr string, log *slog.Logger) (func(), string, error) {
	return func() {}, "", nil
}

func story(ctx context.Context, f *emulator.Fleet, log *slog.Logger) {}
