/* file_allocator: memories made by the host, whose bytes are a file: they are still there in the next run.
 *
 *     base                 base + length     base + reserved
 *      | readable, writable | no access       | no access |
 *      | the file, and room for more of it    | the guard |
 *
 * The file is mapped over the whole reservation at once, so growth makes it longer and opens the new part, and the base
 * stays. The guard makes it fit for code without bounds checks (WASM_MEMORY_BOUNDS_GUARDED). Needs POSIX. */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "example.h"

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

#define MIB ((size_t)1 << 20)
#define HUGE_PAGE (2 * MIB)
#define ROOM_TO_GROW (256 * MIB) /* reserved for a checked memory */

/* --- one memory --------------------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    uint8_t *mapping; /* everything that was mapped */
    size_t mapping_bytes;
    uint8_t *base;
    size_t size, open, reserved, guard; /* open: `size`, in whole pages of the host */
} file_memory_t;

static size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

static size_t file_byte_size(void *env) { return ((const file_memory_t *)env)->size; }

static bool file_maximum_byte_size(void *env, size_t *out) {
    *out = ((const file_memory_t *)env)->reserved;
    return true;
}

/* Where a full disk must be an answer, and not a SIGBUS at the first access, use posix_fallocate for ftruncate. */
static wasm_memory_status_t file_grow_to(void *env, size_t new_size) {
    file_memory_t *const memory = env;
    const size_t open = rounded_up(new_size, (size_t)sysconf(_SC_PAGESIZE));

    if (open > memory->reserved) return WASM_MEMORY_OUT_OF_MEMORY;
    if (ftruncate(memory->fd, (off_t)new_size) != 0) return WASM_MEMORY_IO; /* what it adds is zero */
    if (open > memory->open &&
        mprotect(memory->base + memory->open, open - memory->open, PROT_READ | PROT_WRITE) != 0) {
        /* As it was before. If even that fails, the file has zeros at its end that nobody asked for. */
        return ftruncate(memory->fd, (off_t)memory->size) == 0 ? WASM_MEMORY_OUT_OF_MEMORY : WASM_MEMORY_IO;
    }
    memory->size = new_size;
    memory->open = open;
    return WASM_MEMORY_OK;
}

static uint8_t *file_as_ptr(void *env) { return ((const file_memory_t *)env)->base; }

static void file_accessible(void *env, uint8_t **out_start, size_t *out_length) {
    const file_memory_t *const memory = env;
    *out_start = memory->base;
    *out_length = memory->reserved + memory->guard;
}

/* The system keeps what was written. To survive a crash of the machine as well, msync first. */
static void file_finalizer(void *env) {
    file_memory_t *const memory = env;
    if (memory->mapping != NULL) munmap(memory->mapping, memory->mapping_bytes);
    if (memory->fd >= 0) close(memory->fd);
    free(memory);
}

/* --- the allocator: one file, of which one memory at a time is made ----------------------------------------------- */

typedef struct {
    char path[256];
    bool huge_pages;
} file_allocator_t;

/* The file, ours alone. One that is longer than the memory is refused: none of it may get lost, and growth must find
   zeros. */
static wasm_memory_status_t open_file(file_memory_t *memory, const char *path, size_t size) {
    struct stat found;
    memory->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (memory->fd < 0 || flock(memory->fd, LOCK_EX | LOCK_NB) != 0) return WASM_MEMORY_IO;
    if (fstat(memory->fd, &found) != 0 || found.st_size > (off_t)size) return WASM_MEMORY_IO;
    return WASM_MEMORY_OK;
}

/* Address space without access, and the file over its beginning. */
static wasm_memory_status_t reserve(file_memory_t *memory, bool huge_pages) {
    const size_t alignment = huge_pages ? HUGE_PAGE : 1;
    void *mapped;

    memory->mapping_bytes = memory->reserved + memory->guard + alignment - 1;
    mapped = mmap(NULL, memory->mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return WASM_MEMORY_OUT_OF_MEMORY;
    memory->mapping = mapped;
    memory->base = memory->mapping + (alignment - (uintptr_t)mapped % alignment) % alignment;
    mapped = mmap(memory->base, memory->reserved, PROT_NONE, MAP_SHARED | MAP_FIXED, memory->fd, 0);
    if (mapped == MAP_FAILED) return WASM_MEMORY_OUT_OF_MEMORY;
#if defined(MADV_HUGEPAGE)
    if (huge_pages) madvise(memory->base, memory->reserved, MADV_HUGEPAGE); /* advice: some file systems take it */
#endif
    return WASM_MEMORY_OK;
}

static wasm_memory_status_t file_new_memory(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                            size_t reserved_bytes, size_t guard_bytes, wasm_linear_memory_t *out) {
    const file_allocator_t *const allocator = env;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    file_memory_t *const memory = calloc(1, sizeof *memory);
    wasm_memory_status_t status;
    (void)type;

    if (memory == NULL) return WASM_MEMORY_OUT_OF_MEMORY;
    memory->fd = -1;
    /* What is demanded (under GUARDED), or what the type allows within reason. */
    memory->reserved = reserved_bytes;
    if (memory->reserved == 0) memory->reserved = maximum < ROOM_TO_GROW ? maximum : ROOM_TO_GROW;
    if (memory->reserved < minimum) memory->reserved = minimum;
    memory->reserved = memory->reserved == 0 ? page : rounded_up(memory->reserved, page);
    memory->guard = rounded_up(guard_bytes, page);

    status = open_file(memory, allocator->path, minimum);
    if (status == WASM_MEMORY_OK) status = reserve(memory, allocator->huge_pages);
    if (status == WASM_MEMORY_OK) status = file_grow_to(memory, minimum);
    if (status != WASM_MEMORY_OK) {
        file_finalizer(memory); /* the library finalizes what it was handed, and this it was not */
        return status;
    }
    out->struct_size = sizeof *out;
    out->env = memory;
    out->byte_size = file_byte_size;
    out->maximum_byte_size = file_maximum_byte_size;
    out->grow_to = file_grow_to;
    out->as_ptr = file_as_ptr;
    out->wasm_accessible = file_accessible;
    out->finalizer = file_finalizer;
    return WASM_MEMORY_OK;
}

/* A store whose memories are in that file. The allocator must live as long as they do, or have a finalizer. */
static wasm_store_t *store_on_file(file_allocator_t *file, wasm_memory_bounds_t bounds) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_allocator_t allocator;
    wasm_engine_t *engine;
    wasm_store_t *store;

    memset(&allocator, 0, sizeof allocator);
    allocator.struct_size = sizeof allocator;
    allocator.env = file;
    allocator.new_memory = file_new_memory;
    wasm_config_memory_allocator_set(config, &allocator);
    wasm_config_memory_bounds_set(config, bounds);
    engine = wasm_engine_new_with_config(config);
    store = wasm_store_new(engine);
    EXPECT(store != NULL);
    wasm_engine_delete(engine); /* the store keeps what it needs of it */
    return store;
}

