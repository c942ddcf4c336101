/* thread_pool: workers that wait for jobs in a shared memory, and a host that reaches those who sleep.
 *
 * A sleeper in wait32 is a thread that the host cannot join. Two calls wake all of a memory's sleepers, whatever they
 * wait for: wasm_memory_interrupt_waiters once, here to have the workers read their configuration again; and
 * wasm_memory_close_waiters for good, here to send them home. Needs POSIX threads. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#include "example.h"

enum { WORKERS = 3, BATCH = 100, BATCHES = 3 };

/* Where things lie. A job is a number, and beside it there is room for its result. */
enum { PUBLISHED = 0, TAKEN = 64, DONE = 128, VERSION = 192, FACTOR = 196, READERS = 256, JOBS = 1024, JOB_SIZE = 8 };

static uint32_t load(wasm_memory_t *memory, uint64_t offset) {
    uint32_t value;
    EXPECT_STATUS(wasm_memory_atomic_load32(memory, offset, &value), WASM_MEMORY_OK);
    return value;
}

static void add_and_notify(wasm_memory_t *memory, uint64_t offset, uint32_t number) {
    EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, offset, number, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, offset, number, NULL), WASM_MEMORY_OK);
}

/* --- a worker ----------------------------------------------------------------------------------------------------- */

typedef struct {
    pthread_t thread;
    wasm_store_t *store;
    wasm_memory_t *memory;
    uint32_t version, factor; /* the configuration, as it was when it was read */
    uint32_t jobs, interruptions;
} worker_t;

static void read_configuration_if_new(worker_t *self) {
    const uint32_t version = load(self->memory, VERSION);
    if (version == self->version) return;
    self->version = version;
    self->factor = load(self->memory, FACTOR);
    add_and_notify(self->memory, READERS, 1);
}

/* One of the jobs below `published` that nobody has taken. Others may know of more, and be past that number. */
static bool take(wasm_memory_t *memory, uint32_t published, uint32_t *job) {
    uint32_t next = load(memory, TAKEN);
    while (next < published) {
        EXPECT_STATUS(wasm_memory_atomic_cmpxchg32(memory, TAKEN, next, next + 1, job), WASM_MEMORY_OK);
        if (*job == next) return true;
        next = *job; /* another was quicker */
    }
    return false;
}

static void perform(worker_t *self, uint32_t job) {
    const uint64_t at = JOBS + JOB_SIZE * (uint64_t)job;
    uint32_t number;
    EXPECT_STATUS(wasm_memory_load_u32(self->memory, at, &number), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_store_u32(self->memory, at + 4, number * self->factor), WASM_MEMORY_OK);
    self->jobs++;
    add_and_notify(self->memory, DONE, 1);
}

