/* Atomic access: what it computes, what it leaves alone, in which order it refuses, and that between threads nothing is
 * lost or seen in an impossible order. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "support/memories.h"
#include "support/watched.h"

static int load(const int *of) { return __atomic_load_n(of, __ATOMIC_ACQUIRE); }
static void add(int *to, int value) { __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); }

/* ---- all widths alike ---- */

typedef struct {
    unsigned bytes;
    uint64_t mask;
    wasm_memory_status_t (*load)(const wasm_memory_t *, uint64_t, uint64_t *);
    wasm_memory_status_t (*store)(wasm_memory_t *, uint64_t, uint64_t);
    wasm_memory_status_t (*rmw)(wasm_memory_t *, wasm_memory_rmw_op_t, uint64_t, uint64_t, uint64_t *);
    wasm_memory_status_t (*cmpxchg)(wasm_memory_t *, uint64_t, uint64_t, uint64_t, uint64_t *);
    uint64_t (*machine_add)(void *, uint64_t); /* what generated code does at the same address */
} width_t;

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#define MACHINE_ADD(bits)                                                                                \
    static uint64_t machine_add_##bits(void *address, uint64_t operand) {                                \
        return __atomic_fetch_add((uint##bits##_t *)address, (uint##bits##_t)operand, __ATOMIC_SEQ_CST); \
    }
#else /* a compiler has to turn the numbers around, and can only try whether they are still the same */
#define MACHINE_ADD(bits)                                                                            \
    static uint64_t machine_add_##bits(void *address, uint64_t operand) {                            \
        uint##bits##_t *const place = (uint##bits##_t *)address;                                     \
        uint##bits##_t there = __atomic_load_n(place, __ATOMIC_SEQ_CST), number, sum, turned;        \
        do {                                                                                         \
            number_copy(&number, &there, sizeof number);                                             \
            sum = (uint##bits##_t)(number + operand);                                                \
            number_copy(&turned, &sum, sizeof sum);                                                  \
        } while (!__atomic_compare_exchange_n(place, &there, turned, false, __ATOMIC_SEQ_CST,        \
                                              __ATOMIC_SEQ_CST));                                    \
        return number;                                                                               \
    }
#endif

/* The functions of one width over 64-bit numbers. Out-parameters hold garbage before the call; NULL stays NULL. */
#define FUNCTIONS(bits)                                                                                               \
    static wasm_memory_status_t load_##bits(const wasm_memory_t *memory, uint64_t offset, uint64_t *out) {             \
        uint##bits##_t raw = (uint##bits##_t)0xa5a5a5a5a5a5a5a5;                                                       \
        const wasm_memory_status_t status = wasm_memory_atomic_load##bits(memory, offset, out != NULL ? &raw : NULL);  \
        if (out != NULL) *out = raw;                                                                                   \
        return status;                                                                                                 \
    }                                                                                                                  \
    static wasm_memory_status_t store_##bits(wasm_memory_t *memory, uint64_t offset, uint64_t value) {                 \
        return wasm_memory_atomic_store##bits(memory, offset, (uint##bits##_t)value);                                  \
    }                                                                                                                  \
    static wasm_memory_status_t rmw_##bits(wasm_memory_t *memory, wasm_memory_rmw_op_t op, uint64_t offset,            \
                                           uint64_t operand, uint64_t *out) {                                          \
        uint##bits##_t raw = (uint##bits##_t)0xa5a5a5a5a5a5a5a5;                                                       \
        const wasm_memory_status_t status =                                                                            \
            wasm_memory_atomic_rmw##bits(memory, op, offset, (uint##bits##_t)operand, out != NULL ? &raw : NULL);      \
        if (out != NULL) *out = raw;                                                                                   \
        return status;                                                                                                 \
    }                                                                                                                  \
    static wasm_memory_status_t cmpxchg_##bits(wasm_memory_t *memory, uint64_t offset, uint64_t expected,              \
                                               uint64_t replacement, uint64_t *out) {                                  \
        uint##bits##_t raw = (uint##bits##_t)0xa5a5a5a5a5a5a5a5;                                                       \
        const wasm_memory_status_t status =                                                                            \
            wasm_memory_atomic_cmpxchg##bits(memory, offset, (uint##bits##_t)expected, (uint##bits##_t)replacement,    \
                                             out != NULL ? &raw : NULL);                                               \
        if (out != NULL) *out = raw;                                                                                   \
        return status;                                                                                                 \
    }                                                                                                                  \
    MACHINE_ADD(bits)
FUNCTIONS(8)
FUNCTIONS(16)
FUNCTIONS(32)
FUNCTIONS(64)

