package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cisterna/internal/errs"
	"cisterna/web/live"
)

// meter counts requests and shows the live feed's counters.
type meter struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMeter(hub *live.Hub) (*meter, error) {
	m := &meter{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cisterna_http_requests_total", Help: "Requests answered.",
		}, []string{"operation", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cisterna_http_request_seconds", Help: "Time to answer.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), feedCollector{hub}} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// known are the methods that appear in metrics by name.
var known = map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true}

func (m *meter) seen(operation, method string, status int, took time.Duration) {
	if !known[method] {
		method = "other"
	}
	m.requests.WithLabelValues(operation, method, strconv.Itoa(status)).Inc()
	if status != http.StatusSwitchingProtocols { // a feed lasts for hours
		m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	}
}

// feedCollector shows live.Stats.
type feedCollector struct{ hub *live.Hub }

var feedMetrics = []struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(live.Stats) float64
}{
	{feedDesc("viewers", "Sockets open."), prometheus.GaugeValue, func(s live.Stats) float64 { return float64(s.Clients) }},
	{feedDesc("lanes", "Different sets of sites being watched."), prometheus.GaugeValue, func(s live.Stats) float64 { return float64(s.Lanes) }},
	{feedDesc("accepted_total", "Sockets accepted."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Accepted) }},
	{feedDesc("flushes_total", "Deltas made."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Flushes) }},
	{feedDesc("alarms_total", "Changes of alarms sent."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Alarms) }},
	{feedDesc("resets_total", "Viewers told to start again."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Resets) }},
	{feedDesc("slow_total", "Viewers dropped because they did not read."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Slow) }},
	{feedDesc("ended_total", "Viewers closed because their session ended."), prometheus.CounterValue, func(s live.Stats) float64 { return float64(s.Ended) }},
}

func feedDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("cisterna_live_"+name, help, nil, nil)
}

// Describe implements prometheus.Collector.
func (feedCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range feedMetrics {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c feedCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.hub.Stats()
	for _, m := range feedMetrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s))
	}
}

// metrics shows the counters to this machine, and to who has the token.
func (s *Server) metrics() http.Handler {
	all := append(prometheus.Gatherers{s.meter.registry}, s.o.Metrics...)
	show := promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.local(r) && !s.hasToken(r) {
			s.problem(w, r, errs.New(errs.Denied, "Metrics are for this machine, or for who has their token."))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		show.ServeHTTP(w, r)
	})
}

// local reports whether a program of this machine asks, and not a browser that
// was led here under another name, nor a proxy for somebody.
func (s *Server) local(r *http.Request) bool {
	host, _ := splitHost(r.Host)
	return remote(r).IsLoopback() && (host == "localhost" || host == "127.0.0.1" || host == "::1") &&
		r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == "" && r.Header.Get("Origin") == ""
}

func (s *Server) hasToken(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || s.o.MetricsToken == "" {
		return false
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.o.MetricsToken))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
