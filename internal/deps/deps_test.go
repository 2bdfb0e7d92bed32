package deps

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "aq-server/"

// allowed lists, for each package of the server, the packages of ours that it
// may import. Imports point one way, from main to the pure packages; a new line
// or a new name is a decision about the architecture.
var allowed = map[string]string{
	"cmd/server": "internal/app internal/cli internal/config internal/recovery internal/systemd",
	"internal/app": "internal/api internal/auth internal/certs internal/config internal/handlers internal/metrics internal/pressure internal/recovery " +
		"internal/ratelimit internal/room internal/routes internal/sfu internal/sfu/packet internal/types internal/webhook internal/webrtcapi web",
	"internal/routes":       "internal/handlers internal/recovery internal/types",
	"internal/auth":         "internal/names internal/types",
	"internal/handlers":     "internal/auth internal/keepalive internal/metrics internal/names internal/ratelimit internal/recovery internal/room internal/types",
	"internal/room":         "internal/chat internal/metrics internal/names internal/recovery internal/timeline internal/types",
	"internal/timeline":     "",
	"internal/ratelimit":    "",
	"internal/pressure":     "",
	"internal/webhook":      "internal/metrics internal/recovery internal/types",
	"internal/api":          "internal/auth internal/handlers internal/metrics internal/names internal/ratelimit internal/room internal/timeline internal/types",
	"internal/chat":         "internal/types",
	"internal/names":        "internal/types",
	"internal/keepalive":    "internal/recovery",
	"internal/cli":          "internal/auth internal/config internal/names internal/types",
	"internal/config":       "",
	"internal/certs":        "",
	"internal/metrics":      "",
	"internal/recovery":     "",
	"internal/systemd":      "internal/recovery",
	"internal/types":        "",
	"internal/deps":         "",
	"internal/webrtcapi":    "internal/metrics internal/recovery internal/udpio",
	"internal/udpio":        "internal/metrics",
	"internal/seqnum":       "",
	"internal/sfu/allocate": "",
	"internal/sfu/bwe":      "",
	"internal/sfu/codec":    "",
	"internal/sfu/packet":   "internal/sfu/codec",
	"internal/sfu/forward":  "internal/seqnum internal/sfu/codec internal/sfu/packet",
	"internal/sfu/history":  "internal/seqnum internal/sfu/packet",
	"internal/sfu/nack":     "internal/seqnum",
	"internal/sfu/slots":    "internal/types",
	"internal/sfu/transfer": "internal/types",
	"internal/sfu/speaker":  "",
	"internal/sfu": "internal/metrics internal/recovery internal/seqnum internal/sfu/allocate internal/sfu/bwe " +
		"internal/sfu/codec internal/sfu/forward " +
		"internal/sfu/history internal/sfu/nack internal/sfu/packet internal/sfu/slots internal/sfu/speaker internal/sfu/transfer " +
		"internal/types internal/webrtcapi",
	"web": "",

	// For tests and tools; nothing above imports them.
	"internal/client":         "internal/recovery internal/types",
	"internal/client/livekit": "internal/client internal/recovery internal/types",
	"internal/spawn":          "",
	"cmd/aqfigures":           "internal/client internal/spawn internal/types",
	"cmd/aqload":              "internal/client internal/client/livekit internal/spawn internal/recovery internal/types",
	"internal/testnet":        "internal/client internal/metrics internal/sfu internal/sfu/packet internal/types internal/webrtcapi",
}

