/* Memory types: which exist, what they say, which fits where. */
#include "wasm_memory.h"

#include "support/memories.h"

/* The largest size in pages, by index and page size: 2^16, 2^48, 2^32 - 1, 2^64 - 1. */
static const struct {
    bool is_64;
    uint8_t page_size_log2;
    uint64_t most;
} kinds[] = {
    {false, 16, UINT64_C(1) << 16},
    {true, 16, UINT64_C(1) << 48},
    {false, 0, UINT32_MAX},
    {true, 0, UINT64_MAX},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* try_new with every argument given; the answer, with the type deleted again. */
static wasm_memory_status_t answer(uint64_t minimum, bool maximum_present, uint64_t maximum, bool is_64, bool shared,
                                   uint8_t page_size_log2) {
    int nothing;
    wasm_memorytype_t *type = (wasm_memorytype_t *)(void *)&nothing;
    const wasm_memory_status_t status =
        wasm_memorytype_try_new(minimum, maximum_present, maximum, is_64, shared, page_size_log2, &type);
    CHECK((type != NULL) == (status == WASM_MEMORY_OK));
    if (status == WASM_MEMORY_OK) wasm_memorytype_delete(type);
    return status;
}

TEST(a_type_says_what_it_was_made_of) {
    size_t kind;
    int shared, bounded;
    for (kind = 0; kind < KINDS; kind++) {
        for (shared = 0; shared < 2; shared++) {
            for (bounded = shared; bounded < 2; bounded++) {
                uint64_t maximum = 77;
                wasm_memorytype_t *type = NULL;
                CHECK_STATUS(wasm_memorytype_try_new(3, bounded != 0, bounded ? 9 : 0, kinds[kind].is_64, shared != 0,
                                                     kinds[kind].page_size_log2, &type),
                             WASM_MEMORY_OK);
                CHECK_EQ(wasm_memorytype_minimum(type), 3);
                CHECK_EQ(wasm_memorytype_maximum(type, &maximum), bounded);
                CHECK_EQ(maximum, bounded ? 9 : 0);
                CHECK_EQ(wasm_memorytype_is64(type), kinds[kind].is_64);
                CHECK_EQ(wasm_memorytype_isshared(type), shared);
                CHECK_EQ(wasm_memorytype_page_size_log2(type), kinds[kind].page_size_log2);
                CHECK_EQ(wasm_memorytype_page_size(type), UINT64_C(1) << kinds[kind].page_size_log2);
                wasm_memorytype_delete(type);
            }
        }
    }
}

TEST(a_maximum_that_is_not_present_is_not_read) {
    wasm_memorytype_t *type = NULL;
    uint64_t maximum = 77;
    CHECK_STATUS(wasm_memorytype_try_new(5, false, 1, false, false, 16, &type), WASM_MEMORY_OK);
    CHECK(!wasm_memorytype_maximum(type, &maximum));
    CHECK_EQ(maximum, 0);
    wasm_memorytype_delete(type);
    CHECK_STATUS(answer(5, false, UINT64_MAX, false, false, 16), WASM_MEMORY_OK);
}

TEST(the_largest_minimum_and_maximum_are_accepted) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const uint64_t most = kinds[kind].most;
        uint64_t maximum = 0;
        wasm_memorytype_t *type = NULL;
        CHECK_STATUS(
            wasm_memorytype_try_new(most, true, most, kinds[kind].is_64, false, kinds[kind].page_size_log2, &type),
            WASM_MEMORY_OK);
        CHECK_EQ(wasm_memorytype_minimum(type), most);
        CHECK(wasm_memorytype_maximum(type, &maximum));
        CHECK_EQ(maximum, most);
        wasm_memorytype_delete(type);
        CHECK_STATUS(answer(most, false, 0, kinds[kind].is_64, false, kinds[kind].page_size_log2), WASM_MEMORY_OK);
        CHECK_STATUS(answer(0, true, most, kinds[kind].is_64, true, kinds[kind].page_size_log2), WASM_MEMORY_OK);
        CHECK_STATUS(answer(0, true, 0, kinds[kind].is_64, false, kinds[kind].page_size_log2), WASM_MEMORY_OK);
    }
}

