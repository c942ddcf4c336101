/* Wait and notify: the order of the checks, every result, the queues, and that nobody is forgotten or told twice. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

#define MICRO INT64_C(1000)
#define MILLI INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define FOR_EVER INT64_C(-1)
#define ALL UINT32_MAX

static int load(const int *of) { return __atomic_load_n(of, __ATOMIC_SEQ_CST); }
static void store(int *to, int value) { __atomic_store_n(to, value, __ATOMIC_SEQ_CST); }
static int add(int *to, int value) { return __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); }

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_for(int64_t nanoseconds) {
    struct timespec time;
    time.tv_sec = (time_t)(nanoseconds / SECOND);
    time.tv_nsec = (long)(nanoseconds % SECOND);
    while (nanosleep(&time, &time) != 0) continue;
}

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* What must come to be, however busy the machine is. */
#define AWAIT(condition)                                                                 \
    do {                                                                                 \
        const int64_t patience = now() + 30 * SECOND;                                    \
        bool has_come;                                                                   \
        while (!(has_come = (condition)) && now() < patience) sleep_for(20 * MICRO);     \
        check_report(has_come, __FILE__, __LINE__, #condition, ": it has not come to be"); \
    } while (0)

/* Whether the memories of these tests are made so that they can be exported: their waiters may then be of any process,
   and nothing here is to change. */
static bool exportable;

static host_t host_new(void) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_exportable_set(config, exportable);
    return host_with(config);
}

static shape_t shared_32(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 16); }

/* ---- waiting threads ---- */

static wasm_memory_status_t wait_on(wasm_memory_t *memory, bool wide, uint64_t offset, uint64_t expected,
                                    int64_t timeout, wasm_memory_wait_result_t *out) {
    return wide ? wasm_memory_atomic_wait64(memory, offset, expected, timeout, out)
                : wasm_memory_atomic_wait32(memory, offset, (uint32_t)expected, timeout, out);
}

typedef struct {
    wasm_memory_t *memory;
    uint64_t offset;
    bool wide;
    int64_t timeout;
    pthread_t thread;
    int done;
    wasm_memory_status_t status;
    wasm_memory_wait_result_t result;
    int64_t took;
} waiter_t;

static void *wait_once(void *env) {
    waiter_t *const waiter = (waiter_t *)env;
    const int64_t start = now();
    waiter->result = 77;
    waiter->status = wait_on(waiter->memory, waiter->wide, waiter->offset, 0, waiter->timeout, &waiter->result);
    waiter->took = now() - start;
    store(&waiter->done, 1);
    return NULL;
}

/* A thread that waits for something else than the 0 that is there. There may be hundreds: with small stacks. */
static void waiter_start(waiter_t *waiter, wasm_memory_t *memory, uint64_t offset, bool wide, int64_t timeout) {
    pthread_attr_t small;
    memset(waiter, 0, sizeof *waiter);
    waiter->memory = memory;
    waiter->offset = offset;
    waiter->wide = wide;
    waiter->timeout = timeout;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    CHECK_EQ(pthread_create(&waiter->thread, &small, wait_once, waiter), 0);
    pthread_attr_destroy(&small);
}

static uint64_t waiters_of(const wasm_memory_t *memory) {
    wasm_memory_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = offsetof(wasm_memory_stats_t, resident_bytes); /* these would be counted */
    CHECK_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    return stats.waiters;
}

/* Starts one that waits for ever, and returns when it is in its queue. */
static void waiter_queue(waiter_t *waiter, wasm_memory_t *memory, uint64_t offset, bool wide) {
    const uint64_t before = waiters_of(memory);
    waiter_start(waiter, memory, offset, wide, FOR_EVER);
    AWAIT(waiters_of(memory) == before + 1);
}

static bool check_waited(waiter_t *waiter, wasm_memory_status_t status, wasm_memory_wait_result_t result,
                         const char *file, int line) {
    bool holds;
    CHECK_EQ(pthread_join(waiter->thread, NULL), 0);
    holds = check_status(waiter->status, status, file, line, "the wait");
    return check_equal((uint64_t)waiter->result, (uint64_t)result, file, line, "the result of the wait") && holds;
}
/* It returns with this. */
#define CHECK_WAITED(waiter, status, result) check_waited(waiter, status, result, __FILE__, __LINE__)

static uint32_t notify(wasm_memory_t *memory, uint64_t offset, uint32_t count) {
    uint32_t woken = 77;
    CHECK_STATUS(wasm_memory_atomic_notify(memory, offset, count, &woken), WASM_MEMORY_OK);
    return woken;
}

static int done_of(const waiter_t *waiters, size_t count) {
    int done = 0;
    size_t i;
    for (i = 0; i < count; i++) done += load(&waiters[i].done);
    return done;
}

/* Whether each of them is in its queue, or has been and is back. Asked in this order: who is back cannot be counted in
   the place of one who has yet to come. */
static bool all_have_come(const wasm_memory_t *memory, const waiter_t *waiters, size_t count) {
    const uint64_t done = (uint64_t)done_of(waiters, count);
    return waiters_of(memory) + done == count;
}

/* ---- the order of the checks ---- */

/* 7 lies in the last aligned eight bytes of the memory. */
static wasm_memory_status_t expected_of(const wasm_memory_t *memory, bool shared, bool closed, bool wide,
                                        uint64_t offset, bool matches, wasm_memory_wait_result_t *result) {
    const uint64_t length = wasm_memory_data_size(memory), width = wide ? 8 : 4;
    *result = 0;
    if (offset % width != 0) return WASM_MEMORY_UNALIGNED;
    if (!shared) return WASM_MEMORY_NOT_SHARED;
    if (offset > length || length - offset < width) return WASM_MEMORY_OUT_OF_BOUNDS;
    if (closed) return WASM_MEMORY_CLOSED;
    *result = matches ? WASM_MEMORY_WAIT_TIMED_OUT : WASM_MEMORY_WAIT_MISMATCH;
    return WASM_MEMORY_OK;
}

static void check_order(wasm_memory_t *memory, bool shared, bool closed) {
    static const int64_t timeouts[] = {0, 1, 1000, -1, INT64_MIN, INT64_MAX};
    const uint64_t length = wasm_memory_data_size(memory), last = length / 8 * 8 - 8;
    const uint64_t edges[] = {last, 0, length / 8 * 8, length + 32, UINT64_C(0x100000000), UINT64_C(0x7ffffffffffffff8),
                              UINT64_MAX - 15};
    size_t edge, timeout;
    unsigned step, wide, matches;
    for (edge = 0; edge < sizeof edges / sizeof *edges; edge++) {
        for (step = 0; step < 16; step++) {
            const uint64_t offset = edges[edge] + step;
            for (wide = 0; wide < 2; wide++) {
                for (matches = 0; matches < 2; matches++) {
                    wasm_memory_wait_result_t result;
                    const uint64_t there = offset == last ? 7 : 0;
                    const wasm_memory_status_t status =
                        expected_of(memory, shared, closed, wide, offset, matches, &result);
                    for (timeout = 0; timeout < sizeof timeouts / sizeof *timeouts; timeout++) {
                        wasm_memory_wait_result_t found = 77;
                        if (result == WASM_MEMORY_WAIT_TIMED_OUT && (timeouts[timeout] < 0 || timeout == 5)) continue;
                        CHECK_STATUS(wait_on(memory, wide, offset, matches ? there : there + 1, timeouts[timeout],
                                             &found), status);
                        CHECK_EQ(found, result);
                        CHECK_STATUS(wait_on(memory, wide, offset, there, timeouts[timeout], NULL),
                                     WASM_MEMORY_NULL_ARGUMENT);
                    }
                }
            }
        }
    }
}

