/* test_isolation [SEED]: two tenants whose memories lie, one after the other, in the same places, while the
 * kernel is made to refuse what the library cleans with. Neither finds a byte of the other. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#if !defined(__linux__)

#include <stdio.h>

int main(void) {
    puts("skipped: it makes calls of the Linux kernel fail");
    return 0;
}

#else

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

/* Headers may be older than the kernel. */
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#ifndef __NR_process_madvise
#define __NR_process_madvise 440
#endif

static uint32_t seed;
static uint64_t host_page;

static uint32_t random_of(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static bool one_in(uint32_t *random, uint32_t chances) { return random_of(random) % chances == 0; }

/* ---- what the kernel refuses ---- */

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define THIS_ARCHITECTURE 0
#endif

/* Type 'f', number 16: the scan of the page map, whatever the size of its structure. */
#define PAGE_MAP_SCAN 0x6610

/* The error with which each fails; 0: it does what it does. */
typedef struct {
    int scan, madvise, process_madvise, open, mprotect;
} failures_t;

static bool has_failures(failures_t failures) {
    return (failures.scan | failures.madvise | failures.process_madvise | failures.open | failures.mprotect) !=
           0;
}

/* From here on calls fail, in this process and those that it forks. Whether that can be had. */
static bool make_calls_fail(failures_t failures) {
    const struct {
        long number;
        int error;
    } calls[] = {
        {__NR_madvise, failures.madvise}, {__NR_process_madvise, failures.process_madvise},
        {__NR_openat, failures.open},     {__NR_mprotect, failures.mprotect},
        {__NR_ioctl, failures.scan},
    };
    struct sock_filter filter[40];
    struct sock_fprog program;
    unsigned short count = 0;
    size_t i;
    if (THIS_ARCHITECTURE == 0) return false;
    filter[count++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (i = 0; i < sizeof calls / sizeof *calls; i++) {
        const bool is_scan = calls[i].number == __NR_ioctl;
        if (calls[i].error == 0) continue;
        filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, 0,
                                                       is_scan ? 4 : 1);
        if (is_scan) { /* the last, for its argument takes the number's place */
            filter[count++] =
                (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
            filter[count++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xffff);
            filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PAGE_MAP_SCAN, 0, 1);
        }
        filter[count++] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)calls[i].error);
    }
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = count;
    program.filter = filter;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

typedef struct {
    const char *name;
    failures_t failures;
    unsigned after; /* so many steps */
    bool paged_out, locked, forks, threads;
} weather_t;

