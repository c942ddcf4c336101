/* Memories that are made and grown once somebody has answered: futures, and the tickets of an asynchronous limiter. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "support/limiters.h"
#include "support/memories.h"

#define MILLISECOND INT64_C(1000000)

static void count_one(void *counter) { *(int *)counter += 1; }

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 * MILLISECOND + time.tv_nsec;
}

static void sleep_for(int64_t nanoseconds) {
    struct timespec time;
    time.tv_sec = (time_t)(nanoseconds / (1000 * MILLISECOND));
    time.tv_nsec = (long)(nanoseconds % (1000 * MILLISECOND));
    nanosleep(&time, NULL);
}

static int load(const int *of) { return __atomic_load_n(of, __ATOMIC_SEQ_CST); }
static void store(int *to, int value) { __atomic_store_n(to, value, __ATOMIC_SEQ_CST); }
static int add(int *to, int value) { return __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); }

static wasm_memory_future_t *new_async(host_t host, shape_t of) {
    wasm_memorytype_t *const type = type_of(of);
    wasm_memory_future_t *const future = wasm_memory_new_async(host.store, type);
    wasm_memorytype_delete(type); /* as with the other forms, it is copied */
    CHECK(future != NULL);
    return future;
}

static wasm_memory_future_t *grow_async(wasm_memory_t *memory, uint64_t delta) {
    wasm_memory_future_t *const future = wasm_memory_grow_async(memory, delta);
    CHECK(future != NULL);
    return future;
}

/* The outcome of a future, which is then deleted. */
static wasm_memory_status_t outcome(wasm_memory_future_t *future) {
    const wasm_memory_status_t status = wasm_memory_future_poll(future);
    CHECK_STATUS(wasm_memory_future_poll(future), status);
    wasm_memory_future_delete(future);
    return status;
}

/* A host with an asynchronous limiter, and a memory that was made before it. */
static host_t watched(watch_t *watch, shape_t of) {
    const host_t host = host_default();
    *watch = watching(host);
    watch->memory = memory_of(host, of);
    limiter_async_set(host.store, watch);
    return host;
}

static void end(host_t host, watch_t *watch) {
    wasm_memory_delete(watch->memory);
    host_delete(host);
    CHECK_EQ(watch->finalized, 1);
}

/* How many memories the store has, by the limit of their number: it leaves the store without limiter and limits. */
static bool has_memories(host_t host, uint64_t count) {
    wasm_memory_t *one = NULL, *other = NULL;
    limiter_none(host.store);
    limits_set(host.store, NO_LIMIT, NO_LIMIT, count + 1);
    (void)try_memory(host, pages_32(0, 0), &one);
    (void)try_memory(host, pages_32(0, 0), &other);
    wasm_memory_delete(one);
    wasm_memory_delete(other);
    limits_none(host.store);
    return one != NULL && other == NULL;
}

/* ---- without an asynchronous limiter ---- */

TEST(without_an_async_limiter_a_memory_is_made_in_the_call) {
    const host_t host = host_default();
    wasm_memory_future_t *const future = new_async(host, pages_32(2, 5));
    wasm_memory_t *memory;
    CHECK(has_memories(host, 1)); /* before anybody polls */
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_wait(future, 0), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    memory = wasm_memory_future_take_memory(future);
    CHECK_EQ(wasm_memory_pages(memory), 2);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    wasm_memory_future_delete(future);
    CHECK_STATUS(wasm_memory_store_u8(memory, 2 * PAGE - 1, 7), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    CHECK(has_memories(host, 0));
    host_delete(host);
}

TEST(without_an_async_limiter_a_memory_grows_in_the_call) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(2, 5));
    wasm_memory_future_t *const future = grow_async(memory, 3);
    CHECK_EQ(wasm_memory_pages(memory), 5); /* before anybody polls */
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 2);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_STATUS(wasm_memory_future_wait(future, INT64_MAX), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 2);
    wasm_memory_future_delete(future);
    CHECK_STATUS(wasm_memory_store_u8(memory, 5 * PAGE - 1, 7), WASM_MEMORY_OK);
    CHECK_STATUS(outcome(grow_async(memory, 1)), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(outcome(grow_async(memory, 0)), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), 5);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_synchronous_limiter_is_asked_in_the_call) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    wasm_memory_t *memory;
    limiter_set(host.store, &watch);
    future = new_async(host, pages_32(1, 5));
    CHECK_ASKED(&watch, 1, 0, PAGE);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    wasm_memory_future_delete(future);
    CHECK_EQ(watch.asked, 1);
    watch.allow = false;
    future = grow_async(memory, 2);
    CHECK_ASKED(&watch, 2, PAGE, 3 * PAGE);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_delete(future);
    CHECK_STATUS(outcome(new_async(host, pages_32(1, 5))), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 3);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(watch.finalized, 1);
}

/* ---- a question, an answer, an outcome ---- */

TEST(a_memory_is_made_once_the_answer_is_there) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 1));
    wasm_memory_future_t *const future = new_async(host, pages_32(3, 9));
    wasm_memory_t *memory;
    CHECK_ASKED(&watch, 1, 0, 3 * PAGE); /* in the call */
    CHECK_EQ(watch.maximum, 9 * PAGE);
    CHECK_EQ(watch.ticket_count, 1);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    CHECK_STATUS(wasm_memory_future_wait(future, 0), WASM_MEMORY_PENDING);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    watch_answer(&watch, true);
    CHECK(wasm_memory_future_take_memory(future) == NULL); /* it is made when somebody polls */
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    CHECK(memory != NULL);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    wasm_memory_future_delete(future);
    CHECK_EQ(wasm_memory_pages(memory), 3);
    CHECK_STATUS(wasm_memory_store_u8(memory, 3 * PAGE - 1, 7), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 1);
    CHECK_EQ(watch.failed, 0);
    wasm_memory_delete(memory);
    end(host, &watch);
}

TEST(a_memory_grows_once_the_answer_is_there) {
    watch_t watch;
    const host_t host = watched(&watch, pages_64(2, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 3);
    CHECK_ASKED(&watch, 1, 2 * PAGE, 5 * PAGE);
    CHECK_EQ(watch.maximum, 9 * PAGE);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    CHECK_EQ(wasm_memory_pages(watch.memory), 2);
    CHECK_STATUS(wasm_memory_store_u8(watch.memory, 1, 7), WASM_MEMORY_OK); /* it works meanwhile */
    watch_answer(&watch, true);
    CHECK_EQ(wasm_memory_pages(watch.memory), 2);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 0);
    CHECK_STATUS(wasm_memory_future_wait(future, 0), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(watch.memory), 5);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 2);
    CHECK(wasm_memory_future_take_memory(future) == NULL);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(watch.memory), 5); /* not once more */
    wasm_memory_future_delete(future);
    CHECK_STATUS(wasm_memory_store_u8(watch.memory, 5 * PAGE - 1, 7), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 1);
    CHECK_EQ(watch.failed, 0);
    end(host, &watch);
}

TEST(numbers_are_bytes_for_every_kind_of_memory) {
    watch_t watch;
    const host_t host = watched(&watch, bytes_32(1001, NO_MAXIMUM));
    wasm_memory_future_t *future = grow_async(watch.memory, 17);
    CHECK_ASKED(&watch, 1, 1001, 1018);
    CHECK_EQ(watch.maximum, UINT64_MAX);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 1001);
    wasm_memory_future_delete(future);
    CHECK_EQ(wasm_memory_data_size(watch.memory), 1018);
    future = new_async(host, pages_64(0, UINT64_C(1) << 40));
    CHECK_ASKED(&watch, 2, 0, 0); /* also for no pages */
    CHECK_EQ(watch.maximum, UINT64_C(1) << 56);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(future), WASM_MEMORY_OK);
    end(host, &watch);
}

TEST(a_denial_is_the_outcome_and_is_told_once) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const growth = grow_async(watch.memory, 2);
    wasm_memory_future_t *const creation = new_async(host, pages_32(5, 9));
    watch_answer(&watch, false);
    watch_answer(&watch, false);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("65536");
    CHECK_LAST_ERROR("196608");
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "196608") != NULL);
    CHECK_STATUS(wasm_memory_future_wait(creation, -1), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("327680");
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "327680") != NULL);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("196608"); /* the sentence is told again with the outcome */
    CHECK_EQ(watch.failed, 2);
    CHECK(wasm_memory_future_take_memory(creation) == NULL);
    CHECK(wasm_memory_future_take_memory(growth) == NULL);
    CHECK_EQ(wasm_memory_future_previous_pages(growth), 0);
    CHECK_EQ(wasm_memory_pages(watch.memory), 1);
    wasm_memory_future_delete(growth);
    wasm_memory_future_delete(creation);
    CHECK_EQ(watch.failed, 2);
    CHECK(has_memories(host, 1));
    end(host, &watch);
}

