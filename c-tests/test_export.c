/* Memories that several processes have: exported as a descriptor, imported from one. The other processes are this
 * program, started again with the name of what it is to do. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: only Linux has the descriptors that memories are exported as");
    return 0;
}

#else

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "support/children.h"
#include "support/limiters.h"
#include "support/memories.h"
#include "support/watched.h"
#include "wasm_memory_inline.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND (1000 * MILLISECOND)
#define FOR_EVER (-INT64_C(1))
#define ALL UINT32_MAX

/* What is done very often is done less often where it would take minutes. */
#define SLOWNESS 1
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#undef SLOWNESS
#define SLOWNESS 4
#endif
#endif

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_for(int64_t nanoseconds) {
    struct timespec time;
    time.tv_sec = (time_t)(nanoseconds / SECOND);
    time.tv_nsec = (long)(nanoseconds % SECOND);
    nanosleep(&time, NULL);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- a watchdog: what hangs is told and ends ---- */

#define PATIENCE (100 * SLOWNESS) /* seconds for a test */

static void hung(int signal) {
    static const char words[] = "HUNG in ";
    const char *const test = check_state.test != NULL ? check_state.test : "no test";
    (void)signal;
    if (write(2, words, sizeof words - 1) >= 0 && write(2, test, strlen(test)) >= 0 && write(2, "\n", 1) >= 0) _exit(3);
    _exit(4);
}

static void watch_over_me(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = hung;
    sigaction(SIGALRM, &action, NULL);
}

#define TRY(test) (alarm(PATIENCE), RUN(test))

/* ---- what this process has ---- */

static uint64_t open_descriptors(void) {
    uint64_t count = 0;
    DIR *const folder = opendir("/proc/self/fd");
    if (folder == NULL) return 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

typedef struct {
    uint64_t descriptors, mappings;
} holdings_t;

static holdings_t holdings(void) {
    holdings_t has;
    has.descriptors = open_descriptors();
    has.mappings = process_mappings();
    return has;
}

static bool check_holdings(holdings_t before, const char *file, int line) {
    const holdings_t after = holdings();
    const bool same = check_equal(after.descriptors, before.descriptors, file, line, "open descriptors as before");
    if (is_watched()) return same; /* by tools that map memory of their own */
    return check_equal(after.mappings, before.mappings, file, line, "mappings as before") && same;
}
#define CHECK_HOLDINGS(before) check_holdings(before, __FILE__, __LINE__)

/* ---- an exported memory, as one process sees it ---- */

static shape_t shared_32(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 16); }
static shape_t shared_64(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, true, true, 16); }
static shape_t shared_bytes(uint64_t minimum, uint64_t maximum) { return shape(minimum, maximum, false, true, 0); }

typedef struct {
    host_t host;
    wasm_shared_memory_t *token;
    wasm_memory_t *memory;
    intptr_t descriptor; /* -1: none */
} here_t;

static host_t exporting_host(wasm_memory_bounds_t bounds) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    wasm_config_memory_exportable_set(config, true);
    return host_with(config);
}

static wasm_memory_status_t try_shared(host_t host, shape_t of, wasm_shared_memory_t **out) {
    wasm_memorytype_t *const type = type_of(of);
    const wasm_memory_status_t status = wasm_shared_memory_new(host.engine, type, out);
    wasm_memorytype_delete(type);
    return status;
}

static wasm_memory_status_t try_import(host_t host, shape_t as, intptr_t descriptor, wasm_shared_memory_t **out) {
    wasm_memorytype_t *const type = type_of(as);
    const wasm_memory_status_t status = wasm_shared_memory_import(host.engine, type, descriptor, out);
    wasm_memorytype_delete(type);
    return status;
}

static intptr_t exported(const wasm_shared_memory_t *token) {
    intptr_t descriptor = -1;
    CHECK_STATUS(wasm_shared_memory_export(token, &descriptor), WASM_MEMORY_OK);
    return descriptor;
}

static here_t made(wasm_memory_bounds_t bounds, shape_t of) {
    here_t here;
    here.host = exporting_host(bounds);
    here.token = NULL;
    CHECK_STATUS(try_shared(here.host, of, &here.token), WASM_MEMORY_OK);
    here.memory = wasm_memory_obtain(here.host.store, here.token);
    CHECK(here.memory != NULL);
    here.descriptor = exported(here.token);
    return here;
}

/* The descriptor stays the caller's. */
static here_t imported(wasm_memory_bounds_t bounds, shape_t as, intptr_t descriptor) {
    here_t here;
    here.host = host_with_bounds(bounds);
    here.token = NULL;
    CHECK_STATUS(try_import(here.host, as, descriptor, &here.token), WASM_MEMORY_OK);
    here.memory = wasm_memory_obtain(here.host.store, here.token);
    CHECK(here.memory != NULL);
    here.descriptor = -1;
    return here;
}

static void here_delete(here_t here) {
    if (here.descriptor >= 0) close((int)here.descriptor);
    wasm_memory_delete(here.memory);
    wasm_shared_memory_delete(here.token);
    host_delete(here.host);
}

/* The length in the view, without asking the library. */
static uint64_t seen_length(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    return view == NULL ? 0 : __atomic_load_n(&view->byte_length, __ATOMIC_ACQUIRE);
}

static uint8_t byte_at(const wasm_memory_t *memory, uint64_t offset) {
    uint8_t byte = 0;
    CHECK_STATUS(wasm_memory_load_u8(memory, offset, &byte), WASM_MEMORY_OK);
    return byte;
}

static uint64_t grown(wasm_memory_t *memory, uint64_t delta) {
    uint64_t previous = 99;
    CHECK_STATUS(wasm_memory_try_grow(memory, delta, &previous), WASM_MEMORY_OK);
    return previous;
}

static uint32_t notified(wasm_memory_t *memory, uint64_t offset, uint32_t count) {
    uint32_t woken = 99;
    CHECK_STATUS(wasm_memory_atomic_notify(memory, offset, count, &woken), WASM_MEMORY_OK);
    return woken;
}

static uint64_t waiters(const wasm_memory_t *memory) { return stats_of(memory).waiters; }

/* Until so many wait, or it is plain that they never will. */
static bool waiters_become(const wasm_memory_t *memory, uint64_t count) {
    const int64_t deadline = now() + 20 * SECOND;
    while (waiters(memory) != count) {
        if (now() > deadline) {
            CHECK_EQ(waiters(memory), count);
            return false;
        }
        sleep_for(MILLISECOND / 20);
    }
    return true;
}

/* ---- descriptors through sockets ---- */

static bool send_descriptor(int socket, intptr_t descriptor) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte = 'd';
    struct iovec bytes;
    struct msghdr message;
    const int number = (int)descriptor;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    bytes.iov_base = &byte;
    bytes.iov_len = 1;
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control.room;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof number);
    memcpy(CMSG_DATA(&control.header), &number, sizeof number);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

static intptr_t receive_descriptor(int socket) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec bytes;
    struct msghdr message;
    int number = -1;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    bytes.iov_base = &byte;
    bytes.iov_len = 1;
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control.room;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen < CMSG_LEN(sizeof number)) return -1;
    memcpy(&number, CMSG_DATA(&control.header), sizeof number);
    return number;
}

/* ---- what goes on when several processes work at once ---- */

/* The word that ends what goes on. */
#define STOP 0

/* Waits and notifies at random, at four addresses, until a word says that it is over. Every wait ends by itself. */
typedef struct {
    wasm_memory_t *memory;
    uint64_t base, stop; /* the addresses from `base` on; the word is at `stop` */
    uint64_t seed;
    uint64_t returned;    /* waits that were notified */
    uint64_t woken;       /* by its notifies */
    uint64_t interrupted; /* waits that were */
    uint64_t turns, wrong;
} storm_t;

static void storm_wait(storm_t *storm, uint64_t offset, uint64_t dice) {
    const int64_t times[] = {0, 1000, 50000, MILLISECOND, 3 * MILLISECOND};
    const int64_t timeout = times[dice / 2 % 5];
    wasm_memory_wait_result_t result = 77;
    const wasm_memory_status_t status =
        dice % 2 == 0 ? wasm_memory_atomic_wait32(storm->memory, offset, 0, timeout, &result)
                      : wasm_memory_atomic_wait64(storm->memory, offset, 0, timeout, &result);
    if (status == WASM_MEMORY_OK && result == WASM_MEMORY_WAIT_OK)
        storm->returned++;
    else if (status == WASM_MEMORY_INTERRUPTED)
        storm->interrupted++;
    else if (status != WASM_MEMORY_OK || result != WASM_MEMORY_WAIT_TIMED_OUT)
        storm->wrong++;
}

static void storm_notify(storm_t *storm, uint64_t offset, uint64_t dice) {
    const uint32_t counts[] = {0, 1, 2, 5, ALL};
    const uint32_t count = counts[dice % 5];
    uint32_t woken = 77;
    if (wasm_memory_atomic_notify(storm->memory, offset, count, &woken) != WASM_MEMORY_OK || woken > count)
        storm->wrong++;
    else
        storm->woken += woken;
}

static void *storm_run(void *env) {
    storm_t *const storm = (storm_t *)env;
    uint32_t over = 0;
    while (over == 0) {
        const uint64_t dice = next_random(&storm->seed);
        const uint64_t offset = storm->base + 8 * (dice % 4);
        if (dice / 4 % 2 == 0)
            storm_wait(storm, offset, dice / 8 % 1024);
        else
            storm_notify(storm, offset, dice / 8 % 1024);
        storm->turns++;
        if (wasm_memory_atomic_load32(storm->memory, storm->stop, &over) != WASM_MEMORY_OK) {
            storm->wrong++;
            break;
        }
    }
    return NULL;
}

static storm_t storm_of(wasm_memory_t *memory, uint64_t base, uint64_t stop, uint64_t seed) {
    storm_t storm;
    memset(&storm, 0, sizeof storm);
    storm.memory = memory;
    storm.base = base;
    storm.stop = stop;
    storm.seed = seed * 0x9e3779b97f4a7c15 + 1;
    return storm;
}

/* What several storms did together. */
static void storm_add(storm_t *sum, const storm_t *one) {
    sum->returned += one->returned;
    sum->woken += one->woken;
    sum->interrupted += one->interrupted;
    sum->turns += one->turns;
    sum->wrong += one->wrong;
}

/* Two threads of a storm. */
static storm_t storm_of_two(wasm_memory_t *memory, uint64_t base, uint64_t stop, uint64_t seed) {
    storm_t storms[2];
    pthread_t other;
    storms[0] = storm_of(memory, base, stop, 2 * seed);
    storms[1] = storm_of(memory, base, stop, 2 * seed + 1);
    if (CHECK_EQ(pthread_create(&other, NULL, storm_run, &storms[1]), 0)) {
        storm_run(&storms[0]);
        pthread_join(other, NULL);
    }
    storm_add(&storms[0], &storms[1]);
    return storms[0];
}

/* Takes turns with another that does the same with the other number; `turn` holds whose turn it is. Number 0 ends it
 * when the word at `stop` says so. */
#define NOBODYS_TURN 2
#define FORGOTTEN (20 * SECOND) /* who sleeps longer than any machine needs was */
typedef struct {
    wasm_memory_t *memory;
    uint64_t turn, stop;
    uint32_t me, rounds;
    bool wide;
    bool looks; /* without waiting: its notifies are ordered by nothing but the bytes */
    uint64_t taken, returned, woken, wrong;
} pong_t;

/* False when it is over. */
static bool pong_await(pong_t *pong) {
    const uint32_t other = 1 - pong->me;
    const int64_t deadline = now() + 2 * FORGOTTEN;
    for (;;) {
        wasm_memory_wait_result_t result = 77;
        wasm_memory_status_t status;
        uint32_t whose = 77;
        if (wasm_memory_atomic_load32(pong->memory, pong->turn, &whose) != WASM_MEMORY_OK) pong->wrong++;
        if (whose != other) return whose == pong->me;
        if (pong->looks) {
            if (now() < deadline) {
                sched_yield();
                continue;
            }
            pong->wrong++;
            return false;
        }
        status = pong->wide ? wasm_memory_atomic_wait64(pong->memory, pong->turn, other, FORGOTTEN, &result)
                            : wasm_memory_atomic_wait32(pong->memory, pong->turn, other, FORGOTTEN, &result);
        if (status != WASM_MEMORY_OK || result == WASM_MEMORY_WAIT_TIMED_OUT) {
            pong->wrong++;
            return false;
        }
        pong->returned += result == WASM_MEMORY_WAIT_OK;
    }
}

static void *pong_run(void *env) {
    pong_t *const pong = (pong_t *)env;
    uint32_t round;
    bool goes_on = true;
    for (round = 0; round < pong->rounds && goes_on && pong_await(pong); round++) {
        uint32_t woken = 77, over = 0;
        if (pong->me == 0 && wasm_memory_atomic_load32(pong->memory, pong->stop, &over) != WASM_MEMORY_OK)
            pong->wrong++;
        goes_on = over == 0;
        if (pong->looks) sleep_for(1000 * (round % 32)); /* the other one is asleep */
        if (wasm_memory_atomic_store32(pong->memory, pong->turn, goes_on ? 1 - pong->me : NOBODYS_TURN) !=
                WASM_MEMORY_OK ||
            wasm_memory_atomic_notify(pong->memory, pong->turn, 1, &woken) != WASM_MEMORY_OK || woken > 1)
            pong->wrong++;
        pong->woken += woken;
        pong->taken++;
    }
    return NULL;
}

static pong_t pong_of(wasm_memory_t *memory, uint64_t turn, uint32_t me, uint32_t rounds, bool wide) {
    pong_t pong;
    memset(&pong, 0, sizeof pong);
    pong.memory = memory;
    pong.turn = turn;
    pong.stop = STOP;
    pong.me = me;
    pong.rounds = rounds;
    pong.wide = wide;
    return pong;
}

/* Grows by one page again and again, and counts at `table` + the page which it got. Ends at the maximum. */
static uint64_t grow_to_maximum(wasm_memory_t *memory, uint64_t table, uint64_t *wrong) {
    uint64_t previous = 0, growths = 0;
    wasm_memory_status_t status;
    while ((status = wasm_memory_try_grow(memory, 1, &previous)) == WASM_MEMORY_OK) {
        uint8_t taken = 77;
        if (wasm_memory_atomic_rmw8(memory, WASM_MEMORY_RMW_ADD, table + previous, 1, &taken) != WASM_MEMORY_OK ||
            taken != 0)
            ++*wrong;
        growths++;
    }
    *wrong += status != WASM_MEMORY_MAXIMUM_EXCEEDED;
    return growths;
}

/* Threads that wait at one address for ever. */
#define CROWD 512
typedef struct {
    wasm_memory_t *memory;
    uint64_t offset;
    bool wide;
    wasm_memory_status_t status;
    wasm_memory_wait_result_t result;
} waiter_t;

typedef struct {
    pthread_t threads[CROWD];
    waiter_t waiters[CROWD];
    size_t count;
} crowd_t;

static void *waiter_run(void *env) {
    waiter_t *const waiter = (waiter_t *)env;
    if (waiter->wide)
        waiter->status = wasm_memory_atomic_wait64(waiter->memory, waiter->offset, 0, FOR_EVER, &waiter->result);
    else
        waiter->status = wasm_memory_atomic_wait32(waiter->memory, waiter->offset, 0, FOR_EVER, &waiter->result);
    return NULL;
}

