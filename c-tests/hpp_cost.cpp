// Counts the machine instructions that one iteration of a loop over View::load and View::store of wasm_memory.hpp takes,
// beside the same loop over the functions of wasm_memory_inline.h. Counted as inline_cost.c does: a child runs the loop,
// its parent steps it; two lengths are run, so that all but the iterations cancels.
//
// Prints a table. With --check it fails when C++ takes more instructions than C anywhere by more than one, or by any in
// more than one row of ten. Exits with 77 where no process may trace another.
#include "wasm_memory.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace wm = wasm_memory;

static const std::size_t short_loop = 8, long_loop = 24;
static const std::uint64_t offset = 16;

using Loop = int (*)(const wasm_memory_view_t *view, const void *indexes, std::size_t count, void *result);

[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, std::uint8_t *out) {
    std::uint32_t wide;
    const int status = wasm_inline_i32_load8_u(view, at, offset, &wide);
    *out = static_cast<std::uint8_t>(wide);
    return status;
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, std::uint16_t *out) {
    std::uint32_t wide;
    const int status = wasm_inline_i32_load16_u(view, at, offset, &wide);
    *out = static_cast<std::uint16_t>(wide);
    return status;
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, std::uint32_t *out) {
    return wasm_inline_i32_load(view, at, offset, out);
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, std::uint64_t *out) {
    return wasm_inline_i64_load(view, at, offset, out);
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, float *out) {
    return wasm_inline_f32_load(view, at, offset, out);
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, double *out) {
    return wasm_inline_f64_load(view, at, offset, out);
}
[[gnu::always_inline]] static inline int c_load(const wasm_memory_view_t *view, std::uint64_t at, wm::V128 *out) {
    return wasm_inline_v128_load(view, at, offset, out->data());
}

[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at, std::uint8_t value) {
    return wasm_inline_i32_store8(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at,
                                                 std::uint16_t value) {
    return wasm_inline_i32_store16(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at,
                                                 std::uint32_t value) {
    return wasm_inline_i32_store(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at,
                                                 std::uint64_t value) {
    return wasm_inline_i64_store(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at, float value) {
    return wasm_inline_f32_store(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at, double value) {
    return wasm_inline_f64_store(view, at, offset, value);
}
[[gnu::always_inline]] static inline int c_store(const wasm_memory_view_t *view, std::uint64_t at,
                                                 const wm::V128 &value) {
    return wasm_inline_v128_store(view, at, offset, value.data());
}

// What the loops do with what they load: the same for both.
template <class T>
[[gnu::always_inline]] static inline void add(std::uint64_t &total, const T &value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value < 8 ? sizeof value : 8);
    total += bits;
}

template <class T, class Index>
[[gnu::noinline]] static int load_cpp(const wasm_memory_view_t *view, const void *indexes, std::size_t count,
                                      void *result) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < count; i++) {
        const auto loaded = wm::View(view).load<T>(static_cast<const Index *>(indexes)[i], offset);
        if (!loaded) return 1;
        const T value = *loaded;
        add(total, value);
    }
    std::memcpy(result, &total, sizeof total);
    return 0;
}

template <class T, class Index>
[[gnu::noinline]] static int load_c(const wasm_memory_view_t *view, const void *indexes, std::size_t count,
                                    void *result) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < count; i++) {
        T value;
        if (c_load(view, static_cast<const Index *>(indexes)[i], &value) != WASM_MEMORY_OK) return 1;
        add(total, value);
    }
    std::memcpy(result, &total, sizeof total);
    return 0;
}

template <class T, class Index>
[[gnu::noinline]] static int store_cpp(const wasm_memory_view_t *view, const void *indexes, std::size_t count,
                                       void *result) {
    T value = {};
    std::memcpy(&value, result, sizeof value < 8 ? sizeof value : 8);
    for (std::size_t i = 0; i < count; i++)
        if (!wm::View(view).store(static_cast<const Index *>(indexes)[i], value, offset)) return 1;
    return 0;
}