/* --- two runs of a host ------------------------------------------------------------------------------------------- */

static wasm_memory_status_t memory_on_file(wasm_store_t *store, uint32_t minimum, wasm_memory_t **out) {
    const wasm_limits_t limits = {minimum, 8};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    const wasm_memory_status_t status = wasm_memory_try_new(store, type, out);
    wasm_memorytype_delete(type);
    return status;
}

static void first_run(file_allocator_t *file) {
    wasm_store_t *store = store_on_file(file, WASM_MEMORY_BOUNDS_GUARDED);
    wasm_memory_stats_t stats;
    wasm_memory_t *memory;
    wasm_memory_status_t status;
    const wasm_memory_view_t *view;
    uint8_t *base;

    status = memory_on_file(store, 1, &memory);
    if (status == WASM_MEMORY_OUT_OF_MEMORY || status == WASM_MEMORY_UNSUPPORTED) {
        /* A guarded memory takes 8 GiB of address space, which not every process has. */
        printf("no guarded memory here, so a checked one:\n");
        example_print_refusal(status);
        wasm_store_delete(store);
        store = store_on_file(file, WASM_MEMORY_BOUNDS_CHECKED);
        status = memory_on_file(store, 1, &memory);
    }
    EXPECT_STATUS(status, WASM_MEMORY_OK);
    stats.struct_size = sizeof stats;
    EXPECT_STATUS(wasm_memory_stats(memory, &stats), WASM_MEMORY_OK);
    printf("first run: a %s memory\n", stats.bounds == WASM_MEMORY_BOUNDS_GUARDED ? "guarded" : "checked");

    view = wasm_memory_view(memory);
    base = view->base;
    EXPECT_STATUS(wasm_memory_write(memory, 0, "kept in a file", 14), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    EXPECT(view->base == base && view->byte_length == 2 * MEMORY_PAGE_SIZE);
    EXPECT_STATUS(wasm_memory_store_u32(memory, 2 * MEMORY_PAGE_SIZE - 4, 2026), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
}

static void look_into_the_file(const file_allocator_t *file) {
    char start[14];
    FILE *const stream = fopen(file->path, "rb");
    EXPECT(stream != NULL);
    EXPECT(fread(start, 1, sizeof start, stream) == sizeof start && memcmp(start, "kept in a file", 14) == 0);
    EXPECT(fseek(stream, 0, SEEK_END) == 0 && ftell(stream) == 2 * 65536);
    fclose(stream);
    printf("the file has 131072 bytes and starts with \"%.14s\"\n", start);
}

static void second_run(file_allocator_t *file) {
    wasm_store_t *const store = store_on_file(file, WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *memory, *another;
    char text[14];
    uint32_t number;

    printf("a type of one page, for a file of two:\n");
    EXPECT_REFUSED(memory_on_file(store, 1, &memory), WASM_MEMORY_IO);

    EXPECT_STATUS(memory_on_file(store, 2, &memory), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_read(memory, 0, text, sizeof text), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u32(memory, 2 * MEMORY_PAGE_SIZE - 4, &number), WASM_MEMORY_OK);
    EXPECT(memcmp(text, "kept in a file", 14) == 0 && number == 2026);
    printf("second run: read \"%.14s\" and %u\n", text, (unsigned)number);

    printf("two memories on one file:\n");
    EXPECT_REFUSED(memory_on_file(store, 2, &another), WASM_MEMORY_IO);

    EXPECT_STATUS(wasm_memory_try_grow(memory, 6, NULL), WASM_MEMORY_OK);
    EXPECT_STATUS(wasm_memory_load_u32(memory, 8 * MEMORY_PAGE_SIZE - 4, &number), WASM_MEMORY_OK);
    EXPECT(number == 0);
    wasm_memory_delete(memory);
    wasm_store_delete(store);
}

int main(void) {
    const char *const folder = getenv("TMPDIR");
    file_allocator_t file;
    int fd;

    snprintf(file.path, sizeof file.path, "%s/wasm_memory_example_XXXXXX", folder != NULL ? folder : "/tmp");
    file.huge_pages = false;
    fd = mkstemp(file.path);
    EXPECT(fd >= 0);
    close(fd);

    first_run(&file);
    look_into_the_file(&file);
    file.huge_pages = true;
    second_run(&file);
    EXPECT(unlink(file.path) == 0);
    return 0;
}
