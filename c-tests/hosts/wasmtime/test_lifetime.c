/* test_lifetime: who lives how long: everything may be deleted in any order, finalizers run once, pools get their slots
 * back, and nothing is left in the process. */
#include "host.h"

static unsigned finalized;
static void count_finalizer(void *env) {
    (void)env;
    finalized++;
}

/* Lines of the process's map of memory. */
static unsigned mappings(void) {
    FILE *const maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;
    int c;
    if (maps == NULL) return 0;
    while ((c = fgetc(maps)) != EOF) lines += c == '\n';
    fclose(maps);
    return lines;
}

/* ---- every order ---- */

enum { OUR_ENGINE, MAKER, THEIR_ENGINE, STORE, HANDLE, THINGS };

typedef struct {
    host_t host;
    my_wasm_memory_t *handle;
    bool there[THINGS];
} things_t;

static void delete_thing(things_t *things, int which) {
    char read[7];
    switch (which) {
        case OUR_ENGINE: my_wasm_engine_delete(things->host.ours); break;
        case MAKER: my_wasm_memory_wasmtime_delete(things->host.maker); break;
        case THEIR_ENGINE: wasm_engine_delete(things->host.engine); break;
        case STORE: wasmtime_store_delete(things->host.store); break;
        default: my_wasm_memory_delete(things->handle); break;
    }
    things->there[which] = false;
    /* What is left works. */
    if (things->there[HANDLE]) {
        CHECK_OK(my_wasm_memory_read(things->handle, 100, read, 7));
        CHECK(memcmp(read, "segment", 7) == 0);
        CHECK_OK(my_wasm_memory_try_grow(things->handle, 1, NULL));
    }
}

static void in_this_order(const int *order) {
    things_t things;
    my_wasm_memory_wasmtime_options_t options = no_options();
    wasmtime_instance_t instance;
    int i;
    memset(&things, 0, sizeof things);
    finalized = 0;
    stores_gone = 0;
    options.finalizer = count_finalizer;
    things.host = host_as(my_wasm_engine_new(), &options, true);
    instance = instance_of(things.host, plain_module);
    things.handle = ours_named(things.host, &instance, "m");
    for (i = 0; i < THINGS; i++) things.there[i] = true;
    for (i = 0; i < THINGS; i++) {
        delete_thing(&things, order[i]);
        /* The maker is kept by the engine of wasmtime, that by its store; our store by the maker and by handles. */
        CHECK_EQ(finalized, !things.there[MAKER] && !things.there[THEIR_ENGINE] && !things.there[STORE]);
        CHECK_EQ(stores_gone, finalized == 1 && !things.there[HANDLE]);
    }
    CHECK_EQ(finalized, 1);
    CHECK_EQ(stores_gone, 1);
}

static void all_orders(int *order, int from) {
    int i;
    if (from == THINGS) {
        in_this_order(order);
        return;
    }
    for (i = from; i < THINGS; i++) {
        const int first = order[from];
        order[from] = order[i];
        order[i] = first;
        all_orders(order, from + 1);
        order[i] = order[from];
        order[from] = first;
    }
}

TEST(everything_may_be_deleted_in_any_order) {
    int order[THINGS] = {OUR_ENGINE, MAKER, THEIR_ENGINE, STORE, HANDLE};
    all_orders(order, 0);
}

/* ---- configs ---- */

TEST(a_config_that_made_no_engine_lets_go) {
    my_wasm_memory_wasmtime_options_t options = no_options();
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *first = NULL, *second = NULL;
    wasm_config_t *const config = wasm_config_new();
    finalized = 0;
    options.finalizer = count_finalizer;
    CHECK_FINE(my_wasm_memory_wasmtime_new(ours, &options, &first));
    CHECK_FINE(my_wasm_memory_wasmtime_new(ours, &options, &second));
    CHECK_FINE(my_wasm_memory_wasmtime_configure(first, config));
    my_wasm_memory_wasmtime_delete(first);
    CHECK_EQ(finalized, 0);
    /* Another takes its place. */
    CHECK_FINE(my_wasm_memory_wasmtime_configure(second, config));
    CHECK_EQ(finalized, 1);
    my_wasm_memory_wasmtime_delete(second);
    CHECK_EQ(finalized, 1);
    wasm_config_delete(config);
    CHECK_EQ(finalized, 2);
    my_wasm_engine_delete(ours);
}

