/* memories.h: what most tests make before they test: an engine with a store, types, memories. */
#ifndef MEMORIES_H
#define MEMORIES_H

#include <stdlib.h>

#include "check.h"

#define NO_MAXIMUM UINT64_MAX
#define PAGE UINT64_C(65536)
#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)

typedef struct {
    wasm_engine_t *engine;
    wasm_store_t *store;
} host_t;

/* Consumes the configuration; NULL gives the default engine. */
static inline host_t host_with(wasm_config_t *config) {
    host_t host;
    host.engine = config != NULL ? wasm_engine_new_with_config(config) : wasm_engine_new();
    host.store = wasm_store_new(host.engine);
    CHECK(host.engine != NULL);
    CHECK(host.store != NULL);
    return host;
}

#ifdef HOST_CANNOT_GUARD
/* For hosts without guards (scripts/hard/ports): what is tested on guarded memories is tested on checked ones there. */
static inline wasm_memory_bounds_t bounds_here(wasm_memory_bounds_t bounds) {
    return bounds == WASM_MEMORY_BOUNDS_GUARDED ? WASM_MEMORY_BOUNDS_CHECKED : bounds;
}
#define wasm_config_memory_bounds_set(config, bounds) (wasm_config_memory_bounds_set)(config, bounds_here(bounds))
#endif

/* Copies a number of up to 8 bytes between the order of this host and that of memories, which are little-endian. */
static inline void number_copy(void *to, const void *from, size_t width) {
    size_t i;
    for (i = 0; i < width; i++) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        const size_t at = width <= 8 ? width - 1 - i : i;
#else
        const size_t at = i;
#endif
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[at];
    }
}

static inline bool is_number_at(const uint8_t *bytes, const void *number, size_t width) {
    uint8_t turned[16];
    number_copy(turned, number, width);
    return memcmp(bytes, turned, width) == 0;
}

static inline host_t host_default(void) { return host_with(NULL); }

static inline host_t host_with_bounds(wasm_memory_bounds_t bounds) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    return host_with(config);
}

static inline void host_delete(host_t host) {
    wasm_store_delete(host.store);
    wasm_engine_delete(host.engine);
}

/* What the type of a memory says; maximum NO_MAXIMUM: none. */
typedef struct {
    uint64_t minimum, maximum;
    bool is_64, shared;
    uint8_t page_size_log2;
} shape_t;

static inline shape_t shape(uint64_t minimum, uint64_t maximum, bool is_64, bool shared, uint8_t page_size_log2) {
    const shape_t made = {minimum, maximum, is_64, shared, page_size_log2};
    return made;
}

static inline shape_t pages_32(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, false, 16); }
static inline shape_t pages_64(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, true, false, 16); }
static inline shape_t bytes_32(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, false, 0); }

static inline wasm_memory_status_t try_type(shape_t of, wasm_memorytype_t **out) {
    return wasm_memorytype_try_new(of.minimum, of.maximum != NO_MAXIMUM, of.maximum == NO_MAXIMUM ? 0 : of.maximum,
                                   of.is_64, of.shared, of.page_size_log2, out);
}

static inline wasm_memorytype_t *type_of(shape_t of) {
    wasm_memorytype_t *type = NULL;
    CHECK_STATUS(try_type(of, &type), WASM_MEMORY_OK);
    return type;
}

static inline wasm_memory_status_t try_memory(host_t host, shape_t of, wasm_memory_t **out) {
    wasm_memorytype_t *const type = type_of(of);
    const wasm_memory_status_t status = wasm_memory_try_new(host.store, type, out);
    wasm_memorytype_delete(type);
    return status;
}

static inline wasm_memory_t *memory_of(host_t host, shape_t of) {
    wasm_memory_t *memory = NULL;
    CHECK_STATUS(try_memory(host, of, &memory), WASM_MEMORY_OK);
    CHECK(memory != NULL);
    return memory;
}

static inline wasm_memory_stats_t stats_of(const wasm_memory_t *memory) {
    wasm_memory_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    return stats;
}

static inline bool last_error_has(const char *words) {
    char detail[1024];
    wasm_memory_last_error(detail, sizeof detail);
    return strstr(detail, words) != NULL;
}

static inline bool check_last_error(const char *words, const char *file, int line) {
    char found[1200] = ": it says ";
    wasm_memory_last_error(found + strlen(found), 1024);
    return check_report(last_error_has(words), file, line, words, found);
}
#define CHECK_LAST_ERROR(words) check_last_error(words, __FILE__, __LINE__)

#endif
