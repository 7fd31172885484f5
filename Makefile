# Cisterna: `make run` starts a demo hospital, `make test` runs every test.
# Both install what is missing: see the target `tools`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED ?= 1

WEB     := web/console
# Vite 8 needs npm 11; an older npm is not replaced, only not used here.
NPM     := $(shell v=$$(npm -v 2>/dev/null | cut -d. -f1); if [ "$${v:-0}" -ge 11 ]; then echo npm; else echo npx --yes npm@11; fi)
NPMFLAGS := --prefix $(WEB) --no-fund --no-audit
WEB_SRC := $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html -type f -not -path '*/api/schema.d.ts' 2>/dev/null) $(wildcard $(WEB)/*.config.*)
GO_SRC  := $(shell find cmd device fleet ota web internal migrations -name '*.go' -o -name '*.sql' -o -name '*.json' -path '*/samples/*' -not -path '*/node_modules/*' 2>/dev/null)
TEST_PG := $(or $(CISTERNA_TEST_PG),$(shell if [ "$$(id -u)" = 0 ]; then echo /var/lib/cisterna-test; else echo $${XDG_CACHE_HOME:-$$HOME/.cache}/cisterna-test; fi))

.PHONY: help run demo build tools tools-test test test-go test-web test-e2e check lint bench fmt clean web fuzz drill pictures

help: ## Show what can be made
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## Start the demo: private PostgreSQL, server, fifty pumps. Settings: make run ARGS='--http localhost:9600 --reset'
	@exec bin/cisterna demo $(ARGS)

build: tools web bin/cisterna bin/pumpsim ## Build console and programs

bin/cisterna bin/pumpsim: $(GO_SRC) go.mod go.sum $(WEB)/dist/index.html
	go build -o $@ ./cmd/$(@F)

web: $(WEB)/dist/index.html

$(WEB)/node_modules/.stamp: $(WEB)/package.json $(WEB)/package-lock.json
	$(NPM) ci $(NPMFLAGS) --ignore-scripts --loglevel=error
	@touch $@

$(WEB)/src/api/schema.d.ts: web/api/openapi.yaml $(WEB)/node_modules/.stamp
	$(NPM) run $(NPMFLAGS) --silent gen

$(WEB)/dist/index.html: $(WEB_SRC) $(WEB)/src/api/schema.d.ts $(WEB)/node_modules/.stamp
	$(NPM) run $(NPMFLAGS) --silent build

tools: ## Check versions and install what running needs
	@.ci/tools run

tools-test: tools
	@.ci/tools test

test: tools-test build test-go test-web test-e2e ## Every test, the browser's included
	@.ci/tools stop-test-database "$(TEST_PG)"

test-go:
	go vet ./...
	go test -timeout 20m ./...

test-web: $(WEB)/node_modules/.stamp $(WEB)/src/api/schema.d.ts $(WEB)/dist/index.html
	$(NPM) run $(NPMFLAGS) --silent lint
	$(NPM) run $(NPMFLAGS) --silent typecheck
	$(NPM) run $(NPMFLAGS) --silent test
	$(NPM) run $(NPMFLAGS) --silent sizes

test-e2e: build
	CISTERNA_LOG_LEVEL=warn $(NPM) run $(NPMFLAGS) --silent e2e

check: tools-test build lint ## Linters, race detector, fuzz seeds, a minute of the compromise drill, vulnerability check
	CISTERNA_DRILL=60s go test -race -timeout 40m ./...
	$(MAKE) --no-print-directory test-web test-e2e
	go mod verify
	git diff --exit-code -- go.mod go.sum web/api/openapi.yaml

lint:
	go vet ./...
	@.ci/tools lint

bench: build ## Speed and memory, both sides in one run
	@.ci/bench

fuzz: ## Every fuzz test for 30 s each
	@.ci/tools fuzz 30s

drill: ## A thief with server, database and broker tries for a minute to change a dose
	CISTERNA_DRILL=60s go test -timeout 10m -count 1 -v -run '^TestTotalCompromise$$' ./cmd/cisterna

pictures: ## Take the pictures of the documentation from a running demo
	node $(WEB)/scripts/pictures.mjs

fmt: ## Format Go (gofumpt) and the console
	go run mvdan.cc/gofumpt@v0.9.2 -l -w cmd device fleet internal migrations ota web/*.go web/api web/live web/console/*.go

clean: ## Remove what was built; the demo's data stays
	rm -rf bin $(WEB)/dist/assets $(WEB)/dist/index.html .cache
