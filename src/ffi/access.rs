//! Bounds-checked access: whole, or not at all.

use super::boundary::{leaf_status, status};
use super::memory::{memory_of, wasm_memory_t};
use super::status::wasm_memory_status_t;
use crate::error::Error;
use crate::memory::{Scalar, V128};
use core::ffi::c_void;

/// A buffer of the caller's: `(NULL, 0)` is an empty one.
#[inline]
pub(super) fn buffer<T>(pointer: *const T, length: usize, name: &'static str) -> Result<(), Error> {
    if pointer.is_null() && length != 0 { Err(Error::NullArgument(name)) } else { Ok(()) }
}

/// Copies bytes of the memory into a buffer.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `buffer`: untouched on failure; NULL only
/// with length 0. `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_read(
    memory: *const wasm_memory_t,
    offset: u64,
    buffer: *mut c_void,
    length: usize,
) -> wasm_memory_status_t {
    let body = || {
        self::buffer(buffer, length, "buffer")?;
        // SAFETY: the contract of the ABI: the buffer has `length` bytes.
        unsafe { memory_of(memory)?.read_to(offset, buffer.cast(), length) }
    };
    status(body)
}

/// Copies bytes into the memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `bytes`:
/// NULL only with length 0. `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_write(
    memory: *mut wasm_memory_t,
    offset: u64,
    bytes: *const c_void,
    length: usize,
) -> wasm_memory_status_t {
    let body = || {
        buffer(bytes, length, "bytes")?;
        // SAFETY: the contract of the ABI: the buffer has `length` bytes.
        unsafe { memory_of(memory)?.write_from(offset, bytes.cast(), length) }
    };
    status(body)
}

#[inline]
unsafe fn load<T: Scalar>(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut T,
    nothing: T,
) -> wasm_memory_status_t {
    leaf_status(|| {
        if out.is_null() {
            return Err(Error::NullArgument("out"));
        }
        // Written once, and last: `out` may lie in the memory.
        // SAFETY: passed on.
        let loaded = unsafe { memory_of(memory) }.and_then(|memory| memory.load(offset));
        // SAFETY: the contract of the ABI: not NULL, so writable.
        unsafe { out.write(*loaded.as_ref().unwrap_or(&nothing)) };
        loaded.map(drop)
    })
}

#[inline]
unsafe fn store<T: Scalar>(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: T,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    leaf_status(|| unsafe { memory_of(memory) }?.store(offset, value))
}

/// Loads an unsigned 8-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `i32.load8_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_u8(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores an unsigned 8-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `i32.store8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_u8(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads an unsigned 16-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `i32.load16_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_u16(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores an unsigned 16-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `i32.store16`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_u16(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads an unsigned 32-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `i32.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_u32(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores an unsigned 32-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `i32.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_u32(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads an unsigned 64-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `i64.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_u64(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores an unsigned 64-bit integer. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `i64.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_u64(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads a 32-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `f32.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_f32(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut f32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0.0) }
}

/// Stores a 32-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `f32.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_f32(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: f32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads a 64-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `f64.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_f64(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut f64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0.0) }
}

/// Stores a 64-bit floating-point number, bit for bit. It needs no alignment and is little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `f64.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_f64(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: f64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Loads the sixteen bytes of a v128, in memory order. They need no alignment.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: sixteen bytes, all 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `v128.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_load_v128(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on; the contract of the ABI: `out` has sixteen bytes.
    unsafe { load::<V128>(memory, offset, out.cast(), [0; 16]) }
}

/// Stores the sixteen bytes of a v128, in memory order. They need no alignment.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`:
/// sixteen bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `v128.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_store_v128(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: *const u8,
) -> wasm_memory_status_t {
    leaf_status(|| {
        buffer(value, size_of::<V128>(), "value")?;
        // SAFETY: the contract of the ABI: not NULL, so sixteen bytes.
        unsafe { memory_of(memory)?.store(offset, value.cast::<V128>().read()) }
    })
}
