/* Memories whose bytes the host provides: the table of its allocator, the table of each memory, and what happens when
 * they do not keep their promises. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/limiters.h"
#include "support/memories.h"

/* ---- a host ---- */

/* What a host may do wrong. */
typedef enum {
    NOTHING_WRONG,
    /* when it makes a memory */
    NO_STRUCT_SIZE,
    SHORT_STRUCT_SIZE, /* without as_ptr */
    NO_BYTE_SIZE,
    NO_GROW_TO,
    NO_AS_PTR,
    NO_ACCESSIBLE, /* which GUARDED demands */
    UNKNOWN_STATUS,
    NEGATIVE_STATUS,
    /* then, or when it grows it */
    NULL_BASE,
    UNALIGNED_BASE,
    HIGH_BASE, /* the last page of all */
    SHORT_SIZE,
    LONG_SIZE, /* which GUARDED forbids */
    LOW_MAXIMUM,
    ACCESSIBLE_TOO_SHORT,
    ACCESSIBLE_TOO_LATE,
    ACCESSIBLE_NULL,
    /* when it grows it */
    MOVED,
    UNKNOWN_GROW_STATUS
} wrong_t;

typedef struct maker_t maker_t;
typedef struct {
    maker_t *maker;
    uint8_t *mapping; /* all of it: a page that is not the memory's, then the room */
    size_t mapped;
    uint8_t *base;
    size_t size, room; /* what can be had without moving */
    size_t maximum;    /* 0: none */
    uint8_t *old;      /* the mapping before the last move, if it is kept */
    size_t old_mapped;
    wrong_t wrong; /* from now on */
    bool inside;   /* grow_to has not returned */
} block_t;

struct maker_t {
    /* How it is to behave. */
    size_t room;     /* bytes that each block can grow to in place, at least its first size */
    size_t maximum;  /* of each block; 0: none */
    size_t surplus;  /* bytes that a block has beyond what was asked for */
    bool keep_old;   /* a block that has moved stays readable where it was */
    bool accessible; /* provides wasm_accessible, also where it is not demanded */
    bool wide_table; /* fills in all of its 256 bytes, as a later header might */
    wrong_t wrong;   /* in what it makes */
    wrong_t wrong_growth;
    wasm_memory_status_t refuse, refuse_growth;
    void (*making)(maker_t *), (*growing)(maker_t *); /* once */
    void (*telling)(maker_t *);                       /* once, when a block is asked where or how large it is */
    host_t host;                                      /* for these */
    wasm_memory_t *memory;
    /* What it was asked. */
    size_t minimum, maximum_asked, reserved, guard, new_size;
    uint64_t type_minimum, type_page_size;
    bool type_is_64;
    int asked, grown;
    int made, blocks_finalized, finalized; /* counted by several threads */
    bool several_threads;                  /* they call at once: nothing but those counts is kept */
    block_t *last;
};

static int load(const int *of) { return __atomic_load_n(of, __ATOMIC_SEQ_CST); }
static void count(int *what) { __atomic_add_fetch(what, 1, __ATOMIC_SEQ_CST); }
static void count_one(void *counter) { *(int *)counter += 1; }

static size_t host_page(void) { return (size_t)sysconf(_SC_PAGESIZE); }
static size_t to_pages(size_t bytes) { return (bytes + host_page() - 1) / host_page() * host_page(); }

static void block_tells(const block_t *block) {
    maker_t *const maker = block->maker;
    void (*const action)(maker_t *) = maker->telling;
    if (action == NULL) return;
    maker->telling = NULL;
    action(maker);
}

static size_t block_byte_size(void *env) {
    const block_t *const block = (const block_t *)env;
    block_tells(block);
    if (block->wrong == SHORT_SIZE) return block->size - 1;
    if (block->wrong == LONG_SIZE) return block->size + 1;
    return block->size + block->maker->surplus;
}

static bool block_maximum_byte_size(void *env, size_t *out) {
    const block_t *const block = (const block_t *)env;
    *out = block->wrong == LOW_MAXIMUM ? block->size - 1 : block->maximum;
    return block->wrong == LOW_MAXIMUM || block->maximum != 0;
}

static uint8_t *block_as_ptr(void *env) {
    const block_t *const block = (const block_t *)env;
    block_tells(block);
    if (block->wrong == NULL_BASE) return NULL;
    if (block->wrong == HIGH_BASE) return (uint8_t *)((uintptr_t)0 - host_page());
    return block->base + (block->wrong == UNALIGNED_BASE ? 8 : 0);
}

/* From a page before the base to the end of what was mapped. */
static void block_accessible(void *env, uint8_t **out_start, size_t *out_length) {
    const block_t *const block = (const block_t *)env;
    const size_t before = host_page();
    block_tells(block);
    *out_start = block->base - before;
    *out_length = before + block->maker->reserved + block->maker->guard;
    if (*out_length < before + block->size) *out_length = before + block->size;
    if (block->wrong == ACCESSIBLE_TOO_SHORT) *out_length -= 1;
    if (block->wrong == ACCESSIBLE_TOO_LATE) *out_start += before + 1;
    if (block->wrong == ACCESSIBLE_NULL) {
        *out_start = NULL;
        *out_length = 0;
    }
}

