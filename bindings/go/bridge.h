/*
 * What Go calls of the library: each function here makes one call and, where it failed, fetches the sentence before
 * it returns. A goroutine may be on another thread at its next call, and the sentence belongs to the thread.
 *
 * Results come back by value, so that Go need not allocate a place for them.
 *
 * Bytes of the caller's come as uint8_t *, never as void *: behind an untyped pointer Go looks at the whole object, and
 * refuses a buffer that lies in a struct which has pointers as well.
 */
#ifndef WMGO_BRIDGE_H
#define WMGO_BRIDGE_H

#include <wasm_memory.h>

typedef struct {
    int32_t status;
    int32_t system;    /* errno, where the system refused; else 0 */
    uintptr_t cause;   /* what a callback of the host's panicked or refused with, a cgo.Handle; else 0 */
    char *message;     /* to be freed; NULL on success, or with no memory left for it */
} wmgo_outcome;

typedef struct {
    wmgo_outcome outcome;
    uint64_t value;
} wmgo_number;

typedef struct {
    wmgo_outcome outcome;
    void *pointer;
} wmgo_pointer;

typedef struct {
    wmgo_outcome outcome;
    uint8_t bytes[16];
} wmgo_v128;

/* A memory type, as Go has it: a plain value. */
typedef struct {
    uint64_t minimum, maximum;
    bool maximum_present, is_64, shared;
    uint8_t page_size_log2;
} wmgo_type;

/* Which options of an engine are set, and to what. */
typedef struct {
    uint64_t reservation, reservation_for_growth, guard_size;
    int32_t bounds;
    bool has_bounds, has_reservation, has_reservation_for_growth, has_guard_size;
    uintptr_t allocator; /* a cgo.Handle; 0: the library makes the memories */
    bool no_guard_before, may_move, huge_pages, exportable, has_pool;
    wasm_memory_pool_options_t pool;
} wmgo_options;

/* Called by callbacks that Go exports: the calling thread's next outcome takes it along. Returns the one that was
   there already, to be deleted. */
uintptr_t wmgo_note_cause(uintptr_t cause);

/* Fills the table that an allocator hands over. */
void wmgo_linear_memory_fill(wasm_linear_memory_t *out, uintptr_t env);
void wmgo_describe(const wasm_memorytype_t *type, wmgo_type *out);

wmgo_outcome wmgo_type_check(wmgo_type type);
bool wmgo_type_matches(wmgo_type provided, wmgo_type required);

wmgo_pointer wmgo_engine_new(wmgo_options options);
wmgo_outcome wmgo_engine_stats(void *engine, wasm_engine_stats_t *out);
wmgo_outcome wmgo_engine_pool_stats(void *engine, wasm_memory_pool_stats_t *out);
wmgo_outcome wmgo_engine_pool_trim(void *engine);
wmgo_pointer wmgo_engine_shared_memory_new(void *engine, wmgo_type type);
wmgo_pointer wmgo_engine_shared_memory_import(void *engine, wmgo_type type, intptr_t descriptor);

wmgo_pointer wmgo_store_new(void *engine);
wmgo_outcome wmgo_store_stats(void *store, wasm_store_stats_t *out);
wmgo_outcome wmgo_store_limits_set(void *store, bool any, uint64_t memory, uint64_t total, uint64_t memories);
wmgo_outcome wmgo_store_limiter_set(void *store, uintptr_t env);
wmgo_outcome wmgo_store_limiter_async_set(void *store, uintptr_t env);
void wmgo_store_data_set(void *store, uintptr_t data);
uintptr_t wmgo_store_data(void *store);
wmgo_pointer wmgo_memory_new(void *store, wmgo_type type);
wmgo_pointer wmgo_memory_new_from_image(void *store, wmgo_type type, void *image);
wmgo_pointer wmgo_memory_new_async(void *store, wmgo_type type);
wmgo_pointer wmgo_memory_obtain(void *store, void *shared);