static const weather_t weathers[] = {
    {"nothing", {0, 0, 0, 0, 0}, 0, false, false, false, false},
    {"memories are paged out", {0, 0, 0, 0, 0}, 0, true, false, false, false},
    {"forks", {0, 0, 0, 0, 0}, 0, false, false, true, false},
    {"forks, and memories are paged out", {0, 0, 0, 0, 0}, 0, true, false, true, false},
    {"two threads", {0, 0, 0, 0, 0}, 0, true, false, false, true},
    {"all pages are locked", {0, 0, 0, 0, 0}, 0, false, true, false, false},
    {"scans: EPERM", {EPERM, 0, 0, 0, 0}, 0, false, false, false, false},
    {"scans: ENOTTY", {ENOTTY, 0, 0, 0, 0}, 0, true, false, false, false},
    {"scans: EPERM, after some", {EPERM, 0, 0, 0, 0}, 7, false, false, false, false},
    {"scans: EFAULT, after many", {EFAULT, 0, 0, 0, 0}, 60, true, false, true, false},
    {"scans: EINTR, after some", {EINTR, 0, 0, 0, 0}, 25, false, false, false, false},
    {"scans: ENOMEM, two threads", {ENOMEM, 0, 0, 0, 0}, 0, false, false, false, true},
    {"no file can be opened", {0, 0, 0, ENOENT, 0}, 0, false, false, false, false},
    {"no file can be opened after some, forks", {0, 0, 0, EACCES, 0}, 20, true, false, true, false},
    {"madvise: EINVAL", {0, EINVAL, 0, 0, 0}, 0, false, false, false, false},
    {"madvise: EAGAIN, after some", {0, EAGAIN, 0, 0, 0}, 15, false, false, false, false},
    {"madvise: ENOMEM, after many", {0, ENOMEM, 0, 0, 0}, 70, false, false, false, false},
    {"process_madvise: EINVAL", {0, 0, EINVAL, 0, 0}, 0, false, false, false, false},
    {"process_madvise: EPERM, after some", {0, 0, EPERM, 0, 0}, 20, true, false, false, false},
    {"madvise and process_madvise: ENOMEM", {0, ENOMEM, ENOMEM, 0, 0}, 0, false, false, false, false},
    {"madvise and process_madvise: EAGAIN, two threads",
     {0, EAGAIN, EAGAIN, 0, 0},
     0,
     false,
     false,
     false,
     true},
    {"scans and madvise", {EPERM, EINVAL, EINVAL, 0, 0}, 0, false, false, false, false},
    {"scans and madvise, after some", {ENOTTY, EAGAIN, ENOSYS, 0, 0}, 30, false, false, true, false},
    {"scans, madvise and files, after some", {EPERM, EINVAL, EPERM, EACCES, 0}, 12, false, false, true, false},
    {"mprotect: ENOMEM, after some", {0, 0, 0, 0, ENOMEM}, 25, false, false, false, false},
    {"mprotect, scans and madvise, after some",
     {EPERM, EINVAL, EINVAL, 0, ENOMEM},
     25,
     false,
     false,
     false,
     false},
};
#define WEATHERS (sizeof weathers / sizeof *weathers)

/* ---- engines whose places are used again ---- */

typedef struct {
    const char *name;
    wasm_memory_bounds_t bounds;
    bool pooled;
    uint64_t slots, slot_bytes, keep_resident_bytes, decommit_batch;
    uint64_t maximum; /* of the type, in pages */
    bool moves, huge_pages;
} engine_t;

#define LARGEST 20 /* pages */
#define SLOT_BYTES (LARGEST * PAGE)

#define GUARDED WASM_MEMORY_BOUNDS_GUARDED
#define CHECKED WASM_MEMORY_BOUNDS_CHECKED
static const engine_t engines[] = {
    {"the default engine", WASM_MEMORY_BOUNDS_AUTO, false, 0, 0, 0, 0, NO_MAXIMUM, false, false},
    {"CHECKED", CHECKED, false, 0, 0, 0, 0, NO_MAXIMUM, false, false},
    {"CHECKED, small", CHECKED, false, 0, 0, 0, 0, 16, false, false},
    {"CHECKED, moving", CHECKED, false, 0, 0, 0, 0, NO_MAXIMUM, true, false},
    {"GUARDED, moving", GUARDED, false, 0, 0, 0, 0, NO_MAXIMUM, true, false},
    {"CHECKED slots", CHECKED, true, 6, SLOT_BYTES, 0, 0, NO_MAXIMUM, false, false},
    {"CHECKED slots that keep nothing", CHECKED, true, 6, SLOT_BYTES, 1, 3, NO_MAXIMUM, false, false},
    {"CHECKED slots that keep all", CHECKED, true, 6, SLOT_BYTES, SLOT_BYTES, 1, LARGEST, false, false},
    {"CHECKED slots of huge pages", CHECKED, true, 6, 8 * MIB, 64 * KIB, 2, NO_MAXIMUM, false, true},
    {"GUARDED slots", GUARDED, true, 5, 0, 64 * KIB, 0, NO_MAXIMUM, false, false},
    {"GUARDED slots that keep all", GUARDED, true, 5, 0, SLOT_BYTES, 1, NO_MAXIMUM, false, false},
    {"one slot", CHECKED, true, 1, 0, 8 * KIB, 1, NO_MAXIMUM, false, false},
};
#define ENGINES (sizeof engines / sizeof *engines)

