package tiercache

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// A profileField ties a field of a Profile to its name in configuration files.
type profileField struct {
	name  string
	value *time.Duration
}

// fields lists the fields of p by their names in JSON and YAML; in the environment the same in upper case.
func (p *Profile) fields() []profileField {
	return []profileField{
		{"ttl", &p.TTL},
		{"jitter", &p.Jitter},
		{"stale_for", &p.StaleFor},
		{"stale_after", &p.StaleAfter},
		{"absent_for", &p.AbsentFor},
		{"load_timeout", &p.LoadTimeout},
		{"lease_for", &p.LeaseFor},
	}
}

// UnmarshalJSON reads an object of duration strings, such as {"ttl": "5m", "stale_for": "1h"}. The names are ttl, jitter, stale_for,
// stale_after, absent_for, load_timeout and lease_for. Fields that are not there keep their value, so a profile can be read over
// a preset; only the jitter of the preset is reduced if it does not fit a shorter TTL. Unknown fields, numbers without a unit
// and negative durations are errors, and change nothing. "forever" means Forever.
func (p *Profile) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("tiercache: profile: %w", err)
	}
	texts := make(map[string]string)
	for name, msg := range raw {
		var s string
		if err := json.Unmarshal(msg, &s); err != nil {
			s = string(msg) // no duration either, as the error will say
		}
		texts[name] = s
	}
	return p.setAll(texts)
}

// UnmarshalYAML reads a mapping of durations, as UnmarshalJSON does. It is the method that gopkg.in/yaml, go.yaml.in/yaml and
// github.com/goccy/go-yaml look for.
func (p *Profile) UnmarshalYAML(unmarshal func(any) error) error {
	var texts map[string]string
	if err := unmarshal(&texts); err != nil {
		return fmt.Errorf("tiercache: profile: %w", err)
	}
	return p.setAll(texts)
}

// setAll sets the fields of the given names, all or none.
func (p *Profile) setAll(texts map[string]string) error {
	q := *p
	unknown := maps.Clone(texts)
	for _, f := range q.fields() {
		if s, ok := texts[f.name]; ok {
			delete(unknown, f.name)
			if err := f.set(s); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		return fmt.Errorf("tiercache: profile: unknown field %q", name)
	}
	if _, ok := texts["jitter"]; !ok {
		q = q.fitJitter()
	}
	*p = q
	return nil
}

// texts returns what setAll takes. Zero fields other than the TTL are left out.
func (p Profile) texts() map[string]string {
	out := make(map[string]string)
	for _, f := range p.fields() {
		switch {
		case *f.value == Forever:
			out[f.name] = "forever"
		case *f.value != 0 || f.name == "ttl":
			out[f.name] = f.value.String()
		}
	}
	return out
}

// MarshalJSON writes what UnmarshalJSON reads. Zero fields other than the TTL are left out.
func (p Profile) MarshalJSON() ([]byte, error) { return json.Marshal(p.texts()) }

// MarshalYAML returns what is written as YAML, with the same names.
func (p Profile) MarshalYAML() (any, error) { return p.texts(), nil }

// FromEnv returns p with the fields replaced that are set in the environment: with the prefix
// "USERS_CACHE_", USERS_CACHE_TTL=30s sets the TTL and USERS_CACHE_STALE_FOR=1h the time it is served stale. Empty variables count as
// unset, and a jitter that is not set is reduced if it does not fit the TTL.
func (p Profile) FromEnv(prefix string) (Profile, error) {
	q := p
	fit := true
	for _, f := range q.fields() {
		name := prefix + strings.ToUpper(f.name)
		s := os.Getenv(name)
		if s == "" {
			continue
		}
		if err := f.set(s); err != nil {
			return p, fmt.Errorf("%w (from %s)", err, name)
		}
		fit = fit && f.name != "jitter"
	}
	if fit {
		q = q.fitJitter()
	}
	return q, nil
}

// set parses s into the field.
func (f profileField) set(s string) error {
	if s == "forever" {
		*f.value = Forever
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("tiercache: profile: %s: want a duration such as \"30s\", got %q", f.name, s)
	}
	if d < 0 {
		return fmt.Errorf("tiercache: profile: %s is negative (%v)", f.name, d)
	}
	*f.value = d
	return nil
}
