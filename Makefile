# The commands of the README. The work is done by scripts/, CMake and its presets (CMakePresets.json).
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run build test bench rolling soak chaos install deb fuzz format lint clean

PREFIX ?= /usr/local
ARGS ?=
SECONDS ?= 60
NODES ?= 1

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /  make \1\t/p' $(firstword $(MAKEFILE_LIST))

run: ## install what is missing, build, start the demo node on port 8000 (ARGS="--set key=value"; NODES=2 for several)
	@scripts/setup build run $(if $(filter-out 0 1,$(NODES)),nodes)
	@scripts/build release plexus
	@NODES=$(NODES) scripts/run $(ARGS)

build: ## the release build; the node is then build/plexus (and build/ws_echo, for WebSocket test suites)
	@scripts/setup build
	@scripts/build release plexus ws_echo

test: ## install what the tests need, then all that CI runs
	@scripts/setup build test package deploy
	@scripts/test

bench: ## the benchmarks (ARGS="--quick"; bench/README.md)
	@scripts/setup build bench
	@scripts/build release plexus plexus_load kernel_limit actors_bench bench_hooks bench_actor
	@bench/run $(ARGS)

rolling: ## three nodes restarted one after the other under 10,000 clients (ARGS="--quick", "--hot"; bench/README.md)
	@scripts/setup build rolling
	@scripts/build release plexus plexus_load
	@bench/rolling $(ARGS)

soak: ## what takes too long for every change: Autobahn's compression cases, the image built from the sources, a leak hunt (ARGS="--seconds 600"; under sanitizers: tests/README.md)
	@scripts/setup build test package deploy
	@scripts/build release
	@ctest --preset release -C soak -R '^e2e_(autobahn_deflate|image_from_source)$$' --no-tests=error
	@build/venv/bin/python tests/e2e/soak.py $(ARGS)

chaos: ## kills, freezes and cuts off nodes and Redis, and proves what clients get (ARGS="--seconds 300 failover")
	@scripts/setup build test
	@scripts/build release plexus
	@build/venv/bin/python tests/chaos/run.py $(ARGS)

install: ## the program and what plugins need, to PREFIX (/usr/local)
	@scripts/setup build
	@scripts/build release plexus plexus_testkit
	@cmake --install build/release --prefix "$(PREFIX)"

deb: ## a Debian package with a systemd unit: build/package/plexus_VERSION_ARCHITECTURE.deb
	@scripts/setup build package
	@scripts/deb

fuzz: ## the fuzz targets, one after the other (SECONDS=60 each; ARGS="frames node" for some)
	@scripts/setup build fuzz
	@scripts/build fuzz fuzz_targets
	@tests/fuzz/run $(SECONDS) $(ARGS)

format: ## clang-format over all sources
	@scripts/setup lint
	@scripts/format

lint: ## formatting, and clang-tidy on what differs from main (ARGS="--all", or files)
	@scripts/setup build lint
	@scripts/lint $(ARGS)

clean: ## removes everything that was built or fetched, the demo's key and secret too
	@rm -rf build tests/e2e/node_modules
