//! Configs and engines.

use super::boundary::{quietly, silence_own_panics, value_or};
use crate::alloc::try_box;
use crate::creator::MemoryCreator;
use crate::engine::Engine;
use crate::error::Error;
use crate::plan::{BoundsPolicy, Policy, PoolOptions};

/// A bounds strategy: `WASM_MEMORY_BOUNDS_AUTO`, `_GUARDED` or `_CHECKED`.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_bounds_t = i32;

/// Guarded when the host gives the address space, checked otherwise; `wasm_memory_stats` says which.
pub const WASM_MEMORY_BOUNDS_AUTO: wasm_memory_bounds_t = 0;
/// Everything that unchecked generated code can reach past the length faults, or creation fails.
pub const WASM_MEMORY_BOUNDS_GUARDED: wasm_memory_bounds_t = 1;
/// Generated code compares with the length; growth needs no system call.
pub const WASM_MEMORY_BOUNDS_CHECKED: wasm_memory_bounds_t = 2;

/// The options of an engine that is to be made.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Default)]
#[cfg(not(wasm_h))]
pub struct wasm_config_t {
    bounds: wasm_memory_bounds_t,
    policy: Policy,
    /// Who makes the memories, if the host does; or why that cannot be.
    pub(super) allocator: Option<Result<Box<dyn MemoryCreator>, Error>>,
    /// The options of the pool; or why they cannot be.
    pub(super) pool: Option<Result<PoolOptions, Error>>,
}

impl wasm_config_t {
    fn parts(self) -> Result<(Policy, Option<Box<dyn MemoryCreator>>), Error> {
        let bounds = match self.bounds {
            WASM_MEMORY_BOUNDS_AUTO => BoundsPolicy::Auto,
            WASM_MEMORY_BOUNDS_GUARDED => BoundsPolicy::Guarded,
            WASM_MEMORY_BOUNDS_CHECKED => BoundsPolicy::Checked,
            unknown => {
                return Err(Error::InvalidArgument {
                    name: "memory_bounds",
                    value: u64::from(unknown.cast_unsigned()),
                    expected: "use WASM_MEMORY_BOUNDS_AUTO (0), _GUARDED (1) or _CHECKED (2)",
                });
            }
        };
        let pool = self.pool.transpose()?;
        Ok((Policy { bounds, pool, ..self.policy }, self.allocator.transpose()?))
    }
}

/// What memories are made under: policy and pool, shared by all stores and threads.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub struct wasm_engine_t(pub(super) Engine);

/// Makes a config with the defaults.
///
/// Parameters: none.
/// Returns: the config; NULL when the heap is exhausted.
/// Ownership: the caller's, until `wasm_engine_new_with_config` or `wasm_config_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub extern "C" fn wasm_config_new() -> *mut wasm_config_t {
    value_or(core::ptr::null_mut(), || Ok(Box::into_raw(try_box(wasm_config_t::default())?)))
}

/// Deletes a config that no engine was made with.
///
/// Parameters: `config`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the config passes to the library.
/// Threads: any, as long as no other call uses the config.
/// Invalidates: the config.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_config_delete(config: *mut wasm_config_t) {
    if !config.is_null() {
        // With it goes the host's allocator, which may have a finalizer.
        // SAFETY: the contract of the ABI: a live config, made by try_box in wasm_config_new.
        quietly(|| drop(unsafe { Box::from_raw(config) }));
    }
}

/// Changes a config, unless it is NULL.
unsafe fn set(config: *mut wasm_config_t, change: impl FnOnce(&mut wasm_config_t)) {
    // SAFETY: the contract of the ABI: NULL or a live config that this thread alone uses.
    if let Some(config) = unsafe { config.as_mut() } {
        change(config);
    }
}

/// Chooses the bounds strategy of the engine's memories. Default: `WASM_MEMORY_BOUNDS_AUTO`.
///
/// AUTO makes GUARDED memories while the host gives the address space and CHECKED ones otherwise,
/// and promises no fault: code without checks sets GUARDED, or looks at `bounds` in the stats of
/// each memory. GUARDED holds or creation fails with `OUT_OF_MEMORY` (`UNSUPPORTED` on a host that
/// cannot guard): every byte from `byte_length` to `reserved_bytes + guard_bytes` faults, and for a
/// 32-bit index that span is at least 8 GiB + 64 KiB (any index, any offset, 16 bytes) unless a
/// guard size was set. Memories with 1-byte pages are always CHECKED.
///
/// Parameters: `config`: NULL is ignored. `bounds`: a constant; any other number makes
/// `wasm_engine_new_with_config` fail.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_bounds_set(
    config: *mut wasm_config_t,
    bounds: wasm_memory_bounds_t,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.bounds = bounds) }
}

/// Sets how many bytes of address space to reserve for each memory, so that it grows within them
/// without moving. Default: 4 GiB for 32-bit memories, 16 GiB for 64-bit ones; CHECKED memories
/// reserve no more than their maximum. Shared memories, which never move, reserve no less than theirs, up to
/// 2 TiB or a sixteenth of the address space.
///
/// Growth past the reservation fails with `OUT_OF_MEMORY`, unless `memory_may_move` is set; the
/// sentence names this option. Under GUARDED a memory has at least this reservation; generated
/// code for a 64-bit index compares with `reserved_bytes` first.
///
/// Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
/// address makes `wasm_engine_new_with_config` fail. 0 reserves the minimum and
/// `memory_reservation_for_growth`.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_reservation_set(
    config: *mut wasm_config_t,
    bytes: u64,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.reservation = Some(bytes)) }
}

