/* misuse_calls [FUNCTION...]: calls every function of the header, or the ones named, with NULL and nonsense in each
 * argument and in each two at once, and judges by what the header says: nothing crashes; what is required and NULL is
 * NULL_ARGUMENT (or NULL, 0, false); the status is one that the header lists; what is written on failure is zero and a
 * buffer is untouched; there is a sentence; the memory is as it was; what was given works and can be deleted
 * afterwards; finalizers run once; and the heap, the descriptors and the mappings are as they were. */
#include "calls.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED
#endif
#endif

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

/* ---- how many blocks of the heap there are ---- */

static uint64_t blocks; /* atomic */

/* glibc finds these before its own, and has its own under other names. Tools that watch the heap do the same. */
#if defined(__GLIBC__) && !defined(WATCHED)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static void *counted(void *block) {
    if (block != NULL) __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    return block;
}
void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *realloc(void *block, size_t size) {
    return block == NULL ? counted(__libc_realloc(block, size)) : __libc_realloc(block, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = counted(__libc_memalign(alignment, size));
    return *out == NULL ? ENOMEM : 0;
}
void free(void *block) {
    if (block != NULL) __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
    __libc_free(block);
}
#endif

/* ---- worlds: engines and shapes of memories ---- */

typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    bool may_move, is_pooled, is_exportable, is_host_made;
    bool is_64, is_shared;
    uint8_t page_size_log2;
} world_kind_t;

static const world_kind_t world_kinds[] = {
    {"plain", WASM_MEMORY_BOUNDS_AUTO, false, false, false, false, false, false, 16},
    {"checked, moving, 64 bits", WASM_MEMORY_BOUNDS_CHECKED, true, false, false, false, true, false, 16},
    {"guarded slots", WASM_MEMORY_BOUNDS_GUARDED, false, true, false, false, false, false, 16},
    {"pages of one byte", WASM_MEMORY_BOUNDS_AUTO, false, false, false, false, false, false, 0},
    {"shared", WASM_MEMORY_BOUNDS_AUTO, false, false, false, false, false, true, 16},
    {"shared and exportable", WASM_MEMORY_BOUNDS_CHECKED, false, false, true, false, true, true, 16},
    {"host-made", WASM_MEMORY_BOUNDS_AUTO, false, false, false, true, false, false, 16},
};
#define WORLDS (sizeof world_kinds / sizeof *world_kinds)

#define MOST_BYTES (4 * PAGE) /* of a memory here */

static struct {
    const world_kind_t *kind;
    wasm_engine_t *engine, *exportable_engine;
    wasm_store_t *store, *asking_store;
    wasm_shared_memory_t *exported;
    int export_descriptor, file, folder, pipe[2], closed;
    char path[64], link[64], folder_path[64];
    wasm_memory_ticket_t *ticket; /* that the asking store's limiter was given last */
    wasm_memory_ticket_t *to_resolve[MOST_PARAMETERS];
    size_t to_resolve_count;
} world;

static uint64_t calls_made, checks_failed, round_of_probes;
static unsigned told;
static bool has_succeeded; /* the function, at least once */
static call_t *current;

static void describe(const call_t *call, char *text, size_t capacity) {
    size_t i, used = (size_t)snprintf(text, capacity, "%s(", call->function->name);
    for (i = 0; i < call->function->parameter_count && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%s: %s%u", i == 0 ? "" : ", ",
                                 call->function->parameters[i].name, call->given[i].is_null ? "NULL " : "choice ",
                                 call->choice[i]);
    if (used < capacity) snprintf(text + used, capacity - used, "), world \"%s\"", world.kind->name);
}

static void wrong(const call_t *call, const char *what) {
    char text[512];
    checks_failed++;
    if (told++ >= 6) return; /* of each function */
    describe(call, text, sizeof text);
    printf("  %s: %s\n", text, what);
    fflush(stdout);
}

static void crashed(int signal) {
    char text[600] = "outside of a call";
    char line[700];
    if (current != NULL) describe(current, text, sizeof text);
    snprintf(line, sizeof line, "  %s: %s\n", text, signal == SIGALRM ? "it does not come back" : "it crashes");
    if (write(1, line, strlen(line)) < 0) _exit(4);
    _exit(3);
}

/* ---- callbacks ---- */

enum { TOKENS = 1 << 20 };
static uint8_t finalized[TOKENS];
static size_t tokens_used;

static void *new_token(void) {
    if (tokens_used == TOKENS) abort();
    return &finalized[tokens_used++];
}

void called_back(void *token, bool is_finalizer) {
    uint8_t *const at = (uint8_t *)token;
    if (token == NULL || !is_finalizer) return;
    if (at < finalized || at >= finalized + TOKENS) {
        if (current != NULL) wrong(current, "a finalizer gets what was not given");
        return;
    }
    ++*at;
    if (*at > 1 && current != NULL) wrong(current, "a finalizer is called twice");
}

void consume(handle_t handle, void *passed) {
    if (handle == HANDLE_wasm_memory_ticket_t) wasm_memory_ticket_resolve((wasm_memory_ticket_t *)passed, true);
}

static volatile unsigned char sink;
void read_text(const char *text) { sink = (unsigned char)text[strlen(text)]; }
void look_at_bytes(const uint8_t *bytes) { /* which may be protected */
    if (bytes == NULL && current != NULL) wrong(current, "a callback gets no bytes");
}

static void keep_ticket(void *env, uint64_t now, uint64_t wanted, uint64_t most, wasm_memory_ticket_t *ticket) {
    (void)env, (void)now, (void)wanted, (void)most;
    world.ticket = ticket;
}

/* ---- a host that makes memories, on the heap ---- */

