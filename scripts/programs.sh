# scripts/programs.sh: for bash scripts that run many programs under a tool that looks for defects; they source it.
#
# The script sets work (a folder, absolute), jobs, and tool (its name, for people), calls begin_programs, and defines
# check PROGRAM [ARGUMENT...], which runs a program under the tool, all words in PROGRAM.log, and answers its status.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What test-hard makes its table of: result PART WHAT HOW-OFTEN FAILED REMARK.
result() {
    [ -z "${HARD_RESULTS-}" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$HARD_RESULTS"
}

# Forgets the programs of before.
begin_programs() {
    ran=0 failures=0
    rm -f "$work"/*.log "$work"/*.failed "$work"/*.ran
}

# The command line of a program of c-tests/ or examples/, for those that want one; $library_file is the shared library.
arguments_of() {
    case $1 in
    test_hpp) printf '%s\n' "$root/include/wasm_memory.hpp" "$root/c-tests/abi/exports.txt" ;;
    test_dlopen) printf '%s\n' "$library_file" ;;
    storm) printf '%s\n' "${STORM_SECONDS-5}" ;;
    esac
}

# C or C++, by the source's ending: standard_of SOURCE.
is_cpp() { [[ $1 == *.cpp ]]; }

# Where a program goes: a test exists in C and in C++ under one name.
program_of() {
    local name
    name=$(basename "$1")
    case $name in
    test_hpp.cpp | cpp_tour.cpp) printf '%s\n' "$work/${name%.cpp}" ;;
    *.cpp) printf '%s\n' "$work/${name%.cpp}_cpp" ;;
    *) printf '%s\n' "$work/${name%.c}" ;;
    esac
}

# check_and_tell PROGRAM [ARGUMENT...]
check_and_tell() {
    local status=0 start=$SECONDS name arguments
    name=$(basename "$1")
    mapfile -t arguments < <(arguments_of "$name")
    check "$@" "${arguments[@]}" || status=$?
    : >"$1.ran"
    if [ $status = 0 ]; then
        printf '  %-24s %3s s\n' "$name" $((SECONDS - start))
    else
        echo $status >"$1.failed"
        printf '  %-24s FAILED, exit status %s\n' "$name" $status
    fi
}

# Builds and checks each SOURCE, as many at a time as there are jobs. `build SOURCE` of the script prints the program's path.
check_programs() {
    local source
    for source in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
        build_and_check "$source" &
    done
    wait
    finish_programs
}

build_and_check() {
    local program
    if ! program=$(build "$1"); then
        echo 1 >"$(program_of "$1").failed"
        printf '  %-24s FAILED, it could not be built\n' "$(basename "$1")"
        return
    fi
    check_and_tell "$program"
}

# link_rust_tests LOG: the programs of Rust tests that `cargo test --no-run` names in LOG, each as WORK/rust_NAME.
link_rust_tests() {
    local path name
    while read -r path; do
        [[ $path == /* ]] || path=$root/$path
        name=$(basename "$path")
        ln -sf "$path" "$work/rust_${name%-*}"
    done < <(sed -n 's/.*Executable .*(\(.*\))$/\1/p' "$1")
}

# Counts what was run, and shows what failed.
finish_programs() {
    local mark failed
    ran=$(find "$work" -maxdepth 1 -name '*.ran' | wc -l)
    shopt -s nullglob
    failed=("$work"/*.failed)
    shopt -u nullglob
    for mark in "${failed[@]}"; do
        printf '\n--- %s\n' "$(basename "$mark" .failed)"
        head -n 60 "${mark%.failed}.log" 2>/dev/null || true
    done
    failures=${#failed[@]}
}
