package tiercache_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiercache/tiercache"
)

// profileFull has another value in every field, none of them zero.
func profileFull() tiercache.Profile {
	return tiercache.Profile{
		TTL:         7 * time.Minute,
		Jitter:      6 * time.Second,
		StaleFor:    5 * time.Hour,
		StaleAfter:  40 * time.Millisecond,
		AbsentFor:   3 * time.Second,
		LoadTimeout: 2 * time.Second,
		LeaseFor:    time.Second,
	}
}

// A field that is added to Profile must be added to profileFull, and so to the tests below.
func TestProfileFullIsFull(t *testing.T) {
	v := reflect.ValueOf(profileFull())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is zero", v.Type().Field(i).Name)
		}
	}
}

func TestPresetsAreValid(t *testing.T) {
	for name, p := range map[string]tiercache.Profile{
		"Volatile":  tiercache.Volatile(),
		"Standard":  tiercache.Standard(),
		"Resilient": tiercache.Resilient(),
		"Static":    tiercache.Static(),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s().Validate() = %v, want nil", name, err)
		}
		newCache(t, tiercache.Config[int64]{Profile: p})
	}
}

func TestJSONIsReadOverAPreset(t *testing.T) {
	p := tiercache.Resilient()
	if err := json.Unmarshal([]byte(`{"ttl": "2m30s", "absent_for": "0s"}`), &p); err != nil {
		t.Fatalf("Unmarshal() = %v, want nil", err)
	}
	want := tiercache.Resilient()
	want.TTL, want.AbsentFor = 150*time.Second, 0
	if p != want {
		t.Errorf("Unmarshal() made %+v, want %+v", p, want)
	}
}

func TestJSONReadsEveryField(t *testing.T) {
	const text = `{"ttl": "7m", "jitter": "6s", "stale_for": "5h", "stale_after": "40ms", "absent_for": "3s",
		"load_timeout": "2s", "lease_for": "1s"}`
	var p tiercache.Profile
	if err := json.Unmarshal([]byte(text), &p); err != nil || p != profileFull() {
		t.Errorf("Unmarshal() made %+v, %v, want %+v, nil", p, err, profileFull())
	}
}

func TestJSONThatChangesNothing(t *testing.T) {
	for _, text := range []string{`{}`, `null`} {
		p := profileFull()
		if err := json.Unmarshal([]byte(text), &p); err != nil || p != profileFull() {
			t.Errorf("Unmarshal(%s) made %+v, %v, want what was there and nil", text, p, err)
		}
	}
}

func TestForeverIsAWordInJSON(t *testing.T) {
	var p tiercache.Profile
	if err := json.Unmarshal([]byte(`{"ttl": "forever", "stale_for": "forever"}`), &p); err != nil {
		t.Fatalf("Unmarshal() = %v, want nil", err)
	}
	if p.TTL != tiercache.Forever || p.StaleFor != tiercache.Forever {
		t.Errorf("Unmarshal() made %+v, want Forever twice", p)
	}
	text, err := json.Marshal(p)
	if want := `{"stale_for":"forever","ttl":"forever"}`; string(text) != want || err != nil {
		t.Errorf("Marshal() = %s, %v, want %s, nil", text, err, want)
	}
}

func TestMistakesInJSONAreNamedAndChangeNothing(t *testing.T) {
	for text, say := range map[string]string{
		`{"stale_for": "1h", "ttl": "5 minutes"}`: `ttl: want a duration such as "30s", got "5 minutes"`,
		`{"stale_for": "1h", "ttl": 30}`:          `ttl: want a duration such as "30s", got "30"`,
		`{"stale_for": "1h", "ttl": "30"}`:        `ttl: want a duration such as "30s", got "30"`,
		`{"stale_for": "1h", "ttl": ""}`:          `ttl: want a duration`,
		`{"stale_for": "1h", "ttl": null}`:        `ttl: want a duration`,
		`{"stale_for": "1h", "ttl": ["1s"]}`:      `ttl: want a duration`,
		`{"stale_for": "1h", "ttl": "-1s"}`:       `ttl is negative (-1s)`,
		`{"stale_for": "1h", "Forever": "1s"}`:    `unknown field "Forever"`,
		`{"stale_for": "1h", "TTL": "1s"}`:        `unknown field "TTL"`,
		`["1s"]`:                                  `tiercache: profile: `,
		`"1s"`:                                    `tiercache: profile: `,
	} {
		p := profileFull()
		err := json.Unmarshal([]byte(text), &p)
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("Unmarshal(%s) = %v, want an error with %s", text, err, say)
		}
		if p != profileFull() {
			t.Errorf("Unmarshal(%s) made %+v, want it unchanged", text, p)
		}
	}
}

func TestProfileSurvivesJSON(t *testing.T) {
	for _, want := range []tiercache.Profile{
		profileFull(),
		{},
		{TTL: tiercache.Forever},
		{TTL: 1},
		tiercache.Volatile(), tiercache.Standard(), tiercache.Resilient(), tiercache.Static(),
	} {
		text, err := json.Marshal(struct{ P tiercache.Profile }{want})
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v, want nil", want, err)
		}
		var got struct{ P tiercache.Profile }
		if err := json.Unmarshal(text, &got); err != nil || got.P != want {
			t.Errorf("Unmarshal(%s) made %+v, %v, want %+v, nil", text, got.P, err, want)
		}
	}
}

