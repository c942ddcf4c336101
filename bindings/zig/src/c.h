/* What the build translates to Zig. The inline header is not here: src/view.zig has its functions in Zig. */
#include <wasm_memory.h>
