/* snapshot_and_reset: a program is set up once, and each request starts from there. Snapshots, reset, images in files.
 *
 *     segments --> image --> memory --> set up --> snapshot --> memory for a request --> reset --> the next request
 *                                                     |                                   |
 *                                                     +--> file --> snapshot in the next run
 *
 * An image is immutable and is nobody's memory: any number of memories are made from one, each for itself. A reset
 * costs what the request has written, not what the memory has. */
#include <string.h>

#include "example.h"

static const char path[] = "snapshot_and_reset.image";

/* Where the program has its things. */
enum { GREETING = 1024, SQUARES = 8192, SCRATCH = 100000, NUMBERS = 1000 };

static wasm_memorytype_t *type_of(uint32_t minimum, uint32_t maximum) {
    const wasm_limits_t limits = {minimum, maximum};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    EXPECT(type != NULL);
    return type;
}

/* What the data sections of a module say. Segments are laid down in order, so the second one is on top. */
static wasm_memory_image_t *image_of_segments(void) {
    const wasm_memory_segment_t segments[] = {{GREETING, "Hello, nobody", 13}, {GREETING + 7, "world!", 6}};
    wasm_memory_image_t *image;
    EXPECT_STATUS(wasm_memory_image_new(segments, 2, &image), WASM_MEMORY_OK);
    return image;
}

/* What the program does once, before the first request: it makes a table and takes more memory. */
static void set_up(wasm_memory_t *memory) {
    uint32_t n;
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    for (n = 0; n < NUMBERS; n++) EXPECT_STATUS(wasm_memory_store_u32(memory, SQUARES + 4 * n, n * n), WASM_MEMORY_OK);
}

/* A request: it looks something up, and leaves what nobody else shall see. */
static uint32_t square(wasm_memory_t *memory, uint32_t n) {
    uint32_t found, left_behind;
    EXPECT_STATUS(wasm_memory_load_u32(memory, SCRATCH, &left_behind), WASM_MEMORY_OK);
    EXPECT(left_behind == 0); /* whoever was here before */
    EXPECT_STATUS(wasm_memory_load_u32(memory, SQUARES + 4 * n, &found), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_store_u32(memory, SCRATCH, found), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_fill(memory, SQUARES, 0xff, 4 * NUMBERS), WASM_MEMORY_OK); /* programs have defects */
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    return found;
}