// forbidden lists what only some packages may import, and why.
var forbidden = []struct {
	prefix string   // of the import path
	only   []string // packages that may; a trailing slash means everything below
	reason string
}{
	{"github.com/gorilla/websocket", []string{"internal/handlers", "internal/keepalive", "internal/client", "internal/client/"},
		"room and sfu are handed a Signaller and know no socket"},
	{"github.com/pion/webrtc", []string{"internal/webrtcapi", "internal/sfu", "internal/client", "internal/client/", "internal/testnet", "cmd/aqfigures", "cmd/aqload"},
		"PeerConnections live in sfu alone, and the packet path below it must be testable without"},
	{"github.com/pion/", []string{"internal/webrtcapi", "internal/sfu", "internal/sfu/", "internal/client", "internal/client/", "internal/testnet", "cmd/aqfigures", "cmd/aqload"},
		"the control plane knows no media"},
	{"github.com/golang-jwt/", []string{"internal/auth", "internal/client/livekit"}, "tokens are checked in one place; another server's are made by its client"},
	{"google.golang.org/protobuf", []string{"internal/client/livekit"}, "our protocol is JSON"},
	{"github.com/coreos/go-systemd", []string{"internal/systemd"}, "who started the process is its own affair"},
	{"github.com/caarlos0/env", []string{"internal/config"}, "settings are read in one place"},
	{"github.com/prometheus/", []string{"internal/metrics"}, "counters are plain atomics; only the endpoint knows Prometheus"},
	{module + "internal/client", []string{"internal/client/livekit", "internal/testnet", "cmd/aqfigures", "cmd/aqload"}, "it is for tests and tools"},
	{module + "internal/testnet", nil, "it is for tests"},
	{"go.uber.org/goleak", nil, "for tests only"},
	{"net/http/pprof", []string{"internal/routes"}, "it is served on ADMIN_ADDR only; nothing serves the default mux"},
	{"expvar", nil, "it registers itself on the public port"},
	{"log", nil, "log/slog, which escapes what clients write"},
	{"unsafe", []string{"internal/udpio", "cmd/aqload"}, "not worth a crash; system calls need it"},
	{"math/rand", nil, "math/rand/v2, or crypto/rand for what must not be guessed"},
	{"encoding/gob", nil, "input from outside is JSON"},
}

// pure packages get packets and the time and return decisions. (sfu/history is
// not among them: its lock is what lets a subscriber's NACK read while the
// publisher's packets come in.)
var pure = []string{
	"internal/seqnum", "internal/sfu/allocate", "internal/sfu/bwe", "internal/sfu/codec", "internal/sfu/forward", "internal/sfu/nack",
	"internal/sfu/slots", "internal/sfu/speaker", "internal/sfu/transfer", "internal/types",
}

type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func packages(t *testing.T) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var list []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return list
		case err != nil:
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	gone := maps.Clone(allowed)
	for _, p := range packages(t) {
		if strings.HasPrefix(p.name(), "test/") {
			continue // may import anything; that nothing imports them is in allowed
		}
		may, known := allowed[p.name()]
		delete(gone, p.name())
		if !known {
			t.Errorf("%s is not on the map: add it to allowed, with what it may import", p.name())
			continue
		}
		for _, imported := range p.Imports {
			own, ok := strings.CutPrefix(imported, module)
			if ok && !slices.Contains(strings.Fields(may), own) {
				t.Errorf("%s must not import %s", p.name(), own)
			}
		}
	}
	for name := range gone {
		t.Errorf("%s is on the map but does not exist", name)
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.name(), "test/") {
			continue // clients, not the server
		}
		for _, imported := range p.Imports {
			for _, rule := range forbidden {
				matches := imported == rule.prefix || strings.HasPrefix(imported, strings.TrimSuffix(rule.prefix, "/")+"/")
				if matches && !mayImport(p.name(), imported, rule.only) {
					t.Errorf("%s must not import %s: %s", p.name(), imported, rule.reason)
				}
			}
		}
	}
}

func mayImport(name, imported string, only []string) bool {
	// "log" and "math/rand" have good packages below them.
	if imported == "log/slog" || imported == "math/rand/v2" {
		return true
	}
	for _, o := range only {
		if name == o || strings.HasSuffix(o, "/") && strings.HasPrefix(name, o) {
			return true
		}
	}
	return false
}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		for _, imported := range p.Imports {
			for _, impure := range []string{"net", "net/http", "os", "log/slog", "context"} {
				if imported == impure {
					t.Errorf("%s is pure and must not import %s", p.name(), imported)
				}
			}
		}
		for _, file := range p.GoFiles {
			checkPure(t, filepath.Join(p.Dir, file))
		}
	}
}

// checkPure finds goroutines, channels, locks and clocks in a file.
func checkPure(t *testing.T, file string) {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	impure := []string{
		"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer",
		"time.NewTicker", "time.Tick", "sync.Mutex", "sync.RWMutex", "sync.WaitGroup", "sync.Cond",
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "a goroutine"
		case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			what = "a channel"
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impure, x.Name+"."+n.Sel.Name) {
				what = x.Name + "." + n.Sel.Name
			}
		}
		if what != "" {
			t.Errorf("%s: a pure package has no %s", files.Position(n.Pos()), what)
		}
		return true
	})
}
