//! Mapped files and protected ranges.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;

test "a file in a memory" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 4 });
    defer memory.deinit();
    const unit = memory.stats().map_alignment_bytes;

    var directory = std.testing.tmpDir(.{});
    defer directory.cleanup();
    const file = try directory.dir.createFile("mapped", .{ .read = true });
    defer file.close();
    try file.setEndPos(2 * unit);
    try file.pwriteAll("in the file", unit);

    try memory.mapFile(support.page, file.handle, 0, 2 * unit, .shared);
    try expectEqualStrings("in the file", try memory.sliceAt(support.page + unit, 11));
    try memory.write(support.page + unit, "by a guest!");
    var buffer: [11]u8 = undefined;
    _ = try file.preadAll(&buffer, unit);
    try expectEqualStrings("by a guest!", &buffer);

    try memory.mapFile(support.page, file.handle, unit, unit, .read_only);
    try expectEqualStrings("by a guest!", try memory.sliceAt(support.page, 11));
    try expectError(error.Protected, memory.write(support.page, "no"));
    try memory.unmap(support.page, 2 * unit);
    try expectEqual(0, try memory.load(u8, support.page));

    try expectError(error.Unaligned, memory.mapFile(1, file.handle, 0, unit, .copy_on_write));
    try support.expectSentence("map_alignment_bytes");
    try expectError(error.OutOfBounds, memory.mapFile(4 * support.page, file.handle, 0, unit, .copy_on_write));
    try expectError(error.Io, memory.mapFile(0, file.handle, 0, 3 * unit, .copy_on_write));
    try expectError(error.Io, memory.mapFile(0, -1, 0, unit, .copy_on_write));
}

test "protected ranges" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 4 });
    defer memory.deinit();
    const unit = memory.stats().map_alignment_bytes;
    try memory.write(unit, "kept");
    try memory.protect(unit, unit, .read);
    try expectError(error.Protected, memory.store(u8, unit, 1));
    try expectError(error.Protected, memory.atomicRmw(u32, .add, unit, 1));
    try expectEqual('k', try memory.load(u8, unit));
    try memory.protect(unit, unit, .none);
    try expectError(error.Protected, memory.load(u8, unit));
    try expectError(error.Protected, wasm.Image.snapshot(memory));
    try memory.protect(unit, unit, .read_write);
    try expectEqual('k', try memory.load(u8, unit));
    try expectError(error.Unaligned, memory.protect(unit, 1, .read));
    try expectError(error.OutOfBounds, memory.unmap(4 * support.page, unit));

    const shared = try world.memory(.{ .minimum = 1, .maximum = 1, .shared = true });
    defer shared.deinit();
    try expectError(error.Shared, shared.protect(0, unit, .read));
}
