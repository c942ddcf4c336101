//! Loads, stores and bulk operations.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;

const end = support.page;

const Flags = packed struct(u16) { low: u4, middle: u8, high: u4 };
const Kind = enum(u8) { text = 1, _ };
const Header = packed struct(u32) { kind: Kind, flags: Flags, last: bool, rest: u7 = 0 };
const Errno = enum(u32) { success = 0, again = 6, _ };

test "each type is loaded as it was stored, and lies little-endian" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();

    inline for (.{
        .{ u8, 0xfe, "\xfe" },
        .{ i8, -2, "\xfe" },
        .{ u16, 0x1234, "\x34\x12" },
        .{ i16, -2, "\xfe\xff" },
        .{ u32, 0x12345678, "\x78\x56\x34\x12" },
        .{ i32, -2, "\xfe\xff\xff\xff" },
        .{ u64, 0x123456789abcdef0, "\xf0\xde\xbc\x9a\x78\x56\x34\x12" },
        .{ i64, std.math.minInt(i64), "\x00\x00\x00\x00\x00\x00\x00\x80" },
        .{ f32, 1.0, "\x00\x00\x80\x3f" },
        .{ f64, -2.0, "\x00\x00\x00\x00\x00\x00\x00\xc0" },
        .{ Flags, Flags{ .low = 1, .middle = 0x23, .high = 4 }, "\x31\x42" },
        .{ Header, Header{ .kind = .text, .flags = @bitCast(@as(u16, 0x4231)), .last = true }, "\x01\x31\x42\x01" },
        .{ Errno, Errno.again, "\x06\x00\x00\x00" },
        .{ Errno, @as(Errno, @enumFromInt(77)), "\x4d\x00\x00\x00" },
        .{ u128, 0x706f6e6d6c6b6a696867666564636261, "abcdefghijklmnop" },
        .{ [16]u8, "abcdefghijklmnop".*, "abcdefghijklmnop" },
        .{ @Vector(16, u8), "abcdefghijklmnop".*, "abcdefghijklmnop" },
        .{ @Vector(4, u32), .{ 1, 2, 3, 4 }, "\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00" },
        .{ @Vector(2, f64), .{ 0, 1 }, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0\x3f" },
    }) |case| {
        const T = case[0];
        const value: T = case[1];
        const bytes: []const u8 = case[2];
        // At the last place where it fits, which no alignment favours, and one behind it.
        const last = end - bytes.len;
        try memory.store(T, last, value);
        var buffer: [bytes.len]u8 = undefined;
        try memory.read(last, &buffer);
        try expectEqualSlices(u8, bytes, &buffer);
        try expectEqual(value, try memory.load(T, last));
        try expectError(error.OutOfBounds, memory.store(T, last + 1, value));
        try expectError(error.OutOfBounds, memory.load(T, last + 1));
        try expectError(error.OutOfBounds, memory.load(T, std.math.maxInt(u64)));
        try memory.erase();
        try expectError(error.OutOfBounds, memory.store(T, last + 1, value));
        try memory.read(last, &buffer);
        try expect(std.mem.allEqual(u8, &buffer, 0));
    }
}

test "a NaN keeps its bits" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try memory.store(u32, 0, 0x7fa00001);
    try expectEqual(0x7fa00001, @as(u32, @bitCast(try memory.load(f32, 0))));
    try memory.store(f64, 8, @bitCast(@as(u64, 0xfff4000000000001)));
    try expectEqual(0xfff4000000000001, try memory.load(u64, 8));
}

