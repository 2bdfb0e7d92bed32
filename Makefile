# The targets people use; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SERVER := bin/server
GO_FILES := $(shell find . -name '*.go' -not -path './node_modules/*')
PAGE_TESTS = $(shell find web -name '*.test.js' -o -name '*.test.mjs')
# Where the system's Node is too old, make deps has put another here.
export PATH := $(or $(shell test/node/path 2>/dev/null),/usr/bin):$(PATH)
# The tests against a real server build it once.
export AQ_SERVER := $(CURDIR)/$(SERVER)

.PHONY: help build generator run test everything deps check fmt-check vet staticcheck go-test types page-test browser-test browser-whole foreign-test network-test test-network screens soak races churn fuzz survival audit clean

help: ## lists the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

build: ## builds bin/server
	go build -o $(SERVER) ./cmd/server

generator: ## builds bin/aqload, the load generator (docs/performance.md)
	go build -o bin/aqload ./cmd/aqload

run: ## runs the server on :8080
	go run ./cmd/server

test: deps ## installs what the tests need and runs all of them
	$(MAKE) --keep-going everything
	@echo "make test: everything passed"

# By a make of its own, which finds what deps has just installed.
everything: check go-test page-test browser-test foreign-test network-test

deps: ## installs what the tests need (Debian packages, npm packages)
	scripts/install-test-deps.sh

check: fmt-check vet staticcheck types ## what needs no running: format, vet, staticcheck, types of the page

fmt-check:
	@unformatted=$$(gofmt -l $(GO_FILES)); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

staticcheck:
	go run $(STATICCHECK) ./...

# Those that take longest begin first: the others fill what they leave of the cores.
go-test: ## the Go tests, with the race detector
	go test -race -timeout 20m -json ./test/e2e ./test/survival ./internal/testnet ./test/soak ./internal/sfu ./... | node scripts/gotest.mjs

types: ## checks the JSDoc types of the page
	npx tsc --noEmit -p web/tsconfig.json

page-test: ## the unit tests of the page's modules
	scripts/nodetest.sh $(PAGE_TESTS)

browser-test: build ## the page in Chromium against a real server
	scripts/nodetest.sh $(filter-out test/browser/timing.test.mjs,$(wildcard test/browser/*.test.mjs))

browser-whole: build ## the same with all that takes minutes: figures, a room of 25, every state at every size
	BROWSER=whole scripts/nodetest.sh --test-concurrency=1 test/browser/*.test.mjs

foreign-test: build ## other people's clients: minimal page, Firefox, aiortc, GStreamer
	scripts/nodetest.sh test/foreign/*.test.mjs

network-test: build ## the page in Chromium on a bad network, short (root)
	scripts/nodetest.sh --test-concurrency=1 test/network/*.test.mjs

test-network: build ## all faults of the network, with figures: about 30 minutes (root)
	NETWORK=full test/network/urgent.sh go test -count=1 -timeout 30m -v ./test/network
	NETWORK=full test/network/urgent.sh scripts/nodetest.sh --test-concurrency=1 test/network/*.test.mjs

screens: build ## looks at every state of the page at every size, and renews docs/screens
	BROWSER=whole SCREENS=docs/screens scripts/nodetest.sh test/browser/accessibility.test.mjs

DURATION ?= 24h
SOAK ?= $(DURATION)
soak: ## joins and leaves for a day and watches memory (DURATION=2h, DURATION=10m)
	SOAK=$(SOAK) go test -timeout 0 -v -run TestMemoryStaysFlat ./test/soak

RACES ?= 1000
races: ## joins, leaves, cuts and more at random in one room (RACES=5000)
	RACES=$(RACES) go test -timeout 0 -v -run TestRaces ./test/e2e

CHURN ?= 10000
churn: ## so many join and are gone again, then nothing is left (CHURN=50000)
	CHURN=$(CHURN) go test -timeout 0 -v -run TestChurn ./test/soak

survival: ## attacks the built server in full: about six minutes
	SURVIVAL=full go test -count=1 -timeout 40m -v ./test/survival

audit: ## known vulnerabilities, checksums of modules, security checks
	scripts/audit.sh

FUZZTIME ?= 30s
fuzz: ## gives each fuzz target some time (FUZZTIME=5m)
	scripts/fuzz.sh $(FUZZTIME)

clean:
	rm -rf bin test/out
