/* A planted defect, for scripts/hard/sanitizers: the end of a range is counted in an int, and does not fit. */
#include <wasm_memory.h>

#include <limits.h>

int main(void) {
    volatile int offset = INT_MAX;
    const int end = offset + 16;
    return end == 0;
}
