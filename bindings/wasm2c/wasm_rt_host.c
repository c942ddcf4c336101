/* See wasm_rt_host.h. */
#define _POSIX_C_SOURCE 200809L /* pthread_rwlock_t */
#include "wasm_rt_host.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two engines: for code without checks the memory must fault by itself, and the engine refuses to make one that would
 * not; with explicit checks no guard is needed and growth costs no system call.
 */
typedef struct shared {
    wasm_memory_bounds_t bounds;
    wasm_engine_t *engine;
    wasm_store_t *store;
} shared_t;

static shared_t checked = {WASM_MEMORY_BOUNDS_CHECKED, NULL, NULL};
static shared_t guarded_ones = {WASM_MEMORY_BOUNDS_GUARDED, NULL, NULL};

/* Held for reading while a memory is made in one of them, so that no shutdown takes it away meanwhile. */
static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;

static pthread_mutex_t hooks_lock = PTHREAD_MUTEX_INITIALIZER;
static wasm_rt_memory_hooks_t present_hooks;

static _Thread_local wasm_store_t *own_store;
static _Thread_local char sentence[512];

/* --- what went wrong ---------------------------------------------------------------------------------------------- */

const char *wasm_rt_memory_last_error(void) { return sentence; }

wasm_memory_status_t wasm_rt_host_failed(wasm_memory_status_t status, const char *message) {
    if (message == NULL) {
        wasm_memory_last_error(sentence, sizeof sentence);
    } else if (message != sentence) {
        snprintf(sentence, sizeof sentence, "%s", message);
    }
    return status;
}

/* --- hooks -------------------------------------------------------------------------------------------------------- */

void wasm_rt_memory_hooks_set(const wasm_rt_memory_hooks_t *hooks) {
    wasm_rt_memory_hooks_t copy;
    memset(&copy, 0, sizeof copy);
    if (hooks != NULL) {
        /* A host that was compiled with an older header knows fewer. */
        memcpy(&copy, hooks, hooks->struct_size < sizeof copy ? hooks->struct_size : sizeof copy);
    }
    pthread_mutex_lock(&hooks_lock);
    present_hooks = copy;
    pthread_mutex_unlock(&hooks_lock);
}

static wasm_rt_memory_hooks_t hooks(void) {
    pthread_mutex_lock(&hooks_lock);
    wasm_rt_memory_hooks_t copy = present_hooks;
    pthread_mutex_unlock(&hooks_lock);
    return copy;
}

void wasm_rt_host_allocation_failed(wasm_memory_status_t status) {
    wasm_rt_memory_hooks_t told = hooks();
    if (told.allocate_failed != NULL) {
        told.allocate_failed(told.env, status, sentence);
    }
    fprintf(stderr, "wasm_rt_allocate_memory: %s: %s\n", wasm_memory_status_name(status), sentence);
    abort();
}

static void tell_grow_failed(const wasm_memory_t *memory, uint64_t delta_pages, wasm_memory_status_t status) {
    wasm_rt_memory_hooks_t told = hooks();
    if (told.grow_failed != NULL) {
        told.grow_failed(told.env, memory, delta_pages, status, sentence);
    }
#ifdef WASM_RT_GROW_FAILED_HANDLER
    void WASM_RT_GROW_FAILED_HANDLER(void);
    WASM_RT_GROW_FAILED_HANDLER();
#endif
}

wasm_memory_status_t wasm_rt_host_grow(wasm_memory_t *memory, uint64_t delta_pages, uint64_t most_pages,
                                       uint64_t *out_previous) {
    const uint64_t pages = memory != NULL ? wasm_memory_pages(memory) : 0;
    wasm_memory_status_t status;
    *out_previous = 0;
    if (most_pages != UINT64_MAX && (pages > most_pages || delta_pages > most_pages - pages)) {
        char why[128];
        snprintf(why, sizeof why, "%" PRIu64 " pages and %" PRIu64 " more: this code counts no more than %" PRIu64,
                 pages, delta_pages, most_pages);
        status = wasm_rt_host_failed(WASM_MEMORY_MAXIMUM_EXCEEDED, why);
    } else {
        status = wasm_memory_try_grow(memory, delta_pages, out_previous);
        if (status != WASM_MEMORY_OK) {
            wasm_rt_host_failed(status, NULL);
        }
    }
    if (status != WASM_MEMORY_OK) {
        tell_grow_failed(memory, delta_pages, status);
    } else if (delta_pages > 0) {
        wasm_rt_memory_hooks_t told = hooks();
        if (told.grown != NULL) {
            told.grown(told.env, memory, *out_previous, *out_previous + delta_pages);
        }
    }
    return status;
}