static bool crowd_add(crowd_t *crowd, wasm_memory_t *memory, uint64_t offset, size_t count) {
    pthread_attr_t attributes;
    bool added = true;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)(256 * KIB));
    for (; count > 0 && added; count--) {
        waiter_t *const waiter = &crowd->waiters[crowd->count];
        waiter->memory = memory;
        waiter->offset = offset;
        waiter->wide = crowd->count % 2 != 0;
        waiter->status = 77;
        waiter->result = 77;
        added = crowd->count < CROWD &&
                pthread_create(&crowd->threads[crowd->count], &attributes, waiter_run, waiter) == 0;
        crowd->count += added;
    }
    pthread_attr_destroy(&attributes);
    return added;
}

/* Waits until all have returned: how many of them with this status, and result if that is OK. */
static uint64_t crowd_join(crowd_t *crowd, wasm_memory_status_t status, wasm_memory_wait_result_t result) {
    uint64_t count = 0;
    size_t i;
    for (i = 0; i < crowd->count; i++) {
        pthread_join(crowd->threads[i], NULL);
        count += crowd->waiters[i].status == status &&
                 crowd->waiters[i].result == (status == WASM_MEMORY_OK ? result : 0);
    }
    crowd->count = 0;
    return count;
}

/* ---- agents: processes that do what they are told ---- */

typedef enum {
    SIZE,        /* pages */
    SEEN_LENGTH, /* in the view */
    LOAD,        /* a byte */
    STORE,
    LOAD_WORD, /* atomically */
    STORE_WORD,
    GROW, /* by `value`; answers the previous size */
    WAIT_32,
    WAIT_64,
    NOTIFY, /* `value` waiters */
    INTERRUPT,
    CLOSE,
    WAITERS,
    DISCARD, /* `value` bytes */
    ERASE,
    FAULTS,          /* whether the address does */
    EXPORT,          /* the descriptor follows */
    GROW_TO_MAXIMUM, /* with its table at `offset` */
    PONG_32,         /* `value` rounds as number 1 */
    PONG_64,
    STORM,      /* at `offset`, seed `value` */
    GATHER,     /* `value` threads that wait at `offset` */
    DISPERSE,   /* when all have returned: how many were notified */
    LEAVE,      /* ends the process as it is */
    BECOME_IDLE /* replaces the process's program by one that does nothing */
} what_t;

typedef struct {
    int32_t what;
    int32_t unused;
    uint64_t offset, value;
    int64_t timeout;
} order_t;

typedef struct {
    wasm_memory_status_t status;
    wasm_memory_wait_result_t result; /* of a wait */
    uint64_t value;
    int64_t took; /* nanoseconds */
    storm_t storm;
} answer_t;

static crowd_t my_crowd; /* of an agent */

static answer_t carry_out(const here_t *here, const order_t *order) {
    wasm_memory_t *const memory = here->memory;
    const uint64_t offset = order->offset, value = order->value;
    const int64_t start = now();
    uint8_t byte = 0;
    uint32_t word = 0;
    pong_t pong;
    answer_t answer;
    memset(&answer, 0, sizeof answer);
    answer.result = 77;
    switch ((what_t)order->what) {
    case SIZE: answer.value = wasm_memory_pages(memory); break;
    case SEEN_LENGTH: answer.value = seen_length(memory); break;
    case LOAD:
        answer.status = wasm_memory_load_u8(memory, offset, &byte);
        answer.value = byte;
        break;
    case STORE: answer.status = wasm_memory_store_u8(memory, offset, (uint8_t)value); break;
    case LOAD_WORD:
        answer.status = wasm_memory_atomic_load32(memory, offset, &word);
        answer.value = word;
        break;
    case STORE_WORD: answer.status = wasm_memory_atomic_store32(memory, offset, (uint32_t)value); break;
    case GROW: answer.status = wasm_memory_try_grow(memory, value, &answer.value); break;
    case WAIT_32:
        answer.status = wasm_memory_atomic_wait32(memory, offset, (uint32_t)value, order->timeout, &answer.result);
        break;
    case WAIT_64:
        answer.status = wasm_memory_atomic_wait64(memory, offset, value, order->timeout, &answer.result);
        break;
    case NOTIFY:
        answer.status = wasm_memory_atomic_notify(memory, offset, (uint32_t)value, &word);
        answer.value = word;
        break;
    case INTERRUPT:
        answer.status = wasm_memory_interrupt_waiters(memory, &word);
        answer.value = word;
        break;
    case CLOSE: answer.status = wasm_memory_close_waiters(memory); break;
    case WAITERS: answer.value = waiters(memory); break;
    case DISCARD: answer.status = wasm_memory_discard(memory, offset, value); break;
    case ERASE: answer.status = wasm_memory_erase(memory); break;
    case FAULTS: answer.value = faults(wasm_memory_view(memory)->base + offset, true); break;
    case EXPORT: break; /* by agent_main */
    case GROW_TO_MAXIMUM: answer.value = grow_to_maximum(memory, offset, &answer.storm.wrong); break;
    case PONG_32:
    case PONG_64:
        pong = pong_of(memory, offset, 1, (uint32_t)value, order->what == PONG_64);
        pong_run(&pong);
        answer.storm.returned = pong.returned;
        answer.storm.woken = pong.woken;
        answer.storm.wrong = pong.wrong;
        answer.storm.turns = pong.taken;
        break;
    case STORM: answer.storm = storm_of_two(memory, offset, STOP, value); break;
    case GATHER: answer.value = crowd_add(&my_crowd, memory, offset, (size_t)value); break;
    case DISPERSE: answer.value = crowd_join(&my_crowd, WASM_MEMORY_OK, WASM_MEMORY_WAIT_OK); break;
    case LEAVE: _exit(0);
    case BECOME_IDLE:
        execl("/bin/sleep", "sleep", "1000", (char *)NULL);
        answer.status = WASM_MEMORY_IO;
        break;
    }
    answer.took = now() - start;
    answer.storm.memory = NULL;
    return answer;
}

static bool whole_send(int socket, const void *message, size_t length) {
    return send(socket, message, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool whole_receive(int socket, void *message, size_t length) {
    ssize_t received;
    do received = recv(socket, message, length, 0);
    while (received < 0 && errno == EINTR);
    return received == (ssize_t)length;
}

/* program "agent" SOCKET DESCRIPTOR BOUNDS MINIMUM MAXIMUM IS_64 PAGE_SIZE_LOG2
 * Descriptor -1: it comes by the socket. */
#define AGENT_ARGUMENTS 9

static int agent_main(char **arguments) {
    const int socket = atoi(arguments[2]);
    const wasm_memory_bounds_t bounds = atoi(arguments[4]);
    const shape_t as = shape(strtoull(arguments[5], NULL, 10), strtoull(arguments[6], NULL, 10),
                             atoi(arguments[7]) != 0, true, (uint8_t)atoi(arguments[8]));
    intptr_t descriptor = atoi(arguments[3]);
    order_t order;
    answer_t answer;
    here_t here;
    if (descriptor < 0) descriptor = receive_descriptor(socket);
    here = imported(bounds, as, descriptor);
    CHECK(fcntl((int)descriptor, F_GETFD) >= 0); /* still ours */
    close((int)descriptor);
    memset(&answer, 0, sizeof answer);
    answer.status = here.memory != NULL ? WASM_MEMORY_OK : WASM_MEMORY_INTERNAL;
    if (!whole_send(socket, &answer, sizeof answer)) return 1;
    while (whole_receive(socket, &order, sizeof order)) {
        answer = carry_out(&here, &order);
        if (!whole_send(socket, &answer, sizeof answer)) break;
        if (order.what == EXPORT) {
            const intptr_t again = exported(here.token);
            CHECK(send_descriptor(socket, again));
            close((int)again);
        }
    }
    here_delete(here);
    return check_state.failures != 0;
}

typedef struct {
    pid_t process;
    int socket;
} agent_t;

typedef enum { INHERITED, SENT } passing_t;

static char self[4096]; /* the path of this program */

/* Ends with the process that started it. */
static void tie_to_parent(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(5);
}

static agent_t agent_start_passing(const char *role, intptr_t descriptor, wasm_memory_bounds_t bounds, shape_t as,
                                   passing_t passing) {
    const pid_t parent = getpid();
    char text[AGENT_ARGUMENTS][32];
    char *arguments[AGENT_ARGUMENTS + 1];
    int sockets[2] = {-1, -1}, i;
    agent_t agent;
    answer_t ready;
    agent.process = -1;
    agent.socket = -1;
    if (!CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0)) return agent;
    arguments[0] = self;
    arguments[AGENT_ARGUMENTS] = NULL;
    for (i = 1; i < AGENT_ARGUMENTS; i++) arguments[i] = text[i];
    snprintf(text[1], sizeof text[1], "%s", role);
    snprintf(text[2], sizeof text[2], "%d", sockets[1]);
    snprintf(text[3], sizeof text[3], "%d", passing == INHERITED ? (int)descriptor : -1);
    snprintf(text[4], sizeof text[4], "%d", bounds);
    snprintf(text[5], sizeof text[5], "%" PRIu64, as.minimum);
    snprintf(text[6], sizeof text[6], "%" PRIu64, as.maximum);
    snprintf(text[7], sizeof text[7], "%d", as.is_64);
    snprintf(text[8], sizeof text[8], "%d", as.page_size_log2);
    fflush(stdout);
    agent.process = fork();
    if (agent.process == 0) { /* other threads may hold any lock: only what is safe in a signal handler */
        tie_to_parent(parent);
        fcntl(sockets[1], F_SETFD, 0);
        if (passing == INHERITED) fcntl((int)descriptor, F_SETFD, 0);
        execv(self, arguments);
        _exit(6);
    }
    CHECK(agent.process > 0);
    close(sockets[1]);
    agent.socket = sockets[0];
    if (passing == SENT) CHECK(send_descriptor(agent.socket, descriptor));
    memset(&ready, 0, sizeof ready);
    CHECK(whole_receive(agent.socket, &ready, sizeof ready));
    CHECK_EQ(ready.status, WASM_MEMORY_OK);
    return agent;
}

/* The two ways of passing a descriptor, in turns. */
static agent_t agent_start(const here_t *here, wasm_memory_bounds_t bounds, shape_t as) {
    static int turn;
    return agent_start_passing("agent", here->descriptor, bounds, as, turn++ % 2 == 0 ? INHERITED : SENT);
}

static int ended(pid_t process) {
    int status = 0;
    pid_t answer;
    do answer = waitpid(process, &status, 0);
    while (answer < 0 && errno == EINTR);
    if (answer != process) return 255;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void agent_kill(agent_t agent) {
    if (agent.process > 0) {
        kill(agent.process, SIGKILL);
        CHECK(ended(agent.process) == -SIGKILL);
    }
    close(agent.socket);
}

static void agent_end(agent_t agent) {
    close(agent.socket);
    if (agent.process > 0) CHECK_EQ(ended(agent.process), 0);
}

static void tell_timed(agent_t agent, what_t what, uint64_t offset, uint64_t value, int64_t timeout) {
    order_t order;
    memset(&order, 0, sizeof order);
    order.what = (int32_t)what;
    order.offset = offset;
    order.value = value;
    order.timeout = timeout;
    CHECK(whole_send(agent.socket, &order, sizeof order));
}

static void tell(agent_t agent, what_t what, uint64_t offset, uint64_t value) {
    tell_timed(agent, what, offset, value, FOR_EVER);
}

static answer_t answer_of(agent_t agent) {
    answer_t answer;
    memset(&answer, 0, sizeof answer);
    answer.status = 77;
    CHECK(whole_receive(agent.socket, &answer, sizeof answer));
    return answer;
}

static answer_t ask(agent_t agent, what_t what, uint64_t offset, uint64_t value) {
    tell(agent, what, offset, value);
    return answer_of(agent);
}

static bool check_value(answer_t answer, uint64_t value, const char *file, int line, const char *what) {
    const bool done = check_equal((uint64_t)answer.status, WASM_MEMORY_OK, file, line, what);
    return check_equal(answer.value, value, file, line, what) && done;
}
/* An agent answers OK with this value. */
#define CHECK_ASK(agent, what, offset, value, expected) \
    check_value(ask(agent, what, offset, value), (uint64_t)(expected), __FILE__, __LINE__, #what " -> " #expected)

static bool check_wait(agent_t agent, wasm_memory_status_t status, wasm_memory_wait_result_t result, const char *file,
                       int line) {
    const answer_t answer = answer_of(agent);
    const bool same = check_equal((uint64_t)answer.status, (uint64_t)status, file, line, "status of the wait");
    return check_equal((uint64_t)answer.result, (uint64_t)result, file, line, "result of the wait") && same;
}
/* The wait that an agent was told to do has ended so. */
#define CHECK_WAIT(agent, result) check_wait(agent, WASM_MEMORY_OK, result, __FILE__, __LINE__)
#define CHECK_WAIT_STATUS(agent, status) check_wait(agent, status, 0, __FILE__, __LINE__)

/* Tells an agent to wait for ever, and returns when it does: the `number`th waiter of the memory. */
static void make_wait(agent_t agent, const here_t *here, uint64_t offset, bool wide, uint64_t number) {
    tell(agent, wide ? WAIT_64 : WAIT_32, offset, 0);
    waiters_become(here->memory, number);
}

/* ---- bytes ---- */

static const wasm_memory_bounds_t all_bounds[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_GUARDED,
                                                  WASM_MEMORY_BOUNDS_CHECKED};

/* Each shape that this file uses, with 256 KiB at first and room to grow. */
static const shape_t all_shapes[] = {{4, 64, false, true, 16},
                                     {4, 64, true, true, 16},
                                     {262144, 4194304, false, true, 0},
                                     {262144, 4194304, true, true, 0}};
#define SHAPES (sizeof all_shapes / sizeof *all_shapes)

static void two_processes_share(wasm_memory_bounds_t ours, wasm_memory_bounds_t theirs, shape_t of, passing_t passing) {
    const here_t here = made(ours, of);
    const agent_t agent = agent_start_passing("agent", here.descriptor, theirs, of, passing);
    const uint64_t length = of.minimum << of.page_size_log2, delta = PAGE >> of.page_size_log2;
    uint64_t offset;
    for (offset = 0; offset < length; offset += 4093) {
        CHECK_EQ(byte_at(here.memory, offset), 0);
        CHECK_STATUS(wasm_memory_store_u8(here.memory, offset, (uint8_t)(offset % 251)), WASM_MEMORY_OK);
    }
    for (offset = 0; offset < length; offset += 4093) {
        CHECK_ASK(agent, LOAD, offset, 0, offset % 251);
        CHECK_ASK(agent, STORE, offset, offset % 241, 0);
    }
    for (offset = 0; offset < length; offset += 4093) CHECK_EQ(byte_at(here.memory, offset), offset % 241);
    /* And the part that one of them adds. */
    CHECK_ASK(agent, GROW, 0, delta, of.minimum);
    CHECK_EQ(byte_at(here.memory, length + PAGE - 1), 0);
    CHECK_STATUS(wasm_memory_store_u8(here.memory, length + PAGE - 1, 8), WASM_MEMORY_OK);
    CHECK_ASK(agent, LOAD, length + PAGE - 1, 0, 8);
    CHECK_EQ(grown(here.memory, delta), of.minimum + delta);
    CHECK_ASK(agent, STORE, length + 2 * PAGE - 1, 9, 0);
    CHECK_EQ(byte_at(here.memory, length + 2 * PAGE - 1), 9);
    CHECK_EQ(ask(agent, LOAD, length + 2 * PAGE, 0).status, WASM_MEMORY_OUT_OF_BOUNDS);
    agent_end(agent);
    here_delete(here);
}

TEST(two_processes_have_the_same_bytes_and_length) {
    size_t ours, theirs, of;
    for (of = 0; of < SHAPES; of++)
        for (ours = 0; ours < 3; ours++)
            for (theirs = 0; theirs < 3; theirs++)
                two_processes_share(all_bounds[ours], all_bounds[theirs], all_shapes[of],
                                    (ours + theirs) % 2 == 0 ? INHERITED : SENT);
}

TEST(a_memory_of_try_new_is_exported_too) {
    const host_t host = exporting_host(WASM_MEMORY_BOUNDS_AUTO);
    wasm_memory_t *const memory = memory_of(host, shared_32(1, 3));
    here_t here;
    agent_t agent;
    here.token = wasm_memory_share(memory);
    CHECK(here.token != NULL);
    here.descriptor = exported(here.token);
    agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 3));
    CHECK_ASK(agent, STORE, 100, 5, 0);
    CHECK_EQ(byte_at(memory, 100), 5);
    agent_end(agent);
    close((int)here.descriptor);
    wasm_shared_memory_delete(here.token);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(what_an_imported_memory_says_of_itself) {
    size_t i;
    for (i = 0; i < 3; i++) {
        const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(2, 10));
        const here_t there = imported(all_bounds[i], shared_32(1, 20), here.descriptor);
        wasm_memorytype_t *const type = wasm_shared_memory_type(there.token);
        const wasm_memory_stats_t stats = stats_of(there.memory);
        uint64_t maximum = 0;
        CHECK_EQ(wasm_memorytype_minimum(type), 2);
        CHECK(wasm_memorytype_maximum(type, &maximum));
        CHECK_EQ(maximum, 10); /* nobody's growth goes further */
        CHECK(wasm_memorytype_isshared(type));
        CHECK(!wasm_memorytype_is64(type));
        CHECK_EQ(wasm_memorytype_page_size_log2(type), 16);
        CHECK(stats.shared);
        CHECK(!stats.may_move);
        CHECK(!wasm_memory_may_move(there.memory));
        CHECK_EQ(stats.byte_length, 2 * PAGE);
        CHECK_EQ(stats.waiters, 0);
        if (all_bounds[i] != WASM_MEMORY_BOUNDS_AUTO) CHECK_EQ(stats.bounds, all_bounds[i]);
        CHECK(wasm_memory_view(there.memory)->base != wasm_memory_view(here.memory)->base);
        CHECK_STATUS(wasm_memory_try_grow(there.memory, 9, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(grown(there.memory, 8), 2);
        wasm_memorytype_delete(type);
        here_delete(there);
        here_delete(here);
    }
}

/* ---- descriptors, tokens, handles ---- */

TEST(each_export_gives_a_new_descriptor_that_closes_on_exec) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 2));
    const intptr_t again = exported(here.token);
    struct stat one, other;
    CHECK(again != here.descriptor);
    CHECK((fcntl((int)again, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl((int)here.descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK_EQ(fstat((int)again, &one), 0);
    CHECK_EQ(fstat((int)here.descriptor, &other), 0);
    CHECK(one.st_ino == other.st_ino && one.st_dev == other.st_dev);
    close((int)again);
    here_delete(here);
}

TEST(memories_live_on_when_every_descriptor_is_closed) {
    here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    const here_t there = imported(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4), here.descriptor);
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    intptr_t later;
    close((int)here.descriptor);
    here.descriptor = -1;
    CHECK_EQ(grown(here.memory, 1), 1);
    CHECK_ASK(agent, GROW, 0, 1, 2);
    CHECK_STATUS(wasm_memory_store_u8(there.memory, 3 * PAGE - 1, 3), WASM_MEMORY_OK);
    CHECK_ASK(agent, LOAD, 3 * PAGE - 1, 0, 3);
    make_wait(agent, &here, 64, false, 1);
    CHECK_EQ(notified(there.memory, 64, 1), 1);
    CHECK_WAIT(agent, WASM_MEMORY_WAIT_OK);
    later = exported(there.token);
    here_delete(here);
    here_delete(there);
    CHECK_ASK(agent, LOAD, 3 * PAGE - 1, 0, 3);
    { /* by way of the one descriptor that there is now */
        const here_t back = imported(WASM_MEMORY_BOUNDS_CHECKED, shared_32(3, 4), later);
        close((int)later);
        CHECK_EQ(byte_at(back.memory, 3 * PAGE - 1), 3);
        here_delete(back);
    }
    agent_end(agent);
}

TEST(an_imported_memory_is_exported_again) {
    const here_t here = made(WASM_MEMORY_BOUNDS_GUARDED, shared_32(1, 4));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_CHECKED, shared_32(0, 4));
    here_t back;
    intptr_t again;
    CHECK_EQ(ask(agent, EXPORT, 0, 0).status, WASM_MEMORY_OK);
    again = receive_descriptor(agent.socket);
    here_delete(here); /* its maker is the first to go */
    back = imported(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4), again);
    close((int)again);
    CHECK_ASK(agent, STORE, 77, 7, 0);
    CHECK_EQ(byte_at(back.memory, 77), 7);
    CHECK_EQ(grown(back.memory, 3), 1);
    CHECK_ASK(agent, LOAD, 4 * PAGE - 1, 0, 0);
    make_wait(agent, &back, 8, true, 1);
    CHECK_EQ(notified(back.memory, 8, ALL), 1);
    CHECK_WAIT(agent, WASM_MEMORY_WAIT_OK);
    agent_end(agent);
    here_delete(back);
}

TEST(importing_twice_gives_two_memories_of_the_same_bytes) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 8));
    const here_t one = imported(WASM_MEMORY_BOUNDS_GUARDED, shared_32(1, 8), here.descriptor);
    const here_t other = imported(WASM_MEMORY_BOUNDS_CHECKED, shared_32(1, 8), here.descriptor);
    wasm_memory_t *const same = wasm_memory_obtain(here.host.store, one.token);
    waiter_t waiter;
    pthread_t thread;
    CHECK(!wasm_memory_same(one.memory, other.memory));
    CHECK(!wasm_memory_same(one.memory, here.memory));
    CHECK(wasm_memory_same(one.memory, same));
    CHECK(wasm_memory_view(one.memory) == wasm_memory_view(same));
    CHECK(wasm_memory_view(one.memory) != wasm_memory_view(other.memory));
    CHECK_STATUS(wasm_memory_store_u8(one.memory, 5, 6), WASM_MEMORY_OK);
    CHECK_EQ(byte_at(other.memory, 5), 6);
    /* As if of two processes, in length too. */
    CHECK_EQ(grown(one.memory, 2), 1);
    CHECK_EQ(seen_length(other.memory), PAGE);
    CHECK_EQ(grown(other.memory, 1), 3);
    CHECK_EQ(wasm_memory_pages(same), 4);
    CHECK_EQ(wasm_memory_pages(here.memory), 4);
    memset(&waiter, 0, sizeof waiter);
    waiter.memory = one.memory;
    waiter.offset = 64;
    CHECK_EQ(pthread_create(&thread, NULL, waiter_run, &waiter), 0);
    CHECK(waiters_become(other.memory, 1));
    CHECK_EQ(waiters(here.memory), 1);
    CHECK_EQ(notified(other.memory, 64, 1), 1);
    pthread_join(thread, NULL);
    CHECK_EQ(waiter.status, WASM_MEMORY_OK);
    CHECK_EQ(waiter.result, WASM_MEMORY_WAIT_OK);
    CHECK_STATUS(wasm_memory_copy_between(one.memory, 100, other.memory, 5, 1), WASM_MEMORY_OK);
    CHECK_EQ(byte_at(here.memory, 100), 6);
    wasm_memory_delete(same);
    here_delete(other);
    here_delete(here);
    CHECK_EQ(byte_at(one.memory, 5), 6);
    here_delete(one);
}