#define WIDTH(bits)                                                                                            \
    {bits / 8, UINT64_MAX >> (64 - bits), load_##bits, store_##bits, rmw_##bits, cmpxchg_##bits, \
     machine_add_##bits}
static const width_t widths[] = {WIDTH(8), WIDTH(16), WIDTH(32), WIDTH(64)};
#define WIDTHS (sizeof widths / sizeof *widths)

/* Every kind of memory; the one of single bytes does not end where an access does. */
static const shape_t kinds[] = {
    {1, 2, false, true, 16}, {1, 2, false, false, 16}, {1, 2, true, true, 16},
    {1, 2, true, false, 16}, {61, 100, false, true, 0}, {61, 100, true, false, 0},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const wasm_memory_rmw_op_t ops[] = {WASM_MEMORY_RMW_ADD, WASM_MEMORY_RMW_SUB, WASM_MEMORY_RMW_AND,
                                           WASM_MEMORY_RMW_OR,  WASM_MEMORY_RMW_XOR, WASM_MEMORY_RMW_XCHG};
#define OPS (sizeof ops / sizeof *ops)

static const uint64_t values[] = {0,
                                  1,
                                  UINT64_MAX,
                                  UINT64_C(0x7f7f7f7f7f7f7f7f),
                                  UINT64_C(0x8080808080808080),
                                  UINT64_C(0x8000800080008001),
                                  UINT64_C(0x0123456789abcdef),
                                  UINT64_C(0xfedcba98765432ff)};
#define VALUES (sizeof values / sizeof *values)

static uint64_t updated(wasm_memory_rmw_op_t op, uint64_t old, uint64_t operand) {
    switch (op) {
    case WASM_MEMORY_RMW_ADD: return old + operand;
    case WASM_MEMORY_RMW_SUB: return old - operand;
    case WASM_MEMORY_RMW_AND: return old & operand;
    case WASM_MEMORY_RMW_OR: return old | operand;
    case WASM_MEMORY_RMW_XOR: return old ^ operand;
    default: return operand;
    }
}

/* The first bytes of a memory beside what they must be. */
#define WINDOW 48
typedef struct {
    wasm_memory_t *memory;
    uint8_t bytes[WINDOW];
} model_t;

static model_t model_of(wasm_memory_t *memory) {
    model_t model;
    unsigned i;
    model.memory = memory;
    for (i = 0; i < WINDOW; i++) model.bytes[i] = (uint8_t)(i * 37 + 11);
    CHECK_STATUS(wasm_memory_write(memory, 0, model.bytes, WINDOW), WASM_MEMORY_OK);
    return model;
}

static void model_put(model_t *model, uint64_t offset, unsigned bytes, uint64_t value) {
    unsigned i;
    for (i = 0; i < bytes; i++) model->bytes[offset + i] = (uint8_t)(value >> (8 * i)); /* whatever this machine does */
}

static uint64_t model_get(const model_t *model, uint64_t offset, unsigned bytes) {
    uint64_t value = 0;
    unsigned i;
    for (i = 0; i < bytes; i++) value |= (uint64_t)model->bytes[offset + i] << (8 * i);
    return value;
}

static bool is_model(const model_t *model) {
    uint8_t bytes[WINDOW];
    return wasm_memory_read(model->memory, 0, bytes, WINDOW) == WASM_MEMORY_OK &&
           memcmp(bytes, model->bytes, WINDOW) == 0;
}

/* ---- what is computed ---- */

TEST(loads_and_stores_are_little_endian_and_touch_their_bytes_alone) {
    const host_t host = host_default();
    size_t kind, width, i;
    for (kind = 0; kind < KINDS; kind++) {
        model_t model = model_of(memory_of(host, kinds[kind]));
        for (width = 0; width < WIDTHS; width++) {
            const width_t *const of = &widths[width];
            uint64_t offset;
            for (offset = 0; offset + of->bytes <= WINDOW; offset += of->bytes) {
                for (i = 0; i < VALUES; i++) {
                    uint64_t found = 77;
                    CHECK_STATUS(of->load(model.memory, offset, &found), WASM_MEMORY_OK);
                    CHECK_EQ(found, model_get(&model, offset, of->bytes));
                    CHECK_STATUS(of->store(model.memory, offset, values[i] + offset), WASM_MEMORY_OK);
                    model_put(&model, offset, of->bytes, values[i] + offset);
                    CHECK(is_model(&model));
                }
            }
        }
        wasm_memory_delete(model.memory);
    }
    host_delete(host);
}

TEST(updates_compute_what_arithmetic_says_and_return_what_was_there) {
    const host_t host = host_default();
    size_t kind, width, op, i, j;
    for (kind = 0; kind < KINDS; kind++) {
        model_t model = model_of(memory_of(host, kinds[kind]));
        for (width = 0; width < WIDTHS; width++) {
            const width_t *const of = &widths[width];
            uint64_t offset;
            for (offset = 0; offset + of->bytes <= WINDOW; offset += of->bytes) {
                for (op = 0; op < OPS; op++) {
                    for (i = 0; i < VALUES; i++) {
                        for (j = 0; j < VALUES; j++) {
                            const uint64_t result = updated(ops[op], values[i], values[j]);
                            uint64_t old = 77;
                            if (of->store(model.memory, offset, values[i]) != WASM_MEMORY_OK) CHECK(false);
                            CHECK_STATUS(of->rmw(model.memory, ops[op], offset, values[j], &old), WASM_MEMORY_OK);
                            CHECK_EQ(old, values[i] & of->mask);
                            model_put(&model, offset, of->bytes, result);
                            CHECK(is_model(&model));
                        }
                    }
                }
            }
        }
        wasm_memory_delete(model.memory);
    }
    host_delete(host);
}

TEST(a_compare_exchange_replaces_what_it_expects_and_nothing_else) {
    const host_t host = host_default();
    size_t kind, width, i, j;
    for (kind = 0; kind < KINDS; kind++) {
        model_t model = model_of(memory_of(host, kinds[kind]));
        for (width = 0; width < WIDTHS; width++) {
            const width_t *const of = &widths[width];
            uint64_t offset;
            for (offset = 0; offset + of->bytes <= WINDOW; offset += of->bytes) {
                for (i = 0; i < VALUES; i++) {
                    for (j = 0; j < VALUES; j++) {
                        unsigned bit;
                        uint64_t old = 77;
                        CHECK_STATUS(of->store(model.memory, offset, values[i]), WASM_MEMORY_OK);
                        model_put(&model, offset, of->bytes, values[i]);
                        /* One bit off is a difference, whichever it is. */
                        for (bit = 0; bit < 8 * of->bytes; bit += 3) {
                            const uint64_t wrong = values[i] ^ (UINT64_C(1) << bit);
                            old = 77;
                            CHECK_STATUS(of->cmpxchg(model.memory, offset, wrong, values[j], &old), WASM_MEMORY_OK);
                            CHECK_EQ(old, values[i] & of->mask);
                        }
                        CHECK(is_model(&model));
                        old = 77;
                        CHECK_STATUS(of->cmpxchg(model.memory, offset, values[i], values[j], &old), WASM_MEMORY_OK);
                        CHECK_EQ(old, values[i] & of->mask);
                        model_put(&model, offset, of->bytes, values[j]);
                        CHECK(is_model(&model));
                    }
                }
            }
        }
        wasm_memory_delete(model.memory);
    }
    host_delete(host);
}

TEST(what_was_there_need_not_be_asked_for) {
    const host_t host = host_default();
    size_t kind, width;
    for (kind = 0; kind < KINDS; kind++) {
        model_t model = model_of(memory_of(host, kinds[kind]));
        for (width = 0; width < WIDTHS; width++) {
            const width_t *const of = &widths[width];
            CHECK_STATUS(of->store(model.memory, 8, 5), WASM_MEMORY_OK);
            CHECK_STATUS(of->rmw(model.memory, WASM_MEMORY_RMW_ADD, 8, 7, NULL), WASM_MEMORY_OK);
            model_put(&model, 8, of->bytes, 12);
            CHECK(is_model(&model));
            CHECK_STATUS(of->cmpxchg(model.memory, 8, 13, 1, NULL), WASM_MEMORY_OK);
            CHECK(is_model(&model));
            CHECK_STATUS(of->cmpxchg(model.memory, 8, 12, 14, NULL), WASM_MEMORY_OK);
            model_put(&model, 8, of->bytes, 14);
            CHECK(is_model(&model));
        }
        wasm_memory_delete(model.memory);
    }
    host_delete(host);
}

TEST(a_long_memory_has_atomic_access_past_4_gib) {
    const host_t host = host_default();
    const shape_t shapes[] = {shape(65538, 65538, true, true, 16), shape(65538, 65538, true, false, 16)};
    size_t i, width;
    for (i = 0; i < 2; i++) {
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        for (width = 0; width < WIDTHS; width++) {
            const width_t *const of = &widths[width];
            const uint64_t offset = 4 * GIB + 8 * of->bytes;
            uint64_t found = 77;
            CHECK_STATUS(of->store(memory, offset, 0xee), WASM_MEMORY_OK);
            CHECK_STATUS(of->rmw(memory, WASM_MEMORY_RMW_ADD, offset, 1, &found), WASM_MEMORY_OK);
            CHECK_EQ(found, 0xee);
            CHECK_STATUS(of->load(memory, offset, &found), WASM_MEMORY_OK);
            CHECK_EQ(found, 0xef);
            CHECK_STATUS(of->load(memory, 8 * of->bytes, &found), WASM_MEMORY_OK); /* the same, cut to 32 bits */
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->load(memory, 4 * GIB + 2 * PAGE - of->bytes, &found), WASM_MEMORY_OK);
            CHECK_STATUS(of->load(memory, 4 * GIB + 2 * PAGE, &found), WASM_MEMORY_OUT_OF_BOUNDS);
        }
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

/* ---- what is refused, and in which order ---- */

typedef enum { FREE, READING, WRITING } lent_t; /* how the bytes are lent */

static wasm_memory_status_t expected_of(const wasm_memory_t *memory, const width_t *width, bool writes, lent_t lent,
                                        uint64_t offset) {
    const uint64_t length = wasm_memory_data_size(memory);
    if (offset % width->bytes != 0) return WASM_MEMORY_UNALIGNED;
    if (lent == WRITING || (lent == READING && writes)) return WASM_MEMORY_BORROWED;
    if (offset > length || length - offset < width->bytes) return WASM_MEMORY_OUT_OF_BOUNDS;
    return WASM_MEMORY_OK;
}

static void check_offset(wasm_memory_t *memory, lent_t lent, uint64_t offset) {
    static const wasm_memory_rmw_op_t unknown[] = {-1, 6, 7, 255, 256, 0x10000, INT32_MIN, INT32_MAX};
    size_t width, op;
    for (width = 0; width < WIDTHS; width++) {
        const width_t *const of = &widths[width];
        const wasm_memory_status_t reading = expected_of(memory, of, false, lent, offset);
        const wasm_memory_status_t writing = expected_of(memory, of, true, lent, offset);
        uint64_t found = 77;
        CHECK_STATUS(of->load(memory, offset, &found), reading);
        CHECK_EQ(found, 0); /* what there is, too */
        CHECK_STATUS(of->load(memory, offset, NULL), WASM_MEMORY_NULL_ARGUMENT);
        CHECK_STATUS(of->store(memory, offset, 0), writing);
        found = 77;
        CHECK_STATUS(of->cmpxchg(memory, offset, 1, 1, &found), writing);
        CHECK_EQ(found, 0);
        CHECK_STATUS(of->cmpxchg(memory, offset, 1, 1, NULL), writing);
        for (op = 0; op < OPS; op++) {
            found = 77;
            CHECK_STATUS(of->rmw(memory, ops[op], offset, 0, &found), writing);
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->rmw(memory, ops[op], offset, 0, NULL), writing);
        }
        for (op = 0; op < sizeof unknown / sizeof *unknown; op++) {
            found = 77;
            CHECK_STATUS(of->rmw(memory, unknown[op], offset, 9, &found), WASM_MEMORY_INVALID_ARGUMENT);
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->rmw(memory, unknown[op], offset, 9, NULL), WASM_MEMORY_INVALID_ARGUMENT);
        }
    }
}

/* Offsets around all edges, in a memory of zeros: it stays one. */
static void check_offsets(wasm_memory_t *memory, lent_t lent) {
    const uint64_t length = wasm_memory_data_size(memory);
    const uint64_t edges[] = {0,
                              length - 24,
                              length - 8,
                              length + 8,
                              UINT64_C(0x7ffffff8),
                              UINT64_C(0xfffffff8),
                              UINT64_C(0x100000000),
                              UINT64_C(0x7ffffffffffffff8),
                              UINT64_C(0x8000000000000000),
                              UINT64_MAX - 15};
    size_t i;
    uint64_t step;
    for (i = 0; i < sizeof edges / sizeof *edges; i++)
        for (step = 0; step < 16; step++) check_offset(memory, lent, edges[i] + step);
}

static bool is_zero(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    return view->base[0] == 0 && memcmp(view->base, view->base + 1, view->byte_length - 1) == 0;
}

TEST(codes_come_before_alignment_and_alignment_before_bounds) {
    const host_t host = host_default();
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        wasm_memory_t *const memory = memory_of(host, kinds[kind]);
        check_offsets(memory, FREE);
        CHECK(is_zero(memory));
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK); /* the edge moves */
        check_offsets(memory, FREE);
        CHECK(is_zero(memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

static void while_read(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    check_offsets((wasm_memory_t *)env, READING);
}

static void while_written(void *env, uint8_t *data, size_t length) {
    (void)data, (void)length;
    check_offsets((wasm_memory_t *)env, WRITING);
}

TEST(lent_bytes_are_refused_after_alignment_and_before_bounds) {
    const host_t host = host_default();
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        wasm_memory_t *memory;
        if (kinds[kind].shared) continue; /* cannot be lent */
        memory = memory_of(host, kinds[kind]);
        CHECK_STATUS(wasm_memory_with_data(memory, while_read, memory), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_with_data_mut(memory, while_written, memory), WASM_MEMORY_OK);
        check_offsets(memory, FREE);
        CHECK(is_zero(memory));
        wasm_memory_delete(memory);
    }
    host_delete(host);
}

TEST(a_refused_access_leaves_every_byte_alone) {
    const host_t host = host_default();
    const uint64_t length = 61;
    wasm_memory_t *const memory = memory_of(host, shape(length, length, false, true, 0));
    uint8_t bytes[61], found[61];
    size_t width, op;
    uint64_t offset;
    memset(bytes, 0x5a, sizeof bytes);
    CHECK_STATUS(wasm_memory_write(memory, 0, bytes, sizeof bytes), WASM_MEMORY_OK);
    for (width = 0; width < WIDTHS; width++) {
        const width_t *const of = &widths[width];
        for (offset = 0; offset < length + 20; offset++) {
            if (expected_of(memory, of, true, FREE, offset) == WASM_MEMORY_OK) continue;
            (void)of->store(memory, offset, 1);
            (void)of->cmpxchg(memory, offset, UINT64_C(0x5a5a5a5a5a5a5a5a), 1, NULL);
            for (op = 0; op < OPS; op++) (void)of->rmw(memory, ops[op], offset, 1, NULL);
        }
        (void)of->rmw(memory, 6, 0, 1, NULL);
        (void)of->rmw(memory, -1, 0, 1, NULL);
    }
    CHECK_STATUS(wasm_memory_read(memory, 0, found, sizeof found), WASM_MEMORY_OK);
    CHECK(memcmp(found, bytes, sizeof bytes) == 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(no_memory_comes_before_everything) {
    const uint64_t offsets[] = {0, 1, UINT64_MAX};
    size_t width, i;
    for (width = 0; width < WIDTHS; width++) {
        const width_t *const of = &widths[width];
        for (i = 0; i < 3; i++) {
            uint64_t found = 77;
            CHECK_STATUS(of->load(NULL, offsets[i], &found), WASM_MEMORY_NULL_ARGUMENT);
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->load(NULL, offsets[i], NULL), WASM_MEMORY_NULL_ARGUMENT);
            CHECK_STATUS(of->store(NULL, offsets[i], 1), WASM_MEMORY_NULL_ARGUMENT);
            found = 77;
            CHECK_STATUS(of->rmw(NULL, WASM_MEMORY_RMW_ADD, offsets[i], 1, &found), WASM_MEMORY_NULL_ARGUMENT);
            CHECK_EQ(found, 0);
            found = 77;
            CHECK_STATUS(of->rmw(NULL, 6, offsets[i], 1, &found), WASM_MEMORY_NULL_ARGUMENT);
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->rmw(NULL, WASM_MEMORY_RMW_ADD, offsets[i], 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
            found = 77;
            CHECK_STATUS(of->cmpxchg(NULL, offsets[i], 1, 1, &found), WASM_MEMORY_NULL_ARGUMENT);
            CHECK_EQ(found, 0);
            CHECK_STATUS(of->cmpxchg(NULL, offsets[i], 1, 1, NULL), WASM_MEMORY_NULL_ARGUMENT);
        }
    }
}

TEST(a_refusal_says_what_was_wrong) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 2, false, true, 16));
    CHECK_STATUS(wasm_memory_atomic_store32(memory, 12346, 1), WASM_MEMORY_UNALIGNED);
    CHECK_LAST_ERROR("12346");
    CHECK_STATUS(wasm_memory_atomic_store32(memory, 712344, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_LAST_ERROR("712344");
    CHECK_STATUS(wasm_memory_atomic_rmw32(memory, 4711, 0, 1, NULL), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_LAST_ERROR("4711");
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- several threads ---- */

#define THREADS 4

typedef struct {
    wasm_memory_t *memory;
    const width_t *width;
    unsigned index, rounds;
    uint64_t offset, token;
    int *ready; /* threads that are there */
    int wrong;
    pthread_t thread;
} worker_t;

/* Until all have come, so that they work at the same time. */
static void meet(worker_t *worker) {
    unsigned spins = 0;
    add(worker->ready, 1);
    while (load(worker->ready) < THREADS)
        if (++spins % 1024 == 0) sched_yield();
}

/* Runs `body` in four threads, each with a handle of its own, made in a store of its own. */
static void in_threads(wasm_memory_t *memory, const width_t *width, uint64_t offset, unsigned rounds,
                       void *(*body)(void *), worker_t *workers) {
    wasm_shared_memory_t *const token = wasm_memory_share(memory);
    host_t hosts[THREADS];
    int ready = 0;
    unsigned i;
    if (is_watched()) rounds /= 50;
    for (i = 0; i < THREADS; i++) {
        memset(&workers[i], 0, sizeof workers[i]);
        hosts[i] = host_default();
        workers[i].memory = wasm_memory_obtain(hosts[i].store, token);
        CHECK(workers[i].memory != NULL);
        workers[i].width = width;
        workers[i].index = i;
        workers[i].rounds = rounds;
        workers[i].offset = offset;
        workers[i].token = i + 1;
        workers[i].ready = &ready;
    }
    for (i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
        CHECK_EQ(workers[i].wrong, 0);
        wasm_memory_delete(workers[i].memory);
        host_delete(hosts[i]);
    }
    wasm_shared_memory_delete(token);
}

/* Adds 1 again and again: half of the threads through us, the others as generated code does. */
static void *count_up(void *env) {
    worker_t *const worker = (worker_t *)env;
    uint8_t *const address = wasm_memory_view(worker->memory)->base + worker->offset;
    unsigned i;
    meet(worker);
    for (i = 0; i < worker->rounds; i++) {
        if (worker->index % 2 == 0)
            worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_ADD, worker->offset, 1, NULL) != 0;
        else
            worker->width->machine_add(address, 1);
    }
    return NULL;
}

TEST(additions_of_several_threads_all_count) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 2, false, true, 16));
    worker_t workers[THREADS];
    size_t width;
    for (width = 0; width < WIDTHS; width++) {
        const width_t *const of = &widths[width];
        uint64_t found = 77;
        CHECK_STATUS(of->store(memory, 64, of->mask - 1000), WASM_MEMORY_OK); /* it wraps on the way */
        in_threads(memory, of, 64, 400000, count_up, workers);
        CHECK_STATUS(of->load(memory, 64, &found), WASM_MEMORY_OK);
        CHECK_EQ(found, (of->mask - 1000 + (uint64_t)THREADS * workers[0].rounds) & of->mask);
        CHECK_STATUS(of->load(memory, 64 + of->bytes, &found), WASM_MEMORY_OK);
        CHECK_EQ(found, 0);
        CHECK_STATUS(of->store(memory, 64, 0), WASM_MEMORY_OK);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Puts its token in and goes on with what was there. */
static void *pass_tokens(void *env) {
    worker_t *const worker = (worker_t *)env;
    unsigned i;
    meet(worker);
    for (i = 0; i < worker->rounds; i++)
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_XCHG, worker->offset, worker->token,
                                            &worker->token) != WASM_MEMORY_OK;
    return NULL;
}

TEST(what_is_exchanged_is_neither_lost_nor_doubled) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 2, false, true, 16));
    worker_t workers[THREADS];
    size_t width, i;
    for (width = 0; width < WIDTHS; width++) {
        unsigned seen[THREADS + 1] = {0};
        uint64_t left = 77;
        in_threads(memory, &widths[width], 64, 300000, pass_tokens, workers);
        CHECK_STATUS(widths[width].rmw(memory, WASM_MEMORY_RMW_XCHG, 64, 0, &left), WASM_MEMORY_OK);
        if (CHECK(left <= THREADS)) seen[left]++;
        for (i = 0; i < THREADS; i++)
            if (CHECK(workers[i].token <= THREADS)) seen[workers[i].token]++;
        for (i = 0; i <= THREADS; i++) CHECK_EQ(seen[i], 1); /* 0 was there at first */
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Adds 3 by compare-exchange, as often as it takes. */
static void *compare_up(void *env) {
    worker_t *const worker = (worker_t *)env;
    uint64_t seen = 0;
    unsigned i;
    meet(worker);
    for (i = 0; i < worker->rounds; i++) {
        for (;;) {
            const uint64_t expected = seen;
            if (worker->width->cmpxchg(worker->memory, worker->offset, expected, expected + 3, &seen) != 0)
                worker->wrong++;
            if (seen == expected) break;
        }
        seen = (seen + 3) & worker->width->mask;
    }
    return NULL;
}

TEST(compare_exchange_loops_count_everything) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 2, true, true, 16));
    worker_t workers[THREADS];
    size_t width;
    for (width = 0; width < WIDTHS; width++) {
        uint64_t found = 77;
        in_threads(memory, &widths[width], 64, 200000, compare_up, workers);
        CHECK_STATUS(widths[width].rmw(memory, WASM_MEMORY_RMW_XCHG, 64, 0, &found), WASM_MEMORY_OK);
        CHECK_EQ(found, (3 * (uint64_t)THREADS * workers[0].rounds) & widths[width].mask);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Each thread has a bit of its own, which nobody else changes. */
static void *toggle_bit(void *env) {
    worker_t *const worker = (worker_t *)env;
    const uint64_t bit = UINT64_C(1) << worker->index;
    unsigned i;
    meet(worker);
    for (i = 0; i < worker->rounds; i++) {
        uint64_t old = 0;
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_OR, worker->offset, bit, &old) != 0;
        worker->wrong += (old & bit) != 0;
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_AND, worker->offset, ~bit, &old) != 0;
        worker->wrong += (old & bit) == 0;
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_XOR, worker->offset, bit, &old) != 0;
        worker->wrong += (old & bit) != 0;
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_XOR, worker->offset, bit, &old) != 0;
        worker->wrong += (old & bit) == 0;
        /* The bit is clear before the one and set before the other, so that nothing carries. */
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_ADD, worker->offset, bit, &old) != 0;
        worker->wrong += (old & bit) != 0;
        worker->wrong += worker->width->rmw(worker->memory, WASM_MEMORY_RMW_SUB, worker->offset, bit, &old) != 0;
        worker->wrong += (old & bit) == 0;
    }
    return NULL;
}