/* --- making memories ---------------------------------------------------------------------------------------------- */

wasm_store_t *wasm_rt_memory_use_store(wasm_store_t *store) {
    wasm_store_t *before = own_store;
    own_store = store;
    return before;
}

/* Under the lock, held for writing. */
static wasm_memory_status_t make_shared(shared_t *shared) {
    if (shared->store != NULL) {
        return WASM_MEMORY_OK;
    }
    wasm_config_t *config = wasm_config_new();
    wasm_config_memory_bounds_set(config, shared->bounds);
    shared->engine = config != NULL ? wasm_engine_new_with_config(config) : NULL;
    shared->store = shared->engine != NULL ? wasm_store_new(shared->engine) : NULL;
    if (shared->store == NULL) {
        wasm_rt_host_failed(WASM_MEMORY_OUT_OF_MEMORY, NULL);
        wasm_engine_delete(shared->engine);
        shared->engine = NULL;
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    return WASM_MEMORY_OK;
}

void wasm_rt_memory_shutdown(void) {
    shared_t *all[] = {&checked, &guarded_ones};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        pthread_rwlock_wrlock(&shared_lock);
        wasm_store_t *store = all[i]->store;
        wasm_engine_t *engine = all[i]->engine;
        all[i]->store = NULL;
        all[i]->engine = NULL;
        pthread_rwlock_unlock(&shared_lock);
        wasm_store_delete(store);
        wasm_engine_delete(engine);
    }
}

wasm_memory_status_t wasm_rt_host_check_guard(const wasm_memory_t *memory) {
    /* The farthest byte: of 16 at the highest index plus the highest offset. */
    const uint64_t reach = (uint64_t)UINT32_MAX + UINT32_MAX + 16;
    wasm_memory_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    wasm_memory_status_t status = wasm_memory_stats(memory, &stats);
    if (status != WASM_MEMORY_OK) {
        return wasm_rt_host_failed(status, NULL);
    }
    if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED && !stats.may_move &&
        stats.reserved_bytes + stats.guard_bytes >= reach) {
        return WASM_MEMORY_OK;
    }
    char why[256];
    snprintf(why, sizeof why,
             "code without bounds checks needs a memory that is GUARDED, does not move and faults up to byte %" PRIu64
             "; this one is %s, %s and has %" PRIu64 " reserved bytes and %" PRIu64 " of guard",
             reach, stats.bounds == WASM_MEMORY_BOUNDS_GUARDED ? "GUARDED" : "CHECKED",
             stats.may_move ? "may move" : "stays", stats.reserved_bytes, stats.guard_bytes);
    return wasm_rt_host_failed(WASM_MEMORY_UNSUPPORTED, why);
}

/* In `own_store` or in the shared one for this kind. */
static wasm_memory_status_t make(const wasm_memorytype_t *type, bool guarded, wasm_memory_t **out) {
    if (own_store != NULL) {
        return wasm_memory_try_new(own_store, type, out);
    }
    shared_t *shared = guarded ? &guarded_ones : &checked;
    for (;;) {
        pthread_rwlock_rdlock(&shared_lock);
        if (shared->store != NULL) {
            wasm_memory_status_t status = wasm_memory_try_new(shared->store, type, out);
            pthread_rwlock_unlock(&shared_lock);
            return status;
        }
        pthread_rwlock_unlock(&shared_lock);
        pthread_rwlock_wrlock(&shared_lock);
        wasm_memory_status_t status = make_shared(shared);
        pthread_rwlock_unlock(&shared_lock);
        if (status != WASM_MEMORY_OK) {
            return status;
        }
    }
}

wasm_memory_status_t wasm_rt_host_new(const wasm_memorytype_t *type, bool guarded, wasm_memory_t **out) {
    wasm_memory_status_t status = make(type, guarded, out);
    if (status != WASM_MEMORY_OK) {
        return wasm_rt_host_failed(status, NULL);
    }
    if (guarded) {
        status = wasm_rt_host_check_guard(*out);
        if (status != WASM_MEMORY_OK) {
            wasm_memory_delete(*out);
            *out = NULL;
        }
    }
    return status;
}