TEST(an_answer_within_the_question_makes_the_future_ready) {
    int allow;
    for (allow = 0; allow < 2; allow++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, 9));
        const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
        wasm_memory_future_t *growth, *creation;
        wasm_memory_t *memory;
        int called = 0;
        watch.at_once = true;
        watch.allow = allow;
        growth = grow_async(watch.memory, 2);
        wasm_memory_future_on_ready(growth, count_one, &called);
        CHECK_EQ(called, 1);
        creation = new_async(host, pages_32(5, 9));
        CHECK_STATUS(wasm_memory_future_poll(growth), expected);
        CHECK_STATUS(wasm_memory_future_wait(creation, -1), expected);
        CHECK_EQ(watch.asked, 2);
        CHECK_EQ(watch.failed, allow ? 0 : 2);
        CHECK_EQ(wasm_memory_pages(watch.memory), allow ? 3 : 1);
        CHECK_EQ(wasm_memory_future_previous_pages(growth), allow ? 1 : 0);
        memory = wasm_memory_future_take_memory(creation);
        CHECK((memory != NULL) == allow);
        wasm_memory_delete(memory);
        wasm_memory_future_delete(growth);
        wasm_memory_future_delete(creation);
        end(host, &watch);
    }
}

TEST(growth_by_nothing_is_ready_at_once) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(4, 4));
    wasm_memory_future_t *future;
    int called = 0;
    limits_set(host.store, 0, 0, 0);
    future = grow_async(watch.memory, 0);
    wasm_memory_future_on_ready(future, count_one, &called);
    CHECK_EQ(called, 1);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 4);
    CHECK_EQ(watch.asked + watch.failed, 0);
    wasm_memory_future_delete(future);
    CHECK_STATUS(outcome(grow_async(watch.memory, 1)), WASM_MEMORY_MAXIMUM_EXCEEDED); /* it does listen */
    CHECK_EQ(watch.failed, 1);
    end(host, &watch);
}

static void grow_borrowed(void *env, uint8_t *data, size_t length) {
    watch_t *const watch = (watch_t *)env;
    (void)data;
    (void)length;
    CHECK_STATUS(outcome(grow_async(watch->memory, 1)), WASM_MEMORY_BORROWED);
    CHECK_STATUS(outcome(grow_async(watch->memory, 1000)), WASM_MEMORY_BORROWED);
    CHECK_STATUS(outcome(grow_async(watch->memory, 0)), WASM_MEMORY_OK);
}

/* What refuses before the limiter leaves nothing to wait for. */
TEST(what_is_refused_without_a_question_is_ready_at_once) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 20));
    wasm_memory_future_t *future;
    int called = 0;
    limits_set(host.store, 9 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(wasm_memory_with_data(watch.memory, grow_borrowed, &watch), WASM_MEMORY_OK);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_BORROWED);
    CHECK_STATUS(outcome(grow_async(watch.memory, 20)), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(outcome(grow_async(watch.memory, UINT64_MAX)), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_FAILED(&watch, 4, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(outcome(grow_async(watch.memory, 9)), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 5, WASM_MEMORY_LIMIT_DENIED);
    future = new_async(host, pages_32(10, 20));
    wasm_memory_future_on_ready(future, count_one, &called);
    CHECK_EQ(called, 1);
    CHECK_STATUS(outcome(future), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 6, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_memory_bytes") != NULL);
    CHECK_EQ(watch.asked, 0);
    CHECK_EQ(wasm_memory_pages(watch.memory), 1);
    end(host, &watch);
}

TEST(synchronous_forms_need_a_synchronous_answer) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 20));
    wasm_memorytype_t *const type = type_of(pages_32(1, 1));
    wasm_memory_t *memory = NULL;
    uint64_t previous = 77;
    limits_set(host.store, 9 * PAGE, NO_LIMIT, NO_LIMIT);
    watch.at_once = true; /* which it would give */
    CHECK_STATUS(wasm_memory_try_new(host.store, type, &memory), WASM_MEMORY_ASYNC_REQUIRED);
    CHECK(memory == NULL);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_ASYNC_REQUIRED);
    CHECK(wasm_memory_new(host.store, type) == NULL);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_ASYNC_REQUIRED);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, &previous), WASM_MEMORY_ASYNC_REQUIRED);
    CHECK_EQ(previous, 0);
    CHECK_FAILED(&watch, 3, WASM_MEMORY_ASYNC_REQUIRED);
    CHECK(!wasm_memory_grow(watch.memory, 1));
    CHECK_FAILED(&watch, 4, WASM_MEMORY_ASYNC_REQUIRED);
    /* Type and limits come first. */
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 20, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_FAILED(&watch, 5, WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 9, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 6, WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 1);
    CHECK(wasm_memory_grow(watch.memory, 0));
    CHECK_EQ(watch.asked, 0);
    CHECK_EQ(watch.failed, 6);
    CHECK_EQ(wasm_memory_pages(watch.memory), 1);
    wasm_memorytype_delete(type);
    end(host, &watch);
}

TEST(an_async_limiter_needs_memory_growing_and_no_more) {
    const host_t host = host_default();
    watch_t old = watching(host), refused = watching(host);
    wasm_memory_limiter_async_t limiter = limiter_async_of(&refused);
    wasm_memory_future_t *future;
    size_t size;
    limiter_async_set(host.store, &old);
    limiter.memory_growing = NULL;
    CHECK_STATUS(wasm_store_limiter_async_set(host.store, &limiter), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_LAST_ERROR("memory_growing");
    limiter = limiter_async_of(&refused);
    for (size = 0; size < offsetof(wasm_memory_limiter_async_t, memory_grow_failed); size++) {
        limiter.struct_size = size;
        CHECK_STATUS(wasm_store_limiter_async_set(host.store, &limiter), WASM_MEMORY_INVALID_ARGUMENT);
    }
    CHECK_EQ(old.finalized, 0);
    future = new_async(host, pages_32(1, 1)); /* which still asks the old one */
    CHECK_EQ(old.ticket_count, 1);
    watch_answer(&old, false);
    CHECK_STATUS(outcome(future), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(old.failed, 1);
    /* No room for what is optional: the pointers behind it are not called. */
    limiter.struct_size = offsetof(wasm_memory_limiter_async_t, memory_grow_failed);
    CHECK_STATUS(wasm_store_limiter_async_set(host.store, &limiter), WASM_MEMORY_OK);
    CHECK_EQ(old.finalized, 1);
    future = new_async(host, pages_32(1, 1));
    watch_answer(&refused, false);
    CHECK_STATUS(outcome(future), WASM_MEMORY_LIMIT_DENIED);
    host_delete(host);
    CHECK_EQ(refused.asked, 1);
    CHECK_EQ(refused.failed + refused.finalized, 0);
}

TEST(several_questions_wait_side_by_side_and_are_answered_in_any_order) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *futures[8];
    wasm_memory_ticket_t *tickets[8];
    wasm_memory_t *memories[8];
    uint64_t i;
    for (i = 0; i < 8; i++) {
        futures[i] = new_async(host, pages_32(i, 9));
        CHECK_ASKED(&watch, (int)i + 1, 0, i * PAGE);
        tickets[i] = watch_ticket(&watch);
    }
    for (i = 0; i < 8; i++) {
        const uint64_t which = i * 3 % 8;
        wasm_memory_ticket_resolve(tickets[which], which != 5);
        CHECK_STATUS(wasm_memory_future_poll(futures[(which + 3) % 8]), i == 7 ? WASM_MEMORY_OK : WASM_MEMORY_PENDING);
        CHECK_STATUS(wasm_memory_future_poll(futures[which]), which != 5 ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED);
    }
    for (i = 0; i < 8; i++) {
        memories[i] = wasm_memory_future_take_memory(futures[i]);
        wasm_memory_future_delete(futures[i]);
        CHECK((memories[i] == NULL) == (i == 5));
        if (i != 5) CHECK_EQ(wasm_memory_pages(memories[i]), i);
        wasm_memory_delete(memories[i]);
    }
    CHECK_EQ(watch.failed, 1);
    end(host, &watch);
}

/* ---- an answer is no outcome ---- */

TEST(limits_are_checked_again_when_the_answer_is_there) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const growth = grow_async(watch.memory, 4);
    wasm_memory_future_t *const creation = new_async(host, pages_32(4, 9));
    limits_set(host.store, 3 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_LIMIT_DENIED);
    CHECK_LAST_ERROR("max_memory_bytes");
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(wasm_memory_future_poll(creation), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_LIMIT_DENIED);
    CHECK(strstr(watch.message, "max_memory_bytes") != NULL);
    limits_none(host.store);
    CHECK_STATUS(wasm_memory_future_poll(creation), WASM_MEMORY_LIMIT_DENIED); /* the outcome stays */
    CHECK_STATUS(outcome(growth), WASM_MEMORY_LIMIT_DENIED);
    CHECK_STATUS(outcome(creation), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.failed, 2);
    CHECK_EQ(watch.asked, 2);
    CHECK_EQ(wasm_memory_pages(watch.memory), 1);
    end(host, &watch);
}

static void poll_borrowed(void *env, uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    CHECK_STATUS(wasm_memory_future_poll((wasm_memory_future_t *)env), WASM_MEMORY_BORROWED);
}

TEST(what_is_lent_when_the_answer_is_there_does_not_grow) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 4);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_with_data(watch.memory, poll_borrowed, future), WASM_MEMORY_OK);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_BORROWED);
    CHECK_STATUS(outcome(future), WASM_MEMORY_BORROWED); /* the outcome stays */
    CHECK_EQ(watch.failed, 1);
    CHECK_EQ(wasm_memory_pages(watch.memory), 1);
    end(host, &watch);
}

