/* test_limits: the limits and limiters of our stores decide on wasmtime's memories, and their sentences get to its
 * errors; the callbacks of the options. */
#include "host.h"

#define REFUSED UINT64_C(0xffffffff)

TEST(a_limit_refuses_instances_and_growth) {
    const host_t host = host_of(my_wasm_engine_new());
    my_wasm_memory_limits_t limits;
    wasmtime_instance_t instance, more;
    char reason[512];
    memset(&limits, 0xff, sizeof limits);
    limits.struct_size = sizeof limits;
    limits.max_memory_bytes = 4 * PAGE;
    limits.max_memories = 2;
    CHECK_OK(my_wasm_store_limits_set(my_wasm_memory_wasmtime_store(host.maker), &limits));

    CHECK(!try_instance(host, "(module (memory 5))", &instance));
    CHECK(strstr(last_message, "max_memory_bytes") != NULL);
    CHECK(strstr(last_message, "327680") != NULL);
    CHECK(strstr(last_message, "262144") != NULL);
    if (check_state.failures != 0) printf("  it says: %s\n", last_message);
    CHECK_EQ(stats_of(host).refused, 1);

    instance = instance_of(host, plain_module);
    CHECK_EQ(call1(host, &instance, "grow", 3), 1);
    CHECK_EQ(call1(host, &instance, "grow", 1), REFUSED);
    my_wasm_memory_last_error(reason, sizeof reason);
    CHECK(strstr(reason, "max_memory_bytes") != NULL);
    CHECK_EQ(call0(host, &instance, "size"), 4);
    CHECK_EQ(stats_of(host).grow_refused, 1);

    CHECK(try_instance(host, "(module (memory 1))", &more));
    CHECK(!try_instance(host, "(module (memory 1))", &more));
    CHECK(strstr(last_message, "max_memories") != NULL);
    /* Both memories of a module or none: the first one is given back. */
    limits.max_memories = 3;
    CHECK_OK(my_wasm_store_limits_set(my_wasm_memory_wasmtime_store(host.maker), &limits));
    CHECK(!try_instance(host, "(module (memory 1) (memory 1))", &more));
    host_delete(host);
}

/* ---- limiters ---- */

typedef struct {
    uint64_t asked, current, desired, maximum, failures;
    my_wasm_memory_status_t status;
    char message[512];
    bool allow;
} limiter_state_t;

static bool asked(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    limiter_state_t *const state = (limiter_state_t *)env;
    state->asked++;
    state->current = current;
    state->desired = desired;
    state->maximum = maximum;
    return state->allow;
}

static void heard(void *env, my_wasm_memory_status_t status, const char *message) {
    limiter_state_t *const state = (limiter_state_t *)env;
    state->failures++;
    state->status = status;
    snprintf(state->message, sizeof state->message, "%s", message);
}

TEST(a_limiter_is_asked) {
    const host_t host = host_of(my_wasm_engine_new());
    limiter_state_t state;
    my_wasm_memory_limiter_t limiter;
    wasmtime_instance_t instance;
    memset(&state, 0, sizeof state);
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.env = &state;
    limiter.memory_growing = asked;
    limiter.memory_grow_failed = heard;
    CHECK_OK(my_wasm_store_limiter_set(my_wasm_memory_wasmtime_store(host.maker), &limiter));

    CHECK(!try_instance(host, plain_module, &instance));
    CHECK(strstr(last_message, "limiter") != NULL);
    CHECK_EQ(state.asked, 1);
    CHECK_EQ(state.current, 0);
    CHECK_EQ(state.desired, PAGE);
    CHECK_EQ(state.maximum, 10 * PAGE);
    CHECK_EQ(state.failures, 1);
    CHECK_EQ(state.status, WASM_MEMORY_LIMIT_DENIED);

    state.allow = true;
    instance = instance_of(host, plain_module);
    CHECK_EQ(call1(host, &instance, "grow", 2), 1);
    CHECK_EQ(state.current, PAGE);
    CHECK_EQ(state.desired, 3 * PAGE);
    CHECK_EQ(state.asked, 3);
    state.allow = false;
    CHECK_EQ(call1(host, &instance, "grow", 1), REFUSED);
    CHECK_EQ(state.asked, 4);
    CHECK_EQ(state.failures, 2);
    /* Growth by nothing asks nobody. */
    CHECK_EQ(call1(host, &instance, "grow", 0), 3);
    CHECK_EQ(state.asked, 4);
    CHECK_OK(my_wasm_store_limiter_set(my_wasm_memory_wasmtime_store(host.maker), NULL));
    host_delete(host);
}

static void never(void *env, uint64_t current, uint64_t desired, uint64_t maximum, my_wasm_memory_ticket_t *ticket) {
    (void)env, (void)current, (void)desired, (void)maximum;
    my_wasm_memory_ticket_resolve(ticket, true);
}

TEST(a_limiter_that_answers_later_cannot_be_waited_for) {
    const host_t host = host_of(my_wasm_engine_new());
    my_wasm_memory_limiter_async_t limiter;
    wasmtime_instance_t instance;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = never;
    CHECK_OK(my_wasm_store_limiter_async_set(my_wasm_memory_wasmtime_store(host.maker), &limiter));
    CHECK(!try_instance(host, plain_module, &instance));
    CHECK(strstr(last_message, "async") != NULL);
    host_delete(host);
}