TEST(a_wait_checks_alignment_then_sharedness_then_bounds_then_closing_then_the_value) {
    const shape_t shapes[] = {
        {1, 2, false, true, 16}, {1, 2, false, false, 16}, {1, 2, true, true, 16},
        {1, 2, true, false, 16}, {61, 100, false, true, 0}, {61, 100, true, false, 0},
    };
    const host_t host = host_new();
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        CHECK_STATUS(wasm_memory_store_u64(memory, wasm_memory_data_size(memory) / 8 * 8 - 8, 7), WASM_MEMORY_OK);
        check_order(memory, shapes[i].shared, false);
        if (shapes[i].shared) {
            CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
            check_order(memory, true, true);
        }
        CHECK_EQ(waiters_of(memory), 0);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(a_wait_compares_all_its_bytes_and_no_others) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    static const uint8_t bytes[16] = {0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
                                      0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8};
    const uint64_t wide = UINT64_C(0xf8f7f6f5f4f3f2f1);
    wasm_memory_wait_result_t result = 77;
    int bit;
    CHECK_STATUS(wasm_memory_write(memory, 64, bytes, sizeof bytes), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, UINT32_C(0xf4f3f2f1), 0, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 68, UINT32_C(0xf8f7f6f5), 0, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK_STATUS(wasm_memory_atomic_wait64(memory, 64, wide, 0, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    for (bit = 0; bit < 64; bit++) {
        CHECK_STATUS(wasm_memory_atomic_wait64(memory, 64, wide ^ UINT64_C(1) << bit, -1, &result), WASM_MEMORY_OK);
        CHECK_EQ(result, WASM_MEMORY_WAIT_MISMATCH);
        if (bit >= 32) continue;
        CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, (uint32_t)wide ^ UINT32_C(1) << bit, -1, &result),
                     WASM_MEMORY_OK);
        CHECK_EQ(result, WASM_MEMORY_WAIT_MISMATCH);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

static void notify_while_lent(void *env, uint8_t *data, size_t length) {
    wasm_memory_t *const memory = (wasm_memory_t *)env;
    uint32_t woken = 77;
    (void)data, (void)length;
    CHECK_STATUS(wasm_memory_atomic_notify(memory, 2, 1, &woken), WASM_MEMORY_UNALIGNED);
    CHECK_STATUS(wasm_memory_atomic_notify(memory, PAGE, 1, &woken), WASM_MEMORY_OUT_OF_BOUNDS);
    woken = 77;
    CHECK_STATUS(wasm_memory_atomic_notify(memory, 0, 1, &woken), WASM_MEMORY_OK); /* it needs no bytes */
    CHECK_EQ(woken, 0);
}

TEST(a_notification_checks_alignment_then_bounds_and_wakes_nobody_where_nobody_waits) {
    const shape_t shapes[] = {{1, 2, false, true, 16}, {1, 2, true, false, 16}, {61, 100, true, true, 0},
                              {61, 100, false, false, 0}};
    const uint32_t counts[] = {0, 1, 7, ALL};
    const host_t host = host_new();
    size_t i, edge, count;
    int closed;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        const uint64_t length = wasm_memory_data_size(memory);
        const uint64_t edges[] = {0, length - 16, length, UINT64_C(0xfffffff8), UINT64_C(0x100000000), UINT64_MAX - 15};
        for (closed = 0; closed < 2; closed++) {
            for (edge = 0; edge < sizeof edges / sizeof *edges; edge++) {
                uint64_t offset = edges[edge];
                unsigned step;
                for (step = 0; step < 16; step++, offset++) {
                    const bool outside = offset > length || length - offset < 4;
                    const wasm_memory_status_t status = offset % 4 != 0 ? WASM_MEMORY_UNALIGNED
                                                        : outside       ? WASM_MEMORY_OUT_OF_BOUNDS
                                                                        : WASM_MEMORY_OK;
                    for (count = 0; count < 4; count++) {
                        uint32_t woken = 77;
                        CHECK_STATUS(wasm_memory_atomic_notify(memory, offset, counts[count], &woken), status);
                        CHECK_EQ(woken, 0);
                        CHECK_STATUS(wasm_memory_atomic_notify(memory, offset, counts[count], NULL), status);
                    }
                }
            }
            if (shapes[i].shared) CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
        }
        if (!shapes[i].shared && length == PAGE)
            CHECK_STATUS(wasm_memory_with_data_mut(memory, notify_while_lent, memory), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(waiting_on_nothing) {
    const uint64_t offsets[] = {0, 1, UINT64_MAX};
    size_t i;
    uint32_t number = 77;
    for (i = 0; i < 3; i++) {
        wasm_memory_wait_result_t result = 77;
        CHECK_STATUS(wasm_memory_atomic_wait32(NULL, offsets[i], 0, -1, &result), WASM_MEMORY_NULL_ARGUMENT);
        CHECK_EQ(result, 0);
        CHECK_STATUS(wasm_memory_atomic_wait32(NULL, offsets[i], 0, -1, NULL), WASM_MEMORY_NULL_ARGUMENT);
        result = 77;
        CHECK_STATUS(wasm_memory_atomic_wait64(NULL, offsets[i], 0, -1, &result), WASM_MEMORY_NULL_ARGUMENT);
        CHECK_EQ(result, 0);
        CHECK_STATUS(wasm_memory_atomic_wait64(NULL, offsets[i], 0, -1, NULL), WASM_MEMORY_NULL_ARGUMENT);
        number = 77;
        CHECK_STATUS(wasm_memory_atomic_notify(NULL, offsets[i], 1, &number), WASM_MEMORY_NULL_ARGUMENT);
        CHECK_EQ(number, 0);
        CHECK_STATUS(wasm_memory_atomic_notify(NULL, offsets[i], 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
    }
    number = 77;
    CHECK_STATUS(wasm_memory_interrupt_waiters(NULL, &number), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(number, 0);
    CHECK_STATUS(wasm_memory_interrupt_waiters(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_close_waiters(NULL), WASM_MEMORY_NULL_ARGUMENT);
}

TEST(an_unshared_memory_has_no_waiters_to_interrupt_or_to_close) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    uint32_t number = 77;
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &number), WASM_MEMORY_NOT_SHARED);
    CHECK_EQ(number, 0);
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, NULL), WASM_MEMORY_NOT_SHARED);
    CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_NOT_SHARED);
    CHECK_EQ(notify(memory, 0, ALL), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- how long ---- */

static void *wait_for_no_time(void *env) {
    waiter_t *const waiter = (waiter_t *)env;
    int wrong = 0;
    while (!load(&waiter->done)) {
        wasm_memory_wait_result_t result = 77;
        wrong += wait_on(waiter->memory, waiter->wide, waiter->offset, 0, 0, &result) != WASM_MEMORY_OK;
        wrong += result != WASM_MEMORY_WAIT_TIMED_OUT;
        wrong += waiters_of(waiter->memory) != 0;
    }
    waiter->result = wrong;
    return NULL;
}

TEST(a_timeout_of_zero_makes_no_waiter) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    const int64_t end = now() + 200 * MILLI;
    waiter_t waiters[2];
    uint32_t woken = 0;
    int i;
    memset(waiters, 0, sizeof waiters);
    for (i = 0; i < 2; i++) {
        waiters[i].memory = memory;
        waiters[i].offset = 64;
        waiters[i].wide = i != 0;
        CHECK_EQ(pthread_create(&waiters[i].thread, NULL, wait_for_no_time, &waiters[i]), 0);
    }
    while (now() < end) woken += notify(memory, 64, ALL);
    for (i = 0; i < 2; i++) {
        store(&waiters[i].done, 1);
        CHECK_EQ(pthread_join(waiters[i].thread, NULL), 0);
        CHECK_EQ(waiters[i].result, 0);
    }
    CHECK_EQ(woken, 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Also those that no clock can be set to: added to the time they leave its range. */
TEST(negative_timeouts_and_enormous_ones_do_not_end) {
    static const int64_t timeouts[] = {-1,
                                       -2,
                                       -1000000,
                                       -SECOND,
                                       INT64_MIN,
                                       INT64_MIN + 1,
                                       INT64_MAX,
                                       INT64_MAX - 1,
                                       INT64_MAX - SECOND,
                                       INT64_C(1) << 62,
                                       INT64_C(9000000000000000000),
                                       86400 * SECOND};
    enum { COUNT = sizeof timeouts / sizeof *timeouts };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT];
    size_t i;
    for (i = 0; i < COUNT; i++) waiter_start(&waiters[i], memory, 8 * i, i % 2 != 0, timeouts[i]);
    AWAIT(waiters_of(memory) == COUNT);
    sleep_for(30 * MILLI);
    CHECK_EQ(done_of(waiters, COUNT), 0);
    CHECK_EQ(waiters_of(memory), COUNT);
    for (i = 0; i < COUNT; i++) {
        CHECK_EQ(notify(memory, 8 * i, ALL), 1);
        CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    }
    CHECK_EQ(waiters_of(memory), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(no_wait_ends_early) {
    static const struct {
        int64_t timeout;
        int times;
    } cases[] = {{1, 500},          {10, 500},         {100, 500},        {999, 500},        {MICRO, 500},
                 {5 * MICRO, 500},  {20 * MICRO, 500}, {50 * MICRO, 500}, {99999, 300},      {200 * MICRO, 200},
                 {MILLI, 50},       {1999999, 25},     {7 * MILLI, 10},   {50 * MILLI, 2}};
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        int early = 0, round;
        for (round = 0; round < cases[i].times; round++) {
            wasm_memory_wait_result_t result = 77;
            const int64_t start = now();
            const wasm_memory_status_t status =
                wait_on(memory, round % 2 != 0, 64 + 8 * (uint64_t)(round % 16), 0, cases[i].timeout, &result);
            early += now() - start < cases[i].timeout;
            CHECK_STATUS(status, WASM_MEMORY_OK);
            CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
        }
        if (!CHECK_EQ(early, 0)) printf("  of %d ns\n", (int)cases[i].timeout);
    }
    CHECK_EQ(waiters_of(memory), 0);
    CHECK_EQ(notify(memory, 64, ALL), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_changed_value_alone_wakes_nobody) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[2];
    waiter_queue(&waiters[0], memory, 64, false);
    waiter_start(&waiters[1], memory, 64, true, 60 * MILLI);
    AWAIT(waiters_of(memory) == 2 || load(&waiters[1].done));
    CHECK_STATUS(wasm_memory_atomic_store64(memory, 64, 5), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memory, 64, 9, 8), WASM_MEMORY_OK);
    CHECK_WAITED(&waiters[1], WASM_MEMORY_OK, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK(waiters[1].took >= 60 * MILLI);
    CHECK_EQ(done_of(waiters, 1), 0);
    CHECK_EQ(waiters_of(memory), 1);
    CHECK_EQ(notify(memory, 64, 1), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

#ifndef _WIN32
static int signals_caught;
static void count_signal(int signal) {
    (void)signal;
    add(&signals_caught, 1);
}

TEST(a_signal_does_not_end_a_wait) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    struct sigaction catcher, old;
    waiter_t waiters[2];
    int i;
    memset(&catcher, 0, sizeof catcher);
    catcher.sa_handler = count_signal; /* without SA_RESTART: system calls end with EINTR */
    sigemptyset(&catcher.sa_mask);
    CHECK_EQ(sigaction(SIGUSR1, &catcher, &old), 0);
    signals_caught = 0;
    waiter_queue(&waiters[0], memory, 64, false);
    waiter_start(&waiters[1], memory, 72, true, 150 * MILLI);
    AWAIT(waiters_of(memory) == 2 || load(&waiters[1].done));
    for (i = 0; i < 200; i++) {
        CHECK_EQ(pthread_kill(waiters[0].thread, SIGUSR1), 0);
        (void)pthread_kill(waiters[1].thread, SIGUSR1); /* not joined, so that it is known even if it has ended */
        sleep_for(200 * MICRO);
    }
    CHECK_WAITED(&waiters[1], WASM_MEMORY_OK, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK(waiters[1].took >= 150 * MILLI);
    CHECK_EQ(done_of(waiters, 1), 0);
    CHECK_EQ(waiters_of(memory), 1);
    CHECK_EQ(notify(memory, 64, ALL), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    CHECK(load(&signals_caught) > 10);
    CHECK_EQ(sigaction(SIGUSR1, &old, NULL), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}
#endif

/* ---- queues ---- */

/* The first `count` of those that are left, from `first` on, and nobody else, return with OK. */
static void check_woken(waiter_t *waiters, size_t all, size_t first, size_t count) {
    size_t i;
    AWAIT(done_of(waiters, all) >= (int)(first + count));
    CHECK_EQ(done_of(waiters, all), first + count);
    for (i = first; i < first + count; i++) {
        CHECK_EQ(load(&waiters[i].done), 1);
        CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    }
}

TEST(waiters_of_both_widths_are_woken_in_the_order_of_their_coming) {
    enum { COUNT = 12 };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT];
    unsigned mix;
    for (mix = 0; mix < 4; mix++) {
        size_t i;
        for (i = 0; i < COUNT; i++) waiter_queue(&waiters[i], memory, 64, (i * (mix + 1) / 2 + mix) % 2 != 0);
        for (i = 0; i < COUNT; i++) {
            CHECK_EQ(notify(memory, 64, 1), 1);
            check_woken(waiters, COUNT, i, 1);
            CHECK_EQ(waiters_of(memory), COUNT - i - 1);
        }
        CHECK_EQ(notify(memory, 64, 1), 0);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_notification_wakes_as_many_as_it_may_and_counts_them) {
    enum { COUNT = 9 };
    static const struct {
        uint32_t count, woken;
    } steps[] = {{0, 0}, {2, 2}, {0, 0}, {1, 1}, {3, 3}, {4, 3}, {1, 0}, {ALL, 0}};
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT];
    size_t i, first = 0;
    for (i = 0; i < COUNT; i++) waiter_queue(&waiters[i], memory, 64, i % 3 == 1);
    for (i = 0; i < sizeof steps / sizeof *steps; i++) {
        CHECK_EQ(notify(memory, 64, steps[i].count), steps[i].woken);
        check_woken(waiters, COUNT, first, steps[i].woken);
        first += steps[i].woken;
        CHECK_EQ(waiters_of(memory), COUNT - first);
    }
    for (i = 0; i < 3; i++) waiter_queue(&waiters[i], memory, 64, false);
    CHECK_STATUS(wasm_memory_atomic_notify(memory, 64, ALL, NULL), WASM_MEMORY_OK); /* nobody asks how many */
    check_woken(waiters, 3, 0, 3);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(sixty_four_threads_wait_at_one_address) {
    enum { COUNT = 64 };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT];
    size_t i;
    for (i = 0; i < COUNT; i++) waiter_start(&waiters[i], memory, 64, i % 2 != 0, FOR_EVER);
    AWAIT(waiters_of(memory) == COUNT);
    CHECK_EQ(notify(memory, 64, 0), 0);
    CHECK_EQ(notify(memory, 64, 10), 10);
    AWAIT(done_of(waiters, COUNT) == 10);
    CHECK_EQ(waiters_of(memory), COUNT - 10);
    CHECK_EQ(notify(memory, 64, ALL), COUNT - 10);
    for (i = 0; i < COUNT; i++) CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    CHECK_EQ(waiters_of(memory), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Queues at three addresses beside lists of who must be in them, through random comings and calls. */
TEST(queues_do_what_a_list_would) {
    enum { PLACES = 3, MOST = 24 };
    static const uint64_t offsets[PLACES] = {64, 72, 4096};
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    static waiter_t waiters[PLACES][MOST];
    size_t first[PLACES] = {0}, count[PLACES] = {0}, i;
    uint32_t random = 20240607;
    int round, rounds = is_watched() ? 100 : 1000;
    for (round = 0; round < rounds; round++) {
        const size_t place = random_of(&random) % PLACES;
        if (count[place] < MOST && random_of(&random) % 3 != 0) {
            waiter_queue(&waiters[place][count[place]++], memory, offsets[place], random_of(&random) % 2 != 0);
        } else {
            const uint32_t wanted = random_of(&random) % 8 == 0 ? ALL : random_of(&random) % 4;
            const size_t there = count[place] - first[place], woken = there < wanted ? there : wanted;
            CHECK_EQ(notify(memory, offsets[place], wanted), woken);
            check_woken(waiters[place], count[place], first[place], woken);
            first[place] += woken;
            if (first[place] == count[place]) first[place] = count[place] = 0;
        }
    }
    for (i = 0; i < PLACES; i++) {
        CHECK_EQ(notify(memory, offsets[i], ALL), count[i] - first[i]);
        check_woken(waiters[i], count[i], first[i], count[i] - first[i]);
    }
    CHECK_EQ(waiters_of(memory), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Hundreds of queues at once, so that some share whatever it is that leads to them. */
TEST(a_notification_touches_its_address_alone) {
    enum { COUNT = 256 };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(32, 32));
    static waiter_t waiters[COUNT];
    uint64_t offsets[COUNT], offset;
    uint32_t random = 77, woken = 0;
    size_t i;
    /* Near each other below 512, then two to a page, and far behind. */
    for (i = 0; i < COUNT; i++) {
        offsets[i] = i % 4 == 0   ? i * 8 / 4
                     : i % 4 == 1 ? 4096 * (i / 4 + 1)
                     : i % 4 == 2 ? 4096 * (i / 4 + 1) + 2048
                                  : 8 * PAGE + i * 2048;
        waiter_start(&waiters[i], memory, offsets[i], i % 8 >= 4, FOR_EVER);
    }
    AWAIT(waiters_of(memory) == COUNT);
    /* Where nobody waits: in the upper halves of the eight bytes of waiters too. */
    for (offset = 4; offset < 32 * PAGE; offset += offset < 4096 ? 8 : 1024) woken += notify(memory, offset | 4, ALL);
    for (offset = 520; offset < 4096; offset += 8) woken += notify(memory, offset, ALL);
    CHECK_EQ(woken, 0);
    CHECK_EQ(waiters_of(memory), COUNT);
    CHECK_EQ(done_of(waiters, COUNT), 0);
    /* One after the other, in any order. */
    for (i = 0; i < COUNT; i++) {
        size_t which = random_of(&random) % COUNT;
        while (waiters[which].memory == NULL) which = (which + 1) % COUNT;
        CHECK_EQ(notify(memory, offsets[which], ALL), 1);
        CHECK_WAITED(&waiters[which], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(waiters_of(memory), COUNT - 1 - i);
        CHECK_EQ(done_of(waiters, COUNT), i + 1);
        waiters[which].memory = NULL;
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(equal_addresses_of_different_memories_have_nothing_in_common) {
    enum { COUNT = 32 };
    const host_t host = host_new();
    wasm_memory_t *memories[COUNT];
    waiter_t waiters[COUNT];
    size_t i;
    for (i = 0; i < COUNT; i++) {
        memories[i] = memory_of(host, shared_32(1, 1));
        if (i % 4 != 3) waiter_queue(&waiters[i], memories[i], 64, i % 2 != 0);
    }
    for (i = COUNT; i-- > 0;) {
        CHECK_EQ(waiters_of(memories[i]), i % 4 != 3);
        CHECK_EQ(notify(memories[i], 64, ALL), i % 4 != 3);
        if (i % 4 != 3) CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(waiters_of(memories[i]), 0);
        wasm_memory_delete(memories[i]); /* while others are waited on */
    }
    host_delete(host);
}

TEST(all_handles_of_a_memory_have_the_same_queues) {
    const host_t first = host_new(), second = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *const one = memory_of(first, shared_32(1, 4));
    wasm_shared_memory_t *const token = wasm_memory_share(one);
    wasm_memory_t *const other = wasm_memory_obtain(second.store, token), *const copy = wasm_memory_copy(one);
    waiter_t waiters[6];
    size_t i;
    for (i = 0; i < 6; i++) waiter_queue(&waiters[i], i % 3 == 0 ? one : i % 3 == 1 ? other : copy, 64, i % 2 != 0);
    CHECK_EQ(waiters_of(one), 6);
    CHECK_EQ(waiters_of(other), 6);
    CHECK_EQ(waiters_of(copy), 6);
    for (i = 0; i < 6; i++) {
        CHECK_EQ(notify(i % 3 == 0 ? other : i % 3 == 1 ? copy : one, 64, 1), 1);
        check_woken(waiters, 6, i, 1);
    }
    waiter_queue(&waiters[0], other, 64, true);
    CHECK_STATUS(wasm_memory_interrupt_waiters(one, NULL), WASM_MEMORY_OK);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_INTERRUPTED, 0);
    wasm_shared_memory_delete(token);
    wasm_memory_delete(one);
    wasm_memory_delete(copy);
    wasm_memory_delete(other);
    host_delete(first);
    host_delete(second);
}

TEST(who_gives_up_leaves_the_order_of_the_others_alone) {
    enum { COUNT = 6 };
    /* Who gives up, bit by bit: the middle, the first, the last, neighbours, all but one. */
    static const unsigned sets[] = {0x04, 0x01, 0x20, 0x0c, 0x33, 0x2a, 0x15, 0x1f, 0x3e};
    const host_t host = host_new();
    size_t set;
    for (set = 0; set < sizeof sets / sizeof *sets; set++) {
        wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
        waiter_t waiters[COUNT];
        unsigned i, impatient = 0;
        for (i = 0; i < COUNT; i++) {
            const bool leaves = sets[set] >> i & 1;
            impatient += leaves;
            waiter_start(&waiters[i], memory, 64, i % 2 != 0, leaves ? 40 * MILLI : FOR_EVER);
            AWAIT(all_have_come(memory, waiters, i + 1));
        }
        AWAIT(done_of(waiters, COUNT) == (int)impatient);
        CHECK_EQ(waiters_of(memory), COUNT - impatient);
        for (i = 0; i < COUNT; i++) {
            if (sets[set] >> i & 1) {
                CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_TIMED_OUT);
                continue;
            }
            CHECK_EQ(notify(memory, 64, 1), 1);
            CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK); /* another's turn: it would not end */
        }
        CHECK_EQ(notify(memory, 64, 1), 0);
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- interrupted and closed ---- */

/* What several threads do to one memory. */
static struct {
    wasm_memory_t *memory;
    int over, counted, woken, timed_out, wrong;
} race;

TEST(an_interruption_ends_all_waits_of_this_moment_and_no_later_one) {
    enum { COUNT = 7 };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1)), *const other = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT], bystander;
    uint32_t interrupted = 77;
    wasm_memory_wait_result_t result = 77;
    size_t i;
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &interrupted), WASM_MEMORY_OK);
    CHECK_EQ(interrupted, 0);
    waiter_queue(&bystander, other, 64, false);
    for (i = 0; i < COUNT; i++) waiter_queue(&waiters[i], memory, 64 + 1024 * (i % 3), i % 2 != 0);
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &interrupted), WASM_MEMORY_OK);
    CHECK_EQ(interrupted, COUNT);
    for (i = 0; i < COUNT; i++) CHECK_WAITED(&waiters[i], WASM_MEMORY_INTERRUPTED, 0);
    CHECK_EQ(waiters_of(memory), 0);
    for (i = 0; i < 3; i++) CHECK_EQ(notify(memory, 64 + 1024 * i, ALL), 0);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, 0, 1000, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, 1, -1, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_MISMATCH);
    waiter_queue(&waiters[0], memory, 64, false);
    CHECK_EQ(notify(memory, 64, ALL), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    CHECK_EQ(waiters_of(other), 1);
    CHECK_EQ(notify(other, 64, ALL), 1);
    CHECK_WAITED(&bystander, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_memory_delete(other);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void *wait_until_closed(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    for (;;) {
        wasm_memory_wait_result_t result = 77;
        const wasm_memory_status_t status =
            wait_on(race.memory, random_of(&random) % 2 != 0, 8 * (random_of(&random) % 1024), 0, FOR_EVER, &result);
        if (status == WASM_MEMORY_CLOSED) return NULL;
        add(status == WASM_MEMORY_INTERRUPTED && result == 0 ? &race.woken : &race.wrong, 1);
    }
}

/* Who was interrupted and waits again, at whichever address, is no waiter of that moment. */
TEST(an_interruption_counts_nobody_twice) {
    enum { WAITERS = 3 };
    const host_t host = host_new();
    pthread_t threads[WAITERS];
    uint32_t seeds[WAITERS];
    int i, rounds = is_watched() ? 200 : 20000, too_many = 0;
    memset(&race, 0, sizeof race);
    race.memory = memory_of(host, shared_32(1, 1));
    for (i = 0; i < WAITERS; i++) {
        seeds[i] = (uint32_t)(i + 1) * 2654435761u;
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_until_closed, &seeds[i]), 0);
    }
    for (i = 0; i < rounds; i++) {
        uint32_t interrupted = 77;
        CHECK_STATUS(wasm_memory_interrupt_waiters(race.memory, &interrupted), WASM_MEMORY_OK);
        too_many += interrupted > WAITERS;
        race.counted += (int)interrupted;
        if (i % 8 == 0) sched_yield();
    }
    CHECK_STATUS(wasm_memory_close_waiters(race.memory), WASM_MEMORY_OK);
    for (i = 0; i < WAITERS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(too_many, 0);
    CHECK_EQ(race.counted, race.woken);
    CHECK_EQ(race.wrong, 0);
    wasm_memory_delete(race.memory);
    host_delete(host);
}

TEST(a_closed_memory_ends_all_waits_for_good) {
    enum { COUNT = 7 };
    const host_t host = host_new(), second = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 4)), *const other = memory_of(host, shared_32(1, 1));
    wasm_shared_memory_t *const token = wasm_memory_share(memory);
    wasm_memory_t *const early = wasm_memory_obtain(second.store, token), *late;
    waiter_t waiters[COUNT], bystander;
    uint32_t interrupted = 77, old = 77;
    uint64_t previous = 77;
    size_t i;
    int round;
    waiter_queue(&bystander, other, 64, false);
    for (i = 0; i < COUNT; i++) waiter_queue(&waiters[i], i % 2 != 0 ? memory : early, 64 + 1024 * (i % 3), i % 2 != 0);
    CHECK_STATUS(wasm_memory_close_waiters(early), WASM_MEMORY_OK);
    for (i = 0; i < COUNT; i++) CHECK_WAITED(&waiters[i], WASM_MEMORY_CLOSED, 0);
    late = wasm_memory_obtain(host.store, token);
    for (round = 0; round < 2; round++) {
        wasm_memory_t *const handles[] = {memory, early, late};
        CHECK_EQ(waiters_of(memory), 0);
        for (i = 0; i < 3; i++) {
            wasm_memory_wait_result_t result = 77;
            CHECK_STATUS(wasm_memory_atomic_wait32(handles[i], 64, 0, -1, &result), WASM_MEMORY_CLOSED);
            CHECK_EQ(result, 0);
            result = 77;
            CHECK_STATUS(wasm_memory_atomic_wait64(handles[i], 64, 99, 0, &result), WASM_MEMORY_CLOSED);
            CHECK_EQ(result, 0);
            CHECK_EQ(notify(handles[i], 64, ALL), 0);
            interrupted = 77;
            CHECK_STATUS(wasm_memory_interrupt_waiters(handles[i], &interrupted), WASM_MEMORY_OK);
            CHECK_EQ(interrupted, 0);
        }
        CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK); /* once more changes nothing */
    }
    /* Everything else goes on. */
    CHECK_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, 64, 3, &old), WASM_MEMORY_OK);
    CHECK_EQ(old, 0);
    CHECK_STATUS(wasm_memory_try_grow(late, 1, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK_EQ(notify(other, 64, ALL), 1);
    CHECK_WAITED(&bystander, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_shared_memory_delete(token);
    wasm_memory_delete(late);
    wasm_memory_delete(early);
    wasm_memory_delete(memory);
    wasm_memory_delete(other);
    host_delete(second);
    host_delete(host);
}

/* The first call decides, however soon the second one follows. */
TEST(who_was_counted_once_is_nobody_elses) {
    const host_t host = host_new();
    int round, rounds = is_watched() ? 40 : 800;
    for (round = 0; round < rounds; round++) {
        wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
        waiter_t waiter;
        uint32_t number = 77;
        waiter_queue(&waiter, memory, 64, round % 8 >= 4);
        switch (round % 4) {
        case 0:
            CHECK_EQ(notify(memory, 64, 1), 1);
            CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
            CHECK_WAITED(&waiter, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
            break;
        case 1:
            CHECK_EQ(notify(memory, 64, 1), 1);
            CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &number), WASM_MEMORY_OK);
            CHECK_EQ(number, 0);
            CHECK_WAITED(&waiter, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
            break;
        case 2:
            CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &number), WASM_MEMORY_OK);
            CHECK_EQ(number, 1);
            CHECK_EQ(notify(memory, 64, 1), 0);
            CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
            CHECK_WAITED(&waiter, WASM_MEMORY_INTERRUPTED, 0);
            break;
        default:
            CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
            CHECK_EQ(notify(memory, 64, 1), 0);
            CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &number), WASM_MEMORY_OK);
            CHECK_EQ(number, 0);
            CHECK_WAITED(&waiter, WASM_MEMORY_CLOSED, 0);
        }
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- races ---- */

static void *race_wait(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    while (!load(&race.over)) {
        wasm_memory_wait_result_t result = 77;
        const int64_t timeout = (int64_t)(random_of(&random) % 40000);
        if (wait_on(race.memory, random_of(&random) % 2 != 0, 64, 0, timeout, &result) != WASM_MEMORY_OK)
            add(&race.wrong, 1);
        if (result == WASM_MEMORY_WAIT_OK)
            add(&race.woken, 1);
        else if (result == WASM_MEMORY_WAIT_TIMED_OUT)
            add(&race.timed_out, 1);
        else
            add(&race.wrong, 1);
    }
    return NULL;
}

static void *race_notify(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    while (!load(&race.over)) {
        uint32_t woken = 77, count = random_of(&random) % 4;
        if (wasm_memory_atomic_notify(race.memory, 64, count, &woken) != WASM_MEMORY_OK || woken > count)
            add(&race.wrong, 1);
        add(&race.counted, (int)woken);
        if (random_of(&random) % 4 == 0) sleep_for(random_of(&random) % 20000);
    }
    return NULL;
}

TEST(whoever_is_counted_returns_with_ok_and_nobody_else_does) {
    enum { WAITERS = 4, NOTIFIERS = 2 };
    const host_t host = host_new();
    pthread_t threads[WAITERS + NOTIFIERS];
    uint32_t seeds[WAITERS + NOTIFIERS];
    size_t i;
    memset(&race, 0, sizeof race);
    race.memory = memory_of(host, shared_32(1, 1));
    for (i = 0; i < WAITERS + NOTIFIERS; i++) {
        seeds[i] = (uint32_t)(i + 1) * 2654435761u;
        CHECK_EQ(pthread_create(&threads[i], NULL, i < WAITERS ? race_wait : race_notify, &seeds[i]), 0);
    }
    sleep_for(600 * MILLI);
    store(&race.over, 1);
    for (i = 0; i < WAITERS + NOTIFIERS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(race.wrong, 0);
    CHECK_EQ(race.counted, race.woken);
    CHECK(race.woken > 0 && race.timed_out > 0); /* or it was no race */
    CHECK_EQ(waiters_of(race.memory), 0);
    CHECK_EQ(notify(race.memory, 64, ALL), 0);
    wasm_memory_delete(race.memory);
    host_delete(host);
}

/* A mutex as languages build it on these operations: 0 free, 1 held, 2 held and perhaps waited for. */
static void mutex_lock(wasm_memory_t *memory, uint64_t at) {
    uint32_t seen = 0;
    wasm_memory_wait_result_t result;
    wasm_memory_atomic_cmpxchg32(memory, at, 0, 1, &seen);
    while (seen != 0) {
        if (seen != 2) wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_XCHG, at, 2, &seen);
        if (seen == 0) return;
        if (wasm_memory_atomic_wait32(memory, at, 2, -1, &result) != WASM_MEMORY_OK) add(&race.wrong, 1);
        wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_XCHG, at, 2, &seen);
    }
}

static void mutex_unlock(wasm_memory_t *memory, uint64_t at) {
    uint32_t old = 0;
    wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_XCHG, at, 0, &old);
    if (old == 2) wasm_memory_atomic_notify(memory, at, 1, NULL);
}

/* A condition as well: a number of calls, which changes before anybody is woken. */
static void condition_wait(wasm_memory_t *memory, uint64_t at, uint64_t mutex) {
    uint32_t calls = 0;
    wasm_memory_wait_result_t result;
    wasm_memory_atomic_load32(memory, at, &calls);
    mutex_unlock(memory, mutex);
    if (wasm_memory_atomic_wait32(memory, at, calls, -1, &result) != WASM_MEMORY_OK) add(&race.wrong, 1);
    mutex_lock(memory, mutex);
}

static void condition_signal(wasm_memory_t *memory, uint64_t at) {
    wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, at, 1, NULL);
    wasm_memory_atomic_notify(memory, at, 1, NULL);
}

#define MUTEX 128
#define COUNTER 192

static int locks_each(void) { return is_watched() ? 200 : 30000; }

static void *lock_and_count(void *unused) {
    int i;
    (void)unused;
    for (i = 0; i < locks_each(); i++) {
        uint64_t count = 0;
        mutex_lock(race.memory, MUTEX);
        /* Not atomic: the mutex is what keeps it right. */
        wasm_memory_load_u64(race.memory, COUNTER, &count);
        wasm_memory_store_u64(race.memory, COUNTER, count + 1);
        if (i % 64 == 0) sched_yield(); /* with the lock held: others have to wait */
        mutex_unlock(race.memory, MUTEX);
    }
    return NULL;
}

TEST(a_mutex_on_wait_and_notify_loses_no_wakeup) {
    const host_t host = host_new();
    pthread_t threads[4];
    uint64_t count = 0;
    size_t i;
    memset(&race, 0, sizeof race);
    race.memory = memory_of(host, shared_32(1, 1));
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, lock_and_count, NULL), 0);
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_STATUS(wasm_memory_load_u64(race.memory, COUNTER, &count), WASM_MEMORY_OK);
    CHECK_EQ(count, 4 * locks_each());
    CHECK_EQ(race.wrong, 0);
    CHECK_EQ(waiters_of(race.memory), 0);
    wasm_memory_delete(race.memory);
    host_delete(host);
}