TEST(what_waits_for_its_answer_takes_nothing_from_the_limits) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *first, *second, *third;
    limits_set(host.store, NO_LIMIT, NO_LIMIT, 2);
    first = new_async(host, pages_32(1, 9));
    second = new_async(host, pages_32(1, 9));
    third = new_async(host, pages_32(1, 9));
    CHECK_EQ(watch.ticket_count, 3); /* each would do by itself */
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_OK); /* whoever polls first */
    CHECK_STATUS(wasm_memory_future_poll(first), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_delete(second); /* with the memory that nobody took */
    CHECK_STATUS(wasm_memory_future_poll(third), WASM_MEMORY_OK);
    wasm_memory_future_delete(first);
    wasm_memory_future_delete(third);
    CHECK(has_memories(host, 1));
    end(host, &watch);
}

TEST(the_system_can_refuse_what_was_allowed) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    watch_t watch;
    wasm_memory_future_t *growth, *creation;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_reservation_set(config, 4 * PAGE);
    host = host_with(config);
    watch = watching(host);
    watch.memory = memory_of(host, pages_32(1, 20));
    limiter_async_set(host.store, &watch);
    limits_set(host.store, NO_LIMIT, UINT64_MAX - 1, 2);
    growth = grow_async(watch.memory, 10);
    creation = new_async(host, pages_64(UINT64_C(1) << 47, NO_MAXIMUM));
    CHECK_ASKED(&watch, 2, 0, UINT64_C(1) << 63);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_LAST_ERROR("memory_reservation");
    CHECK_FAILED(&watch, 1, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_STATUS(wasm_memory_future_poll(creation), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_STATUS(outcome(growth), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_STATUS(outcome(creation), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(watch.failed, 2);
    CHECK(has_memories(host, 1));
    end(host, &watch);
}

TEST(when_the_length_has_changed_it_is_asked_again) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const first = grow_async(watch.memory, 2);
    wasm_memory_future_t *const second = grow_async(watch.memory, 3);
    int called = 0;
    CHECK_ASKED(&watch, 2, PAGE, 4 * PAGE);
    wasm_memory_future_on_ready(second, count_one, &called);
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    CHECK_EQ(called, 1);
    CHECK_STATUS(wasm_memory_future_poll(first), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 2);
    CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_PENDING);
    CHECK_ASKED(&watch, 3, 3 * PAGE, 6 * PAGE);
    CHECK_EQ(watch.ticket_count, 1);
    CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_PENDING);
    CHECK_EQ(watch.asked, 3);
    CHECK_EQ(called, 1);
    CHECK_EQ(wasm_memory_pages(watch.memory), 3);
    watch_answer(&watch, true);
    CHECK_EQ(called, 2); /* once for each answer */
    CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(second), 3);
    CHECK_EQ(wasm_memory_future_previous_pages(first), 1);
    CHECK_EQ(wasm_memory_pages(watch.memory), 6);
    CHECK_EQ(watch.asked, 3);
    CHECK_EQ(watch.failed, 0);
    CHECK_EQ(called, 2);
    wasm_memory_future_delete(first);
    wasm_memory_future_delete(second);
    end(host, &watch);
}

TEST(asked_again_a_no_counts_and_so_do_type_and_limits) {
    int how; /* 0: denied, 1: past the maximum, 2: past the limits */
    for (how = 0; how < 3; how++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, how == 1 ? 5 : 9));
        wasm_memory_future_t *const first = grow_async(watch.memory, 2);
        wasm_memory_future_t *const second = grow_async(watch.memory, 3);
        watch_answer(&watch, true);
        watch_answer(&watch, true);
        CHECK_STATUS(outcome(first), WASM_MEMORY_OK);
        if (how == 2) limits_set(host.store, 5 * PAGE, NO_LIMIT, NO_LIMIT);
        if (how == 0) {
            CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_PENDING);
            CHECK_EQ(watch.failed, 0);
            watch_answer(&watch, false);
        }
        CHECK_STATUS(wasm_memory_future_poll(second),
                     how == 1 ? WASM_MEMORY_MAXIMUM_EXCEEDED : WASM_MEMORY_LIMIT_DENIED);
        CHECK_FAILED(&watch, 1, how == 1 ? WASM_MEMORY_MAXIMUM_EXCEEDED : WASM_MEMORY_LIMIT_DENIED);
        CHECK_EQ(watch.asked, how == 0 ? 3 : 2);
        CHECK_EQ(wasm_memory_future_previous_pages(second), 0);
        CHECK_EQ(wasm_memory_pages(watch.memory), 3);
        wasm_memory_future_delete(second);
        CHECK_EQ(watch.failed, 1);
        end(host, &watch);
    }
}

TEST(asked_again_an_answer_at_once_leads_to_the_outcome) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const first = grow_async(watch.memory, 2);
    wasm_memory_future_t *const second = grow_async(watch.memory, 3);
    int called = 0;
    watch_answer(&watch, true);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(first), WASM_MEMORY_OK);
    wasm_memory_future_on_ready(second, count_one, &called);
    CHECK_EQ(called, 1);
    watch.at_once = true;
    CHECK_STATUS(wasm_memory_future_wait(second, -1), WASM_MEMORY_OK);
    CHECK_ASKED(&watch, 3, 3 * PAGE, 6 * PAGE);
    CHECK_EQ(called, 2);
    CHECK_EQ(wasm_memory_future_previous_pages(second), 3);
    wasm_memory_future_delete(second);
    end(host, &watch);
}

/* Limits were met, the limiter was asked, and then its answer came into a store without any. */
TEST(an_answer_counts_when_its_limiter_was_removed_meanwhile) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const growth = grow_async(watch.memory, 2);
    wasm_memory_future_t *const creation = new_async(host, pages_32(2, 9));
    limiter_none(host.store);
    CHECK_EQ(watch.finalized, 0); /* two tickets of it are outstanding */
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_EQ(watch.finalized, 0);
    CHECK_STATUS(wasm_memory_future_poll(creation), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(growth), WASM_MEMORY_OK);
    CHECK_STATUS(outcome(creation), WASM_MEMORY_OK);
    CHECK_EQ(watch.finalized, 1);
    CHECK_EQ(wasm_memory_pages(watch.memory), 3);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked, 2);
    end(host, &watch);
}

TEST(a_limiter_replaced_goes_with_its_last_ticket) {
    int allow;
    for (allow = 0; allow < 2; allow++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, 9));
        const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
        watch_t other = watching(host);
        wasm_memory_future_t *const growth = grow_async(watch.memory, 2);
        wasm_memory_future_t *const creation = new_async(host, pages_32(2, 9));
        if (allow)
            limiter_async_set(host.store, &other);
        else
            limiter_set(host.store, &other);
        CHECK_EQ(watch.finalized, 0);
        watch_answer(&watch, allow);
        CHECK_STATUS(wasm_memory_future_poll(growth), expected);
        CHECK_EQ(watch.finalized, 0); /* one more */
        watch_answer(&watch, allow);
        CHECK_STATUS(wasm_memory_future_poll(creation), expected);
        CHECK_EQ(other.asked, 0);
        CHECK_EQ(watch.failed + other.failed, allow ? 0 : 2);
        wasm_memory_future_delete(growth);
        wasm_memory_future_delete(creation);
        CHECK_EQ(watch.finalized, 1);
        CHECK_EQ(other.finalized, 0);
        end(host, &watch);
        CHECK_EQ(other.finalized, 1);
    }
}

/* A future that nobody has polled yet is no call and no ticket: it keeps the store, and not the limiter. */
TEST(a_limiter_replaced_after_its_answers_goes_at_once) {
    int allow, by; /* 0: nothing, 1: a synchronous limiter, 2: an asynchronous one */
    for (allow = 0; allow < 2; allow++)
        for (by = 0; by < 3; by++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
            watch_t other = watching(host);
            wasm_memory_future_t *const growth = grow_async(watch.memory, 2);
            wasm_memory_future_t *const creation = new_async(host, pages_32(2, 9));
            watch_answer(&watch, allow);
            watch_answer(&watch, allow);
            CHECK_EQ(watch.finalized, 0); /* the store has it */
            if (by == 0) limiter_none(host.store);
            if (by == 1) limiter_set(host.store, &other);
            if (by == 2) limiter_async_set(host.store, &other);
            CHECK_EQ(watch.finalized, 1);
            CHECK_STATUS(outcome(growth), expected); /* its answers count all the same */
            CHECK_STATUS(outcome(creation), expected);
            CHECK_EQ(wasm_memory_pages(watch.memory), allow ? 3 : 1);
            CHECK_EQ(watch.asked, 2);
            CHECK_EQ(other.asked, 0);
            CHECK_EQ(watch.failed, 0); /* it is no more */
            end(host, &watch);
            CHECK_EQ(other.finalized, by > 0);
        }
}

TEST(a_limiter_set_back_after_a_pending_growth_is_asked_when_the_length_has_changed) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    watch_t other = watching(host);
    wasm_memory_future_t *const growth = grow_async(watch.memory, 2);
    limiter_none(host.store);
    CHECK_STATUS(wasm_memory_try_grow(watch.memory, 4, NULL), WASM_MEMORY_OK);
    limiter_set(host.store, &other);
    watch_answer(&watch, true);
    /* Whoever it asks, the numbers are new; the limiter that was removed would answer once more through a ticket. */
    if (wasm_memory_future_poll(growth) == WASM_MEMORY_PENDING) watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(growth), WASM_MEMORY_OK);
    CHECK_EQ(watch.asked + other.asked, 2);
    CHECK(other.asked == 0 || other.desired == 7 * PAGE);
    CHECK(other.asked == 1 || watch.desired == 7 * PAGE);
    CHECK_EQ(wasm_memory_future_previous_pages(growth), 5);
    wasm_memory_future_delete(growth);
    CHECK_EQ(watch.finalized, 1);
    end(host, &watch);
    CHECK_EQ(other.finalized, 1);
}