typedef struct {
    uint8_t *bytes, *aligned;
    size_t length;
} block_t;

static size_t block_size(void *env) { return ((block_t *)env)->length; }
static uint8_t *block_bytes(void *env) { return ((block_t *)env)->aligned; }
static wasm_memory_status_t block_grow(void *env, size_t length) {
    if (length > MOST_BYTES) return WASM_MEMORY_OUT_OF_MEMORY;
    ((block_t *)env)->length = length;
    return WASM_MEMORY_OK;
}
static void block_end(void *env) {
    free(((block_t *)env)->bytes);
    free(env);
}
static wasm_memory_status_t block_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                      size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    block_t *block;
    (void)env, (void)type, (void)maximum, (void)reserved, (void)guard;
    if (minimum > MOST_BYTES) return WASM_MEMORY_OUT_OF_MEMORY;
    block = (block_t *)malloc(sizeof *block);
    if (block == NULL) return WASM_MEMORY_OUT_OF_MEMORY;
    block->bytes = (uint8_t *)calloc(1, MOST_BYTES + PAGE);
    if (block->bytes == NULL) {
        free(block);
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    block->aligned = block->bytes + (PAGE - (uintptr_t)block->bytes % PAGE);
    block->length = minimum;
    out->struct_size = sizeof *out;
    out->env = block;
    out->byte_size = block_size;
    out->grow_to = block_grow;
    out->as_ptr = block_bytes;
    out->finalizer = block_end;
    return WASM_MEMORY_OK;
}

/* ---- what there is in a world ---- */

static wasm_memorytype_t *new_type(bool is_shared) {
    const world_kind_t *const kind = world.kind;
    const uint64_t page = UINT64_C(1) << kind->page_size_log2;
    wasm_memorytype_t *type = NULL;
    wasm_memorytype_try_new(PAGE / page, true, 3 * PAGE / page, kind->is_64, is_shared, kind->page_size_log2, &type);
    return type;
}

static wasm_engine_t *new_engine(const world_kind_t *kind, bool is_exportable) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, kind->bounds);
    wasm_config_memory_may_move_set(config, kind->may_move);
    wasm_config_memory_exportable_set(config, is_exportable);
    if (kind->may_move) {
        wasm_config_memory_reservation_set(config, PAGE);
        wasm_config_memory_reservation_for_growth_set(config, 0);
    }
    if (kind->is_pooled) {
        wasm_memory_pool_options_t options;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.slots = 8;
        options.slot_bytes = MIB;
        options.overflow = true;
        wasm_config_memory_pool_set(config, &options);
    }
    if (kind->is_host_made && !is_exportable) {
        wasm_memory_allocator_t allocator;
        memset(&allocator, 0, sizeof allocator);
        allocator.struct_size = sizeof allocator;
        allocator.new_memory = block_new;
        wasm_config_memory_allocator_set(config, &allocator);
    }
    return wasm_engine_new_with_config(config);
}

static const uint8_t one_byte[] = {7};

static void *make(handle_t handle, unsigned choice) {
    switch (handle) {
    case HANDLE_wasm_config_t: return wasm_config_new();
    case HANDLE_wasm_engine_t: return new_engine(world.kind, world.kind->is_exportable);
    case HANDLE_wasm_store_t: return wasm_store_new(world.engine);
    case HANDLE_wasm_memorytype_t: {
        wasm_memorytype_t *huge = NULL;
        if (choice < 2) return new_type(world.kind->is_shared);
        if (choice == 2) return new_type(!world.kind->is_shared);
        wasm_memorytype_try_new(UINT64_C(1) << 48, false, 0, true, false, 16, &huge);
        return huge;
    }
    case HANDLE_wasm_memory_t: {
        wasm_memorytype_t *const type = new_type(world.kind->is_shared);
        wasm_memory_t *const memory = wasm_memory_new(world.store, type);
        wasm_memorytype_delete(type);
        return memory;
    }
    case HANDLE_wasm_memory_future_t:
    case HANDLE_wasm_memory_ticket_t: {
        wasm_memorytype_t *const type = new_type(world.kind->is_shared);
        const bool is_pending = handle == HANDLE_wasm_memory_ticket_t || choice == 2;
        wasm_memory_future_t *const future = wasm_memory_new_async(is_pending ? world.asking_store : world.store, type);
        wasm_memorytype_delete(type);
        if (handle == HANDLE_wasm_memory_ticket_t) {
            wasm_memory_future_delete(future);
            return world.ticket;
        }
        if (is_pending) world.to_resolve[world.to_resolve_count++] = world.ticket;
        return future;
    }
    case HANDLE_wasm_data_segment_t: {
        wasm_data_segment_t *const segment = wasm_data_segment_new(some_bytes, 4 * PAGE);
        if (choice == 2) wasm_data_segment_drop(segment);
        return segment;
    }
    case HANDLE_wasm_memory_image_t: {
        wasm_memory_image_t *image = NULL;
        const wasm_memory_segment_t segment = {5, one_byte, 1};
        if (choice == 2) {
            wasm_memory_t *const memory = (wasm_memory_t *)make(HANDLE_wasm_memory_t, 0);
            wasm_memory_image_from_memory(memory, &image);
            wasm_memory_delete(memory);
        } else {
            wasm_memory_image_new(&segment, 1, &image);
        }
        return image;
    }
    case HANDLE_wasm_shared_memory_t: return wasm_shared_memory_clone(world.exported);
    }
    return NULL;
}

