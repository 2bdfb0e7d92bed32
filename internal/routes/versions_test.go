package routes

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"aq-server/web"
)

// A page that names every kind of file there is.
func namingPage() fstest.MapFS {
	page := testPage()
	page["index.html"] = &fstest.MapFile{Data: []byte(`<link href="styles/page.css"><link href="i18n/{{.Language}}.js"><link href="icon.svg">` +
		`<script src="main.js"></script><script src="elsewhere.js"></script>`)}
	page["i18n/en.js"] = &fstest.MapFile{Data: []byte("export default {};")}
	page["styles/page.css"] = &fstest.MapFile{Data: []byte("/* all */\n@import \"a.css\";\n@import \"b.css\";\nc {}\n")}
	page["styles/a.css"] = &fstest.MapFile{Data: []byte("a {}\n")}
	page["styles/b.css"] = &fstest.MapFile{Data: []byte("b {}\n")}
	return page
}

// unversioned returns the page as its source names the files.
func unversioned(page string) string {
	return regexp.MustCompile(`"v/[\w-]{12}/`).ReplaceAllString(page, `"`)
}

func TestVersionedAddresses(t *testing.T) {
	page := namingPage()
	h := newHandler(t, func(o *Options) { o.Page = page })
	body := do(h, "GET", PagePath).Body.String()
	found := regexp.MustCompile(`^<link href="v/([\w-]{12})/styles/page\.css"><link href="v/([\w-]{12})/i18n/en\.js"><link href="icon\.svg">` +
		`<script src="v/([\w-]{12})/main\.js"></script><script src="elsewhere\.js"></script>$`).FindStringSubmatch(body)
	if found == nil || found[1] != found[2] || found[1] != found[3] {
		t.Fatalf("the page: %s", body)
	}
	folder := PagePath + versionedPath + found[1] + "/"

	plain := do(h, "GET", PagePath+"main.js")
	kept := do(h, "GET", folder+"main.js")
	if kept.Code != 200 || kept.Body.String() != string(script) || kept.Header().Get("Content-Type") != plain.Header().Get("Content-Type") {
		t.Errorf("main.js by version: %d %s", kept.Code, kept.Header())
	}
	if cache := kept.Header().Get("Cache-Control"); cache != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", cache)
	}
	if etag := plain.Header().Get("ETag"); kept.Header().Get("ETag") != etag || do(h, "GET", folder+"main.js", "If-None-Match", etag).Code != 304 {
		t.Error("a versioned file has no ETag, or does not know it")
	}
	// Of a page that was loaded before an update.
	old := do(h, "GET", PagePath+versionedPath+"an-older-one/main.js")
	if old.Code != 200 || old.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("by another version: %d, Cache-Control %q", old.Code, old.Header().Get("Cache-Control"))
	}
	for _, nothing := range []string{"", "main.js", "x/", "x/none.js", "x/index.html", "x/y/main.js"} {
		if w := do(h, "GET", PagePath+versionedPath+nothing); w.Code != 404 {
			t.Errorf("%q: %d", nothing, w.Code)
		}
	}
	if w := do(h, "POST", folder+"main.js"); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}

	page["icon.svg"] = &fstest.MapFile{Data: []byte("<svg></svg>")}
	h = newHandler(t, func(o *Options) { o.Page = page })
	if strings.Contains(do(h, "GET", PagePath).Body.String(), found[1]) {
		t.Error("a file is another one, the version is not")
	}
}

func TestStyleSheetsInOne(t *testing.T) {
	page := namingPage()
	h := newHandler(t, func(o *Options) { o.Page = page })
	if body := do(h, "GET", PagePath+"styles/page.css").Body.String(); body != "/* all */\na {}\nb {}\nc {}\n" {
		t.Errorf("got %q", body)
	}
	delete(page, "styles/b.css")
	o := testOptions()
	o.Page = page
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "b.css") {
		t.Errorf("an imported style sheet is missing: %v", err)
	}
}

// Everything the real pages name is there, under the address they name.
func TestRealPageNames(t *testing.T) {
	h := newHandler(t, func(o *Options) { o.Page = web.FS })
	for _, target := range []string{PagePath, PagePath + "check"} {
		body := do(h, "GET", target).Body.String()
		named := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(body, -1)
		if len(named) < 5 {
			t.Fatalf("%s names %d files", target, len(named))
		}
		for _, name := range named {
			if w := do(h, "GET", PagePath+name[1]); w.Code != 200 || strings.Contains(w.Body.String(), "\n@import") {
				t.Errorf("%s names %s: %d", target, name[1], w.Code)
			} else if versioned := strings.HasPrefix(name[1], "v/"); versioned != regexp.MustCompile(`\.(js|css)$`).MatchString(name[1]) {
				t.Errorf("%s names %s", target, name[1])
			}
		}
	}
}
