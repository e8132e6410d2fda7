package watch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
)

// The result of a probe is logged when it changes, and is always in the metrics.
func TestServers(t *testing.T) {
	server := func(failed string, errs ...error) refresh.Server {
		s := refresh.Server{PackageID: "a:1", Result: probe.Result{Address: "cc:1", CertificateNotAfter: time.Unix(1000, 0)}, Errors: errs}
		if failed != "" {
			s.Stages = []probe.Stage{{Name: "resolve", State: probe.OK}, {Name: failed, State: probe.Failed}, {Name: "later", State: probe.Skipped}}
		}
		return s
	}
	other := refresh.Server{PackageID: "b:2", Errors: refresh.Errors{errors.New("is not valid")}}
	up, down := `ccaas_server_up{package_id="a:1"} 1`, `ccaas_server_up{package_id="a:1"} 0`
	until := `ccaas_server_certificate_not_after_timestamp_seconds{package_id="a:1"} 1000`
	steps := []struct {
		servers []refresh.Server
		err     error
		log     string
		metrics []string
		not     string
	}{
		{[]refresh.Server{server("")}, nil, `level=INFO msg="server up" package_id=a:1 address=cc:1`, []string{up, until}, "failed_stage{"},
		{[]refresh.Server{server("")}, nil, "", []string{up}, "failed_stage{"},
		{[]refresh.Server{server("package ID", errors.New("package ID: another\nline"))}, nil, `level=ERROR msg="server down" package_id=a:1 address=cc:1 stage="package ID" errors="package ID: another\\nline"`,
			[]string{down, until, `ccaas_server_failed_stage{package_id="a:1",stage="package ID"} 1`}, up},
		{[]refresh.Server{server("package ID", errors.New("package ID: another\nline"))}, nil, "", []string{down}, up},
		{nil, errors.New("no folder"), `level=ERROR msg="cannot probe" errors="no folder"`, nil, "server_up{"},
		{nil, errors.New("no folder"), "", nil, "server_up{"},
		{[]refresh.Server{server(""), other}, nil, "level=INFO msg=\"server up\" package_id=a:1 address=cc:1\nlevel=ERROR msg=\"server down\" package_id=b:2 address=\"\" stage=connection.json errors=\"is not valid\"",
			[]string{up, `ccaas_server_failed_stage{package_id="b:2",stage="connection.json"} 1`}, `not_after_timestamp_seconds{package_id="b:2"`},
		{[]refresh.Server{}, nil, "", nil, "server_up{"},
	}
	var out bytes.Buffer
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	ctx, cancel := context.WithCancel(t.Context())
	status := NewStatus(time.Now)
	http := httptest.NewServer(status.Handler())
	defer http.Close()
	n := 0
	w := &Watch{
		Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: drop})), Status: status, ProbeInterval: time.Nanosecond,
	}
	w.Servers = func(context.Context) ([]refresh.Server, error) {
		if n > 0 { // check the result of the step before
			before := steps[n-1]
			if got := strings.TrimSpace(out.String()); got != before.log {
				t.Errorf("step %d logs\n%s\nwant\n%s", n-1, got, before.log)
			}
			_, metrics := get(t, http, "/metrics")
			for _, want := range before.metrics {
				if !strings.Contains(metrics, want+"\n") {
					t.Errorf("step %d has the metrics %s, want %s", n-1, metrics, want)
				}
			}
			if strings.Contains(metrics, before.not) {
				t.Errorf("step %d has the metrics %s with %s", n-1, metrics, before.not)
			}
			out.Reset()
		}
		if n == len(steps) {
			cancel()
			return nil, nil
		}
		n++
		return steps[n-1].servers, steps[n-1].err
	}
	w.probeServers(ctx)
	if n != len(steps) {
		t.Errorf("it ended after %d steps", n)
	}
}
