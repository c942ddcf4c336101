/*
 * What a host of wasm2c 1.0.32 can ask beside the calls of generated code: hooks, a store of its own with limits,
 * memories that it makes or takes. Compiled twice: with guards, and checked. memories.wat has the same for 1.0.39.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "wasm_rt_memory.h"
#include <wasm-rt-impl.h>

enum { PAGE = 65536 };
#define BOUNDS (WASM_RT_MEMCHECK_SIGNAL_HANDLER ? WASM_MEMORY_BOUNDS_GUARDED : WASM_MEMORY_BOUNDS_CHECKED)

static int failures;

static void note(bool good, int line, const char *what) {
    if (!good) {
        fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
        failures++;
    }
}

#define CHECK(condition) note((condition), __LINE__, #condition)

static struct {
    int grown;
    int grow_failed;
    int allocate_failed;
    uint64_t pages;
    wasm_memory_status_t status;
} heard;

static void on_grown(void *env, const wasm_memory_t *memory, uint64_t previous_pages, uint64_t pages) {
    CHECK(env == &heard && wasm_memory_pages(memory) == pages && pages > previous_pages);
    heard.grown++;
    heard.pages = pages;
}

static void on_grow_failed(void *env, const wasm_memory_t *memory, uint64_t delta, wasm_memory_status_t status,
                           const char *message) {
    (void)memory;
    CHECK(env == &heard && strlen(message) > 0);
    heard.grow_failed++;
    heard.pages = delta;
    heard.status = status;
}

static void on_allocate_failed(void *env, wasm_memory_status_t status, const char *message) {
    CHECK(env == &heard && strlen(message) > 0);
    heard.allocate_failed++;
    heard.status = status;
    /* Any trap will do: it is the way out of the module's instantiation. */
    wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
}

static wasm_store_t *store_with(wasm_memory_bounds_t bounds, wasm_engine_t **engine) {
    wasm_config_t *config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    *engine = wasm_engine_new_with_config(config);
    wasm_store_t *store = wasm_store_new(*engine);
    CHECK(store != NULL);
    return store;
}

static void hooks_hear_of_growth_and_of_none(void) {
    const wasm_rt_memory_hooks_t hooks = {sizeof hooks, &heard, on_grown, on_grow_failed, on_allocate_failed};
    wasm_rt_memory_hooks_set(&hooks);
    wasm_rt_memory_t memory;
    wasm_rt_allocate_memory(&memory, 1, 3);
    CHECK(wasm_rt_grow_memory(&memory, 0) == 1 && heard.grown == 0);
    CHECK(wasm_rt_grow_memory(&memory, 1) == 1 && heard.grown == 1 && heard.pages == 2);
    CHECK(wasm_rt_grow_memory(&memory, 2) == UINT32_MAX && heard.grow_failed == 1 && heard.pages == 2);
    CHECK(heard.status == WASM_MEMORY_MAXIMUM_EXCEEDED);
    wasm_rt_free_memory(&memory);
    /* A structure without a memory. */
    CHECK(wasm_rt_grow_memory(&memory, 1) == UINT32_MAX && heard.grow_failed == 2);
    CHECK(heard.status == WASM_MEMORY_NULL_ARGUMENT);
    if (wasm_rt_impl_try() == WASM_RT_TRAP_NONE) {
        wasm_rt_allocate_memory(&memory, 65536, 65536);
        CHECK(false);
    }
    CHECK(heard.allocate_failed == 1 && heard.status == WASM_MEMORY_UNSUPPORTED);
    CHECK(wasm_rt_memory_handle(&memory) == NULL);
    /* Hooks of a host that knows only the first of them. */
    const wasm_rt_memory_hooks_t fewer = {offsetof(wasm_rt_memory_hooks_t, grow_failed), &heard, on_grown,
                                          on_grow_failed, on_allocate_failed};
    wasm_rt_memory_hooks_set(&fewer);
    wasm_rt_allocate_memory(&memory, 1, 2);
    CHECK(wasm_rt_grow_memory(&memory, 2) == UINT32_MAX && heard.grow_failed == 2);
    CHECK(wasm_rt_grow_memory(&memory, 1) == 1 && heard.grown == 2);
    wasm_rt_free_memory(&memory);
    wasm_rt_memory_hooks_set(NULL);
}

static bool at_most_two_pages(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    (void)current;
    (void)maximum;
    ++*(int *)env;
    return desired <= 2 * PAGE;
}