// profileYAML is what a YAML library gives to UnmarshalYAML for a mapping of scalars.
func profileYAML(texts map[string]string) func(any) error {
	return func(into any) error {
		m, ok := into.(*map[string]string)
		if !ok {
			return errors.New("cannot decode into this type")
		}
		*m = texts
		return nil
	}
}

func TestYAMLIsReadOverAPreset(t *testing.T) {
	p := tiercache.Resilient()
	if err := p.UnmarshalYAML(profileYAML(map[string]string{"ttl": "90s", "stale_for": "forever"})); err != nil {
		t.Fatalf("UnmarshalYAML() = %v, want nil", err)
	}
	want := tiercache.Resilient()
	want.TTL, want.StaleFor = 90*time.Second, tiercache.Forever
	if p != want {
		t.Errorf("UnmarshalYAML() made %+v, want %+v", p, want)
	}
}

func TestMistakesInYAMLAreNamedAndChangeNothing(t *testing.T) {
	noMapping := errors.New("line 3: not a mapping")
	for say, unmarshal := range map[string]func(any) error{
		noMapping.Error():          func(any) error { return noMapping },
		`unknown field "expiry"`:   profileYAML(map[string]string{"ttl": "1s", "expiry": "1s"}),
		`ttl: want a duration`:     profileYAML(map[string]string{"ttl": "30"}),
		`jitter is negative (-1s)`: profileYAML(map[string]string{"ttl": "1s", "jitter": "-1s"}),
	} {
		p := profileFull()
		err := p.UnmarshalYAML(unmarshal)
		if err == nil || !strings.Contains(err.Error(), say) || !strings.HasPrefix(err.Error(), "tiercache: profile: ") {
			t.Errorf("UnmarshalYAML() = %v, want an error with %s", err, say)
		}
		if p != profileFull() {
			t.Errorf("UnmarshalYAML() failed and made %+v, want it unchanged", p)
		}
	}
	var p tiercache.Profile
	if err := p.UnmarshalYAML(func(any) error { return noMapping }); !errors.Is(err, noMapping) {
		t.Errorf("UnmarshalYAML() = %v, want one that wraps the error of the library", err)
	}
}

func TestProfileSurvivesYAML(t *testing.T) {
	v, err := profileFull().MarshalYAML()
	texts, ok := v.(map[string]string)
	if err != nil || !ok {
		t.Fatalf("MarshalYAML() = %v, %v, want a map of texts", v, err)
	}
	var p tiercache.Profile
	if err := p.UnmarshalYAML(profileYAML(texts)); err != nil || p != profileFull() {
		t.Errorf("UnmarshalYAML(%v) made %+v, %v, want %+v, nil", texts, p, err, profileFull())
	}
}

func TestShorterTTLReducesTheJitterOfAPreset(t *testing.T) {
	t.Setenv("T_TTL", "30s")
	want := tiercache.Standard()
	want.TTL, want.Jitter = 30*time.Second, 3*time.Second
	if p, err := tiercache.Standard().FromEnv("T_"); err != nil || p != want {
		t.Errorf("FromEnv(T_) = %+v, %v, want %+v, nil", p, err, want)
	}
	p := tiercache.Standard()
	if err := json.Unmarshal([]byte(`{"ttl": "30s"}`), &p); err != nil || p != want {
		t.Errorf("Unmarshal() = %+v, %v, want %+v, nil", p, err, want)
	}
	// A jitter that somebody has asked for is a mistake to be told of.
	if err := json.Unmarshal([]byte(`{"ttl": "30s", "jitter": "1m"}`), &p); err != nil || p.Validate() == nil {
		t.Errorf("Unmarshal() = %+v, %v, want a profile that is not valid", p, err)
	}
}

func TestFromEnvReplacesWhatIsSet(t *testing.T) {
	for name, value := range map[string]string{
		"T_TTL": "7m", "T_JITTER": "6s", "T_STALE_FOR": "5h", "T_STALE_AFTER": "40ms", "T_ABSENT_FOR": "3s",
		"T_LOAD_TIMEOUT": "2s", "T_LEASE_FOR": "1s",
		"U_TTL": "forever", "U_STALE_FOR": "",
	} {
		t.Setenv(name, value)
	}
	if p, err := (tiercache.Profile{}).FromEnv("T_"); err != nil || p != profileFull() {
		t.Errorf("FromEnv(T_) = %+v, %v, want %+v, nil", p, err, profileFull())
	}
	want := tiercache.Resilient()
	want.TTL = tiercache.Forever
	if p, err := tiercache.Resilient().FromEnv("U_"); err != nil || p != want {
		t.Errorf("FromEnv(U_) = %+v, %v, want %+v, nil", p, err, want)
	}
	if p, err := tiercache.Resilient().FromEnv("NOT_SET_"); err != nil || p != tiercache.Resilient() {
		t.Errorf("FromEnv(NOT_SET_) = %+v, %v, want the profile itself, nil", p, err)
	}
}

func TestMistakesInTheEnvironmentNameTheVariable(t *testing.T) {
	t.Setenv("T_TTL", "1h")
	for value, say := range map[string]string{
		"10":  `stale_for: want a duration such as "30s", got "10" (from T_STALE_FOR)`,
		"-1m": "stale_for is negative (-1m0s) (from T_STALE_FOR)",
		" 1m": "(from T_STALE_FOR)",
	} {
		t.Setenv("T_STALE_FOR", value)
		p, err := profileFull().FromEnv("T_")
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("FromEnv() with %q = %v, want an error with %s", value, err, say)
		}
		if p != profileFull() {
			t.Errorf("FromEnv() with %q = %+v, want it unchanged", value, p)
		}
	}
}
