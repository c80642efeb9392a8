package tiercache_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A step of the wall clock must not change what is served. So those who may look at it are few, and each has a reason: files and, where only the
// differences of monotonic readings count, packages. Whoever else needs the time has the instants of the tiers.
var wallClocks = map[string]string{
	"internal/clock/clock.go":           "once, to have a monotonic reading to count from",
	"internal/clock/suspended_other.go": "compared with the monotonic clock: a suspend shows as a difference",
	"backend/memory.go":                 "once for Now, and for deadlines that keep the monotonic reading",
	"backend/clock.go":                  "for a store that tells no time of its own",
	"backend/redisstore/clock.go":       "compared with the monotonic clock, as a hint to ask the server again",
	"tier/remote_time.go":               "not at all: it takes the time of the store apart",
	"invalidate/redisbus":               "differences of monotonic readings",
	"internal/redisproc":                "deadlines that keep the monotonic reading; it runs servers for tests",
}

// Of package time, these make a wall clock or read the wall clock of a Time.
var wallReadings = []string{"Unix", "UnixMilli", "UnixMicro", "UnixNano"}

func TestFewFilesLookAtTheWallClock(t *testing.T) {
	used := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		if d.IsDir() {
			nested, _ := filepath.Glob(filepath.Join(path, "go.mod"))
			tests := strings.HasSuffix(path, "test") && path != "." // they may look where they like
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || len(nested) > 0 || tests) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			now := sel.Sel.Name == "Now" && pkg != nil && pkg.Name == "time"
			if !now && !slices.Contains(wallReadings, sel.Sel.Name) {
				return true
			}
			used[path], used[filepath.ToSlash(filepath.Dir(path))] = true, true
			_, allowed := wallClocks[path]
			if !allowed && now {
				_, allowed = wallClocks[filepath.ToSlash(filepath.Dir(path))]
			}
			if !allowed {
				t.Errorf("%s looks at the wall clock with %s", files.Position(n.Pos()), sel.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range wallClocks {
		if !used[path] {
			t.Errorf("%s may look at the wall clock and does not", path)
		}
	}
}
