# The commands of the repository. What each must go on doing is written in CONTRIBUTING.md.

# Arguments for `firedog demo`: make demo ARGS="--once"
ARGS ?=
# How long `make soak` runs.
SECS ?= 600

.PHONY: help app build demo fmt check test soak bench

help: ## lists these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

APP_SOURCES := $(shell find web/src web/public web/scripts -type f -not -name types.ts) \
	web/index.html web/package.json web/tsconfig.json web/vite.config.ts docs/openapi.json

web/node_modules/.stamp: web/package-lock.json
	@tests/need.sh app
	npm --prefix web ci --ignore-scripts --no-audit --no-fund
	@touch $@

web/dist/index.html: $(APP_SOURCES) web/node_modules/.stamp
	npm --prefix web run --silent build

app: web/dist/index.html ## builds the web app into web/dist, which the binary embeds

build: app ## builds the release binary, target/release/firedog
	cargo build --release --locked --package firedog-server

# The dev profile: it compiles in a third of the time that the release profile takes, and the demo is idle most of the time.
demo: app ## builds what is missing and shows an outage end to end, on loopback, with an embedded database
	@echo "Building Firedog. The first build takes some minutes; later ones take seconds."
	cargo build --locked --package firedog-server
	@exec target/debug/firedog demo $(ARGS)

fmt: ## formats the code
	cargo fmt --all

check: ## the quick part of `make test`: no outside programs, nothing to install
	@tests/need.sh check
	@python3 tests/stages.py check

test: ## everything that must be green, real peers included; installs missing Debian packages when run as root
	@tests/need.sh test
	@/usr/bin/python3 tests/stages.py test

soak: ## the endless part of it, for SECS seconds: simulation seeds, kill runs
	@tests/need.sh test
	@/usr/bin/python3 tests/stages.py soak --secs $(SECS)

bench: app ## the performance table, side by side with Debian's Alertmanager
	@tests/need.sh bench
	cargo build --release --locked --package firedog-server
	@target/tests/venv/bin/python bench/run.py
