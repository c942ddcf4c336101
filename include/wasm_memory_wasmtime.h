/*
 * wasm_memory_wasmtime.h: wasmtime's linear memories are made by this library. Header-only, over wasmtime's C API.
 *
 *     wasm_memory_wasmtime_t *memories;
 *     error = wasm_memory_wasmtime_new(engine, NULL, &memories);              an engine of ours: policy and pool
 *     if (error == NULL) error = wasm_memory_wasmtime_configure(memories, config);         a config of wasmtime's
 *     ... an engine of wasmtime with that config, stores, modules, instances, as usual; and then
 *     wasm_memory_t *memory = wasm_memory_wasmtime_memory(memories, context, &exported_memory);
 *
 * It needs a build with prefixed names (WASM_MEMORY_SYMBOL_PREFIX), because libwasmtime exports the names of wasm.h
 * itself. There the prefix stands before the names of this header too.
 *
 * What wasmtime relies on. It leaves bounds checks out of its code where it has been promised that so many bytes from
 * the base are reserved and so many bytes after them fault (its options memory_reservation and memory_guard_size).
 * wasm_memory_wasmtime_configure sets these options to what the memories of the engine have: all the guards there are,
 * or none at all where they are CHECKED, which makes wasmtime compare in its code. A host that sets the options itself
 * calls wasm_memory_wasmtime_creator_set instead. Either way each memory is looked at when it is made, and one that does
 * not have what wasmtime was promised is refused: instantiation fails, with both numbers in its error.
 *
 * Data segments. wasmtime maps them copy-on-write into its own memories by default, and panics when it finds another's.
 * Both functions turn that off (wasmtime_config_memory_init_cow_set); it must stay off.
 *
 * What is made here: the memories that modules define, shared ones too. Those of wasmtime_memory_new and
 * wasmtime_sharedmemory_new are wasmtime's own whatever is set, and so are all with its pooling allocator
 * (wasmtime_pooling_allocation_strategy_set); wasm_memory_wasmtime_memory_new stands in for the first two. A store of
 * wasmtime in which there are objects for the garbage collector has one more memory, which is made here too.
 *
 * Growth and limits. memory.grow of the guest and wasmtime_memory_grow ask wasmtime's limits first, then the type, then
 * the limits and the limiter of the store in which we made the memory. wasmtime passes no reason on: why a growth was
 * refused is the last error of the thread (wasm_memory_last_error) and what the limiter's memory_grow_failed hears.
 * A limiter that answers later cannot be waited for: creation and growth fail with ASYNC_REQUIRED. Without may_move
 * wasmtime itself refuses growth past what is reserved, and asks nobody.
 *
 * A shared memory that guests may grow is to be grown by wasmtime_sharedmemory_grow alone: wasmtime decides on the new size
 * before it asks us, so that growth through a handle at the same moment is told the same previous size. After growth through
 * a handle, wasmtime_sharedmemory_grow by 0 tells wasmtime the length.
 *
 * Our functions on wasmtime's memories. Bytes that are read, written, filled, erased, discarded, mapped or restored by
 * either side are seen by the other at once. The length is another matter: wasmtime keeps a copy. After growth through a
 * handle the guest sees the new length when wasmtime grows the memory next, or by wasm_memory_wasmtime_refresh. After
 * wasm_memory_reset, which can make a memory shorter, call it before the guest runs and before wasmtime's own functions
 * touch the memory: they would touch what faults. A range that is protected (wasm_memory_protect) is a trap to the
 * guest's loads and stores, but ends the process when wasmtime's own code touches it: memory.copy, memory.fill,
 * memory.init, and host functions that follow its pointers; and at any access where the memory has pages of one byte
 * and wasmtime relies on the guards of others. Waits and notifies of the guest are wasmtime's: ours do not meet them,
 * even on the same shared memory.
 *
 * Threads. As wasmtime has it: what belongs to a store of wasmtime, one thread at a time, and that goes for our handles
 * of its memories too. The functions that take a wasm_memory_wasmtime_t may be called on any thread at any time.
 *
 * Errors are wasmtime's, the caller's to delete with wasmtime_error_delete; NULL is success.
 */

#ifndef WASM_MEMORY_WASMTIME_H
#define WASM_MEMORY_WASMTIME_H

#include "wasm_memory.h"

#if !defined(WASM_MEMORY_PREFIXED)
#error "wasm_memory_wasmtime.h needs a build with prefixed names, for libwasmtime exports the names of wasm.h itself: \
configure with -DWASM_MEMORY_SYMBOL_PREFIX=my_ (or make install WASM_MEMORY_SYMBOL_PREFIX=my_) and include from there"
#endif
#if defined(WASM_MEMORY_PLAIN_NAMES)
#error "wasm_memory_wasmtime.h cannot be used with WASM_MEMORY_PLAIN_NAMES: the plain names are those of wasmtime here"
#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasmtime.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#endif

/* The versions of wasmtime whose memory-creator table is known to be the one that is filled in here. */
#define WASM_MEMORY_WASMTIME_OLDEST 41
#define WASM_MEMORY_WASMTIME_NEWEST 50
#if !defined(WASMTIME_VERSION_MAJOR)
#error "wasm_memory_wasmtime.h: this wasmtime.h does not say its version; one of wasmtime 41 to 50 is needed"
#endif
#if (WASMTIME_VERSION_MAJOR < WASM_MEMORY_WASMTIME_OLDEST || WASMTIME_VERSION_MAJOR > WASM_MEMORY_WASMTIME_NEWEST) && \
    !defined(WASM_MEMORY_WASMTIME_ANY_VERSION)
#error "wasm_memory_wasmtime.h knows the memory creators of wasmtime 41 to 50, and this is another version: compare \
wasmtime_memory_creator_t, wasmtime_linear_memory_t and their callbacks in its wasmtime/config.h with those of 50, and \
if nothing differs, define WASM_MEMORY_WASMTIME_ANY_VERSION"
#endif

/* A libwasmtime that is loaded and lacks the function is found out at run time, where references can be weak. A weak
   reference does not make a linker take the function out of an archive: define WASM_MEMORY_WASMTIME_STATIC to link
   libwasmtime.a. */