TEST(one_maker_serves_several_engines) {
    my_wasm_engine_t *const ours = my_wasm_engine_new();
    my_wasm_memory_wasmtime_t *maker = NULL;
    wasm_engine_t *engines[3];
    wasmtime_store_t *stores[3];
    int i;
    CHECK_FINE(my_wasm_memory_wasmtime_new(ours, NULL, &maker));
    for (i = 0; i < 3; i++) {
        wasm_config_t *const config = config_for_all();
        wasmtime_module_t *module;
        wasmtime_instance_t instance;
        wasm_trap_t *trap = NULL;
        CHECK_FINE(my_wasm_memory_wasmtime_configure(maker, config));
        engines[i] = wasm_engine_new_with_config(config);
        stores[i] = wasmtime_store_new(engines[i], NULL, NULL);
        module = module_of(engines[i], plain_module);
        CHECK_FINE(wasmtime_instance_new(wasmtime_store_context(stores[i]), module, NULL, 0, &instance, &trap));
        wasmtime_module_delete(module);
    }
    {
        my_wasm_memory_wasmtime_stats_t stats;
        memset(&stats, 0, sizeof stats);
        stats.struct_size = sizeof stats;
        CHECK_FINE(my_wasm_memory_wasmtime_stats(maker, &stats));
        CHECK_EQ(stats.live, 3);
        for (i = 0; i < 3; i++) {
            wasmtime_store_delete(stores[i]);
            wasm_engine_delete(engines[i]);
        }
        CHECK_FINE(my_wasm_memory_wasmtime_stats(maker, &stats));
        CHECK_EQ(stats.live, 0);
        CHECK_EQ(stats.made, 3);
    }
    my_wasm_memory_wasmtime_delete(maker);
    my_wasm_engine_delete(ours);
}

/* ---- pools ---- */

static host_t host_with_pool(my_wasm_memory_bounds_t bounds) {
    my_wasm_config_t *const config = my_wasm_config_new();
    my_wasm_memory_pool_options_t pool;
    memset(&pool, 0, sizeof pool);
    pool.struct_size = sizeof pool;
    pool.slots = 4;
    pool.slot_bytes = 16 * MIB;
    pool.decommit_batch = 1;
    my_wasm_config_memory_bounds_set(config, bounds);
    my_wasm_config_memory_pool_set(config, &pool);
    return host_of(my_wasm_engine_new_with_config(config));
}

/* A store for each request; each instance finds zeros and its own segments, whatever the one before wrote. */
TEST(instances_use_the_slots_of_a_pool_again_and_find_them_clean) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t which;
    for (which = 0; which < 2; which++) {
        const host_t host = host_with_pool(bounds[which]);
        wasmtime_module_t *const module = module_of(host.engine, plain_module);
        my_wasm_memory_pool_stats_t stats;
        int round;
        for (round = 0; round < 100; round++) {
            host_t request = host;
            wasmtime_instance_t instance;
            wasm_trap_t *trap = NULL;
            request.store = wasmtime_store_new(host.engine, NULL, NULL);
            request.context = wasmtime_store_context(request.store);
            if (!CHECK_FINE(wasmtime_instance_new(request.context, module, NULL, 0, &instance, &trap))) break;
            CHECK_EQ(call1(request, &instance, "load", 100), 's');
            CHECK_EQ(call1(request, &instance, "load", 99), 0);
            CHECK_EQ(call1(request, &instance, "load", 40000), 0);
            CHECK_EQ(call1(request, &instance, "grow", 5), 1);
            CHECK_EQ(call1(request, &instance, "load", 300000), 0);
            CHECK_OUT_OF_BOUNDS(request, &instance, "load", 6 * PAGE, 0);
            call3(request, &instance, "fill", 0, 0xdd, 6 * PAGE);
            wasmtime_store_delete(request.store);
        }
        memset(&stats, 0, sizeof stats);
        stats.struct_size = sizeof stats;
        CHECK_OK(my_wasm_engine_pool_stats(host.ours, &stats));
        CHECK_EQ(stats.live, 0);
        CHECK(stats.hits >= 99);
        CHECK_EQ(stats.retired, 0);
        wasmtime_module_delete(module);
        host_delete(host);
    }
}

