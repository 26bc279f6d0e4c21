#!/usr/bin/env bash
# Builds the pinned livekit-server once, outside the checkout, and prints the path of the binary.
# The binary is named after what it was made from, so another pin never meets a stale one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/livekit-ffi
# scripts/setup.sh puts a Go of its own here where the system has none that is new enough.
PATH=$PATH:$cache/go/bin

key=$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c1-16)
binary=$cache/livekit-server/$key/livekit-server
if [ ! -x "$binary" ]; then
    command -v go >/dev/null || { echo "livekit-server needs Go 1.26 or newer: run scripts/setup.sh first" >&2; exit 1; }
    mkdir -p "${binary%/*}"
    exec 9>"${binary%/*}/lock"
    flock 9
    if [ ! -x "$binary" ]; then
        echo "building livekit-server (once for each pin, some minutes)" >&2
        cd "$here"
        CGO_ENABLED=0 nice -n 10 go build -trimpath -ldflags "-s -w" -o "$binary.new" \
            github.com/livekit/livekit-server/cmd/server >&2
        mv "$binary.new" "$binary"
    fi
fi
echo "$binary"
