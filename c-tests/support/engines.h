/* engines.h: engines of all kinds, also one whose memories the host makes, for tests of what has to hold with
 * each; the images and random numbers that these tests use; and processes that are denied something. Included
 * after _GNU_SOURCE is defined. */
#ifndef ENGINES_H
#define ENGINES_H

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#ifndef _WIN32
#include <sys/mman.h>
#include <sys/syscall.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#endif

#include "children.h"
#include "memories.h"
#include "watched.h"

static inline uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* ---- what happens at random ---- */

static uint64_t seed = 1;

/* From the first argument of the program, or another one each time; it is printed. */
static inline void seed_set(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10)
                    : (uint64_t)time(NULL) * UINT64_C(2654435761) + (uint64_t)getpid();
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
}

static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline uint64_t random_below(uint64_t *state, uint64_t end) {
    return end == 0 ? 0 : next_random(state) % end;
}

/* A state that follows from the seed, and is another one for each part of the tests. */
static inline uint64_t random_of(uint64_t part) {
    uint64_t state = (seed + part * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    int i;
    for (i = 0; i < 8; i++) next_random(&state); /* the first ones are much alike */
    return state;
}

/* How many steps at random are some that take a second. */
static inline uint64_t steps_of(uint64_t steps) { return is_watched() ? steps / 20 : steps; }

/* ---- bytes ---- */

static inline bool is_zero(const uint8_t *bytes, uint64_t length) {
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)length - 1) == 0);
}

/* None of them is zero. */
static inline void scribble(uint8_t *bytes, uint64_t length, uint64_t from) {
    uint64_t state = from * UINT64_C(0x9e3779b97f4a7c15) | 1, i;
    for (i = 0; i < length; i++) bytes[i] = (uint8_t)(next_random(&state) >> 33 | 1);
}

static inline void check_contents(const wasm_memory_t *memory, const uint8_t *expected, uint64_t end,
                                  uint64_t length, const char *file, int line) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    if (!check_equal(view->byte_length, length, file, line, "length")) return;
    end = least(end, length);
    check_report(end == 0 || memcmp(view->base, expected, (size_t)end) == 0, file, line,
                 "the bytes of the image", ": they are others");
    check_report(is_zero(view->base + end, length - end), file, line, "zeros behind the image",
                 ": there is more");
}
/* The memory has `length` bytes: `end` of them are the expected ones, the others zero. */
#define CHECK_CONTENTS(memory, expected, end, length) \
    check_contents(memory, expected, end, length, __FILE__, __LINE__)

/* ---- a host that makes the memories ---- */

typedef struct {
    uint8_t *base;
    size_t size, room;
    wasm_memory_status_t refuse_growth; /* the answer to growth; WASM_MEMORY_OK: it grows */
} block_t;

static block_t *last_block; /* that was made */

static inline size_t block_byte_size(void *env) { return ((block_t *)env)->size; }
static inline uint8_t *block_as_ptr(void *env) { return ((block_t *)env)->base; }

static inline wasm_memory_status_t block_grow_to(void *env, size_t new_size) {
    block_t *const block = (block_t *)env;
    if (block->refuse_growth != WASM_MEMORY_OK) return block->refuse_growth;
    if (new_size > block->room) return WASM_MEMORY_OUT_OF_MEMORY;
    block->size = new_size;
    return WASM_MEMORY_OK;
}

static inline void block_finalizer(void *env) {
    block_t *const block = (block_t *)env;
#ifdef _WIN32
    VirtualFree(block->base, 0, MEM_RELEASE);
#else
    munmap(block->base, block->room);
#endif
    free(block);
}

