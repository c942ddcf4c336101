/* test_threads: many instances on several threads at once, in pools and without; and shared memories between them. */
/* All memories in one chain, so that threads do meet there. */
#define WASM_MEMORY_WASMTIME_CHAINS 1
#include "host.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS_OF_MANY 50

static void on_threads(void *(*body)(void *), void *env) {
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&threads[i], NULL, body, env), 0);
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* ---- many instances ---- */

typedef struct {
    host_t host;
    wasmtime_module_t *module;
    unsigned numbers, wrong;
} many_t;

/* Checks that run at once would count together; what is wrong is counted here. */
#define RIGHT(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            __atomic_add_fetch(&many->wrong, 1, __ATOMIC_RELAXED);             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                      \
    } while (0)

static bool fine_here(wasmtime_error_t *error) {
    if (error == NULL) return true;
    wasmtime_error_delete(error);
    return false;
}

static bool call_here(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name, int32_t a,
                      int32_t b, int32_t *result) {
    wasmtime_extern_t item;
    wasmtime_val_t values[2], returned;
    wasm_trap_t *trap = NULL;
    wasm_functype_t *type;
    size_t params, results;
    memset(&item, 0, sizeof item);
    memset(&returned, 0, sizeof returned);
    if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item)) return false;
    type = wasmtime_func_type(context, &item.of.func);
    params = wasm_functype_params(type)->size;
    results = wasm_functype_results(type)->size;
    wasm_functype_delete(type);
    values[0].kind = values[1].kind = WASMTIME_I32;
    values[0].of.i32 = a;
    values[1].of.i32 = b;
    if (!fine_here(wasmtime_func_call(context, &item.of.func, values, params, &returned, results, &trap))) return false;
    if (trap != NULL) {
        wasm_trap_delete(trap);
        return false;
    }
    if (result != NULL) *result = returned.of.i32;
    return true;
}

static void *make_many(void *env) {
    many_t *const many = (many_t *)env;
    const unsigned number = __atomic_add_fetch(&many->numbers, 1, __ATOMIC_RELAXED);
    int round, i, again;
    for (round = 0; round < ROUNDS_OF_MANY; round++) {
        wasmtime_store_t *const store = wasmtime_store_new(many->host.engine, NULL, NULL);
        wasmtime_context_t *const context = wasmtime_store_context(store);
        wasmtime_instance_t instances[5];
        my_wasm_memory_t *handles[5];
        int32_t read = 0;
        for (i = 0; i < 5; i++) {
            wasm_trap_t *trap = NULL;
            wasmtime_extern_t item;
            const uint8_t mark = (uint8_t)(number * 16 + (unsigned)i);
            handles[i] = NULL;
            if (!fine_here(wasmtime_instance_new(context, many->module, NULL, 0, &instances[i], &trap))) {
                RIGHT(false);
                break;
            }
            wasmtime_instance_export_get(context, &instances[i], "m", 1, &item);
            handles[i] = my_wasm_memory_wasmtime_memory(many->host.maker, context, &item.of.memory);
            RIGHT(handles[i] != NULL);
            RIGHT(call_here(context, &instances[i], "load", 5000, 0, &read) && read == 0);
            RIGHT(my_wasm_memory_store_u8(handles[i], 5000, mark) == WASM_MEMORY_OK);
            RIGHT(call_here(context, &instances[i], "grow", i, 0, &read) && read == 1);
        }
        while (i-- > 0) {
            const uint8_t mark = (uint8_t)(number * 16 + (unsigned)i);
            RIGHT(call_here(context, &instances[i], "load", 5000, 0, &read) && read == mark);
            RIGHT(call_here(context, &instances[i], "load", 101, 0, &read) && read == 'e');
            RIGHT(!call_here(context, &instances[i], "load", (i + 1) * 65536, 0, &read));
            RIGHT(my_wasm_memory_pages(handles[i]) == (uint64_t)i + 1);
            for (again = 0; again < 20; again++) {
                my_wasm_memory_t *const found =
                    my_wasm_memory_wasmtime_find(many->host.maker, my_wasm_memory_view(handles[i])->base);
                RIGHT(found != NULL && my_wasm_memory_same(found, handles[i]));
                my_wasm_memory_delete(found);
            }
            my_wasm_memory_delete(handles[i]);
        }
        wasmtime_store_delete(store);
    }
    return NULL;
}

static void many_on(my_wasm_engine_t *ours) {
    many_t many;
    memset(&many, 0, sizeof many);
    many.host = host_of(ours);
    many.module = module_of(many.host.engine, plain_module);
    on_threads(make_many, &many);
    CHECK_EQ(many.wrong, 0);
    CHECK_EQ(stats_of(many.host).made, THREADS * ROUNDS_OF_MANY * 5);
    CHECK_EQ(stats_of(many.host).live, 0);
    wasmtime_module_delete(many.module);
    host_delete(many.host);
}

