package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// promised is what docs/testing.md must name a proof for, in the words of its table.
var promised = []string{
	"single peer",
	"several peers in one room",
	"several rooms",
	"disconnection",
	"server crash recovery",
	"restart and upgrade",
	"nobody misses a track, whatever happens at the same time",
	"network interruption recovery",
	"video",
	"audio",
	"chat",
	"isolation",
	"keyframe dispatch",
	"invalid room or username",
	"WebSocket errors",
	"media permission denial",
	"browser incompatibility",
	"pages of other sites",
	"a page that opens at once",
	"everything by keyboard and for screen readers",
	"the check of a connection",
	"network timeouts",
	"10+ concurrent peers",
	"several rooms with peers",
	"high message volume",
	"memory stability",
	"CPU under load",
}

// reference is one proof: `internal/room TestName` or `test/browser/call.test.mjs "title"`.
var reference = regexp.MustCompile("`([\\w./-]+) (Test\\w+|Fuzz\\w+|Benchmark\\w+|\"[^\"`]+\")`")

func TestEveryPromiseHasItsProof(t *testing.T) {
	rows := tableRows(t, read(t, "docs/testing.md"))
	for _, what := range promised {
		row, ok := rows[what]
		if !ok {
			t.Errorf("docs/testing.md has no row %q", what)
			continue
		}
		found := reference.FindAllStringSubmatch(row, -1)
		if len(found) == 0 {
			t.Errorf("%s: the row names no test", what)
		}
		for _, ref := range found {
			if place, name := ref[1], ref[2]; !exists(t, place, name) {
				t.Errorf("%s: there is no test %s in %s", what, name, place)
			}
		}
	}
}

func TestCommandsOfTheDocumentsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	command := regexp.MustCompile("`make ([a-z-]+)")
	for _, path := range markdown(t) {
		for _, ref := range command.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(makefile, "\n"+ref[1]+":") {
				t.Errorf("%s: the Makefile has no target %s", path, ref[1])
			}
		}
	}
}

func TestLinksBetweenDocumentsLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for _, path := range markdown(t) {
		for _, ref := range link.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(ref[1], "://") || strings.HasPrefix(ref[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(path), ref[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", path, ref[1])
			}
		}
	}
}

// exists reports whether a Go package has that test function, or a script a test of that title.
func exists(t *testing.T, place, name string) bool {
	t.Helper()
	if title, ok := strings.CutPrefix(name, `"`); ok {
		text, err := os.ReadFile(filepath.Join(root, place))
		return err == nil && strings.Contains(string(text), "'"+strings.TrimSuffix(title, `"`)+"'")
	}
	files, err := filepath.Glob(filepath.Join(root, place, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// tableRows maps the first cell of each table row to the rest of the row.
func tableRows(t *testing.T, text string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.SplitN(strings.Trim(strings.TrimSpace(line), "|"), "|", 2)
		if len(cells) == 2 && strings.HasPrefix(line, "|") {
			rows[strings.TrimSpace(cells[0])] = cells[1]
		}
	}
	return rows
}

// markdown lists our documents, relative to the repository's root.
func markdown(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			found = append(found, relative)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no documents found")
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
