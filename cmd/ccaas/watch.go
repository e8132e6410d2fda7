package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
	"ccaas-template-builder/pkg/watch"
)

// watchPeer refreshes the connections of a peer until ctx is done.
func watchPeer(ctx context.Context, p *program.Program, options refreshOptions) error {
	log := logger(p, options.output)
	environment := options.environment(p, logOnce(log))
	if err := safefile.CheckDir(options.peerDir); err != nil {
		return safefile.At(options.peerDir, err)
	}
	status := watch.NewStatus(p.Now)
	stop, err := serve(options.listen, status, log)
	if err != nil {
		return err
	}
	defer stop()
	var memory refresh.Memory
	w := &watch.Watch{
		Refresh: func(ctx context.Context) ([]refresh.Result, error) {
			r := options.refresher(p, environment)
			r.Done, r.Memory = status.Progress, &memory
			return r.Run(ctx)
		},
		Store:    store.Store(options.peerDir),
		Files:    options.files(),
		Interval: options.interval,
		Settle:   options.settle,
		Hook:     options.hook.hook(p),
		Splay:    options.hook.splay,
		Servers: func(ctx context.Context) ([]refresh.Server, error) {
			r := options.refresher(p, environment)
			r.Probe = probe.Run
			return r.Servers(ctx, "")
		},
		ProbeInterval: options.probeInterval,
		Log:           log,
		Status:        status,
	}
	log.Info("watching", "peer_dir", options.peerDir, "builder", options.builder, "interval", options.interval.String())
	w.Run(ctx)
	log.Info("stopped")
	return nil
}

// logOnce returns a function that logs each warning once. It can be called by several goroutines.
func logOnce(log *slog.Logger) warn {
	var mutex sync.Mutex
	said := map[string]bool{}
	return func(format string, args ...any) {
		mutex.Lock()
		defer mutex.Unlock()
		if text := fmt.Sprintf(format, args...); !said[text] {
			said[text] = true
			log.Warn(text)
		}
	}
}

// logger returns a logger that writes one line for each event.
func logger(p *program.Program, output outputFlag) *slog.Logger {
	if output.json() {
		return slog.New(slog.NewJSONHandler(printableJSON{p.Stderr}, nil))
	}
	return slog.New(slog.NewTextHandler(p.Stderr, nil))
}

// serve serves the status at an address until stop is called. If the address is empty, it does
// nothing.
func serve(address string, status *watch.Status, log *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	server := &http.Server{
		Handler:      status.Handler(),
		ReadTimeout:  5 * time.Second,
		WriteTimeout: 30 * time.Second,
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no longer listening", "error", err)
		}
	}()
	log.Info("listening", "address", listener.Addr().String())
	return func() { server.Close() }, nil
}
