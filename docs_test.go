package tiercache_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/tiercache/tiercache"
	"github.com/tiercache/tiercache/invalidate/redisbus"
)

// pages returns the text of every page of the documentation by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	paths := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	more, err := filepath.Glob("docs/*.md")
	if err != nil || len(more) == 0 {
		t.Fatalf("no pages in docs (%v)", err)
	}
	texts := make(map[string]string)
	for _, path := range append(paths, more...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.ToSlash(path)] = string(text)
	}
	return texts
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// squeeze returns the lines of code without indentation, alignment and blank lines, each ended by a newline, with one before the first.
func squeeze(code string) string {
	var out strings.Builder
	out.WriteByte('\n')
	for line := range strings.Lines(code) {
		if words := strings.Fields(line); len(words) > 0 {
			out.WriteString(strings.Join(words, " "))
			out.WriteByte('\n')
		}
	}
	return out.String()
}

func TestCodeInDocsIsCompiled(t *testing.T) {
	var sources []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		text, err := os.ReadFile(path)
		sources = append(sources, squeeze(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for path, text := range pages(t) {
	blocks:
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			if m[1] != "go" {
				continue
			}
			found++
			code := squeeze(m[2])
			for _, source := range sources {
				if strings.Contains(source, code) {
					continue blocks
				}
			}
			t.Errorf("%s: no Go file has these lines:\n%s", path, m[2])
		}
	}
	if found == 0 {
		t.Error("no page has Go code")
	}
}

// anchor returns the name by which GitHub links to a heading.
func anchor(heading string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			out.WriteByte('-')
		case r == '-' || r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r > 127:
			out.WriteRune(r)
		}
	}
	return out.String()
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

func TestLinksInDocsLead(t *testing.T) {
	texts := pages(t)
	anchors := make(map[string]bool)
	for path, text := range texts {
		for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			anchors[path+"#"+anchor(m[1])] = true
		}
	}
	for path, text := range texts {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s links to %s, which does not exist", path, m[1])
					continue
				}
			}
			if fragment != "" && !anchors[to+"#"+fragment] {
				t.Errorf("%s links to %s, but %s has no such heading", path, m[1], to)
			}
		}
	}
}

func TestEveryPageIsInTheIndexAndHasASummary(t *testing.T) {
	texts := pages(t)
	summary := regexp.MustCompile(`^# [^\n]+\n\n\| In short \|\n\| --- \|\n\| [^\n]+ \|\n\n`)
	for path, text := range texts {
		name, ok := strings.CutPrefix(path, "docs/")
		if !ok || name == "README.md" {
			continue
		}
		if !strings.Contains(texts["docs/README.md"], "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
		if !summary.MatchString(text) {
			t.Errorf("%s does not begin with a title and a table of one row, headed \"In short\"", path)
		}
	}
}

// TestDocsNameRealThings checks that all fields of some types are explained, each as `Name` at the beginning of a table row. Types that
// have a field of the same name need a row each.
func TestDocsNameRealThings(t *testing.T) {
	texts := pages(t)
	for page, types := range map[string][]any{
		"docs/operations.md": {tiercache.Stats{}, tiercache.TierStats{}, tiercache.Observer{}, redisbus.Stats{}},
		"docs/concepts.md":   {tiercache.Profile{}},
	} {
		want := make(map[string]int)
		for _, v := range types {
			for f := range reflect.TypeOf(v).Fields() {
				if f.Name != "Tiers" && f.Name != "Name" {
					want[f.Name]++
				}
			}
		}
		for name, n := range want {
			if got := strings.Count(texts[page], "\n| `"+name+"` |"); got < n {
				t.Errorf("%s explains %s in %d rows, want %d", page, name, got, n)
			}
		}
		for _, m := range row.FindAllStringSubmatch(texts[page], -1) {
			if want[m[1]] == 0 {
				t.Errorf("%s explains %s, which does not exist", page, m[1])
			}
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]*)` \\|")

func TestCommandsInDocsAreOfThisRepository(t *testing.T) {
	command := regexp.MustCompile(`go (?:run|test) (?:-\S+ )*(\./[\w./-]+)`)
	found := 0
	for path, text := range pages(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			found++
			dir := strings.TrimSuffix(m[1], "/...")
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				t.Errorf("%s: %q: there is no directory %s", path, m[0], dir)
			}
		}
	}
	if found == 0 {
		t.Error("no page has a command")
	}
}