#if defined(__ELF__) && defined(__GNUC__) && !defined(WASM_MEMORY_WASMTIME_STATIC)
#pragma weak wasmtime_config_host_memory_creator_set
#define WASM_MEMORY_WASMTIME_LACKS_CREATORS (&wasmtime_config_host_memory_creator_set == NULL)
#else
#define WASM_MEMORY_WASMTIME_LACKS_CREATORS 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What makes the memories of wasmtime engines, and knows them: a reference to it. The fields are private.
 */
typedef struct wasm_memory_wasmtime_t wasm_memory_wasmtime_t;

/**
 * How memories are to be made. 0, NULL, and a field that `struct_size` does not reach, is the default.
 */
typedef struct wasm_memory_wasmtime_options_t {
    /**
     * Set to `sizeof(wasm_memory_wasmtime_options_t)`.
     */
    size_t struct_size;
    /**
     * Who checks bounds. `WASM_MEMORY_BOUNDS_AUTO`, the default: guards if the engine's memories have them, else
     * wasmtime's code. `_GUARDED`: guards, and `wasm_memory_wasmtime_new` fails if there are none. `_CHECKED`:
     * wasmtime's code, whatever there is; for engines whose memories are not all alike (AUTO with little address
     * space).
     */
    wasm_memory_bounds_t bounds;
    /**
     * Whether memories may be made whose growth may change their base. Default: false, and such a memory is refused:
     * after growth through one of our handles wasmtime would go on using the old base, which is gone. Set it where
     * only wasmtime grows memories.
     */
    bool may_move;
    /**
     * Passed to the callbacks.
     */
    void *env;
    /**
     * Chooses the store for a memory that is about to be made, whose limits and limiter are to decide on it: one
     * for each tenant, say. It runs on the thread that instantiates. The store must live until the call that makes
     * the memory is over; NULL stands for `wasm_memory_wasmtime_store`. `is_64`, `shared` and the sizes, in bytes
     * (`SIZE_MAX`: no maximum), are those of the type. May be NULL.
     */
    wasm_store_t *(*choose_store)(void *env, bool is_64, bool shared, size_t minimum, size_t maximum);
    /**
     * Hears of each memory that was made, before wasmtime uses it, on the thread that instantiates. `memory` is
     * valid until `memory_gone`; `wasm_memory_copy` makes a handle that lives longer. May be NULL.
     */
    void (*memory_made)(void *env, wasm_memory_t *memory);
    /**
     * Hears of each memory that wasmtime is done with. May be NULL.
     */
    void (*memory_gone)(void *env, wasm_memory_t *memory);
    /**
     * Called once with `env`, when the last reference, the last engine of wasmtime and the last memory are gone.
     * May be NULL.
     */
    void (*finalizer)(void *env);
} wasm_memory_wasmtime_options_t;

/**
 * What wasmtime is to be told about the memories; sizes in bytes.
 */
typedef struct wasm_memory_wasmtime_settings_t {
    /**
     * Set to `sizeof(wasm_memory_wasmtime_settings_t)` before the call.
     */
    size_t struct_size;
    /**
     * For `wasmtime_config_memory_reservation_set`; 0 if wasmtime is to check bounds.
     */
    uint64_t memory_reservation;
    /**
     * For `wasmtime_config_memory_guard_size_set`; 0 if wasmtime is to check bounds.
     */
    uint64_t memory_guard_size;
    /**
     * For `wasmtime_config_memory_may_move_set`.
     */
    bool memory_may_move;
    /**
     * Who checks: `WASM_MEMORY_BOUNDS_GUARDED` or `WASM_MEMORY_BOUNDS_CHECKED`.
     */
    wasm_memory_bounds_t bounds;
} wasm_memory_wasmtime_settings_t;

/**
 * What was made. Counts are of all engines of wasmtime that were configured with it.
 */
typedef struct wasm_memory_wasmtime_stats_t {
    /**
     * Set to `sizeof(wasm_memory_wasmtime_stats_t)` before the call.
     */
    size_t struct_size;
    /**
     * Memories that were handed to wasmtime, ever.
     */
    uint64_t made;
    /**
     * Those that wasmtime still has.
     */
    uint64_t live;
    /**
     * Memories that could not be made: limits, no room, or not what wasmtime was promised.
     */
    uint64_t refused;
    /**
     * Growths that wasmtime asked for and that were refused.
     */
    uint64_t grow_refused;
} wasm_memory_wasmtime_stats_t;

/* ---- private: structures ------------------------------------------------------------------------------------------ */

#if defined(_WIN32)
typedef SRWLOCK wasm_memory_wasmtime_lock_t;
#else
typedef pthread_mutex_t wasm_memory_wasmtime_lock_t;
#endif

/* A memory that wasmtime has. In one chain of its maker, by its base. */
typedef struct wasm_memory_wasmtime_record_t {
    wasm_memory_wasmtime_t *maker; /* a reference */
    wasm_memory_t *memory;         /* a handle */
    const wasm_memory_view_t *view;
    size_t capacity; /* up to here wasmtime may take it that the base stays */
    size_t page_size;
    size_t guard;             /* as wasmtime was promised */
    bool claims_nothing;      /* no fault is this memory's */
    const uint8_t *key;       /* the base under which it is found */
    struct wasm_memory_wasmtime_record_t *next, **link;
} wasm_memory_wasmtime_record_t;

/* Memories of one chain; many chains, so that threads do not meet. */
typedef struct wasm_memory_wasmtime_chain_t {
    wasm_memory_wasmtime_lock_t lock;
    wasm_memory_wasmtime_record_t *first;
} wasm_memory_wasmtime_chain_t;

#if !defined(WASM_MEMORY_WASMTIME_CHAINS)
#define WASM_MEMORY_WASMTIME_CHAINS 256
#endif

struct wasm_memory_wasmtime_t {
    uint64_t references; /* of the host, of wasmtime's engines, of memories */
    uint64_t made, gone, refused, grow_refused;
    wasm_store_t *store; /* keeps the engine alive */
    wasm_memory_wasmtime_options_t options;
    wasm_memory_wasmtime_settings_t settings;
    wasm_memory_wasmtime_chain_t chains[WASM_MEMORY_WASMTIME_CHAINS];
};

