//! The bytes themselves: slices, lending, bases that move.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;

test "a slice is the memory, and stays where it is" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 200 });
    defer memory.deinit();
    const before = try memory.slice();
    try expectEqual(support.page, before.len);
    before[77] = 7;
    try expectEqual(7, try memory.load(u8, 77));
    _ = try memory.grow(100);
    const after = try memory.slice();
    try expectEqual(before.ptr, after.ptr);
    try expectEqual(101 * support.page, after.len);
    try memory.store(u8, 78, 8);
    try expectEqual(8, before[78]);
}

test "ranges that a guest gives are checked" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try expectEqual(support.page, (try memory.sliceAt(0, support.page)).len);
    try expectEqual(0, (try memory.sliceAt(support.page, 0)).len);
    try expectError(error.OutOfBounds, memory.sliceAt(support.page + 1, 0));
    try expectError(error.OutOfBounds, memory.sliceAt(1, support.page));
    try expectError(error.OutOfBounds, memory.sliceAt(1, std.math.maxInt(u64)));
    try expectError(error.OutOfBounds, memory.sliceAt(std.math.maxInt(u64), 1));
}

test "no slice of a memory whose base may move; all else goes on at the new place" {
    const world = try support.World.init(.{
        .bounds = .checked,
        .may_move = true,
        .reservation = support.page,
        .reservation_for_growth = 0,
    });
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try expect(memory.mayMove());
    try expectError(error.MayMove, memory.slice());
    try expectError(error.MayMove, memory.sliceAt(0, 1));

    const view = memory.view();
    try memory.write(100, "still here");
    var moves: usize = 0;
    for (0..50) |_| {
        const place = view.base;
        _ = try memory.grow(16);
        if (view.base != place) moves += 1;
        try expectEqual(memory.base(), view.base);
    }
    // It is what the option is for: if nothing ever moves, this test shows nothing.
    try expect(moves > 0);
    try expectEqual('s', try view.load(u8, 100, 0));
    const text = try memory.readAlloc(std.testing.allocator, 100, 10);
    defer std.testing.allocator.free(text);
    try expectEqualStrings("still here", text);
    const Reader = struct {
        fn first(_: void, bytes: []const u8) u8 {
            return bytes[100];
        }
    };
    try expectEqual('s', try memory.withData({}, Reader.first));
}

test "a memory with a maximum within its reservation does not move" {
    const world = try support.World.init(.{ .may_move = true, .reservation = 4 * support.page });
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 4 });
    defer memory.deinit();
    try expect(!memory.mayMove());
    try expectEqual(support.page, (try memory.slice()).len);
}

test "no slice of a shared memory" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 1, .shared = true });
    defer memory.deinit();
    try expectError(error.Shared, memory.slice());
    const Reader = struct {
        fn none(_: void, _: []const u8) void {}
    };
    try expectError(error.Shared, memory.withData({}, Reader.none));
}

const Borrower = struct {
    memory: *wasm.Memory,
    length: usize = 0,

    fn reads(self: *Borrower, bytes: []const u8) !u8 {
        self.length = bytes.len;
        try expectError(error.Borrowed, self.memory.store(u8, 0, 1));
        try expectError(error.Borrowed, self.memory.grow(1));
        try expectEqual(bytes[5], try self.memory.load(u8, 5));
        return bytes[5];
    }

    fn writes(self: *Borrower, bytes: []u8) void {
        expectError(error.Borrowed, self.memory.load(u8, 0)) catch @panic("loaded while lent");
        expectError(error.Borrowed, self.memory.dirtyRanges(self, ignored)) catch @panic("looked at while lent");
        bytes[6] = 66;
    }

    fn ignored(_: *Borrower, _: wasm.Range) void {}

    fn fails(_: *Borrower, _: []const u8) error{OfMyOwn}!u64 {
        return error.OfMyOwn;
    }
};

test "lent bytes are nobody else's" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try memory.store(u8, 5, 55);
    var borrower: Borrower = .{ .memory = memory };
    try expectEqual(55, try memory.withData(&borrower, Borrower.reads));
    try expectEqual(support.page, borrower.length);
    try memory.withDataMut(&borrower, Borrower.writes);
    try expectEqual(66, try memory.load(u8, 6));
    try expectError(error.OfMyOwn, memory.withData(&borrower, Borrower.fails));
    // Whatever the function answered, the bytes are back.
    try memory.store(u8, 5, 1);
}

test "bytes and the store's data in one call" {
    const State = struct { calls: u32 = 0 };
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try expect((try memory.dataAndStore(State)).store_data == null);
    var state: State = .{};
    world.store.setData(&state, null);
    const both = try memory.dataAndStore(State);
    both.store_data.?.calls += 1;
    both.bytes[3] = 3;
    try expectEqual(1, state.calls);
    try expectEqual(3, try memory.load(u8, 3));
}

test "host info belongs to the memory and is finalized once" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    var first: support.Counter = .{};
    var second: support.Counter = .{};
    try expect(memory.hostInfo(support.Counter) == null);
    memory.setHostInfo(&first, support.Counter.add);
    const other = memory.clone();
    try expectEqual(&first, other.hostInfo(support.Counter).?);
    memory.setHostInfo(&second, support.Counter.add);
    try expectEqual(1, first.get());
    memory.deinit();
    try expectEqual(0, second.get());
    other.deinit();
    try expectEqual(1, second.get());

    const third = try world.memory(.{ .minimum = 1 });
    defer third.deinit();
    third.setHostInfo(&first, null);
    third.clearHostInfo();
    try expect(third.hostInfo(support.Counter) == null);
    try expectEqual(1, first.get());
}