/* ---- callbacks of the question that use the library ---- */

static void start_another(watch_t *watch) { watch->more = new_async(watch->host, pages_32(3, 3)); }
static void answer_the_oldest(watch_t *watch) { watch_answer(watch, true); }
static void delete_memory_and_host(watch_t *watch) {
    wasm_memory_delete(watch->memory);
    host_delete(watch->host);
    watch->memory = NULL;
}

TEST(a_question_may_start_another_and_answer_an_older_one) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const first = grow_async(watch.memory, 2);
    wasm_memory_future_t *second, *third;
    watch.growing = answer_the_oldest;
    second = new_async(host, pages_32(2, 2));
    CHECK_STATUS(wasm_memory_future_poll(first), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(second), WASM_MEMORY_OK);
    watch.growing = start_another;
    third = grow_async(watch.memory, 1);
    CHECK_EQ(watch.asked, 4);
    CHECK_EQ(watch.ticket_count, 2);
    watch_answer(&watch, true); /* the one within was first to leave its ticket */
    CHECK_STATUS(outcome((wasm_memory_future_t *)watch.more), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_poll(third), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(third), WASM_MEMORY_OK);
    wasm_memory_future_delete(first);
    end(host, &watch);
}

TEST(memory_store_and_engine_may_be_deleted_within_the_question) {
    int growth, allow;
    for (growth = 0; growth < 2; growth++)
        for (allow = 0; allow < 2; allow++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            wasm_memory_future_t *future;
            int finalized = 0;
            wasm_memory_set_host_info_with_finalizer(watch.memory, &finalized, count_one);
            watch.growing = delete_memory_and_host;
            future = growth ? grow_async(watch.memory, 2) : new_async(host, pages_32(4, 4));
            CHECK(watch.growing == NULL);
            CHECK_EQ(finalized, !growth);
            CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
            watch_answer(&watch, allow);
            CHECK_STATUS(wasm_memory_future_poll(future), allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED);
            CHECK_EQ(wasm_memory_future_previous_pages(future), growth && allow);
            CHECK_EQ(watch.failed, !allow);
            CHECK_EQ(watch.finalized, 0);
            wasm_memory_future_delete(future);
            CHECK_EQ(finalized, 1);
            CHECK_EQ(watch.finalized, 1);
        }
}

/* ---- waiting ---- */

typedef struct {
    wasm_memory_ticket_t *ticket;
    bool allow;
    int64_t after;
    int resolved; /* set before it resolves */
    pthread_t thread;
} resolver_t;

static void *resolve_later(void *env) {
    resolver_t *const resolver = (resolver_t *)env;
    sleep_for(resolver->after);
    store(&resolver->resolved, 1);
    wasm_memory_ticket_resolve(resolver->ticket, resolver->allow);
    return NULL;
}

static void resolver_start(resolver_t *resolver, watch_t *watch, bool allow, int64_t after) {
    resolver->ticket = watch_ticket(watch);
    resolver->allow = allow;
    resolver->after = after;
    resolver->resolved = 0;
    CHECK_EQ(pthread_create(&resolver->thread, NULL, resolve_later, resolver), 0);
}

static void resolver_join(resolver_t *resolver) { CHECK_EQ(pthread_join(resolver->thread, NULL), 0); }

TEST(wait_is_pending_when_its_time_is_over_and_not_before) {
    const int64_t timeouts[] = {1, 1000, MILLISECOND, 15 * MILLISECOND, 60 * MILLISECOND};
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    size_t i;
    for (i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        const int64_t start = now();
        CHECK_STATUS(wasm_memory_future_wait(future, timeouts[i]), WASM_MEMORY_PENDING);
        CHECK(now() - start >= timeouts[i]);
    }
    CHECK_STATUS(wasm_memory_future_wait(future, 0), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_wait(future, 1), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(watch.memory), 3);
    wasm_memory_future_delete(future);
    end(host, &watch);
}

TEST(wait_returns_with_the_answer_of_another_thread) {
    const int64_t timeouts[] = {-1, INT64_MIN, -MILLISECOND, INT64_MAX, INT64_MAX - 1, 600000 * MILLISECOND};
    size_t i;
    int allow;
    for (i = 0; i < sizeof timeouts / sizeof *timeouts; i++)
        for (allow = 0; allow < 2; allow++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
            const bool growth = i % 2 == 0;
            wasm_memory_future_t *const future =
                growth ? grow_async(watch.memory, 2) : new_async(host, pages_32(2, 9));
            const int64_t start = now();
            resolver_t resolver;
            wasm_memory_t *memory;
            resolver_start(&resolver, &watch, allow, 10 * MILLISECOND);
            CHECK_STATUS(wasm_memory_future_wait(future, timeouts[i]), expected);
            CHECK(load(&resolver.resolved));
            CHECK(now() - start >= 10 * MILLISECOND);
            CHECK_EQ(watch.failed, !allow);
            CHECK_EQ(wasm_memory_pages(watch.memory), growth && allow ? 3 : 1);
            memory = wasm_memory_future_take_memory(future);
            CHECK((memory != NULL) == (!growth && allow));
            wasm_memory_delete(memory);
            resolver_join(&resolver);
            wasm_memory_future_delete(future);
            end(host, &watch);
        }
}

TEST(poll_sees_the_answer_of_another_thread) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    wasm_memory_status_t status = WASM_MEMORY_PENDING;
    resolver_t resolver;
    resolver_start(&resolver, &watch, true, 10 * MILLISECOND);
    while (status == WASM_MEMORY_PENDING) {
        status = wasm_memory_future_poll(future);
        sched_yield();
    }
    CHECK(load(&resolver.resolved));
    CHECK_STATUS(status, WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(watch.memory), 3);
    resolver_join(&resolver);
    wasm_memory_future_delete(future);
    end(host, &watch);
}

TEST(wait_goes_on_while_it_is_asked_again) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const first = grow_async(watch.memory, 2);
    wasm_memory_future_t *const second = grow_async(watch.memory, 3);
    resolver_t resolver;
    int64_t start;
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(first), WASM_MEMORY_OK);
    resolver_start(&resolver, &watch, true, 5 * MILLISECOND);
    start = now();
    CHECK_STATUS(wasm_memory_future_wait(second, 40 * MILLISECOND), WASM_MEMORY_PENDING);
    CHECK(now() - start >= 40 * MILLISECOND);
    resolver_join(&resolver);
    if (watch.ticket_count == 0) /* the first answer came later than the end of the wait */
        CHECK_STATUS(wasm_memory_future_poll(second), WASM_MEMORY_PENDING);
    CHECK_ASKED(&watch, 3, 3 * PAGE, 6 * PAGE);
    resolver_start(&resolver, &watch, true, 5 * MILLISECOND);
    CHECK_STATUS(wasm_memory_future_wait(second, -1), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(second), 3);
    resolver_join(&resolver);
    wasm_memory_future_delete(second);
    end(host, &watch);
}

/* ---- on_ready ---- */

typedef struct ready_t ready_t;
struct ready_t {
    int called, finished; /* counted at the start, and at the end */
    int gone, late;       /* whether it must not be called any more, and how often it was or still ran */
    int acted;            /* its act is over */
    int64_t takes;        /* how long it takes after that */
    pthread_t thread;
    wasm_memory_future_t *future;
    wasm_memory_status_t polled;
    void (*act)(ready_t *); /* once */
    ready_t *other;
};

static void is_ready(void *env) {
    ready_t *const ready = (ready_t *)env;
    void (*const act)(ready_t *) = ready->act;
    ready->thread = pthread_self();
    ready->act = NULL;
    add(&ready->called, 1);
    if (act != NULL) act(ready);
    store(&ready->acted, 1);
    if (ready->takes != 0) sleep_for(ready->takes);
    if (load(&ready->gone)) add(&ready->late, 1);
    add(&ready->finished, 1);
}

static ready_t ready_of(wasm_memory_future_t *future) {
    ready_t ready;
    memset(&ready, 0, sizeof ready);
    ready.future = future;
    return ready;
}

TEST(on_ready_before_the_answer_is_called_with_it) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    ready_t ready = ready_of(future);
    wasm_memory_future_on_ready(future, is_ready, &ready);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    CHECK_EQ(ready.called, 0);
    watch_answer(&watch, true);
    CHECK_EQ(ready.called, 1);
    CHECK(pthread_equal(ready.thread, pthread_self()));
    CHECK_EQ(wasm_memory_pages(watch.memory), 1); /* nothing is grown yet */
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    wasm_memory_future_delete(future);
    CHECK_EQ(ready.called, 1);
    end(host, &watch);
}

TEST(on_ready_after_the_answer_is_called_at_once) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    ready_t first = ready_of(future), second = ready_of(future);
    watch_answer(&watch, false); /* a no is an answer, too */
    wasm_memory_future_on_ready(future, is_ready, &first);
    CHECK_EQ(first.called, 1);
    CHECK_EQ(watch.failed, 0); /* nobody has polled */
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_on_ready(future, is_ready, &second); /* after the outcome */
    CHECK_EQ(second.called, 1);
    CHECK_EQ(first.called, 1);
    CHECK(pthread_equal(second.thread, pthread_self()));
    wasm_memory_future_on_ready(future, NULL, NULL);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_LIMIT_DENIED);
    wasm_memory_future_delete(future);
    CHECK_EQ(first.called + second.called, 2);
    end(host, &watch);
}

