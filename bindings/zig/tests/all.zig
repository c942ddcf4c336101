//! All tests, against the installed library: `zig build test -Dwasm_memory_prefix=PATH`.

test {
    _ = @import("access.zig");
    _ = @import("bytes.zig");
    _ = @import("engines.zig");
    _ = @import("faults.zig");
    _ = @import("host_made.zig");
    _ = @import("images.zig");
    _ = @import("mappings.zig");
    _ = @import("shared.zig");
    _ = @import("statuses.zig");
    _ = @import("stores.zig");
    _ = @import("types.zig");
    _ = @import("views.zig");
}
