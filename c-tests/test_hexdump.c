/* The hex dump: its exact text, where it is cut, and what is refused. */
#include "wasm_memory.h"

#include <stdlib.h>

#include "support/memories.h"

/* The text that a dump must have, made in the plainest way. The caller frees it. */
static char *expected_text(const uint8_t *bytes, uint64_t offset, uint64_t length) {
    char *const text = (char *)malloc((size_t)(length / 16 + 1) * 100 + 100);
    char *end = text;
    uint64_t line, i;
    if (!CHECK(text != NULL)) return NULL;
    end += sprintf(end, "Memory dump from 0x%04" PRIx64 " to 0x%04" PRIx64 ":\n", offset, offset + length);
    for (line = 0; line < length; line += 16) {
        const uint64_t count = length - line < 16 ? length - line : 16;
        end += sprintf(end, "%04" PRIx64 ": ", offset + line);
        for (i = 0; i < count; i++) end += sprintf(end, "%02x ", bytes[line + i]);
        for (i = count; i < 16; i++) end += sprintf(end, "   ");
        end += sprintf(end, " |");
        for (i = 0; i < count; i++) {
            const uint8_t byte = bytes[line + i];
            *end++ = byte >= 32 && byte <= 126 ? (char)byte : '.';
        }
        end += sprintf(end, "|\n");
    }
    return text;
}

/* Dumps a range and compares it with the text, byte for byte. */
static void check_text(const wasm_memory_t *memory, uint64_t offset, uint64_t length, const char *text) {
    const size_t full = strlen(text);
    char *const buffer = (char *)malloc(full + 3);
    size_t needed = 77;
    if (!CHECK(buffer != NULL)) return;
    CHECK_STATUS(wasm_memory_hexdump(memory, offset, length, NULL, 0, &needed), WASM_MEMORY_OK);
    CHECK_EQ(needed, full);
    memset(buffer, 'x', full + 3);
    needed = 77;
    CHECK_STATUS(wasm_memory_hexdump(memory, offset, length, buffer, full + 2, &needed), WASM_MEMORY_OK);
    CHECK_EQ(needed, full);
    if (!CHECK(memcmp(buffer, text, full + 1) == 0)) {
        buffer[full + 2] = 0;
        printf("--- dumped\n%s--- expected\n%s", buffer, text);
    }
    CHECK_EQ(buffer[full + 2], 'x');
    free(buffer);
}

static void check_range(const wasm_memory_t *memory, uint64_t offset, uint64_t length) {
    char *const text = expected_text(wasm_memory_view(memory)->base + offset, offset, length);
    check_text(memory, offset, length, text);
    free(text);
}

/* ---- the text ---- */

/* What the documents that define this system print of this memory, from 0, for 64 bytes. */
TEST(a_dump_has_lines_of_addresses_bytes_and_characters) {
    static const char hello[] = "Hello, WebAssembly World!\x00\x01\x02\x03\xff\xfe\xfd";
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    CHECK_STATUS(wasm_memory_write(memory, 0, hello, sizeof hello - 1), WASM_MEMORY_OK);
    check_text(memory, 0, 64,
               "Memory dump from 0x0000 to 0x0040:\n"
               "0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|\n"
               "0010: 6c 79 20 57 6f 72 6c 64 21 00 01 02 03 ff fe fd  |ly World!.......|\n"
               "0020: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|\n"
               "0030: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|\n");
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(an_incomplete_line_is_padded_to_the_same_columns) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    CHECK_STATUS(wasm_memory_write(memory, 0x100, "abcdefghijklmnopqrstuvwxyz", 26), WASM_MEMORY_OK);
    check_text(memory, 0x100, 1,
               "Memory dump from 0x0100 to 0x0101:\n"
               "0100: 61                                               |a|\n");
    check_text(memory, 0x101, 15,
               "Memory dump from 0x0101 to 0x0110:\n"
               "0101: 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70     |bcdefghijklmnop|\n");
    check_text(memory, 0x100, 16,
               "Memory dump from 0x0100 to 0x0110:\n"
               "0100: 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n");
    check_text(memory, 0x100, 26,
               "Memory dump from 0x0100 to 0x011a:\n"
               "0100: 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"
               "0110: 71 72 73 74 75 76 77 78 79 7a                    |qrstuvwxyz|\n");
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_dump_of_nothing_is_its_title) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    wasm_memory_t *const empty = memory_of(host, pages_32(0, 1));
    check_text(memory, 0, 0, "Memory dump from 0x0000 to 0x0000:\n");
    check_text(memory, 5, 0, "Memory dump from 0x0005 to 0x0005:\n");
    check_text(memory, 0x10000, 0, "Memory dump from 0x10000 to 0x10000:\n");
    check_text(empty, 0, 0, "Memory dump from 0x0000 to 0x0000:\n");
    wasm_memory_delete(empty);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(only_printable_ascii_is_shown_as_characters) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(256, 256));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    size_t at;
    for (at = 0; at < 256; at++) view->base[at] = (uint8_t)at;
    check_text(memory, 0x18, 16,
               "Memory dump from 0x0018 to 0x0028:\n"
               "0018: 18 19 1a 1b 1c 1d 1e 1f 20 21 22 23 24 25 26 27  |........ !\"#$%&'|\n");
    check_text(memory, 0x78, 16,
               "Memory dump from 0x0078 to 0x0088:\n"
               "0078: 78 79 7a 7b 7c 7d 7e 7f 80 81 82 83 84 85 86 87  |xyz{|}~.........|\n");
    check_range(memory, 0, 256);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* Every start in a line, every length up to some lines. */
