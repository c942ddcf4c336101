/* What an address belongs to: wasm_memory_classify_fault, for every kind of memory, in signal handlers, beside threads
 * that make and delete memories, and against a list of a hundred thousand memories that the test keeps itself. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: the kinds of memories here are those of Linux");
    return 0;
}

#else

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

#include "support/engines.h"

#define SECOND INT64_C(1000000000)

static uint64_t host_page;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* For how long what happens at random is kept up. */
static int64_t patience(void) { return is_watched() ? SECOND / 2 : SECOND; }

/* ---- one address ---- */

static wasm_memory_fault_t fault_at(const void *address) {
    wasm_memory_fault_t fault;
    memset(&fault, 0x5a, sizeof fault);
    fault.struct_size = sizeof fault;
    CHECK_STATUS(wasm_memory_classify_fault(address, &fault), WASM_MEMORY_OK);
    CHECK_EQ(fault.struct_size, sizeof fault);
    return fault;
}

static bool check_fault(const void *address, wasm_memory_fault_kind_t kind, const wasm_memory_t *memory, const char *file,
                        int line) {
    const wasm_memory_fault_t fault = fault_at(address);
    bool holds = check_equal((uint64_t)fault.kind, (uint64_t)kind, file, line, "kind");
    uint64_t offset;
    if (kind == WASM_MEMORY_FAULT_FOREIGN) {
        holds = check_equal(fault.offset, 0, file, line, "offset of what is foreign") && holds;
        holds = check_equal(fault.byte_length, 0, file, line, "length of what is foreign") && holds;
        return check_report(fault.view == NULL, file, line, "the view of what is foreign", ": there is one") && holds;
    }
    holds = check_report(fault.view == wasm_memory_view(memory), file, line, "the memory's view", ": it is another") &&
            holds;
    /* In 64 bits, on every host. */
    offset = (uint64_t)(uintptr_t)address - (uint64_t)(uintptr_t)wasm_memory_view(memory)->base;
    holds = check_equal(fault.offset, offset, file, line, "offset") && holds;
    return check_equal(fault.byte_length, wasm_memory_view(memory)->byte_length, file, line, "length") && holds;
}
/* What is at the address: of `memory`, or of none if it is foreign. */
#define CHECK_FAULT(address, kind, memory) check_fault(address, kind, memory, __FILE__, __LINE__)
#define CHECK_FOREIGN(address) check_fault(address, WASM_MEMORY_FAULT_FOREIGN, NULL, __FILE__, __LINE__)

static const uint8_t *at(uintptr_t address) { return (const uint8_t *)address; }

typedef struct {
    uintptr_t start, end;
} range_t;

static range_t range_of(const wasm_memory_t *memory) {
    uint8_t *start = NULL;
    size_t length = 0;
    range_t range;
    CHECK_STATUS(wasm_memory_accessible(memory, &start, &length), WASM_MEMORY_OK);
    range.start = (uintptr_t)start;
    range.end = range.start + length;
    return range;
}

static bool is_of(const void *address, const wasm_memory_t *memory) {
    return fault_at(address).view == wasm_memory_view(memory);
}

/* The answers around each place where they change, and in between, of a memory that has no protected range. */
static bool check_around(const wasm_memory_t *memory, const char *file, int line) {
    const uintptr_t base = (uintptr_t)wasm_memory_view(memory)->base;
    const uint64_t length = wasm_memory_view(memory)->byte_length;
    const range_t own = range_of(memory);
    const uintptr_t edges[] = {own.start, base, base + length / 2, base + length, base + length + (own.end - base - length) / 2,
                               own.end};
    const uintptr_t steps[] = {0, 1, 8, 4096, 65536};
    size_t i, j;
    int sign;
    bool holds = true;
    for (i = 0; i < sizeof edges / sizeof *edges; i++)
        for (j = 0; j < sizeof steps / sizeof *steps; j++)
            for (sign = 0; sign < 2; sign++) {
                const uintptr_t address = sign ? edges[i] + steps[j] : edges[i] - steps[j];
                if (address - base < length)
                    holds = check_fault(at(address), WASM_MEMORY_FAULT_ACCESSIBLE, memory, file, line) && holds;
                else if (address >= own.start && address < own.end)
                    holds = check_fault(at(address), WASM_MEMORY_FAULT_GUARD, memory, file, line) && holds;
                else
                    holds = check_report(!is_of(at(address), memory), file, line, "an address beyond the memory's",
                                         ": it counts as the memory's") &&
                            holds;
                if (!holds) {
                    printf("  at base %+" PRIdPTR " of %" PRIu64 " bytes\n", (intptr_t)(address - base), length);
                    return false;
                }
            }
    return true;
}
#define CHECK_AROUND(memory) check_around(memory, __FILE__, __LINE__)

/* Of the kind that was asked for. */
static bool check_around_kind(const wasm_memory_t *memory, const kind_t *kind, const char *what) {
    if (CHECK_AROUND(memory)) return true;
    printf("  of a memory that is %s, %s\n", kind->name, what);
    return false;
}

/* ---- every kind ---- */

