/* What the library says about itself and about failures. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <pthread.h>
#include <stddef.h>

#include "support/memories.h"

/* ---- statuses ---- */

static const char *const names[] = {
    "WASM_MEMORY_OK",           "WASM_MEMORY_NULL_ARGUMENT",  "WASM_MEMORY_INVALID_ARGUMENT",
    "WASM_MEMORY_INVALID_TYPE", "WASM_MEMORY_OUT_OF_BOUNDS",  "WASM_MEMORY_UNALIGNED",
    "WASM_MEMORY_NOT_SHARED",   "WASM_MEMORY_SHARED",         "WASM_MEMORY_MAXIMUM_EXCEEDED",
    "WASM_MEMORY_LIMIT_DENIED", "WASM_MEMORY_OUT_OF_MEMORY",  "WASM_MEMORY_OVERLAP",
    "WASM_MEMORY_BORROWED",     "WASM_MEMORY_ASYNC_REQUIRED", "WASM_MEMORY_PENDING",
    "WASM_MEMORY_INTERRUPTED",  "WASM_MEMORY_CLOSED",         "WASM_MEMORY_TOO_MANY_WAITERS",
    "WASM_MEMORY_PROTECTED",    "WASM_MEMORY_UNSUPPORTED",    "WASM_MEMORY_IO",
    "WASM_MEMORY_INTERNAL",     "WASM_MEMORY_HOST_CONTRACT",
};
#define STATUSES ((wasm_memory_status_t)(sizeof names / sizeof *names))

TEST(every_status_has_its_name_and_a_message_of_its_own) {
    wasm_memory_status_t status, other;
    for (status = 0; status < STATUSES; status++) {
        CHECK(strcmp(wasm_memory_status_name(status), names[status]) == 0);
        CHECK(strlen(wasm_memory_status_message(status)) > 0);
        for (other = 0; other < status; other++)
            CHECK(strcmp(wasm_memory_status_message(status), wasm_memory_status_message(other)) != 0);
    }
}

TEST(a_number_that_is_no_status_has_a_name_and_a_message_too) {
    static const wasm_memory_status_t numbers[] = {-1, -2, INT32_MIN, INT32_MAX, 23, 24, 1000, 0x10000};
    size_t i;
    wasm_memory_status_t status;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *const name = wasm_memory_status_name(numbers[i]);
        const char *const message = wasm_memory_status_message(numbers[i]);
        CHECK(name != NULL && strlen(name) > 0);
        CHECK(message != NULL && strlen(message) > 0);
        for (status = 0; status < STATUSES; status++) {
            CHECK(strcmp(name, names[status]) != 0);
            CHECK(strcmp(message, wasm_memory_status_message(status)) != 0);
        }
    }
}

TEST(names_and_messages_are_static) {
    CHECK(wasm_memory_status_name(WASM_MEMORY_IO) == wasm_memory_status_name(WASM_MEMORY_IO));
    CHECK(wasm_memory_status_message(-5) == wasm_memory_status_message(-5));
}

TEST(traps_have_the_texts_of_the_specification) {
    CHECK(strcmp(wasm_memory_status_message(WASM_MEMORY_OUT_OF_BOUNDS), "out of bounds memory access") == 0);
    CHECK(strcmp(wasm_memory_status_message(WASM_MEMORY_UNALIGNED), "unaligned atomic") == 0);
    CHECK(strcmp(wasm_memory_status_message(WASM_MEMORY_NOT_SHARED), "expected shared memory") == 0);
    CHECK(strcmp(wasm_memory_status_message(WASM_MEMORY_TOO_MANY_WAITERS), "too many waiters") == 0);
}

TEST(the_version_is_that_of_the_header) {
    unsigned major = 99, minor = 99, patch = 99;
    int read = 0;
    CHECK(strcmp(wasm_memory_version(), WASM_MEMORY_VERSION) == 0);
    CHECK_EQ(sscanf(wasm_memory_version(), "%u.%u.%u%n", &major, &minor, &patch, &read), 3);
    CHECK_EQ(strlen(wasm_memory_version()), read);
}

/* ---- last_error ---- */

/* Leaves a failure behind, whose sentence has the number in it. */
static void fail_with(uint64_t number) {
    wasm_memorytype_t *type = NULL;
    CHECK_STATUS(wasm_memorytype_try_new(number, false, 0, false, false, 16, &type), WASM_MEMORY_INVALID_TYPE);
}

