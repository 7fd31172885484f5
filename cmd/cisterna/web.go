package main

import (
	"net/http"
	"time"
)

// newWeb listens for the console and assembles what it serves.
func (a *App) newWeb() error {
	if err := a.listenHTTP(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	a.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return nil
}
