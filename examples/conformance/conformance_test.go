// Package conformance calls the suite of each plug, as the author of another implementation would.
package conformance

import (
	"testing"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/backend/backendtest"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/codec/codectest"
	"github.com/tiercache/tiercache/invalidate"
	"github.com/tiercache/tiercache/invalidate/invalidatetest"
	"github.com/tiercache/tiercache/tier"
	"github.com/tiercache/tiercache/tier/tiertest"
)

func TestBackend(t *testing.T) {
	open := func(t *testing.T) backend.Backend { return backend.NewMemory() }
	backendtest.Test(t, open, backendtest.Options{Bubble: true})
}

func TestCodec(t *testing.T) {
	codectest.Test(t, codec.MsgPack{})
}

func TestTier(t *testing.T) {
	tiertest.Test(t, func(t *testing.T) tier.Tier[string] {
		return tier.Remote[string](backend.NewMemory(), codec.MsgPack{})
	})
}

func TestBus(t *testing.T) {
	invalidatetest.Test(t, func(t *testing.T) (a, b invalidate.Bus) {
		bus := invalidate.NewMemory()
		return bus, bus // it joins the caches of one process
	})
}
