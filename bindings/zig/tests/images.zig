//! Images, snapshots, resets, what has changed.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualStrings = std.testing.expectEqualStrings;
const expectError = std.testing.expectError;

test "segments, later ones over earlier ones" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1 });
    defer memory_type.deinit();
    const image = try wasm.Image.init(&.{ .at(1024, "Hello, nobody"), .at(1031, "world!"), .at(9, &.{}) });
    const memory = try wasm.Memory.initFromImage(world.store, memory_type, image);
    defer memory.deinit();
    const other = try wasm.Memory.initFromImage(world.store, memory_type, image);
    defer other.deinit();
    image.deinit();
    try expectEqualStrings("Hello, world!", try memory.sliceAt(1024, 13));
    try memory.write(1024, "gone");
    try expectEqualStrings("Hello, world!", try other.sliceAt(1024, 13));

    const nothing = try wasm.Image.init(&.{});
    defer nothing.deinit();
    try memory.reset(nothing);
    try expectEqual(0, try memory.load(u32, 1024));
}

test "images that do not fit" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const one = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 1 });
    defer one.deinit();
    const bytes = try wasm.MemoryType.init(.{ .minimum = 1, .page_size = .one_byte });
    defer bytes.deinit();
    const far = try wasm.Image.init(&.{.at(support.page - 2, "four")});
    defer far.deinit();
    try expectError(error.OutOfBounds, wasm.Memory.initFromImage(world.store, one, far));
    try support.expectSentence("65538");
    try expectError(error.OutOfBounds, wasm.Image.init(&.{.at(std.math.maxInt(u64), "x")}));

    const memory = try world.memory(.{ .minimum = 2 });
    defer memory.deinit();
    const snapshot = try wasm.Image.snapshot(memory);
    defer snapshot.deinit();
    try expectError(error.MaximumExceeded, wasm.Memory.initFromImage(world.store, one, snapshot));
    try expectError(error.InvalidType, wasm.Memory.initFromImage(world.store, bytes, snapshot));
}

test "a reset brings contents and size back" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 8 });
    defer memory.deinit();
    _ = try memory.grow(1);
    try memory.write(70000, "set up");
    const snapshot = try wasm.Image.snapshot(memory);
    defer snapshot.deinit();
    for (0..3) |_| {
        try memory.fillBytes(0, 0xaa, 2 * support.page);
        _ = try memory.grow(3);
        try memory.reset(snapshot);
        try expectEqual(2, memory.pages());
        try expectEqualStrings("set up", try memory.sliceAt(70000, 6));
        try expectEqual(0, try memory.load(u64, 0));
    }
    try memory.reset(null);
    try expectEqual(1, memory.pages());

    const shared = try world.memory(.{ .minimum = 1, .maximum = 1, .shared = true });
    defer shared.deinit();
    try expectError(error.Shared, shared.reset(null));
}

test "files" {
    var directory = std.testing.tmpDir(.{});
    defer directory.cleanup();
    const path = try directory.dir.realpathAlloc(std.testing.allocator, ".");
    defer std.testing.allocator.free(path);
    const name = try std.fs.path.joinZ(std.testing.allocator, &.{ path, "an.image" });
    defer std.testing.allocator.free(name);

    const image = try wasm.Image.init(&.{.at(300, "from a file")});
    defer image.deinit();
    try image.save(name);
    const again = try wasm.Image.load(name);
    defer again.deinit();
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1 });
    defer memory.deinit();
    try memory.reset(again);
    try expectEqualStrings("from a file", try memory.sliceAt(300, 11));

    try directory.dir.writeFile(.{ .sub_path = "an.image", .data = "not what you think" });
    try expectError(error.Io, wasm.Image.load(name));
    try expectError(error.Io, wasm.Image.load("/nonexistent/an.image"));
    try expectError(error.InvalidArgument, wasm.Image.load("\xff"));
    try expectError(error.Io, image.save("/nonexistent/an.image"));
}

const Watcher = struct {
    memory: *wasm.Memory,
    count: usize = 0,
    covered: u64 = 0,
    last_end: u64 = 0,

    fn see(self: *Watcher, range: wasm.Range) !void {
        // Ascending, and apart from each other.
        try expect(range.offset >= self.last_end);
        self.last_end = range.offset + range.length;
        self.count += 1;
        self.covered += range.length;
        // It may use the memory.
        _ = try self.memory.load(u8, range.offset);
    }

    fn stop(self: *Watcher, _: wasm.Range) error{Enough}!void {
        self.count += 1;
        return error.Enough;
    }
};

test "what has changed" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 16 });
    defer memory.deinit();
    try memory.clearDirty();
    try memory.store(u8, 5 * support.page, 1);
    (try memory.slice())[9 * support.page] = 1;
    try memory.view().store(u8, 12 * support.page, 0, 1);

    var watcher: Watcher = .{ .memory = memory };
    try memory.dirtyRanges(&watcher, Watcher.see);
    const granule = memory.detailedStats().dirty_granule_bytes;
    try expectEqual(3, watcher.count);
    try expectEqual(3 * granule, watcher.covered);

    const ranges = try memory.dirtyRangesAlloc(std.testing.allocator);
    defer std.testing.allocator.free(ranges);
    try expectEqual(3, ranges.len);
    try expectEqual(wasm.Range{ .offset = 9 * support.page, .length = granule }, ranges[1]);
    try expectError(error.OutOfMemory, memory.dirtyRangesAlloc(std.testing.failing_allocator));

    // An error of the function ends it at the first range, and is what the call returns.
    var impatient: Watcher = .{ .memory = memory };
    try expectError(error.Enough, memory.dirtyRanges(&impatient, Watcher.stop));
    try expectEqual(1, impatient.count);

    try memory.clearDirty();
    const none = try memory.dirtyRangesAlloc(std.testing.allocator);
    try expectEqual(0, none.len);
}

test "what is in physical memory is known on demand" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 64 });
    defer memory.deinit();
    try memory.fillBytes(0, 1, 32 * support.page);
    try expect(memory.detailedStats().resident_bytes >= 32 * support.page);
    try memory.discard(0, 32 * support.page);
    try expect(memory.detailedStats().resident_bytes < 32 * support.page);
}