static void answer_requests(wasm_store_t *store, const wasm_memory_image_t *snapshot) {
    wasm_memorytype_t *const type = type_of(1, 4);
    wasm_memory_t *memory, *other;
    uint32_t n;

    EXPECT_STATUS(wasm_memory_new_from_image(store, type, snapshot, &memory), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_new_from_image(store, type, snapshot, &other), WASM_MEMORY_OK);
    EXPECT(wasm_memory_pages(memory) == 2); /* a snapshot has the size, too */
    for (n = 30; n < 34; n++) {
        printf("  the square of %u is %u\n", (unsigned)n, (unsigned)square(memory, n));
        EXPECT(wasm_memory_pages(memory) == 3);
        EXPECT_STATUS(wasm_memory_reset(memory, snapshot), WASM_MEMORY_OK);
        EXPECT(wasm_memory_pages(memory) == 2);
    }
    EXPECT(square(other, 7) == 49); /* none of that has touched this one */

    /* Without an image: zeros, at the size that the type begins with. */
    EXPECT_STATUS(wasm_memory_reset(memory, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u32(memory, SQUARES + 4, &n), WASM_MEMORY_OK);
    EXPECT(n == 0 && wasm_memory_pages(memory) == 1);

    wasm_memory_delete(other);
    wasm_memory_delete(memory);
    wasm_memorytype_delete(type);
}

static void first_run(wasm_store_t *store) {
    wasm_memorytype_t *const type = type_of(1, 4);
    wasm_memory_image_t *const segments = image_of_segments();
    wasm_memory_image_t *snapshot;
    wasm_memory_t *memory;
    char text[14] = {0};

    EXPECT_STATUS(wasm_memory_new_from_image(store, type, segments, &memory), WASM_MEMORY_OK);
    wasm_memory_image_delete(segments); /* the memory does not need it any more */
    EXPECT_STATUS(wasm_memory_read(memory, GREETING, text, 13), WASM_MEMORY_OK);
    EXPECT(strcmp(text, "Hello, world!") == 0);
    printf("made of two segments: \"%s\"\n", text);

    set_up(memory);
    EXPECT_STATUS(wasm_memory_image_from_memory(memory, &snapshot), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_store_u32(memory, SQUARES, 12345), WASM_MEMORY_OK); /* too late for the snapshot */
    wasm_memory_delete(memory);

    printf("requests:\n");
    answer_requests(store, snapshot);
    EXPECT_STATUS(wasm_memory_image_save(snapshot, path), WASM_MEMORY_OK);
    wasm_memory_image_delete(snapshot);
    wasm_memorytype_delete(type);
}

static void second_run(wasm_store_t *store) {
    wasm_memory_image_t *snapshot;
    EXPECT_STATUS(wasm_memory_image_load(path, &snapshot), WASM_MEMORY_OK);
    printf("requests in the second run, which has set nothing up:\n");
    answer_requests(store, snapshot);
    wasm_memory_image_delete(snapshot);
}

/* A file that something has happened to is no image: which of the two is said. */
static void damaged_files(void) {
    wasm_memory_image_t *image;
    FILE *file = fopen(path, "r+b");
    int byte;

    EXPECT(file != NULL && fseek(file, 200, SEEK_SET) == 0);
    byte = getc(file);
    EXPECT(byte != EOF && fseek(file, 200, SEEK_SET) == 0 && putc(byte ^ 1, file) != EOF && fclose(file) == 0);
    printf("one bit of the file is another:\n");
    EXPECT_REFUSED(wasm_memory_image_load(path, &image), WASM_MEMORY_IO);

    file = fopen(path, "wb");
    EXPECT(file != NULL && fputs("not what you think", file) >= 0 && fclose(file) == 0);
    printf("another file:\n");
    EXPECT_REFUSED(wasm_memory_image_load(path, &image), WASM_MEMORY_IO);

    EXPECT(remove(path) == 0);
    printf("no file:\n");
    EXPECT_REFUSED(wasm_memory_image_load(path, &image), WASM_MEMORY_IO);
    EXPECT(image == NULL);
}

/* An image goes with any type that has room for it. */
static void images_that_do_not_fit(wasm_store_t *store) {
    const wasm_memory_segment_t far_away = {MEMORY_PAGE_SIZE - 2, "four", 4};
    wasm_memorytype_t *const one_page = type_of(1, 1), *const two_pages = type_of(2, 2);
    wasm_memorytype_t *single_bytes;
    wasm_memory_image_t *segments, *snapshot;
    wasm_memory_t *memory;

    EXPECT_STATUS(wasm_memory_image_new(&far_away, 1, &segments), WASM_MEMORY_OK);
    printf("a segment that reaches past the memory:\n");
    EXPECT_REFUSED(wasm_memory_new_from_image(store, one_page, segments, &memory), WASM_MEMORY_OUT_OF_BOUNDS);

    EXPECT_STATUS(wasm_memory_new_from_image(store, two_pages, segments, &memory), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_image_from_memory(memory, &snapshot), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    printf("a snapshot of two pages, for a type of one:\n");
    EXPECT_REFUSED(wasm_memory_new_from_image(store, one_page, snapshot, &memory), WASM_MEMORY_MAXIMUM_EXCEEDED);

    EXPECT_STATUS(wasm_memorytype_try_new(1, false, 0, false, false, 0, &single_bytes), WASM_MEMORY_OK);
    printf("a snapshot of pages of 64 KiB, for a type with pages of one byte:\n");
    EXPECT_REFUSED(wasm_memory_new_from_image(store, single_bytes, snapshot, &memory), WASM_MEMORY_INVALID_TYPE);

    wasm_memorytype_delete(single_bytes);
    wasm_memory_image_delete(snapshot);
    wasm_memory_image_delete(segments);
    wasm_memorytype_delete(two_pages);
    wasm_memorytype_delete(one_page);
}

int main(void) {
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    EXPECT(store != NULL);

    first_run(store);
    second_run(store);
    damaged_files();
    images_that_do_not_fit(store);

    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