template <class T, class Index>
[[gnu::noinline]] static int store_c(const wasm_memory_view_t *view, const void *indexes, std::size_t count,
                                     void *result) {
    T value = {};
    std::memcpy(&value, result, sizeof value < 8 ? sizeof value : 8);
    for (std::size_t i = 0; i < count; i++)
        if (c_store(view, static_cast<const Index *>(indexes)[i], value) != WASM_MEMORY_OK) return 1;
    return 0;
}

static std::uint8_t bytes[1024];
static std::uint32_t indexes_32[long_loop];
static std::uint64_t indexes_64[long_loop];

// Steps through a loop in a child, between two signals that it sends to itself.
static long steps(Loop loop, const void *indexes, std::size_t count) {
    const wasm_memory_view_t view = {bytes, sizeof bytes};
    const pid_t child = fork();
    if (child < 0) std::exit(77);
    if (child == 0) {
        std::uint64_t result = 7;
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
        raise(SIGUSR1);
        const int trapped = loop(&view, indexes, count, &result);
        raise(SIGUSR1);
        _exit(trapped);
    }
    int stop = 0;
    long counted = 0;
    waitpid(child, &stop, 0);
    if (WIFEXITED(stop)) std::exit(WEXITSTATUS(stop));
    do {
        if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) std::exit(77);
        counted++;
        waitpid(child, &stop, 0);
    } while (WIFSTOPPED(stop) && WSTOPSIG(stop) == SIGTRAP);
    if (ptrace(PTRACE_CONT, child, nullptr, nullptr) != 0) std::exit(77);
    waitpid(child, &stop, 0);
    if (!WIFEXITED(stop) || WEXITSTATUS(stop) != 0) {
        std::fprintf(stderr, "the loop trapped: nothing was measured\n");
        std::exit(2);
    }
    return counted;
}

static double per_iteration(Loop loop, const void *indexes) {
    const long difference = steps(loop, indexes, long_loop) - steps(loop, indexes, short_loop);
    return static_cast<double>(difference) / (long_loop - short_loop);
}

static int rows, dearer, much_dearer;

static void row(const char *what, const char *type, const char *index, Loop cpp, Loop c, const void *indexes) {
    const double ours = per_iteration(cpp, indexes), theirs = per_iteration(c, indexes);
    std::printf("%-6s %-6s %-3s %8.4g %8.4g\n", what, type, index, ours, theirs);
    rows++;
    dearer += ours > theirs;
    much_dearer += ours > theirs + 1;
}

template <class T>
static void rows_of(const char *type) {
    row("load", type, "32", load_cpp<T, std::uint32_t>, load_c<T, std::uint32_t>, indexes_32);
    row("load", type, "64", load_cpp<T, std::uint64_t>, load_c<T, std::uint64_t>, indexes_64);
    row("store", type, "32", store_cpp<T, std::uint32_t>, store_c<T, std::uint32_t>, indexes_32);
    row("store", type, "64", store_cpp<T, std::uint64_t>, store_c<T, std::uint64_t>, indexes_64);
}

int main(int argc, char **argv) {
    for (std::size_t i = 0; i < long_loop; i++) {
        indexes_64[i] = i * 5 % 997;
        indexes_32[i] = static_cast<std::uint32_t>(indexes_64[i]);
    }
    std::printf("instructions per iteration\n%-6s %-6s %-3s %8s %8s\n", "", "type", "at", "C++", "C");
    rows_of<std::uint8_t>("u8");
    rows_of<std::uint16_t>("u16");
    rows_of<std::uint32_t>("u32");
    rows_of<std::uint64_t>("u64");
    rows_of<float>("f32");
    rows_of<double>("f64");
    rows_of<wm::V128>("v128");
    std::printf("dearer than C: %d of %d\n", dearer, rows);
    const bool check = argc > 1 && std::strcmp(argv[1], "--check") == 0;
    return check && (much_dearer != 0 || dearer * 10 > rows);
}