/* Fails to compile where the tables have other members than those that are filled in. */
typedef char wasm_memory_wasmtime_tables_are_known
    [sizeof(wasmtime_linear_memory_t) == 4 * sizeof(void *) && sizeof(wasmtime_memory_creator_t) == 3 * sizeof(void *)
         ? 1
         : -1];

/* ---- private: functions ------------------------------------------------------------------------------------------- */

#if defined(_MSC_VER) && !defined(__clang__)
static inline uint64_t wasm_memory_wasmtime_private_add(uint64_t *number, int64_t delta) {
    return (uint64_t)(InterlockedExchangeAdd64((volatile LONG64 *)number, delta) + delta);
}

static inline size_t wasm_memory_wasmtime_private_length(const wasm_memory_view_t *view) {
    const size_t length = *(const volatile size_t *)&view->byte_length;
    MemoryBarrier();
    return length;
}
#else
/* The sum. */
static inline uint64_t wasm_memory_wasmtime_private_add(uint64_t *number, int64_t delta) {
    return __atomic_add_fetch(number, (uint64_t)delta, __ATOMIC_ACQ_REL);
}

static inline size_t wasm_memory_wasmtime_private_length(const wasm_memory_view_t *view) {
    return __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
}
#endif

static inline void wasm_memory_wasmtime_private_lock(wasm_memory_wasmtime_lock_t *lock) {
#if defined(_WIN32)
    AcquireSRWLockExclusive(lock);
#else
    pthread_mutex_lock(lock);
#endif
}

static inline void wasm_memory_wasmtime_private_unlock(wasm_memory_wasmtime_lock_t *lock) {
#if defined(_WIN32)
    ReleaseSRWLockExclusive(lock);
#else
    pthread_mutex_unlock(lock);
#endif
}

/* "WHAT: the sentence of our last error". */
static inline wasmtime_error_t *wasm_memory_wasmtime_private_failed(const char *what) {
    char reason[768], sentence[1024];
    wasm_memory_last_error(reason, sizeof reason);
    snprintf(sentence, sizeof sentence, "%s: %s", what, reason);
    return wasmtime_error_new(sentence);
}

static inline wasm_memory_wasmtime_chain_t *wasm_memory_wasmtime_private_chain(wasm_memory_wasmtime_t *maker,
                                                                               const void *base) {
    /* Bases are far from each other, and multiples of much. */
    const uint64_t mixed = (uint64_t)(uintptr_t)base * UINT64_C(0x9e3779b97f4a7c15);
    return &maker->chains[(size_t)(mixed >> 32) % WASM_MEMORY_WASMTIME_CHAINS];
}

static inline void wasm_memory_wasmtime_private_enlist(wasm_memory_wasmtime_record_t *record) {
    wasm_memory_wasmtime_chain_t *chain;
    record->key = record->view->base;
    chain = wasm_memory_wasmtime_private_chain(record->maker, record->key);
    wasm_memory_wasmtime_private_lock(&chain->lock);
    record->next = chain->first;
    record->link = &chain->first;
    if (record->next != NULL) record->next->link = &record->next;
    chain->first = record;
    wasm_memory_wasmtime_private_unlock(&chain->lock);
}

static inline void wasm_memory_wasmtime_private_unlist(wasm_memory_wasmtime_record_t *record) {
    wasm_memory_wasmtime_chain_t *const chain = wasm_memory_wasmtime_private_chain(record->maker, record->key);
    wasm_memory_wasmtime_private_lock(&chain->lock);
    *record->link = record->next;
    if (record->next != NULL) record->next->link = record->link;
    wasm_memory_wasmtime_private_unlock(&chain->lock);
}

static inline void wasm_memory_wasmtime_private_release(void *env) {
    wasm_memory_wasmtime_t *const maker = (wasm_memory_wasmtime_t *)env;
    if (maker == NULL || wasm_memory_wasmtime_private_add(&maker->references, -1) != 0) return;
    wasm_store_delete(maker->store);
#if !defined(_WIN32)
    {
        size_t i;
        for (i = 0; i < WASM_MEMORY_WASMTIME_CHAINS; i++) pthread_mutex_destroy(&maker->chains[i].lock);
    }
#endif
    if (maker->options.finalizer != NULL) maker->options.finalizer(maker->options.env);
    free(maker);
}

/* wasmtime asks this for each of base, length and capacity alone, and often. */
static inline uint8_t *wasm_memory_wasmtime_private_get(void *env, size_t *byte_size, size_t *byte_capacity) {
    const wasm_memory_wasmtime_record_t *const record = (const wasm_memory_wasmtime_record_t *)env;
    *byte_size = wasm_memory_wasmtime_private_length(record->view);
    *byte_capacity = record->capacity > *byte_size ? record->capacity : *byte_size;
    /* wasmtime takes what faults between the base and the sum of base, capacity and guard for this memory's: that sum
       is made 0. All growth is asked for here then. */
    if (record->claims_nothing) *byte_capacity = (size_t)0 - (size_t)(uintptr_t)record->view->base - record->guard;
    return record->view->base;
}

static inline wasmtime_error_t *wasm_memory_wasmtime_private_grow(void *env, size_t new_size) {
    wasm_memory_wasmtime_record_t *const record = (wasm_memory_wasmtime_record_t *)env;
    const size_t length = wasm_memory_wasmtime_private_length(record->view);
    char sentence[256];
    if (new_size < length || (new_size - length) % record->page_size != 0) {
        wasm_memory_wasmtime_private_add(&record->maker->grow_refused, 1);
        snprintf(sentence, sizeof sentence,
                 "a memory of %" PRIu64 " bytes cannot become %" PRIu64 " bytes long: its pages have %" PRIu64
                 " bytes, and memories do not shrink",
                 (uint64_t)length, (uint64_t)new_size, (uint64_t)record->page_size);
        return wasmtime_error_new(sentence);
    }
    if (wasm_memory_try_grow(record->memory, (new_size - length) / record->page_size, NULL) != WASM_MEMORY_OK) {
        wasm_memory_wasmtime_private_add(&record->maker->grow_refused, 1);
        return wasm_memory_wasmtime_private_failed("the memory cannot grow");
    }
    if (record->key != record->view->base) {
        wasm_memory_wasmtime_private_unlist(record);
        wasm_memory_wasmtime_private_enlist(record);
    }
    return NULL;
}