TEST(a_pool_that_is_full_says_so) {
    const host_t host = host_with_pool(WASM_MEMORY_BOUNDS_GUARDED);
    wasmtime_instance_t instance;
    int i;
    for (i = 0; i < 4; i++) instance_of(host, plain_module);
    CHECK(!try_instance(host, plain_module, &instance));
    CHECK(strstr(last_message, "slots") != NULL);
    if (check_state.failures != 0) printf("  it says: %s\n", last_message);
    host_delete(host);
}

/* A memory whose handle the host keeps is nobody else's, though the instance is gone. */
TEST(a_slot_with_a_handle_is_not_given_away) {
    const host_t host = host_with_pool(WASM_MEMORY_BOUNDS_GUARDED);
    host_t request = host, next = host;
    wasmtime_instance_t instance;
    my_wasm_memory_t *kept, *other;
    char read[7];
    request.store = wasmtime_store_new(host.engine, NULL, NULL);
    request.context = wasmtime_store_context(request.store);
    instance = instance_of(request, plain_module);
    kept = ours_named(request, &instance, "m");
    wasmtime_store_delete(request.store);
    /* It is not wasmtime's any more. */
    CHECK(my_wasm_memory_wasmtime_find(host.maker, my_wasm_memory_view(kept)->base) == NULL);
    next.store = wasmtime_store_new(host.engine, NULL, NULL);
    next.context = wasmtime_store_context(next.store);
    instance = instance_of(next, plain_module);
    other = ours_named(next, &instance, "m");
    CHECK(my_wasm_memory_view(other)->base != my_wasm_memory_view(kept)->base);
    call3(next, &instance, "fill", 0, 0xdd, PAGE);
    CHECK_OK(my_wasm_memory_read(kept, 100, read, 7));
    CHECK(memcmp(read, "segment", 7) == 0);
    my_wasm_memory_delete(other);
    my_wasm_memory_delete(kept);
    wasmtime_store_delete(next.store);
    host_delete(host);
}

/* ---- nothing is left ---- */

static void once(my_wasm_memory_bounds_t bounds) {
    const host_t host = host_of(engine_with_bounds(bounds));
    wasmtime_instance_t instance = instance_of(host, plain_module), refused;
    my_wasm_memory_limits_t limits;
    my_wasm_memory_t *memory;
    CHECK_EQ(call1(host, &instance, "grow", 5), 1);
    CHECK_EQ(call1(host, &instance, "grow", 5), 0xffffffff);
    memory = ours_named(host, &instance, "m");
    my_wasm_memory_delete(memory);
    memset(&limits, 0xff, sizeof limits);
    limits.struct_size = sizeof limits;
    limits.max_memories = 2;
    CHECK_OK(my_wasm_store_limits_set(my_wasm_memory_wasmtime_store(host.maker), &limits));
    CHECK(!try_instance(host, "(module (memory 1) (memory 1))", &refused));
    host_delete(host);
}

TEST(nothing_is_left_in_the_process) {
    static const my_wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    size_t which;
    for (which = 0; which < 2; which++) {
        unsigned before, after;
        int i;
        for (i = 0; i < 5; i++) once(bounds[which]);
        before = mappings();
        for (i = 0; i < 50; i++) once(bounds[which]);
        after = mappings();
        /* The heap and wasmtime's threads come and go by a few. */
        CHECK(after <= before + 10);
        if (check_state.failures != 0) printf("  %u mappings, then %u\n", before, after);
    }
}

int main(void) {
    RUN(everything_may_be_deleted_in_any_order);
    RUN(a_config_that_made_no_engine_lets_go);
    RUN(one_maker_serves_several_engines);
    RUN(instances_use_the_slots_of_a_pool_again_and_find_them_clean);
    RUN(a_pool_that_is_full_says_so);
    RUN(a_slot_with_a_handle_is_not_given_away);
    RUN(nothing_is_left_in_the_process);
    return check_finish();
}
