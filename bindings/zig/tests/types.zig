//! Memory types.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

test "a type says what it was made of" {
    const descriptions = [_]wasm.Description{
        .{ .minimum = 0 },
        .{ .minimum = 1, .maximum = 65536 },
        .{ .minimum = 2, .maximum = 2, .shared = true },
        .{ .minimum = 1 << 33, .maximum = 1 << 48, .index = .i64 },
        .{ .minimum = 100, .maximum = 1000, .page_size = .one_byte },
    };
    for (descriptions) |description| {
        const made = try wasm.MemoryType.init(description);
        defer made.deinit();
        try expectEqual(description, made.describe());
        try expectEqual(description.page_size.bytes(), made.pageSize());

        const copy = try made.clone();
        defer copy.deinit();
        try expectEqual(description, copy.describe());
    }
}

test "what the specification does not allow is refused with the reason" {
    const Case = struct { description: wasm.Description, sentence: []const u8 };
    for ([_]Case{
        .{ .description = .{ .minimum = 65537 }, .sentence = "65537" },
        .{ .description = .{ .minimum = 3, .maximum = 2 }, .sentence = "minimum" },
        .{ .description = .{ .minimum = 1, .shared = true }, .sentence = "maximum" },
        .{ .description = .{ .minimum = 1, .page_size = @enumFromInt(12) }, .sentence = "12" },
        .{ .description = .{ .minimum = 1, .page_size = @enumFromInt(255) }, .sentence = "255" },
        .{ .description = .{ .minimum = std.math.maxInt(u64), .index = .i64 }, .sentence = "18446744073709551615" },
    }) |case| {
        try expectError(error.InvalidType, wasm.MemoryType.init(case.description));
        try support.expectSentence(case.sentence);
    }
}

test "import matching" {
    const provided = try wasm.MemoryType.init(.{ .minimum = 2, .maximum = 5 });
    defer provided.deinit();
    const smaller = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 9 });
    defer smaller.deinit();
    const larger = try wasm.MemoryType.init(.{ .minimum = 3 });
    defer larger.deinit();
    try expect(provided.matches(smaller));
    try expect(!provided.matches(larger));

    // A live memory's type has the size of now.
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try wasm.Memory.init(world.store, provided);
    defer memory.deinit();
    try expectEqual(2, try memory.grow(1));
    const now = try memory.memoryType();
    defer now.deinit();
    try expectEqual(3, now.describe().minimum);
    try expect(now.matches(larger));
    try expectEqual(2, memory.initialPages());
}