TEST(the_last_error_is_cut_to_the_buffer_and_its_length_is_not) {
    char whole[512], part[512];
    size_t length, capacity, i;
    fail_with(70001);
    length = wasm_memory_last_error(whole, sizeof whole);
    if (!CHECK(length > 10 && length < sizeof whole)) return;
    CHECK_EQ(strlen(whole), length);
    for (capacity = 0; capacity <= length + 2; capacity++) {
        const size_t copied = capacity == 0 ? 0 : capacity - 1 < length ? capacity - 1 : length;
        memset(part, 0x7e, sizeof part);
        CHECK_EQ(wasm_memory_last_error(part, capacity), length);
        CHECK(memcmp(part, whole, copied) == 0);
        if (capacity > 0) CHECK_EQ(part[copied], 0);
        for (i = capacity; i < sizeof part; i++)
            if (part[i] != 0x7e) break;
        CHECK_EQ(i, sizeof part);
    }
}

TEST(the_last_error_can_be_measured_first) {
    fail_with(70002);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    CHECK_EQ(wasm_memory_last_error(NULL, 100), wasm_memory_last_error(NULL, 0));
    CHECK_LAST_ERROR("70002");
}

TEST(success_leaves_the_last_error_alone) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    uint8_t byte;
    fail_with(70003);
    CHECK_STATUS(wasm_memory_load_u8(memory, 0, &byte), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memory_pages(memory), 2);
    CHECK_LAST_ERROR("70003");
    wasm_memory_delete(memory);
    host_delete(host);
    CHECK_LAST_ERROR("70003");
}

TEST(the_next_failure_replaces_it) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    char before[512], after[512];
    fail_with(70004);
    wasm_memory_last_error(before, sizeof before);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    wasm_memory_last_error(after, sizeof after);
    CHECK(strcmp(before, after) != 0);
    CHECK(strstr(after, "70004") == NULL);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(the_standard_forms_leave_a_sentence_too) {
    const wasm_limits_t limits = {70005, wasm_limits_max_default};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK(wasm_memorytype_new(&limits) == NULL);
    CHECK_LAST_ERROR("70005");
    CHECK(!wasm_memory_grow(memory, 70006));
    CHECK_LAST_ERROR("70006");
    fail_with(70007);
    CHECK(wasm_memory_new(host.store, NULL) == NULL);
    CHECK(wasm_memory_last_error(NULL, 0) > 0);
    CHECK(!last_error_has("70007"));
    wasm_memory_delete(memory);
    host_delete(host);
}

static void *other_thread(void *unused) {
    char detail[64] = "untouched";
    (void)unused;
    CHECK_EQ(wasm_memory_last_error(detail, sizeof detail), 0);
    CHECK_EQ(detail[0], 0);
    fail_with(70009);
    CHECK_LAST_ERROR("70009");
    return NULL;
}

TEST(each_thread_has_its_own) {
    pthread_t thread;
    fail_with(70008);
    CHECK_EQ(pthread_create(&thread, NULL, other_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_LAST_ERROR("70008");
}

/* ---- stats ---- */

TEST(stats_of_a_memory_follow_it) {
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 10));
    wasm_memory_stats_t stats = stats_of(memory);
    CHECK_EQ(stats.struct_size, sizeof stats);
    CHECK_EQ(stats.byte_length, PAGE);
    CHECK_EQ(stats.peak_bytes, PAGE);
    CHECK_EQ(stats.grow_count, 0);
    CHECK_EQ(stats.grow_failures, 0);
    CHECK_EQ(stats.waiters, 0);
    CHECK_EQ(stats.bounds, WASM_MEMORY_BOUNDS_CHECKED);
    CHECK(!stats.may_move);
    CHECK(!stats.shared);
    CHECK(stats.reserved_bytes >= stats.byte_length);
    CHECK(stats.map_alignment_bytes >= 4096 && (stats.map_alignment_bytes & (stats.map_alignment_bytes - 1)) == 0);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 3, NULL), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_try_grow(memory, 5, NULL), WASM_MEMORY_MAXIMUM_EXCEEDED);
    stats = stats_of(memory);
    CHECK_EQ(stats.byte_length, 6 * PAGE);
    CHECK_EQ(stats.peak_bytes, 6 * PAGE);
    CHECK_EQ(stats.grow_count, 2);
    CHECK_EQ(stats.grow_failures, 1);
    CHECK(stats.committed_bytes >= stats.byte_length);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(resident_bytes_count_what_was_touched) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(64, 64));
    const uint64_t before = stats_of(memory).resident_bytes;
    memset(wasm_memory_data(memory), 1, 32 * PAGE);
    CHECK(before <= 8 * PAGE);
    CHECK(stats_of(memory).resident_bytes >= 32 * PAGE);
    CHECK(stats_of(memory).resident_bytes <= 64 * PAGE);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* A struct of the caller's, as large as it says, with canaries behind. */