TEST(lines_begin_at_the_offset_and_not_at_a_multiple_of_16) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(4096, 4096));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    uint64_t offset, length;
    size_t at;
    for (at = 0; at < view->byte_length; at++) view->base[at] = (uint8_t)(at * 11 + at / 256);
    for (offset = 0; offset < 17; offset++)
        for (length = 0; length <= 50; length++) check_range(memory, offset * 3, length);
    for (length = 0; length <= 20; length++) check_range(memory, 4096 - length, length);
    check_range(memory, 0, 4096);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(addresses_have_as_many_digits_as_they_need) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(20, 20));
    CHECK_STATUS(wasm_memory_write(memory, 0x10000, "0123456789abcdef", 16), WASM_MEMORY_OK);
    check_text(memory, 0xfff0, 0x28,
               "Memory dump from 0xfff0 to 0x10018:\n"
               "fff0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|\n"
               "10000: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
               "10010: 00 00 00 00 00 00 00 00                          |........|\n");
    check_text(memory, 0xfffff, 3,
               "Memory dump from 0xfffff to 0x100002:\n"
               "fffff: 00 00 00                                         |...|\n");
    check_range(memory, 0xffff0, 32);
    check_range(memory, 20 * PAGE - 33, 33);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_dump_reaches_past_4_gib) {
    const host_t host = host_default();
    const uint64_t end = 4 * GIB + 2 * PAGE;
    wasm_memory_t *const memory = memory_of(host, pages_64(end / PAGE, NO_MAXIMUM));
    CHECK_STATUS(wasm_memory_write(memory, 4 * GIB - 4, "AtFourGi", 8), WASM_MEMORY_OK);
    check_text(memory, 4 * GIB - 8, 24,
               "Memory dump from 0xfffffff8 to 0x100000010:\n"
               "fffffff8: 00 00 00 00 41 74 46 6f 75 72 47 69 00 00 00 00  |....AtFourGi....|\n"
               "100000008: 00 00 00 00 00 00 00 00                          |........|\n");
    check_range(memory, end - 20, 20);
    CHECK_STATUS(wasm_memory_hexdump(memory, end - 19, 20, NULL, 0, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_long_dump_is_measured_and_made_as_a_whole) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(17, 17));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    size_t at;
    for (at = 0; at < view->byte_length; at++) view->base[at] = (uint8_t)(at * 7 + at / 4096);
    check_range(memory, 0, 17 * PAGE);
    check_range(memory, 3, 17 * PAGE - 3);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- the cut ---- */

TEST(the_text_is_cut_at_every_capacity_and_ends_in_nul) {
    static const uint64_t ranges[][2] = {{0, 0}, {0x10, 16}, {0x1234, 37}, {0xfff8, 24}};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(2, 2));
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    size_t i, at;
    for (at = 0; at < view->byte_length; at++) view->base[at] = (uint8_t)(at * 13 + 30);
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char *const text = expected_text(view->base + ranges[i][0], ranges[i][0], ranges[i][1]);
        const size_t full = strlen(text);
        size_t capacity;
        for (capacity = 0; capacity <= full + 3; capacity++) {
            char buffer[512];
            size_t needed = 77, wrong = 0;
            const size_t kept = capacity == 0 ? 0 : capacity - 1 < full ? capacity - 1 : full;
            memset(buffer, 'x', sizeof buffer);
            CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], buffer, capacity, &needed),
                         WASM_MEMORY_OK);
            CHECK_EQ(needed, full);
            CHECK(memcmp(buffer, text, kept) == 0);
            if (capacity > 0) CHECK_EQ(buffer[kept], 0);
            for (at = capacity; at < sizeof buffer; at++) wrong += buffer[at] != 'x';
            CHECK_EQ(wrong, 0); /* not a byte past the capacity */
            memset(buffer, 'x', sizeof buffer);
            CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], buffer, capacity, NULL),
                         WASM_MEMORY_OK);
            CHECK(memcmp(buffer, text, kept) == 0);
        }
        free(text);
    }
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(a_long_dump_may_be_cut_after_its_first_line) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(256, 256));
    char buffer[101];
    size_t needed = 0;
    memset(buffer, 'x', sizeof buffer);
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 256 * PAGE, buffer, 100, &needed), WASM_MEMORY_OK);
    CHECK_EQ(strlen(buffer), 99);
    CHECK_EQ(buffer[100], 'x');
    CHECK(strncmp(buffer, "Memory dump from 0x0000 to 0x1000000:\n0000: 00 00 ", 49) == 0);
    /* The title; 74 characters for a line with 4 digits; a digit more from 0x10000 on, and another from 0x100000. */
    CHECK_EQ(needed, 38 + 0x100000 * 74 + (0x100000 - 0x1000) + (0x100000 - 0x10000));
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(the_length_is_measured_without_a_buffer) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 1));
    size_t needed = 77;
    char byte = 'x';
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 16, NULL, 0, &needed), WASM_MEMORY_OK);
    CHECK_EQ(needed, 35 + 74);
    needed = 77;
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 16, &byte, 0, &needed), WASM_MEMORY_OK);
    CHECK_EQ(needed, 35 + 74);
    CHECK_EQ(byte, 'x');
    CHECK_STATUS(wasm_memory_hexdump(memory, 0, 16, NULL, 0, NULL), WASM_MEMORY_OK);
    wasm_memory_delete(memory);
    host_delete(host);
}

