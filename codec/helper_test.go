package codec_test

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/tiercache/tiercache/codec"
)

// user is a small value such as most caches hold.
type user struct {
	ID       int64
	Name     string
	Email    string
	Active   bool
	Score    float64
	Created  time.Time
	Tags     []string
	Settings map[string]string
	Parent   *int64
}

func newUser() user {
	parent := int64(7)
	return user{
		ID:       1234567890,
		Name:     "Grace Hopper",
		Email:    "grace@example.com",
		Active:   true,
		Score:    98.6,
		Created:  time.Unix(1700000000, 123456789),
		Tags:     []string{"admin", "staff", "navy"},
		Settings: map[string]string{"lang": "en", "theme": "dark"},
		Parent:   &parent,
	}
}

// allocated returns how many bytes the process allocates while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func mustMarshal(t testing.TB, c codec.Codec, v any) []byte {
	t.Helper()
	data, err := c.Marshal(v)
	if err != nil {
		t.Fatalf("Marshal(%T): %v", v, err)
	}
	return data
}

func roundTrip[V any](t testing.TB, c codec.Codec, want V) {
	t.Helper()
	var got V
	if err := c.Unmarshal(mustMarshal(t, c, want), &got); err != nil {
		t.Fatalf("Unmarshal into %T: %v", got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("after a round trip by %s got %.500s, want %.500s", c.Name(), fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
}