static inline void wasm_memory_wasmtime_private_finalize(void *env) {
    wasm_memory_wasmtime_record_t *const record = (wasm_memory_wasmtime_record_t *)env;
    wasm_memory_wasmtime_t *const maker = record->maker;
    wasm_memory_wasmtime_private_unlist(record);
    if (maker->options.memory_gone != NULL) maker->options.memory_gone(maker->options.env, record->memory);
    wasm_memory_delete(record->memory);
    free(record);
    wasm_memory_wasmtime_private_add(&maker->gone, 1);
    wasm_memory_wasmtime_private_release(maker);
}

/* Whether memories with these figures have what wasmtime relies on when it was told `reservation` and `guard`. */
static inline wasmtime_error_t *wasm_memory_wasmtime_private_check(const wasm_memory_stats_t *stats, const char *which,
                                                                   uint64_t reservation, uint64_t guard) {
    char sentence[1024];
    if (reservation == 0 && guard == 0) return NULL;
    if (stats->bounds != WASM_MEMORY_BOUNDS_GUARDED) {
        snprintf(sentence, sizeof sentence,
                 "wasmtime relies on %" PRIu64 " reserved bytes and %" PRIu64 " guard bytes that fault, but %s is "
                 "CHECKED: nothing faults in its %" PRIu64 " reserved bytes; make the engine with "
                 "wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED), or have wasmtime check bounds: bounds = "
                 "WASM_MEMORY_BOUNDS_CHECKED in wasm_memory_wasmtime_options_t, or 0 for both "
                 "wasmtime_config_memory_reservation_set and wasmtime_config_memory_guard_size_set",
                 reservation, guard, which, stats->reserved_bytes);
        return wasmtime_error_new(sentence);
    }
    if (stats->reserved_bytes < reservation) {
        snprintf(sentence, sizeof sentence,
                 "wasmtime relies on %" PRIu64 " reserved bytes, but %s has %" PRIu64 ": make the engine with at least "
                 "as many (wasm_config_memory_reservation_set, or slot_bytes of its pool), or tell wasmtime no more "
                 "(wasmtime_config_memory_reservation_set); wasm_memory_wasmtime_configure does that",
                 reservation, which, stats->reserved_bytes);
        return wasmtime_error_new(sentence);
    }
    if (stats->guard_bytes < guard) {
        snprintf(sentence, sizeof sentence,
                 "wasmtime relies on %" PRIu64 " guard bytes, but %s has %" PRIu64 ": make the engine with at least as "
                 "many (wasm_config_memory_guard_size_set), or tell wasmtime no more "
                 "(wasmtime_config_memory_guard_size_set); wasm_memory_wasmtime_configure does that",
                 guard, which, stats->guard_bytes);
        return wasmtime_error_new(sentence);
    }
    return NULL;
}

static inline wasmtime_error_t *wasm_memory_wasmtime_private_make(
    wasm_memory_wasmtime_t *maker,
    const wasm_memorytype_t *theirs, /* wasm.h */
    size_t minimum, size_t maximum, size_t reserved, size_t guard, wasmtime_linear_memory_t *out) {
    const uint8_t page_size_log2 = wasmtime_memorytype_page_size_log2(theirs);
    const bool is_64 = wasmtime_memorytype_is64(theirs), shared = wasmtime_memorytype_isshared(theirs);
    const uint64_t minimum_pages = wasmtime_memorytype_minimum(theirs);
    wasm_memory_wasmtime_record_t *record = NULL;
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    wasm_store_t *store = NULL;
    wasmtime_error_t *error = NULL;
    wasm_memory_stats_t stats;
    uint64_t maximum_pages = 0;
    uint8_t *start = NULL;
    size_t span = 0;
    bool relies;
    const bool has_maximum = wasmtime_memorytype_maximum(theirs, &maximum_pages);
    char sentence[1024];

    if (minimum >> page_size_log2 != minimum_pages || minimum_pages << page_size_log2 != minimum) {
        snprintf(sentence, sizeof sentence,
                 "wasmtime asks for a memory of %" PRIu64 " bytes, but its type says %" PRIu64 " pages of 2^%u bytes",
                 (uint64_t)minimum, minimum_pages, (unsigned)page_size_log2);
        return wasmtime_error_new(sentence);
    }
    if (wasm_memorytype_try_new(minimum_pages, has_maximum, maximum_pages, is_64, shared, page_size_log2, &type) !=
        WASM_MEMORY_OK)
        return wasm_memory_wasmtime_private_failed("the memory cannot be made");
    if (maker->options.choose_store != NULL)
        store = maker->options.choose_store(maker->options.env, is_64, shared, minimum, maximum);
    if (wasm_memory_try_new(store != NULL ? store : maker->store, type, &memory) != WASM_MEMORY_OK) {
        error = wasm_memory_wasmtime_private_failed("the memory cannot be made");
        goto done;
    }

    memset(&stats, 0, sizeof stats);
    stats.struct_size = offsetof(wasm_memory_stats_t, resident_bytes); /* counting those takes time */
    if (wasm_memory_stats(memory, &stats) != WASM_MEMORY_OK ||
        wasm_memory_accessible(memory, &start, &span) != WASM_MEMORY_OK) {
        error = wasm_memory_wasmtime_private_failed("the memory cannot be looked at");
        goto done;
    }
    /* Memories of pages smaller than the host's are always checked by wasmtime's code. */
    relies = (reserved > 0 || guard > 0) && stats.map_alignment_bytes <= UINT64_C(1) << page_size_log2;
    if (relies) {
        const uint8_t *const base = wasm_memory_view(memory)->base;
        error = wasm_memory_wasmtime_private_check(&stats, "this memory", reserved, guard);
        if (error != NULL) goto done;
        /* What is said of guards must be the memory's own address space: with memories that a host makes, who knows. */
        if ((size_t)(start + span - base) < stats.reserved_bytes + guard) {
            snprintf(sentence, sizeof sentence,
                     "wasmtime relies on %" PRIu64 " guard bytes behind %" PRIu64 " reserved ones, but only %" PRIu64
                     " bytes from the base are this memory's own (wasm_memory_accessible)",
                     (uint64_t)guard, stats.reserved_bytes, (uint64_t)(start + span - base));
            error = wasmtime_error_new(sentence);
            goto done;
        }
    }
    if (!maker->options.may_move && wasm_memory_may_move(memory)) {
        snprintf(sentence, sizeof sentence,
                 "growth past %" PRIu64 " bytes may move this memory, whose type allows %" PRIu64
                 " pages: make the engine without wasm_config_memory_may_move_set, or with a larger "
                 "wasm_config_memory_reservation_set; or set may_move in wasm_memory_wasmtime_options_t if only wasmtime "
                 "grows memories",
                 stats.reserved_bytes, has_maximum ? maximum_pages : UINT64_C(1) << (is_64 ? 48 : 16));
        error = wasmtime_error_new(sentence);
        goto done;
    }

    record = (wasm_memory_wasmtime_record_t *)calloc(1, sizeof *record);
    if (record == NULL) {
        error = wasmtime_error_new("the memory cannot be made: the heap has no room for its record");
        goto done;
    }
    record->maker = maker;
    record->memory = memory;
    record->view = wasm_memory_view(memory);
    record->page_size = (size_t)1 << page_size_log2;
    if (relies && minimum <= reserved) {
        /* wasmtime's code may take what it was promised for all that the memory can ever be, unless growth past it is
           a move in wasmtime's eyes. So it is that, whatever it is in ours. */
        record->capacity = reserved;
    } else {
        /* Up to here. If it moves some day, wasmtime is told that there is no room but what it has. Never more than is
           its own: wasmtime ends the process at a fault that is within base, capacity and guard of two memories. */
        record->capacity = maximum < stats.reserved_bytes ? maximum : (size_t)stats.reserved_bytes;
        /* Where there are no guards, only what was protected faults. A memory in which nothing can be (a host-made one,
           whose room is not known) does not, and one that has less than that at its own must not. */
        record->claims_nothing =
            !relies && !wasm_memory_may_move(memory) &&
            (wasm_memory_protect(memory, 0, 0, WASM_MEMORY_PROT_READ_WRITE) != WASM_MEMORY_OK ||
             guard + (record->capacity > reserved ? record->capacity : reserved) >
                 (size_t)(start + span - record->view->base));
        record->guard = guard;
    }
    memory = NULL;
    wasm_memory_wasmtime_private_add(&maker->references, 1);
    wasm_memory_wasmtime_private_enlist(record);
    wasm_memory_wasmtime_private_add(&maker->made, 1);
    if (maker->options.memory_made != NULL) maker->options.memory_made(maker->options.env, record->memory);
    out->env = record;
    out->get_memory = wasm_memory_wasmtime_private_get;
    out->grow_memory = wasm_memory_wasmtime_private_grow;
    out->finalizer = wasm_memory_wasmtime_private_finalize;

done:
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    return error;
}