/* ---- what is refused ---- */

TEST(a_dump_out_of_bounds_writes_nothing) {
    static const uint64_t ranges[][2] = {
        {70000, 1},      {70001, 0},       {69999, 2},      {0, 70001},
        {1, 70000},      {UINT64_MAX, 0},  {UINT64_MAX, 1}, {UINT64_MAX - 15, 16},
        {1, UINT64_MAX}, {0, UINT64_MAX},  {UINT64_MAX, UINT64_MAX}, {UINT64_C(1) << 32, 0},
        {70000, UINT64_MAX - 69999}};
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, bytes_32(70000, 80000));
    size_t i;
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char buffer[64];
        size_t needed = 77, at, wrong = 0;
        memset(buffer, 'x', sizeof buffer);
        CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], buffer, sizeof buffer, &needed),
                     WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(needed, 0);
        for (at = 0; at < sizeof buffer; at++) wrong += buffer[at] != 'x';
        CHECK_EQ(wrong, 0);
        needed = 77;
        CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], NULL, 0, &needed),
                     WASM_MEMORY_OUT_OF_BOUNDS);
        CHECK_EQ(needed, 0);
        CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], NULL, 0, NULL),
                     WASM_MEMORY_OUT_OF_BOUNDS);
        /* A buffer that is missing is found first. */
        needed = 77;
        CHECK_STATUS(wasm_memory_hexdump(memory, ranges[i][0], ranges[i][1], NULL, 1, &needed),
                     WASM_MEMORY_NULL_ARGUMENT);
        CHECK_EQ(needed, 0);
    }
    CHECK_STATUS(wasm_memory_hexdump(memory, 69990, 1234, NULL, 0, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_LAST_ERROR("69990");
    CHECK_LAST_ERROR("1234");
    CHECK_LAST_ERROR("70000");
    check_range(memory, 69990, 10);
    wasm_memory_delete(memory);
    host_delete(host);
}

TEST(new_pages_can_be_dumped_at_once) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    CHECK_STATUS(wasm_memory_hexdump(memory, PAGE, 1, NULL, 0, NULL), WASM_MEMORY_OUT_OF_BOUNDS);
    CHECK_STATUS(wasm_memory_try_grow(memory, 1, NULL), WASM_MEMORY_OK);
    check_range(memory, PAGE - 8, 16);
    wasm_memory_delete(memory);
    host_delete(host);
}

int main(void) {
    RUN(a_dump_has_lines_of_addresses_bytes_and_characters);
    RUN(an_incomplete_line_is_padded_to_the_same_columns);
    RUN(a_dump_of_nothing_is_its_title);
    RUN(only_printable_ascii_is_shown_as_characters);
    RUN(lines_begin_at_the_offset_and_not_at_a_multiple_of_16);
    RUN(addresses_have_as_many_digits_as_they_need);
    RUN(a_dump_reaches_past_4_gib);
    RUN(a_long_dump_is_measured_and_made_as_a_whole);
    RUN(the_text_is_cut_at_every_capacity_and_ends_in_nul);
    RUN(a_long_dump_may_be_cut_after_its_first_line);
    RUN(the_length_is_measured_without_a_buffer);
    RUN(a_dump_out_of_bounds_writes_nothing);
    RUN(new_pages_can_be_dumped_at_once);
    return check_finish();
}
