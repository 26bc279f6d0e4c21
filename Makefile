# The two commands of the README are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test build sdk bench fuzz features header docs notices clean

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PYTHON = $(shell scripts/setup.sh --print)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## a publisher and a subscriber in a room of a real server, in under a minute (WEB=1: watch in a browser)
	@scripts/setup.sh $(if $(WEB),web,demo)
	@$(MAKE) --no-print-directory build
	@tests/livekit-server/build.sh
	@LIVEKIT_LIB_PATH=$(TARGET)/release/liblivekit_ffi.so WEB=$(WEB) $(PYTHON) examples/demo/demo.py

test: ## every check, from formatting to real rooms (STAGES="rust python" runs only those)
	@scripts/setup.sh
	@scripts/check.sh $(STAGES)

build: ## the release library, stripped; prints its path and size
	@scripts/setup.sh build
	@# Alone: with other kinds of library beside it, cargo leaves link-time optimisation out, which is a tenth of its size.
	cargo rustc --locked --release -p livekit-ffi --lib --crate-type cdylib
	@echo "$(TARGET)/release/liblivekit_ffi.so  $$(stat -c %s $(TARGET)/release/liblivekit_ffi.so | numfmt --to=si --suffix=B)"

sdk: ## the line that a Python user exports to run the official SDK on this library
	@echo "export LIVEKIT_LIB_PATH=$(TARGET)/release/liblivekit_ffi.so"

bench: ## ours against the library that the SDK ships, in the same run
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory build
	@cargo build --release --example frames
	@tests/livekit-server/build.sh
	LIVEKIT_FFI_LIBRARY=$(TARGET)/release/liblivekit_ffi.so $(PYTHON) benches/host/run.py

fuzz: ## every fuzz target for a minute each (SECONDS_EACH=…)
	@scripts/fuzz.sh

features: ## the published `livekit` on our `libwebrtc`, with each of its features (some 10 minutes the first time)
	@scripts/features.sh

header: ## regenerates the C header and the protocol's facts that are checked in
	UPDATE=1 cargo test --locked -p livekit-ffi --test header --test descriptors

docs: ## the crates' documentation, warnings being errors
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	@echo "$(TARGET)/doc/livekit_ffi/index.html"

notices: ## the third-party notice, from what is linked in
	@scripts/notices.py > THIRD-PARTY-NOTICES.md
	@echo THIRD-PARTY-NOTICES.md

clean: ## removes what was built here; the caches under ~/.cache/livekit-ffi stay
	cargo clean
	rm -f THIRD-PARTY-NOTICES.md
