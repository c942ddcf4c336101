//! Engines: options, pools.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

test "options reach the memories" {
    const guarded = try support.World.init(.{
        .bounds = .guarded,
        .reservation = 1 << 20,
        .guard_size = 1 << 16,
        .guard_before = false,
        .huge_pages = true,
    });
    defer guarded.deinit();
    const memory = try guarded.memory(.{ .minimum = 1, .maximum = 16 });
    defer memory.deinit();
    const stats = memory.stats();
    try expectEqual(wasm.Bounds.guarded, stats.bounds);
    try expectEqual(1 << 20, stats.reserved_bytes);
    // Any 32-bit index, and offsets up to the guard size.
    try expectEqual((1 << 32) + (1 << 16), stats.reserved_bytes + stats.guard_bytes);
    const own = memory.accessible();
    try expectEqual(@intFromPtr(memory.base()), own.start);
    try expectEqual((1 << 32) + (1 << 16), own.length);

    const checked = try support.World.init(.{
        .bounds = .checked,
        .reservation = 0,
        .reservation_for_growth = 2 << 16,
    });
    defer checked.deinit();
    const other = try checked.memory(.{ .minimum = 1 });
    defer other.deinit();
    try expectEqual(wasm.Bounds.checked, other.stats().bounds);
    try expectEqual(3 << 16, other.stats().reserved_bytes);
    try expect(!other.mayMove());
    _ = try other.grow(2);
    try expectError(error.OutOfMemory, other.grow(1));
    try support.expectSentence("memory_may_move");
}

test "absurd options make no engine, and the sentence names them" {
    try expectError(error.InvalidConfig, wasm.Engine.init(.{ .reservation = std.math.maxInt(u64) }));
    try support.expectSentence("memory_reservation");
    try expectError(error.InvalidConfig, wasm.Engine.init(.{ .bounds = @enumFromInt(7) }));
    try support.expectSentence("memory_bounds");
    try expectError(error.InvalidConfig, wasm.Engine.init(.{ .pool = .{ .decommit_batch = 5000 } }));
    try support.expectSentence("decommit_batch");
}

test "a pool serves memories again, clean, and refuses more than it has" {
    const world = try support.World.init(.{
        .pool = .{ .slots = 2, .slot_bytes = 4 * support.page, .decommit_batch = 1 },
    });
    defer world.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1 });
    defer memory_type.deinit();

    for (0..10) |_| {
        const memory = try wasm.Memory.init(world.store, memory_type);
        defer memory.deinit();
        try expectEqual(0, try memory.load(u64, 4096));
        try memory.store(u64, 4096, 0x1122334455667788);
    }
    const stats = world.engine.poolStats();
    try expectEqual(0, stats.live);
    try expectEqual(10, stats.hits + stats.misses);
    try expect(stats.hits >= 8);
    try expect(stats.reserved_bytes > 0);

    const first = try wasm.Memory.init(world.store, memory_type);
    defer first.deinit();
    const second = try wasm.Memory.init(world.store, memory_type);
    defer second.deinit();
    try expectError(error.OutOfMemory, wasm.Memory.init(world.store, memory_type));
    try support.expectSentence("all 2 slots");
    try expectError(error.OutOfMemory, first.grow(4));
    try support.expectSentence("slot_bytes");
    try expectEqual(2, world.engine.poolStats().live);
}

test "trimming gives back what is idle" {
    const world = try support.World.init(.{ .pool = .{ .slots = 4 } });
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 16 });
    try memory.fillBytes(0, 0xff, 16 * support.page);
    memory.deinit();
    world.engine.poolTrim();
    const stats = world.engine.poolStats();
    try expectEqual(0, stats.warm);
    try expectEqual(0, stats.resident_bytes);
}

test "handles that come from C" {
    const engine = wasm.Engine.fromRaw(wasm.c.wasm_engine_new()).?;
    defer engine.deinit();
    const store = wasm.Store.fromRaw(wasm.c.wasm_store_new(engine.raw())).?;
    defer store.deinit();
    const memory_type = wasm.MemoryType.fromRaw(wasm.c.wasm_memorytype_new(&.{ .min = 1, .max = 2 })).?;
    defer memory_type.deinit();
    try expectEqual(2, memory_type.describe().maximum);
    const memory = wasm.Memory.fromRaw(wasm.c.wasm_memory_new(store.raw(), memory_type.raw())).?;
    defer memory.deinit();
    try expectEqual(1, memory.pages());
    const segment = wasm.DataSegment.fromRaw(wasm.c.wasm_data_segment_new("four", 4)).?;
    defer segment.deinit();
    try memory.initFrom(0, segment, 0, 4);

    // What C answers with NULL is null, and the sentence says why.
    try expectEqual(null, wasm.Memory.fromRaw(wasm.c.wasm_memory_new(store.raw(), null)));
    try support.expectSentence("NULL");
    try expectEqual(null, wasm.Store.fromRaw(wasm.c.wasm_store_new(null)));
    try expectEqual(null, wasm.MemoryType.fromRaw(wasm.c.wasm_memorytype_new(null)));
    try expectEqual(null, wasm.SharedMemory.fromRaw(wasm.c.wasm_memory_share(memory.raw())));
    var image: ?*wasm.c.wasm_memory_image_t = null;
    try expectEqual(wasm.c.WASM_MEMORY_NULL_ARGUMENT, wasm.c.wasm_memory_image_load(null, &image));
    try expectEqual(null, wasm.Image.fromRaw(image));
}

test "handles are deleted in any order" {
    const engine = try wasm.Engine.init(.{});
    const store = try wasm.Store.init(engine);
    engine.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1 });
    const memory = try wasm.Memory.init(store, memory_type);
    memory_type.deinit();
    store.deinit();
    const other = memory.clone();
    try expect(memory.same(other));
    memory.deinit();
    try other.store(u8, 3, 3);
    try expectEqual(3, try other.load(u8, 3));
    other.deinit();
}
