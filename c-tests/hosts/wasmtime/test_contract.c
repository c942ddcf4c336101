/* test_contract: what wasmtime relies on is there, or is refused with the numbers and the option that helps. */
#define _GNU_SOURCE
#include "host.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static my_wasm_engine_t *engine_of(my_wasm_memory_bounds_t bounds, uint64_t reservation, uint64_t guard,
                                   uint64_t slot_bytes, bool may_move) {
    my_wasm_config_t *const config = my_wasm_config_new();
    my_wasm_config_memory_bounds_set(config, bounds);
    if (reservation != 0) my_wasm_config_memory_reservation_set(config, reservation);
    if (guard != 0) my_wasm_config_memory_guard_size_set(config, guard);
    my_wasm_config_memory_may_move_set(config, may_move);
    if (slot_bytes != 0) {
        my_wasm_memory_pool_options_t pool;
        memset(&pool, 0, sizeof pool);
        pool.struct_size = sizeof pool;
        pool.slots = 4;
        pool.slot_bytes = slot_bytes;
        my_wasm_config_memory_pool_set(config, &pool);
    }
    return my_wasm_engine_new_with_config(config);
}

/* Whether plain_module can be instantiated; it works then. */
static bool is_taken(host_t host) {
    wasmtime_instance_t instance;
    if (!try_instance(host, plain_module, &instance)) return false;
    CHECK_EQ(call1(host, &instance, "load", 100), 's');
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", PAGE, 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load_far", 0xffffffff, 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load_wide", 0xffffffff, 0);
    if (!CHECK_EQ(call1(host, &instance, "grow", 9), 1)) {
        char reason[512];
        my_wasm_memory_last_error(reason, sizeof reason);
        printf("  %s\n", reason);
    }
    CHECK_EQ(call1(host, &instance, "load", 10 * PAGE - 1), 0);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 10 * PAGE, 0);
    return true;
}

/* The message has these in it. */
static void check_said(const char *first, const char *second, const char *third) {
    CHECK(strstr(last_message, first) != NULL);
    CHECK(strstr(last_message, second) != NULL);
    CHECK(strstr(last_message, third) != NULL);
    if (check_state.failures != 0) printf("  it says: %s\n", last_message);
}

TEST(a_default_engine_keeps_what_wasmtime_promises_by_default) {
    const host_t host = host_as(my_wasm_engine_new(), NULL, false);
    CHECK_FINE(my_wasm_memory_wasmtime_check(host.maker, 4 * GIB, 32 * MIB));
    CHECK(is_taken(host));
    host_delete(host);
}

TEST(too_small_a_reservation_is_refused) {
    const host_t host = host_as(engine_of(WASM_MEMORY_BOUNDS_GUARDED, MIB, 0, 0, false), NULL, false);
    CHECK(!is_taken(host));
    check_said("4294967296 reserved bytes", "has 1048576", "wasm_config_memory_reservation_set");
    CHECK_EQ(stats_of(host).refused, 1);
    CHECK_EQ(stats_of(host).made, 0);
    CHECK_SAYS(my_wasm_memory_wasmtime_check(host.maker, 4 * GIB, 32 * MIB), "has 1048576");
    CHECK_FINE(my_wasm_memory_wasmtime_check(host.maker, MIB, 32 * MIB));
    host_delete(host);
}

TEST(too_small_a_guard_is_refused) {
    const host_t host = host_as(engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 65536, 0, false), NULL, false);
    CHECK(!is_taken(host));
    check_said("33554432 guard bytes", "has 65536", "wasm_config_memory_guard_size_set");
    CHECK_SAYS(my_wasm_memory_wasmtime_check(host.maker, 4 * GIB, 65537), "has 65536");
    CHECK_FINE(my_wasm_memory_wasmtime_check(host.maker, 4 * GIB, 65536));
    host_delete(host);
}

TEST(a_checked_engine_is_refused_where_guards_are_promised) {
    const host_t host = host_as(engine_of(WASM_MEMORY_BOUNDS_CHECKED, 0, 0, 0, false), NULL, false);
    CHECK(!is_taken(host));
    check_said("4294967296 reserved bytes and 33554432 guard bytes", "CHECKED", "WASM_MEMORY_BOUNDS_GUARDED");
    CHECK_SAYS(my_wasm_memory_wasmtime_check(host.maker, 0, 65536), "is CHECKED");
    CHECK_SAYS(my_wasm_memory_wasmtime_check(host.maker, 65536, 0), "is CHECKED");
    CHECK_FINE(my_wasm_memory_wasmtime_check(host.maker, 0, 0));
    host_delete(host);
}

