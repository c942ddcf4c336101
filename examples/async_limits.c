/* async_limits: a limiter that answers later, from another thread, and a host that goes on with other work meanwhile.
 *
 * The limiter puts each question, with its ticket, on the desk of an officer: a thread that decides in its own time
 * (elsewhere: asks a quota service, waits for another tenant to give memory back). Needs POSIX threads. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

#define PAGE UINT64_C(65536)
#define MILLISECOND INT64_C(1000000) /* waiting is measured in nanoseconds */

/* --- the officer -------------------------------------------------------------------------------------------------- */

typedef struct {
    wasm_memory_ticket_t *ticket;
    uint64_t desired_bytes;
} question_t;

typedef struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    question_t desk[8];
    size_t questions;
    uint64_t most_bytes; /* what a memory may have */
    bool on_break, going_home;
    /* What the limiter reports, on the thread that polls or waits: */
    unsigned failures;
    bool finalized;
} officer_t;

static void *officer_works(void *env) {
    officer_t *const officer = env;
    pthread_mutex_lock(&officer->mutex);
    for (;;) {
        question_t question;
        bool allow;
        while (!officer->going_home && (officer->on_break || officer->questions == 0))
            pthread_cond_wait(&officer->changed, &officer->mutex);
        if (officer->questions == 0) break; /* the desk is empty: every ticket has its answer */
        question = officer->desk[0];
        officer->questions--;
        memmove(officer->desk, officer->desk + 1, officer->questions * sizeof *officer->desk);
        allow = question.desired_bytes <= officer->most_bytes;
        /* To resolve a ticket may call what was given to on_ready: not while a lock is held. */
        pthread_mutex_unlock(&officer->mutex);
        wasm_memory_ticket_resolve(question.ticket, allow);
        pthread_mutex_lock(&officer->mutex);
    }
    pthread_mutex_unlock(&officer->mutex);
    return NULL;
}

static void officer_starts(officer_t *officer, uint64_t most_bytes) {
    memset(officer, 0, sizeof *officer);
    officer->most_bytes = most_bytes;
    EXPECT(pthread_mutex_init(&officer->mutex, NULL) == 0);
    EXPECT(pthread_cond_init(&officer->changed, NULL) == 0);
    EXPECT(pthread_create(&officer->thread, NULL, officer_works, officer) == 0);
}

static void officer_takes_a_break(officer_t *officer, bool on_break) {
    pthread_mutex_lock(&officer->mutex);
    officer->on_break = on_break;
    pthread_cond_signal(&officer->changed);
    pthread_mutex_unlock(&officer->mutex);
}

static void officer_goes_home(officer_t *officer) {
    pthread_mutex_lock(&officer->mutex);
    officer->going_home = true;
    pthread_cond_signal(&officer->changed);
    pthread_mutex_unlock(&officer->mutex);
    EXPECT(pthread_join(officer->thread, NULL) == 0);
    pthread_cond_destroy(&officer->changed);
    pthread_mutex_destroy(&officer->mutex);
}

/* --- the limiter -------------------------------------------------------------------------------------------------- */

/* Runs inside wasm_memory_new_async and wasm_memory_grow_async. Each ticket must be resolved once, by anybody. */
static void growing(void *env, uint64_t current_bytes, uint64_t desired_bytes, uint64_t maximum_bytes,
                    wasm_memory_ticket_t *ticket) {
    officer_t *const officer = env;
    bool taken = false;
    (void)current_bytes, (void)maximum_bytes;
    pthread_mutex_lock(&officer->mutex);
    if (officer->questions < sizeof officer->desk / sizeof *officer->desk) {
        officer->desk[officer->questions].ticket = ticket;
        officer->desk[officer->questions].desired_bytes = desired_bytes;
        officer->questions++;
        taken = true;
        pthread_cond_signal(&officer->changed);
    }
    pthread_mutex_unlock(&officer->mutex);
    if (!taken) wasm_memory_ticket_resolve(ticket, false); /* an answer may also come at once */
}

static void grow_failed(void *env, wasm_memory_status_t status, const char *message) {
    officer_t *const officer = env;
    officer->failures++;
    printf("  %s: %s\n", wasm_memory_status_name(status), message);
}

static void finalized(void *env) { ((officer_t *)env)->finalized = true; }