/* Whether it still works. */
static void probe(const call_t *call, handle_t handle, void *given, bool is_pending) {
    round_of_probes++;
    switch (handle) {
    case HANDLE_wasm_memory_t: {
        wasm_memory_stats_t stats;
        uint64_t pages = 77;
        wasm_memory_t *const memory = (wasm_memory_t *)given;
        memset(&stats, 0, sizeof stats);
        stats.struct_size = offsetof(wasm_memory_stats_t, resident_bytes);
        if (wasm_memory_stats(memory, &stats) != WASM_MEMORY_OK) wrong(call, "the memory has no stats any more");
        if (wasm_memory_try_grow(memory, 0, &pages) != WASM_MEMORY_OK || pages != wasm_memory_pages(memory))
            wrong(call, "the memory does not grow by nothing any more");
        if (stats.byte_length != wasm_memory_data_size(memory)) wrong(call, "the memory has two sizes");
        break;
    }
    case HANDLE_wasm_store_t:
        if (round_of_probes % 4 == 0) {
            wasm_memorytype_t *const type = new_type(world.kind->is_shared);
            wasm_memory_future_t *const future = wasm_memory_new_async((wasm_store_t *)given, type);
            if (future == NULL) wrong(call, "the store starts no memory any more");
            wasm_memory_future_poll(future);
            wasm_memory_future_delete(future);
            wasm_memorytype_delete(type);
        }
        break;
    case HANDLE_wasm_engine_t:
        if (round_of_probes % 4 == 0) {
            wasm_store_t *const store = wasm_store_new((wasm_engine_t *)given);
            wasm_memorytype_t *const type = new_type(world.kind->is_shared);
            wasm_memory_t *const memory = wasm_memory_new(store, type);
            if (memory == NULL) wrong(call, "the engine makes no memory any more");
            wasm_memory_delete(memory);
            wasm_memorytype_delete(type);
            wasm_store_delete(store);
        }
        break;
    case HANDLE_wasm_memorytype_t: {
        wasm_memorytype_t *const copy = wasm_memorytype_copy((wasm_memorytype_t *)given);
        if (copy == NULL || !wasm_memorytype_matches(copy, (wasm_memorytype_t *)given))
            wrong(call, "the type is no copy of itself any more");
        wasm_memorytype_delete(copy);
        break;
    }
    case HANDLE_wasm_shared_memory_t: {
        wasm_memorytype_t *const type = wasm_shared_memory_type((wasm_shared_memory_t *)given);
        if (!wasm_memorytype_isshared(type)) wrong(call, "the token has no shared type any more");
        wasm_memorytype_delete(type);
        break;
    }
    case HANDLE_wasm_memory_future_t:
        if (!is_pending && wasm_memory_future_poll((wasm_memory_future_t *)given) != WASM_MEMORY_OK)
            wrong(call, "the future has no outcome any more");
        break;
    case HANDLE_wasm_data_segment_t:
        if (round_of_probes % 4 == 0) {
            wasm_memory_t *const memory = (wasm_memory_t *)make(HANDLE_wasm_memory_t, 0);
            if (wasm_memory_init(memory, 0, (wasm_data_segment_t *)given, 0, 0) != WASM_MEMORY_OK)
                wrong(call, "the segment initialises nothing any more");
            wasm_memory_delete(memory);
        }
        break;
    case HANDLE_wasm_memory_image_t:
        if (round_of_probes % 4 == 0 && !world.kind->is_shared) {
            wasm_memory_t *const memory = (wasm_memory_t *)make(HANDLE_wasm_memory_t, 0);
            const wasm_memory_status_t status = wasm_memory_reset(memory, (wasm_memory_image_t *)given);
            if (status != WASM_MEMORY_OK && status != WASM_MEMORY_OUT_OF_BOUNDS)
                wrong(call, "no memory is reset to the image any more");
            wasm_memory_delete(memory);
        }
        break;
    case HANDLE_wasm_config_t:
    case HANDLE_wasm_memory_ticket_t: break;
    }
}

static void dispose(handle_t handle, void *given) {
    switch (handle) {
    case HANDLE_wasm_config_t: {
        /* What it was told has to go well also where it is used. */
        wasm_engine_t *const engine = wasm_engine_new_with_config((wasm_config_t *)given);
        wasm_store_t *const store = engine == NULL ? NULL : wasm_store_new(engine);
        wasm_memorytype_t *const type = new_type(world.kind->is_shared);
        wasm_memory_t *const memory = wasm_memory_new(store, type);
        wasm_memorytype_delete(type);
        wasm_memory_grow(memory, 1);
        wasm_engine_delete(engine);
        wasm_memory_delete(memory);
        wasm_store_delete(store);
        break;
    }
    case HANDLE_wasm_engine_t: wasm_engine_delete((wasm_engine_t *)given); break;
    case HANDLE_wasm_store_t: wasm_store_delete((wasm_store_t *)given); break;
    case HANDLE_wasm_memorytype_t: wasm_memorytype_delete((wasm_memorytype_t *)given); break;
    case HANDLE_wasm_memory_t: wasm_memory_delete((wasm_memory_t *)given); break;
    case HANDLE_wasm_memory_future_t: wasm_memory_future_delete((wasm_memory_future_t *)given); break;
    case HANDLE_wasm_memory_ticket_t:
        wasm_memory_ticket_resolve((wasm_memory_ticket_t *)given, round_of_probes % 2 == 0);
        break;
    case HANDLE_wasm_data_segment_t: wasm_data_segment_delete((wasm_data_segment_t *)given); break;
    case HANDLE_wasm_memory_image_t: wasm_memory_image_delete((wasm_memory_image_t *)given); break;
    case HANDLE_wasm_shared_memory_t: wasm_shared_memory_delete((wasm_shared_memory_t *)given); break;
    }
}