/* A queue of four numbers: its length, the numbers taken so far, and their sum. */
#define NOT_FULL 256
#define NOT_EMPTY 320
#define LENGTH 384
#define TAKEN 392
#define SUM 400
#define NUMBERS 512

static uint64_t number_at(uint64_t at) {
    uint64_t number = 0;
    wasm_memory_load_u64(race.memory, at, &number);
    return number;
}

static void number_put(uint64_t at, uint64_t number) { wasm_memory_store_u64(race.memory, at, number); }

static void *put_numbers(void *unused) {
    int i;
    (void)unused;
    for (i = 1; i <= locks_each(); i++) {
        uint64_t length;
        mutex_lock(race.memory, MUTEX);
        while ((length = number_at(LENGTH)) == 4) condition_wait(race.memory, NOT_FULL, MUTEX);
        number_put(NUMBERS + 8 * length, (uint64_t)i);
        number_put(LENGTH, length + 1);
        mutex_unlock(race.memory, MUTEX);
        condition_signal(race.memory, NOT_EMPTY);
    }
    return NULL;
}

static void *take_numbers(void *unused) {
    int i;
    (void)unused;
    for (i = 0; i < locks_each(); i++) {
        uint64_t length;
        mutex_lock(race.memory, MUTEX);
        while ((length = number_at(LENGTH)) == 0) condition_wait(race.memory, NOT_EMPTY, MUTEX);
        number_put(LENGTH, length - 1);
        number_put(TAKEN, number_at(TAKEN) + 1);
        number_put(SUM, number_at(SUM) + number_at(NUMBERS + 8 * (length - 1)));
        mutex_unlock(race.memory, MUTEX);
        condition_signal(race.memory, NOT_FULL);
    }
    return NULL;
}