/* One byte pages have explicit checks whatever is promised, and no guards ever. */
TEST(pages_of_one_byte_need_no_guards) {
    const host_t host = host_as(engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 0, 0, false), NULL, false);
    const wasmtime_instance_t instance = instance_of(
        host, "(module (memory 3 100000 (pagesize 1))"
              " (func (export \"load\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
              " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 3, 0);
    CHECK_EQ(call1(host, &instance, "grow", 99997), 3);
    CHECK_OUT_OF_BOUNDS(host, &instance, "load", 100000, 0);
    host_delete(host);
}

/* wasmtime ends the process at a fault that two memories of a store claim: those without guards must claim none of the
   room of their neighbours, whatever the order of creation. */
TEST(a_fault_belongs_to_one_memory) {
    static const char *const neighbours[] = {"(module (memory 1 (pagesize 1)))", "(module (memory i64 1 (pagesize 1)))",
                                             "(module (memory i64 1))", "(module (memory 1))"};
    int slots, i;
    for (slots = 0; slots < 2; slots++) {
        const host_t host = host_of(engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, slots != 0 ? 65536 : 0,
                                              slots != 0 ? MIB : 0, false));
        for (i = 0; i < (slots != 0 ? 2 : 4); i++) {
            const wasmtime_instance_t instance = instance_of(host, plain_module);
            CHECK(try_instance(host, neighbours[i], &(wasmtime_instance_t){0}));
            CHECK_OUT_OF_BOUNDS(host, &instance, "load", 70000, 0);
        }
        host_delete(host);
    }
}

/* The same where nothing is guarded, but a range protected. */
TEST(a_protected_range_belongs_to_one_memory) {
    const host_t host = host_of(engine_of(WASM_MEMORY_BOUNDS_CHECKED, MIB, 0, 0, false));
    wasmtime_instance_t instances[4];
    int i;
    for (i = 0; i < 4; i++) {
        my_wasm_memory_t *memory;
        instances[i] = instance_of(host, "(module (memory (export \"m\") 1) (func (export \"load\") (param i32)"
                                         " (result i32) (i32.load8_u (local.get 0))))");
        memory = ours_named(host, &instances[i], "m");
        CHECK_OK(my_wasm_memory_protect(memory, 0, 65536, WASM_MEMORY_PROT_NONE));
        my_wasm_memory_delete(memory);
    }
    for (i = 0; i < 4; i++) CHECK_OUT_OF_BOUNDS(host, &instances[i], "load", 5, 0);
    host_delete(host);
}

/* What configure does, by hand; with a signal handler and without. */
TEST(a_host_can_have_wasmtime_check_by_itself) {
    int with_signals;
    for (with_signals = 0; with_signals < 2; with_signals++) {
        host_t host;
        wasm_config_t *const config = config_for_all();
        memset(&host, 0, sizeof host);
        host.ours = engine_of(WASM_MEMORY_BOUNDS_CHECKED, 0, 0, 0, false);
        CHECK_FINE(my_wasm_memory_wasmtime_new(host.ours, NULL, &host.maker));
        CHECK_FINE(my_wasm_memory_wasmtime_creator_set(host.maker, config));
        wasmtime_config_memory_reservation_set(config, 0);
        wasmtime_config_memory_guard_size_set(config, 0);
        wasmtime_config_signals_based_traps_set(config, with_signals != 0);
        host.engine = wasm_engine_new_with_config(config);
        host.store = wasmtime_store_new(host.engine, NULL, NULL);
        host.context = wasmtime_store_context(host.store);
        host.stores_gone = stores_gone;
        my_wasm_store_data_set(my_wasm_memory_wasmtime_store(host.maker), &stores_gone, store_is_gone);
        CHECK(is_taken(host));
        host_delete(host);
    }
}

TEST(a_pool_of_small_slots) {
    host_t host = host_as(engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 0, MIB, false), NULL, false);
    CHECK(!is_taken(host));
    check_said("4294967296 reserved bytes", "has 1048576", "slot_bytes of its pool");
    host_delete(host);
    host = host_of(engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 0, MIB, false));
    CHECK(is_taken(host));
    host_delete(host);
}