static wasm_store_t *supervised_store(wasm_engine_t *engine, officer_t *officer) {
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_limiter_async_t limiter;
    EXPECT(store != NULL);
    limiter.struct_size = sizeof limiter;
    limiter.env = officer;
    limiter.memory_growing = growing;
    limiter.memory_grow_failed = grow_failed;
    limiter.finalizer = finalized;
    EXPECT_STATUS(wasm_store_limiter_async_set(store, &limiter), WASM_MEMORY_OK);
    return store;
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

/* The plainest form: wait until there is an outcome. */
static wasm_memory_t *create_and_wait(wasm_store_t *store) {
    const wasm_limits_t limits = {1, wasm_limits_max_default};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    wasm_memory_future_t *const future = wasm_memory_new_async(store, type);
    wasm_memory_t *memory;

    EXPECT(future != NULL);
    wasm_memorytype_delete(type);
    EXPECT_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    EXPECT(memory != NULL && wasm_memory_pages(memory) == 1);
    EXPECT(wasm_memory_future_take_memory(future) == NULL); /* there was one to take */
    wasm_memory_future_delete(future);
    return memory;
}

/* Runs on the officer's thread: it tells the event loop, and no more. */
static void wake_the_loop(void *env) {
    const int *const pipe_end = env;
    EXPECT(write(*pipe_end, "!", 1) == 1);
}

/* For a host with an event loop: here it is a pipe, which would be one of many descriptors to poll. */
static void grow_in_an_event_loop(officer_t *officer, wasm_memory_t *memory) {
    wasm_memory_future_t *future;
    wasm_memory_status_t status;
    int loop[2];
    char event;

    EXPECT(pipe(loop) == 0);
    officer_takes_a_break(officer, true);
    future = wasm_memory_grow_async(memory, 2);
    EXPECT(future != NULL);
    wasm_memory_future_on_ready(future, wake_the_loop, &loop[1]);

    EXPECT_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    EXPECT_STATUS(wasm_memory_future_wait(future, MILLISECOND), WASM_MEMORY_PENDING);
    EXPECT(wasm_memory_pages(memory) == 1);
    printf("the officer is away, and the growth is pending\n");

    officer_takes_a_break(officer, false);
    do { /* it may be asked again, if the memory's length changed meanwhile */
        EXPECT(read(loop[0], &event, 1) == 1);
        status = wasm_memory_future_poll(future); /* the memory grows here, on this thread */
    } while (status == WASM_MEMORY_PENDING);
    EXPECT_STATUS(status, WASM_MEMORY_OK);
    EXPECT(wasm_memory_future_previous_pages(future) == 1 && wasm_memory_pages(memory) == 3);
    printf("the officer is back: grown from 1 page to 3\n");

    wasm_memory_future_delete(future); /* from here on the callback does not run any more, and the pipe may go */
    close(loop[0]);
    close(loop[1]);
}

static void grow_too_far(officer_t *officer, wasm_memory_t *memory) {
    wasm_memory_future_t *const future = wasm_memory_grow_async(memory, 100);
    printf("a hundred pages more:\n");
    EXPECT_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_LIMIT_DENIED);
    EXPECT_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_LIMIT_DENIED); /* the outcome stays */
    EXPECT(officer->failures == 1 && wasm_memory_pages(memory) == 3);
    wasm_memory_future_delete(future);
}

/* To delete a future is to cancel. Its ticket lies on the desk as before, and is resolved to no effect. */
static void change_of_mind(officer_t *officer, wasm_memory_t *memory) {
    wasm_memory_future_t *cancelled, *later;

    officer_takes_a_break(officer, true);
    cancelled = wasm_memory_grow_async(memory, 1);
    EXPECT_STATUS(wasm_memory_future_poll(cancelled), WASM_MEMORY_PENDING);
    wasm_memory_future_delete(cancelled);
    officer_takes_a_break(officer, false);

    later = wasm_memory_grow_async(memory, 0); /* growth by nothing asks nobody */
    EXPECT_STATUS(wasm_memory_future_poll(later), WASM_MEMORY_OK);
    wasm_memory_future_delete(later);
    EXPECT(wasm_memory_pages(memory) == 3);
    printf("a growth was cancelled: still 3 pages\n");
}

int main(void) {
    officer_t officer;
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *store;
    wasm_memory_t *memory;
    wasm_memory_future_t *unfinished;

    officer_starts(&officer, 8 * PAGE);
    store = supervised_store(engine, &officer);
    memory = create_and_wait(store);
    grow_in_an_event_loop(&officer, memory);
    grow_too_far(&officer, memory);
    change_of_mind(&officer, memory);

    printf("growth that cannot wait for an answer:\n");
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_ASYNC_REQUIRED);

    /* Everything may go while a question is open: a ticket stays valid until it is resolved. */
    officer_takes_a_break(&officer, true);
    unfinished = wasm_memory_grow_async(memory, 1);
    wasm_memory_future_delete(unfinished);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    officer_goes_home(&officer); /* after the last answer */
    EXPECT(officer.finalized);   /* the limiter is used by nobody any more */
    printf("store and engine were deleted first, then the last ticket was resolved\n");
    return 0;
}
