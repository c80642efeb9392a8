package tiercache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/tiercache/tiercache"
)

// A call may let its entry live in another way than the cache does.
func ExampleCallOption() {
	ctx := context.Background()
	users := exampleUsers(tiercache.Standard())
	defer users.Close()

	// A user who is not there yet is about to be: do not remember the absence.
	_, _ = users.GetOrLoad(ctx, "7", userFromDB, tiercache.WithAbsentFor(0))
	_, err := users.GetOrLoad(ctx, "7", userFromDB, tiercache.WithTTL(time.Hour), tiercache.WithStaleFor(24*time.Hour))
	fmt.Println(err)
	// Output:
	// query: 7
	// query: 7
	// tiercache: not found
}

// An option of one's own is a function of the profile.
func ExampleCallOption_own() {
	halved := func(p tiercache.Profile) tiercache.Profile {
		p.TTL, p.Jitter = p.TTL/2, p.Jitter/2
		return p
	}
	p := halved(tiercache.Standard())
	fmt.Println(p.TTL, p.Jitter)
	// Output: 2m30s 15s
}

// A configuration file says only what is different from a preset.
func ExampleProfile_UnmarshalJSON() {
	config := struct{ Users, Sessions tiercache.Profile }{
		Users:    tiercache.Resilient(),
		Sessions: tiercache.Volatile(),
	}
	err := json.Unmarshal([]byte(`{
		"users":    {"ttl": "10m", "stale_after": "50ms"},
		"sessions": {"absent_for": "0s"}
	}`), &config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(config.Users.TTL, config.Users.StaleFor, config.Users.StaleAfter)
	fmt.Println(config.Sessions.TTL, config.Sessions.AbsentFor)

	err = json.Unmarshal([]byte(`{"users": {"ttl": 600}}`), &config)
	fmt.Println(err)
	// Output:
	// 10m0s 24h0m0s 50ms
	// 5s 0s
	// tiercache: profile: ttl: want a duration such as "30s", got "600"
}

func ExampleProfile_MarshalJSON() {
	text, err := json.Marshal(tiercache.Profile{TTL: tiercache.Forever, AbsentFor: time.Minute})
	fmt.Println(string(text), err)
	// Output: {"absent_for":"1m0s","ttl":"forever"} <nil>
}

// Environment variables have the last word over what the program says.
func ExampleProfile_FromEnv() {
	os.Setenv("USERS_CACHE_TTL", "10m")
	os.Setenv("USERS_CACHE_STALE_FOR", "1h")
	defer os.Unsetenv("USERS_CACHE_TTL")
	defer os.Unsetenv("USERS_CACHE_STALE_FOR")

	p, err := tiercache.Standard().FromEnv("USERS_CACHE_")
	fmt.Println(p.TTL, p.StaleFor, p.AbsentFor, err)
	// Output: 10m0s 1h0m0s 30s <nil>
}

// New validates a profile. A program that reads many may do so before.
func ExampleProfile_Validate() {
	fmt.Println(tiercache.Profile{}.Validate())
	fmt.Println(tiercache.Profile{TTL: time.Second, Jitter: time.Minute}.Validate())
	fmt.Println(tiercache.Static().Validate())
	// Output:
	// tiercache: profile: ttl must be positive (Forever for entries that do not expire)
	// tiercache: profile: jitter (1m0s) must be less than ttl (1s)
	// <nil>
}
