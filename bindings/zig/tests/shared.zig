//! Shared memories, atomics, wait and notify.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

const shared_page: wasm.Description = .{ .minimum = 1, .maximum = 4, .shared = true };

test "atomic operations of each width" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(shared_page);
    defer memory.deinit();

    inline for (.{ u8, u16, u32, u64, i8, i16, i32, i64 }) |T| {
        const offset = 64;
        try memory.atomicStore(T, offset, 100);
        try expectEqual(100, try memory.atomicRmw(T, .add, offset, 20));
        try expectEqual(120, try memory.atomicRmw(T, .sub, offset, 100));
        try expectEqual(20, try memory.atomicRmw(T, .@"and", offset, 0x16));
        try expectEqual(20, try memory.atomicRmw(T, .@"or", offset, 1));
        try expectEqual(21, try memory.atomicRmw(T, .xor, offset, 4));
        try expectEqual(17, try memory.atomicRmw(T, .xchg, offset, 5));
        // As @cmpxchgStrong: null means that it was replaced.
        try expectEqual(null, try memory.cmpxchg(T, offset, 5, 6));
        try expectEqual(6, try memory.cmpxchg(T, offset, 5, 7));
        try expectEqual(6, try memory.atomicLoad(T, offset));
        try expectError(error.OutOfBounds, memory.atomicLoad(T, support.page));
        if (@sizeOf(T) > 1) {
            try expectError(error.Unaligned, memory.atomicStore(T, offset + 1, 1));
            try support.expectSentence("65");
        }
        // It touches its own bytes only.
        try expectEqual(0, try memory.load(u8, offset + @sizeOf(T)));
        try memory.zero(offset, 8);
    }
    wasm.atomicFence();
}

test "threads count without losing one" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(shared_page);
    defer memory.deinit();
    const Adder = struct {
        fn run(handle: *wasm.Memory) void {
            for (0..10000) |_| _ = handle.atomicRmw(u32, .add, 8, 1) catch unreachable;
        }
    };
    var threads: [4]std.Thread = undefined;
    for (&threads) |*thread| thread.* = try std.Thread.spawn(.{}, Adder.run, .{memory});
    for (threads) |thread| thread.join();
    try expectEqual(40000, try memory.atomicLoad(u32, 8));
}

test "a token takes a memory to another store" {
    const engine = try wasm.Engine.init(.{});
    const memory_type = try wasm.MemoryType.init(shared_page);
    const token = try wasm.SharedMemory.init(engine, memory_type);
    memory_type.deinit();
    const first_store = try wasm.Store.init(engine);
    const second_store = try wasm.Store.init(engine);
    engine.deinit();

    const first = try wasm.Memory.obtain(first_store, token);
    const second = try wasm.Memory.obtain(second_store, token);
    try expect(first.same(second));
    try first.store(u32, 0, 7);
    try expectEqual(7, try second.load(u32, 0));
    try expectEqual(1, try second.grow(2));
    try expectEqual(3, first.pages());
    const now = try token.memoryType();
    try expectEqual(3, now.describe().minimum);
    now.deinit();

    const more = token.clone();
    token.deinit();
    more.deinit();
    const again = first.share().?;
    again.deinit();
    first_store.deinit();
    second_store.deinit();
    first.deinit();
    second.deinit();
}

test "tokens: what is refused" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const unshared = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 1 });
    defer unshared.deinit();
    try expectError(error.InvalidType, wasm.SharedMemory.init(world.engine, unshared));
    const memory = try wasm.Memory.init(world.store, unshared);
    defer memory.deinit();
    try expectEqual(null, memory.share());
    try support.expectSentence("shared");

    const memory_type = try wasm.MemoryType.init(shared_page);
    defer memory_type.deinit();
    const token = try wasm.SharedMemory.init(world.engine, memory_type);
    defer token.deinit();
    world.store.setLimits(.{ .max_memory_bytes = 1000 });
    try expectError(error.Refused, wasm.Memory.obtain(world.store, token));
    try support.expectSentence("1000");
    try expectError(error.Unsupported, token.exportDescriptor());
}

