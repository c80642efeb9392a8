package codec_test

import (
	"testing"

	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/codec/codectest"
)

func TestCodecsConform(t *testing.T) {
	t.Run("MsgPack", func(t *testing.T) { codectest.Test(t, codec.MsgPack{}) })
	t.Run("MsgPackArray", func(t *testing.T) { codectest.Test(t, codec.MsgPack{Array: true}) })
	t.Run("JSON", func(t *testing.T) { codectest.Test(t, codec.JSON{}) })
	t.Run("Gob", func(t *testing.T) { codectest.Test(t, codec.Gob{}) })
	t.Run("Raw", func(t *testing.T) { codectest.TestBytes(t, codec.Raw{}) })
}

func TestCompressedCodecsConform(t *testing.T) {
	for _, cfg := range []codec.Compression{
		{Algorithm: codec.S2, MaxSize: 8 << 20},
		{Algorithm: codec.Zstd, MaxSize: 8 << 20},
		{Algorithm: codec.S2, MaxSize: 8 << 20, Threshold: 1},
		{Algorithm: codec.Zstd, MaxSize: 8 << 20, Threshold: 1},
	} {
		name := cfg.Algorithm.String()
		if cfg.Threshold == 1 {
			name += "WithoutThreshold"
		}
		t.Run(name, func(t *testing.T) {
			t.Run("MsgPack", func(t *testing.T) { codectest.Test(t, compress(t, codec.MsgPack{}, cfg)) })
			t.Run("Raw", func(t *testing.T) { codectest.TestBytes(t, compress(t, codec.Raw{}, cfg)) })
		})
	}
}

// bare is a codec that is no Appender.
type bare struct{ codec.Codec }

func TestACodecThatIsNoAppenderConforms(t *testing.T) {
	codectest.Test(t, bare{codec.JSON{}})
	codectest.Test(t, compress(t, bare{codec.JSON{}}, codec.Compression{MaxSize: 8 << 20}))
}

func compress(t testing.TB, c codec.Codec, cfg codec.Compression) codec.Appender {
	t.Helper()
	z, err := codec.Compress(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