TEST(every_operation_leaves_the_bits_of_other_threads_alone) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 2, false, true, 16));
    worker_t workers[THREADS];
    size_t width;
    for (width = 0; width < WIDTHS; width++) {
        uint64_t found = 77;
        in_threads(memory, &widths[width], 64, 50000, toggle_bit, workers);
        CHECK_STATUS(widths[width].load(memory, 64, &found), WASM_MEMORY_OK);
        CHECK_EQ(found, 0);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Threads in one word of eight bytes: two have a byte each, one a half word, one a word; each with all it can do. */
static void *keep_to_oneself(void *env) {
    static const struct {
        unsigned width, at;
    } parts[THREADS] = {{0, 0}, {0, 1}, {1, 2}, {2, 4}};
    worker_t *const worker = (worker_t *)env;
    const width_t *const width = &widths[parts[worker->index].width];
    const uint64_t offset = worker->offset + parts[worker->index].at;
    uint64_t mine = 0;
    unsigned i;
    meet(worker);
    for (i = 0; i < worker->rounds; i++) {
        const uint64_t next = (mine * 5 + i) & width->mask;
        uint64_t old = 77;
        switch (i % 4) {
        case 0:
            worker->wrong += width->rmw(worker->memory, WASM_MEMORY_RMW_XCHG, offset, next, &old) != 0;
            worker->wrong += old != mine;
            break;
        case 1:
            worker->wrong += width->cmpxchg(worker->memory, offset, mine, next, &old) != 0;
            worker->wrong += old != mine;
            break;
        case 2: worker->wrong += width->store(worker->memory, offset, next) != 0; break;
        default:
            worker->wrong += width->rmw(worker->memory, WASM_MEMORY_RMW_ADD, offset, next - mine, &old) != 0;
            worker->wrong += old != mine;
        }
        mine = next;
        worker->wrong += width->load(worker->memory, offset, &old) != 0;
        worker->wrong += old != mine;
    }
    return NULL;
}

TEST(neighbours_in_one_word_do_not_disturb_each_other) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(64, 64, false, true, 0));
    worker_t workers[THREADS];
    in_threads(memory, NULL, 56, 400000, keep_to_oneself, workers);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- the order that threads see ---- */

