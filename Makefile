# The commands of this repository. `make help` lists them.

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
MODULES     = $(shell go list -m -f '{{.Dir}}')
FUZZTIME   ?= 10s

# Programs that break things for a while, with real servers, want the machine for themselves: make faults, and go test in faults.
short = $$(case $(1) in */faults) echo -short;; esac)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: fmt
fmt: ## Format all Go files
	gofmt -w .

.PHONY: lint
lint: ## Check formatting, vet and staticcheck in every module
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo 'not formatted: run make fmt'; exit 1; }
	@set -e; for m in $(MODULES); do (cd $$m && go vet ./... && $(STATICCHECK) ./...); done

.PHONY: test
test: ## Run the tests and examples of every module
	@set -e; for m in $(MODULES); do (cd $$m && go test -timeout 20m $(call short,$$m) ./...); done

.PHONY: race
race: ## The same under the race detector; a missing redis-server is a failure
	@set -e; for m in $(MODULES); do (cd $$m && TIERCACHE_REQUIRE_REDIS=1 go test -race -timeout 20m $(call short,$$m) ./...); done

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 10s)
	@set -e; for m in $(MODULES); do cd $$m; \
	for p in $$(go list ./...); do \
	for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
		echo "fuzz $$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
	done; done; done

.PHONY: mutations
mutations: ## Switch off the guards of the coherence contract one by one, and see the tests notice
	go run ./internal/mutations

.PHONY: bench
bench: ## Compare the local hit with ristretto and with the clock
	go test -run '^$$' -bench 'Hit' -benchmem -count 8 .

.PHONY: replay
replay: ## Run a fleet over an embedded Redis and report what it did
	go run ./cmd/tiercache replay

FAULTS ?= -for 2m -topology single,cluster

.PHONY: faults
faults: ## Check the coherence contract over a Redis that fails, with the flags FAULTS
	go run ./faults $(FAULTS)

.PHONY: ci
ci: ## Everything that has to pass before a change lands
	bash .ci/run
