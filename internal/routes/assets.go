package routes

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// indexFile is the page itself, served at PagePath. Every other file of that
// type is served under its name without the extension.
const (
	indexFile = "index.html"
	pageType  = ".html"
	styleType = ".css"
)

// pageData is what the templates get.
type pageData struct {
	WebSocketPath string
	// EmbedOrigins are those whose pages the page talks to when it is framed, with
	// spaces between them.
	EmbedOrigins string
	// Language and Direction are as the attributes lang and dir have them.
	Language, Direction string
}

// contentTypes by file extension. Our own list, because that of package mime
// depends on files of the machine.
var contentTypes = map[string]string{
	".html":  "text/html; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".ico":   "image/x-icon",
	".woff2": "font/woff2",
	".txt":   "text/plain; charset=utf-8",

	".webmanifest": "application/manifest+json",
}

// An asset is a file of the page in memory, as it is and compressed.
type asset struct {
	contentType string
	etag        string // without quotes
	plain       []byte
	// zipped returns nil if gzip does not make it smaller. It is made when the first
	// client asks: that of all files takes a quarter of a second, in which a server
	// that starts again has its clients waiting.
	zipped func() []byte
}

// loadPage reads everything in files. Both maps are by path below PagePath: the
// pages, which are rendered, and the assets, which are served as they are.
func loadPage(files fs.FS, data pageData) (pages map[string]pageVariants, assets map[string]*asset, err error) {
	pages, assets = map[string]pageVariants{}, map[string]*asset{}
	sources := map[string][]byte{} // of the pages, by file
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s: no content type is known for this file", name)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		switch path.Ext(name) {
		case pageType:
			sources[name] = content
			return nil
		case styleType:
			if content, err = withImports(files, name, content); err != nil {
				return err
			}
		}
		assets[name] = newAsset(contentType, content)
		return nil
	})
	if err == nil && sources[indexFile] == nil {
		err = fmt.Errorf("%s: %w", indexFile, fs.ErrNotExist)
	}
	languages := languagesOf(files)
	for name, source := range sources {
		at := strings.TrimSuffix(name, pageType)
		if name == indexFile {
			at = "{$}"
		}
		if err == nil {
			pages[at], err = renderPage(name, source, data, languages, assets)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the page: %w", err)
	}
	return pages, assets, nil
}

// cssImport is a line of a style sheet that asks for another one beside it.
var cssImport = regexp.MustCompile(`(?m)^@import "([\w-]+\.css)";\n`)

// withImports puts the imported style sheets in the place of the lines that ask
// for them, one level deep: a browser would see those lines only when it has the
// file, and then ask again for each.
func withImports(files fs.FS, name string, content []byte) (whole []byte, err error) {
	whole = cssImport.ReplaceAllFunc(content, func(line []byte) []byte {
		imported, readErr := fs.ReadFile(files, path.Join(path.Dir(name), string(cssImport.FindSubmatch(line)[1])))
		err = cmp.Or(err, readErr)
		return imported
	})
	return whole, err
}

// renderPage renders a page once for each language. It names scripts and style
// sheets by their versioned addresses.
func renderPage(name string, source []byte, data pageData, languages []string, assets map[string]*asset) (pageVariants, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(string(source))
	if err != nil {
		return nil, err
	}
	page := pageVariants{}
	for _, language := range languages {
		data.Language, data.Direction = language, "ltr"
		if rightToLeft[language] {
			data.Direction = "rtl"
		}
		var b bytes.Buffer
		if err := t.Execute(&b, data); err != nil {
			return nil, err
		}
		page[language] = newAsset(contentTypes[pageType], withVersions(b.Bytes(), assets))
	}
	return page, nil
}

func newAsset(contentType string, content []byte) *asset {
	sum := sha256.Sum256(content)
	return &asset{
		contentType: contentType,
		etag:        base64.RawURLEncoding.EncodeToString(sum[:12]),
		plain:       content,
		zipped:      sync.OnceValue(func() []byte { return zip(content) }),
	}
}

// zip compresses content, and returns nil if that is not worth it.
func zip(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(content)                               // a bytes.Buffer cannot fail
	_ = z.Close()
	if b.Len() >= len(content)*9/10 {
		return nil
	}
	return b.Bytes()
}

// ServeHTTP answers GET and HEAD. Browsers ask again each time (no-cache) and
// get 304 as long as the content is the same, so that an update of the server
// is an update of the page at once.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.serve(w, r, "no-cache")
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request, cacheControl string) {
	h := w.Header()
	h.Set("Cache-Control", cacheControl)
	body, etag := a.plain, `"`+a.etag+`"`
	compressed := a.zipped()
	if compressed != nil {
		h.Add("Vary", "Accept-Encoding")
	}
	zipped := compressed != nil && acceptsGzip(r.Header.Values("Accept-Encoding"))
	if zipped {
		// Another representation needs another strong ETag (RFC 9110, section
		// 8.8.3.3).
		body, etag = compressed, `"`+a.etag+`-gzip"`
	}
	h.Set("ETag", etag)
	if matches(r.Header.Values("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone; nothing to do then
	}
}

// matches compares weakly, as If-None-Match wants it (RFC 9110, section
// 13.1.2).
func matches(ifNoneMatch []string, etag string) bool {
	for _, line := range ifNoneMatch {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reports whether gzip, or else *, is listed with a weight above 0.
func acceptsGzip(acceptEncoding []string) bool {
	accepts := false
	for part := range strings.SplitSeq(strings.Join(acceptEncoding, ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "*" {
			continue
		}
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		if coding == "gzip" {
			return weight > 0
		}
		accepts = weight > 0
	}
	return accepts
}
