//! Pools: the memories that nobody has now.

use super::boundary::{required, status};
use super::config::{wasm_config_t, wasm_engine_t};
use super::sized::{Extensible, fields, read, report, struct_size};
use super::status::wasm_memory_status_t;
use crate::error::Error;
use crate::plan::PoolOptions;

/// The options of a pool. 0, and a field that `struct_size` does not reach, is the default.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_pool_options_t {
    /// Set to `sizeof(wasm_memory_pool_options_t)`.
    pub struct_size: usize,
    /// The most memories that are kept or live in the pool. Default: 1000.
    pub slots: u64,
    /// The largest memory that it serves, in bytes, rounded up to whole pages of the host. Default: 4 GiB.
    pub slot_bytes: u64,
    /// How many bytes of what a deleted memory wrote stay in physical memory, for the next one. Default: 1 MiB. The copy of
    /// an image of at most 256 KiB stays besides, in a slot that remembers it.
    pub keep_resident_bytes: u64,
    /// How many deleted memories may wait to be cleaned together; 1 cleans each at once. Default: 16.
    pub decommit_batch: u64,
    /// Whether memories are made on demand that find no slot, or start larger than one. Default: false.
    pub overflow: bool,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_pool_options_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_pool_options_t {
        slots: u64,
        slot_bytes: u64,
        keep_resident_bytes: u64,
        decommit_batch: u64,
        overflow: bool,
    });
}

/// What a pool has and has done.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_pool_stats_t {
    /// Set to `sizeof(wasm_memory_pool_stats_t)` before the call.
    pub struct_size: usize,
    /// Memories in slots.
    pub live: u64,
    /// Idle slots that have pages in physical memory, or wait to be cleaned.
    pub warm: u64,
    /// Idle slots without pages.
    pub cold: u64,
    /// Slots that were given up, ever, because they could not be shown to be clean.
    pub retired: u64,
    /// Memories that were made in an idle slot, or moved into one.
    pub hits: u64,
    /// Memories that needed something new when they were made or moved, on demand or as a slot.
    pub misses: u64,
    /// The address space of all slots, guards included, in bytes.
    pub reserved_bytes: u64,
    /// What idle slots have in physical memory, in bytes.
    pub resident_bytes: u64,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_pool_stats_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_pool_stats_t {
        live: u64,
        warm: u64,
        cold: u64,
        retired: u64,
        hits: u64,
        misses: u64,
        reserved_bytes: u64,
        resident_bytes: u64,
    });
}

unsafe fn options_of(
    options: *const wasm_memory_pool_options_t,
) -> Result<Option<PoolOptions>, Error> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so the caller's structure, which starts with its size.
    let size = unsafe { struct_size(options) }.map_err(|error| match error {
        Error::InvalidArgument { value, expected, .. } => {
            Error::InvalidArgument { name: "memory_pool.struct_size", value, expected }
        }
        other => other,
    })?;
    let defaults = wasm_memory_pool_options_t {
        struct_size: size,
        slots: 0,
        slot_bytes: 0,
        keep_resident_bytes: 0,
        decommit_batch: 0,
        overflow: false,
    };
    // SAFETY: the caller's structure has `size` bytes.
    let wasm_memory_pool_options_t {
        slots,
        slot_bytes,
        keep_resident_bytes,
        decommit_batch,
        overflow,
        ..
    } = unsafe { read(options, size, defaults) };
    Ok(Some(PoolOptions { slots, slot_bytes, keep_resident_bytes, decommit_batch, overflow }))
}

/// Makes the engine take its memories from a pool. Default: none; the engine then keeps a few deleted memories for the
/// next ones, and nothing limits how many there are.
///
/// A memory whose minimum (or snapshot) fits `slot_bytes` takes a slot and grows within it; past that, growth is
/// `OUT_OF_MEMORY`. Larger memories, and those that find no slot, are made on demand with `overflow`, and
/// are `OUT_OF_MEMORY` without. Shared memories take slots too, but not those that can be exported; nor do memories that
/// an allocator of the host's makes. Address space is taken slot by slot as it is needed, and memory as it is written.
/// Where a limit on the process leaves no room for a slot, AUTO and CHECKED make memories without one, as they do without
/// a pool, and so do all on systems without mappings: neither `slots` nor `slot_bytes` limits those.
///
/// Parameters: `config`: NULL is ignored. `options`: copied; NULL for no pool. A value that no host could honour makes
/// `wasm_engine_new_with_config` fail with a sentence that names it: a `struct_size` too small for itself, slots that
/// take more than the address space, a `decommit_batch` above 4096.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_pool_set(
    config: *mut wasm_config_t,
    options: *const wasm_memory_pool_options_t,
) {
    // SAFETY: passed on.
    let options = unsafe { options_of(options) };
    // SAFETY: the contract of the ABI: NULL or a live config that this thread alone uses.
    if let Some(config) = unsafe { config.as_mut() } {
        config.pool = options.transpose();
    }
}

/// Fills in what an engine's idle memories are, and how often they were of use. Works with and without a pool.
///
/// Parameters: `engine`: not consumed. `out`: the caller sets its `struct_size`; the fields that fit are written whole,
/// all 0 on failure, and `struct_size` is left alone.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself: nothing is written).
/// Ownership: none passes.
/// Threads: any. While other threads make and delete memories, the figures need not be of one moment.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_pool_stats(
    engine: *const wasm_engine_t,
    out: *mut wasm_memory_pool_stats_t,
) -> wasm_memory_status_t {
    let of = |size| {
        // SAFETY: the contract of the ABI.
        let stats = unsafe { required(engine, "engine") }?.0.pool_stats();
        Ok(wasm_memory_pool_stats_t {
            struct_size: size,
            live: stats.live,
            warm: stats.warm,
            cold: stats.cold,
            retired: stats.retired,
            hits: stats.hits,
            misses: stats.misses,
            reserved_bytes: stats.reserved_bytes,
            resident_bytes: stats.resident_bytes,
        })
    };
    // SAFETY: the contract of the ABI: NULL, or the caller's structure.
    status(|| unsafe { report(out, of) })
}

/// Gives back to the system what an engine's idle memories have, pages and address space, and the images that they
/// remember. (Small checked memories share slabs: the address space of one goes when none of its memories is live.) Live
/// memories are not concerned. Memories made afterwards need something new.
///
/// Parameters: `engine`: not consumed.
/// Returns: `OK`, `NULL_ARGUMENT`.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_engine_pool_trim(engine: *mut wasm_engine_t) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        unsafe { required(engine, "engine") }?.0.trim_pool();
        Ok(())
    })
}
