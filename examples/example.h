/* example.h: what the examples share, so that each of them shows its subject and little else.
 *
 *     EXPECT(condition)             the program ends with 1, and says where, unless the condition holds
 *     EXPECT_STATUS(call, status)   the same for what a call returns
 *     EXPECT_REFUSED(call, status)  the same, and the library's sentence is printed: it is what the example shows
 *
 * A host of your own goes on where these end the program: it has the status to decide by and the sentence to log. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <wasm_memory.h>

#define EXPECT(condition) ((condition) ? (void)0 : example_fail(__FILE__, __LINE__, #condition))
#define EXPECT_STATUS(call, expected) example_expect_status(call, expected, __FILE__, __LINE__, #call)
#define EXPECT_REFUSED(call, expected) (EXPECT_STATUS(call, expected), example_print_refusal(expected))

static inline void example_fail(const char *file, int line, const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: this should hold: %s\n", file, line, what);
    exit(1);
}

static inline void example_expect_status(wasm_memory_status_t actual, wasm_memory_status_t expected, const char *file,
                                         int line, const char *what) {
    char reason[512];
    if (actual == expected) return;
    wasm_memory_last_error(reason, sizeof reason);
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s: %s, not %s (last error: %s)\n", file, line, what, wasm_memory_status_name(actual),
            wasm_memory_status_name(expected), reason);
    exit(1);
}

static inline void example_print_refusal(wasm_memory_status_t status) {
    char reason[512];
    wasm_memory_last_error(reason, sizeof reason);
    printf("  refused with %s\n    %s\n", wasm_memory_status_name(status), reason);
}

/* A memory with 32-bit addresses and pages of 64 KiB. memory_basics.c shows what there is to choose. */
static inline wasm_memory_t *example_memory(wasm_store_t *store, uint32_t minimum, uint32_t maximum) {
    const wasm_limits_t limits = {minimum, maximum};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_t *memory = NULL;
    EXPECT_STATUS(wasm_memory_try_new(store, type, &memory), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    return memory;
}

#endif
