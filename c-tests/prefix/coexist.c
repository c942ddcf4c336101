/* A program that links libwasmtime, which exports the names of the standard wasm.h too, and wasm_memory built with the
 * prefix my_. Compiled with both headers in either order, linked in either order: each name reaches its own library. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#if defined(OURS_FIRST)
#include <my_wasm_memory/wasm_memory.h>
#include <my_wasm_memory/wasm_memory_inline.h>
#include <wasm.h>
#include <wasmtime.h>
#elif defined(WASM_H_FIRST)
#include <wasm.h>
#include <wasmtime.h>
#include <my_wasm_memory/wasm_memory.h>
#include <my_wasm_memory/wasm_memory_inline.h>
#else
#error "define OURS_FIRST or WASM_H_FIRST"
#endif

#include <dlfcn.h>
#include <pthread.h>

/* check.h asks the library that a program was written for; this one has two. */
#define wasm_memory_status_t my_wasm_memory_status_t
#define wasm_memory_last_error my_wasm_memory_last_error
#define wasm_memory_status_name my_wasm_memory_status_name
#include "../support/check.h"

/* The file that a function was loaded from. */
static const char *origin(void *function) {
    Dl_info info;
    return dladdr(function, &info) != 0 ? info.dli_fname : "";
}

/* A pointer to a function as one to data, which POSIX allows and C does not say. */
#define ADDRESS(function) (*(void **)(void *)&(function))
TEST(each_name_is_found_in_its_own_library) {
    const char *file;
    wasm_memory_t *(*theirs)(wasm_store_t *, const wasm_memorytype_t *) = wasm_memory_new;
    file = origin(ADDRESS(theirs));
    CHECK(strstr(file, "wasmtime") != NULL);
    CHECK(strstr(file, "my_wasm_memory") == NULL);
    my_wasm_memory_t *(*ours)(my_wasm_store_t *, const my_wasm_memorytype_t *) = my_wasm_memory_new;
    file = origin(ADDRESS(ours));
    CHECK(strstr(file, "libwasmtime") == NULL);
}

/* Makes, grows and uses memories of ours through the names of the standard, prefixed. */
static void use_ours(unsigned round) {
    my_wasm_engine_t *engine = my_wasm_engine_new();
    my_wasm_store_t *store = my_wasm_store_new(engine);
    const my_wasm_limits_t limits = {1, 3};
    my_wasm_memorytype_t *type = my_wasm_memorytype_new(&limits);
    my_wasm_memory_t *memory = my_wasm_memory_new(store, type);
    if (CHECK(memory != NULL)) {
        CHECK(my_wasm_memory_grow(memory, 2));
        CHECK_EQ(my_wasm_memory_size(memory), 3);
        CHECK(!my_wasm_memory_grow(memory, 1));
        char said[200];
        CHECK(my_wasm_memory_last_error(said, sizeof said) > 0);
        CHECK(strstr(said, "maximum of 3 pages") != NULL);
        my_wasm_memory_data(memory)[3 * 65536 - 1] = (char)round;
        uint32_t value = 0;
        const my_wasm_memory_view_t *view = my_wasm_memory_view(memory);
        CHECK_EQ(my_wasm_inline_i32_load8_u(view, 3 * 65536 - 1, 0, &value), WASM_MEMORY_OK);
        CHECK_EQ(value, round & 0xff);
        CHECK_EQ(my_wasm_inline_i32_load8_u(view, 3 * 65536, 0, &value), WASM_MEMORY_OUT_OF_BOUNDS);
    }
    my_wasm_memory_delete(memory);
    my_wasm_memorytype_delete(type);
    my_wasm_store_delete(store);
    my_wasm_engine_delete(engine);
}

/* The same with wasmtime's memories, through wasm.h. */
static void use_theirs(unsigned round) {
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    const wasm_limits_t limits = {1, 3};
    wasm_memorytype_t *type = wasm_memorytype_new(&limits);
    wasm_memory_t *memory = wasm_memory_new(store, type);
    if (CHECK(memory != NULL)) {
        CHECK(wasm_memory_grow(memory, 2));
        CHECK_EQ(wasm_memory_size(memory), 3);
        CHECK(!wasm_memory_grow(memory, 1));
        wasm_memory_data(memory)[3 * 65536 - 1] = (char)round;
    }
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
}

TEST(both_libraries_work_one_after_the_other) {
    for (unsigned round = 0; round < 20; round++) {
        use_ours(round);
        use_theirs(round);
    }
}

static void *use_ours_often(void *unused) {
    for (unsigned round = 0; round < 200; round++) use_ours(round);
    return unused;
}

TEST(both_libraries_work_at_the_same_time) {
    pthread_t thread;
    if (!CHECK_EQ(pthread_create(&thread, NULL, use_ours_often, NULL), 0)) return;
    for (unsigned round = 0; round < 50; round++) use_theirs(round);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* wasmtime compiles and runs a module that touches its own guard: its trap handling is undisturbed by ours. */
TEST(wasmtime_runs_and_traps_beside_ours) {
    static const char text[] =
        "(module (memory (export \"memory\") 1)"
        " (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0))))";
    wasm_byte_vec_t binary;
    wasmtime_error_t *error = wasmtime_wat2wasm(text, sizeof text - 1, &binary);
    if (!CHECK(error == NULL)) return;
    wasm_engine_t *engine = wasm_engine_new();
    wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    wasmtime_module_t *module = NULL;
    error = wasmtime_module_new(engine, (const uint8_t *)binary.data, binary.size, &module);
    wasm_byte_vec_delete(&binary);
    if (CHECK(error == NULL)) {
        wasmtime_instance_t instance;
        wasm_trap_t *trap = NULL;
        error = wasmtime_instance_new(context, module, NULL, 0, &instance, &trap);
        CHECK(error == NULL && trap == NULL);
        wasmtime_extern_t item;
        if (CHECK(wasmtime_instance_export_get(context, &instance, "load", 4, &item))) {
            use_ours(7);
            wasmtime_val_t argument, result;
            argument.kind = WASMTIME_I32;
            argument.of.i32 = 65532;
            error = wasmtime_func_call(context, &item.of.func, &argument, 1, &result, 1, &trap);
            CHECK(error == NULL && trap == NULL);
            CHECK_EQ(result.of.i32, 0);
            argument.of.i32 = -4;
            error = wasmtime_func_call(context, &item.of.func, &argument, 1, &result, 1, &trap);
            CHECK(error == NULL && trap != NULL);
            if (trap != NULL) wasm_trap_delete(trap);
            use_ours(8);
            wasmtime_extern_delete(&item);
        }
        wasmtime_module_delete(module);
    }
    wasmtime_store_delete(store);
    wasm_engine_delete(engine);
}

int main(void) {
    RUN(each_name_is_found_in_its_own_library);
    RUN(both_libraries_work_one_after_the_other);
    RUN(both_libraries_work_at_the_same_time);
    RUN(wasmtime_runs_and_traps_beside_ours);
    return check_finish();
}
