//! Inline access, compared with the C functions of wasm_memory_inline.h.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

extern fn test_i32_load8_s(view: *const wasm.View, index: u64, offset: u64, out: *u32) i32;
extern fn test_i64_load16_s(view: *const wasm.View, index: u64, offset: u64, out: *u64) i32;
extern fn test_i32_load(view: *const wasm.View, index: u64, offset: u64, out: *u32) i32;
extern fn test_i64_load(view: *const wasm.View, index: u64, offset: u64, out: *u64) i32;
extern fn test_f64_load(view: *const wasm.View, index: u64, offset: u64, out: *f64) i32;
extern fn test_i32_store8(view: *const wasm.View, index: u64, offset: u64, value: u32) i32;
extern fn test_i32_store16(view: *const wasm.View, index: u64, offset: u64, value: u32) i32;
extern fn test_i32_store(view: *const wasm.View, index: u64, offset: u64, value: u32) i32;
extern fn test_i64_store(view: *const wasm.View, index: u64, offset: u64, value: u64) i32;
extern fn test_f32_store(view: *const wasm.View, index: u64, offset: u64, value: f32) i32;

test "one view for the memory's life, always current" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 2 });
    defer memory.deinit();
    const view = memory.view();
    try expectEqual(support.page, view.length());
    try expectError(error.OutOfBounds, view.load(u8, support.page, 0));
    _ = try memory.grow(1);
    try expectEqual(view, memory.view());
    try expectEqual(2 * support.page, view.length());
    try expectEqual(0, try view.load(u8, support.page, 0));
    try view.store(@Vector(4, f32), 16, 16, .{ 1, 2, 3, 4 });
    try expectEqual(@Vector(4, f32){ 1, 2, 3, 4 }, try memory.load(@Vector(4, f32), 32));
}

test "index and offset never wrap" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .index = .i64 });
    defer memory.deinit();
    const view = memory.view();
    const all = std.math.maxInt(u64);
    const half = 1 << 63;
    const places = .{ .{ all, 1 }, .{ 1, all }, .{ all, all }, .{ all - 3, 0 }, .{ 0, all - 3 }, .{ half, half } };
    inline for (places) |place| {
        try expectError(error.OutOfBounds, view.load(u32, place[0], place[1]));
        try expectError(error.OutOfBounds, view.store(u32, place[0], place[1], 1));
    }
    try expectEqual(0, try view.load(u32, support.page - 4, 0));
    try expectEqual(0, try view.load(u32, 0, support.page - 4));
    try expectError(error.OutOfBounds, view.load(u32, support.page - 4, 1));
}

test "an empty memory has no byte" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 0 });
    defer memory.deinit();
    try expectError(error.OutOfBounds, memory.view().load(u8, 0, 0));
    try expectEqual(0, (try memory.slice()).len);
}

test "the same answers as in C, at random places" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 300, .page_size = .one_byte });
    defer memory.deinit();
    const view = memory.view();
    var generator = std.Random.DefaultPrng.init(0x5eed);
    const random = generator.random();
    var inside: usize = 0;
    var outside: usize = 0;
    for (0..20000) |_| {
        const index = somewhere(random);
        const offset = somewhere(random);
        const value = random.int(u64);
        const low: u32 = @truncate(value);
        const number: f32 = @floatFromInt(@as(u16, @truncate(value)));
        const at: Place = .{ .memory = memory, .index = index, .offset = offset };
        const stored = switch (random.uintLessThan(u8, 5)) {
            0 => try at.sameStore(u8, @truncate(value), test_i32_store8(view, index, offset, low)),
            1 => try at.sameStore(u16, @truncate(value), test_i32_store16(view, index, offset, low)),
            2 => try at.sameStore(u32, low, test_i32_store(view, index, offset, low)),
            3 => try at.sameStore(u64, value, test_i64_store(view, index, offset, value)),
            else => try at.sameStore(f32, number, test_f32_store(view, index, offset, number)),
        };
        if (stored) inside += 1 else outside += 1;

        var narrow: u32 = undefined;
        var wide: u64 = undefined;
        var float: f64 = undefined;
        var answer = test_i32_load8_s(view, index, offset, &narrow);
        try sameLoad(answer, view.load(i8, index, offset), @as(i32, @bitCast(narrow)));
        answer = test_i64_load16_s(view, index, offset, &wide);
        try sameLoad(answer, view.load(i16, index, offset), @as(i64, @bitCast(wide)));
        answer = test_i32_load(view, index, offset, &narrow);
        try sameLoad(answer, view.load(u32, index, offset), narrow);
        answer = test_i64_load(view, index, offset, &wide);
        try sameLoad(answer, view.load(u64, index, offset), wide);
        // By its bits: a NaN does not equal itself.
        answer = test_f64_load(view, index, offset, &float);
        const loaded = if (view.load(f64, index, offset)) |found| @as(u64, @bitCast(found)) else |err| err;
        try sameLoad(answer, @as(error{OutOfBounds}!u64, loaded), @as(u64, @bitCast(float)));
    }
    try expect(inside > 1000 and outside > 1000);
}

/// Mostly near the end of the memory, sometimes anywhere.
fn somewhere(random: std.Random) u64 {
    return switch (random.uintLessThan(u8, 8)) {
        0 => random.int(u64),
        1 => std.math.maxInt(u64) - random.uintLessThan(u64, 320),
        2, 3 => 0,
        else => random.uintLessThan(u64, 320),
    };
}

const Place = struct {
    memory: *wasm.Memory,
    index: u64,
    offset: u64,

    /// C has stored already: the same store in Zig must say the same, and leave the same.
    fn sameStore(self: Place, comptime T: type, value: T, status: i32) !bool {
        var after_c: [300]u8 = undefined;
        var after_zig: [300]u8 = undefined;
        const view = self.memory.view();
        try self.memory.read(0, &after_c);
        if (status != 0) {
            try expectError(error.OutOfBounds, view.store(T, self.index, self.offset, value));
        } else {
            // Something else in between, or a store that does nothing would pass.
            for (try self.memory.sliceAt(self.index + self.offset, @sizeOf(T))) |*byte| byte.* ^= 0xff;
            try view.store(T, self.index, self.offset, value);
        }
        try self.memory.read(0, &after_zig);
        try std.testing.expectEqualSlices(u8, &after_c, &after_zig);
        return status == 0;
    }
};

fn sameLoad(status: i32, loaded: anytype, expected: anytype) !void {
    if (loaded) |value| {
        try expectEqual(0, status);
        try expectEqual(expected, @as(@TypeOf(expected), value));
    } else |err| {
        try expectEqual(error.OutOfBounds, err);
        try expectEqual(wasm.c.WASM_MEMORY_OUT_OF_BOUNDS, status);
    }
}
