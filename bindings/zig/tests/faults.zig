//! What addresses belong to; traps; what engines and stores add up to.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

test "addresses are classified" {
    const world = try support.World.init(.{ .bounds = .guarded });
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 4 });
    const base = @intFromPtr(memory.base());
    const unit = memory.stats().map_alignment_bytes;

    const inside = wasm.classifyFault(base + 77);
    try expectEqual(wasm.FaultKind.accessible, inside.kind);
    try expectEqual(77, inside.offset);
    try expectEqual(support.page, inside.byte_length);
    try expectEqual(base + 77, inside.address);
    try expect(inside.isOf(memory));
    const guard = wasm.classifyFault(base + support.page);
    try expectEqual(wasm.FaultKind.guard, guard.kind);
    try expectEqual(support.page, guard.offset);
    try expectEqual(std.math.maxInt(u64), wasm.classifyFault(base - 1).offset);
    try memory.protect(0, unit, .none);
    try expectEqual(wasm.FaultKind.protected, wasm.classifyFault(base).kind);
    try expectEqual(wasm.FaultKind.accessible, wasm.classifyFault(base + unit).kind);

    const other = try world.memory(.{ .minimum = 1, .maximum = 4 });
    defer other.deinit();
    try expect(!inside.isOf(other));
    const foreign = wasm.classifyFault(@intFromPtr(&world));
    try expectEqual(wasm.FaultKind.foreign, foreign.kind);
    try expectEqual(null, foreign.view);
    try expect(!foreign.isOf(memory));
    try expectEqual(wasm.FaultKind.foreign, wasm.classifyFault(0).kind);
    memory.deinit();
    try expectEqual(wasm.FaultKind.foreign, wasm.classifyFault(base + 77).kind);
}

const Guest = struct {
    base: [*]volatile u8,
    index: u32,
    runs: u32 = 0,

    fn store(self: *Guest) void {
        self.runs += 1;
        self.base[self.index] = 1;
        self.runs += 100;
    }

    // Its own trap is caught in there, and the one after it outside.
    fn nested(self: *Guest) void {
        if (wasm.catchTrap(self, store, null)) |_| {} else |err| {
            if (err == error.OutOfBounds) self.runs += 10;
        }
        self.base[self.index] = 1;
    }
};

test "traps are errors" {
    const world = try support.World.init(.{ .bounds = .guarded });
    defer world.deinit();
    const memory = try world.memory(.{ .minimum = 1, .maximum = 4 });
    defer memory.deinit();
    var guest: Guest = .{ .base = memory.base(), .index = support.page + 5 };
    var trap: wasm.Fault = undefined;

    try expectError(error.Unsupported, wasm.catchTrap(&guest, Guest.store, &trap));
    try expectEqual(0, guest.runs);
    try expectError(error.InvalidArgument, wasm.uninstallTrapHandlers());
    try wasm.installTrapHandlers();
    defer wasm.uninstallTrapHandlers() catch unreachable;

    try expectError(error.OutOfBounds, wasm.catchTrap(&guest, Guest.store, &trap));
    try support.expectSentence("65541");
    try expectEqual(1, guest.runs);
    try expectEqual(wasm.FaultKind.guard, trap.kind);
    try expectEqual(support.page + 5, trap.offset);
    try expectEqual(support.page, trap.byte_length);
    try expectEqual(@intFromPtr(memory.base()) + support.page + 5, trap.address);
    try expect(trap.isOf(memory));

    guest.runs = 0;
    try expectError(error.OutOfBounds, wasm.catchTrap(&guest, Guest.nested, null));
    try expectEqual(11, guest.runs);

    guest.index = 5;
    guest.runs = 0;
    try wasm.catchTrap(&guest, Guest.store, &trap);
    try expectEqual(101, guest.runs);
    try expectEqual(wasm.FaultKind.foreign, trap.kind);
    try expectEqual(null, trap.view);
    try memory.protect(0, support.page, .read);
    try expectError(error.Protected, wasm.catchTrap(&guest, Guest.store, &trap));
    try expectEqual(5, trap.offset);
}

fn trapOften(world: support.World, failures: *std.atomic.Value(u32)) void {
    const memory = world.memory(.{ .minimum = 1, .maximum = 4 }) catch {
        _ = failures.fetchAdd(1, .monotonic);
        return;
    };
    defer memory.deinit();
    var guest: Guest = .{ .base = memory.base(), .index = support.page };
    for (0..1000) |_| {
        if (wasm.catchTrap(&guest, Guest.store, null)) |_| {
            _ = failures.fetchAdd(1, .monotonic);
        } else |err| {
            if (err != error.OutOfBounds) _ = failures.fetchAdd(1, .monotonic);
        }
    }
}

test "each thread has its own traps" {
    const world = try support.World.init(.{ .bounds = .guarded });
    defer world.deinit();
    try wasm.installTrapHandlers();
    defer wasm.uninstallTrapHandlers() catch unreachable;
    var failures: std.atomic.Value(u32) = .init(0);
    var threads: [4]std.Thread = undefined;
    for (&threads) |*thread| thread.* = try std.Thread.spawn(.{}, trapOften, .{ world, &failures });
    for (threads) |thread| thread.join();
    try expectEqual(0, failures.load(.monotonic));
}

test "engines and stores add up" {
    const world = try support.World.init(.{});
    defer world.deinit();
    const first = try world.memory(.{ .minimum = 1, .maximum = 4 });
    defer first.deinit();
    const second = try world.memory(.{ .minimum = 2, .maximum = 4 });
    defer second.deinit();
    _ = try first.grow(1);
    try expectError(error.MaximumExceeded, first.grow(100));
    const store = world.store.stats();
    try expectEqual(2, store.memories);
    try expectEqual(4 * support.page, store.byte_length);
    try expectEqual(4 * support.page, store.peak_bytes);
    try expectEqual(1, store.grow_count);
    try expectEqual(1, store.grow_failures);
    const engine = world.engine.stats();
    try expectEqual(1, engine.stores);
    try expectEqual(2, engine.memories);
    try expectEqual(4 * support.page, engine.byte_length);
    try expect(engine.committed_bytes >= 4 * support.page);
    try expect(engine.reserved_bytes >= engine.committed_bytes);
}