TEST(a_condition_on_wait_and_notify_loses_no_wakeup) {
    const host_t host = host_new();
    const uint64_t each = (uint64_t)locks_each();
    pthread_t threads[4];
    size_t i;
    memset(&race, 0, sizeof race);
    race.memory = memory_of(host, shared_32(1, 1));
    for (i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i % 2 == 0 ? put_numbers : take_numbers, NULL), 0);
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(number_at(LENGTH), 0);
    CHECK_EQ(number_at(TAKEN), 2 * each);
    CHECK_EQ(number_at(SUM), each * (each + 1));
    CHECK_EQ(race.wrong, 0);
    CHECK_EQ(waiters_of(race.memory), 0);
    wasm_memory_delete(race.memory);
    host_delete(host);
}

/* ---- beside other calls ---- */

static void *follow_growth(void *env) {
    wasm_memory_t *const memory = (wasm_memory_t *)env;
    uint64_t page;
    int64_t wrong = 0;
    for (page = 1; page < 64; page++) {
        wasm_memory_status_t status = WASM_MEMORY_OUT_OF_BOUNDS;
        wasm_memory_wait_result_t result = 77;
        const int64_t patience = now() + 30 * SECOND;
        while (status == WASM_MEMORY_OUT_OF_BOUNDS && now() < patience) {
            status = wasm_memory_atomic_wait32(memory, page * PAGE, 0, 1, &result);
            wrong += status != WASM_MEMORY_OK && (status != WASM_MEMORY_OUT_OF_BOUNDS || result != 0);
        }
        wrong += status != WASM_MEMORY_OK || result != WASM_MEMORY_WAIT_TIMED_OUT;
        /* What was inside stays inside. */
        wrong += wasm_memory_atomic_wait64(memory, (page + 1) * PAGE - 8, 1, -1, &result) != WASM_MEMORY_OK;
        wrong += result != WASM_MEMORY_WAIT_MISMATCH;
    }
    return wrong == 0 ? memory : NULL;
}

