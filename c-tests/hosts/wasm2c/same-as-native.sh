#!/usr/bin/env bash
# same-as-native.sh NATIVE GUEST BOUNDS WORK_DIR INPUT_LIST
#
# Runs the two builds of bzip2 on the same real input, of at least 4 MB, and compares: what the guest writes must be
# what the native program writes, byte for byte, in both directions; damaged input must be refused with the same exit
# status; and wasm_memory must report that the guest's memory was of the BOUNDS strategy and grew. Prints what it saw.
# INPUT_LIST names the files that make up the input, one a line.
set -euo pipefail

native=$1
guest=$2
bounds=$3
work=$4
mapfile -t inputs <"$5"

least=4000000
most=16000000

rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# The input: the given files, from the beginning again while that is too little, cut where it gets slow.
: >"$work/input"
while [ "$(wc -c <"$work/input")" -lt "$least" ]; do
    cat "${inputs[@]}" >>"$work/input"
    [ -s "$work/input" ] || fail "the input files are empty"
done
if [ "$(wc -c <"$work/input")" -gt "$most" ]; then
    head -c "$most" "$work/input" >"$work/cut"
    mv "$work/cut" "$work/input"
fi

# run NAME PROGRAM ARGUMENT <IN >OUT: keeps the user time in $work/NAME.seconds, what the guest's memory was in
# $work/NAME.report, and passes the exit status on.
run() {
    local name=$1
    shift
    local TIMEFORMAT=%U
    { time WASM2C_REPORT="$work/$name.report" "$@" 2>"$work/$name.stderr"; } 2>"$work/$name.seconds"
}

# what the guest's memory was: reported NAME FIELD
reported() { awk -v field="$2" '$1 == field { print $2 }' "$work/$1.report"; }

bytes() { wc -c <"$1" | tr -d ' '; }

same() { # FILE FILE WHAT
    cmp "$1" "$2" >/dev/null || fail "$3 differ: $1 $2"
}

run native "$native" -9 <"$work/input" >"$work/native.bz2" || fail "native: $(cat "$work/native.stderr")"
run guest "$guest" -9 <"$work/input" >"$work/guest.bz2" || fail "guest: $(cat "$work/guest.stderr")"
same "$work/native.bz2" "$work/guest.bz2" "the compressed files"

run native-back "$native" -d <"$work/native.bz2" >"$work/native.out" || fail "$(cat "$work/native-back.stderr")"
run guest-back "$guest" -d <"$work/guest.bz2" >"$work/guest.out" || fail "$(cat "$work/guest-back.stderr")"
same "$work/input" "$work/guest.out" "the input and what came back"

# A cut file: bzip2 sees it, complains and exits with 2, through proc_exit and from deep in its own functions.
head -c 100000 "$work/guest.bz2" >"$work/cut.bz2"
native_status=0
guest_status=0
run native-cut "$native" -d <"$work/cut.bz2" >"$work/native.cut" || native_status=$?
run guest-cut "$guest" -d <"$work/cut.bz2" >"$work/guest.cut" || guest_status=$?
[ "$native_status" = 2 ] || fail "native bzip2 answers a cut file with $native_status"
[ "$guest_status" = 2 ] || fail "the guest answers a cut file with $guest_status: $(cat "$work/guest-cut.stderr")"
same "$work/native.cut" "$work/guest.cut" "the parts recovered from a cut file"

for step in guest guest-back guest-cut; do
    [ "$(reported $step bounds)" = "$bounds" ] || fail "$step: bounds are $(reported $step bounds), not $bounds"
    [ "$(reported $step grow_count)" -gt 0 ] || fail "$step: the memory never grew"
    [ "$(reported $step pages)" -gt "$(reported $step initial_pages)" ] || fail "$step: no pages were added"
    [ "$(reported $step byte_length)" = $(($(reported $step pages) * 65536)) ] || fail "$step: length is not pages"
done

seconds() { cat "$work/$1.seconds"; }

echo "bzip2 1.0.8 in wasm, translated by wasm2c, memory by wasm_memory ($bounds):"
echo "  compress    $(bytes "$work/input") -> $(bytes "$work/guest.bz2") bytes, identical to the native program:" \
    "native $(seconds native) s, guest $(seconds guest) s"
echo "  decompress  $(bytes "$work/guest.bz2") -> $(bytes "$work/guest.out") bytes, identical to the input:" \
    "native $(seconds native-back) s, guest $(seconds guest-back) s"
echo "  damaged     refused with the native program's exit status and partial output"
echo "  memory      $(reported guest initial_pages) pages at the start, $(reported guest pages) at the end," \
    "grown $(reported guest grow_count) times, bounds $(reported guest bounds)"