test "reads and writes, of nothing too" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();

    try memory.write(end - 5, "hello");
    try expectError(error.OutOfBounds, memory.write(end - 4, "hello"));
    try support.expectSentence("5 bytes at offset 65532");
    const text = try memory.readAlloc(std.testing.allocator, end - 5, 5);
    defer std.testing.allocator.free(text);
    try expectEqualStrings("hello", text);

    // A length that a guest made up allocates nothing: the allocator would fail.
    try expectError(error.OutOfBounds, memory.readAlloc(std.testing.failing_allocator, 0, std.math.maxInt(u64)));
    try expectError(error.OutOfBounds, memory.readAlloc(std.testing.allocator, end - 4, 5));

    // Slices of nothing have pointers that point to nothing.
    const nothing: []const u8 = &.{};
    try memory.write(end, nothing);
    try memory.read(end, &.{});
    try memory.fillBytes(end, 1, 0);
    try expectError(error.OutOfBounds, memory.write(end + 1, nothing));
    try expectError(error.OutOfBounds, memory.read(end + 1, &.{}));

    var buffer = "untouched".*;
    try expectError(error.OutOfBounds, memory.read(end - 1, &buffer));
    try expectEqualStrings("untouched", &buffer);
}

test "fills, copies and segments" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    const other = try world.memory(.{ .minimum = 100, .page_size = .one_byte });
    defer other.deinit();
    try expectEqual(65536, memory.pageSize());
    try expectEqual(1, other.pageSize());

    try memory.fillBytes(10, 'x', 5);
    try memory.write(15, "abc");
    try memory.copyWithin(12, 10, 8);
    const bytes = try memory.sliceAt(10, 10);
    try expectEqualStrings("xxxxxxxabc", bytes);
    try expectError(error.Overlap, memory.copyWithinNonoverlapping(12, 10, 8));
    try memory.copyWithinNonoverlapping(100, 10, 10);
    try memory.zero(10, 2);
    try expectEqualStrings("\x00\x00xxxxxabc", bytes);
    try memory.discard(10, 10);
    try expect(std.mem.allEqual(u8, bytes, 0));

    try other.copyFrom(90, memory, 100, 10);
    try expectEqualStrings("xxxxxxxabc", try other.sliceAt(90, 10));
    try expectError(error.OutOfBounds, other.copyFrom(91, memory, 100, 10));

    const segment = try wasm.DataSegment.init("data segment");
    defer segment.deinit();
    try memory.initFrom(0, segment, 5, 7);
    try expectEqualStrings("segment", try memory.sliceAt(0, 7));
    try expectError(error.OutOfBounds, memory.initFrom(0, segment, 6, 7));
    segment.drop();
    try memory.initFrom(0, segment, 0, 0);
    try expectError(error.OutOfBounds, memory.initFrom(0, segment, 0, 1));
    const empty = try wasm.DataSegment.init(&.{});
    defer empty.deinit();
    try memory.initFrom(end, empty, 0, 0);
}

test "growth tells the size before, and what is new is zero" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 3 });
    defer memory.deinit();
    try expectEqual(1, try memory.grow(1));
    try expectEqual(2, memory.pages());
    try expectEqual(2 * end, memory.byteLength());
    try expectEqual(0, try memory.load(u64, 2 * end - 8));
    try expectError(error.MaximumExceeded, memory.grow(2));
    try support.expectSentence("3");
    try expectError(error.MaximumExceeded, memory.grow(std.math.maxInt(u64)));
    try expectEqual(2, try memory.grow(0));
    const stats = memory.stats();
    try expectEqual(1, stats.grow_count); // growth by 0 is none
    try expectEqual(2, stats.grow_failures);
    try expectEqual(2 * end, stats.peak_bytes);
}

test "64-bit addresses" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .index = .i64 });
    defer memory.deinit();
    try memory.store(u16, end - 2, 0xabcd);
    try expectEqual(0xabcd, try memory.load(u16, end - 2));
    try expectError(error.OutOfBounds, memory.load(u16, 0xffff_ffff_ffff_ffff));
}

test "hex dumps" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try memory.write(0, "Hello, WebAssembly!");
    const text = try memory.hexdumpAlloc(std.testing.allocator, 0, 19);
    defer std.testing.allocator.free(text);
    try expectEqualStrings(
        \\Memory dump from 0x0000 to 0x0013:
        \\0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|
        \\0010: 6c 79 21                                         |ly!|
        \\
    , text);
    var buffer: [12]u8 = undefined;
    try expectEqualStrings("Memory dump", try memory.hexdump(0, 19, &buffer));
    try expectError(error.OutOfBounds, memory.hexdump(end, 1, &buffer));
}
