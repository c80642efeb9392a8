package tiertest_test

import (
	"testing"

	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/tiertest"
)

// In the test of an implementation of your own this is the body of a TestConformance.
func ExampleTest() {
	_ = func(t *testing.T) {
		tiertest.Test(t, func(t *testing.T) tier.Tier[string] {
			return tier.Memory[string](tier.MemoryConfig{MaxEntries: 1 << 20})
		})
	}
	// Output:
}