/* wasmtime's own limits come first, and ours stay as they were. */
TEST(wasmtimes_limits_are_asked_before) {
    const host_t host = host_of(my_wasm_engine_new());
    wasmtime_instance_t instance;
    wasmtime_store_limiter(host.store, (int64_t)(2 * PAGE), -1, -1, -1, -1);
    instance = instance_of(host, plain_module);
    CHECK_EQ(call1(host, &instance, "grow", 1), 1);
    CHECK_EQ(call1(host, &instance, "grow", 1), REFUSED);
    CHECK_EQ(stats_of(host).grow_refused, 0);
    host_delete(host);
}

/* ---- the options ---- */

typedef struct {
    my_wasm_store_t *tenant; /* of whom it is the turn */
    unsigned chosen, made, gone, finalized;
    size_t minimum, maximum;
    bool is_64, shared;
    const my_wasm_memory_t *handles[4]; /* in the order in which they were made */
} tenants_t;

static my_wasm_store_t *choose(void *env, bool is_64, bool shared, size_t minimum, size_t maximum) {
    tenants_t *const tenants = (tenants_t *)env;
    tenants->chosen++;
    tenants->is_64 = is_64;
    tenants->shared = shared;
    tenants->minimum = minimum;
    tenants->maximum = maximum;
    return tenants->tenant;
}

static void made(void *env, my_wasm_memory_t *memory) {
    tenants_t *const tenants = (tenants_t *)env;
    tenants->handles[tenants->made++] = memory;
    CHECK_EQ(my_wasm_memory_pages(memory), tenants->minimum / PAGE);
    /* It is one already. */
    CHECK_OK(my_wasm_memory_store_u8(memory, 0, 42));
}

static void gone(void *env, my_wasm_memory_t *memory) {
    tenants_t *const tenants = (tenants_t *)env;
    /* The second store goes first. */
    CHECK(memory == tenants->handles[1 - tenants->gone]);
    tenants->gone++;
}

static void finalized(void *env) { ((tenants_t *)env)->finalized++; }

TEST(each_tenant_has_limits_and_the_host_hears_of_memories) {
    tenants_t tenants;
    my_wasm_memory_wasmtime_options_t options = no_options();
    my_wasm_memory_limits_t limits;
    my_wasm_store_t *poor, *rich;
    wasmtime_instance_t instance;
    wasmtime_store_t *store;
    host_t host;
    memset(&tenants, 0, sizeof tenants);
    options.env = &tenants;
    options.choose_store = choose;
    options.memory_made = made;
    options.memory_gone = gone;
    options.finalizer = finalized;
    host = host_as(my_wasm_engine_new(), &options, true);
    poor = my_wasm_store_new(host.ours);
    rich = my_wasm_store_new(host.ours);
    memset(&limits, 0xff, sizeof limits);
    limits.struct_size = sizeof limits;
    limits.max_total_bytes = 2 * PAGE;
    CHECK_OK(my_wasm_store_limits_set(poor, &limits));

    tenants.tenant = poor;
    CHECK(!try_instance(host, "(module (memory 3 7))", &instance));
    CHECK(strstr(last_message, "max_total_bytes") != NULL);
    CHECK_EQ(tenants.minimum, 3 * PAGE);
    CHECK_EQ(tenants.maximum, 7 * PAGE);
    CHECK_EQ(tenants.chosen, 1);
    CHECK_EQ(tenants.made, 0);
    tenants.tenant = rich;
    instance = instance_of(host, "(module (memory (export \"m\") i64 3 7)"
                                 " (func (export \"load\") (param i64) (result i32) (i32.load8_u (local.get 0))))");
    CHECK(tenants.is_64 && !tenants.shared);
    CHECK_EQ(tenants.made, 1);
    CHECK_EQ(call1(host, &instance, "load", 0), 42);
    tenants.tenant = NULL; /* the maker's own */
    store = wasmtime_store_new(host.engine, NULL, NULL);
    {
        host_t other = host;
        other.context = wasmtime_store_context(store);
        CHECK(try_instance(other, "(module (memory 1 1 shared))", &instance));
        CHECK(tenants.shared);
        CHECK_EQ(tenants.made, 2);
    }
    CHECK_EQ(tenants.gone, 0);
    wasmtime_store_delete(store);
    CHECK_EQ(tenants.gone, 1);
    my_wasm_store_delete(poor);
    my_wasm_store_delete(rich);
    CHECK_EQ(tenants.finalized, 0);
    host_delete(host);
    CHECK_EQ(tenants.gone, 2);
    CHECK_EQ(tenants.finalized, 1);
}

int main(void) {
    RUN(a_limit_refuses_instances_and_growth);
    RUN(a_limiter_is_asked);
    RUN(a_limiter_that_answers_later_cannot_be_waited_for);
    RUN(wasmtimes_limits_are_asked_before);
    RUN(each_tenant_has_limits_and_the_host_hears_of_memories);
    return check_finish();
}