static bool block_map(block_t *block, size_t size, size_t room) {
    const size_t span = block->maker->reserved + block->maker->guard;
    uint8_t *mapping;
    block->room = to_pages(room < size ? size : room);
    block->mapped = host_page() + (block->room < span ? span : block->room) + host_page();
    mapping = (uint8_t *)mmap(NULL, block->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return false;
    block->mapping = mapping;
    block->base = mapping + host_page();
    return mprotect(block->base, to_pages(size + block->maker->surplus), PROT_READ | PROT_WRITE) == 0;
}

static wasm_memory_status_t block_grow_to(void *env, size_t new_size) {
    block_t *const block = (block_t *)env;
    maker_t *const maker = block->maker;
    void (*const action)(maker_t *) = maker->growing;
    CHECK(new_size > block->size);
    CHECK(!block->inside); /* one at a time */
    count(&maker->grown);
    if (!maker->several_threads) {
        maker->new_size = new_size;
        maker->growing = NULL;
    }
    block->inside = true;
    if (action != NULL) action(maker);
    block->inside = false;
    if (maker->refuse_growth != WASM_MEMORY_OK) return maker->refuse_growth;
    block->wrong = maker->wrong_growth;
    if (block->wrong == UNKNOWN_GROW_STATUS) return 4321;
    if (new_size > block->room || block->wrong == MOVED) {
        const block_t before = *block;
        if (!block_map(block, new_size, new_size + maker->room)) {
            *block = before;
            return WASM_MEMORY_OUT_OF_MEMORY;
        }
        memcpy(block->base, before.base, before.size);
        if (maker->keep_old) {
            block->old = before.mapping;
            block->old_mapped = before.mapped;
        } else {
            munmap(before.mapping, before.mapped);
        }
    } else if (mprotect(block->base, to_pages(new_size + maker->surplus), PROT_READ | PROT_WRITE) != 0) {
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    block->size = new_size;
    return WASM_MEMORY_OK;
}

static void block_free(block_t *block) {
    munmap(block->mapping, block->mapped);
    if (block->old != NULL) munmap(block->old, block->old_mapped);
    free(block);
}

static void block_finalized(void *env) {
    block_t *const block = (block_t *)env;
    CHECK_EQ(load(&block->maker->finalized), 0); /* its allocator is still there */
    CHECK(!block->inside);
    count(&block->maker->blocks_finalized);
    block_free(block);
}

static wasm_memory_status_t make_block(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                       size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    static const uint8_t zeros[256];
    maker_t *const maker = (maker_t *)env;
    void (*const action)(maker_t *) = maker->making;
    block_t *block;
    CHECK_EQ(load(&maker->finalized), 0);
    count(&maker->asked);
    CHECK(memcmp(out, zeros, sizeof zeros) == 0); /* there is room for a larger table */
    if (!maker->several_threads) {
        maker->minimum = minimum;
        maker->maximum_asked = maximum;
        maker->reserved = reserved;
        maker->guard = guard;
        maker->type_minimum = wasm_memorytype_minimum(type);
        maker->type_page_size = wasm_memorytype_page_size(type);
        maker->type_is_64 = wasm_memorytype_is64(type);
        maker->making = NULL;
    }
    if (action != NULL) action(maker);
    if (maker->refuse != WASM_MEMORY_OK) return maker->refuse;
    block = (block_t *)calloc(1, sizeof *block);
    if (block == NULL) return WASM_MEMORY_OUT_OF_MEMORY;
    block->maker = maker;
    block->size = minimum;
    block->maximum = maker->maximum;
    block->wrong = maker->wrong;
    if (!maker->several_threads) {
        maker->last = block;
        maker->reserved = reserved; /* again: the action may have made another memory */
        maker->guard = guard;
    }
    if (!block_map(block, minimum, maker->room)) {
        free(block);
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    count(&maker->made);
    if (maker->wide_table) memset(out, 0x11, sizeof zeros);
    out->struct_size = maker->wide_table ? sizeof zeros : sizeof *out;
    out->env = block;
    out->byte_size = block_byte_size;
    out->maximum_byte_size = block_maximum_byte_size;
    out->grow_to = block_grow_to;
    out->as_ptr = block_as_ptr;
    out->wasm_accessible = maker->accessible || reserved + guard > 0 ? block_accessible : NULL;
    out->finalizer = block_finalized;
    switch (maker->wrong) {
    case NO_STRUCT_SIZE: out->struct_size = 0; break;
    case SHORT_STRUCT_SIZE: out->struct_size = offsetof(wasm_linear_memory_t, as_ptr); break;
    case NO_BYTE_SIZE: out->byte_size = NULL; break;
    case NO_GROW_TO: out->grow_to = NULL; break;
    case NO_AS_PTR: out->as_ptr = NULL; break;
    case NO_ACCESSIBLE: out->wasm_accessible = NULL; break;
    case UNKNOWN_STATUS: return 4321;
    case NEGATIVE_STATUS: return -1;
    default: break;
    }
    return WASM_MEMORY_OK;
}

static void maker_finalized(void *env) {
    maker_t *const maker = (maker_t *)env;
    CHECK_EQ(load(&maker->blocks_finalized), load(&maker->made));
    count(&maker->finalized);
}

static maker_t maker_new(void) {
    maker_t maker;
    memset(&maker, 0, sizeof maker);
    maker.room = 64 * PAGE;
    return maker;
}

static wasm_memory_allocator_t allocator_of(maker_t *maker) {
    wasm_memory_allocator_t allocator;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.env = maker;
    allocator.new_memory = make_block;
    allocator.finalizer = maker_finalized;
    return allocator;
}

static void allocator_set(wasm_config_t *config, maker_t *maker) {
    wasm_memory_allocator_t allocator = allocator_of(maker);
    wasm_config_memory_allocator_set(config, &allocator);
    memset(&allocator, 0x11, sizeof allocator); /* it was copied */
}

static host_t host_made_with(maker_t *maker, wasm_memory_bounds_t bounds, bool may_move) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, bounds);
    wasm_config_memory_may_move_set(config, may_move);
    allocator_set(config, maker);
    return maker->host = host_with(config);
}

static host_t host_made(maker_t *maker) { return host_made_with(maker, WASM_MEMORY_BOUNDS_AUTO, false); }

/* The end of a host whose memories are deleted: everything was finalized once. */
static void end(host_t host, maker_t *maker) {
    CHECK_EQ(maker->finalized, 0);
    CHECK_EQ(maker->blocks_finalized, maker->made);
    host_delete(host);
    CHECK_EQ(maker->finalized, 1);
    CHECK_EQ(maker->blocks_finalized, maker->made);
}

/* Whether the page of an address can be read: asked of the kernel, so that tools see no stray access. */
static bool readable(const uint8_t *address) {
    char line[512];
    bool found = false;
    FILE *const file = fopen("/proc/self/maps", "r");
    if (!CHECK(file != NULL)) return false;
    while (fgets(line, sizeof line, file) != NULL) {
        uintptr_t start, end;
        char access;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %c", &start, &end, &access) != 3) continue;
        if (start <= (uintptr_t)address && (uintptr_t)address < end) found = access == 'r';
    }
    fclose(file);
    return found;
}

/* ---- memories that work ---- */

TEST(the_host_is_asked_in_bytes_and_its_bytes_are_the_memory) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_CHECKED};
    const struct {
        shape_t shape;
        uint64_t minimum, maximum;
    } cases[] = {
        {pages_32(1, 10), PAGE, 10 * PAGE},
        {pages_32(0, NO_MAXIMUM), 0, SIZE_MAX},
        {pages_32(3, 65536), 3 * PAGE, 4 * GIB},
        {pages_64(2, NO_MAXIMUM), 2 * PAGE, SIZE_MAX},
        {pages_64(2, UINT64_C(1) << 40), 2 * PAGE, UINT64_C(1) << 56},
        {bytes_32(1001, 70001), 1001, 70001},
        {shape(0, NO_MAXIMUM, true, false, 0), 0, SIZE_MAX},
    };
    size_t i, strategy;
    for (strategy = 0; strategy < 2; strategy++) {
        maker_t maker = maker_new();
        const host_t host = host_made_with(&maker, strategies[strategy], false);
        for (i = 0; i < sizeof cases / sizeof *cases; i++) {
            wasm_memory_t *const memory = memory_of(host, cases[i].shape);
            wasm_memory_stats_t stats;
            uint8_t *start = NULL;
            size_t length = 0;
            CHECK_EQ(maker.asked, (int)i + 1);
            CHECK_EQ(maker.minimum, cases[i].minimum);
            CHECK_EQ(maker.maximum_asked, cases[i].maximum);
            CHECK_EQ(maker.reserved, 0);
            CHECK_EQ(maker.guard, 0);
            CHECK_EQ(maker.type_minimum, cases[i].shape.minimum);
            CHECK_EQ(maker.type_is_64, cases[i].shape.is_64);
            CHECK_EQ(maker.type_page_size, UINT64_C(1) << cases[i].shape.page_size_log2);
            CHECK((uint8_t *)wasm_memory_data(memory) == maker.last->base);
            CHECK(wasm_memory_view(memory)->base == maker.last->base);
            CHECK_EQ(wasm_memory_view(memory)->byte_length, cases[i].minimum);
            CHECK_EQ(wasm_memory_pages(memory), cases[i].shape.minimum);
            CHECK(!wasm_memory_may_move(memory));
            stats = stats_of(memory);
            CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_CHECKED);
            CHECK_EQ(stats.byte_length, cases[i].minimum);
            CHECK_EQ(stats.map_alignment_bytes, host_page());
            CHECK_EQ(stats.guard_bytes, 0);
            CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
            CHECK(start == maker.last->base); /* nothing but the bytes */
            CHECK_EQ(length, cases[i].minimum);
            wasm_memory_delete(memory);
            CHECK_EQ(maker.blocks_finalized, (int)i + 1);
        }
        end(host, &maker);
    }
}

/* Everything that reads and writes, on a memory of at least three pages' bytes without a maximum in the way. */
static void use(maker_t *maker, wasm_memory_t *memory) {
    const uint64_t length = wasm_memory_data_size(memory);
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8}, back[8] = {0};
    uint64_t value = 0, i;
    size_t wrong = 0;
    CHECK_STATUS(wasm_memory_write(memory, length - 8, bytes, 8), WASM_MEMORY_OK);
    CHECK(memcmp(maker->last->base + length - 8, bytes, 8) == 0); /* in the host's block */
    CHECK_STATUS(wasm_memory_read(memory, length - 8, back, 8), WASM_MEMORY_OK);
    CHECK(memcmp(back, bytes, 8) == 0);
    CHECK_STATUS(wasm_memory_write(memory, length - 7, bytes, 8), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_store_u64(memory, 16, 77), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_within(memory, 24, 16, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(memory, 24, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 77);

    CHECK_STATUS(wasm_memory_fill(memory, 0, 0xee, length), WASM_MEMORY_OK);
    CHECK_EQ(maker->last->base[length / 2], 0xee);
    CHECK_STATUS(wasm_memory_discard(memory, 4095, 2 * 4096 + 3), WASM_MEMORY_OK);
    for (i = 0; i < length; i++)
        wrong += maker->last->base[i] != (i >= 4095 && i < 4095 + 2 * 4096 + 3 ? 0 : 0xee);
    CHECK_EQ(wrong, 0);
    CHECK_STATUS(wasm_memory_discard(memory, 1, length), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_EQ(maker->last->base[1], 0xee);
    CHECK_STATUS(wasm_memory_zero(memory, 0, 2), WASM_MEMORY_OK);
    CHECK_EQ(maker->last->base[1], 0);
    CHECK_EQ(maker->last->base[2], 0xee);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
    for (i = 0; i < length; i++) wrong += maker->last->base[i] != 0;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(wasm_memory_data_size(memory), length);
    CHECK_EQ(maker->last->size, length); /* the host's block keeps its size */
}

TEST(a_host_made_memory_is_used_and_grows_in_place) {
    const shape_t shapes[] = {pages_32(3, NO_MAXIMUM), pages_64(3, NO_MAXIMUM), bytes_32(200001, NO_MAXIMUM),
                              shape(200001, 1000000, true, false, 0)};
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        maker_t maker = maker_new();
        const host_t host = host_made(&maker);
        wasm_memory_t *const memory = memory_of(host, shapes[i]);
        uint8_t *const base = maker.last->base;
        const uint64_t before = wasm_memory_data_size(memory), page = wasm_memory_page_size(memory);
        uint64_t previous = 77;
        use(&maker, memory);
        CHECK_STATUS(wasm_memory_store_u8(memory, before - 1, 42), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_OK);
        CHECK_EQ(previous, shapes[i].minimum);
        CHECK_EQ(maker.grown, 1);
        CHECK_EQ(maker.new_size, before + 2 * page);
        CHECK_EQ(wasm_memory_data_size(memory), before + 2 * page);
        CHECK_EQ(wasm_memory_view(memory)->byte_length, before + 2 * page);
        CHECK(wasm_memory_view(memory)->base == base);
        CHECK_EQ(base[before - 1], 42);
        CHECK_EQ(base[before], 0);
        CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK); /* asks nobody */
        CHECK_EQ(maker.grown, 1);
        CHECK_EQ(previous, shapes[i].minimum + 2);
        CHECK(wasm_memory_grow(memory, 1));
        CHECK_EQ(maker.grown, 2);
        use(&maker, memory);
        CHECK_EQ(stats_of(memory).grow_count, 2);
        CHECK_EQ(stats_of(memory).peak_bytes, before + 3 * page);
        wasm_memory_delete(memory);
        end(host, &maker);
    }
}