static const shape_t shapes[] = {
    {0, 0, false, false, 16},  {0, 16, false, false, 16}, {1, 1, false, false, 16},        {1, 16, false, false, 16},
    {2, 8, true, false, 16},   {0, 100, false, false, 0}, {5, 70000, false, false, 0},     {4097, 65537, true, false, 0},
    {1, 16, false, true, 16},  {0, 4, true, true, 16},    {3, NO_MAXIMUM, false, false, 16}, {70001, 70001, false, true, 0},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

TEST(every_kind_of_memory_is_known_from_end_to_end) {
    size_t i, j;
    for (i = 0; i < KINDS; i++) {
        const host_t host = host_of(&kinds[i]);
        wasm_memory_t *memories[SHAPES] = {NULL};
        for (j = 0; j < SHAPES; j++)
            if (!kinds[i].host_made || !shapes[j].shared)
                CHECK_STATUS(try_memory(host, shapes[j], &memories[j]), WASM_MEMORY_OK);
        for (j = 0; j < SHAPES; j++)
            if (memories[j] != NULL) check_around_kind(memories[j], &kinds[i], "new");
        for (j = 0; j < SHAPES; j++) {
            if (memories[j] == NULL) continue;
            while (wasm_memory_data_size(memories[j]) < 4 * PAGE &&
                   wasm_memory_try_grow(memories[j], shapes[j].page_size_log2 == 0 ? 4093 : 1, NULL) == WASM_MEMORY_OK)
                check_around_kind(memories[j], &kinds[i], "grown");
        }
        for (j = 0; j < SHAPES; j++)
            if (memories[j] != NULL) check_around_kind(memories[j], &kinds[i], "beside others that grew");
        for (j = 0; j < SHAPES; j++) wasm_memory_delete(memories[j]);
        host_delete(host);
    }
}

TEST(what_is_of_no_memory_is_foreign) {
    static uint8_t in_data[16];
    uint8_t on_stack[16] = {0};
    uint8_t *const on_heap = (uint8_t *)malloc(16);
    uint8_t *const mapped = (uint8_t *)mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    int shift;
    CHECK_FOREIGN(in_data);
    CHECK_FOREIGN(on_stack);
    CHECK_FOREIGN(on_heap);
    CHECK_FOREIGN(mapped);
    CHECK_FOREIGN(mapped + 65535);
    CHECK_FOREIGN(host.engine);
    CHECK_FOREIGN(memory);
    CHECK_FOREIGN(wasm_memory_view(memory));
    CHECK_FOREIGN(NULL);
    CHECK_FOREIGN(at(1));
    CHECK_FOREIGN(at(UINTPTR_MAX));
    CHECK_FOREIGN(at((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1)));
    for (shift = 0; shift < (int)(sizeof(uintptr_t) * 8); shift++)
        if (!is_of(at((uintptr_t)1 << shift), memory)) CHECK_FOREIGN(at((uintptr_t)1 << shift));
    munmap(mapped, 65536);
    free(on_heap);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(the_guards_are_found_on_both_sides) {
    wasm_config_t *const config = wasm_config_new();
    host_t host;
    wasm_memory_t *memory;
    const uint8_t *base;
    range_t own;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_config_guard_before_memory_set(config, true);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 2));
    base = wasm_memory_view(memory)->base;
    own = range_of(memory);
    if (sizeof(void *) == 8 && stats_of(memory).bounds == WASM_MEMORY_BOUNDS_GUARDED) {
        CHECK(own.start < (uintptr_t)base);
        CHECK(own.end - (uintptr_t)base >= 4 * GIB);
        CHECK_FAULT(base - 1, WASM_MEMORY_FAULT_GUARD, memory);
        CHECK_EQ(fault_at(base - 1).offset, UINT64_MAX);
        CHECK_FAULT(base + PAGE, WASM_MEMORY_FAULT_GUARD, memory);
        CHECK_FAULT(base + 4 * GIB - 1, WASM_MEMORY_FAULT_GUARD, memory);
    }
    CHECK_FAULT(base + PAGE - 1, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_guard_becomes_accessible_by_growth) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 5));
    const uint8_t *const base = wasm_memory_view(memory)->base;
    uint64_t pages;
    for (pages = 1; pages < 5; pages++) {
        CHECK_FAULT(base + pages * PAGE, WASM_MEMORY_FAULT_GUARD, memory);
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_FAULT(base + pages * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_memory_that_moved_is_known_where_it_is_and_nowhere_else) {
    const host_t host = host_of(&kinds[9]);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, NO_MAXIMUM));
    int i, moves = 0;
    CHECK(kinds[9].may_move);
    for (i = 0; i < 64; i++) {
        const uint8_t *const before = wasm_memory_view(memory)->base;
        const uint64_t length = wasm_memory_view(memory)->byte_length;
        range_t own;
        CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_AROUND(memory);
        if (wasm_memory_view(memory)->base == before) continue;
        moves++;
        own = range_of(memory);
        if ((uintptr_t)before < own.start || (uintptr_t)before >= own.end) CHECK_FOREIGN(before);
        if ((uintptr_t)before + length - 1 < own.start || (uintptr_t)before + length - 1 >= own.end)
            CHECK_FOREIGN(before + length - 1);
    }
    CHECK(moves > 0);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(neighbours_in_a_slab_are_told_apart) {
    size_t i, j;
    for (i = 0; i < KINDS; i++) {
        const host_t host = host_of(&kinds[i]);
        wasm_memory_t *memories[40];
        for (j = 0; j < 40; j++) memories[j] = memory_of(host, pages_32(1, 2));
        for (j = 0; j < 40; j++) {
            const uint8_t *const base = wasm_memory_view(memories[j])->base;
            check_around_kind(memories[j], &kinds[i], "one of many");
            CHECK_FAULT(base, WASM_MEMORY_FAULT_ACCESSIBLE, memories[j]);
            CHECK_FAULT(base + PAGE - 1, WASM_MEMORY_FAULT_ACCESSIBLE, memories[j]);
        }
        for (j = 0; j < 40; j += 2) wasm_memory_delete(memories[j]);
        for (j = 1; j < 40; j += 2) check_around_kind(memories[j], &kinds[i], "between deleted ones");
        for (j = 1; j < 40; j += 2) wasm_memory_delete(memories[j]);
        host_delete(host);
    }
}

TEST(what_is_deleted_is_foreign_and_what_comes_after_it_is_its_own) {
    size_t i;
    int again;
    for (i = 0; i < KINDS; i++) {
        const host_t host = host_of(&kinds[i]);
        wasm_memory_t *const beside = memory_of(host, pages_32(1, 4));
        for (again = 0; again < 20; again++) {
            wasm_memory_t *const memory = memory_of(host, pages_32(1 + (uint64_t)again % 3, 4));
            const uint8_t *const base = wasm_memory_view(memory)->base;
            const range_t own = range_of(memory);
            check_around_kind(memory, &kinds[i], "in a place of others");
            wasm_memory_delete(memory);
            CHECK_FOREIGN(base);
            CHECK_FOREIGN(base + PAGE - 1);
            CHECK_FOREIGN(at(own.start));
            CHECK_FOREIGN(at(own.end - 1));
            check_around_kind(beside, &kinds[i], "beside a deleted one");
        }
        wasm_memory_delete(beside);
        host_delete(host);
    }
}

TEST(a_memory_that_was_reset_or_made_from_an_image_is_known) {
    static const uint8_t bytes[70000] = {1};
    wasm_memory_image_t *const image = image_of(3, bytes, sizeof bytes);
    size_t i;
    for (i = 0; i < KINDS; i++) {
        const host_t host = host_of(&kinds[i]);
        wasm_memory_t *const memory = memory_from(host, pages_32(2, 8), image);
        check_around_kind(memory, &kinds[i], "from an image");
        wasm_memory_try_grow(memory, 2, NULL); /* some have no room */
        check_around_kind(memory, &kinds[i], "from an image, and grown");
        CHECK_STATUS(wasm_memory_reset(memory, kinds[i].host_made ? NULL : image), WASM_MEMORY_OK);
        check_around_kind(memory, &kinds[i], "reset");
        CHECK_STATUS(wasm_memory_erase(memory), WASM_MEMORY_OK);
        check_around_kind(memory, &kinds[i], "erased");
        wasm_memory_delete(memory);
        host_delete(host);
    }
    wasm_memory_image_delete(image);
}

TEST(a_memory_outlives_its_engine_and_is_known) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    const uint8_t *const base = wasm_memory_view(memory)->base;
    wasm_memory_t *copy;
    host_delete(host);
    CHECK_AROUND(memory);
    copy = wasm_memory_copy(memory);
    CHECK(wasm_memory_view(copy) == wasm_memory_view(memory));
    wasm_memory_delete(memory);
    CHECK_AROUND(copy);
    wasm_memory_delete(copy);
    CHECK_FOREIGN(base);
}

/* ---- on the heap ---- */

