#!/usr/bin/env bash
# C and C++ hosts against the built library: plain, under AddressSanitizer, under valgrind.
#
#   tests/c/run.sh [LIBRARY]      default: target/debug/liblivekit_ffi.so of this checkout
#
# Prints one line a run; ends with 1 if any failed.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
library=$(realpath "${1:-$target/debug/liblivekit_ffi.so}")
[ -f "$library" ] || { echo "no library at $library: cargo build -p livekit-ffi" >&2; exit 2; }
work=$(mktemp -d)
cp "$library" "$work/liblivekit_ffi.so"
library=$work/liblivekit_ffi.so
trap 'rm -rf "$work"' EXIT
failed=0

warnings=(-Wall -Wextra -Werror -pedantic -I "$root/livekit-ffi/include" -I "$here")
sanitizers=(-fsanitize=address,undefined -fno-sanitize-recover=all -g)

# compile NAME SOURCE LIBRARY: $work/NAME and $work/NAME.asan
compile() {
    local name=$1 source=$2 linked=$3 compiler=(cc -std=c11 -D_GNU_SOURCE)
    case $source in *.cpp) compiler=(c++ -std=c++17) ;; esac
    local link=("$linked" "-Wl,-rpath,$(dirname "$linked")" -pthread -lm)
    "${compiler[@]}" "${warnings[@]}" -O1 -g -o "$work/$name" "$here/$source" "${link[@]}" &&
        "${compiler[@]}" "${warnings[@]}" "${sanitizers[@]}" -o "$work/$name.asan" "$here/$source" "${link[@]}" || {
        echo "FAIL  $source does not compile"
        failed=1
        return 1
    }
    grep -q __asan_init <(nm "$work/$name.asan") || {
        echo "FAIL  $name.asan is not instrumented"
        failed=1
        return 1
    }
}

# check LABEL COMMAND…: runs it, at most two minutes
check() {
    local label=$1 began=$EPOCHREALTIME
    shift
    if timeout -k 5 120 "$@" >"$work/out" 2>&1; then
        printf 'ok    %-40s %6.2f s\n' "$label" "$(awk "BEGIN { print $EPOCHREALTIME - $began }")"
    else
        printf 'FAIL  %s (status %s)\n' "$label" $?
        sed 's/^/      /' "$work/out"
        failed=1
    fi
}

memcheck=(valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect --child-silent-after-fork=yes)

# run NAME [ARGUMENT…]: plain, ASan, valgrind
run() {
    local name=$1
    shift
    check "$name${*:+ $*}" "$work/$name" "$@"
    check "$name${*:+ $*}, AddressSanitizer" env ASAN_OPTIONS=detect_leaks=1 "$work/$name.asan" "$@"
    check "$name${*:+ $*}, valgrind" "${memcheck[@]}" "$work/$name" "$@"
}

compile contract contract.c "$library" && run contract
compile host_cpp host.cpp "$library" && run host_cpp
for sound in cleaning resampling remixing; do
    compile "$sound" "$sound.c" "$library" && run "$sound"
done
if compile ends ends.c "$library"; then
    # A thread that is ended or hangs inside the callback keeps what it holds: no leak check there.
    for way in return exit-in-callback hang-in-callback hang-then-exit; do
        check "ends $way" "$work/ends" "$way"
        check "ends $way, AddressSanitizer" env ASAN_OPTIONS=detect_leaks=0 "$work/ends.asan" "$way"
    done
    check "ends return, 50 times" bash -c "for i in {1..50}; do '$work/ends' return || exit 1; done"
fi

# Every request with every field wrong, as the Rust test made them. (Not under valgrind: minutes.)
record=$work/requests
if (cd "$root" && BAD_INPUT_RECORD=$record cargo test --locked --quiet -p livekit-ffi --test bad_input >"$work/out" 2>&1); then
    if compile replay replay.c "$library"; then
        check "replay" "$work/replay" "$record"
        check "replay, AddressSanitizer" env ASAN_OPTIONS=detect_leaks=1 "$work/replay.asan" "$record"
    fi
else
    echo "FAIL  the requests could not be recorded"
    sed 's/^/      /' "$work/out"
    failed=1
fi

# A panic inside, with a library that has the feature; the usual one is put back afterwards.
if (cd "$root" && cargo build --locked --quiet -p livekit-ffi --features fault-injection); then
    cp "$target/debug/liblivekit_ffi.so" "$work/liblivekit_ffi_fault.so"
    (cd "$root" && cargo build --locked --quiet -p livekit-ffi)
    compile panics panics.c "$work/liblivekit_ffi_fault.so" && run panics
else
    echo "FAIL  the library with fault injection does not build"
    failed=1
fi

exit "$failed"
