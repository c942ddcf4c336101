//! Stores: data, limits, limiters, futures.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

test "a store's data is finalized once" {
    const engine = try wasm.Engine.init(.{});
    defer engine.deinit();
    const store = try wasm.Store.init(engine);
    var first: support.Counter = .{};
    var second: support.Counter = .{};
    try expect(store.data(support.Counter) == null);
    store.setData(&first, support.Counter.add);
    try expectEqual(&first, store.data(support.Counter).?);
    store.setData(&second, support.Counter.add);
    try expectEqual(1, first.get());

    // A memory keeps the data of its store.
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1 });
    defer memory_type.deinit();
    const memory = try wasm.Memory.init(store, memory_type);
    store.deinit();
    try expectEqual(0, second.get());
    try expectEqual(&second, (try memory.dataAndStore(support.Counter)).store_data.?);
    memory.deinit();
    try expectEqual(1, second.get());

    const other = try wasm.Store.init(engine);
    defer other.deinit();
    other.setData(&first, support.Counter.add);
    other.clearData();
    try expectEqual(2, first.get());
}

test "static limits" {
    const world = try support.World.init(.{});
    defer world.deinit();
    world.store.setLimits(.{
        .max_memory_bytes = 3 * support.page,
        .max_total_bytes = 4 * support.page,
        .max_memories = 2,
    });
    const first = try world.memory(.{ .minimum = 2 });
    defer first.deinit();
    try expectError(error.LimitDenied, first.grow(2));
    try support.expectSentence("196608");
    const second = try world.memory(.{ .minimum = 1 });
    defer second.deinit();
    try expectError(error.LimitDenied, world.memory(.{ .minimum = 0 }));
    _ = try second.grow(1);
    try expectError(error.LimitDenied, second.grow(1));
    world.store.setLimits(null);
    _ = try second.grow(1);
    const third = try world.memory(.{ .minimum = 9 });
    third.deinit();
}

const Quota = struct {
    allowed: u64,
    questions: u32 = 0,
    last: wasm.Growth = undefined,
    failures: u32 = 0,
    last_status: wasm.Status = .ok,
    sentence: [256]u8 = undefined,
    sentence_length: usize = 0,
    finalized: u32 = 0,

    fn growing(self: *Quota, growth: wasm.Growth) bool {
        self.questions += 1;
        self.last = growth;
        return growth.desired_bytes <= self.allowed;
    }

    fn failed(self: *Quota, status: wasm.Status, message: [:0]const u8) void {
        self.failures += 1;
        self.last_status = status;
        self.sentence_length = @min(message.len, self.sentence.len);
        @memcpy(self.sentence[0..self.sentence_length], message[0..self.sentence_length]);
    }

    fn finalize(self: *Quota) void {
        self.finalized += 1;
    }
};

test "a limiter decides, hears of failures and is finalized" {
    const world = try support.World.init(.{});
    defer world.deinit();
    var quota: Quota = .{ .allowed = 2 * support.page };
    try world.store.setLimiter(&quota, .{
        .growing = Quota.growing,
        .growFailed = Quota.failed,
        .finalizer = Quota.finalize,
    });
    const memory = try world.memory(.{ .minimum = 1, .maximum = 9 });
    defer memory.deinit();
    try expectEqual(wasm.Growth{
        .current_bytes = 0,
        .desired_bytes = support.page,
        .maximum_bytes = 9 * support.page,
    }, quota.last);
    _ = try memory.grow(1);
    try expectError(error.LimitDenied, memory.grow(1));
    try expectEqual(3, quota.questions);
    try expectEqual(1, quota.failures);
    try expectEqual(wasm.Status.limit_denied, quota.last_status);
    try expect(std.mem.indexOf(u8, quota.sentence[0..quota.sentence_length], "196608") != null);

    const unlimited = try world.memory(.{ .minimum = 1 });
    defer unlimited.deinit();
    try expectEqual(null, quota.last.maximum_bytes);

    // Another takes its place.
    var other: Quota = .{ .allowed = 0 };
    try world.store.setLimiter(&other, .{ .growing = Quota.growing });
    try expectEqual(1, quota.finalized);
    try expectError(error.LimitDenied, memory.grow(1));
    world.store.clearLimiter();
    _ = try memory.grow(1);
    try expectEqual(1, other.questions);
    try expectEqual(0, other.finalized);
}

