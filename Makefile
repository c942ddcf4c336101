# wasm_memory: what one can ask for. `make help` lists it.
#
# The library itself is built by cargo, packaged by CMake. What a target needs and the machine
# lacks, scripts/need installs or names.

PREFIX ?= target/prefix
# What the names of functions, types and files are to start with besides wasm_ (docs/ABI.md). Each has a build of its own.
WASM_MEMORY_SYMBOL_PREFIX ?=
BUILD  := target/build$(WASM_MEMORY_SYMBOL_PREFIX:%=-%)
TESTS  := target/c-tests
DEMO   := target/demo
CARGO  ?= cargo
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)
MEMCHECK ?= full
STORM_SECONDS ?= 120
HARD ?= full

# Found when a target wants it, so that `make help` installs nothing.
CMAKE = $(eval CMAKE := $$(shell scripts/need cmake))$(or $(CMAKE),$(error cmake is missing, see above))
CTEST = $(dir $(CMAKE))ctest

.DEFAULT_GOAL := help
.PHONY: help build install uninstall prefixes demo test test-rust test-c test-hosts spec spec-short test-cargo-c test-memcheck test-tsan test-storm test-density test-hard test-model header lint bench bench-smoke bench-hosts bench-hosts-smoke clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the shared and the static library
	@echo "== building the library (cargo, release)"
	@mkdir -p $(BUILD)
	@$(CMAKE) -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib \
	    -DWASM_MEMORY_SYMBOL_PREFIX="$(WASM_MEMORY_SYMBOL_PREFIX)" >$(BUILD)/configure.log 2>&1 \
	    || { cat $(BUILD)/configure.log; exit 1; }
	@$(CMAKE) --build $(BUILD) -j $(JOBS)

