//! Statuses, errors and sentences.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;

test "every error has its status, whose C name is the error's" {
    var seen: usize = 0;
    inline for (@typeInfo(wasm.Error).error_set.?) |member| {
        const status = wasm.Status.of(@field(wasm.Error, member.name));
        if (comptime std.mem.eql(u8, member.name, "Unexpected")) {
            try expectEqual(wasm.Status.internal, status);
            continue;
        }
        // WASM_MEMORY_OUT_OF_BOUNDS is OutOfBounds.
        var expected: [64]u8 = undefined;
        var writer = std.Io.Writer.fixed(&expected);
        try writer.writeAll("WASM_MEMORY");
        for (member.name) |letter| {
            if (std.ascii.isUpper(letter)) try writer.writeByte('_');
            try writer.writeByte(std.ascii.toUpper(letter));
        }
        try expectEqualStrings(writer.buffered(), status.name());
        seen += 1;
    }
    // One for each status but OK: none is forgotten.
    try expectEqual(std.enums.values(wasm.Status).len - 1, seen);
}

test "statuses of a library to come are Unexpected, and have a name" {
    const unknown: wasm.Status = @enumFromInt(4711);
    try expectEqualStrings("WASM_MEMORY_UNKNOWN_STATUS", unknown.name());
    try expectEqualStrings("unknown status", unknown.message());
    try expectEqualStrings("out of bounds memory access", wasm.Status.out_of_bounds.message());
}

test "the sentence has the numbers in it and is cut to fit" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();

    try std.testing.expectError(error.OutOfBounds, memory.load(u32, 65533));
    try support.expectSentence("4 bytes at offset 65533 in a memory of 65536 bytes");

    const whole = try wasm.lastErrorAlloc(std.testing.allocator);
    defer std.testing.allocator.free(whole);
    try expectEqual(wasm.lastErrorLength(), whole.len);
    var small: [9]u8 = undefined;
    try expectEqualStrings("out of b", wasm.lastError(&small));
    try expectEqualStrings("", wasm.lastError(small[0..1]));
    try expectEqualStrings("", wasm.lastError(small[0..0]));

    // What succeeds leaves it alone.
    _ = try memory.load(u8, 0);
    try support.expectSentence("65533");
}

test "each thread has its own sentence" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try std.testing.expectError(error.OutOfBounds, memory.load(u8, 70000));

    const other = try std.Thread.spawn(.{}, struct {
        fn run() void {
            std.debug.assert(wasm.lastErrorLength() == 0);
        }
    }.run, .{});
    other.join();
    try support.expectSentence("70000");
}

test "library and header are of one version" {
    const text = try std.fmt.allocPrint(std.testing.allocator, "{f}", .{wasm.header_version});
    defer std.testing.allocator.free(text);
    try expectEqualStrings(text, wasm.version());
}