static void *work(void *env) {
    worker_t *const self = env;
    bool closed = false;
    for (;;) {
        const uint32_t published = load(self->memory, PUBLISHED);
        wasm_memory_wait_result_t result;
        wasm_memory_status_t status;
        uint32_t job;

        read_configuration_if_new(self);
        while (take(self->memory, published, &job)) perform(self, job);
        if (closed) return NULL;
        status = wasm_memory_atomic_wait32(self->memory, PUBLISHED, published, -1, &result);
        if (status == WASM_MEMORY_INTERRUPTED)
            self->interruptions++; /* the loop begins with the configuration */
        else if (status == WASM_MEMORY_CLOSED)
            closed = true; /* once more round: a job may have been published just before */
        else
            EXPECT(status == WASM_MEMORY_OK); /* there are jobs */
    }
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

/* The host may wait in the memory, too. */
static void wait_until(wasm_memory_t *memory, uint64_t offset, uint32_t wanted) {
    uint32_t now;
    while ((now = load(memory, offset)) != wanted) {
        wasm_memory_wait_result_t result;
        EXPECT_STATUS(wasm_memory_atomic_wait32(memory, offset, now, -1, &result), WASM_MEMORY_OK);
    }
}

/* For what is printed below, not for how it works: a worker that is not asleep yet reads the configuration before. */
static void wait_until_all_sleep(const wasm_memory_t *memory) {
    const struct timespec a_moment = {0, 1000000};
    wasm_memory_stats_t stats;
    stats.struct_size = sizeof stats;
    for (;;) {
        EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
        if (stats.waiters == WORKERS) return;
        nanosleep(&a_moment, NULL);
    }
}

static void publish(wasm_memory_t *memory, uint32_t batch) {
    uint32_t i;
    for (i = batch * BATCH; i < (batch + 1) * BATCH; i++)
        EXPECT_STATUS(wasm_memory_store_u32(memory, JOBS + JOB_SIZE * (uint64_t)i, i), WASM_MEMORY_OK);
    add_and_notify(memory, PUBLISHED, BATCH);
}

static void check(const wasm_memory_t *memory, uint32_t batch, uint32_t factor) {
    uint32_t i, result;
    for (i = batch * BATCH; i < (batch + 1) * BATCH; i++) {
        EXPECT_STATUS(wasm_memory_load_u32(memory, JOBS + JOB_SIZE * (uint64_t)i + 4, &result), WASM_MEMORY_OK);
        EXPECT(result == i * factor);
    }
    printf("%d jobs are done, with the factor %" PRIu32 "\n", BATCH, factor);
}

/* A worker that is busy sees the new version before its next job, one that sleeps is woken for it. */
static uint32_t configure(wasm_memory_t *memory, uint32_t factor) {
    uint32_t interrupted;
    EXPECT_STATUS(wasm_memory_atomic_store32(memory, FACTOR, factor), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, VERSION, 1, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_interrupt_waiters(memory, &interrupted), WASM_MEMORY_OK);
    return interrupted;
}

static wasm_memory_t *new_memory(wasm_store_t *store) {
    wasm_memorytype_t *type = NULL;
    wasm_memory_t *memory = NULL;
    EXPECT_STATUS(wasm_memorytype_try_new(1, true, 1, false, true, 16, &type), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_new(store, type, &memory), WASM_MEMORY_OK);
    wasm_memorytype_delete(type);
    EXPECT(JOBS + JOB_SIZE * BATCHES * BATCH <= wasm_memory_data_size(memory));
    return memory;
}

static void start(worker_t *worker, wasm_engine_t *engine, const wasm_shared_memory_t *shared) {
    const worker_t fresh = {.version = 0};
    *worker = fresh;
    worker->store = wasm_store_new(engine);
    worker->memory = wasm_memory_obtain(worker->store, shared);
    EXPECT(worker->memory != NULL);
    EXPECT(pthread_create(&worker->thread, NULL, work, worker) == 0);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_shared_memory_t *shared;
    wasm_memory_t *memory;
    worker_t worker[WORKERS];
    wasm_memory_wait_result_t result;
    uint32_t interrupted, woken, jobs = 0;
    int i;

    EXPECT(store != NULL);
    memory = new_memory(store);
    EXPECT(configure(memory, 1) == 0); /* nobody sleeps yet */
    shared = wasm_memory_share(memory);
    for (i = 0; i < WORKERS; i++) start(&worker[i], engine, shared);
    wasm_shared_memory_delete(shared);

    publish(memory, 0);
    wait_until(memory, DONE, BATCH);
    check(memory, 0, 1);

    wait_until(memory, READERS, WORKERS);
    wait_until_all_sleep(memory);
    interrupted = configure(memory, 10);
    printf("interrupted %" PRIu32 " workers in their sleep\n", interrupted);
    EXPECT(interrupted == WORKERS);
    wait_until(memory, READERS, 2 * WORKERS); /* there was no job to wake them for */
    publish(memory, 1);
    wait_until(memory, DONE, 2 * BATCH);
    check(memory, 1, 10);

    /* Who is asleep is woken, who is busy finds the door closed later. What was published before is still done. */
    publish(memory, 2);
    EXPECT_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
    for (i = 0; i < WORKERS; i++) {
        EXPECT(pthread_join(worker[i].thread, NULL) == 0);
        EXPECT(worker[i].interruptions == 1);
        jobs += worker[i].jobs;
        wasm_memory_delete(worker[i].memory);
        wasm_store_delete(worker[i].store);
    }
    check(memory, 2, 10);
    EXPECT(jobs == BATCHES * BATCH && load(memory, DONE) == jobs);
    printf("all %d workers went home after %" PRIu32 " jobs\n", WORKERS, jobs);

    printf("whoever would wait now:\n");
    EXPECT_REFUSED(wasm_memory_atomic_wait32(memory, PUBLISHED, load(memory, PUBLISHED), -1, &result),
                   WASM_MEMORY_CLOSED);
    EXPECT_STATUS(wasm_memory_atomic_notify(memory, PUBLISHED, UINT32_MAX, &woken), WASM_MEMORY_OK);
    EXPECT(woken == 0); /* everything but waiting works as before */

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