/* Two threads go through rounds together: each does its part of a round when both have arrived. */
typedef struct {
    wasm_memory_t *memory;
    int arrived;
    int rounds;
    time_t end; /* when it is enough, however many there were: on a busy machine a round takes long */
    int kind;
    uint8_t *saw[2]; /* per round: whether the thread saw what the other one wrote */
} pair_t;

typedef struct {
    pair_t *pair;
    int index;
    pthread_t thread;
} member_t;

static void rendezvous(pair_t *pair, int round) {
    unsigned spins = 0;
    add(&pair->arrived, 1);
    while (load(&pair->arrived) < 2 * (round + 1))
        if (++spins % 1024 == 0) sched_yield();
}

/* Each writes its own place, then reads the other's. Sequential consistency forbids that both see the past; a machine
   that keeps stores in a buffer shows it at once if an operation is weaker than it has to be. */
static void *write_then_read(void *env) {
    member_t *const member = (member_t *)env;
    pair_t *const pair = member->pair;
    const uint64_t mine = member->index == 0 ? 128 : 1024, other = member->index == 0 ? 1024 : 128;
    int round;
    for (round = 0; round < load(&pair->rounds); round++) {
        const uint32_t now = (uint32_t)round + 1;
        uint32_t seen = 0;
        uint64_t seen_64 = 0;
        /* Before they meet, so that both know that it is the last. */
        if (member->index == 0 && round % 64 == 0 && time(NULL) > pair->end)
            __atomic_store_n(&pair->rounds, round + 1, __ATOMIC_SEQ_CST);
        rendezvous(pair, round);
        switch (pair->kind) {
        case 0:
            wasm_memory_atomic_store32(pair->memory, mine, now);
            wasm_memory_atomic_load32(pair->memory, other, &seen);
            break;
        case 1:
            wasm_memory_atomic_store64(pair->memory, mine, now);
            wasm_memory_atomic_load64(pair->memory, other, &seen_64);
            seen = (uint32_t)seen_64;
            break;
        case 2:
            wasm_memory_atomic_rmw32(pair->memory, WASM_MEMORY_RMW_XCHG, mine, now, NULL);
            wasm_memory_atomic_load32(pair->memory, other, &seen);
            break;
        default: /* what is not atomic is ordered by the fence */
            wasm_memory_store_u32(pair->memory, mine, now);
            wasm_memory_atomic_fence();
            wasm_memory_load_u32(pair->memory, other, &seen);
        }
        pair->saw[member->index][round] = seen == now;
    }
    return NULL;
}

