//! A host in small: requests run on memories that all start from one prepared state.
//!
//!     data segments --> image --> memory --> set up --> snapshot --> a memory of the pool for each request --> reset
//!
//! The guest is played by `Guest`, which reaches the memory as generated code does: through the view. The host gives
//! each request a quota, hears who passes it, and sees which pages a request has written.

const std = @import("std");
const wasm = @import("wasm_memory");

const page = 64 * 1024;
const words = "dog\x00horse\x00flamingo\x00";
const words_at = 1024;
const lengths_at = 2048;
const answer_at = 4096;

/// What stands for compiled code: it has the view, and its traps are errors.
const Guest = struct {
    memory: *wasm.Memory,
    view: *const wasm.View,

    fn init(memory: *wasm.Memory) Guest {
        return .{ .memory = memory, .view = memory.view() };
    }

    /// Runs once, before the first request: makes a table of the lengths of all words.
    fn setUp(self: Guest) !void {
        var at: u32 = words_at;
        var table: u32 = lengths_at;
        while (try self.view.load(u8, at, 0) != 0) : (table += 4) {
            const start = at;
            while (try self.view.load(u8, at, 0) != 0) at += 1;
            try self.view.store(u32, table, 0, at - start);
            at += 1;
        }
    }

    /// A request: looks up a length, takes memory for scratch, and leaves what nobody else shall see.
    fn answer(self: Guest, word: u32, scratch_pages: u32) !u32 {
        if (try self.view.load(u32, answer_at, 0) != 0) return error.SomebodyWasHere;
        const length = try self.view.load(u32, 4 * word, lengths_at);
        try self.view.store(u32, answer_at, 0, length);
        const scratch = try self.memory.grow(scratch_pages) * page;
        for (0..scratch_pages) |index| try self.view.store(u64, scratch + index * page, 0, 0xdead);
        return length;
    }
};

/// How much a request may take. The library asks it, and tells it what was refused.
const Quota = struct {
    bytes: u64,
    refusals: u32 = 0,

    fn growing(self: *Quota, growth: wasm.Growth) bool {
        return growth.desired_bytes <= self.bytes;
    }

    fn failed(self: *Quota, status: wasm.Status, message: [:0]const u8) void {
        self.refusals += 1;
        std.debug.print("  {s}: {s}\n", .{ status.name(), message });
    }
};

/// Adds up what a request has written.
const Written = struct {
    bytes: u64 = 0,

    fn add(self: *Written, range: wasm.Range) void {
        self.bytes += range.length;
    }
};

pub fn main() !void {
    const pool_options: wasm.PoolOptions = .{ .slots = 64, .slot_bytes = 64 * page };
    const engine = wasm.Engine.init(.{ .pool = pool_options }) catch |err| return explain(err);
    defer engine.deinit();
    const memory_type = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 64 });
    defer memory_type.deinit();
    const prepared = prepare(engine, memory_type) catch |err| return explain(err);
    defer prepared.deinit();

    serve(engine, memory_type, prepared) catch |err| return explain(err);

    const pool = engine.poolStats();
    std.debug.print("pool: {d} live, {d} made in a slot of before, {d} new\n", .{ pool.live, pool.hits, pool.misses });
}

/// The state that every request starts from.
fn prepare(engine: *wasm.Engine, memory_type: *const wasm.MemoryType) !*wasm.Image {
    const store = try wasm.Store.init(engine);
    defer store.deinit();
    const segments = try wasm.Image.init(&.{.at(words_at, words)});
    defer segments.deinit();
    const memory = try wasm.Memory.initFromImage(store, memory_type, segments);
    defer memory.deinit();
    try Guest.init(memory).setUp();
    return wasm.Image.snapshot(memory);
}

fn serve(engine: *wasm.Engine, memory_type: *const wasm.MemoryType, prepared: *const wasm.Image) !void {
    const store = try wasm.Store.init(engine);
    defer store.deinit();
    var quota: Quota = .{ .bytes = 8 * page };
    try store.setLimiter(&quota, .{ .growing = Quota.growing, .growFailed = Quota.failed });

    // One memory, brought back after each request: this costs what the request has written.
    const memory = try wasm.Memory.initFromImage(store, memory_type, prepared);
    defer memory.deinit();
    const guest = Guest.init(memory);
    for ([_]u32{ 0, 1, 2 }) |word| {
        try memory.clearDirty();
        const length = try guest.answer(word, 3);
        var written: Written = .{};
        try memory.dirtyRanges(&written, Written.add);
        std.debug.print("word {d} has {d} letters; {d} KiB of {d} were written or are new\n", .{
            word, length, written.bytes / 1024, memory.byteLength() / 1024,
        });
        try memory.reset(prepared);
    }

    // Or a memory for each request, from the pool.
    for ([_]u32{ 2, 1, 0 }) |word| {
        const own = try wasm.Memory.initFromImage(store, memory_type, prepared);
        defer own.deinit();
        std.debug.print("word {d} has {d} letters\n", .{ word, try Guest.init(own).answer(word, 1) });
    }

    // A request that wants too much fails, and nobody else does.
    std.debug.print("a request that wants 100 pages:\n", .{});
    if (guest.answer(0, 100)) |_| return error.NothingWasRefused else |err| switch (err) {
        error.MaximumExceeded => try memory.reset(prepared),
        else => return err,
    }
    std.debug.print("a request that wants 10 pages:\n", .{});
    if (guest.answer(0, 10)) |_| return error.NothingWasRefused else |err| switch (err) {
        error.LimitDenied => try memory.reset(prepared),
        else => return err,
    }
    if (quota.refusals != 2) return error.NobodyWasTold;
}

/// An error has a name; the numbers are in the sentence.
fn explain(err: anyerror) anyerror {
    var buffer: [512]u8 = undefined;
    std.debug.print("{t}: {s}\n", .{ err, wasm.lastError(&buffer) });
    return err;
}
