package invalidate_test

import (
	"strings"
	"testing"

	"github.com/tiercache/tiercache/invalidate"
)

// Processes of different versions and platforms must agree on these numbers for ever.
func TestPartitionNeverChanges(t *testing.T) {
	for _, c := range []struct {
		cache, key string
		want       int
	}{
		{"", "", 3},
		{"users", "42", 13},
		{"users", "43", 14},
		{"users", "", 3},
		{"", "users", 14},
		{"ab", "c", 4},
		{"a", "bc", 1},
		{"кэш", "ключ", 5},
		{"\x00\xff", "\xfe\x00", 14},
		{"pages", "/index.html?" + strings.Repeat("x", 100), 5},
	} {
		if got := invalidate.Partition(c.cache, c.key); got != c.want {
			t.Errorf("Partition(%q, %q) = %d, want %d", c.cache, c.key, got, c.want)
		}
	}
	if invalidate.Partitions != 16 {
		t.Errorf("Partitions = %d, want 16", invalidate.Partitions)
	}
}