/* Engine, store, token, handle, and the descriptor: all hundred and twenty orders, of the maker and of an importer. */
TEST(everything_is_deleted_in_any_order) {
    int order;
    for (order = 0; order < 120; order++) {
        here_t here = made(all_bounds[order % 3], shared_32(1, 3));
        here_t there = imported(all_bounds[order / 3 % 3], shared_32(1, 3), here.descriptor);
        here_t *const both[] = {&here, &there};
        bool deleted[5] = {false, false, false, false, false};
        int rest = order, step, which;
        CHECK_STATUS(wasm_memory_store_u8(here.memory, 1, 42), WASM_MEMORY_OK);
        there.descriptor = exported(there.token);
        for (step = 5; step > 0; step--) {
            int pick = rest % step, what = 0;
            rest /= step;
            while (deleted[what] || pick-- > 0) what++;
            deleted[what] = true;
            for (which = 0; which < 2; which++) {
                here_t *const of = both[which];
                if (what == 0) wasm_engine_delete(of->host.engine);
                if (what == 1) wasm_store_delete(of->host.store);
                if (what == 2) wasm_shared_memory_delete(of->token);
                if (what == 3) wasm_memory_delete(of->memory);
                if (what == 4) close((int)of->descriptor);
                if (!deleted[3]) {
                    CHECK_EQ(byte_at(of->memory, 1), 42);
                    CHECK_STATUS(wasm_memory_try_grow(of->memory, 0, NULL), WASM_MEMORY_OK);
                    CHECK_EQ(notified(of->memory, 0, 1), 0);
                }
                if (!deleted[2] && !deleted[1]) {
                    wasm_memory_t *const more = wasm_memory_obtain(of->host.store, of->token);
                    CHECK_EQ(byte_at(more, 1), 42);
                    wasm_memory_delete(more);
                }
                if (!deleted[2]) close((int)exported(of->token));
            }
        }
    }
}

TEST(the_maker_of_a_memory_may_die) {
    int sockets[2] = {-1, -1};
    intptr_t descriptor;
    here_t here;
    agent_t agent;
    pid_t maker;
    const pid_t parent = getpid();
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    fflush(stdout);
    maker = fork();
    if (maker == 0) {
        tie_to_parent(parent);
        here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 5));
        CHECK_STATUS(wasm_memory_store_u8(here.memory, 3, 33), WASM_MEMORY_OK);
        send_descriptor(sockets[1], here.descriptor);
        for (;;) pause();
    }
    descriptor = receive_descriptor(sockets[0]);
    close(sockets[0]);
    close(sockets[1]);
    kill(maker, SIGKILL);
    CHECK(ended(maker) == -SIGKILL);
    here = imported(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 5), descriptor);
    here.descriptor = descriptor;
    agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 5));
    CHECK_ASK(agent, LOAD, 3, 0, 33);
    CHECK_ASK(agent, GROW, 0, 4, 1);
    CHECK_EQ(byte_at(here.memory, 5 * PAGE - 1), 0);
    make_wait(agent, &here, 64, false, 1);
    CHECK_EQ(notified(here.memory, 64, 1), 1);
    CHECK_WAIT(agent, WASM_MEMORY_WAIT_OK);
    agent_end(agent);
    here_delete(here);
}

/* ---- growth ---- */

/* Calls that see how long the memory is: the last byte of `length` belongs to it, and nobody has asked before. */
typedef bool (*asker_t)(const here_t *, uint64_t length);

static bool by_pages(const here_t *here, uint64_t length) { return wasm_memory_pages(here->memory) * PAGE == length; }
static bool by_size(const here_t *here, uint64_t length) { return wasm_memory_size(here->memory) * PAGE == length; }
static bool by_data_size(const here_t *here, uint64_t length) { return wasm_memory_data_size(here->memory) == length; }
static bool by_stats(const here_t *here, uint64_t length) { return stats_of(here->memory).byte_length == length; }
static bool by_type(const here_t *here, uint64_t length) {
    wasm_memorytype_t *const type = wasm_memory_type(here->memory);
    const uint64_t minimum = wasm_memorytype_minimum(type);
    wasm_memorytype_delete(type);
    return minimum * PAGE == length;
}
static bool by_type_of_token(const here_t *here, uint64_t length) {
    wasm_memorytype_t *const type = wasm_shared_memory_type(here->token);
    const uint64_t minimum = wasm_memorytype_minimum(type);
    wasm_memorytype_delete(type);
    return minimum * PAGE == length;
}
static bool by_data_and_store(const here_t *here, uint64_t length) {
    size_t found = 0;
    return wasm_memory_data_and_store(here->memory, NULL, &found, NULL) == WASM_MEMORY_OK && found == length;
}
static bool by_no_growth(const here_t *here, uint64_t length) { return grown(here->memory, 0) * PAGE == length; }
static bool by_standard_growth(const here_t *here, uint64_t length) {
    return wasm_memory_grow(here->memory, 0) && seen_length(here->memory) == length;
}
static bool by_load(const here_t *here, uint64_t length) {
    uint64_t value = 1;
    return wasm_memory_load_u64(here->memory, length - 8, &value) == WASM_MEMORY_OK && value == 0;
}
static bool by_store(const here_t *here, uint64_t length) {
    return wasm_memory_store_u16(here->memory, length - 2, 0) == WASM_MEMORY_OK;
}
static bool by_read(const here_t *here, uint64_t length) {
    uint8_t bytes[100];
    return wasm_memory_read(here->memory, length - 100, bytes, 100) == WASM_MEMORY_OK && bytes[99] == 0;
}
static bool by_write(const here_t *here, uint64_t length) {
    return wasm_memory_write(here->memory, length - 3, "\0\0", 3) == WASM_MEMORY_OK;
}
static bool by_fill(const here_t *here, uint64_t length) {
    return wasm_memory_fill(here->memory, length - 70000, 0, 70000) == WASM_MEMORY_OK;
}
static bool by_zero(const here_t *here, uint64_t length) {
    return wasm_memory_zero(here->memory, length, 0) == WASM_MEMORY_OK;
}
static bool by_discard(const here_t *here, uint64_t length) {
    return wasm_memory_discard(here->memory, length - 70000, 70000) == WASM_MEMORY_OK;
}
static bool by_copy_from(const here_t *here, uint64_t length) {
    return wasm_memory_copy_within(here->memory, 16, length - 16, 16) == WASM_MEMORY_OK;
}
static bool by_copy_to(const here_t *here, uint64_t length) {
    return wasm_memory_copy_within_nonoverlapping(here->memory, length - 16, 16, 16) == WASM_MEMORY_OK;
}
static bool by_copy_between(const here_t *here, uint64_t length) {
    wasm_memory_t *const other = memory_of(here->host, pages_32(1, 1));
    const bool holds = wasm_memory_copy_between(other, 0, here->memory, length - 16, 16) == WASM_MEMORY_OK;
    wasm_memory_delete(other);
    return holds;
}
static bool by_init(const here_t *here, uint64_t length) {
    wasm_data_segment_t *const segment = wasm_data_segment_new("\0", 2);
    const bool holds = wasm_memory_init(here->memory, length - 2, segment, 0, 2) == WASM_MEMORY_OK;
    wasm_data_segment_delete(segment);
    return holds;
}
static bool by_hexdump(const here_t *here, uint64_t length) {
    return wasm_memory_hexdump(here->memory, length - 1, 1, NULL, 0, NULL) == WASM_MEMORY_OK;
}
static bool by_atomic_load(const here_t *here, uint64_t length) {
    uint64_t value = 1;
    return wasm_memory_atomic_load64(here->memory, length - 8, &value) == WASM_MEMORY_OK && value == 0;
}
static bool by_atomic_store(const here_t *here, uint64_t length) {
    return wasm_memory_atomic_store8(here->memory, length - 1, 0) == WASM_MEMORY_OK;
}
static bool by_rmw(const here_t *here, uint64_t length) {
    return wasm_memory_atomic_rmw16(here->memory, WASM_MEMORY_RMW_OR, length - 2, 0, NULL) == WASM_MEMORY_OK;
}
static bool by_cmpxchg(const here_t *here, uint64_t length) {
    return wasm_memory_atomic_cmpxchg32(here->memory, length - 4, 1, 2, NULL) == WASM_MEMORY_OK;
}
static bool by_notify(const here_t *here, uint64_t length) { return notified(here->memory, length - 4, 0) == 0; }
static bool by_wait_32(const here_t *here, uint64_t length) {
    wasm_memory_wait_result_t result = 77;
    return wasm_memory_atomic_wait32(here->memory, length - 4, 5, FOR_EVER, &result) == WASM_MEMORY_OK &&
           result == WASM_MEMORY_WAIT_MISMATCH;
}
static bool by_wait_64(const here_t *here, uint64_t length) {
    wasm_memory_wait_result_t result = 77;
    return wasm_memory_atomic_wait64(here->memory, length - 8, 0, 0, &result) == WASM_MEMORY_OK &&
           result == WASM_MEMORY_WAIT_TIMED_OUT;
}

