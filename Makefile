# What a stranger types. Each target says what it is doing; none needs another to be run first.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LINK    := -s -w -X main.version=$(VERSION)
PREFIX  ?= /usr/local
# Where the docker CLI looks for plugins of one user; /usr/local/lib/docker/cli-plugins is that of all.
PLUGINS ?= $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins

DEMO_IMAGES := hyper-lite-demo:latest traefik:v3.6.12
TEST_IMAGES := $(DEMO_IMAGES) redis:7 postgres:15

# Two packages and five scenarios at a time: the scenarios share one engine, and wait more than they work. They begin first,
# since they take longest.
TEST := go test -p 2 -parallel 5 -timeout 25m
# What is read from outside, tried with files and words that nobody wrote; `make unit` tries the seeds only.
FUZZ := go test ./compose -run '^$$' -fuzz '^FuzzLoad$$' -fuzztime 600x -fuzzminimizetime 5s -parallel 2 && \
	go test ./schedule -run '^$$' -fuzz '^FuzzNext$$' -fuzztime 50000x -parallel 2
TOOL := go tool -modfile=$(CURDIR)/tools/go.mod

.PHONY: build test unit lint bench rollout-bench images format docs demo install install-plugin clean help engine

build: ## build ./hyper-lite
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LINK)" -o hyper-lite .
ifneq ($(shell go env GOOS),linux)
# The sidecar is a Linux container: its binary stands beside the one of this system.
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags "$(LINK)" -o hyper-lite-linux-$(shell go env GOARCH) .
endif

test: engine build ## everything: unit, property, golden and house tests, a short fuzzing, and the scenarios on the engine
	images/ensure.sh $(TEST_IMAGES)
	cd images/demo && $(TEST) ./...
	$(FUZZ)
	$(TEST) -tags engine ./tests ./...
	@for need in dockerd ip nsenter iptables; do if [ "$$(id -u)" != 0 ] || ! command -v $$need >/dev/null; then \
	echo "NOT RUN: an engine that restarts; it needs root, dockerd, ip, nsenter and iptables"; break; fi; done

unit: ## the tests that need no engine
	cd images/demo && $(TEST) ./...
	$(TEST) ./...

lint: ## gofumpt, go vet, staticcheck; shellcheck where it is installed
	go vet -tags engine ./...
	$(TOOL) staticcheck -tags engine ./...
	@unformatted=$$($(TOOL) gofumpt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted (run: make format):"; echo "$$unformatted"; exit 1; fi
	cd images/demo && go vet ./... && $(TOOL) staticcheck ./...
	@if command -v shellcheck >/dev/null; then git ls-files '*.sh' .ci/run | xargs shellcheck -x; \
	else echo "shellcheck is not installed: the shell scripts were not checked"; fi

format: ## gofumpt, in place
	$(TOOL) gofumpt -w .

docs: ## docs/reference, docs/man and docs/compatibility.md, from what the program knows of itself
	go test ./command -count 1 -run '^(TestReferenceIsCurrent|TestCompatibilityIsCurrent)$$' -update

bench: engine build ## the benchmarks, about ten minutes; docs/performance.md says how to read them
	images/ensure.sh $(DEMO_IMAGES)
	go test -p 1 -timeout 30m -tags engine -run '^$$' -bench . -skip '^BenchmarkRollout' ./...

rollout-bench: engine build ## rolls under full load, beside docker compose, killed at every step; half an hour, docs/rollouts.md
	images/ensure.sh $(DEMO_IMAGES)
	go test -p 1 -timeout 60m -tags engine -run '^$$' -bench '^BenchmarkRollout' -v ./tests

images: ## make sure that the images of the examples and tests are on the engine
	images/ensure.sh $(TEST_IMAGES)

demo: engine build ## run examples/quickstart and show three replicas answering
	images/ensure.sh $(DEMO_IMAGES)
	examples/quickstart/demo.sh

install: build ## install into $(PREFIX)/bin, and the man pages into $(PREFIX)/share/man
	install -d "$(DESTDIR)$(PREFIX)/bin"
	for f in hyper-lite hyper-lite-linux-*; do \
	if [ -f "$$f" ]; then install -m 755 "$$f" "$(DESTDIR)$(PREFIX)/bin/"; fi; done
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1"
	install -m 644 docs/man/*.1 "$(DESTDIR)$(PREFIX)/share/man/man1/"

install-plugin: build ## install as a plugin of the docker CLI, of this user alone: `docker hyper`
	install -d "$(DESTDIR)$(PLUGINS)"
	install -m 755 hyper-lite "$(DESTDIR)$(PLUGINS)/docker-hyper"
	for f in hyper-lite-linux-*; do \
	if [ -f "$$f" ]; then install -m 755 "$$f" "$(DESTDIR)$(PLUGINS)/"; fi; done

clean: ## remove what was built here; images and containers stay
	rm -rf hyper-lite hyper-lite-linux-* .build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

engine:
	@tests/engine.sh
