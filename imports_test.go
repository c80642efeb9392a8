package tiercache_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tiercache/tiercache"

// allowed says for each package which packages of this module its non-test files may import: a package above may
// import those below, never the other way round, and plugs do not import each other sideways.
var allowed = map[string][]string{
	".":                         {"tier", "backend", "codec", "invalidate", "internal/clock", "internal/fence", "internal/keys", "internal/stripe"},
	"layered":                   {".", "tier", "codec", "backend/redisstore", "invalidate/redisbus"},
	"tier":                      {"backend", "codec", "internal/clock", "internal/fence", "internal/envelope", "internal/keys"},
	"tier/ottertier":            {"tier"},
	"tier/tiertest":             {"tier"},
	"backend":                   {},
	"backend/redisstore":        {"backend", "internal/clock"},
	"backend/backendtest":       {"backend"},
	"codec":                     {},
	"codec/codectest":           {"codec"},
	"invalidate":                {},
	"invalidate/redisbus":       {"invalidate", "internal/chain", "internal/clock"},
	"invalidate/invalidatetest": {"invalidate"},
	"internal/chain":            {},
	"internal/clock":            {},
	"internal/envelope":         {},
	"internal/fence":            {"internal/clock"},
	"internal/keys":             {},
	"internal/mutations":        {},
	"internal/process":          {},
	"internal/redisproc":        {"internal/process"},
	"internal/redistest":        {"internal/redisproc"},
	"internal/stripe":           {},
}

// owners says which packages may import a third-party module.
var owners = map[string][]string{
	"github.com/redis/go-redis/v9":      {"backend/redisstore", "invalidate/redisbus", "layered", "internal/redistest"},
	"github.com/dgraph-io/ristretto/v2": {"tier"},
	"github.com/maypok86/otter/v2":      {"tier/ottertier"},
	"github.com/vmihailenco/msgpack/v5": {"codec"},
	"github.com/klauspost/compress":     {"codec"},
	"github.com/alicebob/miniredis/v2":  {"internal/redistest"},
	"golang.org/x/sys":                  {"internal/clock"},
	"github.com/cespare/xxhash/v2":      {},
}

func TestImportsPointDown(t *testing.T) {
	seen := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			nested, _ := filepath.Glob(filepath.Join(path, "go.mod"))
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || len(nested) > 0) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		seen[pkg] = true
		below, known := allowed[pkg]
		if !known {
			t.Errorf("%s: package %s has no line in the import rules", path, pkg)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			checkImport(t, path, pkg, must(strconv.Unquote(spec.Path.Value)), below)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the import rules name %s, which does not exist", pkg)
		}
	}
}

func checkImport(t *testing.T, path, pkg, imported string, below []string) {
	t.Helper()
	if rel, ok := strings.CutPrefix(imported, module); ok {
		rel = strings.TrimPrefix(rel, "/")
		if rel == "" {
			rel = "."
		}
		if !slices.Contains(below, rel) {
			t.Errorf("%s: %s must not import %s", path, pkg, rel)
		}
		return
	}
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return // standard library
	}
	for mod, pkgs := range owners {
		if imported == mod || strings.HasPrefix(imported, mod+"/") {
			if !slices.Contains(pkgs, pkg) {
				t.Errorf("%s: %s must not import %s", path, pkg, imported)
			}
			return
		}
	}
	t.Errorf("%s: %s has no line in the import rules", path, imported)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