TEST(a_host_made_memory_may_move_where_that_is_allowed) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_CHECKED};
    size_t strategy;
    for (strategy = 0; strategy < 2; strategy++) {
        maker_t maker = maker_new();
        const host_t host = host_made_with(&maker, strategies[strategy], true);
        wasm_memory_t *memory;
        const wasm_memory_view_t *view;
        uint8_t *old, *start = NULL;
        size_t length = 0;
        maker.room = 0;
        maker.keep_old = true; /* so that the new one is elsewhere */
        memory = memory_of(host, pages_32(3, 100));
        view = wasm_memory_view(memory);
        old = view->base;
        CHECK(wasm_memory_may_move(memory));
        CHECK(stats_of(memory).may_move);
        CHECK_STATUS(wasm_memory_store_u64(memory, 3 * PAGE - 8, 4242), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 5, NULL), WASM_MEMORY_OK);
        CHECK(wasm_memory_view(memory) == view); /* at a fixed address, with a new base */
        CHECK(view->base == maker.last->base);
        CHECK(view->base != old);
        CHECK((uint8_t *)wasm_memory_data(memory) == maker.last->base);
        CHECK_EQ(view->byte_length, 8 * PAGE);
        CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
        CHECK(start == maker.last->base);
        CHECK_EQ(length, 8 * PAGE);
        {
            uint64_t value = 0;
            CHECK_STATUS(wasm_memory_load_u64(memory, 3 * PAGE - 8, &value), WASM_MEMORY_OK);
            CHECK_EQ(value, 4242);
        }
        use(&maker, memory);
        wasm_memory_delete(memory);
        end(host, &maker);
    }
}

/* A block that is larger than its memory is no reservation: the host may move it all the same, and code that keeps a
   base because nothing can move would be wrong. */
TEST(a_checked_host_made_memory_may_move_as_long_as_it_can_grow) {
    const wasm_memory_bounds_t strategies[] = {WASM_MEMORY_BOUNDS_AUTO, WASM_MEMORY_BOUNDS_CHECKED};
    size_t strategy, surplus;
    for (strategy = 0; strategy < 2; strategy++)
        for (surplus = 0; surplus <= 20; surplus += 5) {
            maker_t maker = maker_new();
            const host_t host = host_made_with(&maker, strategies[strategy], true);
            wasm_memory_t *memory;
            uint8_t *old, byte = 0;
            maker.surplus = surplus * PAGE;
            maker.keep_old = true;
            memory = memory_of(host, pages_32(3, 10));
            CHECK(wasm_memory_may_move(memory));
            CHECK(stats_of(memory).may_move);
            CHECK(stats_of(memory).reserved_bytes <= 3 * PAGE);
            CHECK_STATUS(wasm_memory_store_u8(memory, 3 * PAGE - 1, 42), WASM_MEMORY_OK);
            old = wasm_memory_view(memory)->base;
            maker.wrong_growth = MOVED; /* which is not wrong here */
            CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
            CHECK(wasm_memory_view(memory)->base == maker.last->base);
            CHECK(wasm_memory_view(memory)->base != old);
            CHECK_STATUS(wasm_memory_load_u8(memory, 3 * PAGE - 1, &byte), WASM_MEMORY_OK);
            CHECK_EQ(byte, 42);
            CHECK(wasm_memory_may_move(memory));
            CHECK(stats_of(memory).may_move);
            CHECK(stats_of(memory).reserved_bytes <= 5 * PAGE);
            maker.wrong_growth = NOTHING_WRONG;
            CHECK_STATUS(wasm_memory_try_grow(memory, 5, NULL), WASM_MEMORY_OK);
            CHECK(!wasm_memory_may_move(memory)); /* it has all that its type allows */
            CHECK(!stats_of(memory).may_move);
            CHECK(stats_of(memory).reserved_bytes <= 10 * PAGE);
            wasm_memory_delete(memory);
            end(host, &maker);
        }
}

TEST(a_guarded_host_made_memory_covers_all_that_was_demanded) {
    int may_move;
    for (may_move = 0; may_move < 2; may_move++) {
        maker_t maker = maker_new();
        const host_t host = host_made_with(&maker, WASM_MEMORY_BOUNDS_GUARDED, may_move);
        wasm_memory_t *const memory = memory_of(host, pages_32(3, NO_MAXIMUM));
        const wasm_memory_view_t *const view = wasm_memory_view(memory);
        uint8_t *start = NULL;
        size_t length = 0;
        wasm_memory_stats_t stats;
        if (memory == NULL) return;
        CHECK_EQ(maker.minimum, 3 * PAGE);
        CHECK(maker.reserved >= 4 * GIB);
        CHECK(maker.reserved + maker.guard >= 8 * GIB + PAGE);
        stats = stats_of(memory);
        CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_GUARDED);
        CHECK_EQ(stats.reserved_bytes, maker.reserved);
        CHECK_EQ(stats.guard_bytes, maker.guard);
        CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
        CHECK(start == view->base - host_page()); /* what the host says */
        CHECK_EQ(length, host_page() + maker.reserved + maker.guard);
        CHECK(readable(view->base + 3 * PAGE - 1));
        CHECK(!readable(view->base + 3 * PAGE));
        CHECK(!readable(view->base + maker.reserved + maker.guard - 1));
        use(&maker, memory);
        CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
        CHECK(readable(view->base + 5 * PAGE - 1));
        CHECK(!readable(view->base + 5 * PAGE));
        use(&maker, memory);
        wasm_memory_delete(memory);
        end(host, &maker);
    }
}

TEST(what_guarded_demands_follows_the_options) {
    maker_t maker = maker_new();
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_memory_reservation_set(config, 16 * MIB);
    wasm_config_memory_guard_size_set(config, MIB);
    allocator_set(config, &maker);
    maker.host = host = host_with(config);
    memory = memory_of(host, pages_64(1, NO_MAXIMUM));
    CHECK_EQ(maker.reserved, 16 * MIB);
    CHECK_EQ(maker.guard, MIB);
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    use(&maker, memory);
    wasm_memory_delete(memory);
    memory = memory_of(host, bytes_32(100000, NO_MAXIMUM)); /* 1-byte pages are never guarded */
    CHECK_EQ(maker.reserved, 0);
    CHECK_EQ(maker.guard, 0);
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_CHECKED);
    use(&maker, memory);
    wasm_memory_delete(memory);
    end(host, &maker);
}

