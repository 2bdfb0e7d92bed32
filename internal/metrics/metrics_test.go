package metrics

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func get(t *testing.T, m *Metrics, target, accept string) (contentType, body string) {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Header().Get("Content-Type"), w.Body.String()
}

// The JSON keys are a contract: this list only grows.
var jsonKeys = []string{
	"active_connections", "total_connections_created", "total_connections_closed",
	"total_messages_processed", "total_chat_messages", "total_tracks_added", "total_tracks_removed",
	"total_reactions", "total_file_offers", "total_file_bytes_in", "total_file_bytes_out", "file_ends", "file_refusals", "active_rooms", "active_peers", "total_messages_rejected", "refused_joins",
	"total_slow_consumers", "total_keepalive_timeouts", "total_resumes", "moderations", "total_admin_refused", "webhooks", "waiting_peers",
	"total_negotiations", "total_negotiations_failed",
	"total_packets_in", "total_bytes_in", "total_packets_out", "total_bytes_out", "total_send_calls", "total_send_messages", "total_send_failed", "total_send_resent", "total_send_waits",
	"total_peerconnections_sealed", "total_peerconnections_by_sender", "packets_dropped",
	"total_nacks_in", "total_nacks_out", "total_rtx_out", "total_plis_in", "total_plis_out",
	"total_media_silences", "media_restarts", "watchdog_faults", "watchdog_repairs",
	"total_layers_lowered", "total_layers_raised", "total_videos_paused", "total_probe_packets",
	"negotiation_seconds", "join_seconds", "forward_seconds", "bandwidth_bits_per_second",
	"total_panics",
}