test "a limiter without state" {
    const Never = struct {
        fn growing(_: *const @This(), _: wasm.Growth) bool {
            return false;
        }
    };
    const world = try support.World.init(.{});
    defer world.deinit();
    try world.store.setLimiter(&Never{}, .{ .growing = Never.growing });
    try expectError(error.LimitDenied, world.memory(.{ .minimum = 0 }));
}

/// Keeps its tickets for somebody else to resolve.
const Clerk = struct {
    ticket: ?*wasm.Ticket = null,
    at_once: ?bool = null,
    finalized: u32 = 0,

    fn growing(self: *Clerk, _: wasm.Growth, ticket: *wasm.Ticket) void {
        if (self.at_once) |answer| ticket.resolve(answer) else self.ticket = ticket;
    }

    fn resolve(self: *Clerk, allow: bool) void {
        self.ticket.?.resolve(allow);
        self.ticket = null;
    }

    fn finalize(self: *Clerk) void {
        self.finalized += 1;
    }
};

test "a limiter that decides later" {
    var clerk: Clerk = .{};
    {
        const world = try support.World.init(.{});
        defer world.deinit();
        const memory_type = try wasm.MemoryType.init(.{ .minimum = 1 });
        defer memory_type.deinit();
        try world.store.setAsyncLimiter(&clerk, .{ .growing = Clerk.growing, .finalizer = Clerk.finalize });
        try expectError(error.AsyncRequired, wasm.Memory.init(world.store, memory_type));

        const creation = try wasm.Future.create(world.store, memory_type);
        defer creation.deinit();
        var ready: support.Counter = .{};
        creation.onReady(&ready, support.Counter.add);
        try expectEqual(.pending, try creation.poll());
        try expectEqual(.pending, try creation.wait(1000));
        try expectEqual(null, creation.takeMemory());
        try expectEqual(0, ready.get());
        clerk.resolve(true);
        try expectEqual(1, ready.get());
        try expectEqual(.ready, try creation.wait(null));
        const memory = creation.takeMemory().?;
        defer memory.deinit();
        try expectEqual(null, creation.takeMemory());

        const growth = try wasm.Future.grow(memory, 2);
        defer growth.deinit();
        growth.onReady(&ready, support.Counter.add);
        growth.clearOnReady();
        const resolver = try std.Thread.spawn(.{}, Clerk.resolve, .{ &clerk, true });
        try expectEqual(.ready, try growth.wait(null));
        resolver.join();
        try expectEqual(1, growth.previousPages());
        try expectEqual(3, memory.pages());
        try expectEqual(1, ready.get());

        clerk.at_once = false;
        const refused = try wasm.Future.grow(memory, 1);
        defer refused.deinit();
        try expectError(error.LimitDenied, refused.poll());
        try expectError(error.LimitDenied, refused.wait(0));
        try expectEqual(0, refused.previousPages());

        // A future that is given up leaves its ticket to be resolved.
        clerk.at_once = null;
        const dropped = try wasm.Future.grow(memory, 1);
        dropped.deinit();
        clerk.resolve(true);
        try expectEqual(3, memory.pages());
        try expectEqual(0, clerk.finalized);
    }
    try expectEqual(1, clerk.finalized);
}

test "futures without such a limiter are ready at once" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 1 });
    defer memory_type.deinit();
    const creation = try wasm.Future.create(world.store, memory_type);
    defer creation.deinit();
    try expectEqual(.ready, try creation.poll());
    const memory = creation.takeMemory().?;
    defer memory.deinit();
    const growth = try wasm.Future.grow(memory, 1);
    defer growth.deinit();
    try expectError(error.MaximumExceeded, growth.poll());
}
