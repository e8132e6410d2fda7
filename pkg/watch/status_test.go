package watch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/pkg/refresh"
)

// get requests a path, and returns the status code and the body of the answer.
func get(t *testing.T, server *httptest.Server, path string) (int, string) {
	t.Helper()
	answer, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestHealth(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := NewStatus(func() time.Time { return now })
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	expect := func(path string, status int, body string) {
		t.Helper()
		if gotStatus, got := get(t, server, path); gotStatus != status || got != body+"\n" {
			t.Errorf("%s is %d %q, want %d %q", path, gotStatus, got, status, body)
		}
	}
	expect("/healthz", 200, "ok")
	expect("/readyz", 503, "the first run has not ended yet")
	s.begin()
	now = now.Add(stuck)
	expect("/healthz", 200, "ok")
	s.Progress()
	now = now.Add(stuck + time.Second)
	expect("/healthz", 503, "a run has made no progress for 10m1s")
	s.end(nil, nil)
	expect("/healthz", 200, "ok")
	expect("/readyz", 200, "ok")
	s.end(nil, errors.New("no builds"))
	expect("/readyz", 503, "no builds")
	now = now.Add(stuck + time.Second)
	expect("/healthz", 200, "ok")
}

func TestMetrics(t *testing.T) {
	now := time.Unix(1_700_000_000, 500_000_000)
	s := NewStatus(func() time.Time { return now })
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	expect := func(want ...string) {
		t.Helper()
		_, body := get(t, server, "/metrics")
		var got []string
		for line := range strings.Lines(body) {
			if !strings.HasPrefix(line, "#") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	expect("ccaas_refresh_last_run_timestamp_seconds 0")
	end := time.Unix(1_800_000_000, 0)
	certificates := []refresh.Certificate{{Key: "root_cert", SHA256: "aa", NotAfter: end}, {Key: "root_cert", SHA256: "aa", NotAfter: end.In(time.FixedZone("", 5400))}, {Key: "client_cert", SHA256: "aa", NotAfter: end}}
	results := []refresh.Result{
		{PackageID: "a:1", Ours: true, State: refresh.Refreshed, UpToDate: true, SharedWith: []string{"c:3"}, Certificates: certificates},
		{PackageID: "b:2", Ours: true, State: refresh.Failed},
		{PackageID: "c:3", State: refresh.LeftAlone},
	}
	s.end(results, nil)
	first := []string{
		`ccaas_certificate_not_after_timestamp_seconds{key="client_cert",package_id="a:1",sha256="aa"} 1.8e+09`,
		`ccaas_certificate_not_after_timestamp_seconds{key="root_cert",package_id="a:1",sha256="aa"} 1.8e+09`,
		`ccaas_connection_address_shared{package_id="a:1"} 1`,
		`ccaas_connection_address_shared{package_id="b:2"} 0`,
		`ccaas_connection_up_to_date{package_id="a:1"} 1`,
		`ccaas_connection_up_to_date{package_id="b:2"} 0`,
		`ccaas_refresh_last_run_timestamp_seconds 1.7000000005e+09`,
		`ccaas_refresh_last_success_timestamp_seconds{package_id="a:1"} 1.7000000005e+09`,
		`ccaas_refreshes_total{package_id="a:1",result="refreshed"} 1`,
		`ccaas_refreshes_total{package_id="b:2",result="failed"} 1`,
	}
	expect(first...)
	s.end(nil, errors.New("no builds")) // what was known before stays, with its time
	expect(first...)

	now = now.Add(time.Second)
	results[0].State, results[1].State = refresh.Failed, refresh.Outdated
	results[0].UpToDate, results[0].SharedWith = false, nil
	s.end(results, nil)
	expect(
		first[0], first[1],
		`ccaas_connection_address_shared{package_id="a:1"} 0`,
		first[3],
		`ccaas_connection_up_to_date{package_id="a:1"} 0`,
		`ccaas_connection_up_to_date{package_id="b:2"} 0`,
		`ccaas_refresh_last_run_timestamp_seconds 1.7000000015e+09`,
		first[7],
		`ccaas_refreshes_total{package_id="a:1",result="failed"} 1`,
		first[8], first[9],
		`ccaas_refreshes_total{package_id="b:2",result="outdated"} 1`,
	)
	s.end(results[1:], nil) // the first build is gone
	expect(
		first[3],
		`ccaas_connection_up_to_date{package_id="b:2"} 0`,
		`ccaas_refresh_last_run_timestamp_seconds 1.7000000015e+09`,
		first[9],
		`ccaas_refreshes_total{package_id="b:2",result="outdated"} 2`,
	)
	results[1].State, results[1].UpToDate = refresh.Failed, true // as if the probe of its server had failed
	s.end(results[1:2], nil)
	expect(
		first[3],
		`ccaas_connection_up_to_date{package_id="b:2"} 1`,
		`ccaas_refresh_last_run_timestamp_seconds 1.7000000015e+09`,
		`ccaas_refresh_last_success_timestamp_seconds{package_id="b:2"} 1.7000000015e+09`,
		`ccaas_refreshes_total{package_id="b:2",result="failed"} 2`,
		`ccaas_refreshes_total{package_id="b:2",result="outdated"} 2`,
	)
}

// A run that was interrupted changes nothing about the builds.
func TestInterruptedRun(t *testing.T) {
	s := NewStatus(time.Now)
	w := &Watch{Status: s, trouble: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	w.Refresh = func(context.Context) ([]refresh.Result, error) {
		cancel()
		return make([]refresh.Result, 1), ctx.Err()
	}
	w.run(ctx)
	if s.Ready() == nil {
		t.Error("an interrupted run counts")
	}
}