TEST(on_ready_without_a_limiter_is_called_at_once) {
    const host_t host = host_default();
    wasm_memory_future_t *const future = new_async(host, pages_32(1, 1));
    ready_t ready = ready_of(future);
    wasm_memory_future_on_ready(future, is_ready, &ready);
    CHECK_EQ(ready.called, 1);
    wasm_memory_future_delete(future);
    CHECK_EQ(ready.called, 1);
    host_delete(host);
}

TEST(on_ready_is_called_on_the_resolving_thread) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    ready_t ready = ready_of(future);
    resolver_t resolver;
    wasm_memory_future_on_ready(future, is_ready, &ready);
    resolver_start(&resolver, &watch, true, MILLISECOND);
    resolver_join(&resolver);
    CHECK_EQ(ready.called, 1);
    CHECK(pthread_equal(ready.thread, resolver.thread));
    CHECK_STATUS(outcome(future), WASM_MEMORY_OK);
    end(host, &watch);
}

TEST(on_ready_replaces_the_callback_before_and_null_removes_it) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *future = grow_async(watch.memory, 2);
    ready_t first = ready_of(future), second = ready_of(future);
    wasm_memory_future_on_ready(future, is_ready, &first);
    wasm_memory_future_on_ready(future, is_ready, &second);
    watch_answer(&watch, true);
    CHECK_EQ(first.called, 0);
    CHECK_EQ(second.called, 1);
    CHECK_STATUS(outcome(future), WASM_MEMORY_OK);
    future = grow_async(watch.memory, 2);
    wasm_memory_future_on_ready(future, is_ready, &first);
    wasm_memory_future_on_ready(future, NULL, &first);
    watch_answer(&watch, true);
    CHECK_STATUS(outcome(future), WASM_MEMORY_OK);
    CHECK_EQ(first.called, 0);
    CHECK_EQ(second.called, 1);
    end(host, &watch);
}

static void poll_it(ready_t *ready) { ready->polled = wasm_memory_future_poll(ready->future); }
static void wait_for_it(ready_t *ready) { ready->polled = wasm_memory_future_wait(ready->future, -1); }
static void forget_it(ready_t *ready) { wasm_memory_future_delete(ready->future); }
static void set_another(ready_t *ready) { wasm_memory_future_on_ready(ready->future, is_ready, ready->other); }
static void set_none(ready_t *ready) { wasm_memory_future_on_ready(ready->future, NULL, NULL); }
static void set_itself(ready_t *ready) { wasm_memory_future_on_ready(ready->future, is_ready, ready); }

/* With each way of being called: by an answer on this thread, by one on another, and at once. */
static void be_called(watch_t *watch, ready_t *ready, int way, bool allow) {
    resolver_t resolver;
    if (way == 2) watch_answer(watch, allow);
    wasm_memory_future_on_ready(ready->future, is_ready, ready);
    if (way == 0) watch_answer(watch, allow);
    if (way == 1) {
        resolver_start(&resolver, watch, allow, 0);
        resolver_join(&resolver);
    }
}

TEST(on_ready_may_poll) {
    int way, allow;
    for (way = 0; way < 3; way++)
        for (allow = 0; allow < 2; allow++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
            ready_t ready = ready_of(new_async(host, pages_32(2, 9)));
            wasm_memory_t *memory;
            ready.polled = -1;
            ready.act = way == 1 ? wait_for_it : poll_it;
            be_called(&watch, &ready, way, allow);
            CHECK_EQ(ready.finished, 1);
            CHECK_STATUS(ready.polled, expected);
            CHECK_STATUS(wasm_memory_future_poll(ready.future), expected);
            CHECK_EQ(watch.failed, !allow);
            memory = wasm_memory_future_take_memory(ready.future);
            CHECK((memory != NULL) == allow);
            wasm_memory_delete(memory);
            wasm_memory_future_delete(ready.future);
            end(host, &watch);
        }
}

TEST(on_ready_may_delete_the_future) {
    int way, allow;
    for (way = 0; way < 3; way++)
        for (allow = 0; allow < 2; allow++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            ready_t ready = ready_of(grow_async(watch.memory, 2));
            ready.act = forget_it;
            be_called(&watch, &ready, way, allow);
            CHECK_EQ(ready.called, 1);
            CHECK_EQ(ready.finished, 1);
            CHECK_EQ(wasm_memory_pages(watch.memory), 1);
            end(host, &watch);
        }
}

TEST(on_ready_may_set_and_remove_callbacks) {
    int way;
    for (way = 0; way < 3; way++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, 9));
        ready_t ready = ready_of(grow_async(watch.memory, 2)), other = ready_of(NULL);
        ready.other = &other;
        ready.act = set_another; /* which is ready: it is called at once */
        be_called(&watch, &ready, way, true);
        CHECK_EQ(ready.finished, 1);
        CHECK_EQ(other.finished, 1);
        CHECK_STATUS(outcome(ready.future), WASM_MEMORY_OK);

        ready = ready_of(grow_async(watch.memory, 2));
        ready.act = set_itself;
        be_called(&watch, &ready, way, true);
        CHECK_EQ(ready.finished, 2);
        CHECK_STATUS(outcome(ready.future), WASM_MEMORY_OK);

        ready = ready_of(grow_async(watch.memory, 2));
        ready.act = set_none;
        be_called(&watch, &ready, way, true);
        CHECK_EQ(ready.finished, 1);
        CHECK_STATUS(outcome(ready.future), WASM_MEMORY_OK);
        end(host, &watch);
    }
}

TEST(a_callback_is_called_for_each_answer_until_it_is_replaced) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 20));
    wasm_memory_future_t *const future = grow_async(watch.memory, 1);
    ready_t first = ready_of(future), second = ready_of(future);
    uint64_t i;
    wasm_memory_future_on_ready(future, is_ready, &first);
    for (i = 0; i < 3; i++) { /* others are always faster */
        wasm_memory_future_t *const faster = grow_async(watch.memory, 2);
        watch_answer(&watch, true);
        CHECK_EQ(first.called, (int)i + 1);
        watch_answer(&watch, true);
        CHECK_STATUS(outcome(faster), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
        CHECK_ASKED(&watch, 3 + 2 * (int)i, (3 + 2 * i) * PAGE, (4 + 2 * i) * PAGE);
        CHECK_EQ(first.called, (int)i + 1);
    }
    wasm_memory_future_on_ready(future, is_ready, &second);
    CHECK_EQ(second.called, 0); /* it is not ready, as it has been asked again */
    watch_answer(&watch, true);
    CHECK_EQ(second.called, 1);
    CHECK_EQ(first.called, 3);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 7);
    wasm_memory_future_delete(future);
    end(host, &watch);
}

static bool until(const int *flag) {
    const int64_t end_at = now() + 60000 * MILLISECOND;
    while (load(flag) == 0 && now() < end_at) sched_yield();
    return load(flag) != 0;
}

/* Also when the outcome is known by then: the owner of the future may be faster than the callback. */
TEST(delete_and_on_ready_wait_for_a_callback_that_runs) {
    int how;           /* 0: delete, 1: another callback, 2: none */
    int outcome_known; /* 0: no, 1: the owner has waited for it, 2: the callback has polled */
    for (how = 0; how < 3; how++)
        for (outcome_known = 0; outcome_known < 3; outcome_known++) {
            watch_t watch;
            const host_t host = watched(&watch, pages_32(1, 9));
            wasm_memory_future_t *const future = grow_async(watch.memory, 2);
            ready_t ready = ready_of(future), other = ready_of(future);
            resolver_t resolver;
            ready.takes = 50 * MILLISECOND;
            if (outcome_known == 2) ready.act = poll_it;
            wasm_memory_future_on_ready(future, is_ready, &ready);
            resolver_start(&resolver, &watch, true, 0);
            CHECK(until(&ready.acted));
            if (outcome_known == 1) CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
            if (how == 0)
                wasm_memory_future_delete(future);
            else
                wasm_memory_future_on_ready(future, how == 1 ? is_ready : NULL, &other);
            store(&ready.gone, 1);
            CHECK_EQ(load(&ready.finished), 1);
            CHECK_EQ(load(&ready.called), 1);
            CHECK_EQ(other.called, how == 1);
            resolver_join(&resolver);
            CHECK_EQ(ready.late, 0);
            if (how > 0) CHECK_STATUS(outcome(future), WASM_MEMORY_OK);
            CHECK_EQ(other.called, how == 1);
            CHECK_EQ(wasm_memory_pages(watch.memory), how == 0 && outcome_known == 0 ? 1 : 3);
            end(host, &watch);
        }
}

/* Two callbacks that are each about to take the other's future away: if each waited for the other to end, neither
   would. Where they hang the test fails and goes on without them. */
static struct {
    pthread_barrier_t both;
    wasm_memory_future_t *futures[2];
    bool replace;
    int over[2];
} couple;

static void end_the_other(void *env) {
    const int which = *(const int *)env;
    pthread_barrier_wait(&couple.both);
    if (couple.replace)
        wasm_memory_future_on_ready(couple.futures[1 - which], NULL, NULL);
    else
        wasm_memory_future_delete(couple.futures[1 - which]);
    store(&couple.over[which], 1);
}

