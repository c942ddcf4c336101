//! Linear memories for WebAssembly runtimes.
//!
//! C, C++, Go and Zig use this library through `include/wasm_memory.h`; the crate itself is the
//! same core with a Rust face:
//!
//! ```
//! use wasm_memory::{Engine, IndexType, Memory, MemoryType, Pages, Policy};
//!
//! let engine = Engine::new(Policy::default())?;
//! let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(10))?)?;
//! memory.write(65_531, b"hello")?;
//! assert!(memory.write(65_532, b"hello").is_err());
//! assert_eq!(memory.grow(Pages(2))?, Pages(1));
//! assert_eq!(memory.load::<u8>(65_531)?, b'h');
//! # Ok::<(), wasm_memory::Error>(())
//! ```
//!
//! It executes no WebAssembly. A runtime gives its guests these memories, and reaches them itself through the
//! methods of [`Memory`], which check their bounds.
//!
//! # What is what
//!
//! | | |
//! |---|---|
//! | [`Engine`], [`Policy`] | what memories are made under: how bounds are kept, what is reserved, the [pool](PoolOptions); for all threads |
//! | [`MemoryType`] | limits in [`Pages`], [index type](IndexType), [page size](PageSize), whether it is shared; one that exists is valid |
//! | [`Memory`] | a memory: loads and stores, copies, growth, atomics, [`reset`](Memory::reset), [`dirty_ranges`](Memory::dirty_ranges) |
//! | [`SharedMemory`] | a memory for several threads, stores and processes; [wait](Memory::atomic_wait32) and [notify](Memory::atomic_notify) |
//! | [`MemoryImage`], [`DataSegment`] | what memories start with or go back to; `memory.init` |
//! | [`Store`], [`StoreMemory`] | an owner of memories, and what limits them: [`Limits`], a [`Limiter`], an [`AsyncLimiter`] with its [`Ticket`]s and [`MemoryFuture`]s |
//! | [`MemoryCreator`], [`LinearMemory`] | for hosts that make the bytes themselves |
//! | [`classify_fault`], [`catch_trap`] | whose a fault is; and a call that a touch of a guard ends |
//! | [`Error`] | why something failed, with the numbers in its sentence |
//!
//! A [`Memory`] that is made without a store has nobody to ask but its type and the system. A runtime with tenants makes
//! its memories in a [`Store`].
//!
//! # A request and the next one
//!
//! A program is set up once. Each request gets a memory that starts there, and what one request has written, the next
//! one does not see: `examples/embedder.rs` is this as a whole program.
//!
//! ```
//! use wasm_memory::{Engine, IndexType, MemoryImage, MemoryType, Pages, Policy, PoolOptions, Segment, Store};
//!
//! let pool = Some(PoolOptions { slots: 100, ..PoolOptions::default() });
//! let engine = Engine::new(Policy { pool, ..Policy::default() })?;
//! let ty = MemoryType::new(IndexType::I32, 1, Some(16))?;
//!
//! // What the data sections of a module say, and what its start function makes of it.
//! let store = Store::new(&engine)?;
//! let segments = MemoryImage::new(&[Segment { offset: 1024, bytes: b"a table" }])?;
//! let setting_up = store.new_memory_from_image(ty, &segments)?;
//! setting_up.store(2048, 42u32)?;
//! let prepared = setting_up.snapshot()?;
//! drop(setting_up);
//!
//! let memory = store.new_memory_from_image(ty, &prepared)?;
//! for _request in 0..3 {
//!     assert_eq!(memory.load::<u32>(2048)?, 42);
//!     memory.fill(0, 0xff, 65_536)?;
//!     memory.grow(Pages(1))?;
//!     // This costs what the request has written, not what the memory has.
//!     memory.reset(Some(&prepared))?;
//! }
//! # Ok::<(), wasm_memory::Error>(())
//! ```
//!
//! # Threads
//!
//! Engines, stores, images, segments and shared memories are for all threads. A memory that is not shared is for one at a
//! time: [`Memory`] can be sent to another thread, but not used by two; a [`StoreMemory`] may have clones, and stays with its
//! thread. Clones of one object are that object.
//!
//! # Generated code
//!
//! Compiled guests read base and length from the [`View`] of a memory, whose layout is fixed; its address is, too, as long
//! as the [`Memory`] is not moved (that of a [`StoreMemory`] never is). Where [`Stats::bounds`] is [`Bounds::Guarded`], they
//! may leave out their checks: what a 32-bit index and a 32-bit offset can reach faults, unless [`Policy::guard_size`] asks
//! for less. To turn such a fault into a trap is the runtime's part: its handler asks [`classify_fault`], or it has
//! [`catch_trap`] do it. Rust never makes a reference to the bytes of a
//! memory, because guests have pointers to them; that is why [`Memory::with_data`] lends a pointer and not a slice.
//!
//! # Rooms
//!
//! How the source is laid out. Data flows one way, and `tests/architecture.rs` keeps it so:
//!
//! ```text
//! ffi -> store -> memory -> engine -> pool -> region -> image, plan, census, directory -> sys
//!     -> fault -> memory, directory                                                    -> sys
//!                        -> wait, racy                                                 -> sys
//!                              types, units, error, alloc, try_lock, attachment, creator: for all
//! ```
//!
//! | room | owns |
//! |---|---|
//! | `ffi` | the C ABI: handles, statuses, structs; no policy |
//! | `store` | who has a say on growth: limits, limiters, futures; the host's data |
//! | `memory` | what the specification calls a memory instance |
//! | `wait` | threads that wait on an address until another notifies it |
//! | `racy` | how bytes are touched that others may change meanwhile |
//! | `engine` | the policy, the ladder of fallbacks |
//! | `pool` | the regions that no memory has now: who gets them next, how many are kept |
//! | `region` | a piece of address space, held and given back as a whole; how it becomes clean again |
//! | `image` | what memories start with: bytes that never change, and their file |
//! | `fault` | whose a fault is, and calls that a fault ends |
//! | `directory` | which memory an address belongs to, for signal handlers |
//! | `census` | who lives in an engine, and what its regions take: the stats |
//! | `plan` | address-space arithmetic, without touching any |
//! | `types`, `units` | memory types and the units of the specification |
//! | `error`, `alloc` | why things fail; objects whose allocation can fail |
//! | `try_lock` | a lock that nobody waits for |
//! | `attachment` | what a host hangs on a memory or a store |
//! | `creator` | what a host implements to provide the bytes of memories |
//! | `sys` | the operating system |

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")
)]

mod alloc;
mod attachment;
mod census;
mod creator;
mod directory;
mod engine;
mod error;
mod fault;
mod ffi;
mod image;
mod memory;
mod plan;
mod pool;
mod racy;
mod region;
mod store;
mod sys;
mod try_lock;
mod types;
mod units;
mod wait;

pub use creator::{Breach, LinearMemory, MemoryCreator};
pub use engine::{Engine, EngineStats};
pub use error::{Error, Limit};
pub use fault::{Fault, FaultKind, Trap, TrapHandlers, catch_trap, classify_fault};
pub use image::{MemoryImage, Segment};
pub use memory::{
    AtomicInteger, DataSegment, Hexdump, Memory, RmwOp, Scalar, SharedMemory, Stats, V128, View,
    WaitResult, atomic_fence,
};
pub use plan::{Bounds, BoundsPolicy, Policy, PoolOptions};
pub use pool::PoolStats;
pub use store::{
    AsyncLimiter, Limiter, Limits, MemoryFuture, Request, Store, StoreMemory, StoreStats, Ticket,
};
pub use sys::{FileMapping, HostCaps, LikelyLimit, OsError, Protection, Purpose};
pub use types::{IndexType, MemoryType, TypeError};
pub use units::{PageSize, Pages};