func TestJSONKeys(t *testing.T) {
	m := New()
	m.ActiveConnections.Store(3)
	m.TotalChatMessages.Store(1 << 60) // not to be rounded by a float
	m.PacketsDropped[DropWriteError].Add(7)
	m.RefuseJoin("room_full")
	m.RefuseJoin("whatever a client made up")
	m.Panics = func() int64 { return 5 }
	contentType, body := get(t, m, "/metrics", "")
	if contentType != "application/json; charset=utf-8" {
		t.Errorf("content type %q", contentType)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, key := range jsonKeys {
		if _, ok := got[key]; !ok {
			t.Errorf("key %q is missing", key)
		}
		delete(got, key)
	}
	if len(got) != 0 {
		t.Errorf("keys that this test does not know: %v", got)
	}
	for _, want := range []string{
		`"active_connections": 3,`, `"total_chat_messages": 1152921504606846976,`, `"total_panics": 5`,
		`"write_error": 7`, `"room_full": 1`, `"other": 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
}

// Every counter of the struct is shown: none can be added and forgotten.
func TestEveryCounterIsShown(t *testing.T) {
	m := New()
	v := reflect.ValueOf(m).Elem()
	next := int64(1000)
	set := func(f reflect.Value) {
		next++
		switch c := f.Addr().Interface().(type) {
		case *atomic.Int64:
			c.Store(next)
		case *Histogram:
			for range next {
				c.add(0)
			}
		}
	}
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			set(f)
		case reflect.Array:
			for j := range f.Len() {
				set(f.Index(j))
			}
		}
	}
	_, asJSON := get(t, m, "/metrics", "")
	_, asText := get(t, m, "/metrics?format=prometheus", "")
	for n := int64(1001); n <= next; n++ {
		if strings.Count(asJSON, fmt.Sprint(": ", n)) != 1 { // "count": n, of a histogram
			t.Errorf("counter number %d is not once in the JSON", n)
		}
		if strings.Count(onlyCounts.ReplaceAllString(asText, ""), fmt.Sprint(" ", n, "\n")) != 1 {
			t.Errorf("counter number %d is not once in the Prometheus text", n)
		}
	}
}

// onlyCounts matches the buckets of histograms, whose counts repeat.
var onlyCounts = regexp.MustCompile(`(?m)^\w+_bucket.*\n`)

func TestHistogram(t *testing.T) {
	m := New()
	for _, d := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 6 * time.Millisecond, time.Second, time.Hour} {
		m.JoinTime.Time(d)
	}
	_, asText := get(t, m, "/metrics?format=prometheus", "")
	for _, want := range []string{
		`aq_join_seconds_bucket{le="0.005"} 2`, `aq_join_seconds_bucket{le="0.01"} 3`, `aq_join_seconds_bucket{le="30"} 4`,
		`aq_join_seconds_bucket{le="+Inf"} 5`, "aq_join_seconds_sum 3601.012", "aq_join_seconds_count 5",
	} {
		if !strings.Contains(asText, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if _, asJSON := get(t, m, "/metrics", ""); !strings.Contains(asJSON, `"join_seconds": {"count": 5, "sum": 3601.012}`) {
		t.Error(asJSON)
	}
}

func names(text string) (series, families []string) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			name, _, _ := strings.Cut(line, " ")
			series = append(series, name)
			family, _, _ := strings.Cut(name, "{")
			families = append(families, family)
		}
	}
	return series, families
}

func TestPrometheusNames(t *testing.T) {
	contentType, text := get(t, New(), "/metrics?format=prometheus", "")
	if !strings.HasPrefix(contentType, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", contentType)
	}
	_, families := names(text)
	for _, want := range []string{
		"aq_active_connections", "aq_connections_created_total", "aq_connections_closed_total",
		"aq_messages_processed_total", "aq_chat_messages_total", "aq_tracks_added_total", "aq_tracks_removed_total",
		"aq_active_rooms", "aq_active_peers", "aq_rtp_sent_bytes_total", "aq_rtp_dropped_packets_total",
		"go_goroutines", "go_memstats_heap_inuse_bytes", "process_resident_memory_bytes", "process_open_fds",
	} {
		if !slices.Contains(families, want) {
			t.Errorf("%s is missing", want)
		}
	}
	good := regexp.MustCompile(`^aq_([a-z_]+_total|active_(connections|rooms|peers)|waiting_peers|[a-z_]+_(seconds|bytes|bits_per_second)(_bucket|_sum|_count)?)$`)
	for _, name := range families {
		if strings.HasPrefix(name, "aq_") && !good.MatchString(name) {
			t.Errorf("%s does not end in _total or a unit", name)
		}
	}
}

// T27: what clients send never makes a series.
func TestClientsMakeNoSeries(t *testing.T) {
	m := New()
	_, before := get(t, m, "/metrics?format=prometheus", "")
	for i := range 10_000 {
		m.RefuseJoin(fmt.Sprintf("room-%d", i))
	}
	_, after := get(t, m, "/metrics?format=prometheus", "")
	a, _ := names(before)
	b, _ := names(after)
	if !slices.Equal(a, b) {
		t.Errorf("the series changed:\n%q\n%q", a, b)
	}
	if got := m.RefusedJoins[RefusedOther].Load(); got != 10_000 {
		t.Errorf("counted %d as other, want 10000", got)
	}
}

func TestFormatByAccept(t *testing.T) {
	const text, object = "text/plain", "application/json"
	tests := []struct{ target, accept, want string }{
		{"/metrics", "", object},
		{"/metrics", "*/*", object},
		{"/metrics", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", object},
		{"/metrics", "application/json, text/plain, */*", object},
		{"/metrics", "text/plain;q=0.5, application/json", object},
		{"/metrics", "text/plain", text},
		{"/metrics", "text/plain;q=0", object},
		{"/metrics", "Text/Plain; version=0.0.4", text},
		{"/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", text},
		{"/metrics", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", text},
		{"/metrics?format=prometheus", "application/json", text},
		{"/metrics?format=json", "text/plain", object},
		{"/metrics", ";;;q=x,,", object},
	}
	for _, tt := range tests {
		got, _ := get(t, New(), tt.target, tt.accept)
		if !strings.HasPrefix(got, tt.want+";") {
			t.Errorf("%s with Accept %q: %s, want %s", tt.target, tt.accept, got, tt.want)
		}
	}
}
