/* storm [SECONDS [SEED [exportable]]]: threads that wait, notify, interrupt, grow and come and go on one shared memory,
 * all at random, for 5 seconds or as long as is said. In the end every wakeup that was counted must have ended a wait,
 * every wait that ended must have been counted, and closing must end those that were left. It prints its seed; what the
 * threads do each by itself follows from it, how they meet does not. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "support/memories.h"

#define WAITERS 8
#define NOTIFIERS 3
#define GROWERS 2
#define MAXIMUM 2048

/* Whole words of eight bytes, and upper halves, where only the narrow ones can wait; near and far. */
static const uint64_t places[] = {64, 68, 72, 4096, 4100, 4160, 32768, PAGE - 8};
#define PLACES (sizeof places / sizeof *places)

static struct {
    wasm_shared_memory_t *token;
    host_t hosts[2];
    wasm_memory_t *memories[2]; /* one memory, through both stores */
    int over;
    uint64_t counted[PLACES], woken[PLACES]; /* by those who notify, by those who wait */
    uint64_t interruptions, interrupted;
    uint64_t timed_out, mismatched, closed, for_ever, wrong;
    uint8_t grown[MAXIMUM + 1]; /* how often growth said that it began here */
    uint64_t growths;
} storm;

static void add(uint64_t *to, uint64_t value) { __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); }
static bool is_over(void) { return __atomic_load_n(&storm.over, __ATOMIC_SEQ_CST) != 0; }

/* What must not be; a few are named. */
static void wrong(const char *what, uint64_t number) {
    add(&storm.wrong, 1);
    if (__atomic_load_n(&storm.wrong, __ATOMIC_SEQ_CST) > 10) return;
    fprintf(stderr, "wrong: %s: %" PRIu64 "\n", what, number);
}

static void sleep_for(long nanoseconds) {
    struct timespec time;
    time.tv_sec = 0;
    time.tv_nsec = nanoseconds;
    nanosleep(&time, NULL);
}

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Waits until it is told that the memory is closed. */
static void *wait_and_wait(void *env) {
    uint32_t random = *(uint32_t *)env;
    for (;;) {
        wasm_memory_t *const memory = storm.memories[random_of(&random) % 2];
        const size_t place = random_of(&random) % PLACES;
        const uint64_t offset = places[place];
        const bool wide = offset % 8 == 0 && random_of(&random) % 2 == 0;
        const uint32_t chance = random_of(&random);
        const int64_t timeout = chance % 32 == 0   ? (chance % 64 == 0 ? INT64_MIN : -1)
                                : chance % 32 == 1 ? 0
                                                   : (int64_t)(random_of(&random) % 200001);
        wasm_memory_wait_result_t result = 77;
        wasm_memory_status_t status;
        uint64_t expected = 0;
        uint32_t narrow = 0;
        if (timeout < 0) add(&storm.for_ever, 1);
        /* What is there now, which may be something else when it is compared; or certainly something else. */
        if (wide) {
            wasm_memory_atomic_load64(memory, offset, &expected);
            if (chance % 32 == 2) expected ^= UINT64_C(1) << 63;
            status = wasm_memory_atomic_wait64(memory, offset, expected, timeout, &result);
        } else {
            wasm_memory_atomic_load32(memory, offset, &narrow);
            if (chance % 32 == 2) narrow ^= UINT32_C(1) << 31;
            status = wasm_memory_atomic_wait32(memory, offset, narrow, timeout, &result);
        }
        if (status == WASM_MEMORY_OK && result == WASM_MEMORY_WAIT_OK) {
            add(&storm.woken[place], 1);
        } else if (status == WASM_MEMORY_OK && result == WASM_MEMORY_WAIT_TIMED_OUT) {
            add(&storm.timed_out, 1);
            if (timeout < 0) wrong("a wait without end timed out", place);
        } else if (status == WASM_MEMORY_OK && result == WASM_MEMORY_WAIT_MISMATCH) {
            add(&storm.mismatched, 1);
        } else if (status == WASM_MEMORY_INTERRUPTED && result == 0) {
            add(&storm.interrupted, 1);
        } else if (status == WASM_MEMORY_CLOSED && result == 0) {
            add(&storm.closed, 1);
            return NULL;
        } else {
            wrong("the status of a wait", (uint64_t)status);
        }
    }
}