static void run_pair(pair_t *pair, void *(*first)(void *), void *(*second)(void *)) {
    member_t members[2];
    int i;
    for (i = 0; i < 2; i++) {
        members[i].pair = pair;
        members[i].index = i;
        CHECK_EQ(pthread_create(&members[i].thread, NULL, i == 0 ? first : second, &members[i]), 0);
    }
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_join(members[i].thread, NULL), 0);
}

TEST(two_threads_that_write_and_then_read_do_not_both_see_the_past) {
    const host_t host = host_default();
    int kind;
    for (kind = 0; kind < 4; kind++) {
        pair_t pair;
        int round, both = 0, none = 0;
        memset(&pair, 0, sizeof pair);
        pair.memory = memory_of(host, shape(1, 1, false, true, 16));
        pair.rounds = is_watched() ? 500 : 100000;
        pair.end = time(NULL) + 1;
        pair.kind = kind;
        pair.saw[0] = (uint8_t *)calloc((size_t)pair.rounds, 1);
        pair.saw[1] = (uint8_t *)calloc((size_t)pair.rounds, 1);
        if (CHECK(pair.saw[0] != NULL && pair.saw[1] != NULL)) {
            run_pair(&pair, write_then_read, write_then_read);
            for (round = 0; round < pair.rounds; round++) {
                both += pair.saw[0][round] && pair.saw[1][round];
                none += !pair.saw[0][round] && !pair.saw[1][round];
            }
            if (!CHECK_EQ(none, 0)) printf("  kind %d, both saw the other %d times\n", kind, both);
        }
        free(pair.saw[0]);
        free(pair.saw[1]);
        wasm_memory_delete(pair.memory);
    }
    host_delete(host);
}