# The shell makes the prefix absolute: make's own way would split it at spaces.
install: build ## Install into PREFIX (default target/prefix); WASM_MEMORY_SYMBOL_PREFIX=foo_ gives all names a prefix
	@case "$(PREFIX)" in /*) prefix="$(PREFIX)";; *) prefix="$$PWD/$(PREFIX)";; esac; \
	    $(CMAKE) --install $(BUILD) --prefix "$$prefix" >$(BUILD)/install.log \
	    || { cat $(BUILD)/install.log; exit 1; }
	@echo "== installed into $(PREFIX)"

# The shell makes the prefix absolute, as for install.
uninstall: ## Remove from PREFIX what `make install` has put there (same WASM_MEMORY_SYMBOL_PREFIX, same DESTDIR)
	@case "$(PREFIX)" in /*) prefix="$(PREFIX)";; *) prefix="$$PWD/$(PREFIX)";; esac; \
	    $(CMAKE) -DBUILD=$(BUILD) "-DPREFIX=$$prefix" -P cmake/uninstall.cmake

demo: ## Build, install, compile the README's quickstart against it, and run a real program
	@$(MAKE) --no-print-directory install PREFIX=$(DEMO)/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@scripts/demo "$(abspath $(DEMO))/prefix" $(DEMO) "$(CMAKE)"

# The plain library and one with prefixed names, as the tests of other languages and hosts want them.
prefixes:
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@$(MAKE) --no-print-directory install PREFIX=target/prefixed WASM_MEMORY_SYMBOL_PREFIX=my_

test: lint test-rust test-hosts test-c ## Run all tests: Rust, C through the installed library, packages, languages, hosts

test-rust: ## Run the Rust tests: the core, the model, the header's freshness
	@echo "== Rust tests"
	@$(CARGO) test --locked
	@$(CARGO) run --locked --quiet --example embedder
	@echo "== Rust tests, what converts and compares the official tests"
	@$(CARGO) test --locked --quiet --manifest-path spec/Cargo.toml --target-dir target/spec/build
	@$(MAKE) --no-print-directory test-model
	@echo "== Rust tests, heap backend"
	@RUSTFLAGS="--cfg wasm_memory_portable" $(CARGO) test --locked --lib --test model --test hammer --test store --target-dir target/portable

test-model: ## Have a model checker try the interleavings of the queue of waiters
	@echo "== model of the queue of waiters"
	@RUSTFLAGS="--cfg loom" $(CARGO) test --locked --quiet --lib --target-dir target/model -- wait::model

test-c: prefixes ## Run the C tests through the installed library
	@echo "== C tests"
	@for tool in c++ clang pkg-config zig wasm2c wasm2c-1.0.39 simde libwasmtime; do scripts/need $$tool >/dev/null || exit 1; done
	@mkdir -p $(TESTS)
	@$(CMAKE) -S c-tests -B $(TESTS) -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$(abspath target/prefix);$(abspath target/prefixed)" >$(TESTS)/configure.log 2>&1 \
	    || { cat $(TESTS)/configure.log; exit 1; }
	@$(CMAKE) --build $(TESTS) -j $(JOBS)
	@$(CTEST) --test-dir $(TESTS) --output-on-failure

test-hosts: prefixes ## Run the tests of the Go and Zig packages, of wazero on our memory, and of the installed Python class
	@for tool in go zig pkg-config python3; do scripts/need $$tool >/dev/null || exit 1; done
	@echo "== Go and wazero, with the race detector"
	@bindings/go/test "$(abspath target/prefix)"
	@echo "== Zig"
	@bindings/zig/test "$(abspath target/prefix)"
	@echo "== Python, installed"
	@examples/python/test-installed "$(abspath target/prefix)" "$(abspath target/prefixed)" my_

spec: prefixes ## Run the official tests about memory on wasmtime, wasm2c and wazero; writes docs/SPEC.md
	@spec/run "$(abspath target/prefix)" "$(abspath target/prefixed)" --report docs/SPEC.md $(SPEC_FLAGS)

spec-short: prefixes ## Run some of the official tests on each engine
	@spec/run "$(abspath target/prefix)" "$(abspath target/prefixed)" --short

test-cargo-c: ## Compare what `cargo cinstall` installs with what CMake does (builds cargo-c the first time: minutes)
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@echo "== cargo-c"
	@PREFIX="$(abspath target/prefix)" WORK="$(abspath target/cargo-c)" c-tests/consumer/cargo-c

test-memcheck: ## Run C tests and examples under Valgrind (MEMCHECK=short: what takes seconds there)
	@scripts/need valgrind >/dev/null
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@echo "== C tests and examples under memcheck, $(MEMCHECK) form"
	@JOBS=$(JOBS) scripts/memcheck "$(abspath target/prefix)" target/memcheck $(MEMCHECK)

test-tsan: ## Run the C tests with threads under ThreadSanitizer (minutes, and 1 GB of packages the first time)
	@for tool in clang-22 cargo-build-std; do scripts/need $$tool >/dev/null || exit 1; done
	@echo "== C tests under ThreadSanitizer"
	@scripts/test-tsan target/tsan

test-storm: ## Wait, notify, interrupt and grow at random for minutes (STORM_SECONDS=120, STORM_SEED to repeat one)
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@mkdir -p target/storm
	@$(CC) -std=c99 -O2 -g -I c-tests -I target/prefix/include c-tests/storm.c -o target/storm/storm \
	    -L target/prefix/lib -lwasm_memory -Wl,-rpath,"$(abspath target/prefix)/lib" -pthread
	@echo "== storm"
	@target/storm/storm $(STORM_SECONDS) $(STORM_SEED)

test-density: ## Make, write and delete 1000000 memories in one process (takes 5 GB)
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@mkdir -p target/density
	@$(CC) -std=c99 -O2 -g -I c-tests -I target/prefix/include c-tests/density.c -o target/density/density \
	    -L target/prefix/lib -lwasm_memory -Wl,-rpath,"$(abspath target/prefix)/lib" -pthread
	@echo "== density"
	@target/density/density 1000000

test-hard: ## Try to break the library in every way we know, and print one table (HARD=short: minutes; HARD_PARTS="fuzz ports")
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@WASM_MEMORY_PREFIX="$(abspath target/prefix)" JOBS=$(JOBS) scripts/test-hard $(HARD) $(HARD_PARTS)

header: ## Generate include/wasm_memory.h from the Rust source
	@UPDATE_HEADER=1 $(CARGO) test --locked --quiet --test header

lint: ## Check formatting, lints and the documentation of the Rust API
	@echo "== lints"
	@! git ls-files --cached --ignored --exclude-standard 2>/dev/null | grep . || { echo "these are built, and committed"; exit 1; }
	@$(CARGO) fmt --check
	@for package in benches benches/hosts fuzz spec c-tests/misuse/generator bindings/wasm2c/prepare c-tests/hosts/wasm2c/spec; do \
	    $(CARGO) fmt --manifest-path $$package/Cargo.toml --check || exit 1; done
	@$(CARGO) clippy --locked --quiet --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --quiet --no-deps

bench: ## Measure against the raw floor and peers; table, target/bench/results.json, chart.svg
	@scripts/need wasm2c >/dev/null
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@echo "== building the benchmarks and peers (minutes, the first time)"
	@WASM2C="$$(scripts/need wasm2c)" WASM_MEMORY_PREFIX="$(abspath target/prefix)" $(CARGO) run --locked --release \
	    --manifest-path benches/Cargo.toml --target-dir target/bench-build -- $(BENCH_FLAGS)

bench-smoke: ## Run every benchmark row for an instant, without peers
	@$(MAKE) --no-print-directory install PREFIX=target/prefix WASM_MEMORY_SYMBOL_PREFIX=
	@echo "== benchmarks, short form"
	@WASM_MEMORY_PREFIX="$(abspath target/prefix)" $(CARGO) run --locked --release --no-default-features \
	    --manifest-path benches/Cargo.toml --target-dir target/bench-build -- --smoke

bench-hosts: prefixes ## Measure real programs in wasmtime, wasm2c and wazero, on their own memories and on ours
	@benches/hosts/run "$(abspath target/prefix)" "$(abspath target/prefixed)" $(BENCH_FLAGS)

bench-hosts-smoke: prefixes ## Run each of those once, for an instant
	@benches/hosts/run "$(abspath target/prefix)" "$(abspath target/prefixed)" --smoke

clean: ## Delete everything that was built
	@rm -rf target