static void *notify_and_notify(void *env) {
    uint32_t random = *(uint32_t *)env;
    while (!is_over()) {
        const size_t place = random_of(&random) % PLACES;
        const uint32_t chance = random_of(&random) % 16;
        const uint32_t most = chance == 0 ? UINT32_MAX : chance == 1 ? 0 : chance % 4 + 1;
        wasm_memory_t *memory = storm.memories[chance % 2];
        /* Now and then through a handle that comes and goes. */
        wasm_memory_t *const visitor =
            random_of(&random) % 16 == 0 ? wasm_memory_obtain(storm.hosts[chance % 2].store, storm.token) : NULL;
        uint32_t woken = 0;
        if (visitor != NULL) memory = visitor;
        if (random_of(&random) % 2 == 0) wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, places[place], 1, NULL);
        if (wasm_memory_atomic_notify(memory, places[place], most, &woken) != WASM_MEMORY_OK)
            wrong("the status of a notification at", places[place]);
        if (woken > most || woken > WAITERS) wrong("a count", woken);
        add(&storm.counted[place], woken);
        wasm_memory_delete(visitor);
        switch (random_of(&random) % 4) {
        case 0: sleep_for(random_of(&random) % 100000); break;
        case 1: sched_yield(); break;
        default: break;
        }
    }
    return NULL;
}

static void *interrupt_and_interrupt(void *env) {
    uint32_t random = *(uint32_t *)env;
    while (!is_over()) {
        uint32_t interrupted = 0;
        if (wasm_memory_interrupt_waiters(storm.memories[random_of(&random) % 2], &interrupted) != WASM_MEMORY_OK)
            wrong("the status of an interruption", 0);
        if (interrupted > WAITERS) wrong("a count of interrupted", interrupted);
        add(&storm.interruptions, interrupted);
        sleep_for(100000 + random_of(&random) % 5000000);
    }
    return NULL;
}

static void *grow_and_grow(void *env) {
    uint32_t random = *(uint32_t *)env;
    wasm_memory_t *const memory = storm.memories[random % 2];
    while (!is_over()) {
        const uint64_t delta = random_of(&random) % 2;
        uint64_t previous = 77;
        const wasm_memory_status_t status = wasm_memory_try_grow(memory, delta, &previous);
        if (status != WASM_MEMORY_OK && (status != WASM_MEMORY_MAXIMUM_EXCEEDED || delta == 0))
            wrong("the status of a growth", (uint64_t)status);
        if (status == WASM_MEMORY_OK && delta > 0) {
            add(&storm.growths, 1);
            if (previous >= MAXIMUM || __atomic_add_fetch(&storm.grown[previous], 1, __ATOMIC_SEQ_CST) != 1)
                wrong("two growths began at page", previous);
        }
        sleep_for(500000 + random_of(&random) % 2000000);
    }
    return NULL;
}

static uint32_t seed = 0;
static unsigned seconds = 5;
static bool exportable; /* the memory lies where other processes could wait on it as well */

static uint64_t waiters_now(void) {
    wasm_memory_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = offsetof(wasm_memory_stats_t, resident_bytes);
    CHECK_STATUS(wasm_memory_stats(storm.memories[0], &stats), WASM_MEMORY_OK);
    return stats.waiters;
}