static inline wasm_memory_status_t block_new(void *env, const wasm_memorytype_t *type, size_t minimum,
                                             size_t maximum, size_t reserved, size_t guard,
                                             wasm_linear_memory_t *out) {
    block_t *const block = (block_t *)calloc(1, sizeof *block);
    const uint64_t room = least(most(minimum, MIB), most(maximum, 1)) + 256 * KIB;
    void *base;
    (void)env, (void)type, (void)reserved, (void)guard;
    if (block == NULL) return WASM_MEMORY_OUT_OF_MEMORY;
    block->size = minimum;
    block->room = (size_t)room;
#ifdef _WIN32
    base = VirtualAlloc(NULL, block->room, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (base == NULL) {
#else
    base = mmap(NULL, block->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
#endif
        free(block);
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    block->base = (uint8_t *)base;
    __atomic_store_n(&last_block, block, __ATOMIC_RELAXED);
    out->struct_size = sizeof *out;
    out->env = block;
    out->byte_size = block_byte_size;
    out->grow_to = block_grow_to;
    out->as_ptr = block_as_ptr;
    out->finalizer = block_finalizer;
    return WASM_MEMORY_OK;
}

/* ---- engines of all kinds ---- */

typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    uint64_t slots, slot_bytes, keep_resident_bytes, decommit_batch; /* slots 0: no pool */
    uint64_t reservation;                                            /* 0: the default */
    bool may_move, host_made, huge_pages;
} kind_t;

/* The last one is the host's. */
static const kind_t kinds[] = {
    {.name = "auto", .bounds = WASM_MEMORY_BOUNDS_AUTO},
    {.name = "guarded", .bounds = WASM_MEMORY_BOUNDS_GUARDED},
    {.name = "checked", .bounds = WASM_MEMORY_BOUNDS_CHECKED},
    {.name = "checked, small reservations", .bounds = WASM_MEMORY_BOUNDS_CHECKED, .reservation = MIB},
    {.name = "guarded slots, large",
     .bounds = WASM_MEMORY_BOUNDS_GUARDED,
     .slots = 16,
     .slot_bytes = 64 * MIB,
     .keep_resident_bytes = MIB,
     .decommit_batch = 16},
    {.name = "guarded slots, few, cleaned at once",
     .bounds = WASM_MEMORY_BOUNDS_GUARDED,
     .slots = 3,
     .slot_bytes = MIB,
     .keep_resident_bytes = 64 * KIB,
     .decommit_batch = 1},
    {.name = "checked slots, few, cleaned at once",
     .bounds = WASM_MEMORY_BOUNDS_CHECKED,
     .slots = 4,
     .slot_bytes = MIB,
     .keep_resident_bytes = 1,
     .decommit_batch = 1},
    {.name = "checked slots, tiny",
     .bounds = WASM_MEMORY_BOUNDS_CHECKED,
     .slots = 100,
     .slot_bytes = 128 * KIB,
     .keep_resident_bytes = 128 * KIB,
     .decommit_batch = 3},
    {.name = "slots by default", .bounds = WASM_MEMORY_BOUNDS_AUTO, .slots = 20, .slot_bytes = 4 * MIB},
    {.name = "moving", .bounds = WASM_MEMORY_BOUNDS_CHECKED, .reservation = 64 * KIB, .may_move = true},
    {.name = "host-made", .bounds = WASM_MEMORY_BOUNDS_AUTO, .host_made = true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static inline wasm_config_t *config_of(const kind_t *kind) {
    wasm_config_t *const config = wasm_config_new();
    wasm_config_memory_bounds_set(config, kind->bounds);
    wasm_config_memory_may_move_set(config, kind->may_move);
    wasm_config_memory_huge_pages_set(config, kind->huge_pages);
    if (kind->reservation != 0) {
        wasm_config_memory_reservation_set(config, kind->reservation);
        wasm_config_memory_reservation_for_growth_set(config, 0);
    }
    if (kind->slots != 0) {
        wasm_memory_pool_options_t options;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.slots = kind->slots;
        options.slot_bytes = kind->slot_bytes;
        options.keep_resident_bytes = kind->keep_resident_bytes;
        options.decommit_batch = kind->decommit_batch;
        options.overflow = true;
        wasm_config_memory_pool_set(config, &options);
    }
    if (kind->host_made) {
        wasm_memory_allocator_t allocator;
        memset(&allocator, 0, sizeof allocator);
        allocator.struct_size = sizeof allocator;
        allocator.new_memory = block_new;
        wasm_config_memory_allocator_set(config, &allocator);
    }
    return config;
}

static inline host_t host_of(const kind_t *kind) { return host_with(config_of(kind)); }

/* ---- types and images ---- */

static inline uint64_t page_of(shape_t of) { return UINT64_C(1) << of.page_size_log2; }
static inline uint64_t minimum_of(shape_t of) { return of.minimum * page_of(of); }
static inline uint64_t maximum_of(shape_t of) { return of.maximum * page_of(of); }

/* Sizes around what makes a difference: none, one, a page of the host and of the guest, slots and their
   classes. */
static const uint64_t sizes[] = {
    0,             1,          4095,          4096,      4097,          65535,
    65536,         65537,      256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 300 * KIB,
    300 * KIB + 1, MIB - 4096, MIB - 1,       MIB};
#define SIZES (sizeof sizes / sizeof *sizes)

static inline wasm_memory_image_t *snapshot(const wasm_memory_t *memory) {
    wasm_memory_image_t *image = NULL;
    CHECK_STATUS(wasm_memory_image_from_memory(memory, &image), WASM_MEMORY_OK);
    CHECK(image != NULL);
    return image;
}

static inline wasm_memory_image_t *image_of(uint64_t offset, const void *bytes, size_t length) {
    const wasm_memory_segment_t segment = {offset, bytes, length};
    wasm_memory_image_t *image = NULL;
    CHECK_STATUS(wasm_memory_image_new(&segment, 1, &image), WASM_MEMORY_OK);
    CHECK(image != NULL);
    return image;
}

static inline wasm_memory_status_t try_from(host_t host, shape_t of, const wasm_memory_image_t *image,
                                            wasm_memory_t **out) {
    wasm_memorytype_t *const type = type_of(of);
    const wasm_memory_status_t status = wasm_memory_new_from_image(host.store, type, image, out);
    wasm_memorytype_delete(type);
    return status;
}

static inline wasm_memory_t *memory_from(host_t host, shape_t of, const wasm_memory_image_t *image) {
    wasm_memory_t *memory = NULL;
    CHECK_STATUS(try_from(host, of, image, &memory), WASM_MEMORY_OK);
    CHECK(memory != NULL);
    return memory;
}

/* ---- processes that are not as usual ---- */

#ifdef _WIN32
void both_at_once(void (*in_the_child)(void *), void (*here)(void *), void *env);
#else
/* Forks, and runs one body in the child, with a count of failures of its own, and at the same time the other
   one here. */
static inline void both_at_once(void (*in_the_child)(void *), void (*here)(void *), void *env) {
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        check_state.failures = 0;
        in_the_child(env);
        fflush(stdout);
        _exit(check_state.failures != 0);
    }
    here(env);
    if (CHECK(child > 0) && CHECK_EQ(waitpid(child, &status, 0), child)) CHECK_EQ(status, 0);
}
#endif

/* Something that a process denies itself; false: it could not. */
typedef bool restriction_t(void);

/* Whether it is denied now. If not, this says that the test is skipped. */
static inline bool restrict_process(restriction_t *restriction, const char *what) {
    if (restriction()) return true;
    printf("skipped: %s is refused here\n", what);
    return false;
}

/* The kinds that differ in what they need of the system. */
static const size_t kinds_to_restrict[] = {0, 2, 3, 4, 6, 10};
#define KINDS_TO_RESTRICT (sizeof kinds_to_restrict / sizeof *kinds_to_restrict)

#ifdef __linux__
static inline bool hide_proc(void) {
    struct stat about;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 && unshare(CLONE_NEWNS) != 0) return false;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (mount("none", "/proc", "tmpfs", 0, NULL) != 0) return false;
    return CHECK(stat("/proc/self", &about) != 0);
}

/* Has the kernel refuse some of its calls with EPERM, as filters of containers do. */
static inline bool refuse_calls(const long *calls, size_t count) {
    struct sock_filter filter[32];
    struct sock_fprog program;
    unsigned short length = 0;
    size_t i;
    const struct sock_filter load_number =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    filter[length++] = load_number;
    for (i = 0; i < count; i++) {
        const struct sock_filter is_it = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[length++] = is_it;
        filter[length++] = refuse;
    }
    filter[length++] = allow;
    program.len = length;
    program.filter = filter;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

static inline bool refuse_ioctl(void) {
    const long calls[] = {SYS_ioctl, SYS_process_madvise};
    return refuse_calls(calls, 2) && CHECK(syscall(SYS_ioctl, 1, 0, 0) == -1 && errno == EPERM);
}

static inline bool refuse_userfaultfd(void) {
    const long calls[] = {SYS_userfaultfd};
    return refuse_calls(calls, 1);
}

static inline bool refuse_all_of_them(void) {
    const long calls[] = {SYS_ioctl, SYS_process_madvise, SYS_madvise, SYS_userfaultfd};
    return refuse_calls(calls, 4);
}
#endif

#ifdef _WIN32
bool have_no_descriptors(void);
void have_no_address_space(void);
#else
static inline bool have_no_descriptors(void) {
    const struct rlimit none = {3, 3};
    return setrlimit(RLIMIT_NOFILE, &none) == 0;
}

/* Nothing can be mapped any more: memories lie on the heap, or there are none. */
static inline void have_no_address_space(void) {
    void *room;
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
    room = malloc(48 * MIB);
    free(room);
    limit_address_space(process_kib("VmSize:") * KIB);
}
#endif

#endif
