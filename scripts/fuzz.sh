#!/usr/bin/env bash
# Runs every fuzz target for SECONDS_EACH (60) seconds; `--smoke` for 5. The seed of each is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"
seconds=${SECONDS_EACH:-60}
[ "${1:-}" != --smoke ] || seconds=5
target=${CARGO_TARGET_DIR:-$PWD/../target}
# One target drives the built library through its C functions.
(cd .. && cargo build --locked --quiet -p livekit-ffi)
cargo build --locked --quiet --target-dir "$target"
for source in src/bin/*.rs; do
    name=$(basename "$source" .rs)
    "$target/debug/$name" "$seconds"
done