/* What lies past the reservation was never demanded, so that nothing has to fault there: the host is not asked. */
TEST(a_guarded_host_made_memory_neither_moves_nor_leaves_its_reservation) {
    int may_move;
    for (may_move = 0; may_move < 2; may_move++) {
        maker_t maker = maker_new();
        wasm_config_t *const config = wasm_config_new();
        host_t host;
        watch_t watch;
        wasm_memory_t *memory;
        uint8_t *base;
        uint64_t previous = 77;
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
        wasm_config_memory_reservation_set(config, 4 * PAGE);
        wasm_config_memory_guard_size_set(config, MIB);
        wasm_config_memory_may_move_set(config, may_move);
        allocator_set(config, &maker);
        maker.host = host = host_with(config);
        watch = watching(host);
        memory = memory_of(host, pages_64(1, NO_MAXIMUM));
        base = wasm_memory_view(memory)->base;
        CHECK_EQ(maker.reserved, 4 * PAGE);
        CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
        CHECK_EQ(stats_of(memory).reserved_bytes, 4 * PAGE);
        CHECK(!wasm_memory_may_move(memory));
        CHECK(!stats_of(memory).may_move);
        limiter_set(host.store, &watch);
        limits_set(host.store, NO_LIMIT, 5 * PAGE, NO_LIMIT);
        CHECK_STATUS(wasm_memory_try_grow(memory, 4, &previous), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("memory_reservation");
        CHECK_EQ(previous, 0);
        CHECK_EQ(maker.grown, 0);
        CHECK_ASKED(&watch, 1, PAGE, 5 * PAGE);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(wasm_memory_pages(memory), 1);
        CHECK_STATUS(wasm_memory_try_grow(memory, 3, &previous), WASM_MEMORY_OK); /* to its border */
        CHECK_EQ(previous, 1);
        CHECK_EQ(maker.grown, 1);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_EQ(maker.grown, 1);
        CHECK(wasm_memory_view(memory)->base == base);
        CHECK_EQ(stats_of(memory).reserved_bytes, 4 * PAGE);
        CHECK(!wasm_memory_may_move(memory));
        use(&maker, memory);
        wasm_memory_delete(memory);
        end(host, &maker);
    }
}

TEST(a_block_larger_than_asked_for_is_used_as_far_as_asked_for) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *memory;
    maker.surplus = 5000;
    memory = memory_of(host, bytes_32(100000, NO_MAXIMUM));
    CHECK_EQ(wasm_memory_data_size(memory), 100000);
    CHECK_STATUS(wasm_memory_store_u8(memory, 99999, 1), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u8(memory, 100000, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_try_grow(memory, 10, NULL), WASM_MEMORY_OK);
    CHECK_EQ(maker.new_size, 100010);
    CHECK_EQ(wasm_memory_data_size(memory), 100010);
    CHECK_STATUS(wasm_memory_store_u8(memory, 100010, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(a_table_of_a_later_header_is_understood) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *memory;
    maker.wide_table = true;
    memory = memory_of(host, pages_32(3, 9));
    use(&maker, memory);
    CHECK_STATUS(wasm_memory_try_grow(memory, 6, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(checked_memories_may_say_what_is_accessible_too) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *memory;
    uint8_t *start = NULL;
    size_t length = 0;
    maker.accessible = true;
    memory = memory_of(host, pages_32(3, 9));
    CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
    CHECK(start == maker.last->base - host_page());
    CHECK_EQ(length, host_page() + 3 * PAGE);
    CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(bytes_are_copied_between_host_made_and_other_memories) {
    maker_t maker = maker_new(), another = maker_new();
    const host_t host = host_made(&maker), other = host_made(&another), plain = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_64(1, 2));
    wasm_memory_t *const bytes = memory_of(other, bytes_32(1000, 2000));
    wasm_memory_t *const usual = memory_of(plain, pages_32(1, 2));
    uint64_t value = 0;
    CHECK_STATUS(wasm_memory_store_u64(usual, 100, 0x1234567890), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_between(memory, PAGE - 8, usual, 100, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_between(bytes, 992, memory, PAGE - 8, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_copy_between(bytes, 993, memory, PAGE - 8, 8), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_between(usual, 0, bytes, 992, 8), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(usual, 0, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 0x1234567890);
    wasm_memory_delete(memory);
    wasm_memory_delete(bytes);
    wasm_memory_delete(usual);
    host_delete(plain);
    end(host, &maker);
    end(other, &another);
}

static void note_bytes(void *env, uint8_t *data, size_t length) {
    const block_t *const block = *(block_t *const *)env;
    CHECK(data == block->base);
    CHECK_EQ(length, block->size);
    data[7] = 70;
}

TEST(a_host_made_memory_lends_its_bytes) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *const memory = memory_of(host, pages_32(2, 2));
    CHECK_STATUS(wasm_memory_with_data_mut(memory, note_bytes, &maker.last), WASM_MEMORY_OK);
    CHECK_EQ(maker.last->base[7], 70);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(shared_memories_are_not_the_hosts_to_make) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *memory = NULL;
    CHECK_STATUS(try_memory(host, shape(1, 2, false, true, 16), &memory), WASM_MEMORY_UNSUPPORTED);
    CHECK(memory == NULL);
    CHECK_EQ(maker.asked, 0);
    memory = memory_of(host, pages_32(1, 2)); /* others are */
    CHECK_EQ(maker.asked, 1);
    wasm_memory_delete(memory);
    end(host, &maker);
}

/* ---- promises that are not kept ---- */

/* The block of a table that the library could not use, and whose finalizer it therefore did not find. */
static void abandon(maker_t *maker) {
    block_free(maker->last);
    maker->blocks_finalized++;
}

TEST(a_memory_that_breaks_its_promises_is_refused) {
    const struct {
        wrong_t wrong;
        wasm_memory_bounds_t bounds;
        const char *word;
        bool finalized; /* by the library */
    } cases[] = {
        {NO_STRUCT_SIZE, WASM_MEMORY_BOUNDS_AUTO, "struct_size", true}, /* what was filled in can be told */
        {SHORT_STRUCT_SIZE, WASM_MEMORY_BOUNDS_AUTO, "as_ptr", false},
        {NO_BYTE_SIZE, WASM_MEMORY_BOUNDS_CHECKED, "byte_size", true},
        {NO_GROW_TO, WASM_MEMORY_BOUNDS_AUTO, "grow_to", true},
        {NO_AS_PTR, WASM_MEMORY_BOUNDS_AUTO, "as_ptr", true},
        {NULL_BASE, WASM_MEMORY_BOUNDS_AUTO, "NULL", true},
        {NULL_BASE, WASM_MEMORY_BOUNDS_GUARDED, "NULL", true},
        {UNALIGNED_BASE, WASM_MEMORY_BOUNDS_AUTO, "page", true},
        {UNALIGNED_BASE, WASM_MEMORY_BOUNDS_CHECKED, "page", true},
        {HIGH_BASE, WASM_MEMORY_BOUNDS_CHECKED, "196608", true},
        {HIGH_BASE, WASM_MEMORY_BOUNDS_GUARDED, "behind", true},
        {SHORT_SIZE, WASM_MEMORY_BOUNDS_AUTO, "196608", true},
        {SHORT_SIZE, WASM_MEMORY_BOUNDS_GUARDED, "196607", true},
        {LONG_SIZE, WASM_MEMORY_BOUNDS_GUARDED, "196609", true},
        {LOW_MAXIMUM, WASM_MEMORY_BOUNDS_AUTO, "maximum", true},
        {NO_ACCESSIBLE, WASM_MEMORY_BOUNDS_GUARDED, "wasm_accessible", true},
        {ACCESSIBLE_TOO_SHORT, WASM_MEMORY_BOUNDS_GUARDED, "wasm_accessible", true},
        {ACCESSIBLE_TOO_LATE, WASM_MEMORY_BOUNDS_GUARDED, "wasm_accessible", true},
        {ACCESSIBLE_NULL, WASM_MEMORY_BOUNDS_GUARDED, "wasm_accessible", true},
        {UNKNOWN_STATUS, WASM_MEMORY_BOUNDS_AUTO, "4321", false},
        {NEGATIVE_STATUS, WASM_MEMORY_BOUNDS_AUTO, "-1", false},
    };
    char sentences[sizeof cases / sizeof *cases][512];
    size_t i, j;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        maker_t maker = maker_new();
        const host_t host = host_made_with(&maker, cases[i].bounds, false);
        watch_t watch = watching(host);
        wasm_memory_t *memory = NULL;
        maker.wrong = cases[i].wrong;
        limiter_set(host.store, &watch);
        limits_set(host.store, NO_LIMIT, 3 * PAGE, 1);
        CHECK_STATUS(try_memory(host, pages_32(3, 9), &memory), WASM_MEMORY_HOST_CONTRACT);
        CHECK(memory == NULL);
        if (!CHECK_LAST_ERROR(cases[i].word)) printf("    (case %d)\n", (int)cases[i].wrong);
        wasm_memory_last_error(sentences[i], sizeof sentences[i]);
        CHECK_ASKED(&watch, 1, 0, 3 * PAGE);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_HOST_CONTRACT);
        CHECK(strcmp(watch.message, sentences[i]) == 0);
        CHECK_EQ(maker.made, 1);
        if (!CHECK_EQ(maker.blocks_finalized, cases[i].finalized)) printf("    (case %d)\n", (int)cases[i].wrong);
        if (maker.blocks_finalized == 0) abandon(&maker);
        maker.wrong = NOTHING_WRONG; /* nothing was counted for what was refused */
        memory = memory_of(host, pages_32(3, 9));
        wasm_memory_delete(memory);
        end(host, &maker);
    }
    for (i = 0; i < sizeof cases / sizeof *cases; i++) /* a sentence for each, unless they lack the same */
        for (j = 0; j < i; j++)
            if (cases[i].wrong != cases[j].wrong && strcmp(cases[i].word, cases[j].word) != 0)
                CHECK(strcmp(sentences[i], sentences[j]) != 0);
}

TEST(a_failure_to_make_a_memory_is_passed_on) {
    const wasm_memory_status_t statuses[] = {WASM_MEMORY_OUT_OF_MEMORY, WASM_MEMORY_UNSUPPORTED, WASM_MEMORY_IO,
                                             WASM_MEMORY_LIMIT_DENIED, WASM_MEMORY_HOST_CONTRACT};
    size_t i;
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        maker_t maker = maker_new();
        const host_t host = host_made(&maker);
        watch_t watch = watching(host);
        wasm_memory_t *memory = NULL;
        maker.refuse = statuses[i];
        limiter_set(host.store, &watch);
        limits_set(host.store, NO_LIMIT, 3 * PAGE, 1);
        CHECK_STATUS(try_memory(host, pages_32(3, 9), &memory), statuses[i]);
        CHECK(memory == NULL);
        CHECK(wasm_memory_last_error(NULL, 0) > 0);
        CHECK_EQ(maker.asked, 1);
        CHECK_EQ(maker.blocks_finalized, 0); /* nothing was handed over */
        CHECK_FAILED(&watch, 1, statuses[i]);
        maker.refuse = WASM_MEMORY_OK;
        memory = memory_of(host, pages_32(3, 9));
        wasm_memory_delete(memory);
        end(host, &maker);
    }
}

TEST(a_growth_that_breaks_promises_fails_and_changes_nothing) {
    const struct {
        wrong_t wrong;
        wasm_memory_bounds_t bounds;
        bool may_move;
        const char *word;
    } cases[] = {
        {NULL_BASE, WASM_MEMORY_BOUNDS_AUTO, false, "NULL"},
        {NULL_BASE, WASM_MEMORY_BOUNDS_AUTO, true, "NULL"},
        {UNALIGNED_BASE, WASM_MEMORY_BOUNDS_AUTO, true, "page"},
        {SHORT_SIZE, WASM_MEMORY_BOUNDS_AUTO, false, "327679"},
        {SHORT_SIZE, WASM_MEMORY_BOUNDS_GUARDED, false, "327680"},
        {LONG_SIZE, WASM_MEMORY_BOUNDS_GUARDED, false, "327681"},
        {LONG_SIZE, WASM_MEMORY_BOUNDS_GUARDED, true, "327680"},
        {LOW_MAXIMUM, WASM_MEMORY_BOUNDS_CHECKED, false, "maximum"},
        {ACCESSIBLE_TOO_SHORT, WASM_MEMORY_BOUNDS_GUARDED, false, "wasm_accessible"},
        {ACCESSIBLE_TOO_LATE, WASM_MEMORY_BOUNDS_GUARDED, true, "wasm_accessible"},
        {MOVED, WASM_MEMORY_BOUNDS_AUTO, false, "move"},
        {MOVED, WASM_MEMORY_BOUNDS_GUARDED, false, "move"},
        {MOVED, WASM_MEMORY_BOUNDS_GUARDED, true, "move"},
        {UNKNOWN_GROW_STATUS, WASM_MEMORY_BOUNDS_AUTO, false, "4321"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        maker_t maker = maker_new();
        const host_t host = host_made_with(&maker, cases[i].bounds, cases[i].may_move);
        watch_t watch = watching(host);
        wasm_memory_t *const memory = memory_of(host, pages_32(3, 9));
        uint8_t *const base = wasm_memory_view(memory)->base;
        uint64_t previous = 77;
        uint8_t byte = 0;
        maker.wrong_growth = cases[i].wrong;
        maker.keep_old = true; /* whether the library follows a block that must not move is left open */
        limiter_set(host.store, &watch);
        limits_set(host.store, NO_LIMIT, 5 * PAGE, 2);
        CHECK_STATUS(wasm_memory_store_u8(memory, 3 * PAGE - 1, 42), WASM_MEMORY_OK);
        if (!CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), WASM_MEMORY_HOST_CONTRACT) |
            !CHECK_LAST_ERROR(cases[i].word))
            printf("    (case %d)\n", (int)cases[i].wrong);
        CHECK_EQ(previous, 0);
        CHECK_EQ(maker.grown, 1);
        CHECK_ASKED(&watch, 1, 3 * PAGE, 5 * PAGE);
        CHECK_FAILED(&watch, 1, WASM_MEMORY_HOST_CONTRACT);
        CHECK_EQ(wasm_memory_pages(memory), 3);
        CHECK_EQ(wasm_memory_view(memory)->byte_length, 3 * PAGE);
        /* A base that is elsewhere is followed, wrong as it is: the old place may be gone. */
        if (cases[i].wrong != MOVED && cases[i].wrong != UNALIGNED_BASE)
            CHECK(wasm_memory_view(memory)->base == base);
        CHECK_STATUS(wasm_memory_load_u8(memory, 3 * PAGE - 1, &byte), WASM_MEMORY_OK);
        if (cases[i].wrong != UNALIGNED_BASE) CHECK_EQ(byte, 42);
        CHECK_STATUS(wasm_memory_load_u8(memory, 3 * PAGE, &byte), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(stats_of(memory).grow_failures, 1);
        CHECK_EQ(stats_of(memory).grow_count, 0);
        CHECK_EQ(maker.blocks_finalized, 0);
        {
            wasm_memory_t *const other = memory_of(host, pages_32(2, 2)); /* the bytes were not taken from the store */
            wasm_memory_delete(other);
        }
        wasm_memory_delete(memory);
        end(host, &maker);
        CHECK_EQ(maker.made, 2);
    }
}

TEST(a_failure_to_grow_is_passed_on) {
    const wasm_memory_status_t statuses[] = {WASM_MEMORY_OUT_OF_MEMORY, WASM_MEMORY_UNSUPPORTED, WASM_MEMORY_IO,
                                             WASM_MEMORY_MAXIMUM_EXCEEDED, WASM_MEMORY_HOST_CONTRACT};
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    watch_t watch = watching(host);
    wasm_memory_t *const memory = memory_of(host, pages_32(3, 9));
    size_t i;
    limiter_set(host.store, &watch);
    limits_set(host.store, NO_LIMIT, 5 * PAGE, NO_LIMIT);
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        uint64_t previous = 77;
        maker.refuse_growth = statuses[i];
        CHECK_STATUS(wasm_memory_try_grow(memory, 2, &previous), statuses[i]);
        CHECK_EQ(previous, 0);
        CHECK_EQ(maker.grown, (int)i + 1);
        CHECK_FAILED(&watch, (int)i + 1, statuses[i]);
        CHECK_EQ(wasm_memory_pages(memory), 3);
    }
    maker.refuse_growth = WASM_MEMORY_OK;
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    use(&maker, memory);
    wasm_memory_delete(memory);
    end(host, &maker);
}

/* PENDING of a host would have the caller poll for what never comes. */
TEST(a_host_cannot_answer_later) {
    const wasm_memory_status_t statuses[] = {WASM_MEMORY_PENDING, WASM_MEMORY_ASYNC_REQUIRED};
    size_t i;
    int how; /* 0: in the call, 1: as a future, 2: with an asynchronous limiter */
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++)
        for (how = 0; how < 3; how++) {
            maker_t maker = maker_new();
            const host_t host = host_made(&maker);
            watch_t watch = watching(host);
            wasm_memorytype_t *const type = type_of(pages_32(3, 9));
            wasm_memory_t *const memory = memory_of(host, pages_32(3, 9));
            wasm_memory_t *none = NULL;
            int growth;
            if (how == 2)
                limiter_async_set(host.store, &watch);
            else
                limiter_set(host.store, &watch);
            for (growth = 0; growth < 2; growth++) {
                wasm_memory_future_t *future;
                maker.refuse = maker.refuse_growth = statuses[i];
                if (how == 0) {
                    CHECK_STATUS(growth ? wasm_memory_try_grow(memory, 2, NULL)
                                        : wasm_memory_try_new(host.store, type, &none),
                                 WASM_MEMORY_HOST_CONTRACT);
                    CHECK_LAST_ERROR(growth ? "grow_to" : "new_memory");
                } else {
                    future = growth ? wasm_memory_grow_async(memory, 2) : wasm_memory_new_async(host.store, type);
                    if (how == 2) watch_answer(&watch, true);
                    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_HOST_CONTRACT);
                    CHECK_LAST_ERROR(growth ? "grow_to" : "new_memory");
                    maker.refuse = maker.refuse_growth = WASM_MEMORY_OK; /* it is not asked again */
                    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_HOST_CONTRACT);
                    CHECK_STATUS(wasm_memory_future_wait(future, 1), WASM_MEMORY_HOST_CONTRACT);
                    CHECK(wasm_memory_future_take_memory(future) == NULL);
                    wasm_memory_future_delete(future);
                }
                CHECK_EQ(maker.asked, 2);
                CHECK_EQ(maker.grown, growth);
                CHECK_EQ(watch.asked, growth + 1);
                CHECK_FAILED(&watch, growth + 1, WASM_MEMORY_HOST_CONTRACT);
            }
            CHECK(none == NULL);
            CHECK_EQ(wasm_memory_pages(memory), 3);
            use(&maker, memory);
            wasm_memory_delete(memory);
            wasm_memorytype_delete(type);
            end(host, &maker);
        }
}

