//! Engines: what memories are made under.

const c = @import("c");
const status = @import("status.zig");
const MemoryAllocator = @import("host.zig").MemoryAllocator;

/// How accesses outside of a memory are caught.
pub const Bounds = enum(c.wasm_memory_bounds_t) {
    /// Guarded when the host gives the address space, checked otherwise; `Memory.stats` says which.
    auto = c.WASM_MEMORY_BOUNDS_AUTO,
    /// Everything that unchecked generated code can reach past the length faults, or creation fails.
    guarded = c.WASM_MEMORY_BOUNDS_GUARDED,
    /// Generated code compares with the length; growth needs no system call.
    checked = c.WASM_MEMORY_BOUNDS_CHECKED,
    _,
};

/// The options of a pool. 0 is the default.
pub const PoolOptions = struct {
    /// The most memories that are kept or live in the pool. Default: 1000.
    slots: u64 = 0,
    /// The largest memory that it serves, in bytes. Default: 4 GiB.
    slot_bytes: u64 = 0,
    /// How many bytes of what a deleted memory wrote stay in physical memory, for the next one. Default: 1 MiB.
    keep_resident_bytes: u64 = 0,
    /// How many deleted memories may wait to be cleaned together; 1 cleans each at once. Default: 16.
    decommit_batch: u64 = 0,
    /// Whether memories are made on demand that find no slot, or start larger than one.
    overflow: bool = false,
};

/// What a pool has and has done.
pub const PoolStats = struct {
    /// Memories in slots.
    live: u64,
    /// Idle slots that have pages in physical memory, or wait to be cleaned.
    warm: u64,
    /// Idle slots without pages.
    cold: u64,
    /// Slots that were given up, ever, because they could not be shown to be clean.
    retired: u64,
    /// Memories that were made in an idle slot, or moved into one.
    hits: u64,
    /// Memories that needed something new when they were made or moved.
    misses: u64,
    /// The address space of all slots, guards included, in bytes.
    reserved_bytes: u64,
    /// What idle slots have in physical memory, in bytes.
    resident_bytes: u64,
};

/// What an engine's stores and memories are together; sizes in bytes.
pub const EngineStats = struct {
    /// Live stores.
    stores: u64,
    /// Live memories.
    memories: u64,
    /// Their lengths.
    byte_length: u64,
    /// Their address space.
    reserved_bytes: u64,
    /// What of it is readable and writable now.
    committed_bytes: u64,
    /// How many mappings of the system they take.
    mappings: u64,
};

/// The options of an engine. What is null has the library's default.
pub const Config = struct {
    /// How accesses outside of a memory are caught.
    bounds: Bounds = .auto,
    /// How many bytes of address space to reserve for each memory, so that it grows within them without moving.
    /// Default: 4 GiB for 32-bit memories, 16 GiB for 64-bit ones.
    reservation: ?u64 = null,
    /// How many bytes to reserve beyond the length when a memory moves, or when its minimum exceeds the reservation.
    /// Default: 2 GiB.
    reservation_for_growth: ?u64 = null,
    /// How many bytes fault after the reservation. Default: what any 32-bit index and offset can reach, if guarded.
    guard_size: ?u64 = null,
    /// Whether bytes before the base fault too.
    guard_before: bool = true,
    /// Whether growth past the reservation may move the base. `Memory.slice` is refused then.
    may_move: bool = false,
    /// Whether to ask the system for huge pages.
    huge_pages: bool = false,
    /// Whether the engine's shared memories can be given to other processes (`SharedMemory.exportDescriptor`).
    exportable: bool = false,
    /// Take memories from a pool; null: no pool.
    pool: ?PoolOptions = null,
    /// Let the host make the memories; null: the library does. It passes to the engine, whose last memory finalizes it;
    /// so does an `Engine.init` that fails.
    allocator: ?MemoryAllocator = null,
};