TEST(memories_that_move_have_to_be_asked_for) {
    host_t host = host_of(engine_of(WASM_MEMORY_BOUNDS_CHECKED, 65536, 0, 0, true));
    my_wasm_memory_wasmtime_options_t options = no_options();
    wasmtime_instance_t instance;
    CHECK(!is_taken(host));
    check_said("growth past 65536 bytes may move", "10 pages", "may_move in my_wasm_memory_wasmtime_options_t");
    /* One that cannot outgrow its reservation does not move. */
    CHECK(try_instance(host, "(module (memory 1 1))", &instance));
    host_delete(host);

    options.may_move = true;
    host = host_as(engine_of(WASM_MEMORY_BOUNDS_CHECKED, 65536, 0, 0, true), &options, true);
    CHECK(is_taken(host));
    host_delete(host);
}

/* wasmtime's code takes a reservation for all that a memory can be, where it was told that memories do not move: then
   it must not grow further, though we have more. */
TEST(what_outgrows_the_promise_is_refused_or_works) {
    int moves;
    for (moves = 0; moves < 2; moves++) {
        host_t host;
        wasm_config_t *const config = config_for_all();
        wasmtime_instance_t instance;
        uint64_t before;
        memset(&host, 0, sizeof host);
        host.ours = engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 0, 0, false);
        CHECK_FINE(my_wasm_memory_wasmtime_new(host.ours, NULL, &host.maker));
        CHECK_FINE(my_wasm_memory_wasmtime_creator_set(host.maker, config));
        wasmtime_config_memory_reservation_set(config, MIB);
        wasmtime_config_memory_guard_size_set(config, 65536);
        wasmtime_config_memory_may_move_set(config, moves != 0);
        host.engine = wasm_engine_new_with_config(config);
        host.store = wasmtime_store_new(host.engine, NULL, NULL);
        host.context = wasmtime_store_context(host.store);
        host.stores_gone = stores_gone;
        my_wasm_store_data_set(my_wasm_memory_wasmtime_store(host.maker), &stores_gone, store_is_gone);
        instance = instance_of(host, "(module (memory i64 1)"
                                     " (func (export \"load\") (param i64) (result i32) (i32.load8_u (local.get 0)))"
                                     " (func (export \"size\") (result i64) (memory.size))"
                                     " (func (export \"grow\") (param i64) (result i64) (memory.grow (local.get 0))))");
        CHECK_EQ(call1(host, &instance, "grow", 15), 1);
        CHECK_EQ(call1(host, &instance, "load", 16 * PAGE - 1), 0);
        before = call1(host, &instance, "grow", 20);
        CHECK_EQ(before, moves ? 16 : UINT64_MAX);
        CHECK_EQ(call1(host, &instance, "load", call0(host, &instance, "size") * PAGE - 1), 0);
        CHECK_OUT_OF_BOUNDS(host, &instance, "load", call0(host, &instance, "size") * PAGE, 0);
        host_delete(host);
    }
}

/* ---- memories that the host makes for us ---- */

typedef struct {
    uint8_t *start;
    size_t size, span;
} block_t;

static size_t block_size(void *env) { return ((block_t *)env)->size; }
static uint8_t *block_base(void *env) { return ((block_t *)env)->start; }
static my_wasm_memory_status_t block_grow(void *env, size_t size) {
    block_t *const block = (block_t *)env;
    if (mprotect(block->start, size, PROT_READ | PROT_WRITE) != 0) return WASM_MEMORY_OUT_OF_MEMORY;
    block->size = size;
    return WASM_MEMORY_OK;
}
static void block_span(void *env, uint8_t **start, size_t *length) {
    *start = ((block_t *)env)->start;
    *length = ((block_t *)env)->span;
}
static void block_free(void *env) {
    munmap(((block_t *)env)->start, ((block_t *)env)->span);
    free(env);
}
static my_wasm_memory_status_t block_new(void *env, const my_wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                         size_t reserved, size_t guard, my_wasm_linear_memory_t *out) {
    block_t *const block = (block_t *)calloc(1, sizeof *block);
    (void)env, (void)type, (void)maximum;
    block->span = reserved + guard > 0 ? reserved + guard : 64 * MIB;
    block->start = (uint8_t *)mmap(NULL, block->span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block->start == MAP_FAILED || (minimum > 0 && block_grow(block, minimum) != WASM_MEMORY_OK)) {
        free(block);
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    out->struct_size = sizeof *out;
    out->env = block;
    out->byte_size = block_size;
    out->as_ptr = block_base;
    out->grow_to = block_grow;
    out->wasm_accessible = block_span;
    out->finalizer = block_free;
    return WASM_MEMORY_OK;
}

TEST(memories_of_an_allocator_of_the_hosts) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_AUTO};
    size_t i;
    for (i = 0; i < 2; i++) {
        my_wasm_config_t *const config = my_wasm_config_new();
        my_wasm_memory_allocator_t allocator;
        host_t host;
        memset(&allocator, 0, sizeof allocator);
        allocator.struct_size = sizeof allocator;
        allocator.new_memory = block_new;
        my_wasm_config_memory_bounds_set(config, bounds[i]);
        my_wasm_config_memory_allocator_set(config, &allocator);
        host = host_of(my_wasm_engine_new_with_config(config));
        CHECK(is_taken(host));
        host_delete(host);
    }
}