static void the_store_of_the_host_decides(void) {
    int asked = 0;
    wasm_engine_t *engine = NULL;
    wasm_store_t *store = store_with(BOUNDS, &engine);
    const wasm_memory_limiter_t limiter = {
        .struct_size = sizeof limiter, .env = &asked, .memory_growing = at_most_two_pages};
    CHECK(wasm_store_limiter_set(store, &limiter) == WASM_MEMORY_OK);
    CHECK(wasm_rt_memory_use_store(store) == NULL);
    wasm_rt_memory_t memory;
    CHECK(wasm_rt_memory_try_allocate(&memory, 3, 9) == WASM_MEMORY_LIMIT_DENIED && asked == 1);
    CHECK(memory.data == NULL && strlen(wasm_rt_memory_last_error()) > 0);
    CHECK(wasm_rt_memory_try_allocate(&memory, 1, 9) == WASM_MEMORY_OK && asked == 2);
    CHECK(wasm_rt_memory_try_allocate(&memory, 1, 9) == WASM_MEMORY_INVALID_ARGUMENT);
    CHECK(memory.size == PAGE && wasm_rt_memory_handle(&memory) != NULL);
    CHECK(wasm_rt_grow_memory(&memory, 1) == 1);
    CHECK(wasm_rt_grow_memory(&memory, 1) == UINT32_MAX && memory.pages == 2 && asked == 4);
    CHECK(wasm_rt_memory_use_store(NULL) == store);
    /* The memory stays under its own store's limits. */
    CHECK(wasm_rt_grow_memory(&memory, 1) == UINT32_MAX);
    wasm_rt_free_memory(&memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

static void memories_of_the_host_are_taken_or_refused(void) {
    wasm_engine_t *engine = NULL;
    wasm_store_t *store = store_with(BOUNDS, &engine);
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *made = NULL;
    wasm_rt_memory_t memory;
    CHECK(wasm_memorytype_try_new(1, false, 0, false, false, 16, &type) == WASM_MEMORY_OK);
    CHECK(wasm_memory_try_new(store, type, &made) == WASM_MEMORY_OK);
    CHECK(wasm_rt_memory_adopt(&memory, made) == WASM_MEMORY_OK);
    CHECK(wasm_rt_memory_adopt(&memory, made) == WASM_MEMORY_INVALID_ARGUMENT);
    CHECK(memory.data == wasm_memory_view(made)->base && memory.pages == 1 && memory.max_pages == 65536);
    /* 65535 more would be 2^32 bytes: the memory could, the structure could not tell. */
    CHECK(wasm_rt_grow_memory(&memory, 65535) == UINT32_MAX && memory.pages == 1);
    CHECK(wasm_memory_try_grow(made, 1, NULL) == WASM_MEMORY_OK && memory.pages == 1);
    wasm_rt_memory_refresh(&memory);
    CHECK(memory.pages == 2 && memory.size == 2 * PAGE);
    wasm_rt_free_memory(&memory);
    CHECK(wasm_memory_pages(made) == 2);
    wasm_memory_delete(made);
    wasm_memorytype_delete(type);
    CHECK(wasm_rt_memory_adopt(&memory, NULL) == WASM_MEMORY_NULL_ARGUMENT);

    /* 64-bit indices, shared, pages of one byte: this version's code has none of them. */
    const struct {
        bool is64, shared;
        uint8_t page_size_log2;
    } unknown[] = {{true, false, 16}, {false, true, 16}, {false, false, 0}};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        CHECK(wasm_memorytype_try_new(1, true, 2, unknown[i].is64, unknown[i].shared, unknown[i].page_size_log2,
                                      &type) == WASM_MEMORY_OK);
        CHECK(wasm_memory_try_new(store, type, &made) == WASM_MEMORY_OK);
        CHECK(wasm_rt_memory_adopt(&memory, made) == WASM_MEMORY_UNSUPPORTED);
        CHECK(strstr(wasm_rt_memory_last_error(), "1.0.32") != NULL);
        wasm_memory_delete(made);
        wasm_memorytype_delete(type);
    }
    wasm_store_delete(store);
    wasm_engine_delete(engine);

    store = store_with(WASM_MEMORY_BOUNDS_CHECKED, &engine);
    wasm_rt_memory_use_store(store);
    const wasm_memory_status_t expected = WASM_RT_MEMCHECK_SIGNAL_HANDLER ? WASM_MEMORY_UNSUPPORTED : WASM_MEMORY_OK;
    CHECK(wasm_rt_memory_try_allocate(&memory, 1, 2) == expected);
    wasm_rt_memory_use_store(NULL);
    wasm_rt_free_memory(&memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

int main(void) {
    wasm_rt_init();
    hooks_hear_of_growth_and_of_none();
    the_store_of_the_host_decides();
    memories_of_the_host_are_taken_or_refused();
    wasm_rt_memory_shutdown();
    wasm_rt_free();
    if (failures == 0) {
        printf("the host was told and obeyed\n");
    }
    return failures == 0 ? 0 : 1;
}