/// What memories are made under: policy and pool, shared by all stores and threads.
pub const Engine = opaque {
    /// Why there is no engine. `error.InvalidConfig`: an option has an absurd value (or, hardly ever, the heap is
    /// exhausted at the very end); `lastError` names it.
    pub const InitError = error{ InvalidConfig, OutOfMemory };

    /// Makes an engine; `.{}` has the defaults.
    pub fn init(config: Config) InitError!*Engine {
        const made = c.wasm_config_new() orelse {
            if (config.allocator) |allocator| allocator.finalize();
            return error.OutOfMemory;
        };
        c.wasm_config_memory_bounds_set(made, @intFromEnum(config.bounds));
        if (config.reservation) |bytes| c.wasm_config_memory_reservation_set(made, bytes);
        if (config.reservation_for_growth) |bytes| c.wasm_config_memory_reservation_for_growth_set(made, bytes);
        if (config.guard_size) |bytes| c.wasm_config_memory_guard_size_set(made, bytes);
        c.wasm_config_guard_before_memory_set(made, config.guard_before);
        c.wasm_config_memory_may_move_set(made, config.may_move);
        c.wasm_config_memory_huge_pages_set(made, config.huge_pages);
        c.wasm_config_memory_exportable_set(made, config.exportable);
        if (config.pool) |options| c.wasm_config_memory_pool_set(made, &.{
            .struct_size = @sizeOf(c.wasm_memory_pool_options_t),
            .slots = options.slots,
            .slot_bytes = options.slot_bytes,
            .keep_resident_bytes = options.keep_resident_bytes,
            .decommit_batch = options.decommit_batch,
            .overflow = options.overflow,
        });
        if (config.allocator) |allocator| c.wasm_config_memory_allocator_set(made, &allocator.table);
        // It takes the config, whatever happens.
        return @ptrCast(c.wasm_engine_new_with_config(made) orelse return error.InvalidConfig);
    }

    /// Deletes this reference. Stores and memories keep working; with the last of them the engine returns all its
    /// address space.
    pub fn deinit(self: *Engine) void {
        c.wasm_engine_delete(self.raw());
    }

    /// What the engine's stores and memories are together. Any thread.
    pub fn stats(self: *const Engine) EngineStats {
        var filled: c.wasm_engine_stats_t = .{ .struct_size = @sizeOf(c.wasm_engine_stats_t) };
        const answer = c.wasm_engine_stats(self.rawConst(), &filled);
        // It fails for NULL and for a bad size only.
        if (answer != c.WASM_MEMORY_OK) unreachable;
        var made: EngineStats = undefined;
        inline for (@typeInfo(EngineStats).@"struct".fields) |field| {
            @field(made, field.name) = @field(filled, field.name);
        }
        return made;
    }

    /// What the engine's idle memories are, and how often they were of use. Works with and without a pool. Any thread.
    pub fn poolStats(self: *const Engine) PoolStats {
        var filled: c.wasm_memory_pool_stats_t = .{ .struct_size = @sizeOf(c.wasm_memory_pool_stats_t) };
        const answer = c.wasm_engine_pool_stats(self.rawConst(), &filled);
        // It fails for NULL and for a bad size only.
        if (answer != c.WASM_MEMORY_OK) unreachable;
        var made: PoolStats = undefined;
        inline for (@typeInfo(PoolStats).@"struct".fields) |field| {
            @field(made, field.name) = @field(filled, field.name);
        }
        return made;
    }

    /// Gives back to the system what the engine's idle memories have, and the images that they remember. Any thread.
    pub fn poolTrim(self: *Engine) void {
        if (c.wasm_engine_pool_trim(self.raw()) != c.WASM_MEMORY_OK) unreachable;
    }

    /// An engine that came from C, of which the caller is the owner now; null for NULL.
    pub fn fromRaw(handle: ?*c.wasm_engine_t) ?*Engine {
        return @ptrCast(handle);
    }

    /// The handle of the C interface. It stays this one's.
    pub fn raw(self: *Engine) *c.wasm_engine_t {
        return @ptrCast(self);
    }

    /// The same, for functions that only read it.
    pub fn rawConst(self: *const Engine) *const c.wasm_engine_t {
        return @ptrCast(self);
    }
};