/* ---- little address space ---- */

static void in_a_child(void (*body)(void)) {
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        check_state.failures = 0;
        body();
        fflush(stdout);
        _exit(check_state.failures != 0);
    }
    if (CHECK(child > 0) && CHECK_EQ(waitpid(child, &status, 0), child)) CHECK_EQ(status, 0);
}

/* So much more than what is mapped now. */
static void limit_address_space(uint64_t more) {
    char line[256];
    uint64_t kib = 0;
    struct rlimit limit;
    FILE *const status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmSize: %" SCNu64, &kib) == 1) break;
    if (status != NULL) fclose(status);
    if (!CHECK(kib > 0)) return;
    limit.rlim_cur = limit.rlim_max = (rlim_t)(kib * KIB + more);
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

static void little_from_the_start(void) {
    host_t host;
    my_wasm_memory_wasmtime_settings_t settings;
    limit_address_space(2 * GIB);
    host = host_of(my_wasm_engine_new());
    memset(&settings, 0, sizeof settings);
    settings.struct_size = sizeof settings;
    CHECK_FINE(my_wasm_memory_wasmtime_settings(host.maker, &settings));
    CHECK_EQ(settings.bounds, WASM_MEMORY_BOUNDS_CHECKED);
    CHECK(is_taken(host));
    host_delete(host);
}

static void little_later(void) {
    host_t host = host_of(my_wasm_engine_new());
    my_wasm_memory_wasmtime_options_t options = no_options();
    CHECK(is_taken(host));
    limit_address_space(2 * GIB);
    CHECK(!is_taken(host));
    check_said("relies on 4294967296 reserved bytes", "CHECKED", "bounds = WASM_MEMORY_BOUNDS_CHECKED");
    host_delete(host);
    options.bounds = WASM_MEMORY_BOUNDS_CHECKED;
    host = host_as(my_wasm_engine_new(), &options, true);
    CHECK(is_taken(host));
    host_delete(host);
}

static void guarded_without_room(void) {
    my_wasm_memory_wasmtime_t *maker = NULL;
    my_wasm_engine_t *const engine = engine_of(WASM_MEMORY_BOUNDS_GUARDED, 0, 0, 0, false);
    limit_address_space(2 * GIB);
    CHECK_SAYS(my_wasm_memory_wasmtime_new(engine, NULL, &maker), "RLIMIT_AS");
    CHECK(maker == NULL);
    my_wasm_engine_delete(engine);
}

TEST(an_engine_that_steps_down_before_it_is_configured) { in_a_child(little_from_the_start); }
TEST(an_engine_that_steps_down_afterwards) { in_a_child(little_later); }
TEST(an_engine_that_cannot_step_down) { in_a_child(guarded_without_room); }

/* ---- memories that wasmtime makes without asking ---- */

TEST(memories_of_wasmtimes_own_are_not_found) {
    const host_t host = host_of(my_wasm_engine_new());
    wasm_memorytype_t *type = NULL;
    wasmtime_memory_t memory;
    CHECK_FINE(wasmtime_memorytype_new(1, true, 2, false, false, 16, &type));
    CHECK_FINE(wasmtime_memory_new(host.context, type, &memory));
    CHECK(my_wasm_memory_wasmtime_memory(host.maker, host.context, &memory) == NULL);
    CHECK_EQ(stats_of(host).made, 0);
    wasm_memorytype_delete(type);
    host_delete(host);
}

TEST(wasmtimes_pooling_allocator_is_noticed) {
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *maker = NULL;
    wasm_config_t *const config = config_for_all();
    wasmtime_pooling_allocation_config_t *const pooling = wasmtime_pooling_allocation_config_new();
    wasm_memorytype_t *type = NULL;
    wasm_engine_t *engine;
    wasmtime_store_t *store;
    wasmtime_extern_t item;
    CHECK_FINE(my_wasm_memory_wasmtime_new(ours, NULL, &maker));
    CHECK_FINE(my_wasm_memory_wasmtime_configure(maker, config));
    wasmtime_pooling_allocation_config_total_memories_set(pooling, 2);
    wasmtime_pooling_allocation_strategy_set(config, pooling);
    wasmtime_pooling_allocation_config_delete(pooling);
    engine = wasm_engine_new_with_config(config);
    store = wasmtime_store_new(engine, NULL, NULL);
    CHECK_FINE(wasmtime_memorytype_new(1, true, 2, false, false, 16, &type));
    CHECK_SAYS(my_wasm_memory_wasmtime_memory_new(maker, engine, wasmtime_store_context(store), type, &item),
               "pooling allocator");
    wasm_memorytype_delete(type);
    wasmtime_store_delete(store);
    wasm_engine_delete(engine);
    my_wasm_memory_wasmtime_delete(maker);
    my_wasm_engine_delete(ours);
}

TEST(a_memory_needs_the_features_of_its_type) {
    host_t host;
    wasm_config_t *const config = wasm_config_new();
    wasm_memorytype_t *type = NULL;
    wasmtime_extern_t item;
    memset(&host, 0, sizeof host);
    wasmtime_config_wasm_memory64_set(config, false);
    host.ours = my_wasm_engine_new();
    CHECK_FINE(my_wasm_memory_wasmtime_new(host.ours, NULL, &host.maker));
    CHECK_FINE(my_wasm_memory_wasmtime_configure(host.maker, config));
    my_wasm_store_data_set(my_wasm_memory_wasmtime_store(host.maker), &stores_gone, store_is_gone);
    host.stores_gone = stores_gone;
    host.engine = wasm_engine_new_with_config(config);
    host.store = wasmtime_store_new(host.engine, NULL, NULL);
    host.context = wasmtime_store_context(host.store);
    CHECK_FINE(wasmtime_memorytype_new(1, false, 0, true, false, 16, &type));
    CHECK_SAYS(my_wasm_memory_wasmtime_memory_new(host.maker, host.engine, host.context, type, &item), "memory64");
    wasm_memorytype_delete(type);
    host_delete(host);
}

/* Objects for the garbage collector lie in a memory as well; where it is refused they cannot be made, and that is all. */
TEST(the_heap_of_references_is_ours_too) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t i;
    for (i = 0; i < 2; i++) {
        const host_t host = host_of(engine_of(bounds[i], 0, 0, 0, false));
        wasmtime_store_t *const second = wasmtime_store_new(host.engine, NULL, NULL);
        my_wasm_memory_limits_t limits;
        wasmtime_externref_t reference;
        int round;
        for (round = 0; round < 1000; round++) {
            if (!CHECK(wasmtime_externref_new(host.context, &stores_gone, NULL, &reference))) break;
            CHECK(wasmtime_externref_data(host.context, &reference) == &stores_gone);
            wasmtime_externref_unroot(&reference);
        }
        CHECK_EQ(stats_of(host).live, 1);
        memset(&limits, 0xff, sizeof limits);
        limits.struct_size = sizeof limits;
        limits.max_memories = 1;
        CHECK_OK(my_wasm_store_limits_set(my_wasm_memory_wasmtime_store(host.maker), &limits));
        CHECK(!wasmtime_externref_new(wasmtime_store_context(second), &stores_gone, NULL, &reference));
        CHECK_EQ(stats_of(host).refused, 1);
        wasmtime_store_delete(second);
        host_delete(host);
    }
}

