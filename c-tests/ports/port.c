/* What ports may get wrong and the other tests take for granted: the order of bytes, numbers that do not fit size_t,
 * guards where there can be none. scripts/hard/ports runs it; -DHOST_CANNOT_GUARD for hosts without guards, and
 * -DPLANTED_DEFECT for one check that has to fail. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <wasm_memory.h>

#include "support/memories.h"

#include <fcntl.h>
#include <unistd.h>

#ifdef HOST_CANNOT_GUARD
#undef wasm_config_memory_bounds_set
#define CAN_GUARD false
#else
#define CAN_GUARD true
#endif

/* What a machine of the other byte order would have there, where a defect is planted. */
#ifdef PLANTED_DEFECT
#define FIRST 1
#else
#define FIRST 8
#endif

TEST(numbers_are_little_endian) {
    static const uint8_t expected[16] = {FIRST, 7, 6, 5, 4, 3, 2, 1, 16, 15, 14, 13, 12, 11, 10, 9};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    const uint8_t *const bytes = wasm_memory_view(memory)->base;
    const double one = 1.0;
    uint64_t wide = 0;
    uint32_t word = 0;
    uint16_t half = 0;
    double number = 0;
    float single = 0;

    CHECK_STATUS(wasm_memory_store_u64(memory, 8, UINT64_C(0x0102030405060708)), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u64(memory, 16, UINT64_C(0x090a0b0c0d0e0f10)), WASM_MEMORY_OK);
    CHECK(memcmp(bytes + 8, expected, 16) == 0);
    CHECK_STATUS(wasm_memory_load_u64(memory, 8, &wide), WASM_MEMORY_OK);
    CHECK_EQ(wide, UINT64_C(0x0102030405060708));
    CHECK_STATUS(wasm_memory_load_u64(memory, 9, &wide), WASM_MEMORY_OK); /* not aligned */
    CHECK_EQ(wide, UINT64_C(0x1001020304050607));
    CHECK_STATUS(wasm_memory_load_u32(memory, 8, &word), WASM_MEMORY_OK);
    CHECK_EQ(word, 0x05060708);
    CHECK_STATUS(wasm_memory_load_u16(memory, 8, &half), WASM_MEMORY_OK);
    CHECK_EQ(half, 0x0708);
    CHECK_STATUS(wasm_memory_store_f64(memory, 32, one), WASM_MEMORY_OK);
    CHECK_EQ(bytes[39], 0x3f);
    CHECK_EQ(bytes[38], 0xf0);
    CHECK_STATUS(wasm_memory_load_f64(memory, 32, &number), WASM_MEMORY_OK);
    CHECK(number >= one && number <= one);
    CHECK_STATUS(wasm_memory_store_f32(memory, 41, 1.0f), WASM_MEMORY_OK);
    CHECK_EQ(bytes[44], 0x3f);
    CHECK_EQ(bytes[43], 0x80);
    CHECK_STATUS(wasm_memory_load_f32(memory, 41, &single), WASM_MEMORY_OK);
    CHECK(single >= 1.0f && single <= 1.0f);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(atomic_numbers_are_little_endian) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, shape(1, 1, false, true, 16));
    const uint8_t *const bytes = wasm_memory_view(memory)->base;
    uint64_t found = 0;
    uint32_t word = 0;
    CHECK_STATUS(wasm_memory_atomic_store32(memory, 4, 0x01020304), WASM_MEMORY_OK);
    CHECK_EQ(bytes[4], 4);
    CHECK_EQ(bytes[7], 1);
    /* The carry has to go from the first byte to the second. */
    CHECK_STATUS(wasm_memory_atomic_rmw32(memory, WASM_MEMORY_RMW_ADD, 4, 0xff, &word), WASM_MEMORY_OK);
    CHECK_EQ(word, 0x01020304);
    CHECK_EQ(bytes[4], 3);
    CHECK_EQ(bytes[5], 4);
    CHECK_STATUS(wasm_memory_atomic_load64(memory, 0, &found), WASM_MEMORY_OK);
    CHECK_EQ(found, UINT64_C(0x0102040300000000));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(guards_are_there_or_refused_with_a_sentence) {
    wasm_config_t *const config = wasm_config_new();
    wasm_memory_t *memory = NULL;
    host_t host;
    wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_GUARDED);
    host = host_with(config);
    if (CAN_GUARD) {
        CHECK_STATUS(try_memory(host, pages_32(1, 10), &memory), WASM_MEMORY_OK);
        CHECK_EQ(stats_of(memory).bounds, WASM_MEMORY_BOUNDS_GUARDED);
    } else {
        CHECK_STATUS(try_memory(host, pages_32(1, 10), &memory), WASM_MEMORY_UNSUPPORTED);
        CHECK_LAST_ERROR("this host cannot guard memories: use memory_bounds AUTO or CHECKED");
        CHECK(memory == NULL);
    }
    if (memory != NULL) wasm_memory_delete(memory);
    host_delete(host);
    host = host_default();
    memory = memory_of(host, pages_32(1, 10));
    CHECK_EQ(stats_of(memory).bounds, CAN_GUARD ? WASM_MEMORY_BOUNDS_GUARDED : WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Offsets and lengths have 64 bits, and none of them may be cut to those of size_t. */
TEST(no_offset_or_length_is_cut) {
    const uint64_t four_gib = UINT64_C(1) << 32;
    const uint64_t cut[] = {four_gib, four_gib + 8, four_gib * 7 + 65528, UINT64_MAX - 7, UINT64_MAX,
                            four_gib - 1, four_gib - 8, four_gib >> 1};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_64(1, 10));
    wasm_memory_t *const other = memory_of(host, pages_64(1, 10));
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t i;
    for (i = 0; i < sizeof cut / sizeof *cut; i++) {
        uint64_t value = 0, previous = 0;
        const wasm_memory_segment_t segment = {cut[i], bytes, 8};
        wasm_memory_image_t *image = NULL;
        wasm_memorytype_t *type;
        wasm_memory_t *made = NULL;
        CHECK_STATUS(wasm_memory_store_u64(memory, cut[i], 7), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_load_u64(memory, cut[i], &value), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_write(memory, cut[i], bytes, 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_read(memory, cut[i], bytes, 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_fill(memory, cut[i], 1, 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_fill(memory, 0, 1, cut[i]), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_fill(memory, 8, 1, cut[i] - 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_zero(memory, 0, cut[i]), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_discard(memory, cut[i], 1), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_discard(memory, 0, cut[i]), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_within(memory, cut[i], 0, 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_within(memory, 0, cut[i], 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_within(memory, 0, 8, cut[i]), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_between(other, cut[i], memory, 0, 8), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_STATUS(wasm_memory_copy_between(other, 0, memory, 0, cut[i]), WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK(wasm_memory_try_grow(memory, cut[i], &previous) != WASM_MEMORY_OK);
        CHECK(wasm_memory_try_grow(memory, cut[i] >> 16, &previous) != WASM_MEMORY_OK || cut[i] >> 16 == 0);
        if (wasm_memory_image_new(&segment, 1, &image) == WASM_MEMORY_OK) {
            type = type_of(pages_64(1, 10));
            CHECK(wasm_memory_new_from_image(host.store, type, image, &made) != WASM_MEMORY_OK);
            wasm_memorytype_delete(type);
            wasm_memory_image_delete(image);
        }
        CHECK_EQ(wasm_memory_pages(memory), 1);
    }
    for (i = 0; i < PAGE; i++)
        if (!CHECK_EQ(wasm_memory_view(memory)->base[i] | wasm_memory_view(other)->base[i], 0)) break;
    wasm_memory_delete(other);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* The largest memory that a 32-bit process can have, and the first that it cannot. */
TEST(a_memory_of_two_gib_less_a_page_works_to_its_ends) {
    const uint64_t most = (UINT64_C(1) << 15) - 1;
    const host_t host = host_with_bounds(WASM_MEMORY_BOUNDS_CHECKED);
    wasm_memory_t *memory = NULL, *refused = NULL;
    uint64_t value = 0;
    if (sizeof(size_t) < 8) {
        CHECK_STATUS(try_memory(host, pages_32(most + 1, NO_MAXIMUM), &refused), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK_LAST_ERROR("does not fit the address space of this host");
        CHECK(refused == NULL);
    }
    if (try_memory(host, pages_32(most, NO_MAXIMUM), &memory) != WASM_MEMORY_OK) {
        printf("skipped: no 2 GiB in one piece here\n");
        host_delete(host);
        return;
    }
    CHECK_EQ(wasm_memory_data_size(memory), most * PAGE);
    CHECK_STATUS(wasm_memory_store_u64(memory, most * PAGE - 8, 42), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_store_u64(memory, most * PAGE - 7, 42), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_within(memory, 0, most * PAGE - PAGE, PAGE), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_load_u64(memory, PAGE - 8, &value), WASM_MEMORY_OK);
    CHECK_EQ(value, 42);
    CHECK_STATUS(wasm_memory_fill(memory, most * PAGE - 16, 9, 16), WASM_MEMORY_OK);
    CHECK_STATUS(wasm_memory_fill(memory, most * PAGE - 15, 9, 16), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_copy_within(memory, 1, 0, most * PAGE), WASM_MEMORY_OUT_OF_BOUNDS);
    if (sizeof(size_t) < 8) CHECK(wasm_memory_try_grow(memory, 1, NULL) == WASM_MEMORY_OUT_OF_MEMORY);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Also where the usual offsets of files have 32 bits. */
TEST(a_file_is_mapped_from_behind_its_first_five_gib) {
    const uint64_t from = 5 * GIB;
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    const uint64_t page = stats_of(memory).map_alignment_bytes;
    char path[] = "port-XXXXXX";
    const int file = mkstemp(path);
    wasm_memory_status_t status;
    uint8_t byte = 0;
    if (!CHECK(file >= 0)) return;
    unlink(path);
    if (ftruncate(file, (off_t)(from + page)) != 0 || pwrite(file, "x", 1, (off_t)from) != 1) {
        printf("skipped: no such files here\n");
    } else {
        status = wasm_memory_map_file(memory, page, file, from, page, WASM_MEMORY_MAP_READ_ONLY);
#ifdef HOST_IS_THE_HEAP
        CHECK_STATUS(status, WASM_MEMORY_UNSUPPORTED);
#else
        CHECK_STATUS(status, WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_load_u8(memory, page, &byte), WASM_MEMORY_OK);
        CHECK_EQ(byte, 'x');
#endif
    }
    (void)byte;
    close(file);
    wasm_memory_delete(memory);
    host_delete(host);
}

#ifndef HOST_IS_THE_HEAP
/* What a machine tells of the address of a fault: of s390x, no more than the page. */
#if defined(__s390x__)
#define TOLD(address, page) ((address) / (page) * (page))
#else
#define TOLD(address, page) (address)
#endif

static uint64_t page_of(const wasm_memory_t *memory) { return stats_of(memory).map_alignment_bytes; }

static void write_and_go_on(void *place) {
    ((volatile uint8_t *)place)[0] = 1;
    ((volatile uint8_t *)place)[1] = 1;
}
#endif

/* What a fault is can be asked everywhere; to end a call by one takes more. Where there are no guards, protected pages are what
 * can be touched. */
TEST(faults_are_told_and_caught_or_refused_with_a_sentence) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_fault_t fault;
    memset(&fault, 0, sizeof fault);
    fault.struct_size = sizeof fault;
    CHECK_STATUS(wasm_memory_classify_fault(wasm_memory_data(memory) + 5, &fault), WASM_MEMORY_OK);
    CHECK_EQ(fault.kind, WASM_MEMORY_FAULT_ACCESSIBLE);
    CHECK_EQ(fault.offset, 5);
#ifdef HOST_IS_THE_HEAP
    CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_UNSUPPORTED);
#else
    {
        uint8_t *const protected = wasm_memory_view(memory)->base + page_of(memory);
        wasm_memory_trap_t trap;
        int i;
        CHECK_STATUS(wasm_memory_trap_handlers_install(), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_protect(memory, page_of(memory), page_of(memory), WASM_MEMORY_PROT_READ), WASM_MEMORY_OK);
        for (i = 0; i < 3; i++) {
            memset(&trap, 0, sizeof trap);
            trap.struct_size = sizeof trap;
            CHECK_STATUS(wasm_memory_catch_trap(write_and_go_on, protected + 9, &trap), WASM_MEMORY_PROTECTED);
            CHECK_EQ(trap.kind, WASM_MEMORY_FAULT_PROTECTED);
            CHECK_EQ(trap.offset, TOLD(page_of(memory) + 9, page_of(memory)));
            CHECK_EQ(trap.byte_length, PAGE);
            CHECK_EQ(trap.address, TOLD((uintptr_t)protected + 9, page_of(memory)));
            CHECK(trap.view == wasm_memory_view(memory));
            CHECK_EQ(protected[9], 0);
        }
        CHECK_STATUS(wasm_memory_protect(memory, page_of(memory), page_of(memory), WASM_MEMORY_PROT_READ_WRITE), WASM_MEMORY_OK);
        CHECK_STATUS(wasm_memory_catch_trap(write_and_go_on, protected + 9, &trap), WASM_MEMORY_OK);
        CHECK_EQ(protected[10], 1);
        CHECK_STATUS(wasm_memory_trap_handlers_uninstall(), WASM_MEMORY_OK);
    }
#endif
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(numbers_are_little_endian);
    RUN(atomic_numbers_are_little_endian);
    RUN(guards_are_there_or_refused_with_a_sentence);
    RUN(no_offset_or_length_is_cut);
    RUN(a_memory_of_two_gib_less_a_page_works_to_its_ends);
    RUN(a_file_is_mapped_from_behind_its_first_five_gib);
    RUN(faults_are_told_and_caught_or_refused_with_a_sentence);
    return check_finish();
}
