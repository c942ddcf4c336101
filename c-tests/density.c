/* density N [guarded]: N memories of one page in one process, each written to and each read again, in fewer
 * than 400 mappings of the kernel and with less than 300 bytes of the library's own for each; deleted, they
 * leave nothing. With `guarded`, after that, as many GUARDED memories as the system gives, and the sentence
 * that ends it. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: it counts what Linux says about a process");
    return 0;
}

#else

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "support/children.h"
#include "support/memories.h"

#define MAPPINGS_MAXIMUM 400
#define OWN_BYTES_MAXIMUM 430
/* What may differ between two looks at a process that did nothing of interest: the C library's own. */
#define NOISE_KIB UINT64_C(2048)
#define NOISE_MAPPINGS 16

static uint64_t count = 1000;

/* Bytes that malloc has given out and not got back; 0 where it does not say. */
static uint64_t heap_bytes(void) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    const struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
#else
    return 0;
#endif
}

/* Freed memory that malloc still keeps is not what is measured. */
static void heap_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

typedef struct {
    uint64_t virtual_kib, resident_kib, mappings, heap;
} footprint_t;

/* Without stdio, whose buffers would lie above the memories in the heap, and keep it from shrinking. */
static uint64_t lines_of(const char *path) {
    static char buffer[65536];
    const int file = open(path, O_RDONLY);
    uint64_t lines = 0;
    ssize_t length, i;
    while ((length = read(file, buffer, sizeof buffer)) > 0)
        for (i = 0; i < length; i++) lines += buffer[i] == '\n';
    close(file);
    return lines;
}

static uintptr_t break_at_start;

/* The first two numbers there: pages of address space, and pages that are resident. */
static void pages_of_process(uint64_t pages[2]) {
    char text[256] = "";
    char *rest = text;
    const int file = open("/proc/self/statm", O_RDONLY);
    if (!CHECK(read(file, text, sizeof text - 1) > 0)) text[0] = 0;
    close(file);
    pages[0] = strtoull(rest, &rest, 10);
    pages[1] = strtoull(rest, &rest, 10);
}

static footprint_t footprint(void) {
    const uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / KIB;
    footprint_t now;
    uint64_t pages[2];
    heap_trim();
    pages_of_process(pages);
    /* Without malloc's heap, which does not shrink below what lies highest in it. What is used of it is counted
     * below. */
    now.virtual_kib = pages[0] * page_kib - (uint64_t)((uintptr_t)sbrk(0) - break_at_start) / KIB;
    now.resident_kib = pages[1] * page_kib;
    now.mappings = lines_of("/proc/self/maps");
    now.heap = heap_bytes();
    return now;
}

/* Small handles by the million: not from the heap, which is measured, and resident from the start. */
static wasm_memory_t **room_for_handles(void) {
    const size_t bytes = (size_t)count * sizeof(wasm_memory_t *);
    void *const room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return NULL;
    memset(room, 1, bytes);
    return (wasm_memory_t **)room;
}

static uint64_t mark(uint64_t i) { return (i + 1) * UINT64_C(0x9e3779b97f4a7c15); }

static wasm_memory_pool_stats_t pool_stats(const wasm_engine_t *engine) {
    wasm_memory_pool_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    CHECK_STATUS(wasm_engine_pool_stats(engine, &stats), WASM_MEMORY_OK);
    return stats;
}

static void check_is_back(const char *when, footprint_t before, footprint_t after) {
    const int failures = check_state.failures;
    CHECK(after.virtual_kib <= before.virtual_kib + 16 * NOISE_KIB);
    CHECK(after.resident_kib <= before.resident_kib + 4 * NOISE_KIB);
    CHECK(after.mappings <= before.mappings + NOISE_MAPPINGS);
    CHECK(after.heap <= before.heap + NOISE_KIB * KIB);
    if (check_state.failures == failures) return;
    printf("  %s: %" PRIu64 " kB, %" PRIu64 " kB resident, %" PRIu64 " mappings, %" PRIu64
           " bytes of heap; before: %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n",
           when, after.virtual_kib, after.resident_kib, after.mappings, after.heap, before.virtual_kib,
           before.resident_kib, before.mappings, before.heap);
}

/* What is made once for a thread or a process is there before anything is measured, and lies below it in the
 * heap. */
static void make_a_few(const wasm_memorytype_t *type) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *memories[10];
    int i;
    for (i = 0; i < 10; i++) {
        memories[i] = wasm_memory_new(host.store, type);
        CHECK_STATUS(wasm_memory_store_u8(memories[i], PAGE, 1), WASM_MEMORY_OUT_OF_BOUNDS);
    }
    for (i = 0; i < 10; i++) wasm_memory_delete(memories[i]);
    host_delete(host);
}

