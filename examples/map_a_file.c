/* map_a_file: a part of a memory that is a file: to read without copying, to change privately, to share with others.
 *
 *     the memory   | stack, heap ... | the file, from an offset on | more of the memory |
 *
 * The guest reads and writes there as everywhere. Offsets and lengths are multiples of map_alignment_bytes. Needs
 * POSIX. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "example.h"

/* A dictionary: records of equal length, which a guest looks up. */
enum { RECORD = 16, RECORDS = 8192 }; /* 128 KiB */

static uint64_t alignment_of(const wasm_memory_t *memory) {
    wasm_memory_stats_t stats;
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    return stats.map_alignment_bytes;
}

static void make_dictionary(int fd) {
    char record[RECORD + 1];
    int i;
    for (i = 0; i < RECORDS; i++) {
        snprintf(record, sizeof record, "record %8d\n", i);
        EXPECT(write(fd, record, RECORD) == RECORD);
    }
}

static void expect_record(const wasm_memory_t *memory, uint64_t at, const char *first_word, int number) {
    char record[RECORD + 1] = {0}, expected[RECORD + 1];
    EXPECT_STATUS(wasm_memory_read(memory, at, record, RECORD), WASM_MEMORY_OK);
    snprintf(expected, sizeof expected, "%s %8d\n", first_word, number);
    EXPECT(strcmp(record, expected) == 0);
}

static void expect_in_file(int fd, const char *first_word, int number) {
    char record[RECORD + 1] = {0}, expected[RECORD + 1];
    EXPECT(pread(fd, record, RECORD, (off_t)number * RECORD) == RECORD);
    snprintf(expected, sizeof expected, "%s %8d\n", first_word, number);
    EXPECT(strcmp(record, expected) == 0);
}

/* False where this library maps no files: on the heap backend, or for a memory that had to go on the heap. */
static bool look_up(wasm_memory_t *memory, int fd, uint64_t dictionary) {
    const wasm_memory_status_t status =
        wasm_memory_map_file(memory, dictionary, fd, 0, RECORDS * RECORD, WASM_MEMORY_MAP_READ_ONLY);
    if (status == WASM_MEMORY_UNSUPPORTED) return false;
    EXPECT_STATUS(status, WASM_MEMORY_OK);
    expect_record(memory, dictionary, "record", 0);
    expect_record(memory, dictionary + 8191 * RECORD, "record", 8191);
    printf("read only: the guest finds record 8191, and nothing was copied\n");

    printf("a write there:\n");
    EXPECT_REFUSED(wasm_memory_write(memory, dictionary + 5, "x", 1), WASM_MEMORY_PROTECTED);
    return true;
}

/* Each write is the memory's own. Mapping over a mapping replaces it. */
static void change_privately(wasm_memory_t *memory, int fd, uint64_t dictionary) {
    EXPECT_STATUS(wasm_memory_map_file(memory, dictionary, fd, 0, RECORDS * RECORD, WASM_MEMORY_MAP_COPY_ON_WRITE),
                  WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_write(memory, dictionary + RECORD, "RECORD", 6), WASM_MEMORY_OK);
    expect_record(memory, dictionary + RECORD, "RECORD", 1);
    expect_in_file(fd, "record", 1);
    printf("copy on write: the guest has changed record 1, the file has not\n");
}

/* Each write is in the file at once, and seen by whoever has mapped it too. */
static void share(wasm_memory_t *memory, int fd, uint64_t dictionary) {
    const uint64_t alignment = alignment_of(memory);
    const int first = (int)(alignment / RECORD);
    EXPECT_STATUS(wasm_memory_map_file(memory, dictionary, fd, alignment, alignment, WASM_MEMORY_MAP_SHARED),
                  WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_write(memory, dictionary, "shared", 6), WASM_MEMORY_OK);
    expect_in_file(fd, "shared", first);
    printf("shared: what the guest has written is in the file, at %" PRIu64 "\n", alignment);

    /* Behind it is still the mapping from before, which shows what is in the file where the guest wrote nothing. */
    expect_record(memory, dictionary + alignment, "shared", first);
    expect_record(memory, dictionary + alignment + RECORD, "record", first + 1);
}

static void refusals(wasm_memory_t *memory, int fd, uint64_t dictionary) {
    const uint64_t alignment = alignment_of(memory);
    int closed;

    printf("a range that begins anywhere:\n");
    EXPECT_REFUSED(wasm_memory_map_file(memory, dictionary + 8, fd, 0, alignment, WASM_MEMORY_MAP_READ_ONLY),
                   WASM_MEMORY_UNALIGNED);
    printf("more than the file has:\n");
    EXPECT_REFUSED(wasm_memory_map_file(memory, dictionary, fd, RECORDS * RECORD, alignment, WASM_MEMORY_MAP_READ_ONLY),
                   WASM_MEMORY_IO);
    printf("more than the memory has:\n");
    EXPECT_REFUSED(wasm_memory_map_file(memory, 4 * MEMORY_PAGE_SIZE, fd, 0, alignment, WASM_MEMORY_MAP_READ_ONLY),
                   WASM_MEMORY_OUT_OF_BOUNDS);
    closed = dup(fd);
    EXPECT(closed >= 0 && close(closed) == 0);
    printf("a descriptor that is closed:\n");
    EXPECT_REFUSED(wasm_memory_map_file(memory, dictionary, closed, 0, alignment, WASM_MEMORY_MAP_READ_ONLY),
                   WASM_MEMORY_IO);
}

/* Somebody cuts the file short. A plain access to what is gone ends a program with SIGBUS; the API answers. */
static void a_file_that_gets_shorter(wasm_memory_t *memory, int fd, uint64_t dictionary) {
    char byte;
    EXPECT_STATUS(wasm_memory_map_file(memory, dictionary, fd, 0, RECORDS * RECORD, WASM_MEMORY_MAP_READ_ONLY),
                  WASM_MEMORY_OK);
    EXPECT(ftruncate(fd, 0) == 0);
    printf("the file is cut short:\n");
    EXPECT_REFUSED(wasm_memory_read(memory, dictionary, &byte, 1), WASM_MEMORY_IO);
}

int main(void) {
    const char *const folder = getenv("TMPDIR");
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    const uint64_t dictionary = MEMORY_PAGE_SIZE;
    char path[256];
    wasm_memory_t *memory;
    uint8_t byte = 1;
    int fd;

    EXPECT(store != NULL);
    memory = example_memory(store, 4, 8);
    snprintf(path, sizeof path, "%s/wasm_memory_example_XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(path);
    EXPECT(fd >= 0 && unlink(path) == 0); /* it lasts as long as somebody has it */
    make_dictionary(fd);

    if (look_up(memory, fd, dictionary)) {
        change_privately(memory, fd, dictionary);
        share(memory, fd, dictionary);
        refusals(memory, fd, dictionary);

        /* A memory with mappings grows as any other, and never moves. */
        EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
        a_file_that_gets_shorter(memory, fd, dictionary);

        /* Plain memory again: zeros. */
        EXPECT_STATUS(wasm_memory_unmap(memory, dictionary, RECORDS * RECORD), WASM_MEMORY_OK);
        EXPECT_STATUS(wasm_memory_read(memory, dictionary, &byte, 1), WASM_MEMORY_OK);
        EXPECT(byte == 0);
        EXPECT_STATUS(wasm_memory_write(memory, dictionary, "x", 1), WASM_MEMORY_OK);
        printf("unmapped: zeros, which can be written\n");
    } else {
        printf("skipped: no file can be mapped into a memory here\n");
    }
    EXPECT(close(fd) == 0);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
