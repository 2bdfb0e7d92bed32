package routes

import (
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// defaultLanguage is spoken to whoever asks for none of the others.
const defaultLanguage = "en"

// rightToLeft are the languages that are written so.
var rightToLeft = map[string]bool{"ar": true}

// languagesOf returns the codes of the page's catalogues, i18n/de.js and so on:
// names of two letters. The default is always one of them.
func languagesOf(files fs.FS) []string {
	languages := []string{defaultLanguage}
	names, _ := fs.Glob(files, "i18n/??.js") // the pattern is valid
	for _, name := range names {
		if code := strings.TrimSuffix(path.Base(name), ".js"); code != defaultLanguage {
			languages = append(languages, code)
		}
	}
	return languages
}

// pageVariants is the page in each language. They differ in the language on the
// root element and in the catalogue that the browser is told to load at once;
// the texts come from there.
type pageVariants map[string]*asset

// ServeHTTP answers as the asset in the language that the client asks for.
func (p pageVariants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Language")
	accepted := preferredLanguage(r.Header.Values("Accept-Language"), func(code string) bool { return p[code] != nil })
	p[accepted].ServeHTTP(w, r)
}

// preferredLanguage returns the language with the highest weight that there is,
// the first of equal ones, or else the default (RFC 9110, section 12.5.4).
// Regions are not told apart: pt-BR is pt.
func preferredLanguage(acceptLanguage []string, there func(code string) bool) string {
	best, bestWeight := defaultLanguage, 0.0
	for part := range strings.SplitSeq(strings.Join(acceptLanguage, ","), ",") {
		tag, params, _ := strings.Cut(part, ";")
		code, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		if weight > bestWeight && there(code) {
			best, bestWeight = code, weight
		}
	}
	return best
}
