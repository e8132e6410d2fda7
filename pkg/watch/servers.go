package watch

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
)

// probeServers probes the servers every ProbeInterval until ctx is done.
func (w *Watch) probeServers(ctx context.Context) {
	if w.ProbeInterval <= 0 {
		return
	}
	known, trouble := map[string]string{}, ""
	for ctx.Err() == nil {
		servers, err := w.Servers(ctx)
		if ctx.Err() != nil {
			return
		}
		w.Status.probed(servers)
		text := message.OneLine(strings.Join(texts(message.Errors(err)), "; "))
		if text != trouble && err != nil {
			w.Log.Error("cannot probe", "errors", text)
		}
		trouble = text
		if err == nil {
			known = w.logServers(servers, known)
		}
		pause(ctx, w.ProbeInterval)
	}
}

// logServers logs what has changed since the last probe, and returns what is now known about
// each server.
func (w *Watch) logServers(servers []refresh.Server, before map[string]string) map[string]string {
	known := map[string]string{}
	for _, s := range servers {
		errs := strings.Join(texts(s.Errors), "; ")
		known[s.PackageID] = fmt.Sprint(s.Address, " ", errs)
		if known[s.PackageID] == before[s.PackageID] {
			continue
		}
		args := []any{"package_id", s.PackageID, "address", message.OneLine(s.Address)}
		if len(s.Errors) == 0 {
			w.Log.Info("server up", args...)
			continue
		}
		args = append(args, "stage", failedStage(s), "errors", message.OneLine(errs))
		if hints := message.Hints(s.Err()); len(hints) > 0 {
			args = append(args, "hints", strings.Join(hints, "; "))
		}
		w.Log.Log(context.Background(), slog.LevelError, "server down", args...)
	}
	return known
}

// failedStage returns the name of the stage that failed. It is connection.json if that file
// kept the server from being dialed.
func failedStage(s refresh.Server) string {
	for _, stage := range s.Stages {
		if stage.State == probe.Failed {
			return stage.Name
		}
	}
	return "connection.json"
}

// probed records the results of a probe of all servers.
func (s *Status) probed(servers []refresh.Server) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.servers = servers
}

var (
	serverUp = prometheus.NewDesc("ccaas_server_up",
		"Whether what answers at the address registers with the package ID.", []string{"package_id"}, nil)
	serverFailed = prometheus.NewDesc("ccaas_server_failed_stage",
		"The stage at which the probe of a server that is not up failed.", []string{"package_id", "stage"}, nil)
	serverNotAfter = prometheus.NewDesc("ccaas_server_certificate_not_after_timestamp_seconds",
		"When the certificate that the server has shown expires.", []string{"package_id"}, nil)
)

// collectServers collects the metrics about servers.
func (s *Status) collectServers(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, server := range s.servers {
		up := len(server.Errors) == 0
		gauge(serverUp, number(up), server.PackageID)
		if !up {
			gauge(serverFailed, 1, server.PackageID, failedStage(server))
		}
		if until := server.CertificateNotAfter; !until.Equal(time.Time{}) {
			gauge(serverNotAfter, seconds(until), server.PackageID)
		}
	}
}
