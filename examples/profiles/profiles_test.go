package main

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tiercache/tiercache"
)

func TestFileIsReadOverThePresets(t *testing.T) {
	got, err := parse(file)
	if err != nil {
		t.Fatalf("parse() = %v, want nil", err)
	}
	users, countries := tiercache.Resilient(), tiercache.Static()
	users.TTL, users.StaleFor = 30*time.Second, time.Hour
	countries.TTL, countries.Jitter = tiercache.Forever, 0
	want := map[string]tiercache.Profile{"users": users, "prices": tiercache.Volatile(), "countries": countries}
	if len(got) != len(want) {
		t.Errorf("parse() has %d profiles, want %d", len(got), len(want))
	}
	for name, p := range want {
		if got[name] != p {
			t.Errorf("profile of %s = %+v, want %+v", name, got[name], p)
		}
	}
}

func TestProfileSurvivesYAML(t *testing.T) {
	for _, p := range []tiercache.Profile{
		tiercache.Volatile(), tiercache.Standard(), tiercache.Resilient(), tiercache.Static(),
		{TTL: tiercache.Forever, StaleFor: 90 * time.Minute, StaleAfter: 50 * time.Millisecond, LoadTimeout: time.Second, LeaseFor: 2 * time.Second},
	} {
		text, err := yaml.Marshal(p)
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v, want nil", p, err)
		}
		var got tiercache.Profile
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("Unmarshal(%q) = %v, want nil", text, err)
		}
		if got != p {
			t.Errorf("%+v became %+v by way of %q", p, got, text)
		}
	}
}

func TestMistakesInTheFileAreReported(t *testing.T) {
	for text, want := range map[string]string{
		"users: {preset: eternal}":              `unknown preset "eternal"`,
		"users: {profile: {tll: 5s}}":           `unknown field "tll"`,
		"users: {profile: {ttl: 5}}":            "want a duration",
		"users: {profile: {ttl: -5s}}":          "negative",
		"users: {profile: {jitter: 1h}}":        "must be less than ttl",
		"users: {prefix: volatile}":             "prefix",
		"users: {profile: [5s]}":                "cache users",
		"users: {profile: {ttl: {seconds: 5}}}": "cache users",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v, want an error with %q", text, err, want)
		}
	}
}
