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
//! # Rooms
//!
//! Data flows one way, and `tests/architecture.rs` keeps it so:
//!
//! ```text
//! ffi -> store -> memory -> engine -> pool -> region -> image, plan -> sys
//!                        -> wait, racy                             -> sys
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
mod creator;
mod engine;
mod error;
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
pub use engine::Engine;
pub use error::{Error, Limit};
pub use image::{MemoryImage, Segment};
pub use memory::{
    AtomicInteger, DataSegment, Hexdump, Memory, RmwOp, Scalar, SharedMemory, Stats, V128, View,
    WaitResult, atomic_fence,
};
pub use plan::{Bounds, BoundsPolicy, Policy, PoolOptions};
pub use pool::PoolStats;
pub use store::{AsyncLimiter, Limiter, Limits, MemoryFuture, Request, Store, StoreMemory, Ticket};
pub use sys::{FileMapping, HostCaps, LikelyLimit, OsError, Protection, Purpose};
pub use types::{IndexType, MemoryType, TypeError};
pub use units::{PageSize, Pages};