/// Sets how many bytes to reserve beyond the length when a memory moves, or when its minimum
/// exceeds the reservation. Default: 2 GiB, and no more than the maximum.
///
/// Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
/// address makes `wasm_engine_new_with_config` fail.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_reservation_for_growth_set(
    config: *mut wasm_config_t,
    bytes: u64,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.reservation_for_growth = Some(bytes)) }
}

/// Sets how many bytes fault after the reservation. Default: for GUARDED, what any 32-bit index and
/// any 32-bit offset can reach (and 4 GiB + 64 KiB for a 64-bit index); for CHECKED, none.
///
/// With a smaller guard a GUARDED memory covers accesses whose static offset plus width is at most
/// this size; the code checks the others itself.
///
/// Parameters: `config`: NULL is ignored. `bytes`: rounded up to host pages; more than the host can
/// address makes `wasm_engine_new_with_config` fail.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_guard_size_set(config: *mut wasm_config_t, bytes: u64) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.guard_size = Some(bytes)) }
}

/// Sets whether bytes before the base fault too. Default: true. It catches generated code that
/// sign-extends an index by mistake: GUARDED memories have 2 GiB there (no more than
/// `memory_guard_size`, if that was set), CHECKED ones 64 KiB.
///
/// Parameters: `config`: NULL is ignored. `enable`: whether to guard.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_guard_before_memory_set(
    config: *mut wasm_config_t,
    enable: bool,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.guard_before = enable) }
}

/// Sets whether growth past the reservation may move the base. Default: false, so that a base, once
/// read, stays right for the memory's life.
///
/// Parameters: `config`: NULL is ignored. `enable`: whether to allow it.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_may_move_set(config: *mut wasm_config_t, enable: bool) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.may_move = enable) }
}

/// Sets whether to ask the system for huge pages in reservations of 2 MiB and more, which are then
/// aligned to 2 MiB where the whole reservation is to be had. Default: false. Advice: a system
/// without them ignores it.
///
/// Parameters: `config`: NULL is ignored. `enable`: whether to ask.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_huge_pages_set(
    config: *mut wasm_config_t,
    enable: bool,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.huge_pages = enable) }
}

/// Sets whether the engine's shared memories can be given to other processes (`wasm_shared_memory_export`). Default:
/// false. Those of an engine that sets it lie in a file without a name from the start, and waits on them never spin.
/// On systems where this version cannot, no shared memory is made then. Other memories are not concerned.
///
/// Parameters: `config`: NULL is ignored. `enable`: whether memories are to be exportable.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: one at a time for one config.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_exportable_set(
    config: *mut wasm_config_t,
    enable: bool,
) {
    // SAFETY: passed on.
    unsafe { set(config, |config| config.policy.exportable = enable) }
}

fn new_engine(
    policy: Policy,
    allocator: Option<Box<dyn MemoryCreator>>,
) -> Result<*mut wasm_engine_t, Error> {
    silence_own_panics();
    let engine = match allocator {
        None => Engine::new(policy),
        Some(allocator) => Engine::with_creator(policy, allocator),
    };
    Ok(Box::into_raw(try_box(wasm_engine_t(engine?))?))
}

/// Makes an engine with the default options.
///
/// Parameters: none.
/// Returns: the engine; NULL when the heap is exhausted.
/// Ownership: the caller's, until `wasm_engine_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub extern "C" fn wasm_engine_new() -> *mut wasm_engine_t {
    value_or(core::ptr::null_mut(), || new_engine(Policy::default(), None))
}

/// Makes an engine with the options of a config.
///
/// Parameters: `config`: consumed whatever happens.
/// Returns: the engine; NULL for a NULL config (`NULL_ARGUMENT`), an option with an absurd value
/// (`INVALID_ARGUMENT`; the sentence names it), or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the config passes to the library; the engine is the caller's, until
/// `wasm_engine_delete`.
/// Threads: any, as long as no other call uses the config.
/// Invalidates: the config.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_engine_new_with_config(
    config: *mut wasm_config_t,
) -> *mut wasm_engine_t {
    value_or(core::ptr::null_mut(), || {
        if config.is_null() {
            return Err(Error::NullArgument("config"));
        }
        // SAFETY: the contract of the ABI: a live config, made by try_box in wasm_config_new.
        let config = unsafe { Box::from_raw(config) };
        let (policy, allocator) = config.parts()?;
        new_engine(policy, allocator)
    })
}

/// Deletes a reference to an engine. Its stores and memories keep working; with the last of them
/// the engine returns all its address space.
///
/// Parameters: `engine`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the engine passes to the library.
/// Threads: any, as long as no other call uses this pointer.
/// Invalidates: the pointer.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_engine_delete(engine: *mut wasm_engine_t) {
    if !engine.is_null() {
        // SAFETY: the contract of the ABI: a live engine, made by try_box in new_engine.
        quietly(|| drop(unsafe { Box::from_raw(engine) }));
    }
}