/* Data first, then the flag, without waiting for anybody. */
static void *send(void *env) {
    const member_t *const member = (const member_t *)env;
    pair_t *const pair = member->pair;
    int round;
    rendezvous(pair, 0);
    for (round = 1; round <= pair->rounds; round++) {
        if (pair->kind == 0)
            wasm_memory_atomic_store32(pair->memory, 128, (uint32_t)round);
        else
            wasm_memory_store_u32(pair->memory, 128, (uint32_t)round);
        wasm_memory_atomic_store32(pair->memory, 1024, (uint32_t)round);
    }
    return NULL;
}

/* The flag first, then the data, which must not be older; nor may either go back. */
static void *receive(void *env) {
    const member_t *const member = (const member_t *)env;
    pair_t *const pair = member->pair;
    uint32_t flag = 0, data = 0;
    rendezvous(pair, 0);
    while (flag < (uint32_t)pair->rounds) {
        const uint32_t flag_before = flag, data_before = data;
        wasm_memory_atomic_load32(pair->memory, 1024, &flag);
        if (pair->kind == 0)
            wasm_memory_atomic_load32(pair->memory, 128, &data);
        else
            wasm_memory_load_u32(pair->memory, 128, &data);
        if (data < flag || flag < flag_before || data < data_before) pair->saw[1][0] = 1;
        if (is_watched() && flag == flag_before) sched_yield();
    }
    return NULL;
}