static host_t host_of(const engine_t *engine) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_pool_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.slots = engine->slots;
    options.slot_bytes = engine->slot_bytes;
    options.keep_resident_bytes = engine->keep_resident_bytes;
    options.decommit_batch = engine->decommit_batch;
    options.overflow = true;
    if (engine->pooled) wasm_config_memory_pool_set(config, &options);
    if (engine->moves) {
        wasm_config_memory_may_move_set(config, true);
        wasm_config_memory_reservation_set(config, 2 * PAGE);
        wasm_config_memory_reservation_for_growth_set(config, PAGE);
    }
    wasm_config_memory_huge_pages_set(config, engine->huge_pages);
    wasm_config_memory_bounds_set(config, engine->bounds);
    return host_with(config);
}

/* ---- a tenant: what it fills its memories with, and what it must find in a new one ---- */

/* What a tenant has at each offset. No byte is 0, and each says whose it is. */
static uint8_t patterns[2][SLOT_BYTES];

static void make_patterns(void) {
    uint64_t i;
    for (i = 0; i < SLOT_BYTES; i++) {
        const uint8_t low = (uint8_t)((i * 7 + (i >> 12) * 5 + 1) % 0x3f);
        patterns[0][i] = (uint8_t)(0x80 | low);
        patterns[1][i] = (uint8_t)(0x40 | low);
    }
}

static void fill_with(int tenant, uint8_t *bytes, uint64_t from, uint64_t length) {
    memcpy(bytes + from, patterns[tenant] + from, (size_t)length);
}

typedef struct {
    uint64_t offset, length;
    wasm_memory_image_t *image; /* NULL: none, the memory is zeros */
} initial_t;

enum { IMAGES = 4 };

/* From bytes that are copied to large ones, which may be mapped. The tenants' have the same shape. */
static const struct {
    uint64_t offset, length;
} image_shapes[IMAGES] = {{0, 0}, {5000, 40}, {3000, 50000}, {9000, 12 * PAGE}};

typedef struct {
    wasm_memory_t *memory;
    shape_t shape;
    uint64_t minimum_bytes;
    uint64_t sum; /* of its bytes when it was last left alone */
    bool is_furnished;
} held_t;

enum { HELD = 3 };

typedef struct {
    const weather_t *weather;
    const engine_t *engine;
    host_t host;
    uint32_t random;
    unsigned step, steps;
    int first_tenant, tenants; /* those that act here */
    held_t held[2][HELD];
    initial_t initial[2][IMAGES];
    int files[2];
    uint64_t wrong;
    uint64_t made, resets, refused;
} scene_t;

static uint64_t sum_of(const wasm_memory_t *memory) {
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t sum = view->byte_length, i, word;
    for (i = 0; i < view->byte_length; i += sizeof word) {
        const size_t rest = view->byte_length - (size_t)i;
        word = 0;
        memcpy(&word, view->base + i, rest < sizeof word ? rest : sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 29);
    }
    return sum;
}

static bool wrong(scene_t *scene, const char *what, uint64_t number) {
    scene->wrong++;
    if (scene->wrong < 4)
        printf("  %s: %" PRIu64 "; step %u, %s, kernel: %s, seed %" PRIu32 "\n", what, number, scene->step,
               scene->engine->name, scene->weather->name, seed);
    return false;
}

static bool check_bytes(scene_t *scene, int tenant, const uint8_t *bytes, const uint8_t *expected,
                        uint64_t from, uint64_t end) {
    for (; from < end; from++) {
        const uint64_t piece = end - from < PAGE ? end - from : PAGE;
        if (memcmp(bytes + from, expected + from, (size_t)piece) == 0) {
            from += piece - 1;
            continue;
        }
        while (bytes[from] == expected[from]) from++;
        if (bytes[from] >= 0x40 && (bytes[from] >= 0x80) != (tenant == 0))
            return wrong(scene, "a byte of the other's at", from);
        return wrong(scene, "a byte of what was before at", from);
    }
    return true;
}

