//! Many bytes at once, and data segments: whole, or not at all.

use super::access::buffer;
use super::boundary::{required, status, value_or};
use super::memory::{memory_of, wasm_memory_t};
use super::status::wasm_memory_status_t;
use crate::alloc::try_box;
use crate::error::Error;
use crate::memory::DataSegment;
use core::ffi::c_void;
use core::ptr;

/// Sets a range of bytes to one value.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`, `length`: in bytes.
/// `value`: for each byte.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `memory.fill`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_fill(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u8,
    length: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.fill(offset, value, length))
}

/// Sets a range of bytes to zero. To give its pages back to the system as well, see `wasm_memory_discard`.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`, `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `memory.fill` with 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_zero(
    memory: *mut wasm_memory_t,
    offset: u64,
    length: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.fill(offset, 0, length))
}

/// Sets every byte of the memory to zero; the size stays. It costs time with the pages that were touched,
/// which go back to the system, and not with the size; where the memory lies on the heap, or is the host's,
/// zeros are written.
///
/// Parameters: `memory`: not consumed; nothing is written on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_erase(memory: *mut wasm_memory_t) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.erase())
}

/// Makes a range of bytes read as zero, exactly that range, and gives the whole host pages in it back to the
/// system: `resident_bytes` in the stats falls. Where the system does not take them, and where the memory
/// lies on the heap or is the host's, zeros are written. The size stays.
///
/// Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, of any
/// alignment.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `memory.discard` of the memory-control proposal, to the byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_discard(
    memory: *mut wasm_memory_t,
    offset: u64,
    length: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.discard(offset, length))
}

/// Copies a range of bytes to another place of the same memory, as if through a buffer: the ranges
/// may overlap.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `destination`, `source`,
/// `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: `memory.copy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_copy_within(
    memory: *mut wasm_memory_t,
    destination: u64,
    source: u64,
    length: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.copy_within(destination, source, length))
}

/// Copies a range of bytes to another place of the same memory that it does not overlap.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `destination`, `source`,
/// `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past the end),
/// `OVERLAP` (the ranges have a byte in common), `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_copy_within_nonoverlapping(
    memory: *mut wasm_memory_t,
    destination: u64,
    source: u64,
    length: u64,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        unsafe { memory_of(memory) }?.copy_within_nonoverlapping(destination, source, length)
    })
}

/// Copies a range of bytes from one memory to another, or the same, as if through a buffer. Index types and
/// page sizes may differ.
///
/// Parameters: `destination_memory`: not consumed; nothing is written on failure. `destination`: in bytes.
/// `source_memory`: not consumed; may be the same memory. `source`, `length`: in bytes.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (also for no bytes at an offset past
/// the end), `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time for the destination; for the source, any number that call const functions.
/// Invalidates: nothing.
/// Specification: `memory.copy` with two memories.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_copy_between(
    destination_memory: *mut wasm_memory_t,
    destination: u64,
    source_memory: *const wasm_memory_t,
    source: u64,
    length: u64,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let to = unsafe { memory_of(destination_memory) }?;
        // SAFETY: passed on.
        let from = unsafe { memory_of(source_memory) }?;
        to.copy_from(destination, from, source, length)
    })
}

/// The bytes of a passive data segment.
#[allow(non_camel_case_types, reason = "the C name")]
pub struct wasm_data_segment_t(DataSegment);

/// Makes a data segment.
///
/// Parameters: `bytes`: copied; NULL only with length 0. `length`: in bytes.
/// Returns: the segment; NULL for NULL bytes (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the segment is the caller's, until `wasm_data_segment_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: allocation of data segments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_data_segment_new(
    bytes: *const c_void,
    length: usize,
) -> *mut wasm_data_segment_t {
    value_or(ptr::null_mut(), || {
        buffer(bytes, length, "bytes")?;
        let bytes: &[u8] = if length == 0 {
            &[]
        } else if isize::try_from(length).is_err() {
            // No object is so large, so this is a mistake, but not one to be undefined.
            return Err(Error::OutOfHeap(length));
        } else {
            // SAFETY: the contract of the ABI: not NULL, and `length` bytes.
            unsafe { core::slice::from_raw_parts(bytes.cast(), length) }
        };
        Ok(Box::into_raw(try_box(wasm_data_segment_t(DataSegment::new(bytes)?))?))
    })
}

/// Makes a segment empty, for good: after this, `wasm_memory_init` can take no bytes from it. The bytes are
/// freed by `wasm_data_segment_delete`, so that this never waits for a copy on another thread.
///
/// Parameters: `segment`: not consumed; NULL does nothing. A second time changes nothing.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: any. A copy that another thread has begun goes on.
/// Invalidates: nothing.
/// Specification: `data.drop`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_data_segment_drop(segment: *mut wasm_data_segment_t) {
    // SAFETY: the contract of the ABI: NULL or a live segment.
    if let Some(segment) = unsafe { segment.as_ref() } {
        segment.0.mark_dropped();
    }
}

/// Deletes a data segment.
///
/// Parameters: `segment`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the segment passes to the library.
/// Threads: any, as long as no other call uses the segment.
/// Invalidates: the segment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_data_segment_delete(segment: *mut wasm_data_segment_t) {
    if !segment.is_null() {
        // SAFETY: the contract of the ABI: a live segment, made by try_box in wasm_data_segment_new.
        drop(unsafe { Box::from_raw(segment) });
    }
}

/// Copies bytes of a data segment into the memory. Both ranges are checked before anything is written.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `destination`: in bytes. `segment`: not
/// consumed; a dropped one has no bytes. `source`, `length`: in bytes of the segment.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS` (of the memory or of the segment; also for no bytes at an
/// offset past the end of either), `PROTECTED`, `IO`.
/// Ownership: none passes.
/// Threads: one at a time for the memory, any for the segment.
/// Invalidates: nothing.
/// Specification: `memory.init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_init(
    memory: *mut wasm_memory_t,
    destination: u64,
    segment: *const wasm_data_segment_t,
    source: u32,
    length: u32,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let memory = unsafe { memory_of(memory) }?;
        // SAFETY: the contract of the ABI.
        let segment = &unsafe { required(segment, "segment") }?.0;
        memory.init(destination, segment, source, length)
    })
}