static const struct {
    const char *name;
    asker_t asks;
} askers[] = {{"pages", by_pages},
              {"size", by_size},
              {"data_size", by_data_size},
              {"stats", by_stats},
              {"type", by_type},
              {"type of the token", by_type_of_token},
              {"data_and_store", by_data_and_store},
              {"growth by nothing", by_no_growth},
              {"the standard growth by nothing", by_standard_growth},
              {"load", by_load},
              {"store", by_store},
              {"read", by_read},
              {"write", by_write},
              {"fill", by_fill},
              {"zero", by_zero},
              {"discard", by_discard},
              {"copy from there", by_copy_from},
              {"copy to there", by_copy_to},
              {"copy to another memory", by_copy_between},
              {"init", by_init},
              {"hexdump", by_hexdump},
              {"atomic load", by_atomic_load},
              {"atomic store", by_atomic_store},
              {"rmw", by_rmw},
              {"cmpxchg", by_cmpxchg},
              {"notify", by_notify},
              {"wait32", by_wait_32},
              {"wait64", by_wait_64}};
#define ASKERS (sizeof askers / sizeof *askers)

TEST(growth_by_another_process_is_seen_when_a_call_needs_it) {
    size_t bounds, i;
    for (bounds = 0; bounds < 3; bounds++) {
        const shape_t of = shared_32(1, 2 + 2 * ASKERS);
        const here_t here = made(all_bounds[bounds], of);
        const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
        const wasm_memory_view_t *const view = wasm_memory_view(here.memory);
        uint8_t *const base = view->base;
        uint64_t length = PAGE;
        for (i = 0; i < ASKERS; i++) {
            char what[80];
            CHECK_ASK(agent, GROW, 0, 2, length / PAGE);
            CHECK_EQ(seen_length(here.memory), length); /* until somebody asks */
            length += 2 * PAGE;
            snprintf(what, sizeof what, "%s sees the growth", askers[i].name);
            check_report(askers[i].asks(&here, length), __FILE__, __LINE__, what, ": it does not");
            check_equal(seen_length(here.memory), length, __FILE__, __LINE__, what);
            CHECK(view->base == base);
            CHECK(!faults(base + length - 1, true));
            CHECK_STATUS(wasm_memory_store_u8(here.memory, length, 1), WASM_MEMORY_OUT_OF_BOUNDS);
        }
        agent_end(agent);
        here_delete(here);
    }
}

TEST(inline_code_sees_the_old_length_until_somebody_asks) {
    const here_t here = made(WASM_MEMORY_BOUNDS_CHECKED, shared_32(1, 3));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 3));
    const wasm_memory_view_t *const view = wasm_memory_view(here.memory);
    uint32_t value = 0;
    CHECK_ASK(agent, GROW, 0, 1, 1);
    CHECK_ASK(agent, STORE_WORD, PAGE, 9, 0);
    CHECK_STATUS(wasm_inline_i32_load(view, PAGE, 0, &value), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(wasm_memory_pages(here.memory), 2);
    CHECK_STATUS(wasm_inline_i32_load(view, PAGE, 0, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 9);
    agent_end(agent);
    here_delete(here);
}

TEST(the_pages_of_a_guarded_memory_open_when_growth_is_seen) {
    const shape_t of = shared_32(1, 10);
    const here_t here = made(WASM_MEMORY_BOUNDS_GUARDED, of);
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_GUARDED, of);
    uint8_t *const base = wasm_memory_view(here.memory)->base;
    CHECK_EQ(stats_of(here.memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    CHECK(!faults(base + PAGE - 1, true));
    CHECK(faults(base + PAGE, false));
    CHECK_ASK(agent, FAULTS, PAGE, 0, true);
    CHECK_ASK(agent, GROW, 0, 4, 1);
    CHECK_ASK(agent, FAULTS, 5 * PAGE - 1, 0, false);
    CHECK_ASK(agent, FAULTS, 5 * PAGE, 0, true);
    CHECK(faults(base + PAGE, false)); /* not yet */
    CHECK_EQ(byte_at(here.memory, 3 * PAGE), 0);
    CHECK(!faults(base + 5 * PAGE - 1, true));
    CHECK(faults(base + 5 * PAGE, false));
    CHECK(faults(base + 10 * PAGE, false));
    CHECK(faults(base + 4 * GIB, false));
    CHECK(faults(base + 8 * GIB, false));
    CHECK_EQ(grown(here.memory, 5), 5);
    CHECK(!faults(base + 10 * PAGE - 1, true));
    CHECK(faults(base + 10 * PAGE, false));
    CHECK_ASK(agent, FAULTS, 10 * PAGE - 1, 0, true);
    CHECK_ASK(agent, SIZE, 0, 0, 10);
    CHECK_ASK(agent, FAULTS, 10 * PAGE - 1, 0, false);
    CHECK_ASK(agent, FAULTS, 10 * PAGE, 0, true);
    agent_end(agent);
    here_delete(here);
}

TEST(growth_starts_from_the_size_that_others_gave) {
    size_t i;
    for (i = 0; i < SHAPES; i++) {
        const shape_t of = all_shapes[i];
        const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
        const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
        CHECK_ASK(agent, GROW, 0, 3, of.minimum);
        CHECK_EQ(grown(here.memory, 2), of.minimum + 3);
        CHECK_EQ(wasm_memory_pages(here.memory), of.minimum + 5);
        CHECK_ASK(agent, GROW, 0, 0, of.minimum + 5);
        CHECK_ASK(agent, GROW, 0, of.maximum - of.minimum - 5, of.minimum + 5);
        CHECK_STATUS(wasm_memory_try_grow(here.memory, 1, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(ask(agent, GROW, 0, 1).status, WASM_MEMORY_MAXIMUM_EXCEEDED);
        CHECK_EQ(wasm_memory_pages(here.memory), of.maximum);
        agent_end(agent);
        here_delete(here);
    }
}

TEST(growth_asks_the_limits_and_the_limiter_of_the_process_that_grows) {
    const shape_t of = shared_32(1, 20);
    here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    watch_t watch = watching(here.host);
    limits_set(here.host.store, 6 * PAGE, NO_LIMIT, NO_LIMIT);
    limiter_set(here.host.store, &watch);
    CHECK_ASK(agent, GROW, 0, 2, 1);
    CHECK_ASKED(&watch, 0, 0, 0);
    CHECK_EQ(grown(here.memory, 1), 3);
    CHECK_ASKED(&watch, 1, 3 * PAGE, 4 * PAGE); /* the length as it is, not as it was here */
    CHECK_ASK(agent, GROW, 0, 5, 4);            /* the agent's store has no limits */
    CHECK_STATUS(wasm_memory_try_grow(here.memory, 1, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(grown(here.memory, 0), 9);
    wasm_memory_delete(here.memory);
    here.memory = NULL;
    here_delete(here);
    CHECK_EQ(watch.finalized, 1);
    agent_end(agent);
}

static void let_another_grow(watch_t *watch) { CHECK_EQ(ask(*(agent_t *)watch->more, GROW, 0, 3).value, 1); }

TEST(a_limiter_is_asked_again_when_another_process_has_grown_the_memory) {
    const shape_t of = shared_32(1, 20);
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    watch_t watch = watching(here.host);
    watch.growing = let_another_grow;
    watch.more = &agent;
    limiter_set(here.host.store, &watch);
    CHECK_EQ(grown(here.memory, 2), 4);
    CHECK_ASKED(&watch, 2, 4 * PAGE, 6 * PAGE);
    CHECK_ASK(agent, SIZE, 0, 0, 6);
    limiter_none(here.host.store);
    agent_end(agent);
    here_delete(here);
}

/* A table of a byte for each page, in the bytes that are there from the start. */
#define TABLE UINT64_C(8192)

TEST(growths_at_once_give_each_process_pages_of_its_own) {
    const struct {
        shape_t of;
        wasm_memory_bounds_t bounds;
    } cases[] = {{{1, 2000, false, true, 16}, WASM_MEMORY_BOUNDS_GUARDED},
                 {{1, 2000, true, true, 16}, WASM_MEMORY_BOUNDS_CHECKED},
                 {{65536, 95536, false, true, 0}, WASM_MEMORY_BOUNDS_AUTO}};
    size_t i;
    for (i = 0; i < 3; i++) {
        const shape_t of = cases[i].of;
        const here_t here = made(cases[i].bounds, of);
        const agent_t agents[2] = {agent_start(&here, cases[i].bounds, of), agent_start(&here, cases[i].bounds, of)};
        /* In the table the first page is the one at `minimum`. */
        const uint64_t table = TABLE - of.minimum;
        uint64_t growths = 0, wrong = 0, page;
        int which;
        for (which = 0; which < 2; which++) tell(agents[which], GROW_TO_MAXIMUM, table, 0);
        growths = grow_to_maximum(here.memory, table, &wrong);
        for (which = 0; which < 2; which++) {
            const answer_t answer = answer_of(agents[which]);
            growths += answer.value;
            wrong += answer.storm.wrong;
        }
        CHECK_EQ(wrong, 0);
        CHECK_EQ(growths, of.maximum - of.minimum);
        CHECK_EQ(wasm_memory_pages(here.memory), of.maximum);
        wrong = 0;
        for (page = of.minimum; page < of.maximum; page++) wrong += byte_at(here.memory, table + page) != 1;
        CHECK_EQ(wrong, 0);
        for (which = 0; which < 2; which++) agent_end(agents[which]);
        here_delete(here);
    }
}

/* ---- zeros ---- */

static uint64_t stored_bytes(intptr_t descriptor) {
    struct stat about;
    CHECK_EQ(fstat((int)descriptor, &about), 0);
    return (uint64_t)about.st_blocks * 512;
}

static uint64_t bytes_that_are_not(const wasm_memory_t *memory, uint64_t from, uint64_t to, uint8_t value) {
    static uint8_t part[65536];
    uint64_t wrong = 0;
    while (from < to) {
        const size_t length = to - from < sizeof part ? (size_t)(to - from) : sizeof part;
        size_t i;
        CHECK_STATUS(wasm_memory_read(memory, from, part, length), WASM_MEMORY_OK);
        for (i = 0; i < length; i++) wrong += part[i] != value;
        from += length;
    }
    return wrong;
}

TEST(a_discard_is_for_everyone_and_gives_the_pages_back) {
    size_t bounds;
    for (bounds = 0; bounds < 3; bounds++) {
        const shape_t of = shared_32(64, 80);
        const here_t here = made(all_bounds[bounds], of);
        const agent_t agent = agent_start(&here, all_bounds[bounds], of);
        const uint64_t from = 100 * KIB + 7, to = 3 * MIB + 9;
        CHECK_STATUS(wasm_memory_fill(here.memory, 0, 0xaa, 4 * MIB), WASM_MEMORY_OK);
        CHECK(stored_bytes(here.descriptor) >= 4 * MIB);
        CHECK_ASK(agent, DISCARD, from, to - from, 0);
        CHECK(stored_bytes(here.descriptor) < 4 * MIB - (to - from) + 512 * KIB); /* a read takes pages again */
        CHECK_EQ(bytes_that_are_not(here.memory, 0, from, 0xaa), 0);
        CHECK_EQ(bytes_that_are_not(here.memory, from, to, 0), 0);
        CHECK_EQ(bytes_that_are_not(here.memory, to, 4 * MIB, 0xaa), 0);
        CHECK_STATUS(wasm_memory_fill(here.memory, 0, 0xbb, 4 * MIB), WASM_MEMORY_OK);
        CHECK_ASK(agent, LOAD, MIB, 0, 0xbb);
        /* Past what the discarding process knows of. */
        CHECK_EQ(grown(here.memory, 16), 64);
        CHECK_STATUS(wasm_memory_fill(here.memory, 4 * MIB, 0xcc, MIB), WASM_MEMORY_OK);
        CHECK_ASK(agent, DISCARD, 4 * MIB - 1, MIB, 0);
        CHECK_EQ(bytes_that_are_not(here.memory, 4 * MIB - 1, 5 * MIB - 1, 0), 0);
        CHECK_EQ(byte_at(here.memory, 5 * MIB - 1), 0xcc);
        agent_end(agent);
        here_delete(here);
    }
}

TEST(an_erasure_is_for_everyone_and_leaves_nothing_but_the_bytes_changed) {
    size_t bounds;
    for (bounds = 0; bounds < 3; bounds++) {
        const shape_t of = shared_32(16, 80);
        const here_t here = made(all_bounds[bounds], of);
        const agent_t agent = agent_start(&here, all_bounds[bounds], of);
        const agent_t sleeper = agent_start(&here, all_bounds[bounds], of);
        make_wait(sleeper, &here, 64, false, 1);
        CHECK_EQ(grown(here.memory, 64), 16); /* of which the agent does not know */
        CHECK_STATUS(wasm_memory_fill(here.memory, 0, 0xaa, 5 * MIB), WASM_MEMORY_OK);
        CHECK(stored_bytes(here.descriptor) >= 5 * MIB);
        CHECK_ASK(agent, ERASE, 0, 0, 0);
        CHECK(stored_bytes(here.descriptor) < MIB);
        CHECK_EQ(bytes_that_are_not(here.memory, 0, 5 * MIB, 0), 0);
        CHECK_EQ(wasm_memory_pages(here.memory), 80);
        CHECK_ASK(agent, SIZE, 0, 0, 80);
        CHECK_EQ(waiters(here.memory), 1);
        CHECK_EQ(notified(here.memory, 64, ALL), 1);
        CHECK_WAIT(sleeper, WASM_MEMORY_WAIT_OK);
        CHECK_STATUS(wasm_memory_fill(here.memory, 0, 0xaa, 5 * MIB), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_erase(here.memory), WASM_MEMORY_OK);
        CHECK_ASK(agent, LOAD, 5 * MIB - 1, 0, 0);
        agent_end(sleeper);
        agent_end(agent);
        here_delete(here);
    }
}

TEST(all_the_bytes_go_with_the_last_memory) {
    here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(16, 16));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(16, 16));
    const intptr_t descriptor = here.descriptor;
    CHECK_STATUS(wasm_memory_fill(here.memory, 0, 0xaa, MIB), WASM_MEMORY_OK);
    here.descriptor = -1;
    here_delete(here);
    CHECK(stored_bytes(descriptor) >= MIB); /* the agent's still */
    CHECK_ASK(agent, LOAD, 99, 0, 0xaa);
    agent_end(agent);
    here = imported(WASM_MEMORY_BOUNDS_AUTO, shared_32(16, 16), descriptor);
    here.descriptor = descriptor;
    CHECK_EQ(byte_at(here.memory, 99), 0xaa); /* and while there is a descriptor */
    here_delete(here);
}

/* ---- wait and notify ---- */

TEST(a_notify_in_one_process_ends_a_wait_in_another) {
    size_t i;
    for (i = 0; i < SHAPES; i++) {
        const here_t here = made(all_bounds[i % 3], all_shapes[i]);
        const agent_t one = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, all_shapes[i]);
        const agent_t other = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, all_shapes[i]);
        make_wait(one, &here, 64, false, 1);
        CHECK_ASK(other, WAITERS, 0, 0, 1);
        CHECK_EQ(notified(here.memory, 72, ALL), 0);
        CHECK_EQ(notified(here.memory, 64, 0), 0);
        CHECK_EQ(notified(here.memory, 64, 1), 1);
        CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(waiters(here.memory), 0);
        /* Both widths in one queue, and neither of them here. */
        make_wait(one, &here, 64, true, 1);
        CHECK_ASK(other, NOTIFY, 64, 5, 1);
        CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
        make_wait(one, &here, 1024, true, 1);
        make_wait(other, &here, 1024, false, 2);
        CHECK_EQ(notified(here.memory, 1024, ALL), 2);
        CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
        CHECK_WAIT(other, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(notified(here.memory, 1024, ALL), 0);
        agent_end(one);
        agent_end(other);
        here_delete(here);
    }
}

TEST(a_wait_compares_with_what_another_process_wrote) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    wasm_memory_wait_result_t result = 77;
    CHECK_ASK(agent, STORE_WORD, 64, 0x12345678, 0);
    CHECK_STATUS(wasm_memory_atomic_wait32(here.memory, 64, 0, FOR_EVER, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_MISMATCH);
    CHECK_STATUS(wasm_memory_atomic_wait32(here.memory, 64, 0x12345678, 0, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_TIMED_OUT);
    CHECK_STATUS(wasm_memory_atomic_wait64(here.memory, 64, UINT64_C(1) << 32 | 0x12345678, FOR_EVER, &result),
                 WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_MISMATCH);
    tell(agent, WAIT_32, 64, 0);
    CHECK_WAIT(agent, WASM_MEMORY_WAIT_MISMATCH);
    agent_end(agent);
    here_delete(here);
}

TEST(waits_that_trap_trap_in_an_imported_memory) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    CHECK_EQ(ask(agent, WAIT_32, 2, 0).status, WASM_MEMORY_UNALIGNED);
    CHECK_EQ(ask(agent, WAIT_64, 4, 0).status, WASM_MEMORY_UNALIGNED);
    CHECK_EQ(ask(agent, WAIT_32, PAGE, 0).status, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(ask(agent, WAIT_32, PAGE, 0).result, 0);
    CHECK_EQ(ask(agent, WAIT_64, UINT64_MAX - 7, 0).status, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(ask(agent, NOTIFY, 1, 0).status, WASM_MEMORY_UNALIGNED);
    CHECK_EQ(ask(agent, NOTIFY, PAGE, 0).status, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(waiters(here.memory), 0);
    agent_end(agent);
    here_delete(here);
}

TEST(waits_past_the_length_that_this_process_knew) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    const agent_t one = agent_start(&here, WASM_MEMORY_BOUNDS_GUARDED, shared_32(1, 4));
    const agent_t other = agent_start(&here, WASM_MEMORY_BOUNDS_CHECKED, shared_32(1, 4));
    CHECK_EQ(grown(here.memory, 3), 1);
    make_wait(one, &here, 4 * PAGE - 8, true, 1);
    CHECK_ASK(other, NOTIFY, 4 * PAGE - 8, 1, 1);
    CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
    agent_end(one);
    agent_end(other);
    here_delete(here);
}

TEST(a_wait_in_an_imported_memory_ends_in_time_and_not_before) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const int64_t times[] = {0, 1, 1000, MILLISECOND, 20 * MILLISECOND, 70 * MILLISECOND};
    size_t i;
    for (i = 0; i < sizeof times / sizeof *times; i++) {
        answer_t answer;
        tell_timed(agent, i % 2 == 0 ? WAIT_32 : WAIT_64, 64, 0, times[i]);
        answer = answer_of(agent);
        CHECK_EQ(answer.status, WASM_MEMORY_OK);
        CHECK_EQ(answer.result, WASM_MEMORY_WAIT_TIMED_OUT);
        CHECK(answer.took >= times[i]);
        CHECK(answer.took < times[i] + 5 * SECOND);
        CHECK_EQ(waiters(here.memory), 0);
        CHECK_EQ(notified(here.memory, 64, ALL), 0);
    }
    /* More time than clocks have. */
    tell_timed(agent, WAIT_32, 64, 0, INT64_MAX);
    CHECK(waiters_become(here.memory, 1));
    CHECK_EQ(notified(here.memory, 64, ALL), 1);
    CHECK_WAIT(agent, WASM_MEMORY_WAIT_OK);
    agent_end(agent);
    here_delete(here);
}

static void take_turns(bool wide, uint32_t rounds) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t agent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    pong_t pong = pong_of(here.memory, 512, 0, rounds, wide);
    answer_t answer;
    tell(agent, wide ? PONG_64 : PONG_32, 512, rounds);
    pong_run(&pong);
    answer = answer_of(agent);
    CHECK_EQ(pong.wrong + answer.storm.wrong, 0);
    CHECK_EQ(pong.taken, rounds);
    CHECK_EQ(answer.storm.turns, rounds);
    CHECK_EQ(pong.returned + answer.storm.returned, pong.woken + answer.storm.woken);
    CHECK_EQ(waiters(here.memory), 0);
    agent_end(agent);
    here_delete(here);
}

TEST(two_processes_take_turns) {
    take_turns(false, 5000);
    take_turns(true, 5000);
}

#define LINE 6

TEST(waiters_of_several_processes_are_served_in_the_order_in_which_they_came) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    agent_t agents[LINE];
    int i, round;
    for (i = 0; i < LINE; i++) agents[i] = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    for (round = 0; round < 5; round++) {
        /* 5 and 6 have no divisor in common: another order each time. */
        for (i = 0; i < LINE; i++) make_wait(agents[(i * 5 + round) % LINE], &here, 256, i % 2 != 0, (uint64_t)i + 1);
        for (i = 0; i < LINE; i++) {
            CHECK_EQ(notified(here.memory, 256, 1), 1);
            CHECK_WAIT(agents[(i * 5 + round) % LINE], WASM_MEMORY_WAIT_OK);
            CHECK_EQ(waiters(here.memory), (uint64_t)(LINE - 1 - i));
        }
        CHECK_EQ(notified(here.memory, 256, 1), 0);
    }
    /* Several at once are the first ones. */
    for (i = 0; i < LINE; i++) make_wait(agents[i], &here, 256, false, (uint64_t)i + 1);
    CHECK_EQ(notified(here.memory, 256, 4), 4);
    for (i = 0; i < 4; i++) CHECK_WAIT(agents[i], WASM_MEMORY_WAIT_OK);
    CHECK_EQ(waiters(here.memory), 2);
    CHECK_EQ(notified(here.memory, 256, 4), 2);
    for (i = 4; i < LINE; i++) CHECK_WAIT(agents[i], WASM_MEMORY_WAIT_OK);
    for (i = 0; i < LINE; i++) agent_end(agents[i]);
    here_delete(here);
}

TEST(every_waiter_that_a_notify_counts_returns_and_no_other) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    agent_t agents[3];
    uint64_t interrupted = 0;
    storm_t sum;
    int i;
    memset(&sum, 0, sizeof sum);
    for (i = 0; i < 3; i++) {
        agents[i] = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        tell(agents[i], STORM, 64, (uint64_t)i + 1);
    }
    for (i = 0; i < 60; i++) {
        uint32_t count = 77;
        sleep_for(10 * MILLISECOND);
        CHECK_STATUS(wasm_memory_interrupt_waiters(here.memory, &count), WASM_MEMORY_OK);
        interrupted += count;
    }
    CHECK_STATUS(wasm_memory_atomic_store32(here.memory, STOP, 1), WASM_MEMORY_OK);
    for (i = 0; i < 3; i++) {
        const answer_t answer = answer_of(agents[i]);
        CHECK(answer.storm.turns > 10);
        storm_add(&sum, &answer.storm);
        agent_end(agents[i]);
    }
    CHECK_EQ(sum.wrong, 0);
    CHECK_EQ(sum.returned, sum.woken);
    CHECK_EQ(sum.interrupted, interrupted);
    CHECK(sum.woken > 10);
    CHECK_EQ(waiters(here.memory), 0);
    here_delete(here);
}

TEST(waiters_of_all_processes_are_interrupted) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t one = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t other = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t third = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    make_wait(one, &here, 64, false, 1);
    make_wait(other, &here, 1024, true, 2);
    CHECK_ASK(third, INTERRUPT, 0, 0, 2);
    CHECK_WAIT_STATUS(one, WASM_MEMORY_INTERRUPTED);
    CHECK_WAIT_STATUS(other, WASM_MEMORY_INTERRUPTED);
    CHECK_EQ(waiters(here.memory), 0);
    CHECK_EQ(notified(here.memory, 64, ALL), 0);
    CHECK_ASK(third, INTERRUPT, 0, 0, 0);
    make_wait(one, &here, 64, false, 1); /* who comes later is not concerned */
    CHECK_EQ(notified(here.memory, 64, 1), 1);
    CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
    agent_end(one);
    agent_end(other);
    agent_end(third);
    here_delete(here);
}