TEST(whatever_happens_at_once_adds_up) {
    void *(*const bodies[])(void *) = {notify_and_notify, interrupt_and_interrupt, grow_and_grow};
    const int counts[] = {NOTIFIERS, 1, GROWERS};
    pthread_t waiters[WAITERS], others[NOTIFIERS + 1 + GROWERS];
    uint32_t seeds[WAITERS + NOTIFIERS + 1 + GROWERS], random = seed;
    uint64_t woken = 0, page;
    size_t i, kind, other = 0;
    int k;
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_exportable_set(config, exportable);
    storm.hosts[0] = host_with(config);
    storm.hosts[1] = host_default();
    storm.memories[0] = memory_of(storm.hosts[0], shape(1, MAXIMUM, false, true, 16));
    storm.token = wasm_memory_share(storm.memories[0]);
    storm.memories[1] = wasm_memory_obtain(storm.hosts[1].store, storm.token);
    if (!CHECK(storm.memories[1] != NULL)) return;

    for (i = 0; i < sizeof seeds / sizeof *seeds; i++) seeds[i] = random_of(&random);
    for (i = 0; i < WAITERS; i++) CHECK_EQ(pthread_create(&waiters[i], NULL, wait_and_wait, &seeds[i]), 0);
    for (kind = 0; kind < 3; kind++)
        for (k = 0; k < counts[kind]; k++, other++)
            CHECK_EQ(pthread_create(&others[other], NULL, bodies[kind], &seeds[WAITERS + other]), 0);
    for (i = 0; i < seconds; i++) {
        sleep(1);
        if (__atomic_load_n(&storm.wrong, __ATOMIC_SEQ_CST) > 10) break;
    }
    __atomic_store_n(&storm.over, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < other; i++) CHECK_EQ(pthread_join(others[i], NULL), 0);
    /* Nobody notifies any more: sooner or later each of them waits for ever. */
    sleep_for(50000000);
    CHECK_STATUS(wasm_memory_close_waiters(storm.memories[1]), WASM_MEMORY_OK);
    for (i = 0; i < WAITERS; i++) CHECK_EQ(pthread_join(waiters[i], NULL), 0);

    CHECK_EQ(storm.wrong, 0);
    for (i = 0; i < PLACES; i++) {
        CHECK_EQ(storm.counted[i], storm.woken[i]);
        woken += storm.woken[i];
    }
    CHECK_EQ(storm.interruptions, storm.interrupted);
    CHECK_EQ(storm.closed, WAITERS);
    CHECK_EQ(waiters_now(), 0);
    CHECK_EQ(wasm_memory_pages(storm.memories[0]), 1 + storm.growths);
    for (page = 1; page <= storm.growths; page++) CHECK_EQ(storm.grown[page], 1);
    printf("woken %" PRIu64 ", timed out %" PRIu64 ", mismatched %" PRIu64, woken, storm.timed_out, storm.mismatched);
    printf(", interrupted %" PRIu64 ", for ever %" PRIu64 ", grown %" PRIu64 "\n", storm.interrupted, storm.for_ever,
           storm.growths);

    wasm_shared_memory_delete(storm.token);
    for (i = 0; i < 2; i++) {
        wasm_memory_delete(storm.memories[i]);
        host_delete(storm.hosts[i]);
    }
}

/* A lost wakeup is a thread that waits for ever. */
static void end_in_time(int signal) {
    (void)signal;
    if (write(2, "FAILED, the storm does not end\n", 31) < 0) _exit(2);
    _exit(1);
}

int main(int argc, char **argv) {
    if (argc > 1) seconds = (unsigned)strtoul(argv[1], NULL, 10);
    seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : (uint32_t)time(NULL) * 2654435761u;
    exportable = argc > 3 && strcmp(argv[3], "exportable") == 0;
    if (seed == 0) seed = 1; /* from 0 no other number follows */
    printf("%u seconds, seed %" PRIu32 "\n", seconds, seed);
    fflush(stdout);
    signal(SIGALRM, end_in_time);
    alarm(seconds + 60);
    RUN(whatever_happens_at_once_adds_up);
    return check_finish();
}