static void world_begin(const world_kind_t *kind) {
    wasm_memory_limiter_async_t limiter;
    wasm_memorytype_t *type;
    intptr_t descriptor = -1;
    wasm_memory_image_t *image;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = keep_ticket;
    world.kind = kind;
    world.engine = new_engine(kind, kind->is_exportable);
    world.exportable_engine = new_engine(kind, true);
    world.store = wasm_store_new(world.engine);
    world.asking_store = wasm_store_new(world.engine);
    wasm_store_limiter_async_set(world.asking_store, &limiter);
    type = new_type(true);
    CHECK_STATUS(wasm_shared_memory_new(world.exportable_engine, type, &world.exported), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    CHECK_STATUS(wasm_shared_memory_export(world.exported, &descriptor), WASM_MEMORY_OK);
    world.export_descriptor = (int)descriptor;
    image = (wasm_memory_image_t *)make(HANDLE_wasm_memory_image_t, 0);
    CHECK_STATUS(wasm_memory_image_save(image, world.path), WASM_MEMORY_OK);
    wasm_memory_image_delete(image);
    unlink(world.link);
    CHECK_EQ(symlink("/dev/zero", world.link), 0);
    tokens_used = 0;
    memset(finalized, 0, sizeof finalized);
}

static void world_end(void) {
    close(world.export_descriptor);
    wasm_shared_memory_delete(world.exported);
    wasm_store_delete(world.store);
    wasm_store_delete(world.asking_store);
    wasm_engine_delete(world.exportable_engine);
    wasm_engine_delete(world.engine);
}

/* ---- somebody who ends waits, for some are for ever ---- */

static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static wasm_memory_t *waiting; /* under the lock */
static bool waker_ends;        /* under the lock */

static void *wake(void *unused) {
    const struct timespec pause = {0, 200000};
    bool ends = false;
    (void)unused;
    while (!ends) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&waiting_lock);
        if (waiting != NULL) wasm_memory_interrupt_waiters(waiting, NULL);
        ends = waker_ends;
        pthread_mutex_unlock(&waiting_lock);
    }
    return NULL;
}

static void set_waiting(wasm_memory_t *memory) {
    wasm_memory_t *before;
    pthread_mutex_lock(&waiting_lock);
    before = waiting;
    waiting = memory;
    pthread_mutex_unlock(&waiting_lock);
    wasm_memory_delete(before);
}

/* ---- the choices ---- */

const uint8_t some_bytes[8 * 65536] = {1, 2, 3};

#define ROOM (2 * MIB)
static union {
    uint64_t aligned;
    uint8_t bytes[ROOM];
} room[MOST_PARAMETERS];

static const uint64_t integers_8[] = {0,
                                      1,
                                      8,
                                      4096,
                                      65536,
                                      3 * 65536,
                                      INT32_MAX,
                                      UINT64_C(1) << 31,
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      UINT64_C(1) << 48,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      UINT64_MAX - 65535,
                                      UINT64_MAX - 7,
                                      UINT64_MAX};
static const uint64_t integers_4[] = {0,         1, 2, 3, 6, 8, 22, 4096, INT32_MAX, UINT64_C(1) << 31, UINT32_MAX - 1,
                                      UINT32_MAX};
static const uint64_t integers_2[] = {0, 1, 0x7fff, 0x8000, 0xffff};
static const uint64_t integers_1[] = {0, 1, 16, 17, 64, 0x7f, 0x80, 0xff};
static const uint64_t sizes_of_structures[] = {0, 1, 7, 8, 9, 12, 16, 17, 4096, UINT64_C(1) << 63, UINT64_MAX};
#define COUNT(array) ((unsigned)(sizeof(array) / sizeof *(array)))

static unsigned integer_count(size_t size) {
    return size == 8   ? COUNT(integers_8)
           : size == 4 ? COUNT(integers_4)
           : size == 2 ? COUNT(integers_2)
                       : COUNT(integers_1);
}

static uint64_t integer_of(size_t size, unsigned choice) {
    return size == 8   ? integers_8[choice]
           : size == 4 ? integers_4[choice]
           : size == 2 ? integers_2[choice]
                       : integers_1[choice];
}

/* Nonsense for structures: their size; each number; each pointer NULL; and all of it zero. */
static unsigned variants_of(const structure_t *structure) {
    unsigned count = 1;
    size_t i;
    for (i = 0; i < structure->field_count; i++) {
        const field_t *const field = &structure->fields[i];
        switch (field->kind) {
        case FIELD_SIZE: count += COUNT(sizes_of_structures) + 2; break;
        case FIELD_INTEGER:
        case FIELD_LENGTH: count += integer_count(field->size); break;
        default: count += 1; break;
        }
    }
    return count;
}

static void put(uint8_t *at, size_t size, uint64_t number) {
    const uint8_t low = (uint8_t)number;
    const uint16_t half = (uint16_t)number;
    const uint32_t word = (uint32_t)number;
    if (size == 1) memcpy(at, &low, 1);
    if (size == 2) memcpy(at, &half, 2);
    if (size == 4) memcpy(at, &word, 4);
    if (size == 8) memcpy(at, &number, 8);
}

static uint64_t bytes_of(uint64_t wanted) { return wanted < sizeof some_bytes ? wanted : sizeof some_bytes; }