test "a descriptor takes a memory to another process, here to the same" {
    const world = try support.World.init(.{ .exportable = true });
    defer world.deinit();
    const memory_type = try wasm.MemoryType.init(shared_page);
    defer memory_type.deinit();
    const token = try wasm.SharedMemory.init(world.engine, memory_type);
    defer token.deinit();
    const descriptor = try token.exportDescriptor();
    const file: std.fs.File = .{ .handle = descriptor };
    const imported = try wasm.SharedMemory.import(world.engine, memory_type, descriptor);
    defer imported.deinit();
    const larger = try wasm.MemoryType.init(.{ .minimum = 2, .maximum = 4, .shared = true });
    defer larger.deinit();
    try expectError(error.InvalidType, wasm.SharedMemory.import(world.engine, larger, descriptor));
    file.close();
    try expectError(error.Io, wasm.SharedMemory.import(world.engine, memory_type, descriptor));

    const here = try wasm.Memory.obtain(world.store, token);
    defer here.deinit();
    const there = try wasm.Memory.obtain(world.store, imported);
    defer there.deinit();
    try here.atomicStore(u32, 4, 99);
    try expectEqual(99, try there.atomicLoad(u32, 4));
}

const Waiter = struct {
    memory: *wasm.Memory,
    outcome: wasm.WaitError!wasm.WaitResult = undefined,

    fn run(self: *Waiter) void {
        self.outcome = self.memory.wait(u32, 0, 0, null);
    }

    fn start(self: *Waiter) !std.Thread {
        const before = self.memory.stats().waiters;
        const thread = try std.Thread.spawn(.{}, run, .{self});
        while (self.memory.stats().waiters == before) std.Thread.yield() catch {};
        return thread;
    }
};

test "wait and notify" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(shared_page);
    defer memory.deinit();

    try expectEqual(.mismatch, try memory.wait(u32, 0, 1, null));
    try expectEqual(.mismatch, try memory.wait(i64, 0, -1, null));
    try expectEqual(.timed_out, try memory.wait(u64, 0, 0, 0));
    try expectEqual(.timed_out, try memory.wait(i32, 0, 0, 1000));
    try expectEqual(0, try memory.notifyAll(0));
    try expectError(error.Unaligned, memory.wait(u32, 2, 0, 0));
    try expectError(error.OutOfBounds, memory.wait(u64, support.page, 0, 0));
    try expectError(error.Unaligned, memory.notify(1, 1));
    try expectError(error.OutOfBounds, memory.notify(support.page, 1));

    var first: Waiter = .{ .memory = memory };
    var second: Waiter = .{ .memory = memory };
    const first_thread = try first.start();
    const second_thread = try second.start();
    // First come, first served.
    try expectEqual(1, try memory.notify(0, 1));
    first_thread.join();
    try expectEqual(.ok, try first.outcome);
    try expectEqual(1, memory.stats().waiters);
    try expectEqual(1, try memory.notifyAll(0));
    second_thread.join();
    try expectEqual(.ok, try second.outcome);
}

test "waits that the host ends" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory = try world.memory(shared_page);
    defer memory.deinit();

    var interrupted: Waiter = .{ .memory = memory };
    const thread = try interrupted.start();
    try expectEqual(1, try memory.interruptWaiters());
    thread.join();
    try expectError(error.Interrupted, interrupted.outcome);

    var closed: Waiter = .{ .memory = memory };
    const other = try closed.start();
    try memory.closeWaiters();
    other.join();
    try expectError(error.Closed, closed.outcome);
    try expectError(error.Closed, memory.wait(u32, 0, 0, null));

    const unshared = try world.memory(.{ .minimum = 1 });
    defer unshared.deinit();
    try expectError(error.NotShared, unshared.wait(u32, 0, 0, 0));
    try expectError(error.NotShared, unshared.interruptWaiters());
    try expectError(error.NotShared, unshared.closeWaiters());
    try expectEqual(0, try unshared.notify(0, 1));
}
