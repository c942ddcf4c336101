//! What a first program looks like.

const std = @import("std");
const wasm = @import("wasm_memory");

pub fn main() !void {
    const engine = try wasm.Engine.init(.{});
    defer engine.deinit();
    const store = try wasm.Store.init(engine);
    defer store.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 10 });
    defer memory_type.deinit();
    const memory = try wasm.Memory.init(store, memory_type);
    defer memory.deinit();

    try memory.store(u32, 65532, 42);
    const answer = try memory.load(u32, 65532);

    var buffer: [256]u8 = undefined;
    memory.store(u32, 65533, 42) catch |err| {
        std.debug.print("consumer: {d}, then {t}: {s}\n", .{ answer, err, wasm.lastError(&buffer) });
        return;
    };
    return error.NothingWasChecked;
}