/* All kinds of types that there are, with numbers of all lengths. */
TEST(memories_of_all_types_can_be_made_for_import) {
    const host_t host = host_of(my_wasm_engine_new());
    static const struct {
        uint64_t minimum, maximum;
        bool has_maximum, is_64, shared;
        uint8_t page_size_log2;
    } types[] = {{0, 0, false, false, false, 16},
                 {1, 65536, true, false, false, 16},
                 {127, 128, true, false, false, 16},
                 {300, 0, false, true, false, 16},
                 {1, UINT64_C(1) << 48, true, true, false, 16},
                 {5, 100000, true, false, false, 0},
                 {0, 0, false, true, false, 0},
                 {2, 300, true, false, true, 16},
                 {1, 7, true, true, true, 16}};
    size_t i;
    for (i = 0; i < sizeof types / sizeof *types; i++) {
        wasm_memorytype_t *type = NULL, *made;
        wasmtime_extern_t item;
        my_wasm_memory_t *memory;
        uint64_t maximum = 0;
        CHECK_FINE(wasmtime_memorytype_new(types[i].minimum, types[i].has_maximum, types[i].maximum, types[i].is_64,
                                           types[i].shared, types[i].page_size_log2, &type));
        if (!CHECK_FINE(my_wasm_memory_wasmtime_memory_new(host.maker, host.engine, host.context, type, &item))) continue;
        CHECK_EQ(item.kind, types[i].shared ? WASMTIME_EXTERN_SHAREDMEMORY : WASMTIME_EXTERN_MEMORY);
        made = types[i].shared ? wasmtime_sharedmemory_type(item.of.sharedmemory)
                               : wasmtime_memory_type(host.context, &item.of.memory);
        memory = my_wasm_memory_wasmtime_find(host.maker, types[i].shared
                                                              ? wasmtime_sharedmemory_data(item.of.sharedmemory)
                                                              : wasmtime_memory_data(host.context, &item.of.memory));
        CHECK_EQ(my_wasm_memory_pages(memory), types[i].minimum);
        CHECK_EQ(my_wasm_memory_page_size_log2(memory), types[i].page_size_log2);
        CHECK_EQ(wasmtime_memorytype_minimum(made), types[i].minimum);
        CHECK_EQ(wasmtime_memorytype_maximum(made, &maximum), types[i].has_maximum);
        if (types[i].has_maximum) CHECK_EQ(maximum, types[i].maximum);
        CHECK_EQ(wasmtime_memorytype_is64(made), types[i].is_64);
        CHECK_EQ(wasmtime_memorytype_isshared(made), types[i].shared);
        CHECK_EQ(wasmtime_memorytype_page_size_log2(made), types[i].page_size_log2);
        my_wasm_memory_delete(memory);
        wasm_memorytype_delete(made);
        wasm_memorytype_delete(type);
        wasmtime_extern_delete(&item);
    }
    host_delete(host);
}