TEST(type_limits_and_limiter_come_before_the_hosts_maximum_before_its_grow_to) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    watch_t watch = watching(host);
    wasm_memory_t *memory;
    maker.maximum = 6 * PAGE;
    memory = memory_of(host, pages_32(3, 20));
    limiter_set(host.store, &watch);
    limits_set(host.store, 10 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(wasm_memory_try_grow(memory, 18, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    CHECK_STATUS(wasm_memory_try_grow(memory, 8, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(watch.asked, 0);
    watch.allow = false;
    CHECK_STATUS(wasm_memory_try_grow(memory, 4, NULL), WASM_MEMORY_LIMIT_DENIED);
    CHECK_ASKED(&watch, 1, 3 * PAGE, 7 * PAGE);
    watch.allow = true;
    CHECK_STATUS(wasm_memory_try_grow(memory, 4, NULL), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_LAST_ERROR("393216"); /* what the host can have */
    CHECK_ASKED(&watch, 2, 3 * PAGE, 7 * PAGE);
    CHECK_FAILED(&watch, 4, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK_EQ(maker.grown, 0);
    CHECK_EQ(wasm_memory_pages(memory), 3);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK); /* to the border */
    CHECK_EQ(maker.grown, 1);
    CHECK_EQ(watch.failed, 4);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(limits_and_limiter_refuse_before_the_host_is_asked_for_a_memory) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    watch_t watch = watching(host);
    wasm_memory_t *memory = NULL;
    limiter_set(host.store, &watch);
    limits_set(host.store, 2 * PAGE, NO_LIMIT, NO_LIMIT);
    CHECK_STATUS(try_memory(host, pages_32(3, 9), &memory), WASM_MEMORY_LIMIT_DENIED);
    watch.allow = false;
    CHECK_STATUS(try_memory(host, pages_32(2, 9), &memory), WASM_MEMORY_LIMIT_DENIED);
    CHECK_EQ(maker.asked, 0);
    watch.allow = true;
    CHECK_STATUS(try_memory(host, pages_32(2, 9), &memory), WASM_MEMORY_OK);
    CHECK_EQ(maker.asked, 1);
    wasm_memory_delete(memory);
    end(host, &maker);
}

TEST(what_is_asynchronous_is_made_and_grown_by_poll) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    watch_t watch = watching(host);
    wasm_memorytype_t *const type = type_of(pages_32(3, 9));
    wasm_memory_future_t *future;
    wasm_memory_t *memory;
    limiter_async_set(host.store, &watch);
    future = wasm_memory_new_async(host.store, type);
    watch_answer(&watch, true);
    CHECK_EQ(maker.asked, 0);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(maker.asked, 1);
    memory = wasm_memory_future_take_memory(future);
    wasm_memory_future_delete(future);
    future = wasm_memory_grow_async(memory, 2);
    watch_answer(&watch, true);
    CHECK_EQ(maker.grown, 0);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_OK);
    CHECK_EQ(maker.grown, 1);
    CHECK_EQ(wasm_memory_pages(memory), 5);
    wasm_memory_future_delete(future);
    use(&maker, memory);
    maker.refuse_growth = WASM_MEMORY_IO;
    future = wasm_memory_grow_async(memory, 2);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_IO);
    CHECK_FAILED(&watch, 1, WASM_MEMORY_IO);
    wasm_memory_future_delete(future);
    maker.wrong = SHORT_SIZE;
    future = wasm_memory_new_async(host.store, type);
    watch_answer(&watch, true);
    CHECK_STATUS(wasm_memory_future_poll(future), WASM_MEMORY_HOST_CONTRACT);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_HOST_CONTRACT);
    wasm_memory_future_delete(future);
    CHECK_EQ(maker.blocks_finalized, 1);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
    end(host, &maker);
}

/* ---- calls from within the host's callbacks ---- */

static void nobody(void *env, uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    count_one(env);
}

static void try_everything(maker_t *maker) {
    wasm_memory_t *const memory = maker->memory;
    wasm_memory_t *copy;
    uint8_t byte = 1;
    uint64_t previous = 77;
    int lent = 0;
    /* Its bytes are the host's for now. */
    CHECK_STATUS(wasm_memory_read(memory, 0, &byte, 1), WASM_MEMORY_BORROWED);
    CHECK_EQ(byte, 1);
    CHECK_STATUS(wasm_memory_load_u8(memory, 0, &byte), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_write(memory, 0, "x", 1), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_store_u8(memory, 0, 1), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, 1), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_with_data(memory, nobody, &lent), WASM_MEMORY_BORROWED);
    CHECK_STATUS(wasm_memory_with_data_mut(memory, nobody, &lent), WASM_MEMORY_BORROWED);
    CHECK_EQ(lent, 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, &previous), WASM_MEMORY_BORROWED);
    CHECK_EQ(previous, 0);
    CHECK(!wasm_memory_grow(memory, 1));
    /* What only tells about it works, with what was true before. */
    CHECK_STATUS(wasm_memory_try_grow(memory, 0, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 3);
    CHECK_EQ(wasm_memory_pages(memory), 3);
    CHECK_EQ(wasm_memory_data_size(memory), 3 * PAGE);
    CHECK(wasm_memory_data(memory) != NULL);
    CHECK_EQ(stats_of(memory).byte_length, 3 * PAGE);
    copy = wasm_memory_copy(memory);
    CHECK(wasm_memory_same(copy, memory));
    wasm_memory_delete(copy);
}