/* Zeros but for the bytes of its own image. */
static void check_fresh(scene_t *scene, int tenant, const uint8_t *bytes, uint64_t from, uint64_t length,
                        const initial_t *initial) {
    static const uint8_t zeros[SLOT_BYTES];
    const uint64_t end = from + length, image_end = initial->offset + initial->length;
    const uint64_t first = initial->offset < from ? from : initial->offset > end ? end : initial->offset;
    const uint64_t last = image_end < first ? first : image_end > end ? end : image_end;
    if (check_bytes(scene, tenant, bytes, zeros, from, first) &&
        check_bytes(scene, tenant, bytes, patterns[tenant], first, last))
        check_bytes(scene, tenant, bytes, zeros, last, end);
}

/* Under some weathers there is not always room; otherwise there is. */
static bool is_fine(scene_t *scene, wasm_memory_status_t status, const char *what) {
    if (status == WASM_MEMORY_OK) return true;
    scene->refused++;
    if (status != WASM_MEMORY_OUT_OF_MEMORY || scene->weather->failures.mprotect == 0) {
        char sentence[256];
        wasm_memory_last_error(sentence, sizeof sentence);
        wrong(scene, what, (uint64_t)status);
        if (scene->wrong < 4) printf("  %s\n", sentence);
    }
    return false;
}

/* ---- what tenants do ---- */

static void page_out(scene_t *scene, const held_t *held) {
    const wasm_memory_view_t *const view = wasm_memory_view(held->memory);
    const size_t length = view->byte_length / (size_t)host_page * (size_t)host_page;
    if (!scene->weather->paged_out || one_in(&scene->random, 3)) return;
    madvise(view->base, length, one_in(&scene->random, 4) ? MADV_COLD : MADV_PAGEOUT);
}

/* All of it, some pages, or one byte in each of some; through the library or as guest code does. */
static void scribble(scene_t *scene, int tenant, held_t *held, uint64_t from) {
    uint8_t *const base = wasm_memory_view(held->memory)->base;
    const uint64_t length = wasm_memory_data_size(held->memory);
    uint32_t *const random = &scene->random;
    uint64_t page;
    if (from == length) return;
    switch (random_of(random) % 5) {
    case 0: fill_with(tenant, base, from, length - from); break;
    case 1:
        if (wasm_memory_fill(held->memory, from, patterns[tenant][from], length - from) != WASM_MEMORY_OK)
            wrong(scene, "a fill", from);
        break;
    case 2:
        for (page = from / host_page; page < length / host_page; page++)
            if (one_in(random, 4)) fill_with(tenant, base, page * host_page, host_page);
        break;
    case 3:
        for (page = from / host_page; page < length / host_page; page++)
            if (one_in(random, 3)) fill_with(tenant, base, page * host_page + random_of(random) % host_page, 1);
        break;
    default: fill_with(tenant, base, length - 1, 1); break;
    }
}

/* A file of its own over some pages, and protections. Writes into what is shared go to the file. */
static void furnish(scene_t *scene, int tenant, held_t *held) {
    const uint32_t flags = 1 + random_of(&scene->random) % 3;
    const uint64_t pages = wasm_memory_data_size(held->memory) / host_page,
                   first = pages == 0 ? 0 : random_of(&scene->random) % pages;
    const uint64_t count = pages - first < 4 ? pages - first : 4;
    uint8_t *const base = wasm_memory_view(held->memory)->base;
    if (held->shape.shared || pages == 0) return;
    /* The system is asked for more than it is by memories alone: any refusal that says so is one. */
    const wasm_memory_status_t status = wasm_memory_map_file(held->memory, first * host_page,
                                                             scene->files[tenant], 0, count * host_page, flags);
    if (status != WASM_MEMORY_OK && !has_failures(scene->weather->failures)) wrong(scene, "a mapping", first);
    if (status == WASM_MEMORY_OK && flags != WASM_MEMORY_MAP_READ_ONLY)
        fill_with(tenant, base, first * host_page, count * host_page);
    if (one_in(&scene->random, 2)) {
        const uint64_t at = random_of(&scene->random) % pages;
        const wasm_memory_protection_t protection = (wasm_memory_protection_t)(random_of(&scene->random) % 2);
        if (wasm_memory_protect(held->memory, at * host_page, host_page, protection) == WASM_MEMORY_OK)
            held->is_furnished = true;
        else if (!has_failures(scene->weather->failures))
            wrong(scene, "a protection", at);
    }
    held->is_furnished |= status == WASM_MEMORY_OK;
}

