package keys_test

import (
	"strings"
	"testing"

	"github.com/tiercache/tiercache/internal/keys"
)

// FuzzPhysical checks that Physical is injective, that Logical is its inverse, and that no part of a key chooses its slot.
func FuzzPhysical(f *testing.F) {
	f.Add("users", "42", "users", "{42}")
	f.Fuzz(func(t *testing.T, name, key, otherName, otherKey string) {
		physical := keys.Physical(name, key)
		other := keys.Physical(otherName, otherKey)
		named, otherNamed := keys.CheckName(name) == nil, keys.CheckName(otherName) == nil
		if named && otherNamed {
			if same := name == otherName && key == otherKey; same != (physical == other) {
				t.Errorf("Physical(%q, %q) = %q, Physical(%q, %q) = %q", name, key, physical, otherName, otherKey, other)
			}
		}
		if named {
			if n, k, ok := keys.Logical(physical); n != name || k != key || !ok {
				t.Errorf("Logical(%q) = %q, %q, %t, want %q, %q, true", physical, n, k, ok, name, key)
			}
			if hashed := hashTag(physical); hashed != physical {
				t.Errorf("slot of Physical(%q, %q) = %q depends on %q alone", name, key, physical, hashed)
			}
			if hashed := hashTag(keys.Meta(name, "generation")); hashed != keys.Meta(name, "generation") {
				t.Errorf("slot of the meta key of %q depends on %q alone", name, hashed)
			}
		}
		// Any string taken apart is put together again.
		if n, k, ok := keys.Logical(key); ok {
			if err := keys.CheckName(n); err != nil {
				t.Errorf("Logical(%q) has the name %q: %v", key, n, err)
			}
			if again := keys.Physical(n, k); again != key {
				t.Errorf("Logical(%q) = %q, %q, but Physical of that is %q", key, n, k, again)
			}
		}
	})
}

// hashTag returns the part of a key that Redis Cluster hashes, as its specification describes it: what is between the first
// brace and the closing one after it, or else everything.
func hashTag(key string) string {
	_, after, open := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(after, "}")
	if open && closed && tag != "" {
		return tag
	}
	return key
}