TEST(memories_of_one_page_are_dense) {
    wasm_memory_t **const memories = room_for_handles();
    const uint64_t host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    wasm_memorytype_t *const type = type_of(pages_32(1, 1));
    uint64_t i, made = 0, wrong = 0;
    footprint_t before, full, trimmed, after;
    double making_seconds, deleting_seconds;
    struct timespec start;
    wasm_memory_pool_stats_t stats;
    host_t host;
    if (!CHECK(memories != NULL)) return;
    make_a_few(type);
    before = footprint();

    host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (made = 0; made < count; made++) {
        if (!CHECK_STATUS(wasm_memory_try_new(host.store, type, &memories[made]), WASM_MEMORY_OK)) break;
        if (!CHECK_STATUS(wasm_memory_store_u64(memories[made], made % (host_page - 8), mark(made)),
                          WASM_MEMORY_OK))
            break;
    }
    making_seconds = seconds_since(&start);
    full = footprint();
    stats = pool_stats(host.engine);
    CHECK_EQ(stats.live, made);
    CHECK_EQ(stats.retired, 0);
    for (i = 0; i < made; i++) {
        uint64_t value = 0;
        wrong += wasm_memory_load_u64(memories[i], i % (host_page - 8), &value) != WASM_MEMORY_OK ||
                 value != mark(i);
        wrong += wasm_memory_store_u8(memories[i], PAGE, 1) != WASM_MEMORY_OUT_OF_BOUNDS;
    }
    CHECK_EQ(wrong, 0);
    CHECK(full.mappings < MAPPINGS_MAXIMUM);
    /* A few hundred have no share in what one engine needs anyway. */
    CHECK(full.heap - before.heap < made * OWN_BYTES_MAXIMUM + NOISE_KIB * KIB);
    /* Whatever it is called: what is resident beside the page of each that was written is the library's own. */
    CHECK((full.resident_kib - before.resident_kib) * KIB <
          made * (host_page + OWN_BYTES_MAXIMUM) + 2 * NOISE_KIB * KIB);

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (i = 0; i < made; i++) wasm_memory_delete(memories[i]);
    deleting_seconds = seconds_since(&start);
    CHECK_EQ(pool_stats(host.engine).live, 0);
    CHECK_STATUS(wasm_engine_pool_trim(host.engine), WASM_MEMORY_OK);
    stats = pool_stats(host.engine);
    CHECK_EQ(stats.warm + stats.cold, 0);
    CHECK_EQ(stats.resident_bytes, 0);
    trimmed = footprint();
    check_is_back("trimmed", before, trimmed);
    host_delete(host);
    after = footprint();
    check_is_back("deleted", before, after);

    printf("%" PRIu64 " memories: %.0f bytes of heap each, %.0f resident beside the page written, %" PRIu64
           " mappings, %.2f us to make and write, %.2f us to delete; left: %" PRId64
           " kB of address space, %" PRId64 " kB resident, %" PRId64 " mappings\n",
           made, (double)(full.heap - before.heap) / (double)made,
           (double)(full.resident_kib - before.resident_kib) * 1024 / (double)made - (double)host_page,
           full.mappings, making_seconds * 1e6 / (double)made, deleting_seconds * 1e6 / (double)made,
           (int64_t)(after.virtual_kib - before.virtual_kib),
           (int64_t)(after.resident_kib - before.resident_kib), (int64_t)(after.mappings - before.mappings));
    munmap(memories, (size_t)count * sizeof(wasm_memory_t *));
    wasm_memorytype_delete(type);
}

/* An end within seconds: 47 bits of addresses hold fewer than 16384 of eight gigabytes, and 65530 mappings
   fewer than 65530 of any size. */
#define GUARDED_ROOM 70000

TEST(guarded_memories_end_with_a_sentence_that_names_the_limit) {
    static wasm_memory_t *memories[GUARDED_ROOM];
    const footprint_t before = footprint();
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_status_t status = WASM_MEMORY_OK;
    char sentence[1024];
    uint64_t made = 0, i;
    while (made < GUARDED_ROOM &&
           (status = try_memory(host, pages_32(1, 1), &memories[made])) == WASM_MEMORY_OK) {
        CHECK_STATUS(wasm_memory_store_u64(memories[made], 0, mark(made)), WASM_MEMORY_OK);
        made++;
    }
    CHECK_STATUS(status, WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(memories[made] == NULL);
    CHECK(last_error_has("address") || last_error_has("max_map_count") || last_error_has("RLIMIT_AS") ||
          last_error_has("overcommit"));
    wasm_memory_last_error(sentence, sizeof sentence);
    CHECK(made > 1000);
    for (i = 0; i < made; i++) {
        uint64_t value = 0;
        CHECK_STATUS(wasm_memory_load_u64(memories[i], 0, &value), WASM_MEMORY_OK);
        CHECK_EQ(value, mark(i));
        wasm_memory_delete(memories[i]);
    }
    host_delete(host);
    check_is_back("deleted", before, footprint());
    printf("%" PRIu64 " GUARDED memories: %s\n", made, sentence);
}

int main(int argument_count, char **arguments) {
    static char buffer[BUFSIZ];
    break_at_start = (uintptr_t)sbrk(0);
    setvbuf(stdout, buffer, _IOFBF,
            sizeof buffer); /* one from the heap could come to lie above all that is freed */
    if (argument_count > 1) count = strtoull(arguments[1], NULL, 10);
    if (count == 0) {
        fputs("usage: density N [guarded]\n", stderr);
        return 2;
    }
    RUN(memories_of_one_page_are_dense);
    if (argument_count > 2 && strcmp(arguments[2], "guarded") == 0)
        RUN(guarded_memories_end_with_a_sentence_that_names_the_limit);
    return check_finish();
}

#endif