TEST(one_page_more_is_refused) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        const uint64_t more = kinds[kind].most + 1;
        if (more == 0) continue; /* 2^64 - 1 pages of one byte: no uint64_t is larger */
        CHECK_STATUS(answer(more, false, 0, kinds[kind].is_64, false, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(answer(0, true, more, kinds[kind].is_64, false, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(answer(0, true, UINT64_MAX, kinds[kind].is_64, false, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(answer(UINT64_MAX, false, 0, kinds[kind].is_64, false, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
    }
}

TEST(a_minimum_above_the_maximum_is_refused) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++) {
        CHECK_STATUS(answer(1, true, 0, kinds[kind].is_64, false, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
        CHECK_STATUS(
            answer(kinds[kind].most, true, kinds[kind].most - 1, kinds[kind].is_64, false, kinds[kind].page_size_log2),
            WASM_MEMORY_INVALID_TYPE);
    }
}

TEST(a_shared_type_needs_a_maximum) {
    size_t kind;
    for (kind = 0; kind < KINDS; kind++)
        CHECK_STATUS(answer(1, false, 0, kinds[kind].is_64, true, kinds[kind].page_size_log2),
                     WASM_MEMORY_INVALID_TYPE);
}

TEST(pages_have_1_or_65536_bytes) {
    unsigned log2;
    for (log2 = 0; log2 < 256; log2++) {
        const wasm_memory_status_t wanted = log2 == 0 || log2 == 16 ? WASM_MEMORY_OK : WASM_MEMORY_INVALID_TYPE;
        CHECK_STATUS(answer(0, true, 1, false, false, (uint8_t)log2), wanted);
        CHECK_STATUS(answer(0, true, 1, true, true, (uint8_t)log2), wanted);
    }
}

TEST(a_refusal_says_the_numbers) {
    CHECK_STATUS(answer(0, true, 65537, false, false, 16), WASM_MEMORY_INVALID_TYPE);
    CHECK_LAST_ERROR("65537");
    CHECK_STATUS(answer(12, true, 11, false, false, 16), WASM_MEMORY_INVALID_TYPE);
    CHECK_LAST_ERROR("12");
    CHECK_LAST_ERROR("11");
}

TEST(limits_beyond_32_bits_saturate) {
    wasm_memorytype_t *const large = type_of(pages_64(UINT64_C(1) << 40, UINT64_C(1) << 41));
    wasm_memorytype_t *const unbounded = type_of(pages_64(7, NO_MAXIMUM));
    CHECK_EQ(wasm_memorytype_limits(large)->min, 0xffffffff);
    CHECK_EQ(wasm_memorytype_limits(large)->max, 0xffffffff);
    CHECK_EQ(wasm_memorytype_limits(unbounded)->min, 7);
    CHECK_EQ(wasm_memorytype_limits(unbounded)->max, 0xffffffff);
    wasm_memorytype_delete(large);
    wasm_memorytype_delete(unbounded);
}

TEST(a_standard_type_is_32_bit_unshared_and_of_64_kib_pages) {
    const wasm_limits_t limits = {2, wasm_limits_max_default};
    wasm_memorytype_t *const type = wasm_memorytype_new(&limits);
    uint64_t maximum = 77;
    CHECK_EQ(wasm_memorytype_minimum(type), 2);
    CHECK(!wasm_memorytype_maximum(type, &maximum));
    CHECK_EQ(maximum, 0);
    CHECK(!wasm_memorytype_is64(type));
    CHECK(!wasm_memorytype_isshared(type));
    CHECK_EQ(wasm_memorytype_page_size(type), PAGE);
    wasm_memorytype_delete(type);
}

TEST(a_copy_is_equal_in_everything) {
    wasm_memorytype_t *const type = type_of(shape(1, 2, true, true, 0));
    wasm_memorytype_t *const copy = wasm_memorytype_copy(type);
    uint64_t maximum = 0;
    wasm_memorytype_delete(type);
    CHECK_EQ(wasm_memorytype_minimum(copy), 1);
    CHECK(wasm_memorytype_maximum(copy, &maximum));
    CHECK_EQ(maximum, 2);
    CHECK(wasm_memorytype_is64(copy));
    CHECK(wasm_memorytype_isshared(copy));
    CHECK_EQ(wasm_memorytype_page_size_log2(copy), 0);
    wasm_memorytype_delete(copy);
}

static bool matches(shape_t provided, shape_t required) {
    wasm_memorytype_t *const have = type_of(provided), *const want = type_of(required);
    const bool answer = wasm_memorytype_matches(have, want);
    wasm_memorytype_delete(have);
    wasm_memorytype_delete(want);
    return answer;
}

TEST(a_type_matches_what_asks_for_no_more) {
    CHECK(matches(pages_32(2, 4), pages_32(2, 4)));
    CHECK(matches(pages_32(3, 4), pages_32(2, 4)));
    CHECK(matches(pages_32(2, 3), pages_32(2, 4)));
    CHECK(matches(pages_32(2, 4), pages_32(2, NO_MAXIMUM)));
    CHECK(matches(pages_32(2, NO_MAXIMUM), pages_32(2, NO_MAXIMUM)));
    CHECK(!matches(pages_32(1, 4), pages_32(2, 4)));
    CHECK(!matches(pages_32(2, 5), pages_32(2, 4)));
    CHECK(!matches(pages_32(2, NO_MAXIMUM), pages_32(2, 4)));
    /* A maximum as large as the index allows is still none that was declared. */
    CHECK(!matches(pages_32(2, NO_MAXIMUM), pages_32(2, 65536)));
}

TEST(index_sharedness_and_page_size_match_exactly) {
    CHECK(!matches(pages_64(1, 2), pages_32(1, 2)));
    CHECK(!matches(pages_32(1, 2), pages_64(1, 2)));
    CHECK(!matches(bytes_32(1, 2), pages_32(1, 2)));
    CHECK(!matches(pages_32(1, 2), bytes_32(1, 2)));
    CHECK(!matches(shape(1, 2, false, true, 16), pages_32(1, 2)));
    CHECK(!matches(pages_32(1, 2), shape(1, 2, false, true, 16)));
    CHECK(matches(shape(1, 2, true, true, 0), shape(1, 2, true, true, 0)));
}

TEST(a_memory_that_grew_matches_by_its_present_size) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 4));
    wasm_memorytype_t *const required = type_of(pages_32(3, 4));
    wasm_memorytype_t *type = wasm_memory_type(memory);
    CHECK(!wasm_memorytype_matches(type, required));
    wasm_memorytype_delete(type);
    CHECK_STATUS(wasm_memory_try_grow(memory, 2, NULL), WASM_MEMORY_OK);
    type = wasm_memory_type(memory);
    CHECK_EQ(wasm_memorytype_minimum(type), 3);
    CHECK(wasm_memorytype_matches(type, required));
    wasm_memorytype_delete(type);
    wasm_memorytype_delete(required);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_valid_type_that_no_machine_can_hold_is_out_of_memory) {
    const host_t host = host_default();
    const uint64_t sizes[] = {UINT64_C(1) << 48, (UINT64_C(1) << 48) - 1, UINT64_C(1) << 40};
    size_t i;
    int nothing;
    wasm_memory_t *memory;
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memory = (wasm_memory_t *)(void *)&nothing;
        CHECK_STATUS(try_memory(host, pages_64(sizes[i], NO_MAXIMUM), &memory), WASM_MEMORY_OUT_OF_MEMORY);
        CHECK(memory == NULL);
    }
    memory = (wasm_memory_t *)(void *)&nothing;
    CHECK_STATUS(try_memory(host, shape(UINT64_MAX, NO_MAXIMUM, true, false, 0), &memory), WASM_MEMORY_OUT_OF_MEMORY);
    CHECK(memory == NULL);
    host_delete(host);
}

int main(void) {
    RUN(a_type_says_what_it_was_made_of);
    RUN(a_maximum_that_is_not_present_is_not_read);
    RUN(the_largest_minimum_and_maximum_are_accepted);
    RUN(one_page_more_is_refused);
    RUN(a_minimum_above_the_maximum_is_refused);
    RUN(a_shared_type_needs_a_maximum);
    RUN(pages_have_1_or_65536_bytes);
    RUN(a_refusal_says_the_numbers);
    RUN(limits_beyond_32_bits_saturate);
    RUN(a_standard_type_is_32_bit_unshared_and_of_64_kib_pages);
    RUN(a_copy_is_equal_in_everything);
    RUN(a_type_matches_what_asks_for_no_more);
    RUN(index_sharedness_and_page_size_match_exactly);
    RUN(a_memory_that_grew_matches_by_its_present_size);
    RUN(a_valid_type_that_no_machine_can_hold_is_out_of_memory);
    return check_finish();
}
