// Profiles reads the profile of each cache from a YAML file, so that lifetimes are changed without a new build.
//
//	go run ./examples/profiles
//	PRICES_CACHE_TTL=1s go run ./examples/profiles
//
// What is set in the environment goes before the file. The program prints the profiles that result.
package main

import (
	_ "embed"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed caches.yaml
var file []byte

func main() {
	profiles, err := parse(file)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p, err := profiles[name].FromEnv(strings.ToUpper(name) + "_CACHE_")
		if err != nil {
			log.Fatal(err)
		}
		profiles[name] = p
	}
	text, err := yaml.Marshal(profiles)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := fmt.Fprintf(os.Stdout, "%s", text); err != nil {
		log.Fatal(err)
	}
}