TEST(waits_go_on_while_the_memory_grows) {
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 64));
    waiter_t waiters[2];
    pthread_t follower;
    void *well = NULL;
    uint64_t page;
    waiter_queue(&waiters[0], memory, PAGE - 4, false);
    waiter_queue(&waiters[1], memory, 64, true);
    CHECK_EQ(pthread_create(&follower, NULL, follow_growth, memory), 0);
    for (page = 1; page < 64; page++) {
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        if (page % 8 == 0) sleep_for(200 * MICRO);
    }
    CHECK_EQ(pthread_join(follower, &well), 0);
    CHECK(well == memory);
    CHECK_EQ(done_of(waiters, 2), 0);
    CHECK_EQ(waiters_of(memory), 2);
    CHECK_EQ(notify(memory, PAGE - 4, ALL), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    CHECK_EQ(notify(memory, 64, ALL), 1);
    CHECK_WAITED(&waiters[1], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    waiter_queue(&waiters[0], memory, 64 * PAGE - 8, true); /* where there was nothing at first */
    CHECK_EQ(notify(memory, 64 * PAGE - 8, ALL), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(other_handles_stores_and_engines_may_go_while_a_thread_waits) {
    const host_t first = host_new(), second = host_new(), third = host_new();
    wasm_memory_t *const made = memory_of(first, shared_32(1, 4));
    wasm_shared_memory_t *const token = wasm_memory_share(made), *const clone = wasm_shared_memory_clone(token);
    wasm_memory_t *const waited = wasm_memory_obtain(second.store, token);
    wasm_memory_t *const last = wasm_memory_obtain(third.store, clone), *const copy = wasm_memory_copy(waited);
    waiter_t waiter;
    waiter_queue(&waiter, waited, 64, false);
    wasm_memory_delete(made);
    host_delete(first);
    wasm_shared_memory_delete(token);
    host_delete(second);
    wasm_memory_delete(copy);
    wasm_shared_memory_delete(clone);
    host_delete(third);
    CHECK_EQ(load(&waiter.done), 0);
    CHECK_EQ(waiters_of(last), 1);
    CHECK_EQ(notify(last, 64, 1), 1);
    wasm_memory_delete(last); /* while the other thread may still be on its way out */
    CHECK_WAITED(&waiter, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_memory_delete(waited);
}

/* All that a process does with a memory of its own. */
static void live_on(void *unused) {
    wasm_memory_wait_result_t result = 77;
    host_t host;
    wasm_memory_t *memory;
    waiter_t waiters[3];
    uint32_t interrupted = 77;
    uint64_t previous = 77;
    size_t i;
    (void)unused;
#ifndef _WIN32
    alarm(60);
#endif
    host = host_new();
    memory = memory_of(host, shared_32(1, 4));
    CHECK_EQ(waiters_of(memory), 0);
    CHECK_EQ(notify(memory, 64, ALL), 0);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, 0, 1000, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    for (i = 0; i < 3; i++) waiter_queue(&waiters[i], memory, 64, i == 1);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK_EQ(notify(memory, 64, 1), 1);
    CHECK_WAITED(&waiters[0], WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    CHECK_STATUS(wasm_memory_interrupt_waiters(memory, &interrupted), WASM_MEMORY_OK);
    CHECK_EQ(interrupted, 2);
    CHECK_WAITED(&waiters[1], WASM_MEMORY_INTERRUPTED, 0);
    CHECK_WAITED(&waiters[2], WASM_MEMORY_INTERRUPTED, 0);
    CHECK_STATUS(wasm_memory_close_waiters(memory), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Nothing that other threads hold at the moment of the fork is in the child's way. */
TEST(a_child_of_a_waiting_process_waits_on_memories_of_its_own) {
    const host_t host = host_new();
    waiter_t waiter;
    pthread_t threads[3];
    uint32_t seeds[3] = {1, 2, 3};
    int i;
    if (is_watched()) { /* ThreadSanitizer lets a child of several threads have no threads of its own */
        host_delete(host);
        return;
    }
    memset(&race, 0, sizeof race);
    race.memory = memory_of(host, shared_32(1, 1));
    waiter_queue(&waiter, race.memory, 128, false);
    for (i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, i < 2 ? race_wait : race_notify, &seeds[i]), 0);
    for (i = 0; i < 30; i++) CHECK_EQ(in_child(live_on, NULL), 0);
    store(&race.over, 1);
    for (i = 0; i < 3; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(race.wrong, 0);
    CHECK_EQ(race.counted, race.woken);
    CHECK_EQ(load(&waiter.done), 0);
    CHECK_EQ(waiters_of(race.memory), 1);
    CHECK_EQ(notify(race.memory, 128, ALL), 1);
    CHECK_WAITED(&waiter, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK);
    wasm_memory_delete(race.memory);
    host_delete(host);
}

/* ---- nothing stays behind ---- */

/* What malloc has given out, where it can be asked; else 0. */
static uint64_t heap_in_use(void) {
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#endif
#endif
    return 0;
}

static void check_flat(uint64_t heap, uint64_t resident_kib, uint64_t heap_more, const char *what) {
    const uint64_t heap_now = heap_in_use(), resident_now = process_kib("VmRSS:");
    bool flat = CHECK(heap_now <= heap + heap_more);
    if (!is_watched()) flat &= CHECK(resident_now <= resident_kib + 512);
    if (!flat)
        printf("  %s: heap %d to %d bytes, resident %d to %d KiB\n", what, (int)heap, (int)heap_now, (int)resident_kib,
               (int)resident_now);
}

TEST(millions_of_addresses_leave_nothing_behind) {
    const uint64_t pages = 640, step = is_watched() ? 1000 : exportable ? 16 : 1;
    const uint64_t sleeps = is_watched() ? 500 : exportable ? 10000 : 100000;
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(pages, pages)); /* 10 485 760 words of four bytes */
    const uint32_t there = UINT32_C(0x01010101);
    wasm_memory_wait_result_t result = 77;
    uint64_t heap, resident, offset, wrong = 0, i;
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, pages * PAGE), WASM_MEMORY_OK); /* so that it is resident now */
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 0, there, 1000, &result), WASM_MEMORY_OK);
    CHECK_EQ(notify(memory, 0, ALL), 0);
    /* Reading that file takes from the heap, and what it gives back malloc keeps for its size: from the second time on
       nothing changes. */
    resident = process_kib("VmRSS:");
    resident = process_kib("VmRSS:");
    heap = heap_in_use();
    for (offset = 0; offset < pages * PAGE; offset += 4 * step) {
        wrong += wasm_memory_atomic_wait32(memory, offset, 0, -1, &result) != WASM_MEMORY_OK;
        wrong += result != WASM_MEMORY_WAIT_MISMATCH;
    }
    CHECK_EQ(wrong, 0);
    check_flat(heap, resident, 0, "mismatches");
    for (offset = 0; offset < pages * PAGE; offset += 4 * step) {
        wrong += wasm_memory_atomic_wait32(memory, offset, there, 0, &result) != WASM_MEMORY_OK;
        wrong += result != WASM_MEMORY_WAIT_TIMED_OUT;
    }
    CHECK_EQ(wrong, 0);
    check_flat(heap, resident, 0, "no time");
    for (offset = 0; offset < pages * PAGE; offset += 32 * step) wrong += notify(memory, offset, ALL) != 0;
    CHECK_EQ(wrong, 0);
    check_flat(heap, resident, 0, "notifications");
#ifdef __linux__
    CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0), 0); /* or the kernel makes each of them fifty times as long */
#endif
    for (i = 0; i < sleeps; i++) {
        const bool wide = i % 2 != 0;
        const uint64_t expected = wide ? there * UINT64_C(0x100000001) : there;
        wrong += wait_on(memory, wide, i * 416, expected, MICRO, &result) != WASM_MEMORY_OK;
        wrong += result != WASM_MEMORY_WAIT_TIMED_OUT;
    }
    CHECK_EQ(wrong, 0);
    check_flat(heap, resident, 0, "a microsecond each");
    CHECK_EQ(waiters_of(memory), 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(threads_that_waited_and_ended_leave_nothing_behind) {
    enum { COUNT = 8 };
    const host_t host = host_new();
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 1));
    waiter_t waiters[COUNT];
    uint64_t heap = 0, resident = 0;
    int round, i, rounds = is_watched() ? 10 : 150;
    for (round = -10; round < rounds; round++) {
        if (round == 0) resident = process_kib("VmRSS:"), heap = heap_in_use(); /* what threads need is there by now */
        for (i = 0; i < COUNT; i++)
            waiter_start(&waiters[i], memory, 8 * (uint64_t)i, i % 2 != 0, i < COUNT / 2 ? MICRO : FOR_EVER);
        AWAIT(done_of(waiters, COUNT) == COUNT / 2 && all_have_come(memory, waiters, COUNT));
        for (i = COUNT / 2; i < COUNT; i++) CHECK_EQ(notify(memory, 8 * (uint64_t)i, 1), 1);
        for (i = 0; i < COUNT; i++)
            CHECK_WAITED(&waiters[i], WASM_MEMORY_OK, i < COUNT / 2 ? WASM_MEMORY_WAIT_TIMED_OUT : WASM_MEMORY_WAIT_OK);
    }
    check_flat(heap, resident, 16 * KIB, "threads"); /* whose arenas may come and go: less than 16 bytes for each */
    wasm_memory_delete(memory);
    host_delete(host);
}