TEST(callbacks_on_two_threads_may_each_delete_the_future_of_the_other) {
    static const int which[] = {0, 1};
    static resolver_t resolvers[2];
    int replace, i;
    for (replace = 0; replace < 2; replace++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, 9));
        memset(&couple, 0, sizeof couple);
        couple.replace = replace;
        pthread_barrier_init(&couple.both, NULL, 2);
        for (i = 0; i < 2; i++) {
            couple.futures[i] = i == 0 ? grow_async(watch.memory, 2) : new_async(host, pages_32(2, 9));
            wasm_memory_future_on_ready(couple.futures[i], end_the_other, (void *)(uintptr_t)&which[i]);
        }
        for (i = 0; i < 2; i++) resolver_start(&resolvers[i], &watch, true, 0);
        if (!CHECK(until(&couple.over[0]) && until(&couple.over[1]))) return;
        for (i = 0; i < 2; i++) resolver_join(&resolvers[i]);
        pthread_barrier_destroy(&couple.both);
        for (i = 0; replace && i < 2; i++) CHECK_STATUS(outcome(couple.futures[i]), WASM_MEMORY_OK);
        CHECK_EQ(wasm_memory_pages(watch.memory), replace ? 3 : 1);
        end(host, &watch);
    }
}

/* ---- races of an answer with everything else ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    wasm_memory_ticket_t *ticket;
    bool over;
} handed;

static void *resolve_what_is_handed(void *unused) {
    (void)unused;
    for (;;) {
        wasm_memory_ticket_t *ticket;
        pthread_mutex_lock(&handed.mutex);
        while (handed.ticket == NULL && !handed.over) pthread_cond_wait(&handed.changed, &handed.mutex);
        ticket = handed.ticket;
        handed.ticket = NULL;
        pthread_cond_broadcast(&handed.changed);
        pthread_mutex_unlock(&handed.mutex);
        if (ticket == NULL) return NULL;
        wasm_memory_ticket_resolve(ticket, true);
    }
}

static void hand(wasm_memory_ticket_t *ticket) {
    pthread_mutex_lock(&handed.mutex);
    while (handed.ticket != NULL) pthread_cond_wait(&handed.changed, &handed.mutex);
    handed.ticket = ticket;
    handed.over = ticket == NULL;
    pthread_cond_broadcast(&handed.changed);
    pthread_mutex_unlock(&handed.mutex);
}

static void spin(int turns) {
    volatile int turn;
    for (turn = 0; turn < turns; turn++) {
    }
}

#define MEETINGS 3000

TEST(an_answer_that_meets_on_ready_or_delete_calls_once_or_never) {
    static ready_t readies[MEETINGS][2]; /* for whoever is called too late */
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 60000));
    pthread_t thread;
    int round, late = 0;
    memset(&handed, 0, sizeof handed);
    pthread_mutex_init(&handed.mutex, NULL);
    pthread_cond_init(&handed.changed, NULL);
    CHECK_EQ(pthread_create(&thread, NULL, resolve_what_is_handed, NULL), 0);
    for (round = 0; round < MEETINGS; round++) {
        wasm_memory_future_t *const future = grow_async(watch.memory, 1);
        ready_t *const first = &readies[round][0], *const second = &readies[round][1];
        const int way = round % 3;
        *first = *second = ready_of(future);
        if (way > 0) wasm_memory_future_on_ready(future, is_ready, first);
        hand(watch_ticket(&watch));
        spin(round * 7 % 3000);
        if (way == 0) { /* set: called, here or there */
            wasm_memory_future_on_ready(future, is_ready, first);
            CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
            CHECK(until(&first->called)); /* the answer may be seen before the callback is reached */
        } else if (way == 2) { /* replaced: the first may have been called, the second must be */
            wasm_memory_future_on_ready(future, is_ready, second);
            store(&first->gone, 1);
            CHECK(load(&first->called) <= 1);
            CHECK_EQ(load(&first->called), load(&first->finished));
            CHECK_STATUS(wasm_memory_future_wait(future, -1), WASM_MEMORY_OK);
            if (round % 2 == 0) CHECK(until(&second->called));
        }
        wasm_memory_future_delete(future); /* called or not by now, it is over */
        store(&first->gone, 1);
        store(&second->gone, 1);
        CHECK_EQ(load(&first->called), load(&first->finished));
        CHECK_EQ(load(&second->called), load(&second->finished));
        if (way == 0) CHECK_EQ(load(&first->called), 1);
    }
    CHECK_EQ(wasm_memory_pages(watch.memory), 1 + MEETINGS / 3 * 2); /* two of three were waited for */
    limiter_none(host.store);
    hand(NULL);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    for (round = 0; round < MEETINGS; round++) {
        late += readies[round][0].late + readies[round][1].late;
        CHECK(readies[round][0].called <= 1 && readies[round][1].called <= 1);
    }
    CHECK_EQ(late, 0);
    pthread_mutex_destroy(&handed.mutex);
    pthread_cond_destroy(&handed.changed);
    CHECK_EQ(watch.finalized, 1);
    CHECK_EQ(watch.failed, 0);
    end(host, &watch);
}

/* ---- deletion ---- */

/* Stages: 0 before the answer, 1 after it, 2 after the outcome, 3 after the memory was taken. */
TEST(a_future_may_be_deleted_at_every_stage) {
    int growth, allow, stage, with_limiter;
    for (growth = 0; growth < 2; growth++)
        for (allow = 0; allow < 2; allow++)
            for (stage = 0; stage < 4; stage++)
                for (with_limiter = 0; with_limiter < 2; with_limiter++) {
                    watch_t watch;
                    const host_t host = watched(&watch, pages_32(1, 9));
                    wasm_memory_future_t *const future =
                        growth ? grow_async(watch.memory, 2) : new_async(host, pages_32(2, 9));
                    wasm_memory_t *taken = NULL;
                    wasm_memory_ticket_t *ticket = watch_ticket(&watch);
                    ready_t ready = ready_of(future);
                    int finalized = 0;
                    const wasm_memory_status_t expected = allow ? WASM_MEMORY_OK : WASM_MEMORY_LIMIT_DENIED;
                    const bool done = stage >= 2 && allow;
                    wasm_memory_set_host_info_with_finalizer(watch.memory, &finalized, count_one);
                    wasm_memory_future_on_ready(future, is_ready, &ready);
                    if (stage >= 1) wasm_memory_ticket_resolve(ticket, allow);
                    if (stage >= 2) CHECK_STATUS(wasm_memory_future_poll(future), expected);
                    if (stage >= 3) taken = wasm_memory_future_take_memory(future);
                    CHECK((taken != NULL) == (stage >= 3 && allow && !growth));
                    wasm_memory_future_delete(future);
                    CHECK_EQ(wasm_memory_pages(watch.memory), growth && done ? 3 : 1);
                    CHECK_EQ(watch.failed, stage >= 2 && !allow);
                    if (!with_limiter) CHECK(has_memories(host, taken != NULL ? 2 : 1));
                    wasm_memory_delete(watch.memory);
                    wasm_memory_delete(taken);
                    CHECK_EQ(finalized, 1);
                    host_delete(host);
                    /* All is gone but the ticket, and with it the limiter. */
                    CHECK_EQ(watch.finalized, stage >= 1);
                    if (stage == 0) wasm_memory_ticket_resolve(ticket, allow);
                    CHECK_EQ(watch.finalized, 1);
                    CHECK_EQ(ready.called, stage >= 1);
                    CHECK_EQ(watch.failed, stage >= 2 && !allow);
                    CHECK_EQ(watch.asked, 1);
                }
}

TEST(a_pending_growth_keeps_its_memory_and_all_it_needs) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 9));
    wasm_memory_future_t *const future = grow_async(watch.memory, 2);
    int finalized = 0;
    wasm_memory_set_host_info_with_finalizer(watch.memory, &finalized, count_one);
    wasm_memory_delete(watch.memory);
    host_delete(host);
    CHECK_EQ(finalized, 0);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_future_previous_pages(future), 1);
    CHECK_EQ(watch.finalized, 0);
    wasm_memory_future_delete(future);
    CHECK_EQ(finalized, 1);
    CHECK_EQ(watch.finalized, 1);
}

TEST(a_future_outlives_its_store_and_makes_its_memory) {
    const host_t host = host_default();
    watch_t watch = watching(host);
    wasm_memory_future_t *future;
    wasm_memory_t *memory;
    limiter_async_set(host.store, &watch);
    future = new_async(host, pages_32(2, 9));
    host_delete(host);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_PENDING);
    watch_answer(&watch, true);
    CHECK_EQ(watch.finalized, 0);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    wasm_memory_future_delete(future);
    CHECK_EQ(watch.finalized, 0); /* the memory asks it on */
    CHECK_EQ(wasm_memory_pages(memory), 2);
    future = grow_async(memory, 1);
    CHECK_ASKED(&watch, 2, 2 * PAGE, 3 * PAGE);
    wasm_memory_delete(memory);
    wasm_memory_future_delete(future);
    CHECK_EQ(watch.finalized, 0);
    watch_answer(&watch, true);
    CHECK_EQ(watch.finalized, 1);
    CHECK_EQ(watch.failed, 0);
}