static void use_a_heap_memory(void *unused) {
    size_t i;
    (void)unused;
    have_no_address_space();
    for (i = 0; i < KINDS_TO_RESTRICT; i++) {
        const host_t host = host_of(&kinds[kinds_to_restrict[i]]);
        wasm_memory_t *memory = NULL, *other = NULL;
        if (try_memory(host, pages_32(1, 8), &memory) == WASM_MEMORY_OK &&
            try_memory(host, bytes_32(77, 100000), &other) == WASM_MEMORY_OK) {
            const uint8_t *const base = wasm_memory_view(other)->base;
            check_around_kind(memory, &kinds[kinds_to_restrict[i]], "without address space");
            check_around_kind(other, &kinds[kinds_to_restrict[i]], "of few bytes, without address space");
            if (wasm_memory_try_grow(memory, 1, NULL) == WASM_MEMORY_OK)
                check_around_kind(memory, &kinds[kinds_to_restrict[i]], "grown without address space");
            wasm_memory_delete(other);
            CHECK_FOREIGN(base);
        }
        wasm_memory_delete(memory);
        host_delete(host);
    }
}

TEST(memories_without_address_space_are_known) { CHECK_EQ(in_child(use_a_heap_memory, NULL), 0); }

/* ---- made by the host ---- */

/* Memories of one block, with addresses that the test says. */
typedef struct {
    uint8_t *base, *start;
    size_t size, length;
} part_t;

static part_t parts[8];
static size_t parts_made;
static size_t part_moves; /* by so many bytes with each growth */

static size_t part_size(void *env) { return ((part_t *)env)->size; }
static uint8_t *part_base(void *env) { return ((part_t *)env)->base; }
static wasm_memory_status_t part_grow(void *env, size_t new_size) {
    part_t *const part = (part_t *)env;
    part->size = new_size;
    part->base += part_moves;
    part->start += part_moves;
    return WASM_MEMORY_OK;
}
static void part_accessible(void *env, uint8_t **out_start, size_t *out_length) {
    *out_start = ((part_t *)env)->start;
    *out_length = ((part_t *)env)->length;
}

static wasm_memory_status_t part_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                     size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    part_t *const part = &parts[parts_made++];
    (void)env, (void)type, (void)maximum, (void)reserved, (void)guard;
    part->size = minimum;
    out->struct_size = sizeof *out;
    out->env = part;
    out->byte_size = part_size;
    out->grow_to = part_grow;
    out->as_ptr = part_base;
    out->wasm_accessible = part_accessible;
    return WASM_MEMORY_OK;
}

static host_t host_of_parts(void) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.new_memory = part_new;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_config_memory_allocator_set(config, &allocator);
    parts_made = 0;
    return host_with(config);
}

TEST(memories_of_the_host_have_the_addresses_it_says) {
    uint8_t *const block =
        (uint8_t *)mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const host_t host = host_of_parts();
    wasm_memory_t *memories[3];
    size_t i;
    /* The bytes alone; addresses before and behind; only behind. Their addresses touch. */
    parts[0].base = parts[0].start = block;
    parts[0].length = PAGE;
    parts[1].base = block + 4 * PAGE;
    parts[1].start = block + PAGE;
    parts[1].length = 12 * PAGE;
    parts[2].base = parts[2].start = block + 13 * PAGE;
    parts[2].length = 40 * PAGE + 123;
    for (i = 0; i < 3; i++) memories[i] = memory_of(host, pages_32(1, 4));
    CHECK_FOREIGN(block - 1);
    CHECK_FAULT(block, WASM_MEMORY_FAULT_ACCESSIBLE, memories[0]);
    CHECK_FAULT(block + PAGE - 1, WASM_MEMORY_FAULT_ACCESSIBLE, memories[0]);
    CHECK_FAULT(block + PAGE, WASM_MEMORY_FAULT_GUARD, memories[1]);
    CHECK_EQ(fault_at(block + PAGE).offset, (uint64_t)0 - 3 * PAGE);
    CHECK_FAULT(block + 4 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memories[1]);
    CHECK_FAULT(block + 5 * PAGE, WASM_MEMORY_FAULT_GUARD, memories[1]);
    CHECK_FAULT(block + 13 * PAGE - 1, WASM_MEMORY_FAULT_GUARD, memories[1]);
    CHECK_FAULT(block + 13 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memories[2]);
    CHECK_FAULT(block + 53 * PAGE + 122, WASM_MEMORY_FAULT_GUARD, memories[2]);
    CHECK_FOREIGN(block + 53 * PAGE + 123);
    CHECK_STATUS(wasm_memory_try_grow(memories[1], 1, NULL), WASM_MEMORY_OK);
    CHECK_FAULT(block + 5 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memories[1]);
    for (i = 0; i < 3; i++) CHECK_AROUND(memories[i]);
    wasm_memory_delete(memories[1]);
    CHECK_FOREIGN(block + PAGE);
    CHECK_FOREIGN(block + 4 * PAGE);
    CHECK_AROUND(memories[0]);
    CHECK_AROUND(memories[2]);
    wasm_memory_delete(memories[0]);
    wasm_memory_delete(memories[2]);
    CHECK_FOREIGN(block);
    host_delete(host);
    munmap(block, 64 * PAGE);
}

TEST(a_memory_that_its_host_moved_against_the_contract_is_known_where_it_is) {
    uint8_t *const block =
        (uint8_t *)mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const host_t host = host_of_parts();
    wasm_memory_t *memory;
    parts[0].base = parts[0].start = block;
    parts[0].length = 4 * PAGE;
    memory = memory_of(host, pages_32(1, 4));
    part_moves = 32 * PAGE;
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_HOST_CONTRACT);
    part_moves = 0;
    CHECK(wasm_memory_view(memory)->base == block + 32 * PAGE);
    CHECK_FOREIGN(block);
    CHECK_FAULT(block + 32 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    CHECK_FAULT(block + 33 * PAGE, WASM_MEMORY_FAULT_GUARD, memory);
    wasm_memory_delete(memory);
    CHECK_FOREIGN(block + 32 * PAGE);
    host_delete(host);
    munmap(block, 64 * PAGE);
}

/* A host that says other addresses than the bytes', or more than there can be: its memory is known by its bytes at
   least, other memories are not disturbed, and nothing is left of it. */
TEST(nonsense_of_the_host_disturbs_nobody_else) {
    uint8_t *const block =
        (uint8_t *)mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const host_t honest = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const other = memory_of(honest, pages_32(1, 2));
    uint8_t *const base = wasm_memory_view(other)->base;
    const part_t lies[] = {
        {block, NULL, 0, 0},
        {block, block + 8 * PAGE, 0, PAGE},
        {block, block, 0, 0},
        {block, block + 10, 0, 10},
        {block, block - PAGE, 0, SIZE_MAX},
        {block, NULL, 0, SIZE_MAX},
    };
    size_t i;
    for (i = 0; i < sizeof lies / sizeof *lies; i++) {
        const host_t host = host_of_parts();
        wasm_memory_t *memory = NULL;
        parts[0] = lies[i];
        if (try_memory(host, pages_32(1, 4), &memory) == WASM_MEMORY_OK) {
            CHECK(memory != NULL);
        }
        wasm_memory_delete(memory);
        host_delete(host);
        CHECK_FOREIGN(block);
        CHECK_AROUND(other);
        CHECK_FAULT(base, WASM_MEMORY_FAULT_ACCESSIBLE, other);
    }
    wasm_memory_delete(other);
    host_delete(honest);
    munmap(block, 64 * PAGE);
}