TEST(bytes_are_the_hosts_while_it_grows_them) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    watch_t watch = watching(host);
    uint8_t byte = 1;
    maker.memory = memory_of(host, pages_32(3, 20));
    limiter_set(host.store, &watch);
    maker.growing = try_everything;
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, NULL), WASM_MEMORY_OK);
    CHECK(maker.growing == NULL);
    CHECK_EQ(maker.grown, 1);
    CHECK_EQ(watch.asked, 1);
    CHECK_FAILED(&watch, 2, WASM_MEMORY_BORROWED);
    CHECK_EQ(wasm_memory_pages(maker.memory), 7);
    CHECK_STATUS(wasm_memory_load_u8(maker.memory, 7 * PAGE - 1, &byte), WASM_MEMORY_OK);
    CHECK_EQ(byte, 0);
    maker.growing = try_everything; /* and after a refusal they are lent no more, either */
    maker.refuse_growth = WASM_MEMORY_IO;
    wasm_memory_delete(maker.memory);
    maker.memory = memory_of(host, pages_32(3, 20));
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, NULL), WASM_MEMORY_IO);
    CHECK_STATUS(wasm_memory_store_u8(maker.memory, 3 * PAGE - 1, 1), WASM_MEMORY_OK);
    wasm_memory_delete(maker.memory);
    end(host, &maker);
}

static void lend_and_grow(void *env, uint8_t *data, size_t length) {
    maker_t *const maker = (maker_t *)env;
    (void)data;
    (void)length;
    CHECK_STATUS(wasm_memory_try_grow(maker->memory, 1, NULL), WASM_MEMORY_BORROWED);
}

TEST(the_host_is_not_asked_to_grow_what_is_lent) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    maker.memory = memory_of(host, pages_32(3, 20));
    CHECK_STATUS(wasm_memory_with_data(maker.memory, lend_and_grow, &maker), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_with_data_mut(maker.memory, lend_and_grow, &maker), WASM_MEMORY_OK);
    CHECK_EQ(maker.grown, 0);
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(maker.grown, 1);
    wasm_memory_delete(maker.memory);
    end(host, &maker);
}

static void make_another(maker_t *maker) {
    wasm_memory_t *const another = memory_of(maker->host, pages_32(2, 9));
    CHECK_STATUS(wasm_memory_store_u8(another, 2 * PAGE - 1, 1), WASM_MEMORY_OK);
    wasm_memory_delete(another);
}

static void delete_the_memory(maker_t *maker) {
    wasm_memory_delete(maker->memory);
    CHECK_EQ(maker->blocks_finalized, 0);
}

