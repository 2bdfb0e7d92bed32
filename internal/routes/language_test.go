package routes

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"aq-server/web"
)

func TestPageSpeaksTheLanguageThatIsAskedFor(t *testing.T) {
	h := newHandler(t, func(o *Options) {
		o.Page = fstest.MapFS{
			"index.html":   {Data: []byte(`<html lang="{{.Language}}" dir="{{.Direction}}"><link href="i18n/{{.Language}}.js">`)},
			"i18n/en.js":   {Data: script},
			"i18n/de.js":   {Data: script},
			"i18n/pt.js":   {Data: script},
			"i18n/ar.js":   {Data: script},
			"i18n/i18n.js": {Data: script},
		}
	})
	etags := map[string]string{}
	for accept, want := range map[string]string{
		"":                                 "en",
		"de":                               "de",
		"DE-at,de;q=0.9,en;q=0.8":          "de",
		"pt-BR, en":                        "pt",
		"fr, en;q=0.3, de;q=0.7":           "de",
		"fr-CH":                            "en",
		"de;q=0":                           "en",
		"*":                                "en",
		"18, i18n, ../../x;q=2, ar;q=0.5":  "ar",
		"en;q=0.5, de;q=0.5, pt;q=rubbish": "en",
	} {
		w := do(h, "GET", PagePath, "Accept-Language", accept)
		direction := "ltr"
		if want == "ar" {
			direction = "rtl"
		}
		if body := unversioned(w.Body.String()); body != `<html lang="`+want+`" dir="`+direction+`"><link href="i18n/`+want+`.js">` {
			t.Errorf("Accept-Language %q: %s", accept, body)
		}
		if vary := strings.Join(w.Header().Values("Vary"), ", "); !strings.Contains(vary, "Accept-Language") {
			t.Errorf("Vary %q", vary)
		}
		etags[w.Header().Get("ETag")] = want
	}
	if len(etags) != 4 {
		t.Errorf("%d ETags for 4 languages", len(etags))
	}
}

// The catalogue that the built-in page names is there in every language.
func TestEveryLanguageHasItsCatalogue(t *testing.T) {
	languages := languagesOf(web.FS)
	if len(languages) < 2 {
		t.Fatalf("only %v", languages)
	}
	h := newHandler(t, func(o *Options) { o.Page = web.FS })
	for _, language := range languages {
		if _, err := fs.Stat(web.FS, "i18n/"+language+".js"); err != nil {
			t.Error(err)
		}
		body := do(h, "GET", PagePath, "Accept-Language", language).Body.String()
		if !strings.Contains(unversioned(body), `href="i18n/`+language+`.js"`) {
			t.Errorf("%s: the page does not name its catalogue", language)
		}
	}
}