/* Mostly unshared memories of 64 KiB pages, but others take the same places. */
static shape_t some_shape(scene_t *scene, uint64_t at_least_bytes) {
    const uint64_t most = scene->engine->maximum < LARGEST ? scene->engine->maximum : LARGEST;
    uint64_t pages = one_in(&scene->random, 3) ? 16 : 1 + random_of(&scene->random) % 4;
    if (pages * PAGE < at_least_bytes) pages = (at_least_bytes + PAGE - 1) / PAGE;
    switch (random_of(&scene->random) % 6) {
    case 0: return shape(pages, most, false, true, 16);
    case 1: { /* bytes that are no whole page of the host */
        const uint64_t bytes = pages * PAGE - random_of(&scene->random) % PAGE;
        return bytes_32(bytes < at_least_bytes ? at_least_bytes : bytes, most * PAGE);
    }
    default: return pages_32(pages, scene->engine->maximum);
    }
}

static void make(scene_t *scene, int tenant, held_t *held) {
    const initial_t *const initial = &scene->initial[tenant][random_of(&scene->random) % IMAGES];
    wasm_memorytype_t *type;
    wasm_memory_status_t status;
    held->is_furnished = false;
    held->shape = some_shape(scene, initial->offset + initial->length);
    held->minimum_bytes = held->shape.minimum << held->shape.page_size_log2;
    type = type_of(held->shape);
    status = initial->image == NULL
                 ? wasm_memory_try_new(scene->host.store, type, &held->memory)
                 : wasm_memory_new_from_image(scene->host.store, type, initial->image, &held->memory);
    wasm_memorytype_delete(type);
    if (!is_fine(scene, status, "a new memory")) return;
    scene->made++;
    check_fresh(scene, tenant, wasm_memory_view(held->memory)->base, 0, wasm_memory_data_size(held->memory),
                initial);
    if (one_in(&scene->random, 4)) {
        wasm_memory_stats_t stats;
        memset(&stats, 0, sizeof stats);
        stats.struct_size = offsetof(wasm_memory_stats_t, resident_bytes);
        wasm_memory_stats(held->memory, &stats);
        if (stats.bounds == WASM_MEMORY_BOUNDS_GUARDED &&
            scene->tenants == 2 && /* handlers are the process's */
            !faults(wasm_memory_view(held->memory)->base + stats.byte_length, false))
            wrong(scene, "no fault past the end", stats.byte_length);
    }
    if (!one_in(&scene->random, 6)) scribble(scene, tenant, held, 0);
}

static void grow(scene_t *scene, int tenant, held_t *held) {
    static const initial_t nothing = {0, 0, NULL};
    const uint64_t before = wasm_memory_data_size(held->memory);
    const uint64_t pages = 1 + random_of(&scene->random) % (held->shape.page_size_log2 == 0 ? 3 * PAGE : 3);
    const uint64_t bytes = pages << held->shape.page_size_log2;
    const uint64_t most = scene->engine->maximum < LARGEST ? scene->engine->maximum : LARGEST;
    if (before + bytes > most * PAGE) return;
    if (!is_fine(scene, wasm_memory_try_grow(held->memory, pages, NULL), "a growth")) return;
    check_fresh(scene, tenant, wasm_memory_view(held->memory)->base, before, bytes, &nothing);
    scribble(scene, tenant, held, before);
}