TEST(a_taken_memory_outlives_its_future) {
    watch_t watch;
    const host_t host = watched(&watch, pages_32(1, 1));
    wasm_memory_future_t *const future = new_async(host, pages_32(2, 9));
    wasm_memory_t *memory;
    int finalized = 0;
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    memory = wasm_memory_future_take_memory(future);
    wasm_memory_set_host_info_with_finalizer(memory, &finalized, count_one);
    wasm_memory_future_delete(future);
    CHECK_EQ(finalized, 0);
    CHECK_STATUS(wasm_memory_store_u8(memory, PAGE, 1), WASM_MEMORY_OK);
    wasm_memory_delete(memory); /* which the future does not keep either */
    CHECK_EQ(finalized, 1);
    end(host, &watch);
}

static void delete_polled(watch_t *watch) { wasm_memory_future_delete((wasm_memory_future_t *)watch->more); }

/* "At any moment": also by a callback that poll itself calls. */
TEST(a_future_may_be_deleted_by_what_its_own_poll_calls) {
    int how; /* 0: told of the failure, 1: asked again, 2: ready again */
    for (how = 0; how < 3; how++) {
        watch_t watch;
        const host_t host = watched(&watch, pages_32(1, 9));
        wasm_memory_future_t *const first = grow_async(watch.memory, 2);
        wasm_memory_future_t *const second = grow_async(watch.memory, 3);
        ready_t ready = ready_of(second);
        watch.more = second;
        watch_answer(&watch, true);
        watch_answer(&watch, how != 0);
        CHECK_STATUS(outcome(first), WASM_MEMORY_OK);
        if (how == 0) watch.failing = delete_polled;
        if (how == 1) watch.growing = delete_polled;
        if (how == 2) {
            wasm_memory_future_on_ready(second, is_ready, &ready);
            CHECK_EQ(ready.called, 1);
            ready.act = forget_it;
            watch.at_once = true;
        }
        (void)wasm_memory_future_poll(second); /* whatever it says, nothing is left of it */
        CHECK(watch.failing == NULL && watch.growing == NULL);
        if (!CHECK(ready.act == NULL)) wasm_memory_future_delete(second);
        CHECK_EQ(watch.asked, how == 0 ? 2 : 3);
        CHECK_EQ(wasm_memory_pages(watch.memory), 3);
        if (how == 1) watch_answer(&watch, true);
        CHECK_EQ(wasm_memory_pages(watch.memory), 3);
        end(host, &watch);
    }
}

/* What the limiter does with the future whose poll asks it again. */
typedef struct {
    wasm_memory_future_t *future;
    ready_t *ready, *other; /* the callback that it has, and the one that it gets */
} hold_t;

static void delete_held(watch_t *watch) {
    hold_t *const hold = (hold_t *)watch->more;
    wasm_memory_future_delete(hold->future);
    store(&hold->ready->gone, 1);
}
static void silence_held(watch_t *watch) {
    hold_t *const hold = (hold_t *)watch->more;
    wasm_memory_future_on_ready(hold->future, NULL, NULL);
    store(&hold->ready->gone, 1);
}
static void tell_another_of_held(watch_t *watch) {
    hold_t *const hold = (hold_t *)watch->more;
    wasm_memory_future_on_ready(hold->future, is_ready, hold->other);
    store(&hold->ready->gone, 1);
    CHECK_EQ(hold->other->called, 0); /* it has just been asked again */
}

/* The callback of before may lose its env there and then: the answer to that very question, at once or later, does not
   call it any more. */
TEST(a_callback_taken_off_within_the_question_of_a_poll_is_not_called_with_its_answer) {
    void (*const actions[])(watch_t *) = {delete_held, silence_held, tell_another_of_held};
    const int64_t long_time = 60000 * MILLISECOND;
    size_t action;
    int at_once, wait;
    for (action = 0; action < sizeof actions / sizeof *actions; action++)
        for (at_once = 0; at_once < 2; at_once++)
            for (wait = 0; wait < 2; wait++) {
                const bool deleted = actions[action] == delete_held;
                watch_t watch;
                const host_t host = watched(&watch, pages_32(1, 9));
                wasm_memory_future_t *const first = grow_async(watch.memory, 2);
                wasm_memory_future_t *const second = grow_async(watch.memory, 3);
                ready_t ready = ready_of(second), other = ready_of(second);
                hold_t hold;
                int64_t start;
                hold.future = second;
                hold.ready = &ready;
                hold.other = &other;
                wasm_memory_future_on_ready(second, is_ready, &ready);
                watch_answer(&watch, true);
                watch_answer(&watch, true);
                CHECK_EQ(ready.called, 1);
                CHECK_STATUS(outcome(first), WASM_MEMORY_OK);
                watch.more = &hold;
                watch.growing = actions[action];
                watch.at_once = at_once;
                start = now();
                CHECK_STATUS(wait ? wasm_memory_future_wait(second, deleted || at_once ? long_time : 0)
                                  : wasm_memory_future_poll(second),
                             at_once && !deleted ? WASM_MEMORY_OK : WASM_MEMORY_PENDING);
                CHECK(now() - start < long_time); /* deleted, it waits for nothing any more */
                CHECK(watch.growing == NULL);
                CHECK_ASKED(&watch, 3, 3 * PAGE, 6 * PAGE);
                if (!at_once) {
                    CHECK_EQ(other.called, 0);
                    watch_answer(&watch, true);
                }
                CHECK_EQ(ready.called, 1);
                CHECK_EQ(ready.late, 0);
                CHECK_EQ(other.called, actions[action] == tell_another_of_held);
                if (!deleted) CHECK_STATUS(outcome(second), WASM_MEMORY_OK);
                CHECK_EQ(wasm_memory_pages(watch.memory), deleted ? 3 : 6);
                CHECK_EQ(ready.called, 1);
                CHECK_EQ(watch.asked, 3);
                CHECK_EQ(watch.failed, 0);
                end(host, &watch);
            }
}

/* ---- everything at once ---- */

#define RESOLVERS 4
#define WORKERS 3
#define QUEUE 4096

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    wasm_memory_ticket_t *tickets[QUEUE];
    size_t first, count;
    bool over;
    host_t host;
    int questions, answers, told, finalized; /* of the limiter */
    int outcomes, refused, wrong;            /* of the futures */
    int called, late;                        /* of their callbacks */
} stress;

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void stress_growing(void *env, uint64_t current, uint64_t desired, uint64_t maximum,
                           wasm_memory_ticket_t *ticket) {
    const int number = add(&stress.questions, 1);
    (void)env;
    if (current > desired || desired > maximum || load(&stress.finalized) != 0) add(&stress.wrong, 1);
    if (number % 5 != 0) {
        pthread_mutex_lock(&stress.mutex);
        if (stress.count < QUEUE) {
            stress.tickets[(stress.first + stress.count++) % QUEUE] = ticket;
            ticket = NULL;
            pthread_cond_signal(&stress.changed);
        }
        pthread_mutex_unlock(&stress.mutex);
        if (ticket == NULL) return;
    }
    add(&stress.answers, 1);
    wasm_memory_ticket_resolve(ticket, number % 3 != 0);
}

static void stress_failed(void *env, wasm_memory_status_t status, const char *message) {
    (void)env;
    if (message == NULL || message[0] == 0 || status == WASM_MEMORY_OK || status == WASM_MEMORY_PENDING)
        add(&stress.wrong, 1);
    add(&stress.told, 1);
}

static void stress_finalized(void *env) {
    (void)env;
    add(&stress.finalized, 1);
}

/* What a callback is called with: kept to the end, so that one that comes too late is seen and does no harm. */
typedef struct mark_t mark_t;
struct mark_t {
    int gone;
    mark_t *next;
};

static void stress_ready(void *env) {
    add(&stress.called, 1);
    if (load(&((mark_t *)env)->gone)) add(&stress.late, 1);
}

static void *stress_resolver(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    for (;;) {
        wasm_memory_ticket_t *ticket = NULL;
        pthread_mutex_lock(&stress.mutex);
        while (stress.count == 0 && !stress.over) pthread_cond_wait(&stress.changed, &stress.mutex);
        if (stress.count > 0) {
            /* Any of them, and not in turn. */
            const size_t last = (stress.first + stress.count - 1) % QUEUE;
            const size_t which = (stress.first + random_of(&random) % stress.count) % QUEUE;
            ticket = stress.tickets[which];
            stress.tickets[which] = stress.tickets[last];
            stress.count--;
        }
        pthread_mutex_unlock(&stress.mutex);
        if (ticket == NULL) return NULL;
        if (random_of(&random) % 8 == 0) sleep_for(random_of(&random) % 200000);
        add(&stress.answers, 1);
        wasm_memory_ticket_resolve(ticket, random_of(&random) % 4 != 0);
    }
}

static void stress_note(wasm_memory_status_t status) {
    add(&stress.outcomes, 1);
    if (status != WASM_MEMORY_OK) add(&stress.refused, 1);
    if (status != WASM_MEMORY_OK && status != WASM_MEMORY_LIMIT_DENIED && status != WASM_MEMORY_MAXIMUM_EXCEEDED)
        add(&stress.wrong, 1);
}