static void vary(const structure_t *structure, uint8_t *at, unsigned variant) {
    size_t i;
    for (i = 0; i < structure->field_count; i++) {
        const field_t *const field = &structure->fields[i];
        uint8_t *const place = at + field->offset;
        const bool is_size = field->kind == FIELD_SIZE;
        const unsigned count = is_size ? COUNT(sizes_of_structures) + 2
                               : field->kind == FIELD_INTEGER || field->kind == FIELD_LENGTH
                                   ? integer_count(field->size)
                                   : 1;
        if (variant >= count) {
            variant -= count;
            continue;
        }
        if (is_size && variant < 2)
            put(place, field->size, structure->size + (variant == 0 ? 8 : (size_t)-1));
        else if (is_size)
            put(place, field->size, sizes_of_structures[variant - 2]);
        else if (field->kind == FIELD_INTEGER)
            put(place, field->size, integer_of(field->size, variant));
        else if (field->kind == FIELD_LENGTH) /* of the bytes before it */
            put(place, field->size, bytes_of(integer_of(field->size, variant)));
        else if (field->kind == FIELD_BOOL)
            put(place, field->size, 1);
        else
            memset(place, 0, field->size);
        return;
    }
    memset(at, 0, structure->size);
}

static bool has_timeout(const function_t *function) {
    size_t i;
    for (i = 0; i < function->parameter_count; i++)
        if (function->parameters[i].kind == KIND_TIMEOUT) return true;
    return false;
}

static unsigned choices_of(const function_t *function, size_t index) {
    const parameter_t *const parameter = &function->parameters[index];
    switch (parameter->kind) {
    case KIND_HANDLE:
        switch (parameter->handle) {
        case HANDLE_wasm_memorytype_t: return 4;
        case HANDLE_wasm_memory_t: return 3; /* the last is protected */
        case HANDLE_wasm_memory_future_t: return has_timeout(function) ? 2 : 3;
        case HANDLE_wasm_data_segment_t:
        case HANDLE_wasm_memory_image_t: return 3;
        default: return 2;
        }
    case KIND_OUT_STRUCTURE: return 2 + COUNT(sizes_of_structures) + 2;
    case KIND_STRUCTURE: return 2 + variants_of(parameter->structure);
    case KIND_PATH: return 8;
    case KIND_ADDRESS: return 6;
    case KIND_INTEGER: return integer_count(parameter->size);
    case KIND_TIMEOUT: return 6;
    case KIND_DESCRIPTOR: return 10;
    case KIND_FLOAT: return 5;
    default: return 2;
    }
}

static bool is_pointer(const parameter_t *parameter) { return parameter->kind < KIND_INTEGER; }

static bool has_memory(const function_t *function) {
    size_t i;
    for (i = 0; i < function->parameter_count; i++)
        if (function->parameters[i].kind == KIND_HANDLE && function->parameters[i].handle == HANDLE_wasm_memory_t)
            return true;
    return false;
}

/* A length is nonsense only where it cannot make the library read what the caller does not have: where a memory's end
   bounds it, or where there is nothing to read. */
static uint64_t bounded(const call_t *call, size_t index, uint64_t number) {
    const function_t *const function = call->function;
    size_t i;
    if (has_memory(function)) return number;
    for (i = 0; i < function->parameter_count; i++) {
        const parameter_t *const parameter = &function->parameters[i];
        if (parameter->counter != (int)index || call->choice[i] == 1) continue;
        if (parameter->kind == KIND_BYTES) return number < sizeof some_bytes ? number : sizeof some_bytes;
        if (parameter->kind == KIND_STRUCTURE || parameter->kind == KIND_HANDLES) return number < 8 ? number : 8;
    }
    return number;
}

uint64_t given_integer(call_t *call, size_t index) {
    const parameter_t *const parameter = &call->function->parameters[index];
    const unsigned choice = call->choice[index];
    switch (parameter->kind) {
    case KIND_TIMEOUT: {
        const int64_t timeouts[] = {0, 1, 1000000, -1, INT64_MIN, INT64_MAX};
        return (uint64_t)timeouts[choice];
    }
    case KIND_DESCRIPTOR: {
        const int64_t descriptors[] = {world.export_descriptor,
                                       world.file,
                                       -1,
                                       world.closed,
                                       world.folder,
                                       world.pipe[0],
                                       INT32_MAX,
                                       INT64_MAX,
                                       INT64_MIN,
                                       INT64_C(0x100000000) + world.export_descriptor};
        return (uint64_t)descriptors[choice];
    }
    case KIND_BOOL: return choice;
    default: return bounded(call, index, integer_of(parameter->size, choice));
    }
}

double given_float(call_t *call, size_t index) {
    const double numbers[] = {0.0, -1.5, (double)NAN, (double)INFINITY, (double)FLT_MAX};
    return numbers[call->choice[index]];
}

bool given_is_null(call_t *call, size_t index) {
    call->given[index].is_null = call->choice[index] == 1;
    return call->given[index].is_null;
}

static void note_memory(given_t *given) {
    const wasm_memory_view_t *const view = wasm_memory_view((wasm_memory_t *)given->pointer);
    given->base = view->base;
    given->length = view->byte_length;
    if (given->is_unreadable) return;
    memset(view->base, 0x11, 32);
    memset(view->base + view->byte_length - 32, 0x22, 32);
    memcpy(given->bytes, view->base, 32);
    memcpy(given->bytes + 32, view->base + view->byte_length - 32, 32);
}

