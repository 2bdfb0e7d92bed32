package metrics

import "testing"

// JSON that is named first with full weight never loses, and the answer does not
// depend on how the header is spread over lines.
func FuzzAccept(f *testing.F) {
	f.Add("text/plain;version=0.0.4;q=0.3,*/*;q=0.1", "")
	f.Add("application/json", "text/plain, */*")
	f.Add(";;q=NaN,q=,text/plain;q=1e309", "text/plain;q=2")
	f.Fuzz(func(t *testing.T, a, b string) {
		if prefersPrometheus([]string{"application/json", a, b}) {
			t.Errorf("%q, %q won over JSON", a, b)
		}
		if prefersPrometheus([]string{a, b}) != prefersPrometheus([]string{a + "," + b}) {
			t.Errorf("%q, %q is not the same in one line", a, b)
		}
	})
}