static inline wasmtime_error_t *wasm_memory_wasmtime_private_new_memory(
    void *env,
    const wasm_memorytype_t *theirs, /* wasm.h */
    size_t minimum, size_t maximum, size_t reserved, size_t guard, wasmtime_linear_memory_t *out) {
    wasm_memory_wasmtime_t *const maker = (wasm_memory_wasmtime_t *)env;
    wasmtime_error_t *const error =
        wasm_memory_wasmtime_private_make(maker, theirs, minimum, maximum, reserved, guard, out);
    if (error != NULL) wasm_memory_wasmtime_private_add(&maker->refused, 1);
    return error;
}

/* What memories without a maximum are made of. */
static inline wasm_memory_status_t wasm_memory_wasmtime_private_probe(wasm_engine_t *engine, bool is_64,
                                                                      wasm_memory_stats_t *stats, bool *may_move) {
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    wasm_memory_status_t status = store != NULL ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_MEMORY;
    memset(stats, 0, sizeof *stats);
    stats->struct_size = offsetof(wasm_memory_stats_t, resident_bytes);
    if (status == WASM_MEMORY_OK) status = wasm_memorytype_try_new(0, false, 0, is_64, false, 16, &type);
    if (status == WASM_MEMORY_OK) status = wasm_memory_try_new(store, type, &memory);
    if (status == WASM_MEMORY_OK) status = wasm_memory_stats(memory, stats);
    *may_move = status == WASM_MEMORY_OK && wasm_memory_may_move(memory);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
    return status;
}

