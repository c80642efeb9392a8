package keys_test

import (
	"strings"
	"testing"

	"github.com/tiercache/tiercache/internal/keys"
)

func TestNamesAreOfAFewHarmlessBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"a", true},
		{"users", true},
		{"Users.v2_EU-west", true},
		{"0123456789", true},
		{"...", true},
		{strings.Repeat("n", 64), true},
		{"", false},
		{strings.Repeat("n", 65), false},
		{"a b", false},
		{"a:b", false},
		{"a{b", false},
		{"a}b", false},
		{"a!b", false},
		{"a/b", false},
		{"a\x00", false},
		{"é", false},
		{"\xff", false},
		{"@", false}, // the neighbors of the ranges of letters and digits
		{"[", false},
		{"`", false},
		{",", false},
	} {
		if err := keys.CheckName(c.name); (err == nil) != c.ok {
			t.Errorf("CheckName(%q) = %v, want ok %t", c.name, err, c.ok)
		}
	}
}

func TestKeysAreNeitherEmptyNorTooLong(t *testing.T) {
	for _, c := range []struct {
		key  string
		max  int
		want string // the error, "" if there is none
	}{
		{"k", 1, ""},
		{"\x00", 10, ""},
		{"{a}:b", 5, ""},
		{strings.Repeat("k", 1024), 1024, ""},
		{"", 1024, "empty key"},
		{"kk", 1, `key "kk" has 2 bytes, more than 1`},
		{"é", 1, `key "é" has 2 bytes, more than 1`},
		{strings.Repeat("k", 1025), 1024, `key "` + strings.Repeat("k", 32) + `"... has 1025 bytes, more than 1024`},
	} {
		got := ""
		if err := keys.Check(c.key, c.max); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Check(%.40q, %d) = %q, want %q", c.key, c.max, got, c.want)
		}
	}
}

func TestErrorsDoNotGrowWithTheName(t *testing.T) {
	for _, name := range []string{strings.Repeat("n", 1<<20), strings.Repeat("\xff", 1<<20)} {
		err := keys.CheckName(name)
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("CheckName of a megabyte = %.300v, want a short error", err)
		}
	}
}

func TestPhysicalKeys(t *testing.T) {
	for _, c := range []struct{ name, key, want string }{
		{"users", "42", "users:42"},
		{"users", "a:b", "users:a:b"},
		{"users", "a}b", "users:a}b"},
		{"users", "{a}b", "users{}:{a}b"},
		{"users", "a{", "users{}:a{"},
		{"users", "{}:{", "users{}:{}:{"},
	} {
		if got := keys.Physical(c.name, c.key); got != c.want {
			t.Errorf("Physical(%q, %q) = %q, want %q", c.name, c.key, got, c.want)
		}
	}
}

func TestOnlyPhysicalKeysAreTakenApart(t *testing.T) {
	for _, physical := range []string{
		"",
		"users",
		":42",
		"a b:42",
		strings.Repeat("n", 65) + ":42",
		"users:{42}",     // Physical would have written users{}:{42}
		"users{}:42",     // Physical would have written users:42
		"users{}",        // no key
		"users{:}42",     // other braces
		"users{x}:{42}",  // not empty
		"users!a:b",      // a Meta key
		"users!{}:{a}",   // a Meta key
		"users!what",     // a Meta key
		"\xff:42",        // no name
		"users\x00:{42}", // no name
	} {
		if name, key, ok := keys.Logical(physical); ok || name != "" || key != "" {
			t.Errorf("Logical(%q) = %q, %q, %t, want none", physical, name, key, ok)
		}
	}
}

func TestMetaKeysAreNobodysPhysicalKeys(t *testing.T) {
	for _, what := range []string{"generation", "", ":k", "{}:{k"} {
		if name, key, ok := keys.Logical(keys.Meta("users", what)); ok {
			t.Errorf("Meta(users, %q) is the physical key of %q in %q", what, key, name)
		}
	}
}
