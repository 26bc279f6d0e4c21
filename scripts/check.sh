#!/usr/bin/env bash
# Every check, in the order of cost; `make test` and .ci/run are this. Each stage prints its time.
#
#   scripts/check.sh              all stages
#   scripts/check.sh STAGE…       only these, in their usual order; `scripts/check.sh --list` names them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
interpreter=$(scripts/setup.sh --print)
stages=(format lint header protocol dependencies edges rust docs c symbols python browser network fuzz)

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${stages[@]}"
    exit 0
fi
wanted=("$@")
for one in "${wanted[@]}"; do
    printf '%s\n' "${stages[@]}" | grep -qx "$one" || { echo "no stage $one: see scripts/check.sh --list" >&2; exit 2; }
done

format() { cargo fmt --all --check; }

lint() { cargo clippy --locked --workspace --all-targets -- -D warnings; }

header() { cargo test --locked -p livekit-ffi --test header --quiet; }

# Ours against the checked-in facts, and those against the descriptors inside the installed SDK, both ways.
protocol() {
    cargo test --locked -p livekit-ffi --test descriptors --quiet
    (cd tests/python && "$interpreter" -m pytest -q test_descriptors.py)
}

dependencies() { scripts/check_dependencies.py; }

edges() { scripts/check_edges.py; }

rust() {
    cargo test --locked --workspace --lib --bins --tests --examples --quiet
    cargo test --locked --workspace --doc --quiet
}

docs() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet; }

c() {
    cargo build --locked -p livekit-ffi
    tests/c/run.sh
}

symbols() {
    cargo build --locked -p livekit-ffi
    local found wanted
    found=$(nm -D --defined-only "$target/debug/liblivekit_ffi.so" | awk '{ print $3 }' | sort)
    wanted=$(printf 'livekit_ffi_%s\n' dispose drop_handle initialize last_error request)
    [ "$found" = "$wanted" ] || { diff <(echo "$wanted") <(echo "$found") >&2; return 1; }
    echo "exactly the five symbols of the contract"
    # What has to be there where it runs: C libraries only. (libpthread, libdl and librt are part of libc since 2.34.)
    found=$(objdump -p "$target/debug/liblivekit_ffi.so" | awk '$1 == "NEEDED" { print $2 }' |
        grep -Ev '^(libc|libm|libgcc_s|libpthread|libdl|librt|ld-linux-.*)\.so\.[0-9]+$' || true)
    [ -z "$found" ] || { echo "other libraries are needed: $found" >&2; return 1; }
    # Built on Debian 12, it runs with that glibc and newer ones (docs/c-boundary.md). A newer system may ask for more.
    found=$(objdump -T "$target/debug/liblivekit_ffi.so" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    echo "C libraries only, $found at most"
    [ "$(getconf GNU_LIBC_VERSION 2>&1)" != "glibc 2.36" ] || printf '%s\nGLIBC_2.34\n' "$found" | sort -CV
}

python() {
    tests/livekit-server/build.sh
    cargo build --locked -p livekit-ffi
    cargo build --locked --example hello
    cd tests/python
    "$interpreter" -m pytest -q --durations=5
}

browser() {
    tests/livekit-server/build.sh
    cargo build --locked -p livekit-ffi
    cd tests/browser
    "$interpreter" -m pytest -q --durations=5
}

# Paths that become narrow and lose packets, in network namespaces of their own: see tests/network/README.md.
network() {
    tests/livekit-server/build.sh
    cargo build --locked -p livekit-ffi
    cd tests/network
    "$interpreter" -m pytest -q --durations=5
}

fuzz() { scripts/fuzz.sh --smoke; }

total=$SECONDS
summary=()
for stage in "${stages[@]}"; do
    if [ ${#wanted[@]} -gt 0 ] && ! printf '%s\n' "${wanted[@]}" | grep -qx "$stage"; then continue; fi
    echo "── $stage"
    began=$SECONDS
    # In the background, because `set -e` does not hold inside a condition: the first failing command ends the stage.
    "$stage" &
    if ! wait $!; then
        echo "── $stage failed after $((SECONDS - began)) s" >&2
        exit 1
    fi
    echo "── $stage: $((SECONDS - began)) s"
    summary+=("$stage $((SECONDS - began)) s")
done
printf 'all done in %d s: ' $((SECONDS - total))
(IFS=,; echo "${summary[*]}")