static inline uint64_t wasm_memory_wasmtime_private_least(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

/* A number as modules have them; how many bytes that takes. */
static inline size_t wasm_memory_wasmtime_private_leb(uint8_t *out, uint64_t number) {
    size_t length = 0;
    do {
        out[length++] = (uint8_t)((number & 127) | (number > 127 ? 128 : 0));
        number >>= 7;
    } while (number != 0);
    return length;
}

/* ---- functions ---------------------------------------------------------------------------------------------------- */

/**
 * Makes what makes memories for wasmtime: all with the policy and from the pool of one engine of ours.
 *
 * To learn what wasmtime may be told, it makes a memory without pages of each index type, and deletes it again.
 *
 * Parameters: `engine`: ours, not consumed; it is kept alive as long as it is needed. `options`: copied; NULL: the
 * defaults. `out`: the maker, NULL on failure.
 * Returns: NULL; an error for a NULL argument, a `struct_size` below that of itself, a `bounds` that is none, options
 * with `_GUARDED` where the engine's memories are CHECKED, an engine that cannot make a memory, or an exhausted heap.
 * Ownership: the maker is the caller's, until `wasm_memory_wasmtime_delete`. On success `env` passes to the
 * finalizer of the options; on failure that does not run.
 * Threads: any.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_new(wasm_engine_t *engine,
                                                         const wasm_memory_wasmtime_options_t *options,
                                                         wasm_memory_wasmtime_t **out) {
    wasm_memory_wasmtime_t *maker;
    wasm_memory_stats_t narrow, wide;
    bool narrow_moves = false, wide_moves = false, has_wide;
    wasm_memory_wasmtime_options_t chosen;
    char sentence[512];
    size_t i;

    if (out == NULL) return wasmtime_error_new("wasm_memory_wasmtime_new: out is NULL");
    *out = NULL;
    if (engine == NULL) return wasmtime_error_new("wasm_memory_wasmtime_new: engine is NULL");
    memset(&chosen, 0, sizeof chosen);
    if (options != NULL) {
        if (options->struct_size < sizeof options->struct_size) {
            snprintf(sentence, sizeof sentence,
                     "wasm_memory_wasmtime_options_t: struct_size is %" PRIu64 ", not %" PRIu64,
                     (uint64_t)options->struct_size, (uint64_t)sizeof *options);
            return wasmtime_error_new(sentence);
        }
        memcpy(&chosen, options, options->struct_size < sizeof chosen ? options->struct_size : sizeof chosen);
    }
    if (chosen.bounds < WASM_MEMORY_BOUNDS_AUTO || chosen.bounds > WASM_MEMORY_BOUNDS_CHECKED) {
        snprintf(sentence, sizeof sentence, "wasm_memory_wasmtime_options_t: bounds is %ld, which is none",
                 (long)chosen.bounds);
        return wasmtime_error_new(sentence);
    }

    if (wasm_memory_wasmtime_private_probe(engine, false, &narrow, &narrow_moves) != WASM_MEMORY_OK)
        return wasm_memory_wasmtime_private_failed("the engine can make no memory");
    /* Those need more room. Without, such memories will say so, should there ever be one. */
    has_wide = wasm_memory_wasmtime_private_probe(engine, true, &wide, &wide_moves) == WASM_MEMORY_OK;
    if (chosen.bounds == WASM_MEMORY_BOUNDS_GUARDED && narrow.bounds != WASM_MEMORY_BOUNDS_GUARDED)
        return wasmtime_error_new("guards are asked for (bounds in wasm_memory_wasmtime_options_t), but memories of "
                                  "this engine are CHECKED: make it with wasm_config_memory_bounds_set(config, "
                                  "WASM_MEMORY_BOUNDS_GUARDED), which says why where that fails");

    maker = (wasm_memory_wasmtime_t *)calloc(1, sizeof *maker);
    if (maker == NULL) return wasmtime_error_new("the heap has no room for what makes memories");
    maker->references = 1;
    maker->options = chosen;
    maker->store = wasm_store_new(engine);
    if (maker->store == NULL) {
        free(maker);
        return wasm_memory_wasmtime_private_failed("the engine can make no store");
    }
    for (i = 0; i < WASM_MEMORY_WASMTIME_CHAINS; i++) {
#if defined(_WIN32)
        InitializeSRWLock(&maker->chains[i].lock);
#else
        pthread_mutex_init(&maker->chains[i].lock, NULL);
#endif
    }
    maker->settings.struct_size = sizeof maker->settings;
    if (chosen.bounds == WASM_MEMORY_BOUNDS_CHECKED || narrow.bounds != WASM_MEMORY_BOUNDS_GUARDED) {
        /* Memories that stay where they are let wasmtime read the base once. */
        maker->settings.bounds = WASM_MEMORY_BOUNDS_CHECKED;
        maker->settings.memory_may_move = chosen.may_move && (narrow_moves || (has_wide && wide_moves));
    } else {
        /* To wasmtime all that grows past the reservation moves, and 64-bit memories should grow. */
        const bool both = has_wide && wide.bounds == WASM_MEMORY_BOUNDS_GUARDED;
        maker->settings.bounds = WASM_MEMORY_BOUNDS_GUARDED;
        maker->settings.memory_may_move = true;
        maker->settings.memory_reservation = wasm_memory_wasmtime_private_least(
            narrow.reserved_bytes, both ? wide.reserved_bytes : narrow.reserved_bytes);
        maker->settings.memory_guard_size =
            wasm_memory_wasmtime_private_least(narrow.guard_bytes, both ? wide.guard_bytes : narrow.guard_bytes);
        /* No offset reaches further; and memories that start larger than others have less behind them. */
        maker->settings.memory_guard_size = wasm_memory_wasmtime_private_least(
            maker->settings.memory_guard_size, (UINT64_C(1) << 32) + (UINT64_C(1) << 16));
    }
    *out = maker;
    return NULL;
}

/**
 * Deletes the host's reference. Engines of wasmtime that were configured with the maker keep working, and so do memories.
 *
 * Parameters: `maker`: may be NULL, which does nothing.
 * Returns: nothing.
 * Ownership: the reference passes to the library. With the last one, of engines and memories too, the store and the
 * reference to the engine go, and the finalizer of the options runs.
 * Threads: any, as long as no other call uses this pointer. (Engines of wasmtime have references of their own.)
 * Invalidates: the pointer, and `wasm_memory_wasmtime_store`.
 */
static inline void wasm_memory_wasmtime_delete(wasm_memory_wasmtime_t *maker) {
    wasm_memory_wasmtime_private_release(maker);
}

/**
 * What `wasm_memory_wasmtime_configure` tells wasmtime.
 *
 * Parameters: `maker`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are written.
 * Returns: NULL; an error for a NULL argument or a `struct_size` below that of itself.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_settings(const wasm_memory_wasmtime_t *maker,
                                                              wasm_memory_wasmtime_settings_t *out) {
    size_t size;
    if (maker == NULL || out == NULL) return wasmtime_error_new("wasm_memory_wasmtime_settings: an argument is NULL");
    size = out->struct_size;
    if (size < sizeof size) return wasmtime_error_new("wasm_memory_wasmtime_settings_t: struct_size is not set");
    memcpy(out, &maker->settings, size < sizeof maker->settings ? size : sizeof maker->settings);
    out->struct_size = size;
    return NULL;
}

/**
 * Has engines that are made with a config of wasmtime take their memories from the maker, and leaves wasmtime's other
 * options about memories to the host, apart from copy-on-write of data segments, which is turned off. What the host
 * sets should pass `wasm_memory_wasmtime_check`; wasmtime's own defaults are 4 GiB and 32 MiB on 64-bit hosts.
 *
 * Parameters: `maker`: not consumed. `config`: wasmtime's, not consumed; a creator set before is replaced.
 * Returns: NULL; an error for a NULL argument, or if libwasmtime does not have the function that sets creators. The
 * config is as it was then.
 * Ownership: the config, and the engine that is made with it, have a reference of their own.
 * Threads: any; one at a time for one config.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_creator_set(wasm_memory_wasmtime_t *maker,
                                                                 wasm_config_t *config /* wasm.h */) {
    wasmtime_memory_creator_t creator;
    if (maker == NULL) return wasmtime_error_new("wasm_memory_wasmtime_creator_set: maker is NULL");
    if (config == NULL) return wasmtime_error_new("wasm_memory_wasmtime_creator_set: config is NULL");
    if (WASM_MEMORY_WASMTIME_LACKS_CREATORS)
        return wasmtime_error_new(
            "this libwasmtime has no wasmtime_config_host_memory_creator_set, though its header (" WASMTIME_VERSION
            ") has: run with the library of that version; or, if libwasmtime.a is linked, define "
            "WASM_MEMORY_WASMTIME_STATIC");
    memset(&creator, 0, sizeof creator);
    creator.env = maker;
    creator.new_memory = wasm_memory_wasmtime_private_new_memory;
    creator.finalizer = wasm_memory_wasmtime_private_release;
    wasm_memory_wasmtime_private_add(&maker->references, 1);
    wasmtime_config_memory_init_cow_set(config, false);
    wasmtime_config_host_memory_creator_set(config, &creator);
    return NULL;
}