TEST(a_memory_that_one_process_closes_is_closed_to_waiting_for_all) {
    const shape_t of = shared_32(1, 2);
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    const agent_t one = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    const agent_t other = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    here_t late;
    wasm_memory_wait_result_t result = 77;
    make_wait(one, &here, 64, false, 1);
    CHECK_ASK(other, CLOSE, 0, 0, 0);
    CHECK_WAIT_STATUS(one, WASM_MEMORY_CLOSED);
    tell(one, WAIT_64, 64, 0);
    CHECK_WAIT_STATUS(one, WASM_MEMORY_CLOSED);
    CHECK_STATUS(wasm_memory_atomic_wait32(here.memory, 64, 1, FOR_EVER, &result), WASM_MEMORY_CLOSED);
    CHECK_EQ(result, 0);
    CHECK_STATUS(wasm_memory_atomic_wait32(here.memory, PAGE, 0, FOR_EVER, &result), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_close_waiters(here.memory), WASM_MEMORY_OK);
    late = imported(WASM_MEMORY_BOUNDS_AUTO, of, here.descriptor);
    CHECK_STATUS(wasm_memory_atomic_wait32(late.memory, 64, 0, FOR_EVER, &result), WASM_MEMORY_CLOSED);
    CHECK_EQ(notified(late.memory, 64, ALL), 0);
    CHECK_ASK(one, NOTIFY, 64, ALL, 0);
    CHECK_ASK(one, INTERRUPT, 0, 0, 0);
    CHECK_EQ(waiters(late.memory), 0);
    CHECK_EQ(grown(late.memory, 1), 1); /* that, and nothing else */
    CHECK_ASK(one, STORE, 2 * PAGE - 1, 5, 0);
    CHECK_EQ(byte_at(here.memory, 2 * PAGE - 1), 5);
    here_delete(late);
    agent_end(one);
    agent_end(other);
    here_delete(here);
}

static bool stopped(pid_t process) {
    int status = 0;
    kill(process, SIGSTOP);
    return waitpid(process, &status, WUNTRACED) == process && WIFSTOPPED(status);
}

TEST(a_waiter_whose_process_is_stopped_is_served_like_the_others) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t one = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t other = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    tell_timed(one, WAIT_32, 64, 0, 100 * MILLISECOND);
    waiters_become(here.memory, 1);
    CHECK(stopped(one.process));
    if (waiters(here.memory) == 1) { /* or this machine is so slow that it has timed out before */
        make_wait(other, &here, 64, true, 2);
        sleep_for(150 * MILLISECOND); /* its time is over, but it does not know yet: who is counted returns OK */
        CHECK_EQ(notified(here.memory, 64, 1), 1);
        kill(one.process, SIGCONT);
        CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(notified(here.memory, 64, ALL), 1);
        CHECK_WAIT(other, WASM_MEMORY_WAIT_OK);
    } else {
        kill(one.process, SIGCONT);
        CHECK_WAIT(one, WASM_MEMORY_WAIT_TIMED_OUT);
    }
    make_wait(one, &here, 64, true, 1);
    CHECK(stopped(one.process));
    kill(one.process, SIGCONT); /* which wakes nobody */
    sleep_for(20 * MILLISECOND);
    CHECK_EQ(waiters(here.memory), 1);
    CHECK_EQ(notified(here.memory, 64, ALL), 1);
    CHECK_WAIT(one, WASM_MEMORY_WAIT_OK);
    agent_end(one);
    agent_end(other);
    here_delete(here);
}

TEST(hundreds_of_threads_of_several_processes_wait_at_one_address) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    agent_t agents[4];
    uint64_t returned = 0, together;
    int i;
    for (i = 0; i < 4; i++) {
        agents[i] = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        CHECK_ASK(agents[i], GATHER, 64, 75, true);
    }
    CHECK(waiters_become(here.memory, 300));
    together = notified(here.memory, 64, 100);
    CHECK_EQ(together, 100);
    CHECK_EQ(waiters(here.memory), 200);
    CHECK_ASK(agents[0], GATHER, 128, 20, true); /* somewhere else */
    CHECK(waiters_become(here.memory, 220));
    CHECK_ASK(agents[1], NOTIFY, 64, 7, 7);
    CHECK_EQ(notified(here.memory, 64, ALL), 193);
    CHECK_EQ(waiters(here.memory), 20);
    CHECK_EQ(notified(here.memory, 128, 19), 19);
    CHECK_EQ(notified(here.memory, 128, 19), 1);
    for (i = 0; i < 4; i++) {
        returned += ask(agents[i], DISPERSE, 0, 0).value;
        agent_end(agents[i]);
    }
    CHECK_EQ(returned, 320);
    CHECK_EQ(waiters(here.memory), 0);
    here_delete(here);
}

/* ---- death ---- */