TEST(many_instances_on_several_threads) {
    many_on(engine_with_bounds(WASM_MEMORY_BOUNDS_GUARDED));
    many_on(engine_with_bounds(WASM_MEMORY_BOUNDS_CHECKED));
}

TEST(many_instances_out_of_one_pool) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 2; i++) {
        my_wasm_config_t *const config = my_wasm_config_new();
        my_wasm_memory_pool_options_t pool;
        memset(&pool, 0, sizeof pool);
        pool.struct_size = sizeof pool;
        pool.slots = THREADS * 5;
        pool.slot_bytes = 16 * MIB;
        my_wasm_config_memory_bounds_set(config, bounds[i]);
        my_wasm_config_memory_pool_set(config, &pool);
        many_on(my_wasm_engine_new_with_config(config));
    }
}

/* Some threads make memories and delete them as fast as they can, the others look for some that stay. */

#define STAYING 16
#define MAKINGS 20000

typedef struct {
    host_t host;
    wasmtime_module_t *module;
    my_wasm_memory_t *staying[STAYING];
    unsigned numbers, makers_left, wrong;
} hurry_t;

static void *hurry(void *env) {
    hurry_t *const many = (hurry_t *)env;
    const unsigned number = __atomic_add_fetch(&many->numbers, 1, __ATOMIC_RELAXED);
    int i;
    if (number % 2 == 0) {
        while (__atomic_load_n(&many->makers_left, __ATOMIC_ACQUIRE) != 0) {
            for (i = 0; i < STAYING; i++) {
                my_wasm_memory_t *const found =
                    my_wasm_memory_wasmtime_find(many->host.maker, my_wasm_memory_view(many->staying[i])->base);
                RIGHT(found != NULL && my_wasm_memory_same(found, many->staying[i]));
                my_wasm_memory_delete(found);
            }
        }
        return NULL;
    }
    for (i = 0; i < MAKINGS && __atomic_load_n(&many->wrong, __ATOMIC_RELAXED) == 0; i++) {
        wasmtime_store_t *const store = wasmtime_store_new(many->host.engine, NULL, NULL);
        wasmtime_instance_t instance;
        wasm_trap_t *trap = NULL;
        RIGHT(fine_here(wasmtime_instance_new(wasmtime_store_context(store), many->module, NULL, 0, &instance, &trap)));
        wasmtime_store_delete(store);
    }
    __atomic_sub_fetch(&many->makers_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

TEST(memories_are_found_while_others_come_and_go) {
    hurry_t many;
    wasmtime_instance_t instance;
    int i;
    memset(&many, 0, sizeof many);
    many.host = host_of(engine_with_bounds(WASM_MEMORY_BOUNDS_CHECKED));
    many.module = module_of(many.host.engine, "(module (memory 0) (memory 0) (memory 0) (memory 0))");
    many.makers_left = (THREADS + 1) / 2;
    for (i = 0; i < STAYING; i++) {
        instance = instance_of(many.host, "(module (memory (export \"m\") 1))");
        many.staying[i] = ours_named(many.host, &instance, "m");
    }
    on_threads(hurry, &many);
    CHECK_EQ(many.wrong, 0);
    CHECK_EQ(stats_of(many.host).made, STAYING + (THREADS + 1) / 2 * MAKINGS * 4);
    CHECK_EQ(stats_of(many.host).live, STAYING);
    for (i = 0; i < STAYING; i++) my_wasm_memory_delete(many.staying[i]);
    wasmtime_module_delete(many.module);
    host_delete(many.host);
}

/* ---- shared memories ---- */

typedef struct {
    host_t host;
    wasmtime_module_t *module;
    wasmtime_extern_t shared;
    my_wasm_memory_t *memory;
    unsigned wrong, ready;
} sharing_t;

#define ROUNDS 2000

/* Adds as the guest, adds as the host, grows by a page. */
static void *share(void *env) {
    sharing_t *const many = (sharing_t *)env;
    wasmtime_store_t *const store = wasmtime_store_new(many->host.engine, NULL, NULL);
    wasmtime_context_t *const context = wasmtime_store_context(store);
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    int32_t result = 0;
    int i;
    RIGHT(fine_here(wasmtime_instance_new(context, many->module, &many->shared, 1, &instance, &trap)));
    for (i = 0; i < ROUNDS; i++) {
        RIGHT(call_here(context, &instance, "add", 8, 1, NULL));
        RIGHT(my_wasm_memory_atomic_rmw32(many->memory, WASM_MEMORY_RMW_ADD, 8, 1, NULL) == WASM_MEMORY_OK);
    }
    RIGHT(call_here(context, &instance, "grow", 1, 0, &result) && result >= 1);
    /* The last of all wakes the others. */
    if (__atomic_add_fetch(&many->ready, 1, __ATOMIC_ACQ_REL) == THREADS) {
        RIGHT(my_wasm_memory_atomic_store32(many->memory, 16, 1) == WASM_MEMORY_OK);
        do RIGHT(call_here(context, &instance, "notify", 16, -1, &result));
        while (result > 0);
    } else {
        RIGHT(call_here(context, &instance, "wait", 16, 0, &result) && (result == 0 || result == 1));
    }
    wasmtime_store_delete(store);
    return NULL;
}

static void share_on(my_wasm_memory_bounds_t bounds) {
    sharing_t many;
    wasm_memorytype_t *type = NULL;
    uint32_t sum = 0;
    uint64_t previous = 0;
    memset(&many, 0, sizeof many);
    many.host = host_of(engine_with_bounds(bounds));
    many.module = module_of(
        many.host.engine,
        "(module (import \"\" \"\" (memory 1 20 shared))"
        " (func (export \"add\") (param i32 i32) (drop (i32.atomic.rmw.add (local.get 0) (local.get 1))))"
        " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
        " (func (export \"wait\") (param i32 i32) (result i32)"
        "  (memory.atomic.wait32 (local.get 0) (local.get 1) (i64.const -1)))"
        " (func (export \"notify\") (param i32 i32) (result i32)"
        "  (memory.atomic.notify (local.get 0) (local.get 1))))");
    CHECK_FINE(wasmtime_memorytype_new(1, true, 20, false, true, 16, &type));
    CHECK_FINE(my_wasm_memory_wasmtime_memory_new(many.host.maker, many.host.engine, many.host.context, type,
                                                  &many.shared));
    CHECK_EQ(many.shared.kind, WASMTIME_EXTERN_SHAREDMEMORY);
    wasm_memorytype_delete(type);
    many.memory =
        my_wasm_memory_wasmtime_find(many.host.maker, wasmtime_sharedmemory_data(many.shared.of.sharedmemory));
    CHECK(many.memory != NULL);

    on_threads(share, &many);
    CHECK_EQ(many.wrong, 0);
    CHECK_OK(my_wasm_memory_atomic_load32(many.memory, 8, &sum));
    CHECK_EQ(sum, 2 * THREADS * ROUNDS);
    CHECK_EQ(my_wasm_memory_pages(many.memory), 1 + THREADS);
    CHECK_EQ(wasmtime_sharedmemory_size(many.shared.of.sharedmemory), 1 + THREADS);
    CHECK_FINE(wasmtime_sharedmemory_grow(many.shared.of.sharedmemory, 20 - 1 - THREADS, &previous));
    CHECK_EQ(previous, 1 + THREADS);
    CHECK(!fine(wasmtime_sharedmemory_grow(many.shared.of.sharedmemory, 1, &previous)));
    CHECK_EQ(my_wasm_memory_pages(many.memory), 20);

    my_wasm_memory_delete(many.memory);
    wasmtime_extern_delete(&many.shared);
    wasmtime_module_delete(many.module);
    host_delete(many.host);
}

TEST(a_shared_memory_on_several_threads) {
    share_on(WASM_MEMORY_BOUNDS_GUARDED);
    share_on(WASM_MEMORY_BOUNDS_CHECKED);
}

/* A maximum beyond what is reserved for others. */
TEST(shared_memories_have_room_for_their_maximum) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 2; i++) {
        my_wasm_config_t *const config = my_wasm_config_new();
        host_t host;
        wasmtime_instance_t instance;
        my_wasm_config_memory_bounds_set(config, bounds[i]);
        my_wasm_config_memory_reservation_set(config, MIB);
        host = host_of(my_wasm_engine_new_with_config(config));
        instance = instance_of(host, "(module (memory 1 100 shared)"
                                     " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
                                     " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", PAGE, 0);
        CHECK_EQ(call1(host, &instance, "grow", 15), 1);
        CHECK_EQ(call1(host, &instance, "load", 16 * PAGE - 1), 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", 16 * PAGE, 0);
        /* With guards, wasmtime does not let shared memories outgrow what it was told. */
        if (bounds[i] == WASM_MEMORY_BOUNDS_CHECKED) {
            CHECK_EQ(call1(host, &instance, "grow", 84), 16);
            CHECK_EQ(call1(host, &instance, "load", 100 * PAGE - 1), 0);
        } else {
            CHECK_EQ(call1(host, &instance, "grow", 84), 0xffffffff);
        }
        host_delete(host);
    }
}

int main(void) {
    RUN(many_instances_on_several_threads);
    RUN(many_instances_out_of_one_pool);
    RUN(memories_are_found_while_others_come_and_go);
    RUN(a_shared_memory_on_several_threads);
    RUN(shared_memories_have_room_for_their_maximum);
    return check_finish();
}
