//! What the tests share.

const std = @import("std");
const wasm = @import("wasm_memory");

pub const page = 65536;

/// An engine with one store.
pub const World = struct {
    engine: *wasm.Engine,
    store: *wasm.Store,

    pub fn init(config: wasm.Config) !World {
        const engine = try wasm.Engine.init(config);
        errdefer engine.deinit();
        return .{ .engine = engine, .store = try wasm.Store.init(engine) };
    }

    pub fn deinit(self: World) void {
        self.store.deinit();
        self.engine.deinit();
    }

    /// A memory of that type, in the store.
    pub fn memory(self: World, description: wasm.Description) !*wasm.Memory {
        const memory_type = try wasm.MemoryType.init(description);
        defer memory_type.deinit();
        return wasm.Memory.init(self.store, memory_type);
    }
};

/// The last sentence must have this in it.
pub fn expectSentence(part: []const u8) !void {
    var buffer: [512]u8 = undefined;
    const sentence = wasm.lastError(&buffer);
    if (std.mem.indexOf(u8, sentence, part) != null) return;
    std.debug.print("the last error is \"{s}\", without \"{s}\"\n", .{ sentence, part });
    return error.TestUnexpectedResult;
}

/// Counts calls, from any thread.
pub const Counter = struct {
    count: std.atomic.Value(u32) = .init(0),

    pub fn add(self: *Counter) void {
        _ = self.count.fetchAdd(1, .seq_cst);
    }

    pub fn get(self: *const Counter) u32 {
        return self.count.load(.seq_cst);
    }
};
