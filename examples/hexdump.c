/* hexdump: a look at bytes, as text. */
#include <string.h>

#include "example.h"

int main(void) {
    static const char bytes[] = "Hello, WebAssembly World!\x00\x01\x02\x03\xff\xfe\xfd";
    wasm_engine_t *const engine = wasm_engine_new();
    wasm_store_t *const store = wasm_store_new(engine);
    wasm_memory_t *memory;
    char *text, line[80];
    size_t needed = 0;

    EXPECT(store != NULL);
    memory = example_memory(store, 1, 1);
    EXPECT_STATUS(wasm_memory_write(memory, 0, bytes, sizeof bytes - 1), WASM_MEMORY_OK);

    /* Without a buffer it only measures. The NUL at the end comes on top. */
    EXPECT_STATUS(wasm_memory_hexdump(memory, 0, 64, NULL, 0, &needed), WASM_MEMORY_OK);
    text = malloc(needed + 1);
    EXPECT(text != NULL);
    EXPECT_STATUS(wasm_memory_hexdump(memory, 0, 64, text, needed + 1, NULL), WASM_MEMORY_OK);
    EXPECT(strlen(text) == needed);
    printf("%s", text);
    EXPECT(strcmp(text, "Memory dump from 0x0000 to 0x0040:\n"
                        "0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|\n"
                        "0010: 6c 79 20 57 6f 72 6c 64 21 00 01 02 03 ff fe fd  |ly World!.......|\n"
                        "0020: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|\n"
                        "0030: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|\n") == 0);
    free(text);

    /* A range that fills no line. What does not fit a buffer is cut. */
    EXPECT_STATUS(wasm_memory_hexdump(memory, 7, 11, line, sizeof line, &needed), WASM_MEMORY_OK);
    EXPECT(needed > sizeof line && strlen(line) == sizeof line - 1);
    printf("\n%s... (%zu characters, cut at %zu)\n\n", line, needed, sizeof line - 1);

    printf("past the end:\n");
    EXPECT_REFUSED(wasm_memory_hexdump(memory, wasm_memory_data_size(memory) - 8, 16, line, sizeof line, &needed),
                   WASM_MEMORY_OUT_OF_BOUNDS);

    wasm_memory_delete(memory);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
