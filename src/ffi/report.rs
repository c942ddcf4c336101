//! Reports: the version and the stats.

use super::boundary::{required, status};
use super::config::{
    WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_GUARDED, wasm_engine_t, wasm_memory_bounds_t,
};
use super::memory::{kept, wasm_memory_t};
use super::sized::{Extensible, fields, report};
use super::status::wasm_memory_status_t;
use super::store::wasm_store_t;
use crate::plan::Bounds;
use core::ffi::{CStr, c_char};
use core::mem::offset_of;

/// The version of the library that runs, for example `"1.2.3"`; it equals the macro
/// `WASM_MEMORY_VERSION` of the header that belongs to it.
///
/// Parameters: none.
/// Returns: the version. Never NULL.
/// Ownership: static text, valid while the library is loaded.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    const TEXT: &CStr = match CStr::from_bytes_with_nul(VERSION.as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    };
    TEXT.as_ptr()
}

/// What a memory is made of, and what has happened to it; sizes in bytes.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_stats_t {
    /// Set to `sizeof(wasm_memory_stats_t)` before the call.
    pub struct_size: usize,
    /// The length of the memory.
    pub byte_length: u64,
    /// What it can grow to; it never moves within.
    pub reserved_bytes: u64,
    /// What faults after the reservation.
    pub guard_bytes: u64,
    /// What is readable and writable now.
    pub committed_bytes: u64,
    /// The largest length so far.
    pub peak_bytes: u64,
    /// How often growth succeeded.
    pub grow_count: u64,
    /// How often growth failed.
    pub grow_failures: u64,
    /// How many threads wait on the memory, of all processes that have it.
    pub waiters: u64,
    /// What offsets and lengths of mappings must be multiples of: the host's page size.
    pub map_alignment_bytes: u64,
    /// The strategy that the memory has: GUARDED or CHECKED.
    pub bounds: wasm_memory_bounds_t,
    /// Whether growth may move the base.
    pub may_move: bool,
    /// Whether several threads may use the memory at once.
    pub shared: bool,
    /// What is in physical memory; counted only if `struct_size` reaches it, for it costs time.
    pub resident_bytes: u64,
    /// What the ranges of `wasm_memory_dirty_ranges` are multiples of now: the host's page, or all of the memory where it is
    /// not known what has changed.
    pub dirty_granule_bytes: u64,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_stats_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_stats_t {
        byte_length: u64,
        reserved_bytes: u64,
        guard_bytes: u64,
        committed_bytes: u64,
        peak_bytes: u64,
        grow_count: u64,
        grow_failures: u64,
        waiters: u64,
        map_alignment_bytes: u64,
        bounds: wasm_memory_bounds_t,
        may_move: bool,
        shared: bool,
        resident_bytes: u64,
        dirty_granule_bytes: u64,
    });
}

/// Fills in what a memory is made of and what has happened to it.
///
/// Parameters: `memory`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit
/// are written whole, all 0 on failure, and `struct_size` is left alone.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
/// is written).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_stats(
    memory: *const wasm_memory_t,
    out: *mut wasm_memory_stats_t,
) -> wasm_memory_status_t {
    let of = |size| {
        // SAFETY: the contract of the ABI.
        let memory = unsafe { kept(memory) }?;
        let stats = memory.stats();
        let resident_end =
            offset_of!(wasm_memory_stats_t, resident_bytes).wrapping_add(size_of::<u64>());
        let wants_resident = size >= resident_end;
        Ok(wasm_memory_stats_t {
            struct_size: size,
            byte_length: stats.byte_length,
            reserved_bytes: stats.reserved_bytes,
            guard_bytes: stats.guard_bytes,
            committed_bytes: stats.committed_bytes,
            peak_bytes: stats.peak_bytes,
            grow_count: stats.grow_count,
            grow_failures: stats.grow_failures,
            waiters: stats.waiters,
            map_alignment_bytes: stats.map_alignment_bytes,
            bounds: match stats.bounds {
                Bounds::Guarded => WASM_MEMORY_BOUNDS_GUARDED,
                Bounds::Checked => WASM_MEMORY_BOUNDS_CHECKED,
            },
            may_move: stats.may_move,
            shared: stats.shared,
            resident_bytes: if wants_resident { memory.resident_bytes() } else { 0 },
            dirty_granule_bytes: memory.dirty_granule_bytes(),
        })
    };
    // SAFETY: the contract of the ABI: NULL, or the caller's structure.
    status(|| unsafe { report(out, of) })
}