/**
 * Has engines that are made with a config of wasmtime take their memories from the maker, and tells wasmtime what these
 * have: it sets memory_reservation, memory_guard_size, memory_may_move and memory_init_cow. The host may set everything
 * else, and should set none of these afterwards.
 *
 * Parameters: `maker`: not consumed. `config`: wasmtime's, not consumed; a creator set before is replaced.
 * Returns: NULL; an error for a NULL argument, or if libwasmtime does not have the function that sets creators. The
 * config is as it was then.
 * Ownership: the config, and the engine that is made with it, have a reference of their own.
 * Threads: any; one at a time for one config.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_configure(wasm_memory_wasmtime_t *maker,
                                                               wasm_config_t *config /* wasm.h */) {
    wasmtime_error_t *const error = wasm_memory_wasmtime_creator_set(maker, config);
    if (error != NULL) return error;
    wasmtime_config_memory_reservation_set(config, maker->settings.memory_reservation);
    wasmtime_config_memory_guard_size_set(config, maker->settings.memory_guard_size);
    wasmtime_config_memory_may_move_set(config, maker->settings.memory_may_move);
    return NULL;
}

/**
 * Whether wasmtime may be told so: for hosts that set wasmtime's options themselves, and want to hear of a mistake before
 * the first instance. Each memory is checked again when it is made.
 *
 * Parameters: `maker`: not consumed. `reservation`, `guard_size`: what `wasmtime_config_memory_reservation_set` and
 * `wasmtime_config_memory_guard_size_set` are given, in bytes. 0 for both has wasmtime check bounds, which is always
 * right.
 * Returns: NULL; an error with the numbers and the option to change, if 32-bit or 64-bit memories have less.
 * Ownership: none passes.
 * Threads: any.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_check(const wasm_memory_wasmtime_t *maker, uint64_t reservation,
                                                           uint64_t guard_size) {
    wasm_memory_stats_t stats;
    if (maker == NULL) return wasmtime_error_new("wasm_memory_wasmtime_check: maker is NULL");
    memset(&stats, 0, sizeof stats);
    stats.bounds = maker->settings.bounds;
    stats.reserved_bytes = maker->settings.memory_reservation;
    stats.guard_bytes = maker->settings.memory_guard_size;
    return wasm_memory_wasmtime_private_check(&stats, "a memory of this engine", reservation, guard_size);
}

/**
 * The store in which memories are made, unless the options choose another: for limits, a limiter and data of the host's
 * (`wasm_store_limits_set`, `wasm_store_limiter_set`, `wasm_store_data_set`).
 *
 * Parameters: `maker`: not consumed.
 * Returns: the store; NULL for NULL.
 * Ownership: the maker's, not to be deleted; valid while the caller has its reference.
 * Threads: any.
 * Invalidates: nothing.
 */
static inline wasm_store_t *wasm_memory_wasmtime_store(const wasm_memory_wasmtime_t *maker) {
    return maker != NULL ? maker->store : NULL;
}

/**
 * How many memories were made, and are there.
 *
 * Parameters: `maker`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are written.
 * Returns: NULL; an error for a NULL argument or a `struct_size` below that of itself.
 * Ownership: none passes.
 * Threads: any; while others make memories, the numbers need not be of one moment.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_stats(wasm_memory_wasmtime_t *maker,
                                                           wasm_memory_wasmtime_stats_t *out) {
    wasm_memory_wasmtime_stats_t now;
    size_t size;
    if (maker == NULL || out == NULL) return wasmtime_error_new("wasm_memory_wasmtime_stats: an argument is NULL");
    size = out->struct_size;
    if (size < sizeof size) return wasmtime_error_new("wasm_memory_wasmtime_stats_t: struct_size is not set");
    memset(&now, 0, sizeof now);
    now.struct_size = size;
    /* Those that are gone first: a memory is made before it goes. */
    now.live = wasm_memory_wasmtime_private_add(&maker->gone, 0);
    now.made = wasm_memory_wasmtime_private_add(&maker->made, 0);
    now.live = now.made - now.live;
    now.refused = wasm_memory_wasmtime_private_add(&maker->refused, 0);
    now.grow_refused = wasm_memory_wasmtime_private_add(&maker->grow_refused, 0);
    memcpy(out, &now, size < sizeof now ? size : sizeof now);
    return NULL;
}

/**
 * Our handle of the memory that starts at an address, if wasmtime has one from this maker.
 *
 * Parameters: `maker`: not consumed. `base`: what `wasmtime_memory_data` or `wasmtime_sharedmemory_data` returns.
 * Returns: a handle; NULL if there is no such memory, and for NULL.
 * Ownership: the handle is the caller's, until `wasm_memory_delete`. While it is there the memory lives, whatever becomes
 * of wasmtime's instance.
 * Threads: any, while no other thread grows the memory.
 * Invalidates: nothing.
 */
static inline wasm_memory_t *wasm_memory_wasmtime_find(wasm_memory_wasmtime_t *maker, const void *base) {
    wasm_memory_wasmtime_chain_t *chain;
    wasm_memory_wasmtime_record_t *record;
    wasm_memory_t *found = NULL;
    if (maker == NULL || base == NULL) return NULL;
    chain = wasm_memory_wasmtime_private_chain(maker, base);
    wasm_memory_wasmtime_private_lock(&chain->lock);
    for (record = chain->first; record != NULL && record->key != base; record = record->next) continue;
    if (record != NULL) found = wasm_memory_copy(record->memory);
    wasm_memory_wasmtime_private_unlock(&chain->lock);
    return found;
}

