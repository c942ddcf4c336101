/* Files mapped into memories, and protected ranges: what each call answers there, what guest code meets, and
 * that nothing of it outlives the memory. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: this version maps files and protects ranges on Linux alone");
    return 0;
}

#else

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* ---- kinds of memories, of sixteen host pages at first ---- */

#define HOST_PAGES 16
/* Of the largest host page there is, and one page more. */
#define ROOM ((4 * HOST_PAGES + 1) * 65536)

static uint64_t host_page; /* what a mapping is measured in */

typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    bool pooled, has_maximum, is_64;
    uint8_t page_size_log2;
} kind_t;

static const kind_t kinds[] = {
    {"GUARDED", WASM_MEMORY_BOUNDS_GUARDED, false, true, false, 16},
    {"CHECKED, small", WASM_MEMORY_BOUNDS_CHECKED, false, true, false, 16},
    {"CHECKED, of 1-byte pages", WASM_MEMORY_BOUNDS_CHECKED, false, true, false, 0},
    {"CHECKED", WASM_MEMORY_BOUNDS_CHECKED, false, false, false, 16},
    {"GUARDED, 64-bit", WASM_MEMORY_BOUNDS_GUARDED, false, false, true, 16},
    {"GUARDED, in a slot", WASM_MEMORY_BOUNDS_GUARDED, true, true, false, 16},
    {"CHECKED, in a slot", WASM_MEMORY_BOUNDS_CHECKED, true, true, false, 16},
    {"AUTO", WASM_MEMORY_BOUNDS_AUTO, false, false, false, 16},
};
/* The reservations of the others take Valgrind seconds each. */
#define KINDS (is_watched() ? 3 : sizeof kinds / sizeof *kinds)

static uint64_t pages_of(const kind_t *kind, uint64_t host_pages) {
    return host_pages * host_page >> kind->page_size_log2;
}

static host_t host_of(const kind_t *kind) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_pool_options_t pool;
    memset(&pool, 0, sizeof pool);
    pool.struct_size = sizeof pool;
    pool.slots = 4;
    pool.slot_bytes = 4 * HOST_PAGES * host_page;
    if (kind->pooled) wasm_config_memory_pool_set(config, &pool);
    wasm_config_memory_bounds_set(config, kind->bounds);
    return host_with(config);
}

static shape_t shape_of(const kind_t *kind) {
    return shape(pages_of(kind, HOST_PAGES), kind->has_maximum ? pages_of(kind, 4 * HOST_PAGES) : NO_MAXIMUM,
                 kind->is_64, false, kind->page_size_log2);
}

/* Never 0, so that zeros are told from it. */
static uint8_t pattern(uint32_t seed, uint64_t offset) {
    return (uint8_t)(1 + (offset * 7 + (offset >> 8) * 13 + seed * UINT64_C(101)) % 255);
}

static void paint(uint8_t *bytes, uint64_t length, uint32_t seed) {
    uint64_t i;
    for (i = 0; i < length; i++) bytes[i] = pattern(seed, i);
}

static bool is_painted(const uint8_t *bytes, uint64_t length, uint32_t seed, uint64_t from) {
    uint64_t i;
    for (i = 0; i < length; i++)
        if (bytes[i] != pattern(seed, from + i)) return false;
    return true;
}

static bool is_zero(const uint8_t *bytes, uint64_t length) {
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

/* ---- files ---- */

/* A file without a name, painted. */
static int file_of(uint64_t length, uint32_t seed) {
    const char *const folder = getenv("TMPDIR");
    static uint8_t bytes[ROOM];
    char path[512];
    int file;
    snprintf(path, sizeof path, "%s/wasm_memory-map-XXXXXX", folder != NULL ? folder : "/tmp");
    file = mkstemp(path);
    if (!CHECK(file >= 0)) exit(2);
    unlink(path);
    if (!CHECK(length <= ROOM)) exit(2);
    paint(bytes, length, seed);
    CHECK_EQ(pwrite(file, bytes, (size_t)length, 0), length);
    return file;
}

/* Another descriptor of the same file, opened otherwise. */
static int opened_again(int file, int how) {
    char path[64];
    int again;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    again = open(path, how);
    CHECK(again >= 0);
    return again;
}

static bool file_is_painted(int file, uint64_t from, uint64_t length, uint32_t seed) {
    static uint8_t bytes[ROOM];
    if (pread(file, bytes, (size_t)length, (off_t)from) != (ssize_t)length) return false;
    return is_painted(bytes, length, seed, from);
}

static uint64_t open_descriptors(void) {
    uint64_t count = 0;
    DIR *const folder = opendir("/proc/self/fd");
    if (folder == NULL) return 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

static const uint32_t every_flag[] = {WASM_MEMORY_MAP_READ_ONLY, WASM_MEMORY_MAP_COPY_ON_WRITE,
                                      WASM_MEMORY_MAP_SHARED};

/* ---- a scene: a memory whose contents are known, and another one that is copied from and to ---- */

typedef struct {
    const kind_t *kind;
    host_t host;
    wasm_memory_t *memory, *other;
    uint8_t *base, *other_base;
    uint64_t length;
    uint8_t contents[ROOM], other_contents[ROOM]; /* what they must hold */
    bool hidden[4 * HOST_PAGES];                  /* pages that cannot be looked at */
    uint64_t read_only_first, read_only_end; /* pages that no access may write, whatever else is expected */
} scene_t;

static scene_t scene; /* one at a time: it is large */

static void scene_set(const kind_t *kind) {
    memset(&scene, 0, sizeof scene);
    scene.kind = kind;
    scene.host = host_of(kind);
    scene.memory = memory_of(scene.host, shape_of(kind));
    scene.other = memory_of(scene.host, shape_of(kind));
    if (scene.memory == NULL || scene.other == NULL) exit(1);
    scene.base = wasm_memory_view(scene.memory)->base;
    scene.other_base = wasm_memory_view(scene.other)->base;
    scene.length = wasm_memory_data_size(scene.memory);
    CHECK_EQ(scene.length, HOST_PAGES * host_page);
    paint(scene.contents, scene.length, 1);
    paint(scene.other_contents, scene.length, 2);
    CHECK_STATUS(wasm_memory_write(scene.memory, 0, scene.contents, (size_t)scene.length), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_write(scene.other, 0, scene.other_contents, (size_t)scene.length), WASM_MEMORY_OK);
}

static void scene_clear(void) {
    wasm_memory_delete(scene.memory);
    wasm_memory_delete(scene.other);
    host_delete(scene.host);
}

/* Whether both memories hold, as guest code sees them, what they must. */
static bool check_contents(const char *what, const char *file, int line) {
    uint64_t page;
    bool holds = true;
    for (page = 0; page < scene.length / host_page; page++) {
        const uint64_t offset = page * host_page;
        if (scene.hidden[page]) continue;
        if (memcmp(scene.base + offset, scene.contents + offset, (size_t)host_page) != 0) {
            char found[160];
            snprintf(found, sizeof found, ": host page %u of a memory that is %s", (unsigned)page,
                     scene.kind->name);
            holds = check_report(false, file, line, what, found);
        }
    }
    if (memcmp(scene.other_base, scene.other_contents, HOST_PAGES * (size_t)host_page) != 0)
        holds = check_report(false, file, line, what, ": the other memory");
    return holds;
}
#define CHECK_CONTENTS(what) check_contents(what, __FILE__, __LINE__)

/* ---- every function that reads or writes a range ---- */

/* Where a copy that is tried with the range has its other end. */
#define FAR (11 * host_page)

static uint64_t seen_words[ROOM / 8 + 1];
#define seen ((uint8_t *)seen_words) /* what the last reading access saw */
static uint8_t written[ROOM]; /* what the last writing access has to leave */
static char dump[16 * 65536 * 6];

typedef struct {
    const char *name;
    bool writes;                                        /* the range; otherwise it reads it */
    unsigned width;                                     /* 0: of any length */
    bool aligned;                                       /* to its width */
    enum { NOWHERE, TO_SEEN, TO_FAR, TO_OTHER } result; /* of a reading access */
    wasm_memory_status_t (*run)(uint64_t offset, uint64_t length);
} access_t;

static wasm_memory_status_t run_read(uint64_t offset, uint64_t length) {
    return wasm_memory_read(scene.memory, offset, seen, (size_t)length);
}
static wasm_memory_status_t run_write(uint64_t offset, uint64_t length) {
    paint(written, length, 9);
    return wasm_memory_write(scene.memory, offset, written, (size_t)length);
}
static wasm_memory_status_t run_fill(uint64_t offset, uint64_t length) {
    memset(written, 0xee, (size_t)length);
    return wasm_memory_fill(scene.memory, offset, 0xee, length);
}
static wasm_memory_status_t run_zero(uint64_t offset, uint64_t length) {
    memset(written, 0, (size_t)length);
    return wasm_memory_zero(scene.memory, offset, length);
}
static wasm_memory_status_t run_discard(uint64_t offset, uint64_t length) {
    memset(written, 0, (size_t)length);
    return wasm_memory_discard(scene.memory, offset, length);
}
static wasm_memory_status_t run_init(uint64_t offset, uint64_t length) {
    wasm_data_segment_t *segment;
    wasm_memory_status_t status;
    paint(written, length, 8);
    segment = wasm_data_segment_new(written, (size_t)length);
    status = wasm_memory_init(scene.memory, offset, segment, 0, (uint32_t)length);
    wasm_data_segment_delete(segment);
    return status;
}
static wasm_memory_status_t run_hexdump(uint64_t offset, uint64_t length) {
    return wasm_memory_hexdump(scene.memory, offset, length, dump, sizeof dump, NULL);
}
static wasm_memory_status_t run_copy_to(uint64_t offset, uint64_t length) {
    memcpy(written, scene.contents + FAR, (size_t)length);
    return wasm_memory_copy_within(scene.memory, offset, FAR, length);
}
static wasm_memory_status_t run_copy_from(uint64_t offset, uint64_t length) {
    return wasm_memory_copy_within(scene.memory, FAR, offset, length);
}
static wasm_memory_status_t run_nonoverlapping_to(uint64_t offset, uint64_t length) {
    memcpy(written, scene.contents + FAR, (size_t)length);
    return wasm_memory_copy_within_nonoverlapping(scene.memory, offset, FAR, length);
}
static wasm_memory_status_t run_nonoverlapping_from(uint64_t offset, uint64_t length) {
    return wasm_memory_copy_within_nonoverlapping(scene.memory, FAR, offset, length);
}
static wasm_memory_status_t run_between_to(uint64_t offset, uint64_t length) {
    memcpy(written, scene.other_contents + FAR, (size_t)length);
    return wasm_memory_copy_between(scene.memory, offset, scene.other, FAR, length);
}
static wasm_memory_status_t run_between_from(uint64_t offset, uint64_t length) {
    return wasm_memory_copy_between(scene.other, FAR, scene.memory, offset, length);
}

#define NUMBER(name, type, number)                                                   \
    static wasm_memory_status_t run_load_##name(uint64_t offset, uint64_t length) {  \
        (void)length;                                                                \
        return wasm_memory_load_##name(scene.memory, offset, (type *)(void *)seen);  \
    }                                                                                \
    static wasm_memory_status_t run_store_##name(uint64_t offset, uint64_t length) { \
        const type value = (type)(number);                                           \
        number_copy(written, &value, (size_t)length);                                \
        return wasm_memory_store_##name(scene.memory, offset, value);                \
    }
NUMBER(u8, uint8_t, 0xa5)
NUMBER(u16, uint16_t, 0xa5a6)
NUMBER(u32, uint32_t, 0xa5a6a7a8)
NUMBER(u64, uint64_t, UINT64_C(0xa5a6a7a8a9aaabac))
NUMBER(f32, float, 1.5)
NUMBER(f64, double, -2.25)

static wasm_memory_status_t run_load_v128(uint64_t offset, uint64_t length) {
    (void)length;
    return wasm_memory_load_v128(scene.memory, offset, seen);
}
static wasm_memory_status_t run_store_v128(uint64_t offset, uint64_t length) {
    paint(written, length, 7);
    return wasm_memory_store_v128(scene.memory, offset, written);
}

#define ATOMIC(bits)                                                                                         \
    static wasm_memory_status_t run_atomic_load##bits(uint64_t offset, uint64_t length) {                    \
        (void)length;                                                                                        \
        return wasm_memory_atomic_load##bits(scene.memory, offset, (uint##bits##_t *)(void *)seen);          \
    }                                                                                                        \
    static wasm_memory_status_t run_atomic_store##bits(uint64_t offset, uint64_t length) {                   \
        const uint##bits##_t value = (uint##bits##_t)UINT64_C(0xb5b6b7b8b9babbbc);                           \
        number_copy(written, &value, (size_t)length);                                                        \
        return wasm_memory_atomic_store##bits(scene.memory, offset, value);                                  \
    }                                                                                                        \
    static wasm_memory_status_t run_atomic_rmw##bits(uint64_t offset, uint64_t length) {                     \
        uint##bits##_t value;                                                                                \
        number_copy(&value, scene.contents + offset, (size_t)length);                                        \
        value = (uint##bits##_t)(value + 3);                                                                 \
        number_copy(written, &value, (size_t)length);                                                        \
        return wasm_memory_atomic_rmw##bits(scene.memory, WASM_MEMORY_RMW_ADD, offset, 3, NULL);             \
    }                                                                                                        \
    static wasm_memory_status_t run_atomic_cmpxchg##bits(uint64_t offset, uint64_t length) {                 \
        const uint##bits##_t value = (uint##bits##_t)UINT64_C(0xc5c6c7c8c9cacbcc);                           \
        uint##bits##_t there;                                                                                \
        number_copy(&there, scene.contents + offset, (size_t)length);                                        \
        number_copy(written, &value, (size_t)length);                                                        \
        return wasm_memory_atomic_cmpxchg##bits(scene.memory, offset, there, value, NULL);                   \
    }                                                                                                        \
    /* One that finds another number writes nothing, and is a write all the same. */                         \
    static wasm_memory_status_t run_atomic_mismatch##bits(uint64_t offset, uint64_t length) {                \
        uint##bits##_t there;                                                                                \
        number_copy(&there, scene.contents + offset, (size_t)length);                                        \
        number_copy(written, &there, (size_t)length);                                                        \
        return wasm_memory_atomic_cmpxchg##bits(scene.memory, offset, (uint##bits##_t)(there + 1), 0, NULL); \
    }
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

