//! The C ABI: C in, C out, no policy.
//!
//! An exported function converts and checks its arguments, makes one call into the core, and
//! writes its results; everything else lies behind. Its documentation here is what the header
//! says. None of them is ever called from within the library: another runtime in the process may
//! export the same standard names.
//!
//! What every function relies on, and the header says in its front matter: a pointer is NULL or
//! points to what its type says, a handle is live, and the rules on threads are kept. That is the
//! fact behind the `SAFETY` comments that speak of "the contract of the ABI".

#![allow(
    clippy::missing_safety_doc,
    unreachable_pub,
    reason = "public to C, under one contract for all, which is stated above and in the header"
)]

mod boundary;
#[cfg(wasm_memory_injection)]
mod injection;
mod sized;
mod text;

// The sections of the header, in its order.
mod status;
mod config;
mod memorytype;
mod allocator;
mod store;
mod memory;
mod future;
mod access;
mod bulk;
mod direct;
mod image;
mod pool;
mod mapping;
mod shared;
mod atomic;
mod fault;
mod report;
mod last_error;
