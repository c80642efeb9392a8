// Package keys says which names and keys are allowed, and under which keys a cache stores its entries.
package keys

import (
	"errors"
	"fmt"
	"strings"
)

// maxName is the length of the longest name of a cache, in bytes.
const maxName = 64

// CheckName says why name cannot be the name of a cache, if so. A name is 1 to 64 ASCII letters, digits, '.', '_' and '-'.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("empty name")
	case len(name) > maxName:
		return fmt.Errorf("name %s has %d bytes, more than %d", shorten(name), len(name), maxName)
	}
	for i := range len(name) {
		if !inName(name[i]) {
			return fmt.Errorf("name %q has %q in it, only letters, digits, '.', '_' and '-' are allowed", name, name[i:i+1])
		}
	}
	return nil
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// Check says why key cannot be a key, if so: it is empty or has more than max bytes.
func Check(key string, max int) error {
	switch {
	case key == "":
		return errors.New("empty key")
	case len(key) > max:
		return fmt.Errorf("key %s has %d bytes, more than %d", shorten(key), len(key), max)
	}
	return nil
}

// shorten quotes the beginning of s, so that an error does not grow with what it complains about.
func shorten(s string) string {
	const enough = 32
	if len(s) <= enough {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q...", s[:enough])
}

// Physical returns the key under which the cache of the given name stores its entry of key.
//
// It is "name:key", or "name{}:key" if there is a '{' in key. In a Redis Cluster the part of a key between its first '{' and the '}'
// after it chooses the node, unless it is empty: then, and without braces, the whole key does. The
// empty braces keep those in key from doing so.
//
// No two pairs of name and key have the same physical key, and none has that of a Meta. The first of the bytes ':', '{' and
// '!' in a physical key ends the name, since names have none of them. What it is tells the three forms apart, and all
// that comes after it, or after "{}:", is the key.
func Physical(name, key string) string {
	if strings.IndexByte(key, '{') < 0 {
		return name + ":" + key
	}
	return name + "{}:" + key
}

// Meta returns the key under which the cache of the given name stores what it has to remember of itself. It is no
// Physical key of any cache.
func Meta(name, what string) string { return name + "!" + what }

// Logical takes a physical key apart: ok reports whether it is Physical(name, key) of a name that CheckName allows.
func Logical(physical string) (name, key string, ok bool) {
	i := strings.IndexAny(physical, ":{!")
	if i < 0 {
		return "", "", false
	}
	name, key = physical[:i], physical[i:]
	if rest, braces := strings.CutPrefix(key, "{}:"); braces {
		key, ok = rest, strings.Contains(rest, "{")
	} else {
		key, ok = strings.CutPrefix(key, ":")
		ok = ok && !strings.Contains(key, "{")
	}
	if !ok || CheckName(name) != nil {
		return "", "", false
	}
	return name, key, true
}
