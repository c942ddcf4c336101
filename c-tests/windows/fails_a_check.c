/* A planted defect: a check that does not hold. scripts/hard/windows has to notice. */
#include <wasm_memory.h>

#include "support/check.h"

TEST(two_pages_are_one) {
    wasm_memorytype_t *type = NULL;
    CHECK_STATUS(wasm_memorytype_try_new(2, false, 0, false, false, 16, &type), WASM_MEMORY_OK);
    CHECK_EQ(wasm_memorytype_minimum(type), 1);
    wasm_memorytype_delete(type);
}

int main(void) {
    RUN(two_pages_are_one);
    return check_finish();
}