/* A snapshot of it has its bytes, and what is made of that takes places, too. */
static void twin(scene_t *scene, held_t *held) {
    wasm_memory_image_t *image = NULL;
    wasm_memory_t *memory = NULL;
    wasm_memorytype_t *type;
    if (!is_fine(scene, wasm_memory_image_from_memory(held->memory, &image), "a snapshot")) return;
    type = type_of(held->shape);
    if (is_fine(scene, wasm_memory_new_from_image(scene->host.store, type, image, &memory),
                "a memory of a snapshot") &&
        sum_of(memory) != sum_of(held->memory))
        wrong(scene, "of a snapshot", wasm_memory_data_size(memory));
    wasm_memory_image_delete(image);
    wasm_memorytype_delete(type);
    wasm_memory_delete(memory);
}

static void reset(scene_t *scene, int tenant, held_t *held) {
    const initial_t *const initial = &scene->initial[tenant][random_of(&scene->random) % IMAGES];
    if (held->shape.shared || initial->offset + initial->length > held->minimum_bytes) return;
    if (!is_fine(scene, wasm_memory_reset(held->memory, initial->image), "a reset")) return;
    scene->resets++;
    held->is_furnished = false;
    if (wasm_memory_data_size(held->memory) != held->minimum_bytes)
        wrong(scene, "a size after a reset", wasm_memory_data_size(held->memory));
    check_fresh(scene, tenant, wasm_memory_view(held->memory)->base, 0, wasm_memory_data_size(held->memory),
                initial);
    if (!one_in(&scene->random, 4)) scribble(scene, tenant, held, 0);
}

static void discard(scene_t *scene, int tenant, held_t *held) {
    static const initial_t nothing = {0, 0, NULL};
    const uint64_t length = wasm_memory_data_size(held->memory), from = random_of(&scene->random) % length;
    const uint64_t count = random_of(&scene->random) % (length - from + 1);
    if (wasm_memory_discard(held->memory, from, count) != WASM_MEMORY_OK) wrong(scene, "a discard", from);
    check_fresh(scene, tenant, wasm_memory_view(held->memory)->base, from, count, &nothing);
}

static void take_steps(scene_t *scene);

static void go_on_as_a_child(void *env) {
    scene_t *const scene = (scene_t *)env;
    scene->random ^= 0x5bd1e995;
    scene->steps = scene->step + 25;
    take_steps(scene);
    CHECK_EQ(scene->wrong, 0);
}

/* Whether the system has refused a filter, in the middle. */
static volatile bool has_no_filters;

static void take_steps(scene_t *scene) {
    uint32_t *const random = &scene->random;
    for (; scene->step < scene->steps && scene->wrong == 0; scene->step++) {
        const int tenant = scene->first_tenant + (int)(random_of(random) % (uint32_t)scene->tenants);
        held_t *const held = &scene->held[tenant][random_of(random) % HELD];
        if (scene->weather->after > 0 && scene->step == scene->weather->after)
            if (!make_calls_fail(scene->weather->failures)) {
                has_no_filters = true;
                return;
            }
        if (scene->weather->forks && one_in(random, 40)) {
            scene_t child = *scene;
            child.step++;
            if (in_child(go_on_as_a_child, &child) != 0) wrong(scene, "in a child", scene->step);
        }
        if (one_in(random, 50) && wasm_engine_pool_trim(scene->host.engine) != WASM_MEMORY_OK)
            wrong(scene, "a trim", scene->step);
        if (held->memory == NULL) {
            make(scene, tenant, held);
        } else {
            /* Nobody else has touched it. */
            if (!held->is_furnished && sum_of(held->memory) != held->sum)
                wrong(scene, "of what the tenant left there", scene->step);
            page_out(scene, held);
            switch (random_of(random) % 9) {
            case 0:
                if (!held->is_furnished) grow(scene, tenant, held);
                break;
            case 1:
            case 2: reset(scene, tenant, held); break;
            case 3:
                if (!held->is_furnished) discard(scene, tenant, held);
                break;
            case 4: furnish(scene, tenant, held); break;
            case 5:
                if (!held->is_furnished) twin(scene, held);
                break;
            default:
                wasm_memory_delete(held->memory);
                held->memory = NULL;
                if (one_in(random, 2)) make(scene, tenant, held);
                break;
            }
        }
        if (held->memory != NULL && !held->is_furnished) {
            held->sum = sum_of(held->memory);
            page_out(scene, held);
        }
    }
}

