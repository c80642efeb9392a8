package tiercache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
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

// UnmarshalJSON reads an object of duration strings, such as {"ttl": "5m", "stale_for": "1h"}. Fields that are not
// there keep their value, so a profile can be read over a preset. Unknown fields, numbers without a unit
// and negative durations are errors, and change nothing. "forever" means Forever.
//
// In YAML the same names are used, and libraries that know time.Duration need no method.
func (p *Profile) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("tiercache: profile: %w", err)
	}
	q := *p
	for _, f := range q.fields() {
		msg, ok := raw[f.name]
		if !ok {
			continue
		}
		delete(raw, f.name)
		var s string
		if err := json.Unmarshal(msg, &s); err != nil {
			return fmt.Errorf("tiercache: profile: %s: want a duration such as \"30s\", got %s", f.name, msg)
		}
		if err := f.set(s); err != nil {
			return err
		}
	}
	for name := range raw {
		return fmt.Errorf("tiercache: profile: unknown field %q", name)
	}
	*p = q
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads. Zero fields other than the TTL are left out.
func (p Profile) MarshalJSON() ([]byte, error) {
	out := make(map[string]string)
	for _, f := range p.fields() {
		switch {
		case *f.value == Forever:
			out[f.name] = "forever"
		case *f.value != 0 || f.name == "ttl":
			out[f.name] = f.value.String()
		}
	}
	return json.Marshal(out)
}

// FromEnv returns p with the fields replaced that are set in the environment: with the prefix
// "USERS_CACHE_", USERS_CACHE_TTL=30s sets the TTL and USERS_CACHE_STALE_FOR=1h the time it is served stale. Empty variables count as
// unset.
func (p Profile) FromEnv(prefix string) (Profile, error) {
	q := p
	for _, f := range q.fields() {
		name := prefix + strings.ToUpper(f.name)
		s := os.Getenv(name)
		if s == "" {
			continue
		}
		if err := f.set(s); err != nil {
			return p, fmt.Errorf("%w (from %s)", err, name)
		}
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