static void delete_everything(maker_t *maker) {
    wasm_memory_delete(maker->memory);
    host_delete(maker->host);
    CHECK_EQ(maker->blocks_finalized, 0);
    CHECK_EQ(maker->finalized, 0);
}

static void delete_the_host(maker_t *maker) {
    host_delete(maker->host);
    CHECK_EQ(maker->finalized, 0);
}

TEST(the_host_may_make_another_memory_within_its_callbacks) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    maker.making = make_another;
    maker.memory = memory_of(host, pages_32(3, 20));
    CHECK_EQ(maker.made, 2);
    CHECK_EQ(maker.blocks_finalized, 1);
    maker.growing = make_another;
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, NULL), WASM_MEMORY_OK);
    CHECK_EQ(maker.made, 3);
    CHECK_EQ(maker.blocks_finalized, 2);
    CHECK_EQ(wasm_memory_pages(maker.memory), 7);
    wasm_memory_delete(maker.memory);
    end(host, &maker);
}

TEST(handles_store_and_engine_may_be_deleted_within_the_hosts_callbacks) {
    maker_t maker = maker_new();
    host_t host = host_made(&maker);
    uint64_t previous = 77;
    maker.memory = memory_of(host, pages_32(3, 20));
    maker.growing = delete_the_memory;
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, &previous), WASM_MEMORY_OK);
    CHECK_EQ(previous, 3);
    CHECK_EQ(maker.blocks_finalized, 1);
    end(host, &maker);

    maker = maker_new();
    host = host_made(&maker);
    maker.memory = memory_of(host, pages_32(3, 20));
    maker.growing = delete_everything;
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, &previous), WASM_MEMORY_OK);
    CHECK_EQ(maker.blocks_finalized, 1);
    CHECK_EQ(maker.finalized, 1);

    maker = maker_new();
    host = host_made(&maker);
    maker.making = delete_the_host;
    maker.memory = memory_of(host, pages_32(3, 20));
    CHECK_EQ(maker.finalized, 0);
    CHECK_STATUS(wasm_memory_try_grow(maker.memory, 4, NULL), WASM_MEMORY_OK);
    use(&maker, maker.memory);
    wasm_memory_delete(maker.memory);
    CHECK_EQ(maker.blocks_finalized, 1);
    CHECK_EQ(maker.finalized, 1);
}

/* Also by the callbacks of what only tells about a memory, and is done with the handle long before the host is. */
TEST(handles_store_and_engine_may_be_deleted_when_the_host_is_asked_where_and_how_large) {
    int what; /* 0: stats, 1: whether it may move, 2: what is accessible, 3: the same without wasm_accessible */
    int all;
    for (what = 0; what < 4; what++)
        for (all = 0; all < 2; all++) {
            maker_t maker = maker_new();
            const host_t host = host_made_with(&maker, WASM_MEMORY_BOUNDS_AUTO, true);
            uint8_t *start = NULL, *base;
            size_t length = 0;
            maker.accessible = what == 2;
            maker.memory = memory_of(host, pages_32(3, 20));
            base = wasm_memory_view(maker.memory)->base;
            maker.telling = all ? delete_everything : delete_the_memory;
            if (what == 0) {
                CHECK_EQ(stats_of(maker.memory).byte_length, 3 * PAGE);
            } else if (what == 1) {
                CHECK(wasm_memory_may_move(maker.memory));
            } else {
                CHECK_STATUS(wasm_memory_accessible(maker.memory, &start, &length), WASM_MEMORY_OK);
                CHECK(start == base - (what == 2 ? host_page() : 0)); /* where it was */
                CHECK_EQ(length, (what == 2 ? host_page() : 0) + 3 * PAGE);
            }
            if (!CHECK(maker.telling == NULL)) continue; /* the host was not asked */
            CHECK_EQ(maker.blocks_finalized, 1);
            if (all)
                CHECK_EQ(maker.finalized, 1);
            else
                end(host, &maker);
        }
}

/* ---- tables and their ends ---- */

TEST(an_allocator_lives_as_long_as_its_engine_is_used) {
    int order;
    for (order = 0; order < 24; order++) {
        maker_t maker = maker_new();
        const host_t host = host_made(&maker);
        wasm_memory_t *handle[2];
        bool deleted[4] = {false, false, false, false};
        int rest = order, step;
        handle[0] = memory_of(host, pages_32(1, 10));
        handle[1] = wasm_memory_copy(handle[0]);
        for (step = 4; step > 0; step--) {
            int pick = rest % step, what = 0, i;
            rest /= step;
            while (deleted[what] || pick-- > 0) what++;
            deleted[what] = true;
            if (what == 0)
                wasm_engine_delete(host.engine);
            else if (what == 1)
                wasm_store_delete(host.store);
            else
                wasm_memory_delete(handle[what - 2]);
            for (i = 0; i < 2; i++)
                if (!deleted[i + 2]) CHECK_STATUS(wasm_memory_try_grow(handle[i], 1, NULL), WASM_MEMORY_OK);
            CHECK_EQ(maker.blocks_finalized, deleted[2] && deleted[3]);
            CHECK_EQ(maker.finalized, deleted[0] && deleted[1] && deleted[2] && deleted[3]);
        }
        CHECK_EQ(maker.blocks_finalized, 1);
        CHECK_EQ(maker.finalized, 1);
    }
}

TEST(a_table_that_makes_no_engine_is_finalized_when_that_is_certain) {
    maker_t maker = maker_new(), other = maker_new();
    wasm_config_t *config = wasm_config_new();
    wasm_memory_t *memory;
    host_t host;
    allocator_set(config, &maker);
    CHECK_EQ(maker.finalized, 0);
    wasm_config_delete(config);
    CHECK_EQ(maker.finalized, 1);

    maker = maker_new();
    config = wasm_config_new();
    allocator_set(config, &maker);
    wasm_config_memory_bounds_set(config, 99); /* another option is bad */
    CHECK_EQ(maker.finalized, 0);
    CHECK(wasm_engine_new_with_config(config) == NULL);
    CHECK_LAST_ERROR("memory_bounds");
    CHECK_EQ(maker.finalized, 1);

    maker = maker_new();
    config = wasm_config_new();
    allocator_set(config, &maker);
    allocator_set(config, &other); /* replaced */
    CHECK_EQ(maker.finalized, 1);
    CHECK_EQ(other.finalized, 0);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 1));
    CHECK_EQ(maker.asked, 0);
    CHECK_EQ(other.asked, 1);
    wasm_memory_delete(memory);
    end(host, &other);
    CHECK_EQ(maker.finalized, 1);

    maker = maker_new();
    config = wasm_config_new();
    allocator_set(config, &maker);
    wasm_config_memory_allocator_set(config, NULL); /* none any more */
    CHECK_EQ(maker.finalized, 1);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 1));
    CHECK_EQ(maker.asked, 0);
    CHECK_STATUS(wasm_memory_store_u8(memory, PAGE - 1, 1), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_EQ(maker.finalized, 1);

    maker = maker_new();
    config = wasm_config_new();
    allocator_set(config, &maker);
    wasm_engine_delete(wasm_engine_new_with_config(config)); /* an engine that nobody used */
    CHECK_EQ(maker.finalized, 1);
    CHECK_EQ(maker.asked, 0);
}

/* On the heap and no longer than `size`, for tools to see whoever reads past it. */
static void allocator_in_size(wasm_config_t *config, maker_t *maker, size_t size, size_t struct_size) {
    const wasm_memory_allocator_t whole = allocator_of(maker);
    uint8_t *const part = (uint8_t *)malloc(size);
    memset(part, 0x11, size);
    memcpy(part, &whole, size < sizeof whole ? size : sizeof whole);
    memcpy(part, &struct_size, sizeof struct_size);
    wasm_config_memory_allocator_set(config, (const wasm_memory_allocator_t *)(void *)part);
    free(part);
}

TEST(a_table_that_cannot_make_a_memory_makes_no_engine) {
    const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t), offsetof(wasm_memory_allocator_t, new_memory),
                            offsetof(wasm_memory_allocator_t, finalizer) - 1};
    maker_t maker = maker_new(), good = maker_new();
    wasm_memory_allocator_t allocator = allocator_of(&maker);
    wasm_config_t *config;
    wasm_engine_t *engine;
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        config = wasm_config_new();
        allocator_in_size(config, &maker, sizes[i] < sizeof(size_t) ? sizeof(size_t) : sizes[i], sizes[i]);
        CHECK(wasm_engine_new_with_config(config) == NULL);
        CHECK_LAST_ERROR("memory_allocator");
    }
    allocator.new_memory = NULL;
    config = wasm_config_new();
    wasm_config_memory_allocator_set(config, &allocator);
    CHECK(wasm_engine_new_with_config(config) == NULL);
    CHECK_LAST_ERROR("memory_allocator");

    config = wasm_config_new(); /* and it takes the place of a good one */
    allocator_set(config, &good);
    wasm_config_memory_allocator_set(config, &allocator);
    CHECK_EQ(good.finalized, 1);
    CHECK(wasm_engine_new_with_config(config) == NULL);
    CHECK_LAST_ERROR("memory_allocator");
    CHECK_EQ(good.finalized, 1);

    config = wasm_config_new(); /* or is forgotten */
    wasm_config_memory_allocator_set(config, &allocator);
    wasm_config_memory_allocator_set(config, NULL);
    engine = wasm_engine_new_with_config(config);
    CHECK(engine != NULL);
    wasm_engine_delete(engine);

    config = wasm_config_new();
    wasm_config_memory_allocator_set(config, &allocator);
    wasm_config_delete(config);
    CHECK_EQ(maker.finalized, 0); /* never taken */
    CHECK_EQ(maker.asked, 0);
}