#define NUMBER_ROWS(name, width)                                      \
    {"load_" #name, false, width, false, TO_SEEN, run_load_##name}, { \
        "store_" #name, true, width, false, NOWHERE, run_store_##name \
    }
#define ATOMIC_ROWS(bits)                                                                              \
    {"atomic_load" #bits, false, bits / 8, true, TO_SEEN, run_atomic_load##bits},                      \
        {"atomic_store" #bits, true, bits / 8, true, NOWHERE, run_atomic_store##bits},                 \
        {"atomic_rmw" #bits, true, bits / 8, true, NOWHERE, run_atomic_rmw##bits},                     \
        {"atomic_cmpxchg" #bits, true, bits / 8, true, NOWHERE, run_atomic_cmpxchg##bits}, {           \
        "atomic_cmpxchg" #bits ", not equal", true, bits / 8, true, NOWHERE, run_atomic_mismatch##bits \
    }

static const access_t accesses[] = {
    {"read", false, 0, false, TO_SEEN, run_read},
    {"write", true, 0, false, NOWHERE, run_write},
    {"fill", true, 0, false, NOWHERE, run_fill},
    {"zero", true, 0, false, NOWHERE, run_zero},
    {"discard", true, 0, false, NOWHERE, run_discard},
    {"init", true, 0, false, NOWHERE, run_init},
    {"hexdump", false, 0, false, NOWHERE, run_hexdump},
    {"copy_within, destination", true, 0, false, NOWHERE, run_copy_to},
    {"copy_within, source", false, 0, false, TO_FAR, run_copy_from},
    {"copy_within_nonoverlapping, destination", true, 0, false, NOWHERE, run_nonoverlapping_to},
    {"copy_within_nonoverlapping, source", false, 0, false, TO_FAR, run_nonoverlapping_from},
    {"copy_between, destination", true, 0, false, NOWHERE, run_between_to},
    {"copy_between, source", false, 0, false, TO_OTHER, run_between_from},
    NUMBER_ROWS(u8, 1),
    NUMBER_ROWS(u16, 2),
    NUMBER_ROWS(u32, 4),
    NUMBER_ROWS(u64, 8),
    NUMBER_ROWS(f32, 4),
    NUMBER_ROWS(f64, 8),
    {"load_v128", false, 16, false, TO_SEEN, run_load_v128},
    {"store_v128", true, 16, false, NOWHERE, run_store_v128},
    ATOMIC_ROWS(8),
    ATOMIC_ROWS(16),
    ATOMIC_ROWS(32),
    ATOMIC_ROWS(64),
};
#define ACCESSES (sizeof accesses / sizeof *accesses)

/* One access. It answers what is expected and does all of what it is to do, or nothing. */
static bool try_access(const access_t *access, uint64_t offset, uint64_t length,
                       wasm_memory_status_t expected) {
    wasm_memory_status_t status;
    bool holds;
    char what[160];
    snprintf(what, sizeof what, "%s of %" PRIu64 " at %" PRIu64 " of a memory that is %s", access->name, length,
             offset, scene.kind->name);
    memset(seen, 0x77, (size_t)length + 16);
    status = access->run(offset, length);
    holds = check_status(status, expected, __FILE__, __LINE__, what);
    if (status == WASM_MEMORY_OK && holds) {
        if (access->writes) memcpy(scene.contents + offset, written, (size_t)length);
        if (access->result == TO_SEEN)
            holds &= check_report(access->width > 0
                                      ? is_number_at(scene.contents + offset, seen, access->width)
                                      : memcmp(seen, scene.contents + offset, (size_t)length) == 0,
                                  __FILE__, __LINE__, what, ": it saw something else");
        if (access->result == TO_FAR) memcpy(scene.contents + FAR, scene.contents + offset, (size_t)length);
        if (access->result == TO_OTHER)
            memcpy(scene.other_contents + FAR, scene.contents + offset, (size_t)length);
    } else if (access->result == TO_SEEN) {
        /* A buffer for data is untouched on failure; what is no buffer but a number is 0. */
        uint64_t i;
        for (i = 0; i < length; i++) holds &= CHECK(seen[i] == 0x77 || (access->width > 0 && seen[i] == 0));
    }
    return check_contents(what, __FILE__, __LINE__) && holds;
}

/* What the accesses answer that touch host pages from `first` to before `end`: one status for reads and one for
   writes; those beside it are OK. Accesses inside it, over each of its edges, over all of it, and beside it. */
static void try_every_access(uint64_t first, uint64_t end, wasm_memory_status_t read,
                             wasm_memory_status_t write) {
    const uint64_t low = first * host_page, high = end * host_page;
    size_t i, j;
    for (i = 0; i < ACCESSES; i++) {
        const access_t *const access = &accesses[i];
        const uint64_t width = access->width > 0 ? access->width : 40;
        const struct {
            uint64_t offset, length;
        } places[] = {
            {low, width},
            {high - width, width},
            {low + host_page / 2, width},
            {low - width, width},
            {high, width},
            /* From here on for what need not be aligned. */
            {low - width + 1, width},
            {high - 1, width},
            {low + 11, width},
            /* And for what has any length. */
            {low, high - low},
            {low - 1, high - low + 2},
            {low - host_page, host_page},
            {low - host_page, host_page + 1},
            {high - 1, host_page},
            {low + 5, 0},
            {low, 0},
            {high, 0},
        };
        const size_t count = access->aligned ? 5 : access->width > 0 ? 8 : sizeof places / sizeof *places;
        for (j = 0; j < count; j++) {
            const uint64_t offset = places[j].offset, length = places[j].length;
            const bool touches = length > 0 && offset < high && offset + length > low;
            const bool forbidden = access->writes && length > 0 && offset < scene.read_only_end * host_page &&
                                   offset + length > scene.read_only_first * host_page;
            const wasm_memory_status_t expected = forbidden        ? WASM_MEMORY_PROTECTED
                                                  : !touches       ? WASM_MEMORY_OK
                                                  : access->writes ? write
                                                                   : read;
            if (!try_access(access, offset, length, expected) && check_state.failures > 20) return;
        }
    }
}

static void hide(uint64_t first, uint64_t end, bool hidden) {
    while (first < end) scene.hidden[first++] = hidden;
}

/* ---- protection; all in host pages ---- */

static wasm_memory_status_t protect(uint64_t first, uint64_t count, wasm_memory_protection_t protection) {
    return wasm_memory_protect(scene.memory, first * host_page, count * host_page, protection);
}

static wasm_memory_status_t map(uint64_t first, intptr_t file, uint64_t file_first, uint64_t count,
                                uint32_t flags) {
    return wasm_memory_map_file(scene.memory, first * host_page, file, file_first * host_page,
                                count * host_page, flags);
}

TEST(every_access_to_a_protected_range_is_answered) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        scene_set(&kinds[kind]);
        CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_CONTENTS("protected against writes");
        try_every_access(4, 8, WASM_MEMORY_OK, WASM_MEMORY_PROTECTED);

        CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        hide(4, 8, true);
        try_every_access(4, 8, WASM_MEMORY_PROTECTED, WASM_MEMORY_PROTECTED);

        CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        hide(4, 8, false);
        CHECK_CONTENTS("protected no more, with its contents");
        try_every_access(4, 8, WASM_MEMORY_OK, WASM_MEMORY_OK);
        scene_clear();
    }
}

TEST(the_status_has_a_sentence) {
    uint8_t byte;
    scene_set(&kinds[0]);
    CHECK_STATUS(protect(4, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 4 * host_page + 123, 1), WASM_MEMORY_PROTECTED);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    CHECK_STATUS(protect(4, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u8(scene.memory, 4 * host_page + 123, &byte), WASM_MEMORY_PROTECTED);
    CHECK_LAST_ERROR("protect");
    CHECK_EQ(byte, 0);
    scene_clear();
}

/* A trap comes before what is no trap. */
TEST(what_traps_traps_in_protected_ranges_too) {
    uint8_t bytes[2 * 8];
    wasm_memory_wait_result_t result = 9;
    const kind_t *const kind = &kinds[1];
    scene_set(kind);
    CHECK_STATUS(protect(HOST_PAGES - 1, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    hide(HOST_PAGES - 1, HOST_PAGES, true);
    CHECK_STATUS(wasm_memory_read(scene.memory, scene.length - 8, bytes, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_write(scene.memory, scene.length - 8, bytes, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_fill(scene.memory, scene.length - 8, 1, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_within(scene.memory, 0, scene.length - 8, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_within(scene.memory, scene.length - 8, 0, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_store_u64(scene.memory, scene.length - 7, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_atomic_store64(scene.memory, scene.length - 9, 1), WASM_MEMORY_UNALIGNED);
    CHECK_STATUS(wasm_memory_atomic_wait32(scene.memory, scene.length - 8, 0, 0, &result),
                 WASM_MEMORY_NOT_SHARED);
    CHECK_CONTENTS("after traps");
    scene_clear();
}

/* Whole memories: one page is enough. */
TEST(what_touches_the_whole_memory_asks_every_page) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        wasm_memory_image_t *image = NULL;
        scene_set(&kinds[kind]);
        CHECK_STATUS(protect(HOST_PAGES - 1, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_erase(scene.memory), WASM_MEMORY_PROTECTED);
        CHECK_CONTENTS("an erasure that was refused");
        CHECK_STATUS(wasm_memory_image_from_memory(scene.memory, &image), WASM_MEMORY_OK);
        CHECK(image != NULL);
        wasm_memory_image_delete(image);
        CHECK_STATUS(protect(HOST_PAGES - 1, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_erase(scene.memory), WASM_MEMORY_PROTECTED);
        image = (wasm_memory_image_t *)(void *)&scene;
        CHECK_STATUS(wasm_memory_image_from_memory(scene.memory, &image), WASM_MEMORY_PROTECTED);
        CHECK(image == NULL);
        CHECK_STATUS(protect(HOST_PAGES - 1, 1, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_CONTENTS("as before");
        CHECK_STATUS(wasm_memory_erase(scene.memory), WASM_MEMORY_OK);
        memset(scene.contents, 0, (size_t)scene.length);
        CHECK_CONTENTS("erased at last");
        scene_clear();
    }
}

TEST(of_ranges_that_overlap_the_last_counts_page_by_page) {
    scene_set(&kinds[0]);
    CHECK_STATUS(protect(2, 10, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_STATUS(protect(5, 2, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
    hide(4, 5, true);
    hide(7, 8, true);
    {
        const wasm_memory_protection_t expected[HOST_PAGES] = {2, 2, 1, 1, 0, 2, 2, 0, 1, 1, 1, 1, 2, 2, 2, 2};
        uint64_t page;
        for (page = 0; page < HOST_PAGES; page++) {
            uint8_t byte;
            const uint64_t offset = page * host_page + 17;
            const bool reads = expected[page] != WASM_MEMORY_PROT_NONE;
            const bool writes = expected[page] == WASM_MEMORY_PROT_READ_WRITE;
            CHECK_STATUS(wasm_memory_load_u8(scene.memory, offset, &byte),
                         reads ? WASM_MEMORY_OK : WASM_MEMORY_PROTECTED);
            CHECK_STATUS(wasm_memory_store_u8(scene.memory, offset, scene.contents[offset]),
                         writes ? WASM_MEMORY_OK : WASM_MEMORY_PROTECTED);
            CHECK(faults(scene.base + offset, false) == !reads);
            CHECK(faults(scene.base + offset, true) == !writes);
        }
    }
    CHECK_STATUS(protect(0, HOST_PAGES, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_STATUS(protect(0, HOST_PAGES, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    CHECK_STATUS(protect(0, HOST_PAGES, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
    hide(0, HOST_PAGES, false);
    CHECK_CONTENTS("whatever the protections were");
    scene_clear();
}

/* ---- guest code, which asks nobody ---- */

static void guest_writes(void *address) { *(volatile uint8_t *)address = 1; }
static void guest_reads(void *address) { (void)*(volatile uint8_t *)address; }

TEST(guest_code_that_breaks_a_protection_faults) {
    size_t kind;
    for (kind = 0; kind < KINDS && !is_watched();
         kind++) { /* Valgrind has a lot to say about each of these ends */
        uint8_t *inside;
        const int file = file_of(host_page, 3);
        scene_set(&kinds[kind]);
        inside = scene.base + 4 * host_page + 5;
        CHECK_EQ(in_child(guest_writes, inside), 0);
        CHECK_STATUS(protect(4, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_EQ(in_child(guest_reads, inside), 0);
        CHECK_EQ(in_child(guest_writes, inside), -SIGSEGV);
        CHECK_EQ(in_child(guest_writes, scene.base + 4 * host_page - 1), 0);
        CHECK_EQ(in_child(guest_writes, scene.base + 5 * host_page), 0);
        CHECK_STATUS(protect(4, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_EQ(in_child(guest_reads, inside), -SIGSEGV);
        CHECK_EQ(in_child(guest_writes, inside), -SIGSEGV);
        CHECK_STATUS(protect(4, 1, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_EQ(in_child(guest_writes, inside), 0);
        CHECK_STATUS(map(4, file, 0, 1, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
        CHECK_EQ(in_child(guest_reads, inside), 0);
        CHECK_EQ(in_child(guest_writes, inside), -SIGSEGV);
        close(file);
        scene_clear();
    }
}

/* ---- files ---- */

TEST(a_file_is_seen_where_it_is_mapped_and_as_the_flags_say) {
    size_t kind, f;
    for (kind = 0; kind < KINDS; kind++)
        for (f = 0; f < 3; f++) {
            const uint32_t flags = every_flag[f];
            const int file = file_of(6 * host_page, 3);
            const int mine = opened_again(file, flags == WASM_MEMORY_MAP_SHARED ? O_RDWR : O_RDONLY);
            const wasm_memory_status_t write =
                flags == WASM_MEMORY_MAP_READ_ONLY ? WASM_MEMORY_PROTECTED : WASM_MEMORY_OK;
            static uint8_t after[ROOM];
            scene_set(&kinds[kind]);
            CHECK_STATUS(map(4, mine, 1, 4, flags), WASM_MEMORY_OK);
            close(mine); /* it is not needed any more */
            CHECK(wasm_memory_view(scene.memory)->base == scene.base);
            CHECK(is_painted(scene.base + 4 * host_page, 4 * host_page, 3, host_page));
            CHECK_EQ(pread(file, scene.contents + 4 * host_page, 4 * (size_t)host_page, (off_t)host_page),
                     4 * host_page);
            CHECK_CONTENTS("mapped");
            try_every_access(4, 8, WASM_MEMORY_OK, write);
            if (flags != WASM_MEMORY_MAP_READ_ONLY) { /* the guest's own */
                scene.base[6 * host_page] ^= 0xff;
                scene.contents[6 * host_page] ^= 0xff;
                CHECK_CONTENTS("the guest wrote");
            }
            CHECK_EQ(pread(file, after, 6 * (size_t)host_page, 0), 6 * host_page);
            if (flags == WASM_MEMORY_MAP_SHARED) {
                CHECK(memcmp(after + host_page, scene.contents + 4 * host_page, 4 * (size_t)host_page) == 0);
                CHECK(!is_painted(after + host_page, 4 * host_page, 3, host_page));
                CHECK(is_painted(after, host_page, 3, 0));
                CHECK(is_painted(after + 5 * host_page, host_page, 3, 5 * host_page));
            } else {
                CHECK(is_painted(after, 6 * host_page, 3, 0));
            }
            if (flags == WASM_MEMORY_MAP_SHARED) { /* both ways, and for ever */
                const uint8_t mark = 0x5b;
                CHECK_EQ(pwrite(file, &mark, 1, (off_t)host_page + 9), 1);
                CHECK_EQ(scene.base[4 * host_page + 9], mark);
                scene.contents[4 * host_page + 9] = mark;
                CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5 * host_page, 0x5c), WASM_MEMORY_OK);
            }
            scene_clear();
            CHECK_EQ(pread(file, after, 6 * (size_t)host_page, 0), 6 * host_page);
            if (flags == WASM_MEMORY_MAP_SHARED) {
                CHECK_EQ(after[host_page + 9], 0x5b);
                CHECK_EQ(after[2 * host_page], 0x5c);
            } else {
                CHECK(is_painted(after, 6 * host_page, 3, 0));
            }
            close(file);
        }
}

TEST(zeros_over_a_mapped_file_leave_it_mapped) {
    size_t kind, f;
    for (kind = 0; kind < KINDS; kind++)
        for (f = 1; f < 3; f++) {
            const bool to_the_file = every_flag[f] == WASM_MEMORY_MAP_SHARED;
            const int file = file_of(4 * host_page, 3);
            static uint8_t after[ROOM];
            scene_set(&kinds[kind]);
            CHECK_STATUS(map(4, file, 0, 4, every_flag[f]), WASM_MEMORY_OK);
            paint(scene.contents + 4 * host_page, 4 * host_page, 3);
            /* Whole pages, and pieces at both ends. */
            CHECK_STATUS(wasm_memory_discard(scene.memory, 5 * host_page - 10, host_page + 20), WASM_MEMORY_OK);
            memset(scene.contents + 5 * host_page - 10, 0, (size_t)host_page + 20);
            CHECK_CONTENTS("a discard");
            CHECK_EQ(pread(file, after, 4 * (size_t)host_page, 0), 4 * host_page);
            if (to_the_file)
                CHECK(memcmp(after, scene.contents + 4 * host_page, 4 * (size_t)host_page) == 0);
            else
                CHECK(is_painted(after, 4 * host_page, 3, 0));
            CHECK_STATUS(wasm_memory_erase(scene.memory), WASM_MEMORY_OK);
            memset(scene.contents, 0, (size_t)scene.length);
            CHECK_CONTENTS("an erasure");
            CHECK_EQ(pread(file, after, 4 * (size_t)host_page, 0), 4 * host_page);
            CHECK(to_the_file ? is_zero(after, 4 * host_page) : is_painted(after, 4 * host_page, 3, 0));
            scene.base[6 * host_page + 1] = 0x42;
            scene.contents[6 * host_page + 1] = 0x42;
            CHECK_EQ(pread(file, after, 4 * (size_t)host_page, 0), 4 * host_page);
            CHECK_EQ(after[2 * host_page + 1] == 0x42, to_the_file);
            CHECK_CONTENTS("it is mapped as before");
            close(file);
            scene_clear();
        }
}

TEST(a_mapping_replaces_what_was_there) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const int first = file_of(8 * host_page, 3), second = file_of(8 * host_page, 4);
        scene_set(&kinds[kind]);
        CHECK_STATUS(map(2, first, 0, 8, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
        paint(scene.contents + 2 * host_page, 8 * host_page, 3);
        scene.base[4 * host_page] = scene.contents[4 * host_page] = 0x11;
        scene.base[5 * host_page] = 0x12; /* a private page, which goes */
        CHECK_STATUS(protect(6, 3, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(map(5, second, 1, 2, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
        CHECK_EQ(pread(second, scene.contents + 5 * host_page, 2 * (size_t)host_page, (off_t)host_page),
                 2 * host_page);
        hide(7, 9, true);
        CHECK_CONTENTS("a file over the middle of another");
        /* The protections of its own pages are gone, those beside it are not. */
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 6 * host_page, 0x13), WASM_MEMORY_OK);
        scene.contents[6 * host_page] = 0x13;
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 7 * host_page, 0x14), WASM_MEMORY_PROTECTED);
        CHECK_STATUS(protect(7, 2, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        hide(7, 9, false);
        CHECK_CONTENTS("the rest of the first file");
        CHECK_STATUS(map(2, second, 0, 8, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
        CHECK_EQ(pread(second, scene.contents + 2 * host_page, 8 * (size_t)host_page, 0), 8 * host_page);
        CHECK_CONTENTS("over all of them");
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 6 * host_page, 1), WASM_MEMORY_PROTECTED);
        CHECK(file_is_painted(first, 0, 8 * host_page, 3));
        close(first);
        close(second);
        scene_clear();
    }
}

TEST(unmapping_leaves_plain_zeros) {
    size_t kind, f;
    for (kind = 0; kind < KINDS; kind++)
        for (f = 0; f < 3; f++) {
            const int file = file_of(8 * host_page, 3);
            scene_set(&kinds[kind]);
            CHECK_STATUS(map(2, file, 0, 8, every_flag[f]), WASM_MEMORY_OK);
            paint(scene.contents + 2 * host_page, 8 * host_page, 3);
            /* The middle: two mappings are left. Then plain memory and the edge of one; then what is protected.
             */
            CHECK_STATUS(wasm_memory_unmap(scene.memory, 5 * host_page, 2 * host_page), WASM_MEMORY_OK);
            memset(scene.contents + 5 * host_page, 0, 2 * (size_t)host_page);
            CHECK_CONTENTS("the middle of a mapping");
            CHECK_STATUS(wasm_memory_unmap(scene.memory, host_page, 2 * host_page), WASM_MEMORY_OK);
            memset(scene.contents + host_page, 0, 2 * (size_t)host_page);
            CHECK_STATUS(protect(12, 2, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_unmap(scene.memory, 13 * host_page, host_page), WASM_MEMORY_OK);
            memset(scene.contents + 13 * host_page, 0, (size_t)host_page);
            hide(12, 13, true);
            CHECK_CONTENTS("pieces");
            CHECK_STATUS(wasm_memory_store_u8(scene.memory, 12 * host_page, 1), WASM_MEMORY_PROTECTED);
            CHECK_STATUS(wasm_memory_store_u8(scene.memory, 9 * host_page, 1),
                         f == 0 ? WASM_MEMORY_PROTECTED : WASM_MEMORY_OK);
            if (f != 0) scene.contents[9 * host_page] = 1;
            CHECK_STATUS(wasm_memory_fill(scene.memory, 5 * host_page, 0x98, 2 * host_page), WASM_MEMORY_OK);
            memset(scene.contents + 5 * host_page, 0x98, 2 * (size_t)host_page);
            CHECK_CONTENTS("written where nothing is mapped");
            CHECK(file_is_painted(file, 0, 7 * host_page, 3)); /* what was unmapped goes nowhere */
            CHECK_STATUS(wasm_memory_unmap(scene.memory, 0, scene.length), WASM_MEMORY_OK);
            memset(scene.contents, 0, (size_t)scene.length);
            hide(12, 13, false);
            CHECK_CONTENTS("all of it");
            CHECK_STATUS(wasm_memory_fill(scene.memory, 0, 0x99, scene.length), WASM_MEMORY_OK);
            CHECK(file_is_painted(file, 0, 7 * host_page, 3));
            close(file);
            scene_clear();
        }
}

TEST(protections_of_pieces_of_mappings) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const int file = file_of(8 * host_page, 3);
        uint8_t byte = 0;
        scene_set(&kinds[kind]);
        CHECK_STATUS(map(0, file, 0, 4, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
        CHECK_STATUS(map(4, file, 4, 4, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
        paint(scene.contents, 8 * host_page, 3);
        CHECK_CONTENTS("two mappings");
        /* Not even in part: the pages behind it are as they were. */
        CHECK_STATUS(protect(5, 2, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_STATUS(protect(3, 4, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_PROTECTED);
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5 * host_page, 1), WASM_MEMORY_PROTECTED);
        CHECK(faults(scene.base + 5 * host_page, true));
        CHECK_STATUS(protect(2, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(protect(2, 1, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_PROTECTED);
        hide(2, 3, true);
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 2 * host_page, &byte), WASM_MEMORY_PROTECTED);
        CHECK_STATUS(wasm_memory_read(scene.memory, host_page, seen, 3 * (size_t)host_page),
                     WASM_MEMORY_PROTECTED);
        CHECK_STATUS(wasm_memory_read(scene.memory, host_page, seen, (size_t)host_page), WASM_MEMORY_OK);
        CHECK(faults(scene.base + 2 * host_page, false));
        CHECK_STATUS(protect(2, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        hide(2, 3, false);
        try_every_access(5, 7, WASM_MEMORY_OK, WASM_MEMORY_PROTECTED);
        CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 5 * host_page, 0x21), WASM_MEMORY_OK);
        scene.contents[5 * host_page] = 0x21;
        CHECK_CONTENTS("writable again");
        CHECK(file_is_painted(file, 0, 4 * host_page, 3));
        CHECK_EQ(pread(file, &byte, 1, (off_t)(5 * host_page)), 1);
        CHECK_EQ(byte, 0x21);
        /* A protection of what is read-only anyway goes with the mapping. */
        CHECK_STATUS(wasm_memory_unmap(scene.memory, 0, 4 * host_page), WASM_MEMORY_OK);
        memset(scene.contents, 0, 4 * (size_t)host_page);
        CHECK_STATUS(protect(0, 4, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 2 * host_page, 0x22), WASM_MEMORY_OK);
        scene.contents[2 * host_page] = 0x22;
        CHECK_CONTENTS("plain again");
        close(file);
        scene_clear();
    }
}

TEST(offsets_in_files_may_be_beyond_four_gigabytes) {
    const int file = file_of(host_page, 3);
    static uint8_t bytes[65536];
    scene_set(&kinds[0]);
    paint(bytes, host_page, 4);
    CHECK_EQ(pwrite(file, bytes, (size_t)host_page, (off_t)(6 * GIB)), host_page);
    CHECK_STATUS(
        wasm_memory_map_file(scene.memory, host_page, file, 6 * GIB, host_page, WASM_MEMORY_MAP_READ_ONLY),
        WASM_MEMORY_OK);
    paint(scene.contents + host_page, host_page, 4);
    CHECK_CONTENTS("far in a file");
    close(file);
    scene_clear();
}

TEST(the_last_page_of_a_file_is_filled_up_with_zeros) {
    size_t f;
    for (f = 0; f < 3; f++) {
        const int file = file_of(2 * host_page + 100, 3);
        scene_set(&kinds[0]);
        CHECK_STATUS(map(1, file, 0, 4, every_flag[f]), WASM_MEMORY_IO);
        CHECK_CONTENTS("a file that is too short");
        CHECK_STATUS(map(1, file, 0, 3, every_flag[f]), WASM_MEMORY_OK);
        memset(scene.contents + host_page, 0, 3 * (size_t)host_page);
        paint(scene.contents + host_page, 2 * host_page + 100, 3);
        CHECK_CONTENTS("a file with a piece of a page at its end");
        close(file);
        scene_clear();
    }
}

TEST(several_files_and_one_file_several_times) {
    const int file = file_of(2 * host_page, 3);
    uint64_t page;
    scene_set(&kinds[1]);
    for (page = 0; page < HOST_PAGES; page += 2) {
        CHECK_STATUS(map(page, file, 1, 1, page % 4 == 0 ? WASM_MEMORY_MAP_SHARED : WASM_MEMORY_MAP_READ_ONLY),
                     WASM_MEMORY_OK);
        CHECK_EQ(pread(file, scene.contents + page * host_page, (size_t)host_page, (off_t)host_page),
                 host_page);
    }
    CHECK_CONTENTS("the same page, eight times");
    CHECK_STATUS(wasm_memory_store_u8(scene.memory, 3, 0x31), WASM_MEMORY_OK);
    for (page = 0; page < HOST_PAGES; page += 2) scene.contents[page * host_page + 3] = 0x31;
    CHECK_CONTENTS("written through one, seen through all");
    close(file);
    scene_clear();
}

TEST(every_handle_of_the_memory_sees_the_same) {
    const int file = file_of(host_page, 3);
    wasm_memory_t *copy;
    scene_set(&kinds[1]);
    copy = wasm_memory_copy(scene.memory);
    CHECK_STATUS(wasm_memory_map_file(copy, host_page, file, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
                 WASM_MEMORY_OK);
    paint(scene.contents + host_page, host_page, 3);
    wasm_memory_delete(copy);
    try_every_access(1, 2, WASM_MEMORY_OK, WASM_MEMORY_PROTECTED);
    close(file);
    scene_clear();
}

/* ---- what else one does with a memory, with all that in it ---- */

/* Pages 2 and 3 read-only, 4 and 5 copied on write, 6 and 7 shared, of a file of eight pages painted with 3;
   page 9 protected against writes, page 10 against everything; in 4 and 6 a byte was written. */
static int furnish(void) {
    const int file = file_of(8 * host_page, 3);
    CHECK_STATUS(map(2, file, 2, 2, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_OK);
    CHECK_STATUS(map(4, file, 4, 2, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
    CHECK_STATUS(map(6, file, 6, 2, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
    CHECK_EQ(pread(file, scene.contents + 2 * host_page, 6 * (size_t)host_page, 2 * (off_t)host_page),
             6 * host_page);
    scene.base[4 * host_page] = scene.contents[4 * host_page] = 0x41;
    scene.base[6 * host_page] = scene.contents[6 * host_page] = 0x42;
    CHECK_STATUS(protect(9, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(protect(10, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
    hide(10, 11, true);
    CHECK_CONTENTS("furnished");
    return file;
}

/* Whatever happened to the memory: in the file is what was written through the mapping, and nothing else. */
static void check_furnished_file(int file) {
    uint8_t byte = 0;
    CHECK(file_is_painted(file, 0, 6 * host_page, 3));
    CHECK_EQ(pread(file, &byte, 1, 6 * (off_t)host_page), 1);
    CHECK_EQ(byte, 0x42);
    CHECK(file_is_painted(file, 6 * host_page + 1, 2 * host_page - 1, 3));
}

TEST(growth_leaves_mappings_and_protections_and_adds_plain_pages) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        uint64_t previous = 0;
        int file;
        scene_set(&kinds[kind]);
        file = furnish();
        /* The last page of the old length too, so that something lies right below the new ones. */
        CHECK_STATUS(protect(HOST_PAGES - 1, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(scene.memory, pages_of(&kinds[kind], HOST_PAGES), &previous),
                     WASM_MEMORY_OK);
        CHECK_EQ(previous, pages_of(&kinds[kind], HOST_PAGES));
        CHECK(wasm_memory_view(scene.memory)->base == scene.base);
        scene.length = 2 * HOST_PAGES * host_page;
        CHECK_CONTENTS("grown");
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, scene.length / 2 - 1, 1), WASM_MEMORY_PROTECTED);
        CHECK_STATUS(wasm_memory_fill(scene.memory, scene.length / 2, 0x51, scene.length / 2), WASM_MEMORY_OK);
        memset(scene.contents + scene.length / 2, 0x51, (size_t)scene.length / 2);
        CHECK_CONTENTS("grown and written");
        try_every_access(2, 4, WASM_MEMORY_OK, WASM_MEMORY_PROTECTED);
        check_furnished_file(file);
        close(file);
        scene_clear();
    }
}

/* Pointers into a mapping are good as long as it is there, so such a memory is not moved even where it might
 * be. */
TEST(growth_never_moves_a_memory_with_something_in_it) {
    int with_file;
    for (with_file = 0; with_file < 2; with_file++) {
        wasm_config_t *const config = wasm_config_new();
        host_t host;
        wasm_memory_t *memory;
        uint8_t *base;
        uint64_t pages;
        int file = file_of(host_page, 3);
        wasm_config_memory_may_move_set(config, true);
        wasm_config_memory_reservation_set(config, 4 * PAGE);
        wasm_config_memory_reservation_for_growth_set(config, PAGE);
        host = host_with(config);
        memory = memory_of(host, pages_32(1, NO_MAXIMUM));
        base = wasm_memory_view(memory)->base;
        CHECK_STATUS(wasm_memory_store_u8(memory, 7, 77), WASM_MEMORY_OK);
        if (with_file)
            CHECK_STATUS(wasm_memory_map_file(memory, 0, file, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
                         WASM_MEMORY_OK);
        else
            CHECK_STATUS(wasm_memory_protect(memory, 0, host_page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        for (pages = 1; pages < 5000; pages *= 4) {
            const uint64_t before = wasm_memory_pages(memory);
            const wasm_memory_status_t status = wasm_memory_try_grow(memory, pages, NULL);
            if (status != WASM_MEMORY_OK) {
                CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
                CHECK_EQ(wasm_memory_pages(memory), before);
            }
            CHECK(wasm_memory_view(memory)->base == base);
            CHECK(base[7] == (with_file ? pattern(3, 7) : 77));
            CHECK_STATUS(wasm_memory_store_u8(memory, 7, 1), WASM_MEMORY_PROTECTED);
        }
        CHECK_STATUS(wasm_memory_unmap(memory, 0, host_page), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_try_grow(memory, 6000, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_store_u8(memory, wasm_memory_data_size(memory) - 1, 1), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
        close(file);
    }
}

TEST(a_reset_undoes_mappings_and_protections) {
    size_t kind;
    int with_image, grown;
    for (kind = 0; kind < KINDS; kind++)
        for (with_image = 0; with_image < 2; with_image++)
            for (grown = 0; grown < 2; grown++) {
                const wasm_memory_segment_t segment = {3 * host_page - 5, "0123456789", 10};
                wasm_memory_image_t *image = NULL;
                int file;
                scene_set(&kinds[kind]);
                if (with_image) CHECK_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
                file = furnish();
                if (grown) {
                    CHECK_STATUS(wasm_memory_try_grow(scene.memory, pages_of(&kinds[kind], HOST_PAGES), NULL),
                                 WASM_MEMORY_OK);
                    CHECK_STATUS(wasm_memory_map_file(scene.memory, scene.length + host_page, file, 0,
                                                      host_page, WASM_MEMORY_MAP_READ_ONLY),
                                 WASM_MEMORY_OK);
                    CHECK_STATUS(protect(HOST_PAGES + 3, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
                    CHECK_STATUS(wasm_memory_fill(scene.memory, 2 * scene.length - 8, 1, 8), WASM_MEMORY_OK);
                }
                CHECK_STATUS(wasm_memory_reset(scene.memory, image), WASM_MEMORY_OK);
                CHECK(wasm_memory_view(scene.memory)->base == scene.base);
                CHECK_EQ(wasm_memory_data_size(scene.memory), scene.length);
                memset(scene.contents, 0, sizeof scene.contents);
                if (with_image) memcpy(scene.contents + segment.offset, "0123456789", 10);
                hide(10, 11, false);
                CHECK_CONTENTS("reset");
                try_every_access(4, 8, WASM_MEMORY_OK, WASM_MEMORY_OK);
                memset(scene.base, 0x61, (size_t)scene.length); /* every page is the guest's own again */
                check_furnished_file(file);
                if (grown) { /* what lay above is plain again, too */
                    CHECK_STATUS(wasm_memory_try_grow(scene.memory, pages_of(&kinds[kind], HOST_PAGES), NULL),
                                 WASM_MEMORY_OK);
                    CHECK(is_zero(scene.base + scene.length, scene.length));
                    memset(scene.base + scene.length, 0x62, (size_t)scene.length);
                    check_furnished_file(file);
                }
                wasm_memory_image_delete(image);
                close(file);
                scene_clear();
            }
}

TEST(a_snapshot_has_the_bytes_and_not_the_mappings) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        wasm_memory_image_t *image = NULL;
        wasm_memory_t *again = NULL;
        wasm_memorytype_t *const type = type_of(shape_of(&kinds[kind]));
        int file;
        scene_set(&kinds[kind]);
        file = furnish();
        CHECK_STATUS(wasm_memory_image_from_memory(scene.memory, &image), WASM_MEMORY_PROTECTED);
        CHECK(image == NULL);
        CHECK_STATUS(protect(10, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        hide(10, 11, false);
        CHECK_STATUS(wasm_memory_image_from_memory(scene.memory, &image), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_new_from_image(scene.host.store, type, image, &again), WASM_MEMORY_OK);
        if (CHECK(again != NULL)) {
            uint8_t *const base = wasm_memory_view(again)->base;
            CHECK(memcmp(base, scene.contents, (size_t)scene.length) == 0);
            memset(base, 0x63, (size_t)scene.length);
            CHECK_CONTENTS("written in the copy");
            check_furnished_file(file);
        }
        /* And back into the memory that it was taken of. */
        memcpy(written, scene.contents, (size_t)scene.length);
        scene.base[4 * host_page + 9] ^= 1;
        scene.contents[4 * host_page + 9] ^= 1;
        CHECK_CONTENTS("changed after the snapshot");
        CHECK_STATUS(wasm_memory_reset(scene.memory, image), WASM_MEMORY_OK);
        memcpy(scene.contents, written, (size_t)scene.length);
        CHECK_CONTENTS("as when the snapshot was taken");
        CHECK_STATUS(wasm_memory_fill(scene.memory, 0, 0x64, scene.length), WASM_MEMORY_OK);
        check_furnished_file(file);
        wasm_memory_delete(again);
        wasm_memory_image_delete(image);
        wasm_memorytype_delete(type);
        close(file);
        scene_clear();
    }
}

/* ---- dirty ranges ---- */

typedef struct {
    bool changed[4 * HOST_PAGES];
    uint64_t granule;
} dirt_t;

static void note_dirt(void *env, uint64_t offset, uint64_t length) {
    dirt_t *const dirt = (dirt_t *)env;
    uint64_t page;
    for (page = offset / host_page; page * host_page < offset + length && page < 4 * HOST_PAGES; page++)
        dirt->changed[page] = true;
}

static dirt_t dirt_of(const wasm_memory_t *memory) {
    dirt_t dirt;
    memset(&dirt, 0, sizeof dirt);
    CHECK_STATUS(wasm_memory_dirty_ranges(memory, note_dirt, &dirt), WASM_MEMORY_OK);
    return dirt;
}

TEST(mapping_and_unmapping_are_changes) {
    size_t kind, f;
    for (kind = 0; kind < KINDS; kind++)
        for (f = 0; f < 3; f++) {
            const int file = file_of(4 * host_page, 3);
            dirt_t dirt;
            scene_set(&kinds[kind]);
            CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
            CHECK_STATUS(map(4, file, 0, 4, every_flag[f]), WASM_MEMORY_OK);
            dirt = dirt_of(scene.memory);
            CHECK(dirt.changed[4] && dirt.changed[5] && dirt.changed[6] && dirt.changed[7]);
            CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
            if (f != 0) {
                scene.base[5 * host_page + 1] ^= 1; /* the guest's, of which nobody is told */
                dirt = dirt_of(scene.memory);
                CHECK(dirt.changed[5]);
                CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
                CHECK_STATUS(wasm_memory_store_u8(scene.memory, 6 * host_page, 1), WASM_MEMORY_OK);
                dirt = dirt_of(scene.memory);
                CHECK(dirt.changed[6]);
                CHECK_STATUS(wasm_memory_dirty_clear(scene.memory), WASM_MEMORY_OK);
            }
            CHECK_STATUS(wasm_memory_unmap(scene.memory, 6 * host_page, host_page), WASM_MEMORY_OK);
            dirt = dirt_of(scene.memory);
            CHECK(dirt.changed[6]);
            CHECK_STATUS(protect(9, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
            memset(&dirt, 0, sizeof dirt);
            CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, note_dirt, &dirt), WASM_MEMORY_PROTECTED);
            CHECK_STATUS(protect(9, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
            CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, note_dirt, &dirt), WASM_MEMORY_OK);
            close(file);
            scene_clear();
        }
}

/* ---- what is left of it when the memory is gone ---- */

TEST(a_place_that_is_used_again_is_clean_and_writable) {
    const int rounds = is_watched() ? 3 : 20;
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_of(&kinds[kind]);
        int round;
        for (round = 0; round < rounds; round++) {
            wasm_memory_t *fresh[3];
            int file, i;
            memset(&scene, 0, sizeof scene);
            scene.kind = &kinds[kind];
            scene.host = host;
            scene.memory = memory_of(host, shape_of(&kinds[kind]));
            scene.other = memory_of(host, shape_of(&kinds[kind]));
            if (scene.memory == NULL || scene.other == NULL) return;
            scene.base = wasm_memory_view(scene.memory)->base;
            scene.other_base = wasm_memory_view(scene.other)->base;
            scene.length = wasm_memory_data_size(scene.memory);
            CHECK(is_zero(scene.base, scene.length));
            file = furnish();
            if (round % 2 == 1) {
                CHECK_STATUS(wasm_memory_try_grow(scene.memory, pages_of(&kinds[kind], HOST_PAGES), NULL),
                             WASM_MEMORY_OK);
                CHECK_STATUS(protect(HOST_PAGES, 4, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
                CHECK_STATUS(map(HOST_PAGES + 2, file, 0, 1, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
            }
            wasm_memory_delete(scene.memory);
            wasm_memory_delete(scene.other);
            check_furnished_file(file);
            for (i = 0; i < 3; i++) {
                uint8_t *base;
                uint64_t length;
                fresh[i] = memory_of(host, shape_of(&kinds[kind]));
                if (fresh[i] == NULL) return;
                base = wasm_memory_view(fresh[i])->base;
                length = wasm_memory_data_size(fresh[i]);
                CHECK(is_zero(base, length));
                memset(base, 0x71, (size_t)length);
                CHECK_STATUS(wasm_memory_try_grow(fresh[i], pages_of(&kinds[kind], HOST_PAGES), NULL),
                             WASM_MEMORY_OK);
                CHECK(is_zero(base + length, length));
                memset(base + length, 0x72, (size_t)length);
                CHECK_STATUS(wasm_memory_fill(fresh[i], 0, 0x73, 2 * length), WASM_MEMORY_OK);
            }
            check_furnished_file(file);
            for (i = 0; i < 3; i++) wasm_memory_delete(fresh[i]);
            close(file);
        }
        host_delete(host);
    }
}

TEST(nothing_is_left_when_the_memory_is_gone) {
    uint64_t mappings, descriptors = 0;
    size_t kind;
    int round;
    for (round = 0; round < 2; round++) { /* the first one makes what is made once for a process */
        mappings = process_mappings();
        descriptors = open_descriptors();
        for (kind = 0; kind < KINDS; kind++) {
            uint64_t page;
            int file;
            scene_set(&kinds[kind]);
            file = furnish();
            for (page = 0; page < HOST_PAGES; page += 2)
                CHECK_STATUS(map(page, file, 1, 1, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_OK);
            close(file);
            scene_clear();
        }
        if (round == 1 && !is_watched()) CHECK(process_mappings() <= mappings + 2);
    }
    CHECK_EQ(open_descriptors(), descriptors);
}

/* ---- files that get shorter ---- */

static bool is_default(int signal) {
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

/* SIGBUS ends this child, unless the library keeps it away from the process. */
static void truncated_under_a_mapping(void *which) {
    const uint32_t flags = *(const uint32_t *)which;
    const wasm_memory_status_t write =
        flags == WASM_MEMORY_MAP_READ_ONLY ? WASM_MEMORY_PROTECTED : WASM_MEMORY_IO;
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const int file = file_of(4 * host_page, 3);
        wasm_memory_image_t *image = NULL;
        wasm_memory_status_t status;
        dirt_t dirt;
        uint8_t byte = 9;
        scene_set(&kinds[kind]);
        CHECK_STATUS(map(4, file, 0, 4, flags), WASM_MEMORY_OK);
        paint(scene.contents + 4 * host_page, 4 * host_page, 3);
        CHECK_CONTENTS("mapped");

        /* Half of it: the first two pages are as they were. */
        CHECK_EQ(ftruncate(file, 2 * (off_t)host_page), 0);
        hide(6, 8, true);
        if (flags == WASM_MEMORY_MAP_READ_ONLY) {
            scene.read_only_first = 4;
            scene.read_only_end = 8;
        }
        try_every_access(6, 8, WASM_MEMORY_IO, write);
        if (flags != WASM_MEMORY_MAP_READ_ONLY) {
            CHECK_STATUS(wasm_memory_fill(scene.memory, 4 * host_page, 0x33, 2 * host_page), WASM_MEMORY_OK);
            memset(scene.contents + 4 * host_page, 0x33, 2 * (size_t)host_page);
            CHECK_CONTENTS("the half that is there is written");
        }
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 7 * host_page, &byte), WASM_MEMORY_IO);
        CHECK_LAST_ERROR("shorter");
        CHECK_EQ(byte, 0);
        image = (wasm_memory_image_t *)(void *)&scene;
        CHECK_STATUS(wasm_memory_image_from_memory(scene.memory, &image), WASM_MEMORY_IO);
        CHECK(image == NULL);
        memset(&dirt, 0, sizeof dirt);
        CHECK_STATUS(wasm_memory_dirty_ranges(scene.memory, note_dirt, &dirt), WASM_MEMORY_IO);
        status = wasm_memory_erase(scene.memory); /* zeros into what is not there: all of it or none */
        if (status == WASM_MEMORY_OK) {
            memset(scene.contents, 0, (size_t)scene.length);
            CHECK(write != WASM_MEMORY_PROTECTED);
        } else {
            CHECK_STATUS(status, write);
        }
        CHECK_CONTENTS("an erasure");

        /* In the middle of a page, which then ends in zeros. */
        CHECK_EQ(ftruncate(file, (off_t)host_page + 10), 0);
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 6 * host_page - 1, &byte), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 6 * host_page, &byte), WASM_MEMORY_IO);
        CHECK_EQ(ftruncate(file, 0), 0);
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 4 * host_page, &byte), WASM_MEMORY_IO);
        hide(4, 8, true);
        try_every_access(4, 8, WASM_MEMORY_IO, write);

        /* It gets longer again. */
        CHECK_EQ(ftruncate(file, 4 * (off_t)host_page), 0);
        hide(4, 8, false);
        memset(scene.contents + 4 * host_page, 0, 4 * (size_t)host_page);
        CHECK_CONTENTS("the file is back, with zeros");
        try_every_access(4, 8, WASM_MEMORY_OK,
                         flags == WASM_MEMORY_MAP_READ_ONLY ? WASM_MEMORY_PROTECTED : WASM_MEMORY_OK);

        /* Whatever the file is, the rest works. */
        CHECK_EQ(ftruncate(file, 0), 0);
        CHECK_STATUS(wasm_memory_try_grow(scene.memory, 1, NULL), WASM_MEMORY_OK);
        CHECK_STATUS(protect(5, 1, WASM_MEMORY_PROT_NONE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_unmap(scene.memory, 4 * host_page, host_page), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 4 * host_page, &byte), WASM_MEMORY_OK);
        if (kind % 2 == 0) {
            CHECK_STATUS(wasm_memory_reset(scene.memory, NULL), WASM_MEMORY_OK);
            memset(scene.contents, 0, (size_t)scene.length);
            hide(4, 8, false);
            CHECK_CONTENTS("reset");
            CHECK_STATUS(wasm_memory_fill(scene.memory, 0, 0x34, scene.length), WASM_MEMORY_OK);
        }
        if (!is_watched()) CHECK(is_default(SIGBUS) && is_default(SIGSEGV));
        close(file);
        scene_clear();
    }
}

TEST(a_file_truncated_under_a_mapping_kills_nobody) {
    size_t f;
    for (f = 0; f < 3; f++) {
        uint32_t flags = every_flag[f];
        CHECK_EQ(in_child(truncated_under_a_mapping, &flags), 0);
    }
}

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define THIS_ARCHITECTURE 0
#endif

/* As sandboxes do: no call may reach into the memory of a process. Whether that can be had. */
static bool forbid_copies_between_processes(int error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_process_vm_writev, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return THIS_ARCHITECTURE != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void truncated_in_a_sandbox(void *which) {
    if (!forbid_copies_between_processes(*(const uint32_t *)which == WASM_MEMORY_MAP_SHARED ? ENOSYS : EPERM))
        _exit(77);
    truncated_under_a_mapping(which);
}

TEST(a_file_truncated_under_a_mapping_kills_nobody_in_a_sandbox_either) {
    size_t f;
    for (f = 0; f < 3 && !is_watched(); f++) {
        uint32_t flags = every_flag[f];
        const int status = in_child(truncated_in_a_sandbox, &flags);
        if (status == 77) {
            puts("skipped: this system has no filters of system calls");
            return;
        }
        CHECK_EQ(status, 0);
    }
}

/* ---- what is refused ---- */

/* All three functions. The descriptor is good. */
static void check_all_three(wasm_memory_t *memory, uint64_t offset, uint64_t length, int file,
                            wasm_memory_status_t expected) {
    size_t f;
    for (f = 0; f < 3; f++)
        CHECK_STATUS(wasm_memory_map_file(memory, offset, file, 0, length, every_flag[f]), expected);
    CHECK_STATUS(wasm_memory_unmap(memory, offset, length), expected);
    CHECK_STATUS(wasm_memory_protect(memory, offset, length, WASM_MEMORY_PROT_NONE), expected);
    CHECK_STATUS(wasm_memory_protect(memory, offset, length, WASM_MEMORY_PROT_READ), expected);
    CHECK_STATUS(wasm_memory_protect(memory, offset, length, WASM_MEMORY_PROT_READ_WRITE), expected);
}

TEST(null_is_answered) {
    const int file = file_of(host_page, 3);
    check_all_three(NULL, 0, host_page, file, WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_map_file(NULL, 1, -1, 1, 1, 77), WASM_MEMORY_NULL_ARGUMENT);
    CHECK_STATUS(wasm_memory_protect(NULL, 1, 1, 77), WASM_MEMORY_NULL_ARGUMENT);
    close(file);
}

TEST(flags_and_protections_that_are_none_are_refused) {
    const uint32_t flags[] = {0, 4, 5, 7, 8, 0x80000001, UINT32_MAX};
    const wasm_memory_protection_t protections[] = {-1, 3, 4, 7, INT32_MIN, INT32_MAX};
    const int file = file_of(8 * host_page, 3);
    size_t i;
    scene_set(&kinds[0]);
    for (i = 0; i < sizeof flags / sizeof *flags; i++) {
        CHECK_STATUS(map(0, file, 0, 1, flags[i]), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_STATUS(wasm_memory_map_file(scene.memory, 1, -1, 1, UINT64_MAX, flags[i]),
                     WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_STATUS(map(0, file, 0, 0, flags[i]), WASM_MEMORY_INVALID_ARGUMENT);
    }
    for (i = 0; i < sizeof protections / sizeof *protections; i++) {
        CHECK_STATUS(wasm_memory_protect(scene.memory, 0, host_page, protections[i]),
                     WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_STATUS(wasm_memory_protect(scene.memory, 1, UINT64_MAX, protections[i]),
                     WASM_MEMORY_INVALID_ARGUMENT);
    }
    CHECK_CONTENTS("nothing was changed");
    try_every_access(4, 8, WASM_MEMORY_OK, WASM_MEMORY_OK);
    close(file);
    scene_clear();
}

TEST(what_is_not_aligned_is_refused_with_the_alignment) {
    const int file = file_of(8 * host_page, 3);
    const uint64_t odd[] = {1, 7, 512, host_page - 1, host_page + 1, host_page / 2};
    char number[32];
    size_t kind, i;
    snprintf(number, sizeof number, "%" PRIu64, host_page);
    for (kind = 0; kind < KINDS; kind++) {
        scene_set(&kinds[kind]);
        CHECK_EQ(stats_of(scene.memory).map_alignment_bytes, host_page);
        for (i = 0; i < sizeof odd / sizeof *odd; i++) {
            check_all_three(scene.memory, odd[i], host_page, file, WASM_MEMORY_UNALIGNED);
            CHECK_LAST_ERROR(number);
            check_all_three(scene.memory, 0, odd[i], file, WASM_MEMORY_UNALIGNED);
            CHECK_LAST_ERROR(number);
            check_all_three(scene.memory, odd[i], 0, file, WASM_MEMORY_UNALIGNED);
            CHECK_STATUS(
                wasm_memory_map_file(scene.memory, 0, file, odd[i], host_page, WASM_MEMORY_MAP_READ_ONLY),
                WASM_MEMORY_UNALIGNED);
            CHECK_LAST_ERROR(number);
            /* Before the bounds and the descriptor. */
            check_all_three(scene.memory, UINT64_MAX, host_page, file, WASM_MEMORY_UNALIGNED);
            CHECK_STATUS(
                wasm_memory_map_file(scene.memory, odd[i], -1, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
                WASM_MEMORY_UNALIGNED);
        }
        CHECK_CONTENTS("nothing was changed");
        try_every_access(1, 3, WASM_MEMORY_OK, WASM_MEMORY_OK);
        scene_clear();
    }
    close(file);
}

TEST(ranges_past_the_memory_are_refused) {
    const int file = file_of(20 * host_page, 3);
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        uint64_t highest;
        scene_set(&kinds[kind]);
        highest = UINT64_MAX / host_page * host_page;
        check_all_three(scene.memory, scene.length, host_page, file, WASM_MEMORY_OUT_OF_BOUNDS);
        check_all_three(scene.memory, scene.length - host_page, 2 * host_page, file, WASM_MEMORY_OUT_OF_BOUNDS);
        check_all_three(scene.memory, 0, scene.length + host_page, file, WASM_MEMORY_OUT_OF_BOUNDS);
        check_all_three(scene.memory, highest, host_page, file, WASM_MEMORY_OUT_OF_BOUNDS); /* to 2^64 */
        check_all_three(scene.memory, highest, highest, file, WASM_MEMORY_OUT_OF_BOUNDS);
        check_all_three(scene.memory, host_page, highest, file, WASM_MEMORY_OUT_OF_BOUNDS);     /* wraps to 0 */
        check_all_three(scene.memory, 2 * host_page, highest, file, WASM_MEMORY_OUT_OF_BOUNDS); /* or beyond */
        check_all_three(scene.memory, scene.length + host_page, 0, file, WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(
            wasm_memory_map_file(scene.memory, scene.length, -1, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
            WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_map_file(scene.memory, 0, file, highest, host_page, WASM_MEMORY_MAP_READ_ONLY),
                     WASM_MEMORY_IO);
        CHECK_STATUS(
            wasm_memory_map_file(scene.memory, 0, file, highest, 2 * host_page, WASM_MEMORY_MAP_SHARED),
            WASM_MEMORY_IO);
        CHECK_CONTENTS("nothing was changed");
        /* What is reserved for growth is not the memory yet. */
        CHECK_STATUS(wasm_memory_try_grow(scene.memory, pages_of(&kinds[kind], HOST_PAGES), NULL),
                     WASM_MEMORY_OK);
        CHECK_STATUS(
            wasm_memory_map_file(scene.memory, scene.length, file, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
            WASM_MEMORY_OK);
        scene_clear();
    }
    close(file);
}

TEST(a_range_of_no_bytes_is_checked_and_then_nothing_happens) {
    const int file = file_of(host_page, 3);
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        scene_set(&kinds[kind]);
        check_all_three(scene.memory, 0, 0, file, WASM_MEMORY_OK);
        check_all_three(scene.memory, 4 * host_page, 0, file, WASM_MEMORY_OK);
        check_all_three(scene.memory, scene.length, 0, file, WASM_MEMORY_OK);
        CHECK_STATUS(map(0, -1, 0, 0, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_IO);
        CHECK_CONTENTS("nothing was changed");
        try_every_access(4, 8, WASM_MEMORY_OK, WASM_MEMORY_OK);
        scene_clear();
    }
    close(file);
}

TEST(descriptors_that_will_not_do_are_refused_and_nothing_is_changed) {
    const int file = file_of(4 * host_page, 3);
    const int short_file = file_of(2 * host_page, 3), empty_file = file_of(0, 3);
    const int read_only = opened_again(file, O_RDONLY), write_only = opened_again(file, O_WRONLY);
    const int closed = fcntl(file, F_DUPFD, 700), path_only = opened_again(file, O_PATH);
    const int folder = open("/", O_RDONLY | O_DIRECTORY), zeros = open("/dev/zero", O_RDWR);
    int pipes[2] = {-1, -1}, sockets[2] = {-1, -1}, sealed;
    size_t kind, i;
    uint64_t descriptors;
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(sealed >= 0);
    CHECK_EQ(ftruncate(sealed, 4 * (off_t)host_page), 0);
    CHECK_EQ(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
    close(closed);
    scene_set(&kinds[0]); /* what is opened once for a process is open now */
    scene_clear();
    descriptors = open_descriptors();
    for (kind = 0; kind < KINDS; kind++) {
        const intptr_t unusable[] = {-1,        INTPTR_MIN, INTPTR_MAX, INT32_MIN,
                                     1000000,   closed,     folder,     pipes[0],
                                     pipes[1],  sockets[0], zeros,      write_only,
                                     path_only, short_file, empty_file, (intptr_t)file + ((intptr_t)1 << 32)};
        int old;
        scene_set(&kinds[kind]);
        old = furnish();
        for (i = 0; i < sizeof unusable / sizeof *unusable; i++) {
            size_t f;
            for (f = 0; f < 3; f++) {
                errno = 0;
                CHECK_STATUS(map(8, unusable[i], 0, 3, every_flag[f]), WASM_MEMORY_IO);
                if (unusable[i] == closed || unusable[i] == -1) CHECK_EQ(errno, EBADF);
                CHECK(wasm_memory_last_error(NULL, 0) > 0);
            }
        }
        CHECK_STATUS(map(8, read_only, 0, 3, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_IO);
        CHECK_STATUS(map(8, sealed, 0, 3, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_IO);
        CHECK_STATUS(map(8, file, 2, 3, WASM_MEMORY_MAP_READ_ONLY), WASM_MEMORY_IO);
        CHECK_CONTENTS("nothing was changed");
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 9 * host_page, 1), WASM_MEMORY_PROTECTED);
        CHECK(faults(scene.base + 9 * host_page, true));
        CHECK(faults(scene.base + 10 * host_page, false));
        CHECK_EQ(open_descriptors(), descriptors + 1);
        /* What they are good for, they are good for. */
        CHECK_STATUS(map(8, read_only, 0, 3, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
        close(old);
        scene_clear();
    }
    {
        const int all[] = {file,  short_file, empty_file, read_only,  write_only, path_only, folder,
                           zeros, pipes[0],   pipes[1],   sockets[0], sockets[1], sealed};
        for (i = 0; i < sizeof all / sizeof *all; i++) close(all[i]);
    }
}

/* Regular files of which the system says only when they are to be mapped that it does not: files of /sys, files
   of huge pages, which would take more than was asked for. */
TEST(what_the_system_will_not_map_leaves_everything_in_place) {
    const uint64_t huge_page = 2 * MIB, length = 2 * huge_page;
    static uint8_t contents[4 << 20];
    int files[3];
    size_t kind, i, f;
    files[0] = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
    files[1] = open("/sys/kernel/vmcoreinfo", O_RDONLY);
    files[2] = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
    if (files[2] >= 0) CHECK_EQ(ftruncate(files[2], (off_t)length), 0);
    if (files[0] < 0) puts("skipped in part: no such file in /sys");
    if (files[2] < 0) puts("skipped in part: this system has no files of huge pages");
    paint(contents, sizeof contents, 1);
    for (kind = 0; kind < KINDS; kind++) {
        const host_t host = host_with_bounds(kinds[kind].bounds);
        const uint8_t log2 = kinds[kind].page_size_log2;
        wasm_memory_t *const memory =
            memory_of(host, shape(length >> log2, kinds[kind].has_maximum ? length >> log2 : NO_MAXIMUM,
                                  kinds[kind].is_64, false, log2));
        uint8_t *const base = wasm_memory_view(memory)->base;
        const uint64_t aligned =
            (huge_page - (uint64_t)(uintptr_t)base % huge_page) % huge_page; /* where it could be mapped */
        const uint64_t offsets[] = {aligned, 5 * host_page, length - host_page, aligned + 3 * host_page};
        CHECK_STATUS(wasm_memory_write(memory, 0, contents, (size_t)length), WASM_MEMORY_OK);
        for (i = 0; i < 3; i++)
            for (f = 0; f < 3 * sizeof offsets / sizeof *offsets; f++) {
                const uint64_t offset = offsets[f / 3];
                if (files[i] < 0) continue;
                CHECK_STATUS(wasm_memory_map_file(memory, offset, files[i], 0, host_page, every_flag[f % 3]),
                             WASM_MEMORY_IO);
                if (!CHECK(!faults(base + offset, true))) return; /* a hole, where anything may come to lie */
                CHECK(memcmp(base, contents, (size_t)length) == 0);
                if (stats_of(memory).bounds == WASM_MEMORY_BOUNDS_GUARDED) CHECK(faults(base + length, false));
            }
        CHECK_STATUS(wasm_memory_fill(memory, 0, 0x3d, length), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
    }
    for (i = 0; i < 3; i++)
        if (files[i] >= 0) close(files[i]);
}

static int borrow_file;

static void map_while_lent(void *env, uint8_t *data, size_t length) {
    (void)env;
    (void)data;
    (void)length;
    check_all_three(scene.memory, 0, host_page, borrow_file, WASM_MEMORY_BORROWED);
    check_all_three(scene.memory, 0, 0, borrow_file, WASM_MEMORY_BORROWED);
    check_all_three(scene.memory, 1, UINT64_MAX, borrow_file, WASM_MEMORY_BORROWED);
    CHECK_STATUS(map(0, -1, 0, 1, WASM_MEMORY_MAP_SHARED), WASM_MEMORY_BORROWED);
    CHECK_STATUS(map(0, -1, 0, 1, 0), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_STATUS(wasm_memory_protect(scene.memory, 0, host_page, 3), WASM_MEMORY_INVALID_ARGUMENT);
}

TEST(a_memory_that_is_lent_is_not_mapped) {
    borrow_file = file_of(host_page, 3);
    scene_set(&kinds[0]);
    CHECK_STATUS(wasm_memory_with_data(scene.memory, map_while_lent, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_with_data_mut(scene.memory, map_while_lent, NULL), WASM_MEMORY_OK);
    CHECK_CONTENTS("nothing was changed");
    check_all_three(scene.memory, scene.length, 0, borrow_file, WASM_MEMORY_OK);
    close(borrow_file);
    scene_clear();
}

TEST(shared_memories_are_refused) {
    const int file = file_of(host_page, 3);
    int exportable;
    for (exportable = 0; exportable < 2; exportable++) {
        wasm_config_t *const config = wasm_config_new();
        host_t host;
        wasm_memory_t *memory;
        wasm_config_memory_exportable_set(config, exportable == 1);
        host = host_with(config);
        memory = memory_of(host, shape(1, 2, false, true, 16));
        check_all_three(memory, 0, host_page, file, WASM_MEMORY_SHARED);
        check_all_three(memory, 1, UINT64_MAX, file, WASM_MEMORY_SHARED);
        CHECK_STATUS(wasm_memory_map_file(memory, 0, -1, 0, host_page, WASM_MEMORY_MAP_SHARED),
                     WASM_MEMORY_SHARED);
        CHECK_STATUS(wasm_memory_map_file(memory, 0, -1, 0, host_page, 0), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_STATUS(wasm_memory_store_u8(memory, 0, 1), WASM_MEMORY_OK);
        wasm_memory_delete(memory);
        host_delete(host);
    }
    close(file);
}

/* A host's block of one size. */
static size_t block_size(void *env) {
    (void)env;
    return PAGE;
}
static wasm_memory_status_t block_grow(void *env, size_t size) {
    (void)env;
    return size <= PAGE ? WASM_MEMORY_OK : WASM_MEMORY_OUT_OF_MEMORY;
}
static uint8_t *block_start(void *env) { return (uint8_t *)env; }
static wasm_memory_status_t make_block(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                       size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    (void)type;
    (void)minimum;
    (void)maximum;
    (void)reserved_bytes;
    (void)guard_bytes;
    out->struct_size = sizeof *out;
    out->env = env;
    out->byte_size = block_size;
    out->grow_to = block_grow;
    out->as_ptr = block_start;
    return WASM_MEMORY_OK;
}

TEST(memories_that_the_host_made_are_refused) {
    const int file = file_of(host_page, 3);
    void *const block = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    host_t host;
    wasm_memory_t *memory;
    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.env = block;
    allocator.new_memory = make_block;
    wasm_config_memory_allocator_set(config, &allocator);
    host = host_with(config);
    memory = memory_of(host, pages_32(1, 1));
    check_all_three(memory, 0, host_page, file, WASM_MEMORY_UNSUPPORTED);
    check_all_three(memory, 1, UINT64_MAX, file, WASM_MEMORY_UNSUPPORTED);
    CHECK_STATUS(wasm_memory_map_file(memory, 0, -1, 0, host_page, WASM_MEMORY_MAP_SHARED),
                 WASM_MEMORY_UNSUPPORTED);
    CHECK_STATUS(wasm_memory_protect(memory, 0, host_page, 3), WASM_MEMORY_INVALID_ARGUMENT);
    CHECK_STATUS(wasm_memory_fill(memory, 0, 1, PAGE), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
    munmap(block, PAGE);
    close(file);
}

/* No address space is to be had, but malloc has room. */
static void on_the_heap(void *unused) {
    enum { BLOCKS = 16, BLOCK_BYTES = 100000 };
    void *blocks[BLOCKS], *last;
    const int file = file_of(host_page, 3);
    const uint8_t *base;
    wasm_memory_t *memory = NULL;
    host_t host;
    int i;
    (void)unused;
    for (i = 0; i < BLOCKS; i++) blocks[i] = malloc(BLOCK_BYTES);
    last = malloc(100); /* what lies below stays malloc's */
    for (i = 0; i < BLOCKS; i++) free(blocks[i]);
    host = host_default();
    limit_address_space(process_kib("VmSize:") * KIB);
    if (try_memory(host, pages_32(1, 1), &memory) != WASM_MEMORY_OK) {
        puts("skipped: no memory is made on the heap here");
    } else {
        base = wasm_memory_view(memory)->base;
        if ((const char *)base > (const char *)sbrk(0) ||
            (const char *)base < (const char *)sbrk(0) - 64 * MIB) {
            puts("skipped: the memory is not on the heap");
        } else {
            check_all_three(memory, 0, host_page, file, WASM_MEMORY_UNSUPPORTED);
            check_all_three(memory, 1, UINT64_MAX, file, WASM_MEMORY_UNSUPPORTED);
            CHECK_STATUS(wasm_memory_fill(memory, 0, 1, PAGE), WASM_MEMORY_OK);
        }
    }
    wasm_memory_delete(memory);
    host_delete(host);
    free(last);
    close(file);
}

TEST(memories_on_the_heap_are_refused) {
    if (is_watched()) return; /* these have a malloc of their own */
    CHECK_EQ(in_child(on_the_heap, NULL), 0);
}

/* Bytes past the last whole host page cannot be mapped; the others can. */
TEST(pages_of_one_byte_are_mapped_by_host_pages) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    const uint64_t length = 4 * host_page + 100;
    wasm_memory_t *const memory = memory_of(host, bytes_32(length, 10 * host_page));
    uint8_t *const base = wasm_memory_view(memory)->base;
    const int file = file_of(8 * host_page, 3);
    uint64_t i;
    CHECK_STATUS(wasm_memory_fill(memory, 0, 0x81, length), WASM_MEMORY_OK);
    check_all_three(memory, 4 * host_page, host_page, file, WASM_MEMORY_OUT_OF_BOUNDS);
    check_all_three(memory, 4 * host_page, 100, file, WASM_MEMORY_UNALIGNED);
    check_all_three(memory, 0, 5 * host_page, file, WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_map_file(memory, 3 * host_page, file, 0, host_page, WASM_MEMORY_MAP_SHARED),
                 WASM_MEMORY_OK);
    CHECK(is_painted(base + 3 * host_page, host_page, 3, 0));
    for (i = 0; i < 100; i++) CHECK_EQ(base[4 * host_page + i], 0x81);
    CHECK_STATUS(wasm_memory_protect(memory, 0, 4 * host_page, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memory, 4 * host_page - 1, 1, 2), WASM_MEMORY_PROTECTED);
    CHECK_STATUS(wasm_memory_fill(memory, 4 * host_page, 1, 100), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, host_page - 101, NULL), WASM_MEMORY_OK);
    CHECK_EQ(base[4 * host_page + 100], 0);
    check_all_three(memory, 4 * host_page, host_page, file,
                    WASM_MEMORY_OUT_OF_BOUNDS); /* some bytes are missing */
    CHECK_STATUS(wasm_memory_fill(memory, 4 * host_page, 2, host_page), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_try_grow(memory, host_page, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_map_file(memory, 4 * host_page, file, 0, host_page, WASM_MEMORY_MAP_READ_ONLY),
                 WASM_MEMORY_OK);
    CHECK(is_painted(base + 4 * host_page, host_page, 3, 0));
    CHECK_STATUS(wasm_memory_fill(memory, 5 * host_page, 3, 99), WASM_MEMORY_OK);
    CHECK(file_is_painted(file, 0, 8 * host_page, 3));
    wasm_memory_delete(memory);
    host_delete(host);
    close(file);
}

/* ---- anything, in any order, against what it must come to ---- */

typedef enum { PLAIN, READ_ONLY, COPIED, SHARED } source_t;

/* Each page of the memory has one page of each file, so that no byte is in two places. */
static struct {
    source_t source[4 * HOST_PAGES];
    wasm_memory_protection_t protection[4 * HOST_PAGES];
    uint8_t own[ROOM], fixed[ROOM], common[ROOM]; /* the memory's own bytes, and those of two files */
    uint64_t pages;
    /* When changes began to count: the bytes, and the length. */
    uint8_t before[ROOM];
    uint64_t pages_before;
    bool squeezed; /* the process has hardly any mappings left */
} model;

/* Where the model has a page: the memory's own, or those of the file that others write to as well. */
static uint8_t *held(uint64_t page) {
    switch (model.source[page]) {
    case READ_ONLY: return model.fixed + page * host_page;
    case SHARED: return model.common + page * host_page;
    default: return model.own + page * host_page;
    }
}

static bool may_read(uint64_t page) { return model.protection[page] != WASM_MEMORY_PROT_NONE; }
static bool may_write(uint64_t page) {
    return model.protection[page] == WASM_MEMORY_PROT_READ_WRITE && model.source[page] != READ_ONLY;
}

static bool all(bool (*may)(uint64_t), uint64_t offset, uint64_t length) {
    uint64_t page;
    if (length == 0) return true;
    for (page = offset / host_page; page <= (offset + length - 1) / host_page; page++)
        if (!may(page)) return false;
    return true;
}

static void model_get(uint64_t offset, uint8_t *bytes, uint64_t length) {
    uint64_t i;
    for (i = 0; i < length; i++) bytes[i] = held((offset + i) / host_page)[(offset + i) % host_page];
}

static void model_put(uint64_t offset, const uint8_t *bytes, uint64_t length) {
    uint64_t i;
    for (i = 0; i < length; i++) held((offset + i) / host_page)[(offset + i) % host_page] = bytes[i];
}

static void model_clear(uint64_t first, uint64_t end) {
    uint64_t page;
    for (page = first; page < end; page++) {
        model.source[page] = PLAIN;
        model.protection[page] = WASM_MEMORY_PROT_READ_WRITE;
        memset(model.own + page * host_page, 0, (size_t)host_page);
    }
}

static void model_map(uint64_t first, uint64_t end, uint32_t flags) {
    uint64_t page;
    model_clear(first, end);
    for (page = first; page < end; page++) {
        model.source[page] = flags == WASM_MEMORY_MAP_READ_ONLY ? READ_ONLY
                             : flags == WASM_MEMORY_MAP_SHARED  ? SHARED
                                                                : COPIED;
        if (flags == WASM_MEMORY_MAP_COPY_ON_WRITE)
            memcpy(model.own + page * host_page, model.fixed + page * host_page, (size_t)host_page);
    }
}

/* Each page, as guest code sees it. */
static bool check_model(const wasm_memory_t *memory) {
    const uint8_t *const base = wasm_memory_view(memory)->base;
    uint64_t page;
    for (page = 0; page < model.pages; page++)
        if (may_read(page) && memcmp(base + page * host_page, held(page), (size_t)host_page) != 0) {
            printf("  host page %u, source %d, protection %d\n", (unsigned)page, (int)model.source[page],
                   (int)model.protection[page]);
            return CHECK(!"the contents of a page");
        }
    return true;
}

typedef struct {
    bool told[4 * HOST_PAGES];
    uint64_t end; /* of the last range */
    bool holds;
} told_t;

static void note_told(void *env, uint64_t offset, uint64_t length) {
    told_t *const told = (told_t *)env;
    const uint64_t total = model.pages * host_page;
    uint64_t page;
    told->holds &= length > 0 && offset % host_page == 0 && offset <= total && length <= total - offset;
    told->holds &= told->end == 0 || offset > told->end; /* apart, or they would be one */
    told->end = offset + length;
    for (page = offset / host_page; told->holds && page * host_page < told->end; page++)
        told->told[page] = true;
}

/* No page that is not as it was is left out. */
static bool check_told(const wasm_memory_t *memory) {
    const bool allowed = all(may_read, 0, model.pages * host_page);
    told_t told;
    uint64_t page;
    memset(&told, 0, sizeof told);
    told.holds = true;
    if (!CHECK_STATUS(wasm_memory_dirty_ranges(memory, note_told, &told),
                      allowed ? WASM_MEMORY_OK : WASM_MEMORY_PROTECTED))
        return false;
    if (!allowed) return CHECK_EQ(told.end, 0);
    if (!CHECK(told.holds)) return false;
    for (page = 0; page < model.pages; page++)
        if (!told.told[page] && (page >= model.pages_before ||
                                 memcmp(held(page), model.before + page * host_page, (size_t)host_page) != 0)) {
            printf("  host page %u, source %d, protection %d\n", (unsigned)page, (int)model.source[page],
                   (int)model.protection[page]);
            return CHECK(!"a page that changed and was not told");
        }
    return true;
}

/* What was asked for was done, or the process has too few mappings, and then nothing was. */
static bool was_done(wasm_memory_status_t status, bool *done, const char *what) {
    *done = status == WASM_MEMORY_OK;
    if (*done || (model.squeezed && status == WASM_MEMORY_OUT_OF_MEMORY)) return true;
    return check_status(status, WASM_MEMORY_OK, __FILE__, __LINE__, what);
}

#define STATUS_IF(may) ((may) ? WASM_MEMORY_OK : WASM_MEMORY_PROTECTED)

/* Page p of the memory goes with page p + 3 of the files. */
#define FILE_PAGE 3

typedef struct {
    const kind_t *kind;
    host_t host;
    wasm_memory_t *memory;
    int files[2];
    uint32_t random;
    unsigned step;
} walk_t;

/* The system may have refused when a part was done, and refuse to take it back: then less may be allowed than
   before, but what the library says is what is so. */
static bool check_refused(walk_t *walk, uint64_t first, uint64_t end) {
    uint8_t *const base = wasm_memory_view(walk->memory)->base;
    bool holds = true;
    uint64_t page;
    for (page = first; page < end; page++) {
        const uint64_t offset = page * host_page + 7;
        const bool could_read = may_read(page), could_write = may_write(page);
        const uint8_t there = held(page)[7];
        uint8_t byte = 0;
        const wasm_memory_status_t read = wasm_memory_load_u8(walk->memory, offset, &byte);
        const wasm_memory_status_t write = wasm_memory_store_u8(walk->memory, offset, there);
        if (read == WASM_MEMORY_OK)
            holds &= CHECK(could_read) && CHECK_EQ(byte, there) && CHECK(!faults(base + offset, false));
        else
            holds &= CHECK_STATUS(read, WASM_MEMORY_PROTECTED);
        if (write == WASM_MEMORY_OK)
            holds &= CHECK(could_write) && CHECK(!faults(base + offset, true));
        else
            holds &= CHECK_STATUS(write, WASM_MEMORY_PROTECTED);
        if (read != WASM_MEMORY_OK)
            model.protection[page] = WASM_MEMORY_PROT_NONE;
        else if (write != WASM_MEMORY_OK && could_write)
            model.protection[page] = WASM_MEMORY_PROT_READ;
    }
    return holds;
}

static bool step_of_mappings(walk_t *walk, uint64_t first, uint64_t end) {
    wasm_memory_t *const memory = walk->memory;
    const uint64_t low = first * host_page, high = end * host_page;
    bool done;
    switch (random_of(&walk->random) % 6) {
    case 0:
    case 1: {
        const uint32_t flags = every_flag[random_of(&walk->random) % 3];
        const int file = walk->files[flags == WASM_MEMORY_MAP_SHARED];
        if (!was_done(wasm_memory_map_file(memory, low, file, low + FILE_PAGE * host_page, high - low, flags),
                      &done, "map_file"))
            return false;
        if (done) model_map(first, end, flags);
        return true;
    }
    case 2:
        if (!was_done(wasm_memory_unmap(memory, low, high - low), &done, "unmap")) return false;
        if (done) model_clear(first, end);
        return true;
    default: {
        const wasm_memory_protection_t protection = (wasm_memory_protection_t)(random_of(&walk->random) % 3);
        wasm_memory_status_t status;
        uint64_t page;
        bool allowed = true;
        for (page = first; page < end; page++)
            allowed &= protection != WASM_MEMORY_PROT_READ_WRITE || model.source[page] != READ_ONLY;
        status = wasm_memory_protect(memory, low, high - low, protection);
        if (!allowed) return CHECK_STATUS(status, WASM_MEMORY_PROTECTED);
        if (!was_done(status, &done, "protect")) return false;
        if (!done) return check_refused(walk, first, end);
        for (page = first; page < end && done; page++) model.protection[page] = protection;
        return true;
    }
    }
}

static bool step_of_bytes(walk_t *walk, uint64_t offset, uint64_t length) {
    static uint8_t bytes[ROOM], expected[ROOM];
    wasm_memory_t *const memory = walk->memory;
    uint8_t *const base = wasm_memory_view(memory)->base;
    const bool writable = all(may_write, offset, length), readable = all(may_read, offset, length);
    switch (random_of(&walk->random) % 8) {
    case 0:
        paint(bytes, length, walk->step);
        if (writable) model_put(offset, bytes, length);
        return CHECK_STATUS(wasm_memory_write(memory, offset, bytes, (size_t)length), STATUS_IF(writable));
    case 1:
        memset(bytes, (int)(walk->step & 0xff), (size_t)length);
        if (writable) model_put(offset, bytes, length);
        return CHECK_STATUS(wasm_memory_fill(memory, offset, (uint8_t)walk->step, length), STATUS_IF(writable));
    case 2:
        memset(bytes, 0, (size_t)length);
        if (writable) model_put(offset, bytes, length);
        return CHECK_STATUS(wasm_memory_discard(memory, offset, length), STATUS_IF(writable));
    case 3: {
        const uint64_t source = random_of(&walk->random) % (model.pages * host_page - length);
        const bool allowed = writable && all(may_read, source, length);
        if (allowed) {
            model_get(source, bytes, length);
            model_put(offset, bytes, length);
        }
        return CHECK_STATUS(wasm_memory_copy_within(memory, offset, source, length), STATUS_IF(allowed));
    }
    case 4:
    case 5: /* guest code, which is told of by nobody */
        if (!writable) break;
        paint(bytes, length, walk->step);
        memcpy(base + offset, bytes, (size_t)length);
        model_put(offset, bytes, length);
        break;
    case 6: {
        const uint64_t page = offset / host_page;
        const bool read = faults(base + offset, false), write = faults(base + offset, true);
        if (model.squeezed) return CHECK(!read || !may_read(page)) && CHECK(!write || !may_write(page));
        return CHECK(read == !may_read(page)) && CHECK(write == !may_write(page));
    }
    default:
        memset(bytes, 0x77, (size_t)length);
        memset(expected, 0x77, (size_t)length);
        if (readable) model_get(offset, expected, length);
        return CHECK_STATUS(wasm_memory_read(memory, offset, bytes, (size_t)length), STATUS_IF(readable)) &&
               CHECK(memcmp(bytes, expected, (size_t)length) == 0);
    }
    return true;
}

/* A snapshot, what is made of it, and sometimes the memory itself brought back to it. */
static bool step_of_images(walk_t *walk) {
    const uint64_t total = model.pages * host_page;
    const bool allowed = all(may_read, 0, total);
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *twin = NULL;
    wasm_memorytype_t *type;
    wasm_memory_status_t status;
    uint64_t page;
    bool done, holds = true;
    status = wasm_memory_image_from_memory(walk->memory, &image);
    if (model.squeezed && status == WASM_MEMORY_OUT_OF_MEMORY) return true;
    if (!allowed) return CHECK_STATUS(status, WASM_MEMORY_PROTECTED);
    if (!was_done(status, &done, "image_from_memory")) return false;
    if (!done) return true;
    type = type_of(shape_of(walk->kind));
    if (!was_done(wasm_memory_new_from_image(walk->host.store, type, image, &twin), &done, "new_from_image"))
        holds = false;
    for (page = 0; page < model.pages && done; page++)
        holds &=
            CHECK(memcmp(wasm_memory_view(twin)->base + page * host_page, held(page), (size_t)host_page) == 0);
    wasm_memory_delete(twin);
    if (random_of(&walk->random) % 2 == 0 && !model.squeezed) {
        holds &= CHECK_STATUS(wasm_memory_reset(walk->memory, image), WASM_MEMORY_OK);
        for (page = 0; page < model.pages; page++) {
            uint8_t *const own = model.own + page * host_page;
            if (held(page) != own) memcpy(own, held(page), (size_t)host_page);
            model.source[page] = PLAIN;
            model.protection[page] = WASM_MEMORY_PROT_READ_WRITE;
        }
    }
    wasm_memory_image_delete(image);
    wasm_memorytype_delete(type);
    return holds;
}

static bool step_of_the_whole(walk_t *walk) {
    static uint8_t zeros[ROOM];
    wasm_memory_t *const memory = walk->memory;
    const uint64_t total = model.pages * host_page, more = PAGE > host_page ? PAGE / host_page : 1;
    uint8_t *const base = wasm_memory_view(memory)->base;
    uint64_t page;
    bool done;
    switch (random_of(&walk->random) % 32) {
    case 0: /* it may have been undone in part if this fails */
        if (model.squeezed) return true;
        model.pages = HOST_PAGES;
        model_clear(0, HOST_PAGES);
        return CHECK_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
    case 1: {
        const bool allowed = all(may_write, 0, total);
        if (allowed) model_put(0, zeros, total);
        return CHECK_STATUS(wasm_memory_erase(memory), STATUS_IF(allowed));
    }
    case 2:
    case 3:
        if (model.pages + more > 4 * HOST_PAGES) return true;
        if (!was_done(wasm_memory_try_grow(memory, pages_of(walk->kind, more), NULL), &done, "try_grow"))
            return false;
        if (done) {
            model_clear(model.pages, model.pages + more);
            model.pages += more;
        }
        return CHECK(wasm_memory_view(memory)->base == base);
    case 4:
    case 5: {
        const wasm_memory_status_t status = wasm_memory_dirty_clear(memory);
        /* Where a copy is compared with, one has to be made. What fails leaves what counted so far. */
        if (status == WASM_MEMORY_PROTECTED && !all(may_read, 0, total)) return true;
        if (!was_done(status, &done, "dirty_clear")) return false;
        if (!done) return true;
        for (page = 0; page < model.pages; page++)
            memcpy(model.before + page * host_page, held(page), (size_t)host_page);
        model.pages_before = model.pages;
        return true;
    }
    case 6:
    case 7:
    case 8: return check_told(memory);
    case 9: return step_of_images(walk);
    default: return true;
    }
}

static bool one_step(walk_t *walk) {
    const uint64_t first = random_of(&walk->random) % model.pages, count = random_of(&walk->random) % 6;
    const uint64_t end = first + count > model.pages ? model.pages : first + count;
    const uint64_t total = model.pages * host_page, offset = random_of(&walk->random) % total;
    const uint64_t most = random_of(&walk->random) % 3 == 0 ? 5 * host_page : 64;
    const uint64_t wanted = random_of(&walk->random) % most,
                   length = wanted > total - offset ? total - offset : wanted;
    switch (random_of(&walk->random) % 8) {
    case 0:
    case 1: return step_of_mappings(walk, first, end);
    case 2:
    case 3: return step_of_the_whole(walk);
    default: return step_of_bytes(walk, offset, length);
    }
}

static uint32_t seed;

/* A memory and its two files, and the model of them. */
static walk_t walk_begin(const kind_t *kind, uint32_t random) {
    static uint8_t bytes[ROOM + 4 * 65536];
    const uint64_t file_bytes = (4 * HOST_PAGES + FILE_PAGE) * host_page,
                   modelled = file_bytes - FILE_PAGE * host_page;
    walk_t walk;
    memset(&walk, 0, sizeof walk);
    walk.kind = kind;
    walk.host = host_of(kind);
    walk.memory = memory_of(walk.host, shape_of(kind));
    walk.files[0] = file_of(0, 5);
    walk.files[1] = file_of(0, 6);
    walk.random = random;
    memset(&model, 0, sizeof model);
    model.pages = model.pages_before = HOST_PAGES;
    model_clear(0, HOST_PAGES);
    paint(bytes, file_bytes, 5);
    memcpy(model.fixed, bytes + FILE_PAGE * host_page, (size_t)modelled);
    CHECK_EQ(pwrite(walk.files[0], bytes, (size_t)file_bytes, 0), file_bytes);
    paint(bytes, file_bytes, 6);
    memcpy(model.common, bytes + FILE_PAGE * host_page, (size_t)modelled);
    CHECK_EQ(pwrite(walk.files[1], bytes, (size_t)file_bytes, 0), file_bytes);
    return walk;
}

static bool walk_on(walk_t *walk, unsigned steps) {
    const unsigned end = walk->step + steps;
    bool holds = walk->memory != NULL;
    for (; walk->step < end && holds; walk->step++) {
        holds = one_step(walk);
        if (holds && walk->step % 8 == 0) holds = check_model(walk->memory);
        if (!holds)
            printf("  step %u of a memory that is %s, seed %" PRIu32 "\n", walk->step, walk->kind->name, seed);
    }
    return holds;
}

static void walk_end(walk_t *walk) {
    static uint8_t bytes[ROOM + 4 * 65536];
    const uint64_t file_bytes = (4 * HOST_PAGES + FILE_PAGE) * host_page,
                   modelled = file_bytes - FILE_PAGE * host_page;
    wasm_memory_delete(walk->memory);
    CHECK_EQ(pread(walk->files[1], bytes, (size_t)file_bytes, 0), file_bytes);
    CHECK(is_painted(bytes, FILE_PAGE * host_page, 6, 0));
    CHECK(memcmp(bytes + FILE_PAGE * host_page, model.common, (size_t)modelled) == 0);
    CHECK_EQ(pread(walk->files[0], bytes, (size_t)file_bytes, 0), file_bytes);
    CHECK(is_painted(bytes, file_bytes, 5, 0));
    close(walk->files[0]);
    close(walk->files[1]);
    host_delete(walk->host);
}

TEST(anything_in_any_order_comes_to_what_it_must) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        walk_t walk = walk_begin(&kinds[kind], seed + (uint32_t)kind == 0 ? 1 : seed + (uint32_t)kind);
        walk_on(&walk, is_watched() ? 300 : 6000);
        walk_end(&walk);
    }
}

/* ---- a process that has no mappings left ---- */

/* Takes what the system gives, but for a few. False: it gives more than can be taken here. */
static bool take_mappings(unsigned left) {
    const size_t pages = 140000;
    uint8_t *const block = (uint8_t *)mmap(NULL, pages * (size_t)host_page, PROT_NONE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t page;
    if (block == MAP_FAILED) return false;
    for (page = 1; page < pages; page += 2)
        if (mprotect(block + page * (size_t)host_page, (size_t)host_page, PROT_READ) != 0) break;
    if (page >= pages) return false;
    for (; left > 0; left--) { /* each gives back two: of it and its neighbour */
        page -= 2;
        mprotect(block + page * (size_t)host_page, (size_t)host_page, PROT_NONE);
    }
    return true;
}

typedef struct {
    size_t kind;
    unsigned left;
} squeeze_t;

static void walk_in_a_squeeze(void *env) {
    const squeeze_t *const squeeze = (const squeeze_t *)env;
    const unsigned spread = squeeze->kind % 2 == 0 ? 0 : 60; /* steps before it gets tight */
    walk_t walk = walk_begin(&kinds[squeeze->kind], seed + (uint32_t)(squeeze->kind * 100 + squeeze->left) + 1);
    if (walk.random == 0) walk.random = 1;
    walk_on(&walk, spread);
    if (!take_mappings(squeeze->left)) _exit(77);
    model.squeezed = true;
    walk_on(&walk, 400);
    walk_end(&walk);
}

TEST(a_process_without_mappings_is_told_so_and_nothing_is_changed) {
    const unsigned most = 4;
    squeeze_t squeeze;
    if (is_watched()) return; /* each of their mappings costs them time with the number of all */
    for (squeeze.kind = 0; squeeze.kind < KINDS; squeeze.kind++)
        for (squeeze.left = 0; squeeze.left < most; squeeze.left++) {
            const int status = in_child(walk_in_a_squeeze, &squeeze);
            if (status == 77) {
                puts("skipped: this system limits mappings less than can be tried");
                return;
            }
            if (!CHECK_EQ(status, 0))
                printf("  %s, %u left, seed %" PRIu32 "\n", kinds[squeeze.kind].name, squeeze.left, seed);
        }
}

/* A call that could be half done when it fails: a file's pages can change without a new mapping, those behind
   it cannot. */
static void half_of_a_protection(void *env) {
    const kind_t *const kind = (const kind_t *)env;
    const int file = file_of(2 * host_page, 3);
    uint8_t byte = 0;
    int refused = 0, round;
    scene_set(kind);
    CHECK_STATUS(map(4, file, 0, 2, WASM_MEMORY_MAP_COPY_ON_WRITE), WASM_MEMORY_OK);
    paint(scene.contents + 4 * host_page, 2 * host_page, 3);
    scene.base[4 * host_page] = scene.contents[4 * host_page] = 1;
    if (!take_mappings(0)) _exit(77);
    for (round = 0; round < 3; round++) { /* one may be left: it is taken first */
        const wasm_memory_protection_t protection = round == 1 ? WASM_MEMORY_PROT_READ : WASM_MEMORY_PROT_NONE;
        const wasm_memory_status_t status = protect(4, 4, protection);
        if (status == WASM_MEMORY_OK) {
            CHECK_STATUS(protect(4, 4, WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
            CHECK_STATUS(protect(14, 1, WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
            continue;
        }
        refused++;
        CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("max_map_count");
        CHECK(!faults(scene.base + 4 * host_page, false));
        CHECK(!faults(scene.base + 4 * host_page, true));
        CHECK_STATUS(wasm_memory_load_u8(scene.memory, 4 * host_page, &byte), WASM_MEMORY_OK);
        CHECK_EQ(byte, 1);
        CHECK_STATUS(wasm_memory_store_u8(scene.memory, 4 * host_page, 1), WASM_MEMORY_OK);
    }
    CHECK(refused > 0);
    CHECK_CONTENTS("protections that were refused");
    CHECK_STATUS(wasm_memory_reset(scene.memory, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(scene.memory, 0, 1, scene.length), WASM_MEMORY_OK);
    close(file);
    scene_clear();
}

TEST(a_protection_that_is_refused_is_not_half_done) {
    size_t kind;
    for (kind = 0; kind < KINDS && !is_watched(); kind++) {
        kind_t of = kinds[kind];
        const int status = in_child(half_of_a_protection, &of);
        if (status == 77) return;
        if (!CHECK_EQ(status, 0)) printf("  %s\n", of.name);
    }
}

/* ---- ranges longer than the kernel copies in one call ---- */

#define CHUNK_BYTES (64 * MIB)
#define CHUNKS 36

static void use_ranges_of_gigabytes(void) {
    const uint64_t total = CHUNKS * CHUNK_BYTES;
    const uint64_t length = total - 3;
    const int file = memfd_create("memory", MFD_CLOEXEC), buffer_file = memfd_create("buffer", MFD_CLOEXEC);
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_t *const memory = memory_of(host, pages_64(total / PAGE, NO_MAXIMUM));
    uint8_t *const base = wasm_memory_view(memory)->base;
    uint8_t *buffer;
    uint64_t i;
    /* The same bytes over and over, so that little memory is enough. */
    CHECK_EQ(ftruncate(file, (off_t)CHUNK_BYTES), 0);
    CHECK_EQ(ftruncate(buffer_file, (off_t)CHUNK_BYTES), 0);
    buffer =
        (uint8_t *)mmap(NULL, (size_t)total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!CHECK(buffer != MAP_FAILED)) return;
    for (i = 0; i < CHUNKS; i++) {
        CHECK(mmap(buffer + i * CHUNK_BYTES, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                   buffer_file, 0) != MAP_FAILED);
        CHECK_STATUS(
            wasm_memory_map_file(memory, i * CHUNK_BYTES, file, 0, CHUNK_BYTES, WASM_MEMORY_MAP_SHARED),
            WASM_MEMORY_OK);
    }
    for (i = 0; i < CHUNK_BYTES; i += 4096) base[i + i / 4096 % 4096] = (uint8_t)(1 + i / 4096 % 255);
    CHECK_STATUS(wasm_memory_read(memory, 3, buffer, (size_t)length), WASM_MEMORY_OK);
    CHECK(memcmp(buffer, base + 3, CHUNK_BYTES - 3) == 0);
    CHECK_STATUS(wasm_memory_fill(memory, 1, 0x21, length), WASM_MEMORY_OK);
    CHECK(base[1] == 0x21 && memcmp(base + 1, base + 2, CHUNK_BYTES - 2) == 0);
    CHECK_STATUS(wasm_memory_write(memory, 0, buffer, (size_t)length), WASM_MEMORY_OK);
    CHECK(memcmp(buffer, base, CHUNK_BYTES - 3) == 0);
    CHECK_STATUS(wasm_memory_discard(memory, 0, length), WASM_MEMORY_OK);
    CHECK(is_zero(base, CHUNK_BYTES - 3));
    munmap(buffer, (size_t)total);
    wasm_memory_delete(memory);
    host_delete(host);
    close(file);
    close(buffer_file);
}

TEST(ranges_of_gigabytes_are_done_whole) {
    if (!is_watched()) use_ranges_of_gigabytes();
}

int main(int count, char **arguments) {
    host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    seed = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : (uint32_t)time(NULL) * 2654435761u;
    if (seed == 0) seed = 1; /* from 0 no other number follows */
    printf("seed %" PRIu32 "\n", seed);
    fflush(stdout);
    RUN(every_access_to_a_protected_range_is_answered);
    RUN(the_status_has_a_sentence);
    RUN(what_traps_traps_in_protected_ranges_too);
    RUN(what_touches_the_whole_memory_asks_every_page);
    RUN(of_ranges_that_overlap_the_last_counts_page_by_page);
    RUN(guest_code_that_breaks_a_protection_faults);
    RUN(a_file_is_seen_where_it_is_mapped_and_as_the_flags_say);
    RUN(zeros_over_a_mapped_file_leave_it_mapped);
    RUN(a_mapping_replaces_what_was_there);
    RUN(unmapping_leaves_plain_zeros);
    RUN(protections_of_pieces_of_mappings);
    RUN(offsets_in_files_may_be_beyond_four_gigabytes);
    RUN(the_last_page_of_a_file_is_filled_up_with_zeros);
    RUN(several_files_and_one_file_several_times);
    RUN(every_handle_of_the_memory_sees_the_same);
    RUN(growth_leaves_mappings_and_protections_and_adds_plain_pages);
    RUN(growth_never_moves_a_memory_with_something_in_it);
    RUN(a_reset_undoes_mappings_and_protections);
    RUN(a_snapshot_has_the_bytes_and_not_the_mappings);
    RUN(mapping_and_unmapping_are_changes);
    RUN(a_place_that_is_used_again_is_clean_and_writable);
    RUN(nothing_is_left_when_the_memory_is_gone);
    RUN(a_file_truncated_under_a_mapping_kills_nobody);
    RUN(a_file_truncated_under_a_mapping_kills_nobody_in_a_sandbox_either);
    RUN(null_is_answered);
    RUN(flags_and_protections_that_are_none_are_refused);
    RUN(what_is_not_aligned_is_refused_with_the_alignment);
    RUN(ranges_past_the_memory_are_refused);
    RUN(a_range_of_no_bytes_is_checked_and_then_nothing_happens);
    RUN(descriptors_that_will_not_do_are_refused_and_nothing_is_changed);
    RUN(what_the_system_will_not_map_leaves_everything_in_place);
    RUN(a_memory_that_is_lent_is_not_mapped);
    RUN(shared_memories_are_refused);
    RUN(memories_that_the_host_made_are_refused);
    RUN(memories_on_the_heap_are_refused);
    RUN(pages_of_one_byte_are_mapped_by_host_pages);
    RUN(anything_in_any_order_comes_to_what_it_must);
    RUN(a_process_without_mappings_is_told_so_and_nothing_is_changed);
    RUN(a_protection_that_is_refused_is_not_half_done);
    RUN(ranges_of_gigabytes_are_done_whole);
    return check_finish();
}

#endif