TEST(who_dies_while_it_waits_is_not_counted_and_takes_nobodys_turn) {
    size_t wide;
    for (wide = 0; wide < 2; wide++) {
        const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        agent_t agents[5];
        size_t i;
        for (i = 0; i < 5; i++) {
            agents[i] = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
            make_wait(agents[i], &here, 64, wide != 0, i + 1);
        }
        agent_kill(agents[0]);
        CHECK_EQ(notified(here.memory, 64, 1), 1);
        CHECK_WAIT(agents[1], WASM_MEMORY_WAIT_OK);
        agent_kill(agents[3]);
        CHECK(waiters_become(here.memory, 2));
        CHECK_EQ(notified(here.memory, 64, 2), 2);
        CHECK_WAIT(agents[2], WASM_MEMORY_WAIT_OK);
        CHECK_WAIT(agents[4], WASM_MEMORY_WAIT_OK);
        /* The last of its queue, and all of them. */
        make_wait(agents[1], &here, 64, wide != 0, 1);
        make_wait(agents[2], &here, 64, wide != 0, 2);
        agent_kill(agents[2]);
        CHECK_EQ(notified(here.memory, 64, ALL), 1);
        CHECK_WAIT(agents[1], WASM_MEMORY_WAIT_OK);
        make_wait(agents[1], &here, 64, wide != 0, 1);
        agent_kill(agents[1]);
        CHECK_EQ(notified(here.memory, 64, ALL), 0);
        CHECK(waiters_become(here.memory, 0));
        /* The address is as good as new. */
        make_wait(agents[4], &here, 64, wide != 0, 1);
        CHECK_EQ(notified(here.memory, 64, ALL), 1);
        CHECK_WAIT(agents[4], WASM_MEMORY_WAIT_OK);
        agent_end(agents[4]);
        here_delete(here);
    }
}

TEST(the_dead_are_neither_interrupted_nor_closed) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    agent_t agents[4];
    uint32_t count = 77;
    size_t i;
    for (i = 0; i < 4; i++) {
        agents[i] = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        make_wait(agents[i], &here, 64 * i, false, i + 1);
    }
    agent_kill(agents[0]);
    agent_kill(agents[2]);
    CHECK_STATUS(wasm_memory_interrupt_waiters(here.memory, &count), WASM_MEMORY_OK);
    CHECK_EQ(count, 2);
    CHECK_WAIT_STATUS(agents[1], WASM_MEMORY_INTERRUPTED);
    CHECK_WAIT_STATUS(agents[3], WASM_MEMORY_INTERRUPTED);
    make_wait(agents[1], &here, 64, false, 1);
    make_wait(agents[3], &here, 64, false, 2);
    agent_kill(agents[1]);
    CHECK_STATUS(wasm_memory_close_waiters(here.memory), WASM_MEMORY_OK);
    CHECK_WAIT_STATUS(agents[3], WASM_MEMORY_CLOSED);
    CHECK(waiters_become(here.memory, 0));
    agent_end(agents[3]);
    here_delete(here);
}

TEST(a_process_that_ends_or_becomes_another_program_waits_no_more) {
    const what_t ways[] = {LEAVE, BECOME_IDLE};
    size_t i;
    for (i = 0; i < 2; i++) {
        const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        const agent_t gone = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        const agent_t alive = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        CHECK_ASK(gone, GATHER, 64, 10, true);
        CHECK(waiters_become(here.memory, 10));
        make_wait(alive, &here, 64, false, 11);
        tell(gone, ways[i], 0, 0);
        CHECK(waiters_become(here.memory, 1));
        CHECK_EQ(notified(here.memory, 64, 3), 1);
        CHECK_WAIT(alive, WASM_MEMORY_WAIT_OK);
        if (ways[i] == BECOME_IDLE) kill(gone.process, SIGKILL);
        close(gone.socket);
        CHECK(ended(gone.process) == (ways[i] == BECOME_IDLE ? -SIGKILL : 0));
        agent_end(alive);
        here_delete(here);
    }
}

/* More deaths than there are places for waiters (32768): all of them are taken, and given back, in between. */
#define ROUNDS_OF_DEATH (70 / SLOWNESS)
#define MORTALS 500

TEST(the_places_of_the_dead_are_taken_again) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    const agent_t alive = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
    int round;
    make_wait(alive, &here, 64, false, 1);
    for (round = 0; round < ROUNDS_OF_DEATH; round++) {
        const agent_t mortal = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 1));
        const uint64_t elsewhere = 128 + 8 * (uint64_t)round;
        CHECK_ASK(mortal, GATHER, 64, MORTALS / 2, true); /* behind the one that lives on */
        CHECK_ASK(mortal, GATHER, elsewhere, MORTALS / 2, true);
        waiters_become(here.memory, 1 + MORTALS);
        if (round % 3 == 0) { /* these die between the end of their wait and its return */
            CHECK(stopped(mortal.process));
            CHECK_EQ(notified(here.memory, elsewhere, ALL), MORTALS / 2);
        }
        agent_kill(mortal);
    }
    CHECK(waiters_become(here.memory, 1));
    CHECK_EQ(notified(here.memory, 64, 1), 1);
    CHECK_WAIT(alive, WASM_MEMORY_WAIT_OK);
    agent_end(alive);
    here_delete(here);
}

/* program "victim" or "counter" and the arguments of an agent: uses the memory in all ways until it is killed, or does
 * nothing but count its waiters, which holds the library's lock for long. */
#define SAFE UINT64_C(64)   /* the addresses of those that live on, four from here */
#define DEADLY UINT64_C(96) /* the ones that victims use too: next to them, and in the same lines of the cache */
#define ASIDE UINT64_C(160) /* where a crowd waits until all is over */
#define TURN UINT64_C(200)  /* where two of those that live on take turns */

static int victim_main(char **arguments) {
    const int socket = atoi(arguments[2]);
    const shape_t as = shape(strtoull(arguments[5], NULL, 10), strtoull(arguments[6], NULL, 10),
                             atoi(arguments[7]) != 0, true, (uint8_t)atoi(arguments[8]));
    intptr_t descriptor = atoi(arguments[3]);
    const uint64_t ways = strcmp(arguments[1], "counter") == 0 ? 1 : 16;
    uint64_t seed = ((uint64_t)getpid() << 20) + 1, wrong = 0;
    answer_t ready;
    here_t here;
    if (descriptor < 0) descriptor = receive_descriptor(socket);
    here = imported(atoi(arguments[4]), as, descriptor);
    memset(&ready, 0, sizeof ready);
    if (!whole_send(socket, &ready, sizeof ready)) return 1;
    while (wrong == 0) {
        const uint64_t dice = next_random(&seed), offset = DEADLY + 8 * (dice % 4);
        uint64_t previous = 0;
        wasm_memory_wait_result_t result;
        wasm_memory_status_t status = WASM_MEMORY_OK;
        switch (dice / 64 % ways) {
        case 0: (void)waiters(here.memory); break;
        case 1: status = wasm_memory_atomic_wait32(here.memory, offset, 0, FOR_EVER, &result); break;
        case 2: status = wasm_memory_atomic_wait64(here.memory, offset, 0, FOR_EVER, &result); break;
        case 3:
        case 4: status = wasm_memory_atomic_wait32(here.memory, offset, 0, 0, &result); break;
        case 5:
        case 6: status = wasm_memory_atomic_wait32(here.memory, offset, 0, (int64_t)(dice / 1024 % 9999), &result); break;
        case 7: status = wasm_memory_atomic_notify(here.memory, offset, ALL, NULL); break;
        case 8:
        case 9:
        case 10: status = wasm_memory_atomic_notify(here.memory, offset, 1, NULL); break;
        default:
            status = wasm_memory_try_grow(here.memory, 1, &previous);
            if (status == WASM_MEMORY_OK) {
                uint8_t taken = 77;
                wrong += wasm_memory_atomic_rmw8(here.memory, WASM_MEMORY_RMW_ADD, TABLE + previous - as.minimum, 1,
                                                 &taken) != WASM_MEMORY_OK;
                wrong += taken != 0;
            } else if (status == WASM_MEMORY_MAXIMUM_EXCEEDED) {
                status = WASM_MEMORY_OK;
            }
        }
        wrong += status != WASM_MEMORY_OK;
    }
    printf("  a victim met something wrong before it was killed\n");
    return 1;
}

/* Rounds of killing, with peace after each: then everyone who still works has to come to an end. */
#define ROUNDS_OF_KILLING (12 / SLOWNESS)
#define KILLS 50 /* in a round */

typedef struct {
    const here_t *here;
    wasm_memory_bounds_t bounds;
    shape_t of;
    agent_t partner, opponent;
    uint64_t seed;
} field_t;

/* Victims are killed wherever they are, in a lock of the library's too. Who lives on counts exactly at addresses of its
 * own, and can go on at those of the victims. */
static void kill_for_a_round(field_t *field) {
    wasm_memory_t *const memory = field->here->memory;
    pong_t pong = pong_of(memory, TURN, 0, UINT32_MAX, false);
    storm_t mine = storm_of(memory, SAFE, STOP, next_random(&field->seed));
    storm_t at_risk = storm_of(memory, DEADLY, STOP, next_random(&field->seed));
    agent_t victims[2];
    pthread_t threads[3];
    answer_t answer;
    int i;
    pong.looks = true;
    CHECK_STATUS(wasm_memory_atomic_store32(memory, STOP, 0), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_atomic_store32(memory, TURN, 0), WASM_MEMORY_OK);
    tell(field->partner, STORM, SAFE, next_random(&field->seed));
    tell(field->opponent, PONG_32, TURN, UINT32_MAX);
    CHECK_EQ(pthread_create(&threads[0], NULL, storm_run, &mine), 0);
    CHECK_EQ(pthread_create(&threads[1], NULL, storm_run, &at_risk), 0);
    CHECK_EQ(pthread_create(&threads[2], NULL, pong_run, &pong), 0);
    for (i = 0; i < KILLS + 2; i++) {
        agent_t *const victim = &victims[i % 2];
        if (i >= 2) {
            sleep_for((int64_t)(next_random(&field->seed) % 500000));
            agent_kill(*victim);
        }
        if (i < KILLS) {
            const char *const role = i % 8 < 2 ? "victim" : "counter";
            *victim = agent_start_passing(role, field->here->descriptor, field->bounds, field->of, INHERITED);
        }
    }
    CHECK_STATUS(wasm_memory_atomic_store32(memory, STOP, 1), WASM_MEMORY_OK);
    for (i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    answer = answer_of(field->partner);
    storm_add(&mine, &answer.storm);
    CHECK_EQ(mine.wrong, 0);
    CHECK_EQ(mine.returned, mine.woken);
    answer = answer_of(field->opponent);
    CHECK_EQ(pong.wrong + answer.storm.wrong, 0);
    CHECK_EQ(pong.returned + answer.storm.returned, pong.woken + answer.storm.woken);
    CHECK(pong.taken > 0);
    CHECK_EQ(at_risk.wrong, 0);
}

static void kill_many(wasm_memory_bounds_t bounds, shape_t of, int rounds) {
    const here_t here = made(bounds, of);
    const agent_t crowd = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    uint64_t page, twice = 0;
    field_t field;
    int i;
    field.here = &here;
    field.bounds = bounds;
    field.of = of;
    field.partner = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    field.opponent = agent_start(&here, WASM_MEMORY_BOUNDS_AUTO, of);
    field.seed = (uint64_t)now();
    CHECK_ASK(crowd, GATHER, ASIDE, CROWD, true);
    waiters_become(here.memory, CROWD);
    for (i = 0; i < rounds; i++) {
        const uint64_t offset = DEADLY + 8 * ((uint64_t)i % 4);
        kill_for_a_round(&field);
        CHECK(waiters_become(here.memory, CROWD));
        CHECK_EQ(notified(here.memory, offset, ALL), 0);
        make_wait(field.partner, &here, offset, i % 2 != 0, CROWD + 1);
        CHECK_EQ(notified(here.memory, offset, ALL), 1);
        CHECK_WAIT(field.partner, WASM_MEMORY_WAIT_OK);
    }
    CHECK_EQ(notified(here.memory, ASIDE, CROWD - 1), CROWD - 1);
    CHECK_EQ(notified(here.memory, ASIDE, CROWD - 1), 1);
    CHECK_ASK(crowd, DISPERSE, 0, 0, CROWD);
    CHECK_EQ(waiters(here.memory), 0);
    /* Each page went to one process, and all that there are can be used. */
    for (page = of.minimum; page < of.maximum; page++) twice += byte_at(here.memory, TABLE + page - of.minimum) > 1;
    CHECK_EQ(twice, 0);
    page = wasm_memory_pages(here.memory);
    CHECK(page <= of.maximum);
    CHECK_ASK(field.partner, SIZE, 0, 0, page);
    CHECK_EQ(grown(here.memory, of.maximum - page), page);
    CHECK_ASK(field.partner, STORE, (of.maximum << of.page_size_log2) - 1, 3, 0);
    CHECK_EQ(byte_at(here.memory, (of.maximum << of.page_size_log2) - 1), 3);
    agent_end(crowd);
    agent_end(field.opponent);
    agent_end(field.partner);
    here_delete(here);
}

TEST(processes_are_killed_at_any_moment_and_the_others_go_on) {
    kill_many(WASM_MEMORY_BOUNDS_CHECKED, shared_bytes(2 * MIB, 2 * MIB + 2000000), ROUNDS_OF_KILLING);
    kill_many(WASM_MEMORY_BOUNDS_GUARDED, shared_32(1, 20000), ROUNDS_OF_KILLING / 3);
}

/* ---- fork ---- */

typedef struct {
    const here_t *here;
    int to_child, from_parent, to_parent, from_child;
} pair_t;

static pair_t pair_of(const here_t *here) {
    pair_t pair;
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    CHECK_EQ(pipe(down), 0);
    CHECK_EQ(pipe(up), 0);
    pair.here = here;
    pair.from_parent = down[0];
    pair.to_child = down[1];
    pair.from_child = up[0];
    pair.to_parent = up[1];
    return pair;
}

static void pair_close(pair_t pair) {
    close(pair.from_parent);
    close(pair.to_child);
    close(pair.from_child);
    close(pair.to_parent);
}

static void signal_to(int pipe) { CHECK_EQ(write(pipe, "x", 1), 1); }
static void signal_from(int pipe) {
    char byte;
    CHECK_EQ(read(pipe, &byte, 1), 1);
}

static void forked(const pair_t *pair) {
    wasm_memory_t *const memory = pair->here->memory;
    wasm_memory_wait_result_t result = 77;
    pong_t pong;
    CHECK_EQ(byte_at(memory, 5000), 1);
    CHECK_STATUS(wasm_memory_store_u8(memory, 5000, 2), WASM_MEMORY_OK);
    CHECK_EQ(grown(memory, 1), 1);
    signal_to(pair->to_parent);
    CHECK_STATUS(wasm_memory_atomic_wait32(memory, 64, 0, FOR_EVER, &result), WASM_MEMORY_OK);
    CHECK_EQ(result, WASM_MEMORY_WAIT_OK);
    pong = pong_of(memory, 512, 1, 500, false);
    pong_run(&pong);
    CHECK_EQ(pong.wrong, 0);
    signal_from(pair->from_parent);
    CHECK_EQ(seen_length(memory), 2 * PAGE); /* as in any other process */
    CHECK_EQ(byte_at(memory, 4 * PAGE - 1), 9);
    CHECK_EQ(seen_length(memory), 4 * PAGE);
    /* What it was given to use it may also delete, and the parent keeps its own. */
    close((int)exported(pair->here->token));
    here_delete(*pair->here);
}

TEST(a_forked_child_is_just_another_process) {
    size_t bounds;
    for (bounds = 0; bounds < 3; bounds++) {
        const here_t here = made(all_bounds[bounds], shared_32(1, 4));
        const pair_t pair = pair_of(&here);
        const pid_t parent = getpid();
        pong_t pong = pong_of(here.memory, 512, 0, 500, false);
        pid_t child;
        CHECK_STATUS(wasm_memory_store_u8(here.memory, 5000, 1), WASM_MEMORY_OK);
        fflush(stdout);
        child = fork();
        if (child == 0) {
            tie_to_parent(parent);
            forked(&pair);
            fflush(stdout);
            _exit(check_state.failures != 0);
        }
        signal_from(pair.from_child);
        CHECK_EQ(seen_length(here.memory), PAGE);
        CHECK_EQ(byte_at(here.memory, 5000), 2);
        CHECK(waiters_become(here.memory, 1));
        CHECK_EQ(wasm_memory_pages(here.memory), 2);
        CHECK_EQ(notified(here.memory, 64, ALL), 1);
        pong_run(&pong);
        CHECK_EQ(pong.wrong, 0);
        CHECK_EQ(grown(here.memory, 2), 2);
        CHECK_STATUS(wasm_memory_store_u8(here.memory, 4 * PAGE - 1, 9), WASM_MEMORY_OK);
        signal_to(pair.to_child);
        CHECK_EQ(ended(child), 0);
        CHECK_EQ(byte_at(here.memory, 4 * PAGE - 1), 9);
        CHECK_EQ(notified(here.memory, 64, ALL), 0);
        close((int)exported(here.token));
        pair_close(pair);
        here_delete(here);
    }
}

TEST(a_thread_that_waits_goes_on_waiting_when_its_process_forks) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    const pair_t pair = pair_of(&here);
    const pid_t parent = getpid();
    int round;
    for (round = 0; round < 10; round++) {
        waiter_t waiter;
        pthread_t thread;
        pid_t child;
        memset(&waiter, 0, sizeof waiter);
        waiter.memory = here.memory;
        waiter.offset = 64;
        CHECK_EQ(pthread_create(&thread, NULL, waiter_run, &waiter), 0);
        CHECK(waiters_become(here.memory, 1));
        fflush(stdout);
        child = fork();
        if (child == 0) {
            tie_to_parent(parent);
            /* The thread is not here, but it is the memory's waiter. */
            CHECK_EQ(waiters(here.memory), 1);
            if (round % 2 == 0) CHECK_EQ(notified(here.memory, 64, ALL), 1);
            signal_to(pair.to_parent);
            if (round % 3 == 0) for (;;) pause();
            fflush(stdout);
            _exit(check_state.failures != 0);
        }
        signal_from(pair.from_child);
        if (round % 3 == 0) kill(child, SIGKILL);
        CHECK(ended(child) == (round % 3 == 0 ? -SIGKILL : 0));
        if (round % 2 != 0) {
            CHECK_EQ(waiters(here.memory), 1);
            CHECK_EQ(notified(here.memory, 64, ALL), 1);
        }
        pthread_join(thread, NULL);
        CHECK_EQ(waiter.status, WASM_MEMORY_OK);
        CHECK_EQ(waiter.result, WASM_MEMORY_WAIT_OK);
        CHECK_EQ(waiters(here.memory), 0);
    }
    pair_close(pair);
    here_delete(here);
}

