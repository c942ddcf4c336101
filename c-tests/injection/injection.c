/* Every system call and every allocation that the library makes, refused in turn: whether each function answers what the
 * header says, leaks nothing and leaves its objects whole. For a library that was built with --cfg
 * wasm_memory_injection (see scripts/hard/injection).
 *
 *   injection short|full [PART]    all cases, or those whose function's name has PART in it
 *   injection list                 which functions have a case
 *   injection planted DEFECT       a case with a defect, which has to be found */
#ifndef __linux__
#error "this looks into /proc"
#endif
#define _GNU_SOURCE
#include <wasm_memory.h>

#include "injection/cases.h"
#include "injection/planted.h"

/* Bits of kinds[]. What differs between those of the short form is how the memory is made. */
#define KIND(n) (UINT32_C(1) << (n))
#define ALL ((UINT32_C(1) << KINDS) - 1)
#define OURS (ALL & ~KIND(10))                                     /* the library makes the memories */
#define SHORT (KIND(0) | KIND(3) | KIND(5) | KIND(6) | KIND(9) | KIND(10))
#define FEW (KIND(0) | KIND(6))
#define ONE KIND(0)
#define GUARDED (KIND(0) | KIND(1) | KIND(4) | KIND(5))

#define ACCESS_CASES(name)                                                     \
    {"wasm_memory_" #name, "", access_plain, FEW | KIND(10), true, &the_##name}, \
    {"wasm_memory_" #name, "in a mapped file", access_mapped, FEW, false, &the_##name}
/* What looks at every page before it does anything is not quiet in a mapped file alone. */

static const case_t cases[] = {
    {"wasm_config_new", "", config_new, ONE, false, NULL},
    {"wasm_config_delete", "", config_delete, ALL, true, NULL},
    {"wasm_config_memory_bounds_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_reservation_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_reservation_for_growth_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_guard_size_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_guard_before_memory_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_may_move_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_huge_pages_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_exportable_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_pool_set", "", config_setters, ONE, true, NULL},
    {"wasm_config_memory_allocator_set", "", config_memory_allocator_set, FEW, false, NULL},
    {"wasm_engine_new", "", engine_new, ONE, false, NULL},
    {"wasm_engine_new_with_config", "", engine_new_with_config, ALL, false, NULL},
    {"wasm_engine_delete", "", engine_delete, OURS, false, NULL},
    {"wasm_engine_pool_stats", "", engine_pool_stats, ALL, false, NULL},
    {"wasm_engine_pool_trim", "", engine_pool_trim, OURS, false, NULL},
    {"wasm_memorytype_new", "", memorytype_new, ONE, false, NULL},
    {"wasm_memorytype_try_new", "", memorytype_try_new, ONE, false, NULL},
    {"wasm_memorytype_copy", "", memorytype_copy, ONE, false, NULL},
    {"wasm_memorytype_limits", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_minimum", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_maximum", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_is64", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_isshared", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_page_size", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_page_size_log2", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_matches", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_delete", "", memorytype_questions, ONE, true, NULL},
    {"wasm_memorytype_vec_new", "", memorytype_vec_new, ONE, false, NULL},
    {"wasm_memorytype_vec_new_uninitialized", "", memorytype_vec_new_uninitialized, ONE, false, NULL},
    {"wasm_memorytype_vec_copy", "", memorytype_vec_copy, ONE, false, NULL},
    {"wasm_memorytype_vec_new_empty", "", memorytype_vec_others, ONE, true, NULL},
    {"wasm_memorytype_vec_delete", "", memorytype_vec_others, ONE, true, NULL},

    {"wasm_store_new", "", store_new, FEW, false, NULL},
    {"wasm_store_delete", "", store_delete, FEW, true, NULL},
    {"wasm_store_data", "", store_data, FEW, true, NULL},
    {"wasm_store_data_set", "", store_data, FEW, true, NULL},
    {"wasm_memory_data_and_store", "", store_data, FEW, true, NULL},
    {"wasm_store_limits_set", "", store_limits_set, FEW, false, NULL},
    {"wasm_store_limiter_set", "", store_limiter_set, FEW, false, NULL},
    {"wasm_store_limiter_async_set", "", store_limiter_async_set, FEW, false, NULL},

    {"wasm_memory_new", "", memory_new, ALL, false, NULL},
    {"wasm_memory_try_new", "", memory_try_new, ALL, false, &usual},
    {"wasm_memory_try_new", "64-bit", memory_try_new, OURS, false, &of_64_bits},
    {"wasm_memory_try_new", "1-byte pages", memory_try_new, OURS, false, &of_1_byte},
    {"wasm_memory_try_new", "of no pages", memory_try_new, ALL, false, &of_nothing},
    {"wasm_memory_try_new", "huge pages", memory_try_new_huge, ONE, false, &of_64_bits},
    {"wasm_memory_try_new", "shared", memory_try_new, OURS, false, &to_share},
    {"wasm_memory_try_new", "after others", memory_try_new_again, ALL, false, NULL},
    {"wasm_memory_try_new", "limited", memory_try_new_limited, ALL, false, NULL},
    {"wasm_memory_new_from_image", "small", memory_new_from_image, ALL, false, &small},
    {"wasm_memory_new_from_image", "large", memory_new_from_image, ALL, false, &large},
    {"wasm_memory_new_from_image", "snapshot", memory_new_from_image, ALL, false, &snapshots},
    {"wasm_memory_delete", "", memory_delete, OURS, false, NULL},
    {"wasm_memory_delete", "mapped, protected, watched", memory_delete_with_more, OURS, false, NULL},
    {"wasm_memory_delete", "descriptors closed", memory_delete_first, OURS, false, NULL},
    {"wasm_memory_delete", "of an image", memory_delete_from_image, OURS, false, NULL},

    {"wasm_memory_grow", "", memory_grow, OURS, false, NULL},
    {"wasm_memory_try_grow", "by a page", memory_try_grow, ALL, false, &one_page},
    {"wasm_memory_try_grow", "by six", memory_try_grow, ALL, false, &six_pages},
    {"wasm_memory_try_grow", "64-bit", memory_try_grow_64_bits, OURS, false, NULL},
    {"wasm_memory_try_grow", "shared", memory_try_grow_shared, OURS, false, NULL},
    {"wasm_memory_try_grow", "watched", memory_try_grow_watched, ALL, false, NULL},
    {"wasm_memory_try_grow", "protected", memory_try_grow_with_more, OURS & ~KIND(9), false, NULL},
    {"wasm_memory_try_grow", "limited", memory_try_grow_limited, ALL, false, NULL},

    {"wasm_memory_new_async", "", memory_new_async, ALL, false, NULL},
    {"wasm_memory_new_async", "limited", memory_new_async, FEW, false, &is_limited},
    {"wasm_memory_grow_async", "", memory_grow_async, ALL, false, NULL},
    {"wasm_memory_grow_async", "limited", memory_grow_async, FEW, false, &is_limited},
    {"wasm_memory_future_poll", "creation", memory_future_poll, ALL, false, NULL},
    {"wasm_memory_future_poll", "growth", memory_future_poll_growth, OURS, false, NULL},
    {"wasm_memory_future_wait", "creation", memory_future_poll, ALL, false, &by_waiting},
    {"wasm_memory_future_wait", "growth", memory_future_poll_growth, OURS, false, &by_waiting},
    {"wasm_memory_future_on_ready", "", memory_future_others, FEW, true, NULL},
    {"wasm_memory_future_previous_pages", "", memory_future_others, FEW, true, NULL},
    {"wasm_memory_future_take_memory", "", memory_future_others, FEW, true, NULL},
    {"wasm_memory_ticket_resolve", "", memory_future_others, FEW, true, NULL},
    {"wasm_memory_future_delete", "", memory_future_delete, OURS, false, NULL},

    {"wasm_memory_copy", "", memory_handles, ALL, true, NULL},
    {"wasm_memory_same", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_get_host_info", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_size", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_pages", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_page_size", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_page_size_log2", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_initial_pages", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_may_move", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_data", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_data_size", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_view", "", memory_handles, FEW, true, NULL},
    {"wasm_memory_accessible", "", memory_handles, ALL, true, NULL},
    {"wasm_memory_type", "", memory_type, FEW, false, NULL},
    {"wasm_memory_set_host_info", "", memory_set_host_info, FEW, false, NULL},
    {"wasm_memory_set_host_info_with_finalizer", "", memory_set_host_info_with_finalizer, FEW, false, NULL},
    {"wasm_memory_with_data", "", memory_with_data, FEW, true, NULL},
    {"wasm_memory_with_data_mut", "", memory_with_data, FEW, true, NULL},
    {"wasm_memory_stats", "", memory_stats, ALL, false, NULL},

    ACCESS_CASES(read),
    ACCESS_CASES(write),
    ACCESS_CASES(load_u8),
    ACCESS_CASES(load_u16),
    ACCESS_CASES(load_u32),
    ACCESS_CASES(load_u64),
    ACCESS_CASES(load_f32),
    ACCESS_CASES(load_f64),
    ACCESS_CASES(load_v128),
    ACCESS_CASES(store_u8),
    ACCESS_CASES(store_u16),
    ACCESS_CASES(store_u32),
    ACCESS_CASES(store_u64),
    ACCESS_CASES(store_f32),
    ACCESS_CASES(store_f64),
    ACCESS_CASES(store_v128),
    ACCESS_CASES(fill),
    ACCESS_CASES(zero),
    ACCESS_CASES(copy_within),
    ACCESS_CASES(copy_within_nonoverlapping),
    ACCESS_CASES(copy_between),
    ACCESS_CASES(hexdump),
    ACCESS_CASES(atomic_load8),
    ACCESS_CASES(atomic_load16),
    ACCESS_CASES(atomic_load32),
    ACCESS_CASES(atomic_load64),
    ACCESS_CASES(atomic_store8),
    ACCESS_CASES(atomic_store16),
    ACCESS_CASES(atomic_store32),
    ACCESS_CASES(atomic_store64),
    ACCESS_CASES(atomic_rmw8),
    ACCESS_CASES(atomic_rmw16),
    ACCESS_CASES(atomic_rmw32),
    ACCESS_CASES(atomic_rmw64),
    ACCESS_CASES(atomic_cmpxchg8),
    ACCESS_CASES(atomic_cmpxchg16),
    ACCESS_CASES(atomic_cmpxchg32),
    ACCESS_CASES(atomic_cmpxchg64),
    {"wasm_memory_discard", "in a mapped file", access_mapped, FEW, false, &the_discard},
    {"wasm_memory_discard", "much", memory_discard_much, OURS, false, NULL},
    {"wasm_memory_erase", "", memory_erase, OURS, false, NULL},
    {"wasm_memory_erase", "with a mapped file", memory_erase_mapped, OURS, false, NULL},
    {"wasm_memory_init", "", memory_init, FEW, true, NULL},
    {"wasm_memory_init", "in a mapped file", memory_init, FEW, false, &is_limited},
    {"wasm_data_segment_new", "", data_segment_new, ONE, false, NULL},
    {"wasm_data_segment_drop", "", data_segment_others, ONE, true, NULL},
    {"wasm_data_segment_delete", "", data_segment_others, ONE, true, NULL},

    {"wasm_memory_image_new", "small", memory_image_new, FEW, false, &small},
    {"wasm_memory_image_new", "large", memory_image_new, FEW, false, &large},
    {"wasm_memory_image_from_memory", "small", memory_image_from_memory, ALL, false, &small},
    {"wasm_memory_image_from_memory", "descriptors closed", memory_image_from_memory_first, OURS, false, &small},
    {"wasm_memory_image_from_memory", "large", memory_image_from_memory, ALL, false, &large},
    {"wasm_memory_image_from_memory", "with a mapped file", memory_image_from_memory, FEW, false, &snapshots},
    {"wasm_memory_image_save", "", memory_image_save, ONE, false, NULL},
    {"wasm_memory_image_save", "long path", memory_image_save, ONE, false, &long_path},
    {"wasm_memory_image_load", "", memory_image_load, ONE, false, NULL},
    {"wasm_memory_image_load", "long path", memory_image_load, ONE, false, &long_path},
    {"wasm_memory_image_delete", "small", memory_image_delete, ONE, true, &small},
    {"wasm_memory_image_delete", "large", memory_image_delete, ONE, true, &large},
    {"wasm_memory_reset", "to zeros", memory_reset, ALL, false, NULL},
    {"wasm_memory_reset", "descriptors closed", memory_reset_first, OURS, false, NULL},
    {"wasm_memory_reset", "small", memory_reset, ALL, false, &small},
    {"wasm_memory_reset", "large", memory_reset, ALL, false, &large},
    {"wasm_memory_reset", "snapshot", memory_reset, ALL, false, &snapshots},
    {"wasm_memory_reset", "mapped, protected", memory_reset_with_more, OURS, false, NULL},
    {"wasm_memory_dirty_ranges", "", memory_dirty_ranges, ALL, false, NULL},
    {"wasm_memory_dirty_ranges", "descriptors closed", memory_dirty_ranges_first, OURS, false, NULL},
    {"wasm_memory_dirty_ranges", "cleared", memory_dirty_ranges, ALL, false, &one_page},
    {"wasm_memory_dirty_clear", "", memory_dirty_clear, ALL, false, NULL},
    {"wasm_memory_dirty_clear", "cleared", memory_dirty_clear, ALL, false, &one_page},
    {"wasm_memory_dirty_clear", "descriptors closed", memory_dirty_clear_first, OURS, false, NULL},
    {"wasm_memory_dirty_clear", "with a mapped file", memory_dirty_clear, OURS, false, &six_pages},

    {"wasm_memory_map_file", "read only", memory_map_file, OURS, false, &read_only},
    {"wasm_memory_map_file", "copy on write", memory_map_file, OURS, false, &copy_on_write},
    {"wasm_memory_map_file", "shared", memory_map_file, OURS, false, &shared_mapping},
    {"wasm_memory_unmap", "", memory_unmap, OURS, false, NULL},
    {"wasm_memory_protect", "read", memory_protect, OURS, false, &read_only},
    {"wasm_memory_protect", "none", memory_protect, OURS, false, &copy_on_write},

    {"wasm_shared_memory_new", "", shared_memory_new, OURS, false, NULL},
    {"wasm_shared_memory_new", "exportable", shared_memory_new, OURS, false, &exportable},
    {"wasm_shared_memory_delete", "", shared_memory_delete, OURS, false, NULL},
    {"wasm_shared_memory_delete", "exportable", shared_memory_delete, OURS, false, &exportable},
    {"wasm_shared_memory_clone", "", shared_memory_handles, FEW, true, NULL},
    {"wasm_memory_share", "", shared_memory_handles, FEW, true, NULL},
    {"wasm_shared_memory_type", "", shared_memory_type, FEW, false, NULL},
    {"wasm_memory_obtain", "", memory_obtain, OURS, false, NULL},
    {"wasm_shared_memory_export", "", shared_memory_export, FEW, false, &exportable},
    {"wasm_shared_memory_import", "", shared_memory_import, OURS, false, &exportable},

    {"wasm_memory_atomic_wait32", "", memory_atomic_wait, FEW, false, NULL},
    {"wasm_memory_atomic_wait64", "", memory_atomic_wait, FEW, false, NULL},
    {"wasm_memory_atomic_wait32", "exportable", memory_atomic_wait, FEW, false, &exportable},
    {"wasm_memory_atomic_wait64", "exportable", memory_atomic_wait, FEW, false, &exportable},
    {"wasm_memory_atomic_notify", "nobody", access_plain, FEW, true, &the_atomic_notify},
    {"wasm_memory_atomic_notify", "a waiter", waiter_notified, FEW, true, NULL},
    {"wasm_memory_atomic_notify", "a waiter, exportable", waiter_notified, FEW, true, &exportable},
    {"wasm_memory_interrupt_waiters", "", waiter_interrupted, FEW, true, NULL},
    {"wasm_memory_interrupt_waiters", "exportable", waiter_interrupted, FEW, true, &exportable},
    {"wasm_memory_close_waiters", "", waiter_closed, FEW, true, NULL},
    {"wasm_memory_close_waiters", "exportable", waiter_closed, FEW, true, &exportable},
    {"wasm_memory_atomic_fence", "", texts, ONE, true, NULL},

    {"wasm_memory_classify_fault", "", memory_classify_fault, ALL, true, NULL},
    {"wasm_memory_trap_handlers_install", "", trap_handlers_install, ONE, false, NULL},
    {"wasm_memory_trap_handlers_uninstall", "", trap_handlers_uninstall, ONE, true, NULL},
    {"wasm_memory_catch_trap", "", memory_catch_trap, GUARDED, false, NULL},
    {"wasm_store_stats", "", all_stats, ALL, true, NULL},
    {"wasm_engine_stats", "", all_stats, ALL, true, &is_limited},

    {"wasm_memory_status_name", "", texts, ONE, true, NULL},
    {"wasm_memory_status_message", "", texts, ONE, true, NULL},
    {"wasm_memory_version", "", texts, ONE, true, NULL},
    {"wasm_memory_last_error", "", last_error, ONE, true, NULL},
};
#define CASES (sizeof cases / sizeof *cases)

/* What the first use in a process makes differs for these. */
static bool has_first_use(const case_t *of) {
    return of->body == memory_dirty_clear || of->body == memory_try_new || of->body == shared_memory_new ||
           of->body == memory_image_new;
}

static void run_all_fresh(bool all, const char *part) {
    size_t i;
    const uint64_t runs = total.runs;
    for (i = 0; i < CASES; i++)
        if (!cases[i].quiet && (all || has_first_use(&cases[i])) && (part == NULL || strstr(cases[i].function, part)))
            run_fresh(&cases[i], &kinds[cases[i].kinds & KIND(5) && all ? 5 : 0]);
    printf("  %-42s %38s %6" PRIu64 " runs%s\n", "the first call of a process", "", total.runs - runs,
           total.failed != 0 ? "  FAILED" : "");
    fflush(stdout);
}

static void run_with_kinds(const case_t *of, uint32_t among) {
    /* One kind at least, of those that the case is for. */
    const uint32_t wanted = of->kinds & among ? of->kinds & among : of->kinds;
    uint64_t before[2];
    size_t i;
    memcpy(before, total.points, sizeof before);
    for (i = 0; i < KINDS; i++)
        if (wanted >> i & 1) run_case(of, &kinds[i]);
    if (total.points[0] + total.points[1] == before[0] + before[1] && !of->quiet) {
        total.failed++;
        printf("FAILED %s (%s)\n  nothing could be refused: the case tries nothing\n", of->function, of->variant);
    }
}

static int run_all(uint32_t among, const char *part) {
    size_t i, j;
    for (i = 0; i < CASES; i++) {
        uint64_t before[2], runs = total.runs, failed = total.failed;
        for (j = 0; j < i && strcmp(cases[i].function, cases[j].function) != 0; j++) continue;
        if (j < i || (part != NULL && strstr(cases[i].function, part) == NULL)) continue;
        memcpy(before, total.points, sizeof before);
        for (j = i; j < CASES; j++)
            if (strcmp(cases[i].function, cases[j].function) == 0) run_with_kinds(&cases[j], among);
        total.functions++;
        if (total.points[0] + total.points[1] == before[0] + before[1] && total.failed == failed) {
            total.quiet++;
            continue;
        }
        printf("  %-42s %5" PRIu64 " system calls %5" PRIu64 " allocations %6" PRIu64 " runs%s\n", cases[i].function,
               total.points[CALLS] - before[CALLS], total.points[ALLOCATIONS] - before[ALLOCATIONS], total.runs - runs,
               total.failed != failed ? "  FAILED" : "");
        fflush(stdout);
    }
    printf("%" PRIu64 " functions, of which %" PRIu64 " take nothing that could be refused; %" PRIu64 " system calls and %" PRIu64
           " allocations refused, each alone and with all after it: %" PRIu64 " runs, %" PRIu64 " failed\n",
           total.functions, total.quiet, total.points[CALLS], total.points[ALLOCATIONS], total.runs, total.failed);
    printf("total functions %" PRIu64 "\ntotal calls %" PRIu64 "\ntotal allocations %" PRIu64 "\ntotal runs %" PRIu64
           "\ntotal failed %" PRIu64 "\n",
           total.functions, total.points[CALLS], total.points[ALLOCATIONS], total.runs, total.failed);
    return total.functions == 0 || total.failed != 0;
}

static int list(void) {
    size_t i;
    for (i = 0; i < CASES; i++) puts(cases[i].function);
    return 0;
}

int main(int argc, char **argv) {
    const char *const temporary = getenv("TMPDIR");
    const char *const form = argc > 1 ? argv[1] : "";
    const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM};
    char path[128];
    size_t i;
    int status;
    if (strcmp(form, "list") == 0) return list();
    if (strcmp(form, "short") != 0 && strcmp(form, "full") != 0 && strcmp(form, "planted") != 0) {
        fprintf(stderr, "usage: injection short|full [PART] | list | planted DEFECT\n");
        return 2;
    }
#ifdef __GLIBC__
    /* Blocks of the heap are counted one by one; as mappings they would only be noise. */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
#endif
    for (i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], died);
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof folder, "%.32s/wasm_memory-XXXXXX", temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL) return 2;
    filtered = strcmp(form, "full") == 0;
    is_closed((const uint8_t *)folder); /* opens its pipe */
    if (strcmp(form, "planted") != 0) run_all_fresh(strcmp(form, "full") == 0, argc > 2 ? argv[2] : NULL);
    settle();
    status = strcmp(form, "planted") == 0 ? run_planted(argc > 2 ? argv[2] : "")
                                          : run_all(strcmp(form, "full") == 0 ? ALL : SHORT, argc > 2 ? argv[2] : NULL);
    snprintf(path, sizeof path, "%s/mapped", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/image", folder);
    unlink(path);
    rmdir(folder);
    return status;
}
