package main

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/tiercache/tiercache"
)

// preset returns the preset of the given name.
func preset(name string) (tiercache.Profile, error) {
	switch name {
	case "volatile":
		return tiercache.Volatile(), nil
	case "standard", "":
		return tiercache.Standard(), nil
	case "resilient":
		return tiercache.Resilient(), nil
	case "static":
		return tiercache.Static(), nil
	}
	return tiercache.Profile{}, fmt.Errorf("unknown preset %q", name)
}

// parse returns the profile of each cache in data. A field that the file does not name is that of the preset.
func parse(data []byte) (map[string]tiercache.Profile, error) {
	var caches map[string]struct {
		Preset  string    `yaml:"preset"`
		Profile yaml.Node `yaml:"profile"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&caches); err != nil {
		return nil, err
	}
	profiles := make(map[string]tiercache.Profile)
	for name, c := range caches {
		p, err := preset(c.Preset)
		if err == nil && !c.Profile.IsZero() {
			err = c.Profile.Decode(&p) // over the preset
		}
		if err == nil {
			err = p.Validate()
		}
		if err != nil {
			return nil, fmt.Errorf("cache %s: %w", name, err)
		}
		profiles[name] = p
	}
	return profiles, nil
}
