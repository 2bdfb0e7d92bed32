package metrics

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler returns the endpoint: a JSON object by default, Prometheus text when
// the Accept header prefers it, as that of Prometheus does, or with
// ?format=prometheus; ?format=json asks for JSON. The Prometheus text also has
// the standard series of the Go runtime and of the process (go_goroutines,
// process_resident_memory_bytes, process_open_fds, ...).
func (m *Metrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{m.series()},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	text := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Accept")
		format := r.URL.Query().Get("format")
		if format == "prometheus" || format == "" && prefersPrometheus(r.Header.Values("Accept")) {
			text.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(m.appendJSON(nil))
	})
}

// appendJSON appends the counters as one JSON object. Written by hand to keep
// the order of the table; names hold nothing that JSON would escape.
func (m *Metrics) appendJSON(b []byte) []byte {
	separator := "{\n  "
	for _, s := range m.series() {
		b = append(b, separator...)
		separator = ",\n  "
		b = fmt.Appendf(b, "%q: ", s.json)
		if s.histogram != nil {
			count, sum, _ := s.histogram.read()
			b = fmt.Appendf(b, `{"count": %d, "sum": %g}`, count, sum)
			continue
		}
		if s.reasons == nil {
			b = strconv.AppendInt(b, s.value(), 10)
			continue
		}
		for j, reason := range s.reasons {
			b = fmt.Appendf(b, "%c%q: %d", "{,"[min(j, 1)], reason, s.values(j))
		}
		b = append(b, '}')
	}
	return append(b, "\n}\n"...)
}

// prefersPrometheus reports whether an Accept header asks for a format of
// Prometheus more than for JSON. A wildcard asks for neither; at equal weight
// the one named first wins, so that the "application/json, text/plain, */*" of
// common HTTP libraries gets JSON.
func prefersPrometheus(accept []string) bool {
	var textWeight, jsonWeight float64
	textFirst := false
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, params, _ := strings.Cut(part, ";")
		weight := 1.0
		for _, p := range strings.Split(params, ";") {
			if q, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
				weight, _ = strconv.ParseFloat(q, 64)
				weight = min(weight, 1) // RFC 9110, section 12.4.2
			}
		}
		switch strings.ToLower(strings.TrimSpace(mediaType)) {
		case "text/plain", "application/openmetrics-text", "application/vnd.google.protobuf":
			textFirst = textFirst || jsonWeight == 0
			textWeight = max(textWeight, weight)
		case "application/json":
			jsonWeight = max(jsonWeight, weight)
		}
	}
	return textWeight > jsonWeight || textWeight == jsonWeight && textWeight > 0 && textFirst
}

// collector reads the counters at each scrape.
type collector struct{ series []series }

// Describe sends nothing: the collector is unchecked, which is harmless as its
// series are fixed.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the counters as they are now.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.series {
		kind := prometheus.CounterValue
		if s.gauge {
			kind = prometheus.GaugeValue
		}
		if s.histogram != nil {
			count, sum, upTo := s.histogram.read()
			desc := prometheus.NewDesc(s.prometheus, s.help, nil, nil)
			out <- prometheus.MustNewConstHistogram(desc, count, sum, upTo)
			continue
		}
		if s.reasons == nil {
			desc := prometheus.NewDesc(s.prometheus, s.help, nil, nil)
			out <- prometheus.MustNewConstMetric(desc, kind, float64(s.value()))
			continue
		}
		desc := prometheus.NewDesc(s.prometheus, s.help, []string{"reason"}, nil)
		for i, reason := range s.reasons {
			out <- prometheus.MustNewConstMetric(desc, kind, float64(s.values(i)), reason)
		}
	}
}
