package routes

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// versionedPath is the folder with the version in its name, below PagePath. The
// page takes scripts and style sheets from there: an address there never means
// another content, so browsers keep what they got, and whoever comes again asks
// for the page itself and for nothing else. Modules import each other by relative
// addresses, so that the version passes on by itself.
const versionedPath = "v/"

// forever is what the browser is told about a file whose address has the version.
const forever = "public, max-age=31536000, immutable"

// version returns the name of the folder: it is another one as soon as any asset is.
func version(assets map[string]*asset) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(assets)) {
		sum.Write([]byte(name + "\n" + assets[name].etag + "\n"))
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:9])
}

// namedFile is an attribute of our own pages that names a script or a style sheet.
var namedFile = regexp.MustCompile(`((?:href|src)=")([\w/.-]+\.(?:js|css))"`)

// withVersions puts the versioned folder before what a rendered page names. Icons
// and the manifest stay where they are: the manifest's own addresses are relative
// to it.
func withVersions(page []byte, assets map[string]*asset) []byte {
	folder := versionedPath + version(assets) + "/"
	return namedFile.ReplaceAllFunc(page, func(attribute []byte) []byte {
		part := namedFile.FindSubmatch(attribute)
		if assets[string(part[2])] == nil {
			return attribute
		}
		return []byte(string(part[1]) + folder + string(part[2]) + `"`)
	})
}

// versionedHandler serves the assets under versioned addresses. A page that was
// loaded before the server was updated may still ask for a module that it did
// without so far, by the old version: it gets the one there is, which it may not
// keep.
func versionedHandler(assets map[string]*asset) http.Handler {
	current := version(assets)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, PagePath+versionedPath), "/")
		file := assets[name]
		switch {
		case file == nil:
			notFound(w, r)
		case asked == current:
			file.serve(w, r, forever)
		default:
			file.ServeHTTP(w, r)
		}
	})
}