void *given_pointer(call_t *call, size_t index) {
    const parameter_t *const parameter = &call->function->parameters[index];
    given_t *const given = &call->given[index];
    const unsigned choice = call->choice[index];
    const size_t size = parameter->size;
    uint8_t *const place = room[index].bytes;
    if (given_is_null(call, index)) return NULL;
    switch (parameter->kind) {
    case KIND_HANDLE:
        given->pointer = make(parameter->handle, choice);
        if (given->pointer == NULL) {
            wrong(call, "there is no valid value for an argument");
            given->is_null = true;
            return NULL;
        }
        if (parameter->handle == HANDLE_wasm_memory_t) {
            wasm_memory_t *const memory = (wasm_memory_t *)given->pointer;
            given->is_unreadable =
                choice == 2 && wasm_memory_protect(memory, 0, PAGE, WASM_MEMORY_PROT_NONE) == WASM_MEMORY_OK;
            note_memory(given);
            if (has_timeout(call->function)) set_waiting(wasm_memory_copy(memory));
        }
        break;
    case KIND_HANDLES: {
        wasm_memorytype_t *types[8];
        size_t i;
        for (i = 0; i < 8; i++) types[i] = (wasm_memorytype_t *)make(parameter->handle, 0);
        memcpy(place, types, sizeof types);
        given->pointer = place;
        break;
    }
    case KIND_OUT_HANDLE:
    case KIND_OUT:
    case KIND_OUT_DESCRIPTOR:
    case KIND_OUT_VECTOR:
        memset(place, 0xcc, 64);
        given->pointer = place;
        break;
    case KIND_OUT_STRUCTURE: {
        const size_t wanted = choice == 0   ? size
                              : choice == 2 ? size + 8
                              : choice == 3 ? size - 1
                                            : (size_t)sizes_of_structures[choice - 4];
        memset(place, 0xcc, 8192);
        memcpy(place, &wanted, sizeof wanted);
        given->pointer = place;
        break;
    }
    case KIND_STRUCTURE: {
        size_t i;
        memset(place, 0, 8192);
        for (i = 0; i < 8; i++) parameter->structure->fill(place + i * parameter->structure->size, new_token());
        /* A size beyond the structure promises zeros behind it. */
        if (parameter->counter < 0) memset(place + parameter->structure->size, 0, 8192 - parameter->structure->size);
        if (choice >= 2) vary(parameter->structure, place, choice - 2);
        given->pointer = place;
        break;
    }
    case KIND_VECTOR: {
        wasm_memorytype_vec_t vector;
        wasm_memorytype_vec_new_uninitialized(&vector, 3);
        vector.data[0] = (wasm_memorytype_t *)make(HANDLE_wasm_memorytype_t, 0);
        vector.data[2] = (wasm_memorytype_t *)make(HANDLE_wasm_memorytype_t, 0);
        memcpy(place, &vector, sizeof vector);
        given->pointer = place;
        break;
    }
    case KIND_BYTES: memcpy(&given->pointer, &(const void *){some_bytes}, sizeof given->pointer); break;
    case KIND_BUFFER:
        memset(place, 0xcc, 4096);
        given->pointer = place;
        break;
    case KIND_PATH: {
        const char *const paths[] = {world.path,        NULL,      "", "/nowhere/at/all", "\xff\xfe\xc0",
                                     world.folder_path, world.link};
        if (choice < 7) {
            strcpy((char *)place, paths[choice]);
        } else {
            memset(place, 'x', 6000);
            place[6000] = 0;
        }
        given->pointer = place;
        break;
    }
    case KIND_TOKEN: given->pointer = new_token(); break;
    case KIND_ADDRESS: {
        const uintptr_t addresses[] = {
            (uintptr_t)place, 0, 1, UINTPTR_MAX, UINTPTR_MAX / 2 + 1, (uintptr_t)wasm_memory_version()};
        given->pointer = (void *)addresses[choice];
        break;
    }
    default: abort();
    }
    return given->pointer;
}

/* ---- judging ---- */

static void leave_a_sentence(void) {
    wasm_memorytype_t *type;
    wasm_memorytype_try_new(70001, false, 0, false, false, 16, &type);
}

static bool is_new_sentence(void) {
    char detail[512];
    wasm_memory_last_error(detail, sizeof detail);
    return detail[0] != 0 && strstr(detail, "70001") == NULL;
}

void begin(call_t *call) {
    call->succeeded = false;
    leave_a_sentence();
    current = call;
    calls_made++;
    errno = 0;
}

/* Whether something is NULL that must not be. */
static bool is_required_null(call_t *call) {
    size_t i;
    for (i = 0; i < call->function->parameter_count; i++) {
        const parameter_t *const parameter = &call->function->parameters[i];
        if (!call->given[i].is_null || parameter->need == OPTIONAL) continue;
        if (parameter->need == REQUIRED || given_integer(call, (size_t)parameter->counter) != 0) return true;
    }
    return false;
}

