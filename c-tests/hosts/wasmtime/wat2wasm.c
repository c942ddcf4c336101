/* wat2wasm: text on standard input, a module on standard output: by wasmtime's own translator, which knows all that it
 * runs. */
#include <stdio.h>
#include <stdlib.h>

#include <wasmtime.h>

int main(void) {
    static char text[1 << 20];
    const size_t length = fread(text, 1, sizeof text, stdin);
    wasm_byte_vec_t bytes;
    wasmtime_error_t *const error = wasmtime_wat2wasm(text, length, &bytes);
    if (error != NULL) {
        wasm_name_t message;
        wasmtime_error_message(error, &message);
        fprintf(stderr, "wat2wasm: %.*s\n", (int)message.size, message.data);
        return 1;
    }
    return fwrite(bytes.data, 1, bytes.size, stdout) != bytes.size || fflush(stdout) != 0;
}