typedef union {
    size_t struct_size;
    wasm_memory_stats_t memory;
    uint8_t bytes[1024];
} sized_t;

/* Asks for the stats at every struct_size, and checks each byte of the answer against that of a whole struct: fields
   that fit are there, one that does not fit whole is not begun, and the size stays as the caller wrote it. A macro, to
   serve every struct that starts with its size. */
#define CHECK_SIZES(call, handle, struct_type, ...)                              \
    do {                                                                         \
        static const size_t ends[] = {__VA_ARGS__};                              \
        sized_t whole, part;                                                     \
        size_t size, i;                                                          \
        memset(&whole, 0xa5, sizeof whole);                                      \
        whole.struct_size = sizeof(struct_type);                                 \
        CHECK_STATUS(call(handle, (struct_type *)&whole), WASM_MEMORY_OK);       \
        for (size = sizeof(size_t); size <= sizeof part; size++) {               \
            size_t written = sizeof(size_t), wrong = 0;                          \
            for (i = 0; i < sizeof ends / sizeof *ends; i++)                     \
                if (ends[i] <= size) written = ends[i];                          \
            memset(&part, 0xa5, sizeof part);                                    \
            part.struct_size = size;                                             \
            CHECK_STATUS(call(handle, (struct_type *)&part), WASM_MEMORY_OK);    \
            CHECK_EQ(part.struct_size, size);                                    \
            for (i = sizeof(size_t); i < sizeof part; i++)                       \
                wrong += part.bytes[i] != (i < written ? whole.bytes[i] : 0xa5); \
            CHECK_EQ(wrong, 0);                                                  \
        }                                                                        \
    } while (0)
#define END(struct_type, field) (offsetof(struct_type, field) + sizeof(((struct_type *)0)->field))

TEST(stats_are_written_as_far_as_they_fit) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_SIZES(wasm_memory_stats, memory, wasm_memory_stats_t, END(wasm_memory_stats_t, byte_length),
                END(wasm_memory_stats_t, reserved_bytes), END(wasm_memory_stats_t, guard_bytes),
                END(wasm_memory_stats_t, committed_bytes), END(wasm_memory_stats_t, peak_bytes),
                END(wasm_memory_stats_t, grow_count), END(wasm_memory_stats_t, grow_failures),
                END(wasm_memory_stats_t, waiters), END(wasm_memory_stats_t, map_alignment_bytes),
                END(wasm_memory_stats_t, bounds), END(wasm_memory_stats_t, may_move), END(wasm_memory_stats_t, shared),
                END(wasm_memory_stats_t, resident_bytes), END(wasm_memory_stats_t, dirty_granule_bytes));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_struct_of_no_size_is_not_written_to) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    sized_t part;
    size_t size, i;
    for (size = 0; size < sizeof(size_t); size++) {
        memset(&part, 0xa5, sizeof part);
        part.struct_size = size;
        CHECK_STATUS(wasm_memory_stats(memory, &part.memory), WASM_MEMORY_INVALID_ARGUMENT);
        CHECK_EQ(part.struct_size, size);
        for (i = sizeof(size_t); i < sizeof part; i++)
            if (part.bytes[i] != 0xa5) break;
        CHECK_EQ(i, sizeof part);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(every_status_has_its_name_and_a_message_of_its_own);
    RUN(a_number_that_is_no_status_has_a_name_and_a_message_too);
    RUN(names_and_messages_are_static);
    RUN(traps_have_the_texts_of_the_specification);
    RUN(the_version_is_that_of_the_header);
    RUN(the_last_error_is_cut_to_the_buffer_and_its_length_is_not);
    RUN(the_last_error_can_be_measured_first);
    RUN(success_leaves_the_last_error_alone);
    RUN(the_next_failure_replaces_it);
    RUN(the_standard_forms_leave_a_sentence_too);
    RUN(each_thread_has_its_own);
    RUN(stats_of_a_memory_follow_it);
    RUN(resident_bytes_count_what_was_touched);
    RUN(stats_are_written_as_far_as_they_fit);
    RUN(a_struct_of_no_size_is_not_written_to);
    return check_finish();
}