/* ---- shared, exported, imported ---- */

TEST(a_shared_memory_is_one_through_all_its_handles) {
    const host_t host = host_default(), second = host_with(NULL);
    wasm_memory_t *const memory = memory_of(host, shape(1, 8, false, true, 16));
    wasm_shared_memory_t *const token = wasm_memory_share(memory);
    wasm_memory_t *const obtained = wasm_memory_obtain(host.store, token);
    const uint8_t *const base = wasm_memory_view(memory)->base;
    (void)second;
    if (!CHECK(token != NULL && obtained != NULL)) return;
    CHECK(wasm_memory_view(obtained) == wasm_memory_view(memory));
    CHECK_AROUND(memory);
    CHECK_AROUND(obtained);
    CHECK_STATUS(wasm_memory_try_grow(obtained, 3, NULL), WASM_MEMORY_OK);
    CHECK_FAULT(base + 3 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    wasm_memory_delete(memory);
    CHECK_AROUND(obtained);
    wasm_memory_delete(obtained);
    CHECK_EQ(fault_at(base).kind, WASM_MEMORY_FAULT_ACCESSIBLE); /* the token keeps it */
    CHECK_EQ(fault_at(base).byte_length, 4 * PAGE);
    wasm_shared_memory_delete(token);
    CHECK_FOREIGN(base);
    host_delete(second);
    host_delete(host);
}

TEST(an_exported_memory_is_known_at_each_place_where_it_is_imported) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memorytype_t *const type = type_of(shape(1, 8, false, true, 16));
    wasm_shared_memory_t *token = NULL, *imported_token = NULL;
    wasm_memory_t *memory, *imported;
    intptr_t descriptor = -1;
    host_t host, other;
    const uint8_t *base;
    wasm_config_memory_exportable_set(config, true);
    host = host_with(config);
    other = host_default();
    CHECK_STATUS(wasm_shared_memory_new(host.engine, type, &token), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_shared_memory_export(token, &descriptor), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_shared_memory_import(other.engine, type, descriptor, &imported_token), WASM_MEMORY_OK);
    memory = wasm_memory_obtain(host.store, token);
    imported = wasm_memory_obtain(other.store, imported_token);
    if (!CHECK(memory != NULL && imported != NULL)) return;
    CHECK(wasm_memory_view(memory)->base != wasm_memory_view(imported)->base);
    CHECK_AROUND(memory);
    CHECK_AROUND(imported);
    CHECK_STATUS(wasm_memory_try_grow(imported, 2, NULL), WASM_MEMORY_OK);
    /* The other view follows when its own handle is asked. */
    CHECK_EQ(wasm_memory_pages(memory), 3);
    CHECK_AROUND(imported);
    CHECK_AROUND(memory);
    base = wasm_memory_view(imported)->base;
    wasm_memory_delete(imported);
    wasm_shared_memory_delete(imported_token);
    CHECK_FOREIGN(base);
    CHECK_AROUND(memory);
    close((int)descriptor);
    wasm_memory_delete(memory);
    wasm_shared_memory_delete(token);
    wasm_memorytype_delete(type);
    host_delete(other);
    host_delete(host);
}

/* ---- protected ranges and files ---- */

static int file_of(uint64_t length) {
    const int file = memfd_create("fault", MFD_CLOEXEC);
    CHECK(file >= 0);
    CHECK_EQ(ftruncate(file, (off_t)length), 0);
    return file;
}

