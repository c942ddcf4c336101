/* check.h: a test program in sixty lines. Included after the header under test.
 *
 *     TEST(two_and_two_are_four) { CHECK_EQ(2 + 2, 4); }
 *     int main(void) { RUN(two_and_two_are_four); return check_finish(); }
 *
 * A check that fails says where and what, and the test goes on, so that it still frees what it made. Each check is an
 * expression with the value of its answer, for what cannot go on: if (!CHECK(data != NULL)) return; */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *test;
    int failures, passed, failed;
} check_state;

static inline bool check_report(bool holds, const char *file, int line, const char *what, const char *found) {
    if (holds) return true;
    if (check_state.failures++ == 0)
        printf("FAILED %s\n", check_state.test != NULL ? check_state.test : "outside a test");
    printf("  %s:%d: %s%s\n", file, line, what, found);
    fflush(stdout);
    return false;
}

static inline bool check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *what) {
    char found[128];
    snprintf(found, sizeof found, ": %" PRIu64 " (0x%" PRIx64 "), not %" PRIu64 " (0x%" PRIx64 ")", actual, actual,
             expected, expected);
    return check_report(actual == expected, file, line, what, found);
}

/* TESTS_LEFT_OUT in the environment names tests, with a space before and after each. */
static inline bool check_is_left_out(const char *name) {
    const char *const names = getenv("TESTS_LEFT_OUT");
    char wanted[256];
    snprintf(wanted, sizeof wanted, " %s ", name);
    return names != NULL && strstr(names, wanted) != NULL;
}

static inline void check_run(const char *name, void (*test)(void)) {
    if (check_is_left_out(name)) {
        printf("left out: %s\n", name);
        return;
    }
    check_state.test = name;
    check_state.failures = 0;
    test();
    check_state.test = NULL;
    if (check_state.failures == 0)
        check_state.passed++;
    else
        check_state.failed++;
}

static inline int check_finish(void) {
    printf("%d passed, %d failed\n", check_state.passed, check_state.failed);
    return check_state.failed != 0 || check_state.passed == 0;
}

#define TEST(name) static void name(void)
#define RUN(name) check_run(#name, name)
#define CHECK(condition) check_report(condition, __FILE__, __LINE__, #condition, ": it does not")
#define CHECK_EQ(actual, expected) \
    check_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, #actual " == " #expected)

#ifdef WASM_MEMORY_VERSION /* the plain wasm.h has no statuses */
static inline bool check_status(wasm_memory_status_t actual, wasm_memory_status_t expected, const char *file, int line,
                                const char *what) {
    char found[320], detail[200];
    wasm_memory_last_error(detail, sizeof detail);
    snprintf(found, sizeof found, ": %s, not %s (last error: %s)", wasm_memory_status_name(actual),
             wasm_memory_status_name(expected), detail);
    return check_report(actual == expected, file, line, what, found);
}
#define CHECK_STATUS(call, expected) check_status(call, expected, __FILE__, __LINE__, #call)
#endif

#endif