static void scene_make(scene_t *scene, const weather_t *weather, const engine_t *engine) {
    int tenant, i;
    memset(scene, 0, sizeof *scene);
    scene->weather = weather;
    scene->engine = engine;
    scene->tenants = 2;
    scene->steps = is_watched() ? 30 : 100;
    scene->random = seed + (uint32_t)((weather - weathers) * 1000 + (engine - engines)) * 2654435761u;
    if (scene->random == 0) scene->random = 1;
    scene->host = host_of(engine);
    for (tenant = 0; tenant < 2; tenant++) {
        for (i = 1; i < IMAGES; i++) {
            initial_t *const initial = &scene->initial[tenant][i];
            wasm_memory_segment_t segment;
            segment.offset = initial->offset = image_shapes[i].offset;
            segment.length = (size_t)(initial->length = image_shapes[i].length);
            segment.bytes = patterns[tenant] + segment.offset;
            CHECK_STATUS(wasm_memory_image_new(&segment, 1, &initial->image), WASM_MEMORY_OK);
        }
        scene->files[tenant] = memfd_create("tenant", MFD_CLOEXEC);
        CHECK_EQ(write(scene->files[tenant], patterns[tenant], 8 * (size_t)host_page), 8 * host_page);
    }
}

static void scene_end(scene_t *scene) {
    int tenant, i;
    for (tenant = 0; tenant < 2; tenant++) {
        for (i = 0; i < HELD; i++) wasm_memory_delete(scene->held[tenant][i].memory);
        for (i = 1; i < IMAGES; i++) wasm_memory_image_delete(scene->initial[tenant][i].image);
        close(scene->files[tenant]);
    }
    host_delete(scene->host);
}

static void *take_steps_in_a_thread(void *env) {
    take_steps((scene_t *)env);
    return NULL;
}

#define NO_FILTERS 39
#define NOT_LOCKED 38

typedef struct {
    const weather_t *weather;
    const engine_t *engine;
} case_t;

static void live_through(void *env) {
    const case_t *const this_case = (const case_t *)env;
    const weather_t *const weather = this_case->weather;
    static scene_t scene, other;
    /* What is not there yet is locked when it comes; to have it all come at once would fill the machine. */
    if (weather->locked && (geteuid() != 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0))
        _exit(NOT_LOCKED);
    if (has_failures(weather->failures) && weather->after == 0 && !make_calls_fail(weather->failures))
        _exit(NO_FILTERS);
    scene_make(&scene, weather, this_case->engine);
    if (weather->threads) {
        pthread_t thread;
        other = scene;
        scene.tenants = other.tenants = 1;
        other.first_tenant = 1;
        other.random ^= 0x9e3779b9;
        if (CHECK_EQ(pthread_create(&thread, NULL, take_steps_in_a_thread, &other), 0)) {
            take_steps(&scene);
            CHECK_EQ(pthread_join(thread, NULL), 0);
        }
        memcpy(scene.held[1], other.held[1], sizeof scene.held[1]);
        scene.wrong += other.wrong;
    } else {
        take_steps(&scene);
    }
    CHECK_EQ(scene.wrong, 0);
    if (scene.wrong == 0 && has_no_filters) _exit(NO_FILTERS);
    if (scene.wrong == 0) CHECK(scene.made > 5); /* it was about something */
    scene_end(&scene);
}

TEST(tenants_find_nothing_of_each_other_whatever_the_kernel_refuses) {
    size_t w, e;
    for (w = 0; w < WEATHERS; w++) {
        int skipped = 0;
        if (is_watched() && has_failures(weathers[w].failures)) continue; /* these have calls of their own */
        for (e = 0; e < ENGINES && skipped == 0; e++) {
            case_t this_case;
            int status;
            this_case.weather = &weathers[w];
            this_case.engine = &engines[e];
            status = in_child(live_through, &this_case);
            if (status == NO_FILTERS || status == NOT_LOCKED) {
                printf("skipped: %s: this system does not let a process do that to itself\n", weathers[w].name);
                skipped = status;
            } else if (!CHECK_EQ(status, 0)) {
                printf("  %s, kernel: %s\n", engines[e].name, weathers[w].name);
            }
        }
    }
}