TEST(who_sees_the_flag_sees_the_data) {
    const host_t host = host_default();
    int kind;
    for (kind = 0; kind < 2; kind++) {
        uint8_t wrong = 0;
        pair_t pair;
        memset(&pair, 0, sizeof pair);
        pair.memory = memory_of(host, shape(1, 1, false, true, 16));
        pair.rounds = is_watched() ? 2000 : 500000;
        pair.kind = kind;
        pair.saw[1] = &wrong;
        run_pair(&pair, send, receive);
        CHECK_EQ(wrong, 0);
        wasm_memory_delete(pair.memory);
    }
    host_delete(host);
}

TEST(a_fence_needs_no_memory) {
    wasm_memory_atomic_fence();
    wasm_memory_atomic_fence();
}

int main(void) {
    RUN(loads_and_stores_are_little_endian_and_touch_their_bytes_alone);
    RUN(updates_compute_what_arithmetic_says_and_return_what_was_there);
    RUN(a_compare_exchange_replaces_what_it_expects_and_nothing_else);
    RUN(what_was_there_need_not_be_asked_for);
    RUN(a_long_memory_has_atomic_access_past_4_gib);
    RUN(codes_come_before_alignment_and_alignment_before_bounds);
    RUN(lent_bytes_are_refused_after_alignment_and_before_bounds);
    RUN(a_refused_access_leaves_every_byte_alone);
    RUN(no_memory_comes_before_everything);
    RUN(a_refusal_says_what_was_wrong);
    RUN(additions_of_several_threads_all_count);
    RUN(what_is_exchanged_is_neither_lost_nor_doubled);
    RUN(compare_exchange_loops_count_everything);
    RUN(every_operation_leaves_the_bits_of_other_threads_alone);
    RUN(neighbours_in_one_word_do_not_disturb_each_other);
    RUN(two_threads_that_write_and_then_read_do_not_both_see_the_past);
    RUN(who_sees_the_flag_sees_the_data);
    RUN(a_fence_needs_no_memory);
    return check_finish();
}
