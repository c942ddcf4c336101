//! Linear memories for WebAssembly runtimes: the library wasm_memory, in the manner of Zig.
//!
//! An engine (policy and pool, shared by all threads) makes stores (owners of limits and user data), and a store makes
//! memories. A memory type describes a memory, an image is what memories start with or go back to, and a view is what
//! inline code reads.
//!
//!     const wasm = @import("wasm_memory");
//!
//!     const engine = try wasm.Engine.init(.{});
//!     defer engine.deinit();
//!     const store = try wasm.Store.init(engine);
//!     defer store.deinit();
//!     const memory_type = try wasm.MemoryType.init(.{ .minimum = 1, .maximum = 10 });
//!     defer memory_type.deinit();
//!     const memory = try wasm.Memory.init(store, memory_type);
//!     defer memory.deinit();
//!     try memory.store(u32, 16, 42);
//!
//! The objects are pointers to opaque types: the handles of C, without anything around them. What C returns as a
//! status is an error here, each function has the set of those that it can answer, and `lastError` has the sentence
//! with the numbers in it. Objects may be deleted in any order: a memory lives as long as any handle of it, whatever
//! has become of its store and engine.
//!
//! Threads, callbacks, lifetimes: as include/wasm_memory.h says for the C functions of the same names. A function that
//! takes its object as a pointer to const is one that takes it so in C.

const std = @import("std");

/// The C interface itself, for what this module does not have.
pub const c = @import("c");

const engine = @import("engine.zig");
const fault = @import("fault.zig");
const host = @import("host.zig");
const image = @import("image.zig");
const memory = @import("memory.zig");
const shared = @import("shared.zig");
const status = @import("status.zig");
const store = @import("store.zig");
const types = @import("types.zig");
const view = @import("view.zig");

pub const Bounds = engine.Bounds;
pub const Config = engine.Config;
pub const Engine = engine.Engine;
pub const EngineStats = engine.EngineStats;
pub const PoolOptions = engine.PoolOptions;
pub const PoolStats = engine.PoolStats;

pub const Fault = fault.Fault;
pub const FaultKind = fault.FaultKind;
pub const TrapError = fault.TrapError;
pub const catchTrap = fault.catchTrap;
pub const classifyFault = fault.classifyFault;
pub const installTrapHandlers = fault.installTrapHandlers;
pub const uninstallTrapHandlers = fault.uninstallTrapHandlers;

pub const LinearMemory = host.LinearMemory;
pub const MemoryAllocator = host.MemoryAllocator;
pub const Request = host.Request;

pub const DataSegment = image.DataSegment;
pub const Image = image.Image;
pub const Segment = image.Segment;

pub const DetailedStats = memory.DetailedStats;
pub const MapMode = memory.MapMode;
pub const Memory = memory.Memory;
pub const Protection = memory.Protection;
pub const Range = memory.Range;
pub const RmwOp = memory.RmwOp;
pub const Stats = memory.Stats;
pub const WaitResult = memory.WaitResult;
pub const atomicFence = memory.atomicFence;

pub const Descriptor = shared.Descriptor;
pub const SharedMemory = shared.SharedMemory;

pub const AccessError = status.AccessError;
pub const AtomicError = status.AtomicError;
pub const CreateError = status.CreateError;
pub const Error = status.Error;
pub const GrowError = status.GrowError;
pub const HostError = status.HostError;
pub const LendError = status.LendError;
pub const Status = status.Status;
pub const WaitError = status.WaitError;
pub const lastError = status.lastError;
pub const lastErrorAlloc = status.lastErrorAlloc;
pub const lastErrorLength = status.lastErrorLength;

pub const AsyncLimiter = store.AsyncLimiter;
pub const Future = store.Future;
pub const Growth = store.Growth;
pub const Limiter = store.Limiter;
pub const Limits = store.Limits;
pub const Store = store.Store;
pub const StoreStats = store.StoreStats;
pub const Ticket = store.Ticket;

pub const Description = types.Description;
pub const Index = types.Index;
pub const MemoryType = types.MemoryType;
pub const PageSize = types.PageSize;

pub const View = view.View;

/// The version of the header that this was compiled with.
pub const header_version = std.SemanticVersion{
    .major = c.WASM_MEMORY_VERSION_MAJOR,
    .minor = c.WASM_MEMORY_VERSION_MINOR,
    .patch = c.WASM_MEMORY_VERSION_PATCH,
};

/// The version of the library that runs, for example "1.2.3".
pub fn version() [:0]const u8 {
    return std.mem.span(c.wasm_memory_version());
}

comptime {
    // This module knows the header of its own version. What is added to that is no harm, but another one is.
    if (header_version.major != 0 or header_version.minor != 1) @compileError(std.fmt.comptimePrint(
        "this module is for wasm_memory 0.1, and the installed header is {f}",
        .{header_version},
    ));
}