TEST(a_forked_child_that_dies_while_it_waits_is_not_counted) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    const pid_t parent = getpid();
    int round;
    for (round = 0; round < 20; round++) {
        pid_t child;
        fflush(stdout);
        child = fork();
        if (child == 0) {
            wasm_memory_wait_result_t result;
            tie_to_parent(parent);
            (void)wasm_memory_atomic_wait32(here.memory, 64, 0, FOR_EVER, &result);
            _exit(1);
        }
        CHECK(waiters_become(here.memory, 1));
        kill(child, SIGKILL);
        CHECK(ended(child) == -SIGKILL);
        if (round % 2 == 0) CHECK(waiters_become(here.memory, 0));
        CHECK_EQ(notified(here.memory, 64, ALL), 0);
    }
    here_delete(here);
}

/* ---- what the system refuses ---- */

static void descriptors_limit_set(rlim_t soft) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft == 0 ? limit.rlim_max : soft;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The status of a call, and what it left in errno. */
static int errno_after;
static wasm_memory_status_t noted(wasm_memory_status_t status) {
    errno_after = errno;
    return status;
}

static void without_descriptors(void *unused) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 4));
    const host_t importer = host_default();
    wasm_shared_memory_t *token = here.token;
    wasm_memory_t *memory = here.memory;
    intptr_t descriptor = 77;
    const int lowest = dup(0);
    holdings_t before;
    int round;
    (void)unused;
    close(lowest);
    for (round = 0; round < 2; round++) { /* the first allocates what stays */
        before = holdings();
        descriptors_limit_set((rlim_t)lowest);
        errno = 0;
        CHECK_STATUS(noted(wasm_shared_memory_export(here.token, &descriptor)), WASM_MEMORY_IO);
        CHECK_EQ(errno_after, EMFILE);
        CHECK_EQ(descriptor, 0);
        errno = 0;
        token = here.token;
        CHECK(noted(try_shared(here.host, shared_32(1, 4), &token)) != WASM_MEMORY_OK);
        CHECK_EQ(errno_after, EMFILE);
        CHECK(token == NULL);
        errno = 0;
        memory = here.memory;
        CHECK(noted(try_memory(here.host, shared_32(1, 4), &memory)) != WASM_MEMORY_OK);
        CHECK_EQ(errno_after, EMFILE);
        CHECK(memory == NULL);
        errno = 0;
        token = here.token;
        CHECK(noted(try_import(importer, shared_32(1, 4), here.descriptor, &token)) != WASM_MEMORY_OK);
        CHECK_EQ(errno_after, EMFILE);
        CHECK(token == NULL);
        /* What needs none works. */
        memory = memory_of(here.host, pages_32(1, 4));
        wasm_memory_delete(memory);
        memory = memory_of(importer, shared_32(1, 4));
        wasm_memory_delete(memory);
        CHECK_EQ(wasm_memory_pages(here.memory), 1);
        CHECK_EQ(grown(here.memory, 0), 1);
        CHECK_EQ(notified(here.memory, 0, 1), 0);
        descriptors_limit_set(0);
    }
    CHECK_HOLDINGS(before);
    close((int)exported(here.token));
    CHECK_STATUS(try_import(importer, shared_32(1, 4), here.descriptor, &token), WASM_MEMORY_OK);
    wasm_shared_memory_delete(token);
    host_delete(importer);
    here_delete(here);
}

TEST(without_descriptors_left_a_status_says_so) { CHECK_EQ(in_child(without_descriptors, NULL), 0); }

static void in_small_files(void *unused) {
    const struct rlimit small = {(rlim_t)MIB, (rlim_t)MIB};
    const shape_t of = shared_32(1, 1000);
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    const host_t other = exporting_host(WASM_MEMORY_BOUNDS_AUTO);
    wasm_shared_memory_t *token = here.token;
    wasm_memory_t *memory = here.memory;
    here_t there;
    (void)unused;
    signal(SIGXFSZ, SIG_DFL);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    errno = 0;
    CHECK(noted(try_shared(other, of, &token)) != WASM_MEMORY_OK);
    CHECK_EQ(errno_after, EFBIG);
    CHECK(token == NULL);
    CHECK(try_memory(other, of, &memory) != WASM_MEMORY_OK);
    CHECK(memory == NULL);
    /* Those that exist are as they were, and can come to others. */
    CHECK_EQ(grown(here.memory, 999), 1);
    CHECK_STATUS(wasm_memory_store_u8(here.memory, 1000 * PAGE - 1, 4), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_discard(here.memory, 0, 900 * PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_erase(here.memory), WASM_MEMORY_OK);
    there = imported(WASM_MEMORY_BOUNDS_AUTO, of, here.descriptor);
    CHECK_STATUS(wasm_memory_store_u8(there.memory, 1000 * PAGE - 1, 5), WASM_MEMORY_OK);
    CHECK_EQ(byte_at(here.memory, 1000 * PAGE - 1), 5);
    here_delete(there);
    host_delete(other);
    here_delete(here);
}

TEST(a_limit_on_the_size_of_files_gives_a_status_and_no_signal) { CHECK_EQ(in_child(in_small_files, NULL), 0); }

/* ---- what stays behind: nothing ---- */

static void make_use_and_delete(int round) {
    const here_t here = made(all_bounds[round % 3], all_shapes[(size_t)round % SHAPES]);
    const here_t there = imported(all_bounds[round / 3 % 3], all_shapes[(size_t)round % SHAPES], here.descriptor);
    const host_t host = host_default();
    wasm_shared_memory_t *token = NULL;
    wasm_memory_wait_result_t result;
    CHECK_EQ(grown(there.memory, 1), all_shapes[(size_t)round % SHAPES].minimum);
    CHECK_EQ(byte_at(here.memory, 0), 0);
    CHECK_STATUS(wasm_memory_atomic_wait32(there.memory, 0, 0, 1000, &result), WASM_MEMORY_OK);
    CHECK_STATUS(try_import(host, shared_32(99, 100), here.descriptor, &token), WASM_MEMORY_INVALID_TYPE);
    CHECK_STATUS(try_import(host, shared_32(0, 100), -1, &token), WASM_MEMORY_IO);
    CHECK_STATUS(wasm_memory_erase(here.memory), WASM_MEMORY_OK);
    host_delete(host);
    if (round % 2 == 0) {
        here_delete(here);
        here_delete(there);
    } else {
        here_delete(there);
        here_delete(here);
    }
}

TEST(descriptors_and_mappings_go_with_their_memories) {
    holdings_t before;
    int round;
    for (round = 0; round < 12; round++) make_use_and_delete(round);
    before = holdings();
    for (round = 0; round < 60; round++) make_use_and_delete(round);
    CHECK_HOLDINGS(before);
    { /* one engine for all: what it keeps warm goes with it at the latest */
        const host_t host = exporting_host(WASM_MEMORY_BOUNDS_AUTO);
        for (round = 0; round < 200; round++) {
            wasm_memory_t *const memory = memory_of(host, shared_32(1, 2));
            wasm_memory_t *const private = memory_of(host, pages_32(1, 2));
            CHECK_EQ(byte_at(memory, 9), 0);
            CHECK_EQ(byte_at(private, 9), 0);
            CHECK_STATUS(wasm_memory_fill(memory, 0, 0xff, PAGE), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_fill(private, 0, 0xff, PAGE), WASM_MEMORY_OK);
            wasm_memory_delete(memory);
            wasm_memory_delete(private);
        }
        CHECK_EQ(open_descriptors(), before.descriptors);
        host_delete(host);
    }
    CHECK_HOLDINGS(before);
}

/* ---- what is no exported memory ---- */

/* An import that fails, and leaves nothing behind. */
static bool check_refused(host_t host, shape_t as, intptr_t descriptor, wasm_memory_status_t expected, int error,
                          const char *what, int line) {
    wasm_shared_memory_t *token = (wasm_shared_memory_t *)(void *)&host;
    wasm_memorytype_t *const type = type_of(as);
    const holdings_t before = holdings();
    wasm_memory_status_t status;
    bool holds;
    errno = 0;
    status = noted(wasm_shared_memory_import(host.engine, type, descriptor, &token));
    holds = check_status(status, expected, __FILE__, line, what);
    if (error != 0) holds &= check_equal((uint64_t)errno_after, (uint64_t)error, __FILE__, line, what);
    holds &= check_report(token == NULL, __FILE__, line, what, ": the token is not NULL");
    if (status == WASM_MEMORY_OK) wasm_shared_memory_delete(token);
    holds &= check_holdings(before, __FILE__, line);
    wasm_memorytype_delete(type);
    return holds;
}
#define CHECK_REFUSED(host, as, descriptor, status, error) \
    check_refused(host, as, descriptor, status, error, "importing " #descriptor, __LINE__)

static uint64_t file_size(intptr_t descriptor) {
    struct stat about;
    CHECK_EQ(fstat((int)descriptor, &about), 0);
    return (uint64_t)about.st_size;
}

static int ordinary_file(uint64_t size, bool random) {
    char name[] = "/tmp/wasm_memory_test_export_XXXXXX";
    const int file = mkstemp(name);
    uint64_t seed = 99, at;
    CHECK(file >= 0);
    unlink(name);
    CHECK_EQ(ftruncate(file, (off_t)size), 0);
    for (at = 0; random && at + 8 <= size && at < MIB; at += 8) {
        const uint64_t bytes = next_random(&seed);
        CHECK_EQ(pwrite(file, &bytes, 8, (off_t)at), 8);
    }
    return file;
}

/* The first `size` bytes of what a descriptor stands for, in a new file of memory. */
static uint8_t *bytes_of(intptr_t descriptor, uint64_t size) {
    uint8_t *const bytes = (uint8_t *)malloc((size_t)size + 1);
    CHECK(bytes != NULL);
    CHECK_EQ(pread((int)descriptor, bytes, (size_t)size, 0), size);
    return bytes;
}

/* The seals on the size, which nobody could map it safely without. (Others may be there, and are not copied: on a file
 * that may be executed some bring more of them.) */
static int size_seals(intptr_t descriptor) {
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
    CHECK_EQ(fcntl((int)descriptor, F_GET_SEALS) & seals, seals);
    return seals;
}

/* A file of memory of this size that starts with these bytes. */
static int memory_file(const uint8_t *bytes, uint64_t length, uint64_t size, int seals) {
    const int file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(file >= 0);
    CHECK_EQ(ftruncate(file, (off_t)size), 0);
    if (length > 0) CHECK_EQ(pwrite(file, bytes, (size_t)length, 0), length);
    if (seals != 0) CHECK_EQ(fcntl(file, F_ADD_SEALS, seals), 0);
    return file;
}

TEST(what_is_no_memory_is_refused) {
    const shape_t of = shared_32(1, 2);
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    const host_t host = host_default();
    const uint64_t size = file_size(here.descriptor);
    const int seals = size_seals(here.descriptor);
    int ends[2] = {-1, -1}, sockets[2] = {-1, -1}, other;
    char path[64];
    CHECK_REFUSED(host, of, -1, WASM_MEMORY_IO, EBADF);
    CHECK_REFUSED(host, of, INT_MAX, WASM_MEMORY_IO, EBADF);
    CHECK_REFUSED(host, of, INTPTR_MIN, WASM_MEMORY_IO, EBADF);
    /* The low bits alone would be a descriptor. */
    CHECK_REFUSED(host, of, (intptr_t)((uintptr_t)here.descriptor + ((uintptr_t)1 << 32)), WASM_MEMORY_IO, EBADF);
    other = dup(0);
    close(other);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, EBADF);
    CHECK_EQ(pipe(ends), 0);
    CHECK_REFUSED(host, of, ends[0], WASM_MEMORY_IO, 0);
    CHECK_REFUSED(host, of, ends[1], WASM_MEMORY_IO, 0);
    close(ends[0]);
    close(ends[1]);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_REFUSED(host, of, sockets[0], WASM_MEMORY_IO, 0);
    close(sockets[0]);
    close(sockets[1]);
    other = open("/", O_RDONLY | O_DIRECTORY);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = open("/dev/zero", O_RDWR);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    /* Ordinary files. */
    other = ordinary_file(0, false);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = ordinary_file(size, false);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = ordinary_file(size, true);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    /* The right kind of file, without any contents. */
    other = memory_file(NULL, 0, 0, seals);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = memory_file(NULL, 0, size, seals);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    /* The memory itself, but not in a way that it could be used. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)here.descriptor);
    other = open(path, O_RDONLY);
    CHECK(other >= 0);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = open(path, O_PATH);
    CHECK(other >= 0);
    CHECK_REFUSED(host, of, other, WASM_MEMORY_IO, 0);
    close(other);
    other = open(path, O_RDWR);
    CHECK(other >= 0);
    { /* while this is only another descriptor of it */
        const here_t there = imported(WASM_MEMORY_BOUNDS_AUTO, of, other);
        CHECK_STATUS(wasm_memory_store_u8(there.memory, 1, 2), WASM_MEMORY_OK);
        CHECK_EQ(byte_at(here.memory, 1), 2);
        here_delete(there);
    }
    close(other);
    host_delete(host);
    here_delete(here);
}