TEST(protected_ranges_are_told_page_by_page) {
    const wasm_memory_bounds_t bounds[] = {WASM_MEMORY_BOUNDS_GUARDED, WASM_MEMORY_BOUNDS_CHECKED};
    const uint64_t page = host_page;
    size_t i;
    for (i = 0; i < 2; i++) {
        const host_t host = host_with_bounds(bounds[i]);
        wasm_memory_t *const memory = memory_of(host, pages_32(16, 32));
        wasm_memory_t *const other = memory_of(host, pages_32(16, 32));
        const uint8_t *const base = wasm_memory_view(memory)->base;
        const int file = file_of(4 * page);
        CHECK_STATUS(wasm_memory_protect(memory, 0, page, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_protect(memory, 2 * page, page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_FAULT(base, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + page - 1, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_FAULT(base + 2 * page - 1, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_FAULT(base + 2 * page, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 3 * page - 1, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 3 * page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_AROUND(other);
        CHECK_STATUS(wasm_memory_protect(memory, 0, 3 * page, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_AROUND(memory);

        CHECK_STATUS(wasm_memory_map_file(memory, 4 * page, file, 0, 4 * page, WASM_MEMORY_MAP_READ_ONLY),
                     WASM_MEMORY_OK);
        CHECK_FAULT(base + 4 * page - 1, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_FAULT(base + 4 * page, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 8 * page - 1, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 8 * page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_STATUS(wasm_memory_map_file(memory, 5 * page, file, 0, page, WASM_MEMORY_MAP_COPY_ON_WRITE),
                     WASM_MEMORY_OK);
        CHECK_FAULT(base + 5 * page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_STATUS(wasm_memory_map_file(memory, 6 * page, file, 0, page, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
        CHECK_FAULT(base + 6 * page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_STATUS(wasm_memory_protect(memory, 6 * page, page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_FAULT(base + 6 * page, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 7 * page, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_STATUS(wasm_memory_unmap(memory, 4 * page, 4 * page), WASM_MEMORY_OK);
        CHECK_AROUND(memory);
        CHECK_FAULT(base + 4 * page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);

        /* Growth leaves them, a reset does not. */
        CHECK_STATUS(wasm_memory_protect(memory, page, page, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 4, NULL), WASM_MEMORY_OK);
        CHECK_FAULT(base + page, WASM_MEMORY_FAULT_PROTECTED, memory);
        CHECK_FAULT(base + 19 * PAGE, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
        CHECK_FAULT(base + page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
        CHECK_AROUND(memory);

        /* Nor does what comes after it in its place. */
        CHECK_STATUS(wasm_memory_protect(memory, 0, 16 * PAGE, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_FAULT(base + 15 * PAGE, WASM_MEMORY_FAULT_PROTECTED, memory);
        wasm_memory_delete(memory);
        CHECK_FOREIGN(base);
        {
            wasm_memory_t *const next = memory_of(host, pages_32(16, 32));
            CHECK_AROUND(next);
            wasm_memory_delete(next);
        }
        close(file);
        wasm_memory_delete(other);
        host_delete(host);
    }
}

TEST(many_protected_ranges_are_told_apart) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    const uint64_t count = 512;
    wasm_memory_t *const memory = memory_of(host, pages_32(count * host_page / PAGE + 1, 4096));
    const uint8_t *const base = wasm_memory_view(memory)->base;
    uint64_t state = random_of(1), i, step;
    uint8_t expected[513] = {0};
    for (step = 0; step < 300; step++) {
        const uint64_t first = random_below(&state, count), pages = 1 + random_below(&state, least(9, count - first));
        const uint64_t what = random_below(&state, 4);
        if (what == 3)
            CHECK_STATUS(wasm_memory_unmap(memory, first * host_page, pages * host_page), WASM_MEMORY_OK);
        else
            CHECK_STATUS(wasm_memory_protect(memory, first * host_page, pages * host_page,
                                             (wasm_memory_protection_t)what),
                         WASM_MEMORY_OK);
        memset(expected + first, what < 2, (size_t)pages);
        for (i = 0; i < count; i++)
            if (!CHECK_FAULT(base + i * host_page + random_below(&state, host_page),
                             expected[i] ? WASM_MEMORY_FAULT_PROTECTED : WASM_MEMORY_FAULT_ACCESSIBLE, memory))
                break;
        if (i != count) break;
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_file_that_was_cut_short_leaves_its_range_accessible) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(4, 8));
    uint8_t *const base = wasm_memory_view(memory)->base;
    const int file = file_of(4 * host_page);
    CHECK_STATUS(wasm_memory_map_file(memory, 0, file, 0, 4 * host_page, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
    CHECK_EQ(ftruncate(file, 0), 0);
    CHECK(faults(base + host_page, true));
    CHECK_FAULT(base + host_page, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    CHECK_AROUND(memory);
    wasm_memory_delete(memory);
    host_delete(host);
    close(file);
}

/* ---- arguments ---- */

TEST(null_is_answered) {
    wasm_memory_fault_t fault;
    memset(&fault, 0x5a, sizeof fault);
    fault.struct_size = sizeof fault;
    CHECK_STATUS(wasm_memory_classify_fault(&fault, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_classify_fault(NULL, NULL), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_classify_fault(NULL, &fault), WASM_MEMORY_OK);
    CHECK_EQ(fault.kind, WASM_MEMORY_FAULT_FOREIGN);
}

TEST(the_fields_that_fit_are_written_whole) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    const uint8_t *const address = wasm_memory_view(memory)->base + 77;
    wasm_memory_fault_t whole = fault_at(address);
    size_t size;
    for (size = 0; size <= sizeof whole + 64; size++) {
        union {
            wasm_memory_fault_t fault;
            uint8_t bytes[sizeof(wasm_memory_fault_t) + 128];
        } room;
        size_t end = 0, i;
        memset(room.bytes, 0x5a, sizeof room.bytes);
        room.fault.struct_size = size;
        if (size < sizeof(size_t)) {
            CHECK_STATUS(wasm_memory_classify_fault(address, &room.fault), WASM_MEMORY_INVALID_ARGUMENT);
        } else {
            const size_t ends[] = {offsetof(wasm_memory_fault_t, kind) + sizeof whole.kind,
                                   offsetof(wasm_memory_fault_t, offset) + sizeof whole.offset,
                                   offsetof(wasm_memory_fault_t, byte_length) + sizeof whole.byte_length,
                                   offsetof(wasm_memory_fault_t, view) + sizeof whole.view};
            CHECK_STATUS(wasm_memory_classify_fault(address, &room.fault), WASM_MEMORY_OK);
            for (i = 0; i < 4; i++)
                if (ends[i] <= size) end = ends[i];
            if (end >= ends[0]) CHECK_EQ(room.fault.kind, whole.kind);
            if (end >= ends[1]) CHECK_EQ(room.fault.offset, 77);
            if (end >= ends[2]) CHECK_EQ(room.fault.byte_length, PAGE);
            if (end >= ends[3]) CHECK(room.fault.view == wasm_memory_view(memory));
        }
        CHECK_EQ(room.fault.struct_size, size);
        /* Padding within what fits may be anything. */
        for (i = most(most(end, size), sizeof(size_t)); i < sizeof room.bytes; i++)
            if (room.bytes[i] != 0x5a) break;
        CHECK_EQ(i, sizeof room.bytes);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(the_last_error_and_errno_are_left_alone) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_try_grow(memory, 98765, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    errno = 4321;
    CHECK_FAULT(wasm_memory_view(memory)->base, WASM_MEMORY_FAULT_ACCESSIBLE, memory);
    CHECK_FOREIGN(NULL);
    CHECK_EQ(errno, 4321);
    CHECK_LAST_ERROR("98765");
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- in signal handlers ---- */

static sigjmp_buf after_fault;
static wasm_memory_fault_t seen_fault;
static wasm_memory_status_t seen_status;
static const void *seen_address;

static void classify_and_leave(int signal, siginfo_t *info, void *context) {
    (void)context;
    seen_address = info->si_addr;
    memset(&seen_fault, 0x5a, sizeof seen_fault);
    seen_fault.struct_size = sizeof seen_fault;
    seen_status = wasm_memory_classify_fault(info->si_addr, &seen_fault);
    siglongjmp(after_fault, signal);
}

/* The signal that touching the byte raises, after the handler has asked; 0: none. */
static int signal_of(volatile uint8_t *address) {
    const int signal = sigsetjmp(after_fault, 1);
    if (signal == 0) *address = 1;
    return signal;
}

static void fault_and_classify(void *unused) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_32(16, 32));
    uint8_t *const base = wasm_memory_view(memory)->base;
    const int file = file_of(host_page);
    struct sigaction action;
    (void)unused;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = classify_and_leave;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    CHECK_EQ(signal_of(base + 16 * PAGE + 5), SIGSEGV);
    CHECK_EQ(seen_status, WASM_MEMORY_OK);
    CHECK(seen_address == base + 16 * PAGE + 5);
    CHECK_EQ(seen_fault.kind, WASM_MEMORY_FAULT_GUARD);
    CHECK_EQ(seen_fault.offset, 16 * PAGE + 5);
    CHECK_EQ(seen_fault.byte_length, 16 * PAGE);
    CHECK(seen_fault.view == wasm_memory_view(memory));
    CHECK_EQ(signal_of(base - 1), SIGSEGV);
    CHECK_EQ(seen_fault.kind, WASM_MEMORY_FAULT_GUARD);
    CHECK_STATUS(wasm_memory_protect(memory, 0, host_page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_EQ(signal_of(base + 3), SIGSEGV);
    CHECK_EQ(seen_fault.kind, WASM_MEMORY_FAULT_PROTECTED);
    CHECK_STATUS(wasm_memory_map_file(memory, host_page, file, 0, host_page, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
    CHECK_EQ(ftruncate(file, 0), 0);
    CHECK_EQ(signal_of(base + host_page + 7), SIGBUS);
    CHECK_EQ(seen_fault.kind, WASM_MEMORY_FAULT_ACCESSIBLE);
    CHECK_EQ(seen_fault.offset, host_page + 7);
    CHECK_EQ(signal_of((uint8_t *)(uintptr_t)16), SIGSEGV);
    CHECK_EQ(seen_fault.kind, WASM_MEMORY_FAULT_FOREIGN);
    CHECK(seen_fault.view == NULL);
    wasm_memory_delete(memory);
    host_delete(host);
    close(file);
}

TEST(a_handler_learns_what_was_touched) { CHECK_EQ(in_child(fault_and_classify, NULL), 0); }

/* Memories that stay, of all kinds, and what a handler or another thread checks about them. No CHECK in there: it
   prints. */
#define STABLE (2 * KINDS)

typedef struct {
    host_t hosts[KINDS];
    wasm_memory_t *memories[STABLE];
    struct {
        uintptr_t start, base, end;
        uint64_t length;
        const wasm_memory_view_t *view;
    } known[STABLE];
} stable_t;

static stable_t stable;

static void stable_set(void) {
    size_t i;
    for (i = 0; i < KINDS; i++) stable.hosts[i] = host_of(&kinds[i]);
    for (i = 0; i < STABLE; i++) {
        wasm_memory_t *const memory = memory_of(stable.hosts[i % KINDS], pages_32(1 + i / KINDS, 4));
        const range_t own = range_of(memory);
        stable.memories[i] = memory;
        stable.known[i].start = own.start;
        stable.known[i].end = own.end;
        stable.known[i].view = wasm_memory_view(memory);
        stable.known[i].base = (uintptr_t)stable.known[i].view->base;
        stable.known[i].length = stable.known[i].view->byte_length;
    }
}

static void stable_clear(void) {
    size_t i;
    for (i = 0; i < STABLE; i++) wasm_memory_delete(stable.memories[i]);
    for (i = 0; i < KINDS; i++) host_delete(stable.hosts[i]);
}

/* Whether one address of one of them, at random, is answered exactly. */
static bool stable_is_known(uint64_t *state) {
    const size_t i = (size_t)random_below(state, STABLE);
    const uintptr_t start = stable.known[i].start, end = stable.known[i].end, base = stable.known[i].base;
    uintptr_t address;
    wasm_memory_fault_t fault;
    switch (random_below(state, 4)) {
        case 0: address = start + (uintptr_t)random_below(state, end - start); break;
        case 1: address = base + (uintptr_t)random_below(state, stable.known[i].length); break;
        case 2: address = random_below(state, 2) ? start : end - 1; break;
        default: address = base + (uintptr_t)stable.known[i].length - (uintptr_t)random_below(state, 2); break;
    }
    if (address < start || address >= end) address = base;
    fault.struct_size = sizeof fault;
    return wasm_memory_classify_fault(at(address), &fault) == WASM_MEMORY_OK && fault.view == stable.known[i].view &&
           fault.byte_length == stable.known[i].length && fault.offset == (uint64_t)address - base &&
           fault.kind == (address - base < stable.known[i].length ? WASM_MEMORY_FAULT_ACCESSIBLE
                                                                  : WASM_MEMORY_FAULT_GUARD);
}

/* Where memories come and go: any answer that some memory of the kind made there could have given. */
#define CHURNED 64
#define CHURN_PAGES 8
static uintptr_t churned[CHURNED];

static bool churned_makes_sense(uintptr_t address) {
    wasm_memory_fault_t fault;
    fault.struct_size = sizeof fault;
    if (wasm_memory_classify_fault(at(address), &fault) != WASM_MEMORY_OK) return false;
    if (fault.kind == WASM_MEMORY_FAULT_FOREIGN)
        return fault.view == NULL && fault.offset == 0 && fault.byte_length == 0;
    if (fault.view == NULL || fault.byte_length % PAGE != 0 || fault.byte_length > CHURN_PAGES * PAGE) return false;
#ifndef HOST_IS_THE_HEAP /* whose blocks begin within pages */
    if ((address - fault.offset) % host_page != 0) return false;
#endif
    if (fault.kind == WASM_MEMORY_FAULT_ACCESSIBLE) return fault.offset < fault.byte_length;
    return fault.kind == WASM_MEMORY_FAULT_GUARD && fault.offset >= fault.byte_length;
}

static bool churned_is_known(uint64_t *state) {
    const uintptr_t base = __atomic_load_n(&churned[random_below(state, CHURNED)], __ATOMIC_RELAXED);
    return base == 0 || (churned_makes_sense(base + random_below(state, CHURN_PAGES * PAGE)) &&
                         churned_makes_sense(base - 1 - random_below(state, PAGE)));
}

/* Makes, grows and deletes some memories. */
static void churn_some(host_t host, uint64_t *state) {
    wasm_memory_t *memories[4] = {NULL, NULL, NULL, NULL};
    size_t i;
    for (i = 0; i < 4; i++) {
        const shape_t of = pages_32(random_below(state, CHURN_PAGES), CHURN_PAGES);
        if (try_memory(host, of, &memories[i]) != WASM_MEMORY_OK) continue;
        __atomic_store_n(&churned[random_below(state, CHURNED)], (uintptr_t)wasm_memory_view(memories[i])->base,
                         __ATOMIC_RELAXED);
        if (random_below(state, 2)) wasm_memory_try_grow(memories[i], 1, NULL);
    }
    for (i = 0; i < 4; i++) wasm_memory_delete(memories[i]);
}

static volatile sig_atomic_t timer_hits, timer_wrong, timer_left;
static uint64_t timer_state = 88172645463325252u;

static void classify_at_random(int signal) {
    int i;
    (void)signal;
    timer_hits++;
    for (i = 0; i < 16; i++)
        if (!stable_is_known(&timer_state) || !churned_is_known(&timer_state)) timer_wrong++;
}

/* The same, but the handler never returns into the call that it interrupted. */
static sigjmp_buf out_of_classify;
static void leave_classify(int signal) {
    (void)signal;
    timer_left++;
    siglongjmp(out_of_classify, 1);
}

static void set_timer(void (*handler)(int), long microseconds) {
    struct sigaction action;
    struct itimerval timer;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    timer.it_interval.tv_sec = timer.it_value.tv_sec = 0;
    timer.it_interval.tv_usec = timer.it_value.tv_usec = microseconds;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* It hits this thread wherever it is: in the middle of making a memory, of deleting one, of classifying. */
static void interrupt_at_random(void *unused) {
    const int64_t end = now() + 2 * patience();
    uint64_t state = random_of(2), rounds = 0;
    size_t i;
    (void)unused;
    stable_set();
    set_timer(classify_at_random, 150);
    while (now() < end) {
        const host_t host = host_of(&kinds[rounds++ % KINDS]);
        for (i = 0; i < 10; i++) churn_some(host, &state);
        CHECK(stable_is_known(&state));
        host_delete(host);
    }
    set_timer(SIG_IGN, 0);
    CHECK_EQ(timer_wrong, 0);
    CHECK(timer_hits > 100);
    stable_clear();
}

TEST(a_signal_may_interrupt_anything_and_ask) { CHECK_EQ(in_child(interrupt_at_random, NULL), 0); }

/* A question that is never finished keeps nobody from making and deleting memories. */
static void abandon_questions(void *unused) {
    const int64_t end = now() + patience();
    uint64_t state = random_of(3);
    const host_t host = host_of(&kinds[1]);
    (void)unused;
    stable_set();
    while (now() < end) {
        if (sigsetjmp(out_of_classify, 1) == 0) {
            set_timer(leave_classify, 120);
            for (;;)
                if (!stable_is_known(&state)) timer_wrong++;
        }
        set_timer(SIG_IGN, 0);
        churn_some(host, &state);
    }
    CHECK(timer_left > 10);
    CHECK_EQ(timer_wrong, 0);
    host_delete(host);
    stable_clear();
}

TEST(a_question_that_is_never_finished_stops_nobody) { CHECK_EQ(in_child(abandon_questions, NULL), 0); }

/* ---- beside other threads ---- */

static bool churn_ends;

static void *churn(void *kind) {
    uint64_t state = random_of(100 + (uint64_t)((const kind_t *)kind - kinds));
    while (!__atomic_load_n(&churn_ends, __ATOMIC_RELAXED)) {
        const host_t host = host_of((const kind_t *)kind);
        int i;
        for (i = 0; i < 50 && !__atomic_load_n(&churn_ends, __ATOMIC_RELAXED); i++) churn_some(host, &state);
        host_delete(host);
    }
    return NULL;
}

static uint64_t asked;

static void *ask(void *number) {
    uint64_t state = random_of(200 + (uintptr_t)number), wrong = 0, times = 0;
    while (!__atomic_load_n(&churn_ends, __ATOMIC_RELAXED)) {
        wrong += !stable_is_known(&state);
        wrong += !churned_is_known(&state);
        times++;
    }
    __atomic_add_fetch(&asked, times, __ATOMIC_RELAXED);
    return (void *)(uintptr_t)wrong;
}

static const size_t churn_kinds[] = {1, 2, 4, 7, 9};
#define CHURNERS (sizeof churn_kinds / sizeof *churn_kinds)

TEST(answers_are_right_while_others_make_and_delete_memories) {
    pthread_t churners[CHURNERS], askers[2];
    uintptr_t i;
    const struct timespec while_it_goes_on = {is_watched() ? 1 : 3, 0};
    stable_set();
    churn_ends = false;
    for (i = 0; i < CHURNERS; i++) {
        union {
            const kind_t *kind;
            void *env;
        } of;
        of.kind = &kinds[churn_kinds[i]];
        CHECK_EQ(pthread_create(&churners[i], NULL, churn, of.env), 0);
    }
    for (i = 0; i < 2; i++) CHECK_EQ(pthread_create(&askers[i], NULL, ask, (void *)i), 0);
    nanosleep(&while_it_goes_on, NULL);
    __atomic_store_n(&churn_ends, true, __ATOMIC_RELAXED);
    for (i = 0; i < CHURNERS; i++) pthread_join(churners[i], NULL);
    for (i = 0; i < 2; i++) {
        void *wrong = NULL;
        pthread_join(askers[i], &wrong);
        CHECK_EQ((uintptr_t)wrong, 0);
    }
    CHECK(asked > 1000);
    stable_clear();
}

/* One memory that is made and deleted all the time at the same place: it is all there or not at all. */
static uintptr_t blinking_base;
static const wasm_memory_view_t *blinking_view;

static void *blink(void *unused) {
    const host_t host = host_of(&kinds[6]);
    (void)unused;
    while (!__atomic_load_n(&churn_ends, __ATOMIC_RELAXED)) {
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
        __atomic_store_n(&blinking_view, wasm_memory_view(memory), __ATOMIC_RELAXED);
        __atomic_store_n(&blinking_base, (uintptr_t)wasm_memory_view(memory)->base, __ATOMIC_RELAXED);
        wasm_memory_delete(memory);
    }
    host_delete(host);
    return NULL;
}

TEST(a_memory_is_there_whole_or_not_at_all) {
    pthread_t blinker;
    const int64_t end = now() + patience();
    uint64_t state = random_of(4), found = 0, foreign = 0, wrong = 0;
    churn_ends = false;
    blinking_base = 0;
    CHECK_EQ(pthread_create(&blinker, NULL, blink, NULL), 0);
    while (now() < end) {
        const uintptr_t base = __atomic_load_n(&blinking_base, __ATOMIC_RELAXED);
        const uint64_t offset = random_below(&state, PAGE);
        wasm_memory_fault_t fault;
        if (base == 0) continue;
        fault.struct_size = sizeof fault;
        wrong += wasm_memory_classify_fault(at(base + offset), &fault) != WASM_MEMORY_OK;
        if (fault.kind == WASM_MEMORY_FAULT_FOREIGN) {
            foreign++;
            wrong += fault.view != NULL || fault.offset != 0 || fault.byte_length != 0;
        } else {
            found++;
            wrong += fault.kind != WASM_MEMORY_FAULT_ACCESSIBLE || fault.view == NULL || fault.offset != offset ||
                     fault.byte_length != PAGE;
        }
    }
    __atomic_store_n(&churn_ends, true, __ATOMIC_RELAXED);
    pthread_join(blinker, NULL);
    CHECK_EQ(wrong, 0);
    CHECK(found > 0);
    CHECK(foreign > 0);
}

/* ---- after fork ---- */

static void ask_in_the_child(void *unused) {
    uint64_t state = random_of(5);
    int i;
    (void)unused;
    for (i = 0; i < 10000; i++)
        if (!CHECK(stable_is_known(&state))) return;
}

static void use_in_the_child(void *unused) {
    ask_in_the_child(unused);
    {
        const host_t host = host_default();
        wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
        CHECK_AROUND(memory);
        wasm_memory_delete(memory);
        host_delete(host);
    }
    stable_clear();
    CHECK_FOREIGN(at(stable.known[0].base));
}

TEST(a_child_knows_the_memories_of_its_parent) {
    uint64_t state = random_of(6);
    stable_set();
    CHECK_EQ(in_child(use_in_the_child, NULL), 0);
    CHECK(stable_is_known(&state));
    stable_clear();
}

/* Whatever the other threads hold at that moment, the child can ask. */
TEST(a_child_of_a_process_with_threads_can_ask) {
    pthread_t churners[2];
    int i;
    union {
        const kind_t *kind;
        void *env;
    } of;
    stable_set();
    churn_ends = false;
    for (i = 0; i < 2; i++) {
        of.kind = &kinds[churn_kinds[i]];
        CHECK_EQ(pthread_create(&churners[i], NULL, churn, of.env), 0);
    }
    for (i = 0; i < (is_watched() ? 5 : 40); i++) {
        fflush(stdout);
        alarm(60);
        if (!CHECK_EQ(in_child(ask_in_the_child, NULL), 0)) break;
        alarm(0);
    }
    __atomic_store_n(&churn_ends, true, __ATOMIC_RELAXED);
    for (i = 0; i < 2; i++) pthread_join(churners[i], NULL);
    stable_clear();
}

/* ---- against a list ---- */

typedef struct {
    uintptr_t start, end, base;
    uint64_t length;
    wasm_memory_t *memory;
} entry_t;

typedef struct {
    entry_t *entries;
    size_t count;
    host_t hosts[KINDS];
} list_t;

static int by_address(const void *left, const void *right) {
    const uintptr_t a = ((const entry_t *)left)->start, b = ((const entry_t *)right)->start;
    return a < b ? -1 : a > b;
}

static void entry_set(entry_t *entry) {
    const range_t own = range_of(entry->memory);
    entry->start = own.start;
    entry->end = own.end;
    entry->base = (uintptr_t)wasm_memory_view(entry->memory)->base;
    entry->length = wasm_memory_view(entry->memory)->byte_length;
}

/* NULL: of nobody. */
static const entry_t *entry_at(const list_t *list, uintptr_t address) {
    size_t low = 0, high = list->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (list->entries[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address >= list->entries[low - 1].end) return NULL;
    return &list->entries[low - 1];
}

static bool agrees(const list_t *list, uintptr_t address) {
    const entry_t *const entry = entry_at(list, address);
    wasm_memory_fault_t fault;
    fault.struct_size = sizeof fault;
    if (wasm_memory_classify_fault(at(address), &fault) != WASM_MEMORY_OK) return false;
    if (entry == NULL) return fault.kind == WASM_MEMORY_FAULT_FOREIGN && fault.view == NULL;
    return fault.view == wasm_memory_view(entry->memory) && fault.offset == (uint64_t)(address - entry->base) &&
           fault.byte_length == entry->length &&
           fault.kind ==
               (address - entry->base < entry->length ? WASM_MEMORY_FAULT_ACCESSIBLE : WASM_MEMORY_FAULT_GUARD);
}

static wasm_memory_t *memory_for_list(const list_t *list, uint64_t *state) {
    /* Most are checked ones, many of which lie in one mapping: of the others there cannot be so many. */
    const bool rare = random_below(state, 100) == 0;
    const size_t kind = rare ? (size_t)random_below(state, KINDS) : 2;
    shape_t of = pages_32(random_below(state, 3), 4);
    if (random_below(state, 3) == 0) of = bytes_32(random_below(state, 70000), 100000);
    if (rare && random_below(state, 4) == 0 && !kinds[kind].host_made) of.shared = true;
    return memory_of(list->hosts[kind], of);
}

static void compare(const list_t *list, uint64_t *state, uint64_t times) {
    uint64_t i, wrong = 0, first_wrong = 0;
    for (i = 0; i < times; i++) {
        const entry_t *const entry = &list->entries[random_below(state, list->count)];
        uintptr_t address;
        switch (random_below(state, 8)) {
            case 0: address = entry->start; break;
            case 1: address = entry->start - 1; break;
            case 2: address = entry->end; break;
            case 3: address = entry->end - 1; break;
            case 4: address = entry->base + (uintptr_t)entry->length; break;
            case 5: address = entry->base + (uintptr_t)entry->length - 1; break;
            case 6: address = entry->start + (uintptr_t)random_below(state, entry->end - entry->start); break;
            default: address = (uintptr_t)(next_random(state) >> (16 + random_below(state, 8))); break;
        }
        if (agrees(list, address)) continue;
        if (wrong++ == 0) first_wrong = address;
    }
    if (!CHECK_EQ(wrong, 0)) {
        const entry_t *const entry = entry_at(list, (uintptr_t)first_wrong);
        const wasm_memory_fault_t fault = fault_at(at((uintptr_t)first_wrong));
        printf("  the first at %" PRIx64 ": kind %d, offset %" PRIu64 ", length %" PRIu64 "; ", first_wrong,
               (int)fault.kind, fault.offset, fault.byte_length);
        if (entry == NULL)
            printf("nobody's\n");
        else
            printf("of %" PRIxPTR "..%" PRIxPTR ", base %" PRIxPTR ", length %" PRIu64 "\n", entry->start, entry->end,
                   entry->base, entry->length);
    }
}

TEST(a_list_of_a_hundred_thousand_memories_agrees) {
    const size_t goal = (size_t)steps_of(100000);
    const uint64_t comparisons = steps_of(100000);
    uint64_t state = random_of(7);
    list_t list;
    size_t i;
    int round;
    list.entries = (entry_t *)calloc(goal, sizeof *list.entries);
    if (!CHECK(list.entries != NULL)) return;
    for (i = 0; i < KINDS; i++) list.hosts[i] = host_of(&kinds[i]);
    for (list.count = 0; list.count < goal; list.count++) {
        list.entries[list.count].memory = memory_for_list(&list, &state);
        if (list.entries[list.count].memory == NULL) break;
    }
    for (round = 0; round < 4 && list.count == goal; round++) {
        for (i = 0; i < list.count; i++) entry_set(&list.entries[i]);
        qsort(list.entries, list.count, sizeof *list.entries, by_address);
        for (i = 1; i < list.count; i++)
            if (!CHECK(list.entries[i - 1].end <= list.entries[i].start)) break;
        compare(&list, &state, comparisons);
        /* Some grow, some go, others come. */
        for (i = 0; i < list.count; i++) switch (random_below(&state, 6)) {
                case 0: wasm_memory_try_grow(list.entries[i].memory, 1, NULL); break;
                case 1:
                    wasm_memory_delete(list.entries[i].memory);
                    list.entries[i].memory = memory_for_list(&list, &state);
                    break;
                default: break;
            }
    }
    /* Deleted, they are nobody's. */
    for (i = 0; i < list.count; i++) wasm_memory_delete(list.entries[i].memory);
    for (i = 0; i < list.count; i++)
        if (!CHECK_FOREIGN(at(list.entries[i].base))) break;
    for (i = 0; i < KINDS; i++) host_delete(list.hosts[i]);
    free(list.entries);
}

int main(int argc, char **argv) {
    host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    seed_set(argc, argv);
    RUN(every_kind_of_memory_is_known_from_end_to_end);
    RUN(what_is_of_no_memory_is_foreign);
    RUN(the_guards_are_found_on_both_sides);
    RUN(a_guard_becomes_accessible_by_growth);
    RUN(a_memory_that_moved_is_known_where_it_is_and_nowhere_else);
    RUN(neighbours_in_a_slab_are_told_apart);
    RUN(what_is_deleted_is_foreign_and_what_comes_after_it_is_its_own);
    RUN(a_memory_that_was_reset_or_made_from_an_image_is_known);
    RUN(a_memory_outlives_its_engine_and_is_known);
    RUN(memories_without_address_space_are_known);
    RUN(memories_of_the_host_have_the_addresses_it_says);
    RUN(a_memory_that_its_host_moved_against_the_contract_is_known_where_it_is);
    RUN(nonsense_of_the_host_disturbs_nobody_else);
    RUN(a_shared_memory_is_one_through_all_its_handles);
    RUN(an_exported_memory_is_known_at_each_place_where_it_is_imported);
    RUN(protected_ranges_are_told_page_by_page);
    RUN(many_protected_ranges_are_told_apart);
    RUN(a_file_that_was_cut_short_leaves_its_range_accessible);
    RUN(null_is_answered);
    RUN(the_fields_that_fit_are_written_whole);
    RUN(the_last_error_and_errno_are_left_alone);
    RUN(a_handler_learns_what_was_touched);
    RUN(a_signal_may_interrupt_anything_and_ask);
    RUN(a_question_that_is_never_finished_stops_nobody);
    RUN(answers_are_right_while_others_make_and_delete_memories);
    RUN(a_memory_is_there_whole_or_not_at_all);
    RUN(a_child_knows_the_memories_of_its_parent);
    RUN(a_child_of_a_process_with_threads_can_ask);
    RUN(a_list_of_a_hundred_thousand_memories_agrees);
    return check_finish();
}

#endif