wmgo_pointer wmgo_memory_copy(void *memory);
wmgo_pointer wmgo_memory_share(void *memory);
wmgo_outcome wmgo_memory_type(void *memory, wmgo_type *out);
wmgo_number wmgo_memory_grow(void *memory, uint64_t delta);
wmgo_pointer wmgo_memory_grow_async(void *memory, uint64_t delta);
wmgo_outcome wmgo_memory_accessible(void *memory, uintptr_t *start, size_t *length);
wmgo_outcome wmgo_memory_store_data(void *memory, uintptr_t *data);
void wmgo_memory_host_info_set(void *memory, uintptr_t info);
uintptr_t wmgo_memory_host_info(void *memory);
wmgo_outcome wmgo_memory_read(void *memory, uint64_t offset, uint8_t *buffer, size_t length);
wmgo_outcome wmgo_memory_write(void *memory, uint64_t offset, const uint8_t *bytes, size_t length);
wmgo_number wmgo_memory_load8(void *memory, uint64_t offset);
wmgo_number wmgo_memory_load16(void *memory, uint64_t offset);
wmgo_number wmgo_memory_load32(void *memory, uint64_t offset);
wmgo_number wmgo_memory_load64(void *memory, uint64_t offset);
wmgo_v128 wmgo_memory_load128(void *memory, uint64_t offset);
wmgo_outcome wmgo_memory_store8(void *memory, uint64_t offset, uint8_t value);
wmgo_outcome wmgo_memory_store16(void *memory, uint64_t offset, uint16_t value);
wmgo_outcome wmgo_memory_store32(void *memory, uint64_t offset, uint32_t value);
wmgo_outcome wmgo_memory_store64(void *memory, uint64_t offset, uint64_t value);
wmgo_outcome wmgo_memory_store128(void *memory, uint64_t offset, uint64_t low, uint64_t high);
wmgo_outcome wmgo_memory_fill(void *memory, uint64_t offset, uint8_t value, uint64_t length);
wmgo_outcome wmgo_memory_zero(void *memory, uint64_t offset, uint64_t length);
wmgo_outcome wmgo_memory_erase(void *memory);
wmgo_outcome wmgo_memory_discard(void *memory, uint64_t offset, uint64_t length);
wmgo_outcome wmgo_memory_copy_within(void *memory, uint64_t destination, uint64_t source, uint64_t length);
wmgo_outcome wmgo_memory_copy_within_nonoverlapping(void *memory, uint64_t destination, uint64_t source,
                                                    uint64_t length);
wmgo_outcome wmgo_memory_copy_between(void *destination_memory, uint64_t destination, void *source_memory,
                                      uint64_t source, uint64_t length);
wmgo_outcome wmgo_memory_init(void *memory, uint64_t destination, void *segment, uint32_t source, uint32_t length);
wmgo_outcome wmgo_memory_with_data(void *memory, uintptr_t env, bool writing);
wmgo_number wmgo_memory_hexdump(void *memory, uint64_t offset, uint64_t length, char *buffer, size_t capacity);
wmgo_outcome wmgo_memory_reset(void *memory, void *image);
wmgo_outcome wmgo_memory_dirty_ranges(void *memory, uintptr_t env);
wmgo_outcome wmgo_memory_dirty_clear(void *memory);
wmgo_outcome wmgo_memory_map_file(void *memory, uint64_t offset, intptr_t descriptor, uint64_t file_offset,
                                  uint64_t length, uint32_t flags);
wmgo_outcome wmgo_memory_unmap(void *memory, uint64_t offset, uint64_t length);
wmgo_outcome wmgo_memory_protect(void *memory, uint64_t offset, uint64_t length, int32_t protection);
wmgo_outcome wmgo_memory_stats(void *memory, wasm_memory_stats_t *out);

/* The width is 8, 16, 32 or 64 bits. */
wmgo_number wmgo_memory_atomic_load(void *memory, int width, uint64_t offset);
wmgo_outcome wmgo_memory_atomic_store(void *memory, int width, uint64_t offset, uint64_t value);
wmgo_number wmgo_memory_atomic_rmw(void *memory, int width, int32_t op, uint64_t offset, uint64_t operand);
wmgo_number wmgo_memory_atomic_cmpxchg(void *memory, int width, uint64_t offset, uint64_t expected,
                                       uint64_t replacement);
wmgo_number wmgo_memory_atomic_wait(void *memory, int width, uint64_t offset, uint64_t expected, int64_t timeout);
wmgo_number wmgo_memory_atomic_notify(void *memory, uint64_t offset, uint32_t count);
wmgo_number wmgo_memory_interrupt_waiters(void *memory);
wmgo_outcome wmgo_memory_close_waiters(void *memory);

wmgo_pointer wmgo_segment_new(const uint8_t *bytes, size_t length);

/* The bytes of all segments lie one behind the other in `bytes`: an array of pointers to Go may not be given to C. */
wmgo_pointer wmgo_image_new(const uint64_t *offsets, const uint64_t *lengths, size_t count, const void *bytes);
wmgo_pointer wmgo_image_from_memory(void *memory);
wmgo_outcome wmgo_image_save(void *image, const char *path);
wmgo_pointer wmgo_image_load(const char *path);

wmgo_pointer wmgo_shared_clone(void *shared);
wmgo_outcome wmgo_shared_type(void *shared, wmgo_type *out);
wmgo_number wmgo_shared_export(void *shared);

wmgo_outcome wmgo_future_poll(void *future);
wmgo_outcome wmgo_future_wait(void *future, int64_t timeout);
wmgo_pointer wmgo_future_take_memory(void *future);
void wmgo_future_on_ready(void *future, uintptr_t env);

void wmgo_classify_fault(uintptr_t address, wasm_memory_fault_t *out);
wmgo_outcome wmgo_trap_handlers_install(void);
wmgo_outcome wmgo_trap_handlers_uninstall(void);
wmgo_outcome wmgo_catch_trap(void *body, void *env, wasm_memory_trap_t *out); /* a void (*)(void *) of C */

#endif