TEST(only_the_members_that_fit_whole_are_read) {
    const struct {
        size_t size;
        int finalized;
    } cases[] = {
        {offsetof(wasm_memory_allocator_t, finalizer), 0},
        {offsetof(wasm_memory_allocator_t, finalizer) + 7, 0},
        {sizeof(wasm_memory_allocator_t), 1},
        {sizeof(wasm_memory_allocator_t) + 100, 1}, /* of a later header */
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        maker_t maker = maker_new();
        wasm_config_t *const config = wasm_config_new();
        host_t host;
        wasm_memory_t *memory;
        allocator_in_size(config, &maker, cases[i].size, cases[i].size);
        host = host_with(config);
        memory = memory_of(host, pages_32(1, 1));
        CHECK_EQ(maker.asked, 1);
        wasm_memory_delete(memory);
        CHECK_EQ(maker.blocks_finalized, 1);
        host_delete(host);
        CHECK_EQ(maker.finalized, cases[i].finalized);
    }
}

static struct {
    uint8_t *bytes;
    size_t size, struct_size;
    int grown;
} plain;

static size_t plain_size(void *env) {
    (void)env;
    return plain.size;
}
static wasm_memory_status_t plain_grow_to(void *env, size_t new_size) {
    (void)env;
    plain.grown++;
    plain.size = new_size;
    return WASM_MEMORY_OK;
}
static uint8_t *plain_as_ptr(void *env) {
    (void)env;
    return plain.bytes;
}
static void never_called(void *env) {
    (void)env;
    CHECK(!"called, though it is past struct_size");
}

/* A table with nothing in it but what is required, and behind its end pointers that are not to be called. */
static wasm_memory_status_t make_plain(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                       size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    (void)type;
    (void)maximum;
    (void)reserved;
    (void)guard;
    plain.size = minimum;
    out->env = env;
    out->byte_size = plain_size;
    out->grow_to = plain_grow_to;
    out->as_ptr = plain_as_ptr;
    out->finalizer = never_called;
    out->struct_size = plain.struct_size;
    return WASM_MEMORY_OK;
}

TEST(a_memory_needs_no_more_than_size_growth_and_pointer) {
    const size_t sizes[] = {offsetof(wasm_linear_memory_t, wasm_accessible),
                            offsetof(wasm_linear_memory_t, wasm_accessible) + 7,
                            offsetof(wasm_linear_memory_t, finalizer), offsetof(wasm_linear_memory_t, finalizer) + 7};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wasm_config_t *const config = wasm_config_new();
        wasm_memory_allocator_t allocator;
        host_t host;
        wasm_memory_t *memory;
        void *block = NULL;
        memset(&allocator, 0, sizeof allocator);
        allocator.struct_size = sizeof allocator;
        allocator.new_memory = make_plain;
        wasm_config_memory_allocator_set(config, &allocator);
        host = host_with(config);
        CHECK_EQ(posix_memalign(&block, host_page(), 4 * PAGE), 0);
        memset(block, 0, 4 * PAGE);
        plain.bytes = (uint8_t *)block;
        plain.struct_size = sizes[i];
        plain.grown = 0;
        memory = memory_of(host, pages_32(1, 4));
        CHECK(wasm_memory_view(memory)->base == block);
        CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
        CHECK_EQ(plain.grown, 1);
        CHECK_STATUS(wasm_memory_store_u8(memory, 4 * PAGE - 1, 9), WASM_MEMORY_OK);
        CHECK_EQ(plain.bytes[4 * PAGE - 1], 9);
        wasm_memory_delete(memory);
        host_delete(host);
        CHECK_EQ(plain.bytes[4 * PAGE - 1], 9); /* it stays the host's */
        free(block);
    }
}

TEST(host_info_of_a_host_made_memory_goes_before_its_bytes) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    int finalized = 0;
    wasm_memory_set_host_info_with_finalizer(memory, &finalized, count_one);
    wasm_memory_delete(memory);
    CHECK_EQ(finalized, 1);
    end(host, &maker);
}

/* ---- threads ---- */

static void *make_grow_delete(void *env) {
    const maker_t *const maker = (const maker_t *)env;
    wasm_memorytype_t *const type = type_of(pages_32(1, 5));
    void *failed = NULL;
    int i;
    for (i = 0; i < 500 && failed == NULL; i++) {
        wasm_memory_t *memory = NULL;
        uint8_t byte = 1;
        if (wasm_memory_try_new(maker->host.store, type, &memory) != WASM_MEMORY_OK ||
            wasm_memory_try_grow(memory, 4, NULL) != WASM_MEMORY_OK ||
            wasm_memory_load_u8(memory, 5 * PAGE - 1, &byte) != WASM_MEMORY_OK || byte != 0)
            failed = env;
        wasm_memory_delete(memory);
    }
    wasm_memorytype_delete(type);
    return failed;
}

TEST(a_host_serves_several_threads) {
    maker_t maker = maker_new();
    const host_t host = host_made(&maker);
    pthread_t threads[4];
    int i;
    maker.several_threads = true;
    for (i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, make_grow_delete, &maker), 0);
    for (i = 0; i < 4; i++) {
        void *failed = NULL;
        CHECK_EQ(pthread_join(threads[i], &failed), 0);
        CHECK(failed == NULL);
    }
    CHECK_EQ(maker.made, 2000);
    CHECK_EQ(maker.grown, 2000);
    end(host, &maker);
}

int main(void) {
    RUN(the_host_is_asked_in_bytes_and_its_bytes_are_the_memory);
    RUN(a_host_made_memory_is_used_and_grows_in_place);
    RUN(a_host_made_memory_may_move_where_that_is_allowed);
    RUN(a_checked_host_made_memory_may_move_as_long_as_it_can_grow);
    RUN(a_guarded_host_made_memory_covers_all_that_was_demanded);
    RUN(what_guarded_demands_follows_the_options);
    RUN(a_guarded_host_made_memory_neither_moves_nor_leaves_its_reservation);
    RUN(a_block_larger_than_asked_for_is_used_as_far_as_asked_for);
    RUN(a_table_of_a_later_header_is_understood);
    RUN(checked_memories_may_say_what_is_accessible_too);
    RUN(bytes_are_copied_between_host_made_and_other_memories);
    RUN(a_host_made_memory_lends_its_bytes);
    RUN(shared_memories_are_not_the_hosts_to_make);
    RUN(a_memory_that_breaks_its_promises_is_refused);
    RUN(a_failure_to_make_a_memory_is_passed_on);
    RUN(a_growth_that_breaks_promises_fails_and_changes_nothing);
    RUN(a_failure_to_grow_is_passed_on);
    RUN(a_host_cannot_answer_later);
    RUN(type_limits_and_limiter_come_before_the_hosts_maximum_before_its_grow_to);
    RUN(limits_and_limiter_refuse_before_the_host_is_asked_for_a_memory);
    RUN(what_is_asynchronous_is_made_and_grown_by_poll);
    RUN(bytes_are_the_hosts_while_it_grows_them);
    RUN(the_host_is_not_asked_to_grow_what_is_lent);
    RUN(the_host_may_make_another_memory_within_its_callbacks);
    RUN(handles_store_and_engine_may_be_deleted_within_the_hosts_callbacks);
    RUN(handles_store_and_engine_may_be_deleted_when_the_host_is_asked_where_and_how_large);
    RUN(an_allocator_lives_as_long_as_its_engine_is_used);
    RUN(a_table_that_makes_no_engine_is_finalized_when_that_is_certain);
    RUN(a_table_that_cannot_make_a_memory_makes_no_engine);
    RUN(only_the_members_that_fit_whole_are_read);
    RUN(a_memory_needs_no_more_than_size_growth_and_pointer);
    RUN(host_info_of_a_host_made_memory_goes_before_its_bytes);
    RUN(a_host_serves_several_threads);
    return check_finish();
}
