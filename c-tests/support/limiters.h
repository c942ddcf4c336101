/* limiters.h: a limiter, synchronous or not, that notes what it is asked and told, and that does within its callbacks
 * what a test gives it to do. */
#ifndef LIMITERS_H
#define LIMITERS_H

#include "memories.h"

typedef struct watch_t watch_t;
struct watch_t {
    bool allow;   /* the answer: of the synchronous limiter, and of the other one if `at_once` */
    bool at_once; /* the asynchronous one resolves its tickets within memory_growing */
    int asked, failed, finalized;
    uint64_t current, desired, maximum; /* of the last question */
    wasm_memory_status_t status;        /* of the last failure */
    char message[512];
    int inside; /* calls of it that have not returned */
    /* What it does within its callbacks, each but once. */
    void (*growing)(watch_t *), (*failing)(watch_t *), (*finalizing)(watch_t *);
    host_t host; /* for these, and whatever else they need */
    wasm_memory_t *memory;
    void *more;
    wasm_memory_ticket_t *tickets[16]; /* not yet resolved, the oldest first */
    int ticket_count;
};

/* A limiter that says yes. */
static inline watch_t watching(host_t host) {
    watch_t watch;
    memset(&watch, 0, sizeof watch);
    watch.allow = true;
    watch.host = host;
    return watch;
}

static inline void watch_act(watch_t *watch, void (**action)(watch_t *)) {
    void (*const once)(watch_t *) = *action;
    *action = NULL;
    watch->inside++;
    if (once != NULL) once(watch);
    watch->inside--;
}

static inline void watch_question(watch_t *watch, uint64_t current, uint64_t desired, uint64_t maximum) {
    CHECK_EQ(watch->finalized, 0);
    watch->asked++;
    watch->current = current;
    watch->desired = desired;
    watch->maximum = maximum;
    watch_act(watch, &watch->growing);
}

static inline bool watch_growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum) {
    watch_t *const watch = (watch_t *)env;
    watch_question(watch, current, desired, maximum);
    return watch->allow;
}

static inline void watch_growing_async(void *env, uint64_t current, uint64_t desired, uint64_t maximum,
                                       wasm_memory_ticket_t *ticket) {
    watch_t *const watch = (watch_t *)env;
    CHECK(ticket != NULL);
    watch_question(watch, current, desired, maximum);
    if (watch->at_once)
        wasm_memory_ticket_resolve(ticket, watch->allow);
    else if (CHECK(watch->ticket_count < 16))
        watch->tickets[watch->ticket_count++] = ticket;
}

static inline void watch_failed(void *env, wasm_memory_status_t status, const char *message) {
    watch_t *const watch = (watch_t *)env;
    CHECK_EQ(watch->finalized, 0);
    watch->failed++;
    watch->status = status;
    if (CHECK(message != NULL)) snprintf(watch->message, sizeof watch->message, "%s", message);
    watch_act(watch, &watch->failing);
}

static inline void watch_finalized(void *env) {
    watch_t *const watch = (watch_t *)env;
    CHECK_EQ(watch->inside, 0); /* not while a call of it goes on */
    CHECK_EQ(watch->ticket_count, 0);
    watch->finalized++;
    watch_act(watch, &watch->finalizing);
}

static inline wasm_memory_limiter_t limiter_of(watch_t *watch) {
    wasm_memory_limiter_t limiter;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.env = watch;
    limiter.memory_growing = watch_growing;
    limiter.memory_grow_failed = watch_failed;
    limiter.finalizer = watch_finalized;
    return limiter;
}

static inline wasm_memory_limiter_async_t limiter_async_of(watch_t *watch) {
    wasm_memory_limiter_async_t limiter;
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.env = watch;
    limiter.memory_growing = watch_growing_async;
    limiter.memory_grow_failed = watch_failed;
    limiter.finalizer = watch_finalized;
    return limiter;
}

/* The table is overwritten once it is set: it was copied, or else the next call of it crashes. */
static inline void limiter_set(wasm_store_t *store, watch_t *watch) {
    wasm_memory_limiter_t limiter = limiter_of(watch);
    CHECK_STATUS(wasm_store_limiter_set(store, &limiter), WASM_MEMORY_OK);
    memset(&limiter, 0x11, sizeof limiter);
}

static inline void limiter_async_set(wasm_store_t *store, watch_t *watch) {
    wasm_memory_limiter_async_t limiter = limiter_async_of(watch);
    CHECK_STATUS(wasm_store_limiter_async_set(store, &limiter), WASM_MEMORY_OK);
    memset(&limiter, 0x11, sizeof limiter);
}

static inline void limiter_none(wasm_store_t *store) {
    CHECK_STATUS(wasm_store_limiter_set(store, NULL), WASM_MEMORY_OK);
}

/* Takes the oldest ticket. */
static inline wasm_memory_ticket_t *watch_ticket(watch_t *watch) {
    wasm_memory_ticket_t *const ticket = watch->tickets[0];
    if (!CHECK(watch->ticket_count > 0)) return NULL;
    watch->ticket_count--;
    memmove(watch->tickets, watch->tickets + 1, sizeof watch->tickets - sizeof *watch->tickets);
    return ticket;
}

/* Resolves the oldest ticket. */
static inline void watch_answer(watch_t *watch, bool allow) {
    wasm_memory_ticket_resolve(watch_ticket(watch), allow);
}

static inline bool check_asked(const watch_t *watch, int asked, uint64_t current, uint64_t desired, const char *file,
                               int line) {
    bool holds = check_equal((uint64_t)watch->asked, (uint64_t)asked, file, line, "times asked");
    if (asked == 0) return holds;
    holds &= check_equal(watch->current, current, file, line, "current bytes asked with");
    return check_equal(watch->desired, desired, file, line, "desired bytes asked with") && holds;
}
/* It has been asked so often, and the last time with these bytes. */
#define CHECK_ASKED(watch, times, current, desired) check_asked(watch, times, current, desired, __FILE__, __LINE__)

static inline bool check_failed(const watch_t *watch, int failed, wasm_memory_status_t status, const char *file,
                                int line) {
    bool holds = check_equal((uint64_t)watch->failed, (uint64_t)failed, file, line, "failures told");
    holds &= check_equal((uint64_t)watch->status, (uint64_t)status, file, line, "status told");
    return check_report(watch->message[0] != 0, file, line, "a message", ": it is empty") && holds;
}
/* It has been told of so many failures, the last one with this status. */
#define CHECK_FAILED(watch, times, status) check_failed(watch, times, status, __FILE__, __LINE__)

#define NO_LIMIT UINT64_MAX

static inline wasm_memory_limits_t limits_of(uint64_t memory_bytes, uint64_t total_bytes, uint64_t memories) {
    wasm_memory_limits_t limits;
    memset(&limits, 0, sizeof limits);
    limits.struct_size = sizeof limits;
    limits.max_memory_bytes = memory_bytes;
    limits.max_total_bytes = total_bytes;
    limits.max_memories = memories;
    return limits;
}

static inline void limits_set(wasm_store_t *store, uint64_t memory_bytes, uint64_t total_bytes, uint64_t memories) {
    wasm_memory_limits_t limits = limits_of(memory_bytes, total_bytes, memories);
    CHECK_STATUS(wasm_store_limits_set(store, &limits), WASM_MEMORY_OK);
    memset(&limits, 0, sizeof limits); /* it was copied */
}

static inline void limits_none(wasm_store_t *store) {
    CHECK_STATUS(wasm_store_limits_set(store, NULL), WASM_MEMORY_OK);
}

#endif