/**
 * Our handle of a memory of wasmtime.
 *
 * Parameters: `maker`: not consumed. `context`, `memory`: wasmtime's, not consumed; of one store.
 * Returns: a handle; NULL if the memory was not made by this maker (another engine of wasmtime, or its pooling
 * allocator), and for NULL.
 * Ownership: the handle is the caller's, until `wasm_memory_delete`. While it is there the memory lives, whatever becomes
 * of wasmtime's instance.
 * Threads: one at a time for one store of wasmtime.
 * Invalidates: nothing.
 */
static inline wasm_memory_t *wasm_memory_wasmtime_memory(wasm_memory_wasmtime_t *maker, wasmtime_context_t *context,
                                                         const wasmtime_memory_t *memory) {
    if (maker == NULL || context == NULL || memory == NULL) return NULL;
    return wasm_memory_wasmtime_find(maker, wasmtime_memory_data(context, memory));
}

/**
 * Makes a memory that is no module's own, to be imported: what `wasmtime_memory_new` and `wasmtime_sharedmemory_new` do,
 * which never ask a creator. A module that has nothing but the memory is compiled and instantiated.
 *
 * Parameters: `maker`: not consumed. `engine`, `context`: wasmtime's, not consumed; the engine was configured with the
 * maker, and the context's store is of that engine. `type`: wasmtime's, not consumed. `out`: the memory, of kind
 * `WASMTIME_EXTERN_MEMORY` or, for a shared type, `WASMTIME_EXTERN_SHAREDMEMORY`; untouched on failure.
 * Returns: NULL; an error for a NULL argument, wasmtime's (the type needs a feature that is off), that of the memory's
 * creation, or one that says that the engine does not make memories with this maker.
 * Ownership: the memory is the store's; a shared one the caller's, until `wasmtime_extern_delete`.
 * Threads: one at a time for one store of wasmtime.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_memory_new(
    wasm_memory_wasmtime_t *maker,
    wasm_engine_t *engine, /* wasm.h */
    wasmtime_context_t *context,
    const wasm_memorytype_t *type, /* wasm.h */
    wasmtime_extern_t *out) {
    /* The header, a section of memories with one, a section of exports with that under the name "m". */
    static const uint8_t head[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 5}, tail[] = {7, 5, 1, 1, 'm', 2, 0};
    uint8_t module_bytes[64], limits[32];
    size_t length = 0, total = 0;
    uint64_t maximum = 0;
    wasmtime_module_t *module = NULL;
    wasmtime_instance_t instance;
    wasmtime_extern_t item;
    wasmtime_error_t *error;
    wasm_memory_t *made;
    wasm_trap_t *trap = NULL; /* wasm.h */
    bool has_maximum;

    if (maker == NULL || engine == NULL || context == NULL || type == NULL || out == NULL)
        return wasmtime_error_new("wasm_memory_wasmtime_memory_new: an argument is NULL");
    has_maximum = wasmtime_memorytype_maximum(type, &maximum);
    limits[length++] = 1;
    limits[length++] = (uint8_t)((has_maximum ? 1 : 0) | (wasmtime_memorytype_isshared(type) ? 2 : 0) |
                                 (wasmtime_memorytype_is64(type) ? 4 : 0) |
                                 (wasmtime_memorytype_page_size_log2(type) != 16 ? 8 : 0));
    length += wasm_memory_wasmtime_private_leb(limits + length, wasmtime_memorytype_minimum(type));
    if (has_maximum) length += wasm_memory_wasmtime_private_leb(limits + length, maximum);
    if (wasmtime_memorytype_page_size_log2(type) != 16) limits[length++] = wasmtime_memorytype_page_size_log2(type);
    memcpy(module_bytes, head, sizeof head);
    total = sizeof head;
    module_bytes[total++] = (uint8_t)length;
    memcpy(module_bytes + total, limits, length);
    total += length;
    memcpy(module_bytes + total, tail, sizeof tail);
    total += sizeof tail;

    error = wasmtime_module_new(engine, module_bytes, total, &module);
    if (error != NULL) return error;
    error = wasmtime_instance_new(context, module, NULL, 0, &instance, &trap);
    wasmtime_module_delete(module);
    if (error != NULL) return error;
    if (trap != NULL || !wasmtime_instance_export_get(context, &instance, "m", 1, &item)) {
        if (trap != NULL) wasm_trap_delete(trap); /* wasm.h */
        return wasmtime_error_new("wasmtime did not instantiate a module that has one memory and nothing else");
    }
    made = wasm_memory_wasmtime_find(maker, item.kind == WASMTIME_EXTERN_SHAREDMEMORY
                                                ? wasmtime_sharedmemory_data(item.of.sharedmemory)
                                                : wasmtime_memory_data(context, &item.of.memory));
    if (made == NULL) {
        wasmtime_extern_delete(&item);
        return wasmtime_error_new(
            "this engine of wasmtime does not make its memories with this maker: give its config to "
            "wasm_memory_wasmtime_configure before the engine is made, and do not set wasmtime's pooling allocator");
    }
    wasm_memory_delete(made);
    *out = item;
    return NULL;
}

/**
 * Tells wasmtime how long a memory is, after growth through one of our handles, or `wasm_memory_reset`.
 *
 * Parameters: `context`, `memory`: wasmtime's, not consumed; of one store.
 * Returns: NULL; an error for a NULL argument, or wasmtime's.
 * Ownership: none passes.
 * Threads: one at a time for one store of wasmtime. Also from within a function of the host that the guest calls.
 * Invalidates: nothing.
 */
static inline wasmtime_error_t *wasm_memory_wasmtime_refresh(wasmtime_context_t *context,
                                                             const wasmtime_memory_t *memory) {
    uint64_t previous = 0;
    if (context == NULL || memory == NULL)
        return wasmtime_error_new("wasm_memory_wasmtime_refresh: an argument is NULL");
    /* Growth by nothing asks nobody, and copies base and length. */
    return wasmtime_memory_grow(context, memory, 0, &previous);
}

#ifdef __cplusplus
}  /* extern "C" */
#endif

#endif /* WASM_MEMORY_WASMTIME_H */
