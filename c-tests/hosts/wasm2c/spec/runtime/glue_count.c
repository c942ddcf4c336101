/*
 * The memories of the tests, made in a store of the host's own, whose limiter counts them. A memory that cannot be made
 * is a trap here, not the end of the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glue.h"
#include "wasm_rt_host.h"
#include <wasm-rt-impl.h>

static unsigned long made;
static bool creating;
static char reason[600];

static bool growing(void *env, uint64_t current_bytes, uint64_t desired_bytes, uint64_t maximum_bytes) {
    (void)env;
    (void)desired_bytes;
    (void)maximum_bytes;
    creating = current_bytes == 0;
    made += creating ? 1 : 0;
    return true;
}

static void grow_failed(void *env, wasm_memory_status_t status, const char *message) {
    (void)env;
    (void)status;
    (void)message;
}

static void allocate_failed(void *env, wasm_memory_status_t status, const char *message) {
    (void)env;
    snprintf(reason, sizeof reason, "a memory could not be made: %s: %s", wasm_memory_status_name(status), message);
    /* It was counted when the limiter was asked. */
    made -= creating ? 1 : 0;
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}

void glue_start(void) {
    wasm_config_t *config = wasm_config_new();
#if defined(WASM_RT_MEMCHECK_GUARD_PAGES)
    const bool guarded = WASM_RT_MEMCHECK_GUARD_PAGES;
#else
    const bool guarded = WASM_RT_MEMCHECK_SIGNAL_HANDLER;
#endif
    wasm_config_memory_bounds_set(config, guarded ? WASM_MEMORY_BOUNDS_GUARDED : WASM_MEMORY_BOUNDS_CHECKED);
    wasm_engine_t *engine = wasm_engine_new_with_config(config);
    wasm_store_t *store = engine != NULL ? wasm_store_new(engine) : NULL;
    wasm_memory_limiter_t limiter;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = growing;
    limiter.memory_grow_failed = grow_failed;
    wasm_rt_memory_hooks_t hooks;
    memset(&hooks, 0, sizeof hooks);
    hooks.struct_size = sizeof hooks;
    hooks.allocate_failed = allocate_failed;
    if (store == NULL || wasm_store_limiter_set(store, &limiter) != WASM_MEMORY_OK) {
        fprintf(stderr, "no store for the memories of the tests\n");
        abort();
    }
    wasm_rt_memory_hooks_set(&hooks);
    wasm_rt_memory_use_store(store);
}

unsigned long glue_memories(void) { return made; }

const char *glue_reason(void) {
    if (reason[0] == '\0') {
        return NULL;
    }
    static char told[sizeof reason];
    memcpy(told, reason, sizeof told);
    reason[0] = '\0';
    return told;
}
