package docs

import (
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"aq-server/internal/metrics"
)

// The dashboard and the alerts ask for series that there are, and the documents
// name each alert.
func TestWatchedSeriesExist(t *testing.T) {
	w := httptest.NewRecorder()
	metrics.New().Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics?format=prometheus", nil))
	text := w.Body.String()
	dashboard := read(t, "deploy/grafana-dashboard.json")
	if !json.Valid([]byte(dashboard)) {
		t.Error("the dashboard is no JSON")
	}
	alerts := read(t, "deploy/prometheus-alerts.yml")
	name := regexp.MustCompile(`\b(aq|go|process)_[a-z_]+\b`)
	for file, content := range map[string]string{"dashboard": dashboard, "alerts": alerts} {
		found := name.FindAllString(content, -1)
		if len(found) == 0 {
			t.Errorf("%s: asks for nothing", file)
		}
		for _, series := range found {
			if !strings.Contains(text, "\n"+series+" ") && !strings.Contains(text, "\n"+series+"{") {
				t.Errorf("%s: there is no series %s", file, series)
			}
		}
	}
	operations := read(t, "docs/operations.md")
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(alerts, -1) {
		if !strings.Contains(operations, "`"+alert[1]+"`") {
			t.Errorf("docs/operations.md does not say what to do about %s", alert[1])
		}
	}
}