TEST(copies_are_refused_unless_they_are_whole_and_sealed) {
    const shape_t of = shared_32(1, 2);
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, of);
    const host_t host = host_default();
    const uint64_t size = file_size(here.descriptor);
    const int seals = size_seals(here.descriptor);
    const uint64_t cuts[] = {0, 1, 7, 8, 63, 64, 100, 511, 4095, 4096, 4097, 65536, size - PAGE, size - 4096, size - 1};
    uint8_t *bytes;
    size_t i;
    int copy, without;
    CHECK_STATUS(wasm_memory_store_u8(here.memory, 17, 71), WASM_MEMORY_OK);
    bytes = bytes_of(here.descriptor, size);
    if (!CHECK(bytes != NULL)) return;
    copy = ordinary_file(0, false);
    CHECK_EQ(pwrite(copy, bytes, (size_t)size, 0), size);
    CHECK_REFUSED(host, of, copy, WASM_MEMORY_IO, 0);
    close(copy);
    copy = memory_file(bytes, size, size, 0);
    CHECK_REFUSED(host, of, copy, WASM_MEMORY_IO, 0);
    close(copy);
    for (without = 1; without <= seals; without *= 2) {
        if ((seals & without) == 0) continue;
        copy = memory_file(bytes, size, size, seals & ~without);
        CHECK_REFUSED(host, of, copy, WASM_MEMORY_IO, 0);
        close(copy);
    }
    for (i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        if (cuts[i] >= size) continue;
        copy = memory_file(bytes, cuts[i], cuts[i], seals);
        CHECK_REFUSED(host, of, copy, WASM_MEMORY_IO, 0);
        close(copy);
    }
    copy = memory_file(bytes, size, size + 4096, seals);
    CHECK_REFUSED(host, of, copy, WASM_MEMORY_IO, 0);
    close(copy);
    { /* A whole one is a memory of its own: nothing tells it from one that was exported. */
        here_t there;
        copy = memory_file(bytes, size, size, seals);
        there = imported(WASM_MEMORY_BOUNDS_AUTO, of, copy);
        close(copy);
        CHECK_EQ(byte_at(there.memory, 17), 71);
        CHECK_STATUS(wasm_memory_store_u8(there.memory, 17, 1), WASM_MEMORY_OK);
        CHECK_EQ(byte_at(here.memory, 17), 71);
        here_delete(there);
    }
    free(bytes);
    host_delete(host);
    here_delete(here);
}

/* Imports a file that may be damaged, and uses what comes of it, in a process of its own: its exit status is 0, or 100
 * plus the status of the import, or 50 if the type of the memory is another. */
static void use_what_may_be_damaged(void *env) {
    const host_t host = host_default();
    wasm_shared_memory_t *token = NULL;
    const wasm_memory_status_t status = try_import(host, shared_32(0, 65536), *(int *)env, &token);
    uint64_t pages = 0, maximum = 65536;
    alarm(20);
    CHECK((status == WASM_MEMORY_OK) == (token != NULL));
    if (status == WASM_MEMORY_OK) {
        wasm_memory_t *const memory = wasm_memory_obtain(host.store, token);
        wasm_memorytype_t *const type = wasm_shared_memory_type(token);
        wasm_memory_wait_result_t result;
        uint8_t byte;
        CHECK(wasm_memorytype_maximum(type, &maximum));
        wasm_memorytype_delete(type);
        pages = wasm_memory_pages(memory);
        (void)wasm_memory_load_u8(memory, 0, &byte);
        (void)wasm_memory_store_u8(memory, pages * PAGE - 1, 1);
        (void)wasm_memory_try_grow(memory, 1, NULL);
        (void)wasm_memory_store_u8(memory, wasm_memory_data_size(memory) - 1, 1);
        (void)stats_of(memory);
        (void)wasm_memory_atomic_notify(memory, 0, ALL, NULL);
        (void)wasm_memory_atomic_wait32(memory, 0, 0, 1000, &result);
        wasm_memory_delete(memory);
        wasm_shared_memory_delete(token);
    }
    host_delete(host);
    fflush(stdout);
    if (check_state.failures == 0 && status != WASM_MEMORY_OK) _exit(100 + status);
    if (check_state.failures == 0 && (pages != 0 || maximum != 65536)) _exit(50);
}

/* What a file starts with says what it is; it has more room than this header. */
#define HEADER_BYTES 512
#define COPIED (64 * KIB)

/* Of an empty memory with the largest maximum, for which few other values make sense: another length, or no maximum. */
TEST(a_damaged_header_is_refused) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(0, 65536));
    const uint64_t size = file_size(here.descriptor);
    const int seals = size_seals(here.descriptor);
    uint8_t *const bytes = bytes_of(here.descriptor, COPIED);
    int copy = memory_file(bytes, COPIED, size, seals), refused = 0, fields = 0;
    uint64_t at, used = 0;
    CHECK_EQ(in_child(use_what_may_be_damaged, &copy), 0); /* as long as it is not */
    close(copy);
    for (at = 0; at < HEADER_BYTES; at++)
        if (bytes[at] != 0) used = at + 1;
    used += 16; /* the length, which is 0, too */
    for (at = 0; at < used; at++) {
        const uint8_t was = bytes[at];
        const uint8_t damages[] = {(uint8_t)(was ^ 1), (uint8_t)(was ^ 0x80), (uint8_t)~was, 0};
        const int refused_before = refused;
        size_t i;
        for (i = 0; i < sizeof damages; i++) {
            int status;
            if (damages[i] == was) continue;
            bytes[at] = damages[i];
            copy = memory_file(bytes, COPIED, size, seals);
            status = in_child(use_what_may_be_damaged, &copy);
            close(copy);
            if (status == 100 + WASM_MEMORY_IO || status == 100 + WASM_MEMORY_INVALID_TYPE)
                refused++;
            else if (status != 50 && (status != 0 || at < used - 16)) {
                CHECK_EQ(status, 100 + WASM_MEMORY_IO);
                printf("  byte %d, %d instead of %d\n", (int)at, damages[i], was);
            }
        }
        fields += refused != refused_before;
        bytes[at] = was;
    }
    CHECK(fields >= 40);
    free(bytes);
    here_delete(here);
}

TEST(a_memory_is_imported_only_as_what_it_is) {
    size_t i;
    for (i = 0; i < 3; i++) {
        const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(2, 10));
        const host_t host = host_with_bounds(all_bounds[i]);
        const shape_t fitting[] = {shared_32(4, 10), shared_32(2, 10), shared_32(0, 10), shared_32(0, 11),
                                   shared_32(4, 65536)};
        const shape_t others[] = {shared_32(5, 10),
                                  shared_32(11, 20),
                                  shared_32(2, 9),
                                  shared_32(4, 4),
                                  shared_64(2, 10),
                                  shared_bytes(2, 10),
                                  shared_bytes(4 * PAGE, 10 * PAGE),
                                  shape(4 * PAGE, 10 * PAGE, true, true, 0),
                                  shape(2, 10, false, false, 16),
                                  shape(0, NO_MAXIMUM, false, false, 16)};
        size_t which;
        CHECK_EQ(grown(here.memory, 2), 2); /* it matches as it is now */
        for (which = 0; which < sizeof fitting / sizeof *fitting; which++) {
            const here_t there = imported(all_bounds[i], fitting[which], here.descriptor);
            CHECK_EQ(wasm_memory_pages(there.memory), 4);
            here_delete(there);
        }
        for (which = 0; which < sizeof others / sizeof *others; which++)
            CHECK_REFUSED(host, others[which], here.descriptor, WASM_MEMORY_INVALID_TYPE, 0);
        host_delete(host);
        here_delete(here);
    }
}

static bool never_made;
static wasm_memory_status_t make_nothing(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                         size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    (void)env, (void)type, (void)minimum, (void)maximum, (void)reserved_bytes, (void)guard_bytes, (void)out;
    never_made = false;
    return WASM_MEMORY_OUT_OF_MEMORY;
}

TEST(where_the_host_makes_the_memories_none_is_exported_or_imported) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 2));
    wasm_config_t *const config = wasm_config_new();
    wasm_shared_memory_t *token = here.token;
    wasm_memory_allocator_t allocator;
    host_t host;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = make_nothing;
    never_made = true;
    wasm_config_memory_allocator_set(config, &allocator);
    wasm_config_memory_exportable_set(config, true);
    host = host_with(config);
    CHECK_STATUS(try_shared(host, shared_32(1, 2), &token), WASM_MEMORY_UNSUPPORTED);
    CHECK(token == NULL);
    CHECK_REFUSED(host, shared_32(1, 2), here.descriptor, WASM_MEMORY_UNSUPPORTED, 0);
    CHECK(never_made);
    { /* A store of such an engine can have one from elsewhere. */
        wasm_memory_t *const memory = wasm_memory_obtain(host.store, here.token);
        CHECK_EQ(byte_at(memory, 0), 0);
        CHECK(wasm_memory_same(memory, here.memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
    here_delete(here);
}

TEST(what_was_not_made_to_be_exported_is_not) {
    const host_t host = host_default();
    wasm_shared_memory_t *token = NULL;
    intptr_t descriptor = 77;
    const uint64_t before = open_descriptors();
    CHECK_STATUS(try_shared(host, shared_32(1, 2), &token), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_shared_memory_export(token, &descriptor), WASM_MEMORY_UNSUPPORTED);
    CHECK_EQ(descriptor, 0);
    CHECK_EQ(open_descriptors(), before);
    wasm_shared_memory_delete(token);
    host_delete(host);
}

TEST(null_is_answered) {
    const here_t here = made(WASM_MEMORY_BOUNDS_AUTO, shared_32(1, 2));
    wasm_memorytype_t *const type = type_of(shared_32(1, 2));
    wasm_shared_memory_t *token = here.token;
    intptr_t descriptor = 77;
    CHECK_STATUS(wasm_shared_memory_export(NULL, &descriptor), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_EQ(descriptor, 0);
    CHECK_STATUS(wasm_shared_memory_export(here.token, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_shared_memory_import(NULL, type, here.descriptor, &token), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(token == NULL);
    token = here.token;
    CHECK_STATUS(wasm_shared_memory_import(here.host.engine, NULL, here.descriptor, &token), WASM_MEMORY_NULL_ARGUMENT);
    CHECK(token == NULL);
    CHECK_STATUS(wasm_shared_memory_import(here.host.engine, type, here.descriptor, NULL), WASM_MEMORY_NULL_ARGUMENT);
    wasm_memorytype_delete(type);
    here_delete(here);
}

int main(int count, char **arguments) {
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) return 2;
    watch_over_me();
    if (count == AGENT_ARGUMENTS) {
        check_state.test = arguments[1];
        alarm(2 * PATIENCE);
        return strcmp(arguments[1], "agent") == 0 ? agent_main(arguments) : victim_main(arguments);
    }
    TRY(two_processes_have_the_same_bytes_and_length);
    TRY(a_memory_of_try_new_is_exported_too);
    TRY(what_an_imported_memory_says_of_itself);
    TRY(each_export_gives_a_new_descriptor_that_closes_on_exec);
    TRY(memories_live_on_when_every_descriptor_is_closed);
    TRY(an_imported_memory_is_exported_again);
    TRY(importing_twice_gives_two_memories_of_the_same_bytes);
    TRY(everything_is_deleted_in_any_order);
    TRY(the_maker_of_a_memory_may_die);
    TRY(growth_by_another_process_is_seen_when_a_call_needs_it);
    TRY(inline_code_sees_the_old_length_until_somebody_asks);
    TRY(the_pages_of_a_guarded_memory_open_when_growth_is_seen);
    TRY(growth_starts_from_the_size_that_others_gave);
    TRY(growth_asks_the_limits_and_the_limiter_of_the_process_that_grows);
    TRY(a_limiter_is_asked_again_when_another_process_has_grown_the_memory);
    TRY(growths_at_once_give_each_process_pages_of_its_own);
    TRY(a_discard_is_for_everyone_and_gives_the_pages_back);
    TRY(an_erasure_is_for_everyone_and_leaves_nothing_but_the_bytes_changed);
    TRY(all_the_bytes_go_with_the_last_memory);
    TRY(a_notify_in_one_process_ends_a_wait_in_another);
    TRY(a_wait_compares_with_what_another_process_wrote);
    TRY(waits_that_trap_trap_in_an_imported_memory);
    TRY(waits_past_the_length_that_this_process_knew);
    TRY(a_wait_in_an_imported_memory_ends_in_time_and_not_before);
    TRY(two_processes_take_turns);
    TRY(waiters_of_several_processes_are_served_in_the_order_in_which_they_came);
    TRY(every_waiter_that_a_notify_counts_returns_and_no_other);
    TRY(waiters_of_all_processes_are_interrupted);
    TRY(a_memory_that_one_process_closes_is_closed_to_waiting_for_all);
    TRY(a_waiter_whose_process_is_stopped_is_served_like_the_others);
    TRY(hundreds_of_threads_of_several_processes_wait_at_one_address);
    TRY(who_dies_while_it_waits_is_not_counted_and_takes_nobodys_turn);
    TRY(the_dead_are_neither_interrupted_nor_closed);
    TRY(a_process_that_ends_or_becomes_another_program_waits_no_more);
    TRY(the_places_of_the_dead_are_taken_again);
    TRY(processes_are_killed_at_any_moment_and_the_others_go_on);
    TRY(a_forked_child_is_just_another_process);
    TRY(a_thread_that_waits_goes_on_waiting_when_its_process_forks);
    TRY(a_forked_child_that_dies_while_it_waits_is_not_counted);
    TRY(without_descriptors_left_a_status_says_so);
    TRY(a_limit_on_the_size_of_files_gives_a_status_and_no_signal);
    TRY(descriptors_and_mappings_go_with_their_memories);
    TRY(what_is_no_memory_is_refused);
    TRY(copies_are_refused_unless_they_are_whole_and_sealed);
    TRY(a_damaged_header_is_refused);
    TRY(a_memory_is_imported_only_as_what_it_is);
    TRY(where_the_host_makes_the_memories_none_is_exported_or_imported);
    TRY(what_was_not_made_to_be_exported_is_not);
    TRY(null_is_answered);
    return check_finish();
}

#endif
