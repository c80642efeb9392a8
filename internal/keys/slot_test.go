package keys_test

import (
	"testing"

	"github.com/tiercache/tiercache/internal/keys"
	"github.com/tiercache/tiercache/internal/redistest"
)

// slot is the slot of a whole key: its CRC-16/XMODEM modulo the number of slots.
func slot(key string) int64 {
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int64(crc % 16384)
}

func TestBracesInKeysDoNotChooseTheSlot(t *testing.T) {
	rdb := redistest.Cluster(t).Nodes()[0].Client()
	for _, key := range []string{"42", "{42}", "{a}b", "a{b}c", "}{", "{}", "{}{a}", "{{a}}", "a}b{c}", "{", "}", "{a", "a}"} {
		physical := keys.Physical("users", key)
		got, err := rdb.ClusterKeySlot(t.Context(), physical).Result()
		if want := slot(physical); got != want || err != nil {
			t.Errorf("slot of %q = %d, %v, want %d, that of the whole key", physical, got, err, want)
		}
	}
	// Without the empty braces the test above would fail.
	if got, err := rdb.ClusterKeySlot(t.Context(), "users:{a}b").Result(); got != slot("a") || err != nil {
		t.Errorf("slot of users:{a}b = %d, %v, want %d, that of a", got, err, slot("a"))
	}
}