/* ---- arguments ---- */

TEST(null_and_nonsense_are_errors) {
    const host_t host = host_of(my_wasm_engine_new());
    my_wasm_memory_wasmtime_t *maker = (my_wasm_memory_wasmtime_t *)&stores_gone;
    my_wasm_memory_wasmtime_options_t options = no_options();
    my_wasm_memory_wasmtime_settings_t settings;
    my_wasm_memory_wasmtime_stats_t stats;
    wasm_config_t *const config = wasm_config_new();
    memset(&settings, 0, sizeof settings);
    memset(&stats, 0, sizeof stats);

    CHECK_SAYS(my_wasm_memory_wasmtime_new(NULL, NULL, &maker), "engine is NULL");
    CHECK(maker == NULL);
    CHECK_SAYS(my_wasm_memory_wasmtime_new(host.ours, NULL, NULL), "out is NULL");
    options.struct_size = 3;
    CHECK_SAYS(my_wasm_memory_wasmtime_new(host.ours, &options, &maker), "struct_size is 3");
    options.struct_size = sizeof options;
    options.bounds = 7;
    CHECK_SAYS(my_wasm_memory_wasmtime_new(host.ours, &options, &maker), "bounds is 7");
    options.bounds = -1;
    CHECK_SAYS(my_wasm_memory_wasmtime_new(host.ours, &options, &maker), "bounds is -1");
    CHECK_SAYS(my_wasm_memory_wasmtime_configure(NULL, config), "maker is NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_configure(host.maker, NULL), "config is NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_creator_set(NULL, config), "maker is NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_creator_set(host.maker, NULL), "config is NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_check(NULL, 0, 0), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_settings(host.maker, NULL), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_settings(NULL, &settings), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_settings(host.maker, &settings), "struct_size");
    CHECK_SAYS(my_wasm_memory_wasmtime_stats(host.maker, NULL), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_stats(NULL, &stats), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_stats(host.maker, &stats), "struct_size");
    CHECK_SAYS(my_wasm_memory_wasmtime_refresh(NULL, NULL), "NULL");
    CHECK_SAYS(my_wasm_memory_wasmtime_memory_new(host.maker, host.engine, host.context, NULL, NULL), "NULL");
    CHECK(my_wasm_memory_wasmtime_store(NULL) == NULL);
    CHECK(my_wasm_memory_wasmtime_find(NULL, &stats) == NULL);
    CHECK(my_wasm_memory_wasmtime_find(host.maker, NULL) == NULL);
    CHECK(my_wasm_memory_wasmtime_find(host.maker, &stats) == NULL);
    CHECK(my_wasm_memory_wasmtime_memory(host.maker, host.context, NULL) == NULL);
    my_wasm_memory_wasmtime_delete(NULL);
    wasm_config_delete(config);
    host_delete(host);
}

