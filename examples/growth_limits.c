/* growth_limits: what a store's memories may take: fixed limits, and a limiter that decides case by case. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

#define PAGE UINT64_C(65536)

/* --- fixed limits: bytes of a memory, bytes of the store's memories together, number of memories ------------------ */

static void fixed_limits(wasm_engine_t *engine) {
    wasm_store_t *const store = wasm_store_new(engine);
    const wasm_limits_t one_page = {1, wasm_limits_max_default};
    wasm_memorytype_t *const type = wasm_memorytype_new(&one_page);
    wasm_memory_t *first, *second, *third;
    wasm_memory_limits_t limits;

    limits.struct_size = sizeof limits;
    limits.max_memory_bytes = 3 * PAGE;
    limits.max_total_bytes = 4 * PAGE;
    limits.max_memories = 2; /* UINT64_MAX in any of them: no such limit */
    EXPECT_STATUS(wasm_store_limits_set(store, &limits), WASM_MEMORY_OK);

    EXPECT_STATUS(wasm_memory_try_new(store, type, &first), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_new(store, type, &second), WASM_MEMORY_OK);
    printf("a third memory:\n");
    EXPECT_REFUSED(wasm_memory_try_new(store, type, &third), WASM_MEMORY_LIMIT_DENIED);
    EXPECT(third == NULL);

    EXPECT_STATUS(wasm_memory_try_grow(first, 2, NULL), WASM_MEMORY_OK);
    printf("a fourth page for one of them:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(first, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    printf("a fifth page for both:\n");
    EXPECT_REFUSED(wasm_memory_try_grow(second, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    EXPECT(wasm_memory_pages(first) == 3 && wasm_memory_pages(second) == 1);

    /* A memory that is deleted gives its bytes back. */
    wasm_memory_delete(first);
    EXPECT_STATUS(wasm_memory_try_grow(second, 2, NULL), WASM_MEMORY_OK);

    /* What there is stays, even above a limit that was set later. */
    limits.max_memory_bytes = PAGE;
    EXPECT_STATUS(wasm_store_limits_set(store, &limits), WASM_MEMORY_OK);
    EXPECT(wasm_memory_pages(second) == 3);
    EXPECT_STATUS(wasm_memory_try_grow(second, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    EXPECT_STATUS(wasm_store_limits_set(store, NULL), WASM_MEMORY_OK); /* no limits any more */
    EXPECT_STATUS(wasm_memory_try_grow(second, 1, NULL), WASM_MEMORY_OK);

    wasm_memory_delete(second);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
}

/* --- a limiter: a tenant with one budget for the memories of all its stores --------------------------------------- */

typedef struct {
    const char *name;
    uint64_t budget;          /* bytes */
    wasm_memory_t *memory[4]; /* those that live */
    size_t memories;
    unsigned failures;
    wasm_memory_status_t last_failure;
    bool finalized;
} tenant_t;

/* Counted afresh each time, so that no growth that failed after all, and no deletion, is ever left in a sum. */
static uint64_t bytes_of(const tenant_t *tenant) {
    uint64_t bytes = 0;
    size_t i;
    for (i = 0; i < tenant->memories; i++) bytes += wasm_memory_data_size(tenant->memory[i]);
    return bytes;
}

static bool tenant_growing(void *env, uint64_t current_bytes, uint64_t desired_bytes, uint64_t maximum_bytes) {
    const tenant_t *const tenant = env;
    const uint64_t used = bytes_of(tenant);
    (void)maximum_bytes; /* of the type; UINT64_MAX when it has none */
    return used <= tenant->budget && desired_bytes - current_bytes <= tenant->budget - used;
}

/* Follows every creation and growth that fails, whoever refused. */
static void tenant_grow_failed(void *env, wasm_memory_status_t status, const char *message) {
    tenant_t *const tenant = env;
    tenant->failures++;
    tenant->last_failure = status;
    printf("  for %s: %s\n", tenant->name, message);
}

static void tenant_finalized(void *env) { ((tenant_t *)env)->finalized = true; }

static wasm_store_t *store_of(wasm_engine_t *engine, tenant_t *tenant) {
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_limiter_t limiter; /* it is copied */
    EXPECT(store != NULL);
    limiter.struct_size = sizeof limiter;
    limiter.env = tenant;
    limiter.memory_growing = tenant_growing;
    limiter.memory_grow_failed = tenant_grow_failed;
    limiter.finalizer = tenant_finalized;
    EXPECT_STATUS(wasm_store_limiter_set(store, &limiter), WASM_MEMORY_OK);
    return store;
}

static void deciding_limiter(wasm_engine_t *engine) {
    tenant_t tenant;
    wasm_store_t *store;
    wasm_memory_t *refused;
    const wasm_limits_t ten_pages = {10, 20};
    wasm_memorytype_t *const type = wasm_memorytype_new(&ten_pages);
    uint64_t previous;

    memset(&tenant, 0, sizeof tenant);
    tenant.name = "tenant A";
    tenant.budget = 8 * PAGE;
    store = store_of(engine, &tenant);

    printf("a budget of eight pages; a memory of ten:\n");
    EXPECT_STATUS(wasm_memory_try_new(store, type, &refused), WASM_MEMORY_LIMIT_DENIED);
    EXPECT(refused == NULL && tenant.failures == 1);

    tenant.memory[tenant.memories++] = example_memory(store, 2, 6);
    tenant.memory[tenant.memories++] = example_memory(store, 2, wasm_limits_max_default);
    EXPECT_STATUS(wasm_memory_try_grow(tenant.memory[0], 2, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_grow(tenant.memory[1], 2, NULL), WASM_MEMORY_OK);
    EXPECT(bytes_of(&tenant) == tenant.budget && tenant.failures == 1);

    printf("all eight are in use; one more:\n");
    EXPECT_STATUS(wasm_memory_try_grow(tenant.memory[0], 1, &previous), WASM_MEMORY_LIMIT_DENIED);
    EXPECT(previous == 0 && wasm_memory_pages(tenant.memory[0]) == 4);
    EXPECT(tenant.failures == 2 && tenant.last_failure == WASM_MEMORY_LIMIT_DENIED);

    tenant.budget = 16 * PAGE;
    EXPECT_STATUS(wasm_memory_try_grow(tenant.memory[0], 1, &previous), WASM_MEMORY_OK);
    EXPECT(previous == 4);
    printf("the budget is sixteen pages now, and the same growth works; but the type has a say too:\n");
    EXPECT_STATUS(wasm_memory_try_grow(tenant.memory[0], 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    EXPECT(tenant.failures == 3 && tenant.last_failure == WASM_MEMORY_MAXIMUM_EXCEEDED);

    while (tenant.memories > 0) wasm_memory_delete(tenant.memory[--tenant.memories]);
    EXPECT(!tenant.finalized);
    wasm_store_delete(store);
    EXPECT(tenant.finalized); /* store and memories are gone, and `tenant` may go */
    wasm_memorytype_delete(type);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    EXPECT(engine != NULL);
    fixed_limits(engine);
    deciding_limiter(engine);
    wasm_engine_delete(engine);
    return 0;
}