/// What a store's memories have, and what has happened to them; sizes in bytes.
///
/// A memory is the store's from the moment on when it is made in it or, if it is shared, obtained by it, until its last
/// handle and pending future in that store are gone. A shared memory counts with its whole length in each store that
/// has it, once for each `wasm_memory_obtain`, as it does for limits; what happened to it before does not count.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_store_stats_t {
    /// Set to `sizeof(wasm_store_stats_t)` before the call.
    pub struct_size: usize,
    /// How many memories there are.
    pub memories: u64,
    /// The sum of their lengths.
    pub byte_length: u64,
    /// The largest sum of their lengths at one time so far.
    pub peak_bytes: u64,
    /// How often they grew, the deleted ones included.
    pub grow_count: u64,
    /// How often their growth failed or was denied, the deleted ones included.
    pub grow_failures: u64,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_store_stats_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_store_stats_t {
        memories: u64,
        byte_length: u64,
        peak_bytes: u64,
        grow_count: u64,
        grow_failures: u64,
    });
}

/// What an engine has; sizes in bytes. It is added up while memories come and go: what is there all the time counts once,
/// what comes or goes meanwhile counts once or not at all.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_engine_stats_t {
    /// Set to `sizeof(wasm_engine_stats_t)` before the call.
    pub struct_size: usize,
    /// How many stores there are: the deleted ones that a memory, a future or a ticket keeps included.
    pub stores: u64,
    /// How many memories there are, in stores or in none. A shared memory is one, however many stores have it.
    pub memories: u64,
    /// The sum of their lengths.
    pub byte_length: u64,
    /// The address space that the engine holds for memories: those that there are, and those that lie idle or unused in its
    /// pool, with their guards. Where there are no mappings, the blocks of the heap. What an allocator of the host's
    /// provides does not count here and below.
    pub reserved_bytes: u64,
    /// What is readable and writable of that now, whether it is in physical memory or not.
    pub committed_bytes: u64,
    /// How many mappings of the system's that is, where the system does not merge neighbours: one for a slab of a pool or
    /// what is readable and writable as a whole; up to three for what has guards; and what the pages of images
    /// divide. What `wasm_memory_map_file` and `wasm_memory_protect` divide does not count.
    pub mappings: u64,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_engine_stats_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_engine_stats_t {
        stores: u64,
        memories: u64,
        byte_length: u64,
        reserved_bytes: u64,
        committed_bytes: u64,
        mappings: u64,
    });
}

/// Fills in what a store's memories have and what has happened to them. For polling: it takes about a microsecond, however many
/// memories there are, and holds up nobody who makes, grows or deletes one for longer. After the growth of a shared memory, or if
/// other processes have one, it takes about ten nanoseconds more for each shared memory that the store has.
///
/// Parameters: `store`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are
/// written whole, all 0 on failure, and `struct_size` is left alone.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
/// is written).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_stats(
    store: *const wasm_store_t,
    out: *mut wasm_store_stats_t,
) -> wasm_memory_status_t {
    let of = |size| {
        // SAFETY: the contract of the ABI.
        let stats = unsafe { required(store, "store") }?.0.stats();
        Ok(wasm_store_stats_t {
            struct_size: size,
            memories: stats.memories,
            byte_length: stats.byte_length,
            peak_bytes: stats.peak_bytes,
            grow_count: stats.grow_count,
            grow_failures: stats.grow_failures,
        })
    };
    // SAFETY: the contract of the ABI: NULL, or the caller's structure.
    status(|| unsafe { report(out, of) })
}

/// Fills in what an engine has. For polling: it takes time with the stores there are, a fraction of a microsecond for each, and
/// holds up nobody who makes or deletes anything.
///
/// Parameters: `engine`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are
/// written whole, all 0 on failure, and `struct_size` is left alone.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing
/// is written).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_stats(
    engine: *const wasm_engine_t,
    out: *mut wasm_engine_stats_t,
) -> wasm_memory_status_t {
    let of = |size| {
        // SAFETY: the contract of the ABI.
        let stats = unsafe { required(engine, "engine") }?.0.stats();
        Ok(wasm_engine_stats_t {
            struct_size: size,
            stores: stats.stores,
            memories: stats.memories,
            byte_length: stats.byte_length,
            reserved_bytes: stats.reserved_bytes,
            committed_bytes: stats.committed_bytes,
            mappings: stats.mappings,
        })
    };
    // SAFETY: the contract of the ABI: NULL, or the caller's structure.
    status(|| unsafe { report(out, of) })
}