/* ---- the plainest case, in every place and through every way of making and cleaning ---- */

static void take_turns(void *env) {
    const case_t *const this_case = (const case_t *)env;
    static const initial_t nothing = {0, 0, NULL};
    const unsigned rounds = is_watched() ? 6 : 24;
    static scene_t scene;
    unsigned round;
    scene_make(&scene, this_case->weather, this_case->engine);
    for (round = 0; round < rounds && scene.wrong == 0; round++) {
        const int tenant = (int)(round % 2);
        wasm_memory_t *memories[4];
        uint64_t i;
        scene.step = round;
        if (round == rounds / 2 && has_failures(this_case->weather->failures))
            if (!make_calls_fail(this_case->weather->failures)) _exit(NO_FILTERS);
        for (i = 0; i < 4; i++) {
            const uint64_t pages = 1 + (round + i) % 5;
            uint64_t length;
            memories[i] = NULL;
            if (!is_fine(&scene, try_memory(scene.host, pages_32(pages, scene.engine->maximum), &memories[i]),
                         "a new memory"))
                continue;
            length = wasm_memory_data_size(memories[i]);
            check_fresh(&scene, tenant, wasm_memory_view(memories[i])->base, 0, length, &nothing);
            if (is_fine(&scene, wasm_memory_try_grow(memories[i], 2, NULL), "a growth")) {
                check_fresh(&scene, tenant, wasm_memory_view(memories[i])->base, length, 2 * PAGE, &nothing);
                length += 2 * PAGE;
            }
            fill_with(tenant, wasm_memory_view(memories[i])->base, 0, length);
        }
        for (i = 0; i < 4; i++)
            if (memories[i] != NULL && this_case->weather->paged_out)
                madvise(wasm_memory_view(memories[i])->base, wasm_memory_data_size(memories[i]), MADV_PAGEOUT);
        for (i = 0; i < 4; i++) wasm_memory_delete(memories[(i + round) % 4]);
    }
    CHECK_EQ(scene.wrong, 0);
    scene_end(&scene);
}

TEST(tenants_that_take_turns_find_zeros) {
    size_t w, e;
    for (w = 0; w < WEATHERS; w++) {
        if (weathers[w].threads || weathers[w].locked || weathers[w].forks) continue;
        if (is_watched() && has_failures(weathers[w].failures)) continue;
        for (e = 0; e < ENGINES; e++) {
            case_t this_case;
            int status;
            this_case.weather = &weathers[w];
            this_case.engine = &engines[e];
            status = in_child(take_turns, &this_case);
            if (status == NO_FILTERS) return;
            if (!CHECK_EQ(status, 0)) printf("  %s, kernel: %s\n", engines[e].name, weathers[w].name);
        }
    }
}

static bool has_swap(void) {
    char line[256];
    int lines = 0;
    FILE *const file = fopen("/proc/swaps", "r");
    if (file == NULL) return false;
    while (fgets(line, sizeof line, file) != NULL) lines++;
    fclose(file);
    return lines > 1;
}

int main(int count, char **arguments) {
    host_page = (uint64_t)sysconf(_SC_PAGESIZE);
    make_patterns();
    seed = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : (uint32_t)time(NULL) * 2654435761u;
    if (seed == 0) seed = 1; /* from 0 no other number follows */
    printf("seed %" PRIu32 ", %s\n", seed, has_swap() ? "with swap" : "without swap: paging out is a wish");
    fflush(stdout);
    RUN(tenants_that_take_turns_find_zeros);
    RUN(tenants_find_nothing_of_each_other_whatever_the_kernel_refuses);
    return check_finish();
}

#endif
