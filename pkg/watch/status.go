package watch

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ccaas-template-builder/pkg/refresh"
)

// stuck is how long a run may take for one build before the watch counts as stuck. A probe may
// wait for at most half as long.
const stuck = 10 * time.Minute

// Status is what is known about a peer's chaincodes, served over HTTP. It contains no values.
type Status struct {
	now func() time.Time

	mutex    sync.Mutex
	ready    error // why nothing is known yet, or no longer
	working  bool
	progress time.Time // when the current run last made progress
	ran      time.Time // when a run last ended
	results  []refresh.Result
	success  map[string]time.Time // by package ID
	count    map[outcome]float64
	pending  map[string]bool // whether the hook is due, by package ID
	hooks    map[hookOutcome]float64
	servers  []refresh.Server
}

// outcome is a build and a state that a run can leave it in.
type outcome struct {
	packageID string
	state     refresh.State
}

// NewStatus returns a status in which nothing is known yet. now returns the time.
func NewStatus(now func() time.Time) *Status {
	return &Status{
		now:     now,
		ready:   errors.New("the first run has not ended yet"),
		success: map[string]time.Time{},
		count:   map[outcome]float64{},
		pending: map[string]bool{},
		hooks:   map[hookOutcome]float64{},
	}
}

func (s *Status) begin() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.working, s.progress = true, s.now()
}

// Progress records that a run has finished one more build.
func (s *Status) Progress() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.progress = s.now()
}

func (s *Status) end(results []refresh.Result, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.working, s.ready = false, err
	if err != nil {
		return
	}
	s.ran = s.now()
	s.results = nil
	there := map[string]bool{}
	for _, r := range results {
		if !r.Ours {
			continue
		}
		there[r.PackageID] = true
		s.results = append(s.results, r)
		s.count[outcome{r.PackageID, r.State}]++
		if r.UpToDate {
			s.success[r.PackageID] = s.ran
		}
	}
	maps.DeleteFunc(s.count, func(of outcome, _ float64) bool { return !there[of.packageID] })
	maps.DeleteFunc(s.pending, func(id string, _ bool) bool { return !there[id] })
	maps.DeleteFunc(s.hooks, func(of hookOutcome, _ float64) bool { return !there[of.packageID] })
	maps.DeleteFunc(s.success, func(id string, _ time.Time) bool { return !there[id] })
}

// Handler serves /healthz, /readyz and /metrics.
func (s *Status) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", answer(s.Healthy))
	mux.HandleFunc("GET /readyz", answer(s.Ready))
	return mux
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// Healthy returns why the process should be restarted, or nil if it should not.
func (s *Status) Healthy() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if took := s.now().Sub(s.progress); s.working && took > stuck {
		return fmt.Errorf("a run has made no progress for %s", took.Round(time.Second))
	}
	return nil
}

// Ready returns why the state of the chaincodes is unknown, or nil if it is known.
func (s *Status) Ready() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.ready
}

// Metrics about refreshes.
var (
	notAfter = prometheus.NewDesc("ccaas_certificate_not_after_timestamp_seconds",
		"When a certificate in the connection.json on disk expires.", []string{"package_id", "key", "sha256"}, nil)
	upToDate = prometheus.NewDesc("ccaas_connection_up_to_date",
		"Whether the connection.json on disk is what would be rendered now.", []string{"package_id"}, nil)
	shared = prometheus.NewDesc("ccaas_connection_address_shared",
		"Whether another chaincode of the peer has the same address.", []string{"package_id"}, nil)
	lastSuccess = prometheus.NewDesc("ccaas_refresh_last_success_timestamp_seconds",
		"When a chaincode was last seen to be up to date, or was refreshed.", []string{"package_id"}, nil)
	refreshes = prometheus.NewDesc("ccaas_refreshes_total",
		"Refreshes of a chaincode, by result.", []string{"package_id", "result"}, nil)
	lastRun = prometheus.NewDesc("ccaas_refresh_last_run_timestamp_seconds",
		"When all builds of the peer were last checked.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *Status) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		notAfter, upToDate, shared, lastSuccess, refreshes, lastRun,
		hookPending, hookRuns, serverUp, serverFailed, serverNotAfter,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (s *Status) Collect(metrics chan<- prometheus.Metric) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	ran := 0.0 // 0 lets alerts notice that no run has ended yet
	if !s.ran.IsZero() {
		ran = seconds(s.ran)
	}
	gauge(lastRun, ran)
	for _, r := range s.results {
		gauge(upToDate, number(r.UpToDate), r.PackageID)
		gauge(shared, number(len(r.SharedWith) > 0), r.PackageID)
		if success, ok := s.success[r.PackageID]; ok {
			gauge(lastSuccess, seconds(success), r.PackageID)
		}
		seen := map[[2]string]bool{} // a file may contain a certificate twice
		for _, c := range r.Certificates {
			if labels := [2]string{c.Key, c.SHA256}; !seen[labels] {
				seen[labels] = true
				gauge(notAfter, seconds(c.NotAfter), r.PackageID, c.Key, c.SHA256)
			}
		}
	}
	s.collectServers(gauge)
	s.collectHooks(metrics)
	for of, n := range s.count {
		metrics <- prometheus.MustNewConstMetric(refreshes, prometheus.CounterValue, n, of.packageID, string(of.state))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
