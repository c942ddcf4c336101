/* Functions with one defect each, for `bites`, which declares them in a copy of the header: the calls that are
 * generated for them have to find it. */
#include "wasm_memory.h"

#include <stdlib.h>
#include <unistd.h>

wasm_memory_status_t wasm_planted_sound(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_reads_null(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_takes_null(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_leaves_out(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_writes_more(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_wraps(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_unlisted(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_changes(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_leaks(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_keeps_descriptors(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_is_silent(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_always_fails(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_grows(wasm_memory_t *memory, uint64_t offset, uint64_t *out);
wasm_memory_status_t wasm_planted_fills_too_much(wasm_memory_t *memory, wasm_memory_stats_t *out);
void wasm_planted_finalizes_twice(wasm_memory_t *memory, void *data, void (*finalizer)(void *data));

wasm_memory_status_t wasm_planted_sound(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_reads_null(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    *out = 0;
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_takes_null(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    uint64_t value = 0;
    return wasm_memory_load_u64(memory, offset, out != NULL ? out : &value);
}

wasm_memory_status_t wasm_planted_leaves_out(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    uint64_t value = 0;
    const wasm_memory_status_t status = wasm_memory_load_u64(memory, offset, out != NULL ? &value : NULL);
    if (status == WASM_MEMORY_OK) *out = value;
    return status;
}

wasm_memory_status_t wasm_planted_writes_more(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (out != NULL) out[1] = 0;
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_wraps(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (memory == NULL || out == NULL || offset + 8 > wasm_memory_data_size(memory))
        return wasm_memory_load_u64(memory, offset, out);
    *out = *(uint64_t *)(void *)(wasm_memory_data(memory) + offset);
    return WASM_MEMORY_OK;
}

wasm_memory_status_t wasm_planted_unlisted(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    const wasm_memory_status_t status = wasm_memory_load_u64(memory, offset, out);
    return status == WASM_MEMORY_OUT_OF_BOUNDS ? WASM_MEMORY_INTERNAL : status;
}

wasm_memory_status_t wasm_planted_changes(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    const wasm_memory_status_t status = wasm_memory_load_u64(memory, offset, out);
    if (status == WASM_MEMORY_OUT_OF_BOUNDS) wasm_memory_store_u8(memory, 3, 1);
    return status;
}

static void *volatile kept;
wasm_memory_status_t wasm_planted_leaks(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (memory == NULL) kept = malloc(1);
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_keeps_descriptors(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (offset == UINT64_MAX && out == NULL) dup(1);
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_is_silent(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (out != NULL) *out = 0;
    if (memory == NULL || out == NULL) return WASM_MEMORY_NULL_ARGUMENT;
    return wasm_memory_load_u64(memory, offset, out);
}

wasm_memory_status_t wasm_planted_always_fails(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    (void)offset;
    return wasm_memory_load_u64(memory, UINT64_MAX, out);
}

wasm_memory_status_t wasm_planted_grows(wasm_memory_t *memory, uint64_t offset, uint64_t *out) {
    if (offset == 8) wasm_memory_grow(memory, 1);
    return wasm_memory_load_u64(memory, offset == 8 ? UINT64_MAX : offset, out);
}

wasm_memory_status_t wasm_planted_fills_too_much(wasm_memory_t *memory, wasm_memory_stats_t *out) {
    const wasm_memory_status_t status = wasm_memory_stats(memory, out);
    if (status == WASM_MEMORY_OK && out->struct_size >= 16) out->dirty_granule_bytes = 1;
    return status;
}

void wasm_planted_finalizes_twice(wasm_memory_t *memory, void *data, void (*finalizer)(void *data)) {
    wasm_memory_set_host_info_with_finalizer(memory, data, finalizer);
    if (memory != NULL && finalizer != NULL) finalizer(data);
}