#ifndef _WIN32
/* A lost wakeup is a thread that waits for ever: the test ends all the same, and says where. */
static void end_in_time(int signal) {
    const char *const test = check_state.test != NULL ? check_state.test : "?";
    (void)signal;
    if (write(1, "FAILED, it does not end: ", 25) < 0 || write(1, test, strlen(test)) < 0 || write(1, "\n", 1) < 0)
        _exit(2);
    _exit(1);
}
#endif

/* test_wait [exportable] */
int main(int argc, char **argv) {
    exportable = argc > 1 && strcmp(argv[1], "exportable") == 0;
#ifndef _WIN32
    signal(SIGALRM, end_in_time);
    alarm(is_watched() ? 1200 : 120);
#endif
    RUN(a_wait_checks_alignment_then_sharedness_then_bounds_then_closing_then_the_value);
    RUN(a_wait_compares_all_its_bytes_and_no_others);
    RUN(a_notification_checks_alignment_then_bounds_and_wakes_nobody_where_nobody_waits);
    RUN(waiting_on_nothing);
    RUN(an_unshared_memory_has_no_waiters_to_interrupt_or_to_close);
    RUN(a_timeout_of_zero_makes_no_waiter);
    RUN(negative_timeouts_and_enormous_ones_do_not_end);
    RUN(no_wait_ends_early);
    RUN(a_changed_value_alone_wakes_nobody);
#ifndef _WIN32
    RUN(a_signal_does_not_end_a_wait);
#endif
    RUN(waiters_of_both_widths_are_woken_in_the_order_of_their_coming);
    RUN(a_notification_wakes_as_many_as_it_may_and_counts_them);
    RUN(sixty_four_threads_wait_at_one_address);
    RUN(queues_do_what_a_list_would);
    RUN(a_notification_touches_its_address_alone);
    RUN(equal_addresses_of_different_memories_have_nothing_in_common);
    RUN(all_handles_of_a_memory_have_the_same_queues);
    RUN(who_gives_up_leaves_the_order_of_the_others_alone);
    RUN(an_interruption_ends_all_waits_of_this_moment_and_no_later_one);
    RUN(an_interruption_counts_nobody_twice);
    RUN(a_closed_memory_ends_all_waits_for_good);
    RUN(who_was_counted_once_is_nobody_elses);
    RUN(whoever_is_counted_returns_with_ok_and_nobody_else_does);
    RUN(a_mutex_on_wait_and_notify_loses_no_wakeup);
    RUN(a_condition_on_wait_and_notify_loses_no_wakeup);
    RUN(waits_go_on_while_the_memory_grows);
    RUN(other_handles_stores_and_engines_may_go_while_a_thread_waits);
    RUN_IN_CHILDREN(a_child_of_a_waiting_process_waits_on_memories_of_its_own);
    RUN_IN_CHILDREN(millions_of_addresses_leave_nothing_behind);
    RUN_IN_CHILDREN(threads_that_waited_and_ended_leave_nothing_behind);
    return check_finish();
}