static bool is_filled(const uint8_t *bytes, uint8_t with, size_t length) {
    return length == 0 || (bytes[0] == with && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static void end_out_structure(call_t *call, size_t index, bool failed) {
    const uint8_t *const bytes = (const uint8_t *)call->given[index].pointer;
    const size_t size = call->function->parameters[index].size;
    size_t told;
    memcpy(&told, bytes, sizeof told);
    (void)failed;
    if (told >= 8192) told = 8192;
    if (told >= sizeof told &&
        !is_filled(bytes + (told > size ? size : told), 0xcc, 8192 - (told > size ? size : told)))
        wrong(call, "it writes past what struct_size tells, or past the structure");
    if (told < sizeof told && !is_filled(bytes + sizeof told, 0xcc, 8192 - sizeof told))
        wrong(call, "it writes where struct_size does not reach itself");
    if (failed && told >= 2 * sizeof told && bytes[sizeof told] != 0)
        wrong(call, "a structure is not zero after a failure");
    if (failed && told == size) {
        size_t i;
        for (i = sizeof told; i < size; i++) /* padding may stay */
            if (bytes[i] != 0 && bytes[i] != 0xcc) wrong(call, "a structure is not zero after a failure");
    }
}

/* What was given in, and what came out, is looked at and goes. */
static void end(call_t *call, bool failed) {
    const function_t *const function = call->function;
    wasm_memorytype_vec_t *made = NULL;
    size_t i;
    set_waiting(NULL);
    if (failed && !is_new_sentence()) wrong(call, "it fails and leaves no sentence");
    for (i = 0; i < function->parameter_count; i++) {
        const parameter_t *const parameter = &function->parameters[i];
        given_t *const given = &call->given[i];
        uint8_t *const place = (uint8_t *)given->pointer;
        if (given->is_null || !is_pointer(parameter)) continue;
        switch (parameter->kind) {
        case KIND_OUT:
            if (failed && !is_filled(place, 0, parameter->size))
                wrong(call, "an out-parameter is not zero after a failure");
            if (!is_filled(place + parameter->size, 0xcc, 64 - parameter->size))
                wrong(call, "it writes past an out-parameter");
            break;
        case KIND_OUT_DESCRIPTOR: {
            intptr_t descriptor;
            memcpy(&descriptor, place, sizeof descriptor);
            if (failed && descriptor != 0) wrong(call, "a descriptor is not 0 after a failure");
            if (!failed && close((int)descriptor) != 0) wrong(call, "what it answers is no descriptor");
            break;
        }
        case KIND_OUT_HANDLE: {
            void *handle;
            memcpy(&handle, place, sizeof handle);
            if (failed != (handle == NULL)) wrong(call, "a handle and a failure, or neither");
            if (!failed && handle != NULL) {
                probe(call, parameter->handle, handle, false);
                dispose(parameter->handle, handle);
            }
            break;
        }
        case KIND_OUT_STRUCTURE: end_out_structure(call, i, failed); break;
        case KIND_OUT_VECTOR:
            made = (wasm_memorytype_vec_t *)given->pointer;
            if ((made->size == 0) != (made->data == NULL))
                wrong(call, "a vector with no types but a size, or the reverse");
            break;
        case KIND_BUFFER:
            if (failed && !is_filled(place, 0xcc, 4096)) wrong(call, "a buffer is touched by a failure");
            break;
        case KIND_HANDLE:
            if (parameter->handle != HANDLE_wasm_memory_t || parameter->is_consumed) break;
            if (failed) {
                const wasm_memory_view_t *const view = wasm_memory_view((wasm_memory_t *)given->pointer);
                if (view->base != given->base || view->byte_length != given->length)
                    wrong(call, "a failure changes the size or the place of a memory");
                else if (!given->is_unreadable &&
                         (memcmp(view->base, given->bytes, 32) != 0 ||
                          memcmp(view->base + view->byte_length - 32, given->bytes + 32, 32) != 0))
                    wrong(call, "a failure changes the bytes of a memory");
            }
            break;
        default: break;
        }
    }
    for (i = 0; i < function->parameter_count; i++) {
        const parameter_t *const parameter = &function->parameters[i];
        given_t *const given = &call->given[i];
        if (given->is_null || parameter->is_consumed) continue;
        if (parameter->kind == KIND_HANDLE) {
            const bool is_pending = parameter->handle == HANDLE_wasm_memory_future_t && call->choice[i] == 2;
            const bool is_huge = parameter->handle == HANDLE_wasm_memorytype_t && call->choice[i] == 3;
            if (!is_huge) probe(call, parameter->handle, given->pointer, is_pending);
            dispose(parameter->handle, given->pointer);
        } else if (parameter->kind == KIND_HANDLES) {
            wasm_memorytype_t *types[8];
            size_t j, taken = made != NULL ? made->size : 0;
            memcpy(types, given->pointer, sizeof types);
            for (j = taken; j < 8; j++) wasm_memorytype_delete(types[j]);
        } else if (parameter->kind == KIND_VECTOR) {
            wasm_memorytype_vec_delete((wasm_memorytype_vec_t *)given->pointer);
        }
    }
    if (made != NULL) wasm_memorytype_vec_delete(made);
    for (i = 0; i < world.to_resolve_count; i++) wasm_memory_ticket_resolve(world.to_resolve[i], calls_made % 2 == 0);
    world.to_resolve_count = 0;
    current = NULL;
    call->succeeded = !failed;
    has_succeeded |= !failed;
}

void end_status(call_t *call, wasm_memory_status_t status) {
    const function_t *const function = call->function;
    bool is_listed = false, has_descriptor = false, has_out = false, has_small_structure = false;
    char text[200];
    size_t i;
    for (i = 0; i < function->status_count; i++) is_listed |= function->statuses[i] == status;
    for (i = 0; i < function->parameter_count; i++)
        has_small_structure |= function->parameters[i].kind == KIND_OUT_STRUCTURE && call->choice[i] >= 2;
    if (!is_listed) {
        snprintf(text, sizeof text, "the header does not list its status %s", wasm_memory_status_name(status));
        wrong(call, text);
    }
    /* Of two things that are wrong with the handle and the structure to be filled, either may be told. */
    if (is_required_null(call) && status != WASM_MEMORY_NULL_ARGUMENT &&
        !(status == WASM_MEMORY_INVALID_ARGUMENT && has_small_structure)) {
        snprintf(text, sizeof text, "a required pointer is NULL, and the status is %s",
                 wasm_memory_status_name(status));
        wrong(call, text);
    }
    for (i = 0; i < function->parameter_count; i++) {
        has_out |= function->parameters[i].kind == KIND_OUT_HANDLE;
        has_descriptor |= function->parameters[i].kind == KIND_DESCRIPTOR && call->choice[i] >= 2;
    }
    if (has_out && has_descriptor && status == WASM_MEMORY_OK) wrong(call, "it takes what is no descriptor");
    end(call, status != WASM_MEMORY_OK);
}

void end_value(call_t *call, bool is_something) {
    const bool is_null = is_required_null(call);
    if (is_null && is_something) wrong(call, "a required pointer is NULL, and there is an answer");
    end(call, is_null);
}

void end_handle(call_t *call, handle_t handle, void *made) {
    const bool is_null = is_required_null(call);
    if (is_null && made != NULL) wrong(call, "a required pointer is NULL, and there is an answer");
    if (made != NULL) {
        const bool is_ready = handle != HANDLE_wasm_memory_future_t;
        probe(call, handle, made, !is_ready);
        dispose(handle, made);
    }
    end(call, is_null);
}

void end_text(call_t *call, const char *text) {
    if (text == NULL)
        wrong(call, "there is no text");
    else
        read_text(text);
    end(call, false);
}

void end_nothing(call_t *call) { end(call, false); }

/* ---- all of it ---- */

static void make_call(const function_t *function, const unsigned *choice) {
    call_t call;
    memset(&call, 0, sizeof call);
    call.function = function;
    memcpy(call.choice, choice, sizeof call.choice);
    function->call(&call);
}

static void make_calls(const function_t *function) {
    unsigned choice[MOST_PARAMETERS] = {0};
    size_t i, j;
    make_call(function, choice);
    for (i = 0; i < function->parameter_count; i++) choice[i] = is_pointer(&function->parameters[i]);
    make_call(function, choice);
    memset(choice, 0, sizeof choice);
    for (i = 0; i < function->parameter_count; i++)
        for (choice[i] = 0; choice[i] < choices_of(function, i) || (choice[i] = 0); choice[i]++) {
            make_call(function, choice);
            for (j = i + 1; j < function->parameter_count; j++)
                for (choice[j] = 1; choice[j] < choices_of(function, j) || (choice[j] = 0); choice[j]++)
                    make_call(function, choice);
        }
}

static uint64_t descriptors_in_use(void) {
    uint64_t count = 0;
    int i;
    for (i = 0; i < 256; i++) count += fcntl(i, F_GETFD) != -1;
    return count;
}

static void run(const function_t *function) {
    const uint64_t before = checks_failed;
    size_t i;
    check_state.failures = 0;
    told = 0;
    has_succeeded = false;
    for (i = 0; i < WORLDS; i++) {
        uint64_t heap = 0, descriptors = 0, mappings = 0, size = 0;
        int round;
        for (round = 0; round < 2; round++) {
            if (i % 2 != 0) switch_everything(true);
            world_begin(&world_kinds[i]);
            if (round == 0) { /* what threads and the C library keep is there afterwards */
                unsigned choice[MOST_PARAMETERS] = {0};
                make_call(function, choice);
            } else {
                make_calls(function);
            }
            world_end();
            if (i % 2 != 0) switch_everything(false);
            leave_a_sentence();
            if (round == 0) {
                heap = blocks;
                descriptors = descriptors_in_use();
                mappings = process_mappings();
                size = process_kib("VmSize:");
            }
        }
        if (blocks > heap) {
            printf("  %s, world \"%s\": %" PRIu64 " blocks of the heap stay\n", function->name, world_kinds[i].name,
                   blocks - heap);
            checks_failed++;
        }
        if (descriptors_in_use() != descriptors || process_mappings() > mappings + 3 ||
            (!is_watched() && process_kib("VmSize:") > size + 64 * KIB)) {
            printf("  %s, world \"%s\": descriptors, mappings or address space stay\n", function->name,
                   world_kinds[i].name);
            checks_failed++;
        }
    }
    checks_failed += (uint64_t)check_state.failures;
    if (!has_succeeded) {
        printf("  %s: it never succeeds, so that little of it was tried\n", function->name);
        checks_failed++;
    }
    if (checks_failed != before) printf("FAILED %s\n", function->name);
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/misuse-XXXXXX";
    pthread_t waker;
    size_t i, covered = 0;
    struct sigaction action;
    puts("NULL and nonsense in every argument"); /* the C library takes its buffer now */
    memset(&action, 0, sizeof action);
    action.sa_handler = crashed;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(is_watched() ? 1200 : 120);
    if (!is_watched()) { /* so that what is too much is refused, and not slowly had */
        const struct rlimit limit = {2 * GIB, 2 * GIB};
        setrlimit(RLIMIT_DATA, &limit);
    }
    if (mkdtemp(folder) == NULL || pipe(world.pipe) != 0) return 2;
    snprintf(world.folder_path, sizeof world.folder_path, "%s", folder);
    snprintf(world.path, sizeof world.path, "%s/image", folder);
    snprintf(world.link, sizeof world.link, "%s/link", folder);
    world.folder = open(folder, O_RDONLY);
    world.closed = dup(world.folder);
    close(world.closed);
    world.closed += 100;
    {
        char path[80];
        snprintf(path, sizeof path, "%s/file", folder);
        world.file = open(path, O_RDWR | O_CREAT, 0600);
        if (world.file < 0 || ftruncate(world.file, 65536) != 0) return 2;
        unlink(path);
    }
    pthread_create(&waker, NULL, wake, NULL);
    for (i = 0; i < function_count; i++) {
        int j;
        bool is_wanted = argc == 1;
        for (j = 1; j < argc; j++) is_wanted |= strcmp(argv[j], functions[i].name) == 0;
        if (!is_wanted) continue;
        run(&functions[i]);
        covered++;
    }
    pthread_mutex_lock(&waiting_lock);
    waker_ends = true;
    pthread_mutex_unlock(&waiting_lock);
    pthread_join(waker, NULL);
    unlink(world.path);
    unlink(world.link);
    rmdir(folder);
    printf("%" PRIu64 " calls of %zu functions, %" PRIu64 " failed\n", calls_made, covered, checks_failed);
    return checks_failed != 0 || covered == 0;
}
