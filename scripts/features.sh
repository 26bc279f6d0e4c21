#!/usr/bin/env bash
# Compiles the published `livekit` on our `libwebrtc` with each of its features, as a host in Rust may choose them.
#
#   scripts/features.sh             every feature
#   scripts/features.sh FEATURE…    only these; several joined by commas count as one choice
#
# `native-tls-vendored` compiles OpenSSL, so this is no stage of scripts/check.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
version=$(sed -n 's/^livekit = { version = "\([^"]*\)".*/\1/p' "$root/Cargo.toml")

crate=$(mktemp -d)
trap 'rm -rf "$crate"' EXIT
mkdir "$crate/src"
echo 'pub use livekit::prelude;' > "$crate/src/lib.rs"
# The same versions as the library has, as far as it has them.
cp "$root/Cargo.lock" "$crate/Cargo.lock"

manifest() {
    cat > "$crate/Cargo.toml" <<TOML
[package]
name = "livekit-with-features"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
livekit = { version = "$version", default-features = false, features = [$1] }

[patch.crates-io]
libwebrtc = { path = "$root/libwebrtc" }

# As in the library's workspace, so that both share what is compiled of other crates.
[profile.dev]
debug = "line-tables-only"

[profile.dev.package."*"]
opt-level = 1
debug = false
TOML
}

# The names of all features stand in what cargo knows about the package; `native` is needed to reach a server at all.
manifest ''
if [ $# -gt 0 ]; then
    choices=("$@")
else
    mapfile -t choices < <(
        cargo metadata --format-version 1 --manifest-path "$crate/Cargo.toml" |
            python3 -c '
import json, sys
[livekit] = [one for one in json.load(sys.stdin)["packages"] if one["name"] == "livekit"]
print("")
for feature in sorted(livekit["features"]):
    print(feature)
    if "tls" in feature:
        print(f"native,{feature}")'
    )
fi

failed=()
for choice in "${choices[@]}"; do
    manifest "$(sed 's/[^,][^,]*/"&"/g' <<< "$choice")"
    began=$SECONDS
    if cargo check --quiet --manifest-path "$crate/Cargo.toml"; then
        printf 'ok    %-40s %4d s\n' "${choice:-none}" $((SECONDS - began))
    else
        printf 'FAIL  %s\n' "${choice:-none}"
        failed+=("${choice:-none}")
    fi
done
[ ${#failed[@]} -eq 0 ] || { echo "do not compile: ${failed[*]}" >&2; exit 1; }
