//! Memories that the host makes, here of a Zig allocator.

const std = @import("std");
const wasm = @import("wasm_memory");
const support = @import("support.zig");

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectError = std.testing.expectError;

/// Gives each memory a block as large as it can become, so that it never moves.
const Blocks = struct {
    allocator: std.mem.Allocator,
    alive: u32 = 0,
    finalized: u32 = 0,
    misaligned: bool = false,
    last_maximum: ?usize = null,

    const most = 16 * support.page;

    const Block = struct {
        owner: *Blocks,
        bytes: []align(std.heap.page_size_max) u8,
        size: usize,
        skew: usize,

        fn byteSize(self: *Block) usize {
            return self.size;
        }

        fn maximumByteSize(self: *Block) ?usize {
            return self.bytes.len;
        }

        fn growTo(self: *Block, new_size: usize) wasm.HostError!void {
            if (new_size > self.bytes.len) return error.OutOfMemory;
            if (new_size == 5 * support.page) return error.LimitDenied;
            @memset(self.bytes[self.size..new_size], 0);
            self.size = new_size;
        }

        fn base(self: *Block) [*]u8 {
            return self.bytes.ptr + self.skew;
        }

        fn finalize(self: *Block) void {
            const owner = self.owner;
            owner.allocator.free(self.bytes);
            owner.allocator.destroy(self);
            owner.alive -= 1;
        }
    };

    fn newMemory(self: *Blocks, request: wasm.Request) wasm.HostError!wasm.LinearMemory {
        std.debug.assert(request.reserved_bytes == 0 and request.guard_bytes == 0);
        std.debug.assert(request.memory_type.describe().minimum * support.page == request.minimum);
        self.last_maximum = request.maximum;
        const length = @min(request.maximum orelse most, most);
        if (request.minimum > length) return error.OutOfMemory;
        const block = try self.allocator.create(Block);
        errdefer self.allocator.destroy(block);
        const bytes = try self.allocator.alignedAlloc(u8, .fromByteUnits(std.heap.page_size_max), length);
        @memset(bytes[0..request.minimum], 0);
        block.* = .{ .owner = self, .bytes = bytes, .size = request.minimum, .skew = @intFromBool(self.misaligned) };
        self.alive += 1;
        return .init(block, .{
            .byteSize = Block.byteSize,
            .maximumByteSize = Block.maximumByteSize,
            .growTo = Block.growTo,
            .base = Block.base,
            .finalizer = Block.finalize,
        });
    }

    fn finalize(self: *Blocks) void {
        self.finalized += 1;
    }

    fn allocatorOf(self: *Blocks) wasm.MemoryAllocator {
        return .init(self, .{ .newMemory = newMemory, .finalizer = finalize });
    }
};

test "memories of a Zig allocator" {
    var blocks: Blocks = .{ .allocator = std.testing.allocator };
    {
        const world = try support.World.init(.{ .allocator = blocks.allocatorOf() });
        defer world.deinit();
        const memory = try world.memory(.{ .minimum = 1, .maximum = 8 });
        try expectEqual(1, blocks.alive);
        try expectEqual(8 * support.page, blocks.last_maximum);
        try expectEqual(wasm.Bounds.checked, memory.stats().bounds);
        try memory.store(u32, 100, 7);
        try expectEqual(1, try memory.grow(1));
        try expectEqual(0, try memory.load(u64, 2 * support.page - 8));
        try expectEqual(7, (try memory.slice())[100]);
        // What the host's callback answers is what the caller gets.
        try expectError(error.LimitDenied, memory.grow(3));
        try support.expectSentence("WASM_MEMORY_LIMIT_DENIED");
        try expectError(error.MaximumExceeded, memory.grow(7));
        try memory.reset(null);
        try expectEqual(0, try memory.load(u32, 100));
        try expectError(error.Unsupported, memory.protect(0, support.page, .read));
        memory.deinit();
        try expectEqual(0, blocks.alive);

        try expectError(error.OutOfMemory, world.memory(.{ .minimum = 17 }));
        // No maximum of the type is none, and not the largest number.
        try expectEqual(null, blocks.last_maximum);
        try expectError(error.Unsupported, world.memory(.{ .minimum = 1, .maximum = 1, .shared = true }));
        try expectEqual(0, blocks.finalized);
    }
    try expectEqual(1, blocks.finalized);
}

test "a base that is not aligned is refused, and what was made is finalized" {
    var blocks: Blocks = .{ .allocator = std.testing.allocator, .misaligned = true };
    const world = try support.World.init(.{ .allocator = blocks.allocatorOf() });
    defer world.deinit();
    try expectError(error.HostContract, world.memory(.{ .minimum = 1, .maximum = 2 }));
    try expectEqual(0, blocks.alive);
}

test "an engine that is not made finalizes the allocator" {
    var blocks: Blocks = .{ .allocator = std.testing.allocator };
    try expectError(error.InvalidConfig, wasm.Engine.init(.{
        .allocator = blocks.allocatorOf(),
        .reservation = std.math.maxInt(u64),
    }));
    try expectEqual(1, blocks.finalized);
    blocks.allocatorOf().finalize();
    try expectEqual(2, blocks.finalized);
}