/* One future, from its beginning to its end at a random moment. */
static void stress_round(uint32_t *random, wasm_memory_t *memory, mark_t *mark) {
    const bool growth = random_of(random) % 2 == 0;
    wasm_memory_future_t *const future = growth ? grow_async(memory, 1 + random_of(random) % 3)
                                                : new_async(stress.host, pages_32(random_of(random) % 3, 3));
    wasm_memory_status_t status;
    const uint32_t patience = random_of(random) % 6; /* 5: until it is there */
    uint32_t turn;
    if (future == NULL) return;
    status = wasm_memory_future_poll(future); /* so that each failure that is told is seen here as well */
    if (growth && random_of(random) % 3 == 0) {
        wasm_memory_future_t *const faster = grow_async(memory, 1); /* the other one has to ask again */
        stress_note(wasm_memory_future_wait(faster, -1));
        wasm_memory_future_delete(faster);
    }
    if (random_of(random) % 2 == 0) wasm_memory_future_on_ready(future, stress_ready, mark);
    for (turn = 0; status == WASM_MEMORY_PENDING && (patience == 5 || turn < patience); turn++) {
        switch (random_of(random) % 4) {
        case 0: status = wasm_memory_future_poll(future); break;
        case 1: status = wasm_memory_future_wait(future, (int64_t)(random_of(random) % 300000)); break;
        case 2:
            if (random_of(random) % 2 == 0) wasm_memory_future_on_ready(future, NULL, NULL);
            status = wasm_memory_future_wait(future, 0);
            break;
        default: status = patience == 5 ? wasm_memory_future_wait(future, -1) : wasm_memory_future_poll(future);
        }
    }
    if (status != WASM_MEMORY_PENDING) {
        wasm_memory_t *taken = NULL;
        if (wasm_memory_future_poll(future) != status) add(&stress.wrong, 1);
        if (random_of(random) % 2 == 0) taken = wasm_memory_future_take_memory(future);
        if (taken != NULL && (status != WASM_MEMORY_OK || growth)) add(&stress.wrong, 1);
        if (taken != NULL && wasm_memory_pages(taken) > 0 && wasm_memory_store_u8(taken, 9, 9) != WASM_MEMORY_OK)
            add(&stress.wrong, 1);
        wasm_memory_delete(taken);
        stress_note(status);
    }
    wasm_memory_future_delete(future);
    store(&mark->gone, 1);
}

static void *stress_worker(void *seed) {
    uint32_t random = *(uint32_t *)seed;
    const int64_t end_at = now() + 2000 * MILLISECOND;
    wasm_memory_t *memory = NULL;
    mark_t *marks = NULL;
    while (now() < end_at) {
        if (memory == NULL) {
            wasm_memory_future_t *const future = new_async(stress.host, pages_32(1, 12));
            const wasm_memory_status_t status = wasm_memory_future_wait(future, -1);
            memory = wasm_memory_future_take_memory(future);
            if ((status == WASM_MEMORY_OK) != (memory != NULL)) add(&stress.wrong, 1);
            stress_note(status);
            wasm_memory_future_delete(future);
        } else {
            mark_t *const mark = (mark_t *)calloc(1, sizeof *mark);
            mark->next = marks;
            marks = mark;
            stress_round(&random, memory, mark);
        }
        if (random_of(&random) % 32 == 0) {
            wasm_memory_delete(memory);
            memory = NULL;
        }
    }
    wasm_memory_delete(memory);
    return marks;
}

TEST(tickets_and_futures_of_many_threads_stay_consistent) {
    pthread_t resolvers[RESOLVERS], workers[WORKERS];
    uint32_t seeds[RESOLVERS + WORKERS];
    void *marks[WORKERS];
    wasm_memory_limiter_async_t limiter;
    size_t i;
    memset(&stress, 0, sizeof stress);
    pthread_mutex_init(&stress.mutex, NULL);
    pthread_cond_init(&stress.changed, NULL);
    stress.host = host_default();
    memset(&limiter, 0, sizeof limiter);
    limiter.struct_size = sizeof limiter;
    limiter.memory_growing = stress_growing;
    limiter.memory_grow_failed = stress_failed;
    limiter.finalizer = stress_finalized;
    CHECK_STATUS(wasm_store_limiter_async_set(stress.host.store, &limiter), WASM_MEMORY_OK);
    limits_set(stress.host.store, NO_LIMIT, 30 * PAGE, 12);
    for (i = 0; i < RESOLVERS + WORKERS; i++) seeds[i] = (uint32_t)(i + 1) * 2654435761u;
    for (i = 0; i < RESOLVERS; i++) CHECK_EQ(pthread_create(&resolvers[i], NULL, stress_resolver, &seeds[i]), 0);
    for (i = 0; i < WORKERS; i++)
        CHECK_EQ(pthread_create(&workers[i], NULL, stress_worker, &seeds[RESOLVERS + i]), 0);
    for (i = 0; i < WORKERS; i++) CHECK_EQ(pthread_join(workers[i], &marks[i]), 0);
    /* Only tickets of futures that were deleted can be left; they may find the store gone as well. */
    CHECK_EQ(load(&stress.finalized), 0);
    CHECK(has_memories(stress.host, 0)); /* which takes the limiter away */
    host_delete(stress.host);
    pthread_mutex_lock(&stress.mutex);
    stress.over = true;
    pthread_cond_broadcast(&stress.changed);
    pthread_mutex_unlock(&stress.mutex);
    for (i = 0; i < RESOLVERS; i++) CHECK_EQ(pthread_join(resolvers[i], NULL), 0);
    CHECK_EQ(stress.finalized, 1);
    CHECK_EQ(stress.wrong, 0);
    CHECK_EQ(stress.late, 0);
    CHECK_EQ(stress.answers, stress.questions);
    CHECK_EQ(stress.told, stress.refused); /* each once; of futures that were dropped, none */
    CHECK(stress.refused > 0 && stress.outcomes > stress.refused && stress.called > 0);
    CHECK(stress.questions > 100);
    for (i = 0; i < WORKERS; i++)
        while (marks[i] != NULL) {
            mark_t *const mark = (mark_t *)marks[i];
            marks[i] = mark->next;
            free(mark);
        }
    pthread_mutex_destroy(&stress.mutex);
    pthread_cond_destroy(&stress.changed);
}

int main(void) {
    RUN(without_an_async_limiter_a_memory_is_made_in_the_call);
    RUN(without_an_async_limiter_a_memory_grows_in_the_call);
    RUN(a_synchronous_limiter_is_asked_in_the_call);
    RUN(a_memory_is_made_once_the_answer_is_there);
    RUN(a_memory_grows_once_the_answer_is_there);
    RUN(numbers_are_bytes_for_every_kind_of_memory);
    RUN(a_denial_is_the_outcome_and_is_told_once);
    RUN(an_answer_within_the_question_makes_the_future_ready);
    RUN(growth_by_nothing_is_ready_at_once);
    RUN(what_is_refused_without_a_question_is_ready_at_once);
    RUN(synchronous_forms_need_a_synchronous_answer);
    RUN(an_async_limiter_needs_memory_growing_and_no_more);
    RUN(several_questions_wait_side_by_side_and_are_answered_in_any_order);
    RUN(limits_are_checked_again_when_the_answer_is_there);
    RUN(what_is_lent_when_the_answer_is_there_does_not_grow);
    RUN(what_waits_for_its_answer_takes_nothing_from_the_limits);
    RUN(the_system_can_refuse_what_was_allowed);
    RUN(when_the_length_has_changed_it_is_asked_again);
    RUN(asked_again_a_no_counts_and_so_do_type_and_limits);
    RUN(asked_again_an_answer_at_once_leads_to_the_outcome);
    RUN(an_answer_counts_when_its_limiter_was_removed_meanwhile);
    RUN(a_limiter_replaced_goes_with_its_last_ticket);
    RUN(a_limiter_replaced_after_its_answers_goes_at_once);
    RUN(a_limiter_set_back_after_a_pending_growth_is_asked_when_the_length_has_changed);
    RUN(a_question_may_start_another_and_answer_an_older_one);
    RUN(memory_store_and_engine_may_be_deleted_within_the_question);
    RUN(wait_is_pending_when_its_time_is_over_and_not_before);
    RUN(wait_returns_with_the_answer_of_another_thread);
    RUN(poll_sees_the_answer_of_another_thread);
    RUN(wait_goes_on_while_it_is_asked_again);
    RUN(on_ready_before_the_answer_is_called_with_it);
    RUN(on_ready_after_the_answer_is_called_at_once);
    RUN(on_ready_without_a_limiter_is_called_at_once);
    RUN(on_ready_is_called_on_the_resolving_thread);
    RUN(on_ready_replaces_the_callback_before_and_null_removes_it);
    RUN(on_ready_may_poll);
    RUN(on_ready_may_delete_the_future);
    RUN(on_ready_may_set_and_remove_callbacks);
    RUN(a_callback_is_called_for_each_answer_until_it_is_replaced);
    RUN(delete_and_on_ready_wait_for_a_callback_that_runs);
    RUN(callbacks_on_two_threads_may_each_delete_the_future_of_the_other);
    RUN(an_answer_that_meets_on_ready_or_delete_calls_once_or_never);
    RUN(a_future_may_be_deleted_at_every_stage);
    RUN(a_pending_growth_keeps_its_memory_and_all_it_needs);
    RUN(a_future_outlives_its_store_and_makes_its_memory);
    RUN(a_taken_memory_outlives_its_future);
    RUN(a_future_may_be_deleted_by_what_its_own_poll_calls);
    RUN(a_callback_taken_off_within_the_question_of_a_poll_is_not_called_with_its_answer);
    RUN(tickets_and_futures_of_many_threads_stay_consistent);
    return check_finish();
}
