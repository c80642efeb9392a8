package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
	"github.com/tiercache/tiercache/codec"
)

// parseShare returns the share that is written as 1% or as 0.01.
func parseShare(s string) (float64, error) {
	text, scale := s, 1.0
	if t, ok := strings.CutSuffix(s, "%"); ok {
		text, scale = t, 100
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= scale) {
		return 0, errors.New("want a share from 0% to 100%, or from 0 to 1")
	}
	return v / scale, nil
}

// parseSizes returns the numbers of a list.
func parseSizes(s string) (sizes []int, err error) {
	for field := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of entries", field)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// parseEngines returns the engines of a list.
func parseEngines(s string) (engines []fleet.Engine, err error) {
	for field := range strings.SplitSeq(s, ",") {
		e, err := fleet.ParseEngine(strings.TrimSpace(field))
		if err != nil {
			return nil, err
		}
		engines = append(engines, e)
	}
	return engines, nil
}

// parseCodec returns the codec of a name such as msgpack or json+s2.
func parseCodec(s string) (codec.Codec, error) {
	name, algorithm, compressed := strings.Cut(s, "+")
	var c codec.Codec
	switch name {
	case "msgpack":
		c = codec.MsgPack{}
	case "msgpack-array":
		c = codec.MsgPack{Array: true}
	case "json":
		c = codec.JSON{}
	case "gob":
		c = codec.Gob{}
	case "raw":
		c = codec.Raw{}
	default:
		return nil, fmt.Errorf("unknown codec %q (msgpack, msgpack-array, json, gob or raw)", name)
	}
	if !compressed {
		return c, nil
	}
	switch algorithm {
	case "s2":
		return codec.Compress(c, codec.Compression{Algorithm: codec.S2})
	case "zstd":
		return codec.Compress(c, codec.Compression{Algorithm: codec.Zstd})
	}
	return nil, fmt.Errorf("unknown compression %q (s2 or zstd)", algorithm)
}