/* A structure of before there were the later fields. */
TEST(structures_may_be_shorter) {
    const host_t host = host_of(my_wasm_engine_new());
    my_wasm_memory_wasmtime_options_t options;
    my_wasm_memory_wasmtime_settings_t settings;
    my_wasm_memory_wasmtime_t *maker = NULL;
    memset(&options, 0xee, sizeof options);
    options.struct_size = offsetof(my_wasm_memory_wasmtime_options_t, may_move);
    options.bounds = WASM_MEMORY_BOUNDS_CHECKED;
    CHECK_FINE(my_wasm_memory_wasmtime_new(host.ours, &options, &maker));
    memset(&settings, 0xee, sizeof settings);
    settings.struct_size = offsetof(my_wasm_memory_wasmtime_settings_t, memory_may_move);
    CHECK_FINE(my_wasm_memory_wasmtime_settings(maker, &settings));
    CHECK_EQ(settings.memory_reservation, 0);
    CHECK_EQ(settings.memory_guard_size, 0);
    CHECK_EQ(settings.bounds, (int32_t)0xeeeeeeee);
    my_wasm_memory_wasmtime_delete(maker);
    host_delete(host);
}

TEST(guards_can_be_insisted_on) {
    my_wasm_memory_wasmtime_options_t options = no_options();
    my_wasm_memory_wasmtime_t *maker = NULL;
    my_wasm_engine_t *const engine = engine_of(WASM_MEMORY_BOUNDS_CHECKED, 0, 0, 0, false);
    options.bounds = WASM_MEMORY_BOUNDS_GUARDED;
    CHECK_SAYS(my_wasm_memory_wasmtime_new(engine, &options, &maker), "memories of this engine are CHECKED");
    CHECK(maker == NULL);
    my_wasm_engine_delete(engine);
}

int main(void) {
    /* First: a child has no threads, and wasmtime counts on those that compiled something. */
    RUN(an_engine_that_steps_down_before_it_is_configured);
    RUN(an_engine_that_steps_down_afterwards);
    RUN(an_engine_that_cannot_step_down);
    RUN(a_default_engine_keeps_what_wasmtime_promises_by_default);
    RUN(too_small_a_reservation_is_refused);
    RUN(too_small_a_guard_is_refused);
    RUN(a_checked_engine_is_refused_where_guards_are_promised);
    RUN(pages_of_one_byte_need_no_guards);
    RUN(a_fault_belongs_to_one_memory);
    RUN(a_protected_range_belongs_to_one_memory);
    RUN(a_host_can_have_wasmtime_check_by_itself);
    RUN(a_pool_of_small_slots);
    RUN(memories_that_move_have_to_be_asked_for);
    RUN(what_outgrows_the_promise_is_refused_or_works);
    RUN(memories_of_an_allocator_of_the_hosts);
    RUN(memories_of_wasmtimes_own_are_not_found);
    RUN(wasmtimes_pooling_allocator_is_noticed);
    RUN(a_memory_needs_the_features_of_its_type);
    RUN(the_heap_of_references_is_ours_too);
    RUN(memories_of_all_types_can_be_made_for_import);
    RUN(null_and_nonsense_are_errors);
    RUN(structures_may_be_shorter);
    RUN(guards_can_be_insisted_on);
    return check_finish();
}
