#!/usr/bin/env bash
# run-demo.sh PREFIX BUILD_DIR: a real program runs in memories made by the wasm_memory that is installed in PREFIX.
#
# Builds bzip2 for WASI, translates it with wasm2c, compiles it against PREFIX and compares it with the native bzip2 on
# the installed library and this repository's sources. Missing tools are fetched by scripts/need. A second run with the
# same BUILD_DIR has nothing to build.
set -euo pipefail

if [ $# != 2 ]; then
    echo "usage: run-demo.sh PREFIX BUILD_DIR" >&2
    exit 1
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
prefix=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)

cmake=$("$root/scripts/need" cmake)
ninja=$("$root/scripts/need" ninja)
# CMakeLists.txt asks for these itself; asked here, a long download can be seen.
"$root/scripts/need" zig >/dev/null
"$root/scripts/need" wasm2c >/dev/null

quietly() { # COMMAND...: its output only if it fails
    "$@" >"$build/demo.log" 2>&1 || {
        cat "$build/demo.log" >&2
        exit 1
    }
}

echo "building bzip2 for wasm, and its host, in $build ..."
quietly "$cmake" -S "$here" -B "$build" -G Ninja "-DCMAKE_MAKE_PROGRAM=$ninja" "-DCMAKE_PREFIX_PATH=$prefix" \
    -DCMAKE_BUILD_TYPE=Release -DWASM2C_HOST_NEW=OFF
quietly "$cmake" --build "$build"

for bounds in guarded checked; do
    "$here/same-as-native.sh" "$build/bzip2-native" "$build/bzip2-$bounds" "$bounds" "$build/demo-$bounds" \
        "$build/input-files.txt"
done
