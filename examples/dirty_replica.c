/* dirty_replica: a copy of a memory that follows it: after each step only what has changed is sent.
 *
 * The same serves hosts that write a memory to a disk every few seconds. What counts as changed is whole pages of the
 * host (dirty_granule_bytes of the stats), written by the guest, by the host through the API or through the pointer. */
#include <inttypes.h>
#include <string.h>

#include "example.h"

/* The wire. A real one would have the bytes of each range behind its offset and length. */
typedef struct {
    const wasm_memory_t *from;
    wasm_memory_t *to;
    uint64_t ranges, bytes;
} wire_t;

static void send_range(void *env, uint64_t offset, uint64_t length) {
    wire_t *const wire = env;
    EXPECT_STATUS(wasm_memory_copy_between(wire->to, offset, wire->from, offset, length), WASM_MEMORY_OK);
    wire->ranges++;
    wire->bytes += length;
}

/* Brings the replica up to date, and says how many bytes that took. No thread may write between the two calls: what it
   wrote would be forgotten. */
static uint64_t send_changes(wasm_memory_t *from, wasm_memory_t *to, const char *after) {
    wire_t wire;
    memset(&wire, 0, sizeof wire);
    wire.from = from;
    wire.to = to;
    /* The size first, so that there is room. */
    EXPECT_STATUS(wasm_memory_try_grow(to, wasm_memory_pages(from) - wasm_memory_pages(to), NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_dirty_ranges(from, send_range, &wire), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_dirty_clear(from), WASM_MEMORY_OK);

    printf("after %s: %" PRIu64 " ranges, %" PRIu64 " of %zu bytes\n", after, wire.ranges, wire.bytes,
           wasm_memory_data_size(from));
    EXPECT(wasm_memory_data_size(from) == wasm_memory_data_size(to));
    EXPECT(memcmp(wasm_memory_data(from), wasm_memory_data(to), wasm_memory_data_size(from)) == 0);
    return wire.bytes;
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory, *replica;
    wasm_memory_stats_t stats;
    uint64_t page;
    uint32_t n;

    EXPECT(store != NULL);
    memory = example_memory(store, 16, 32); /* a MiB */
    replica = example_memory(store, 16, 32);
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    page = stats.dirty_granule_bytes;
    printf("changes are known to %" PRIu64 " bytes\n", page);
    EXPECT(page != 0);

    /* Nothing has happened yet. A replica that starts later starts with a snapshot. */
    EXPECT(send_changes(memory, replica, "nothing") == 0);

    for (n = 0; n < 100; n++) EXPECT_STATUS(wasm_memory_store_u32(memory, 4 * n, n), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_write(memory, 500000, "a", 1), WASM_MEMORY_OK);
    wasm_memory_data(memory)[700000] = 'b'; /* as the guest would */
    EXPECT(send_changes(memory, replica, "a few writes") >= page);

    /* Reading changes nothing. */
    EXPECT_STATUS(wasm_memory_load_u32(memory, 4, &n), WASM_MEMORY_OK);
    EXPECT(n == 1 && send_changes(memory, replica, "a look") == 0);

    /* Zeros are a change too, and so is what grew. */
    EXPECT_STATUS(wasm_memory_discard(memory, 500000, 10), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT(send_changes(memory, replica, "a discard and growth") >= MEMORY_PAGE_SIZE);

    EXPECT_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    send_changes(memory, replica, "an erase");

    wasm_memory_delete(replica);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
