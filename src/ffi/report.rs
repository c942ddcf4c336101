//! Reports: the version and the stats.

use super::boundary::status;
use super::config::{WASM_MEMORY_BOUNDS_CHECKED, WASM_MEMORY_BOUNDS_GUARDED, wasm_memory_bounds_t};
use super::memory::{kept, wasm_memory_t};
use super::sized::{Extensible, fields, fill, struct_size};
use super::status::wasm_memory_status_t;
use crate::error::Error;
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
    status(|| {
        if out.is_null() {
            return Err(Error::NullArgument("out"));
        }
        // SAFETY: not NULL, so the caller's structure, which starts with its size.
        let size = unsafe { struct_size(out) }?;
        // SAFETY: the caller's structure has `size` bytes; all zeros are a value of the type.
        unsafe { fill(out, size, &core::mem::zeroed()) };
        // SAFETY: the contract of the ABI.
        let memory = unsafe { kept(memory) }?;
        let stats = memory.stats();
        let resident_end =
            offset_of!(wasm_memory_stats_t, resident_bytes).wrapping_add(size_of::<u64>());
        let wants_resident = size >= resident_end;
        let filled = wasm_memory_stats_t {
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
        };
        // SAFETY: as above.
        unsafe { fill(out, size, &filled) };
        Ok(())
    })
}
