//! Images, reset, and what has changed.

use super::boundary::{Out, required, status};
use super::memory::{into_handle, kept, memory_of, wasm_memory_t};
use super::memorytype::wasm_memorytype_t;
use super::status::wasm_memory_status_t;
use super::store::wasm_store_t;
use crate::alloc::try_box;
use crate::error::Error;
use crate::image::{MemoryImage, Segment};
use core::ffi::{CStr, c_char, c_void};
use core::ptr;
use std::path::Path;

/// What memories start with, or go back to: bytes that never change. Any thread may use an image, and any number of
/// memories of any engine may be made from it.
#[allow(non_camel_case_types, reason = "the C name")]
pub struct wasm_memory_image_t(MemoryImage);

/// Bytes of an image: an active data segment. This structure is frozen.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_segment_t {
    /// Where in the memory they start, in bytes.
    pub offset: u64,
    /// The bytes; NULL only with a `length` of 0.
    pub bytes: *const c_void,
    /// How many there are.
    pub length: usize,
}

fn give(image: MemoryImage, out: Out<*mut wasm_memory_image_t>) -> Result<(), Error> {
    out.set(Box::into_raw(try_box(wasm_memory_image_t(image))?));
    Ok(())
}

unsafe fn image_of<'a>(image: *const wasm_memory_image_t) -> Result<&'a MemoryImage, Error> {
    // SAFETY: the contract of the ABI.
    Ok(&unsafe { required(image, "image") }?.0)
}

/// The segments of the caller's, as slices.
unsafe fn segments_of<'a>(
    segments: *const wasm_memory_segment_t,
    count: usize,
) -> Result<Vec<Segment<'a>>, Error> {
    let mut list = Vec::new();
    if count == 0 {
        return Ok(list);
    }
    if segments.is_null() {
        return Err(Error::NullArgument("segments"));
    }
    let bytes = count.saturating_mul(size_of::<Segment<'_>>());
    list.try_reserve_exact(count).map_err(|_| Error::OutOfHeap(bytes))?;
    // SAFETY: the contract of the ABI: an array of `count` structures.
    for segment in unsafe { core::slice::from_raw_parts(segments, count) } {
        let &wasm_memory_segment_t { offset, bytes, length } = segment;
        let bytes = match (bytes.is_null(), length) {
            (_, 0) => &[],
            (true, _) => return Err(Error::NullArgument("bytes of a segment")),
            // SAFETY: the contract of the ABI: so many bytes, which stay as they are during the call.
            (false, _) => unsafe { core::slice::from_raw_parts(bytes.cast::<u8>(), length) },
        };
        list.push(Segment { offset, bytes });
    }
    Ok(list)
}

unsafe fn path_of<'a>(path: *const c_char) -> Result<&'a Path, Error> {
    if path.is_null() {
        return Err(Error::NullArgument("path"));
    }
    // SAFETY: the contract of the ABI: not NULL, so a C string.
    let text = unsafe { CStr::from_ptr(path) };
    Ok(Path::new(text.to_str().map_err(|_| Error::NotUtf8("path"))?))
}

/// Makes an image of data segments. They are put in in their order, later ones over earlier ones; between them is
/// zero. The image goes with memories of any size that it fits, and of any page size.
///
/// Parameters: `segments`: copied; NULL only without any, which makes an image of zeros. `count`: how many. `out`: the
/// image, NULL on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `OUT_OF_BOUNDS` (a segment ends past 2^64), `OUT_OF_MEMORY`.
/// Ownership: the image is the caller's, until `wasm_memory_image_delete`; the segments stay the caller's.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: active data segments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_image_new(
    segments: *const wasm_memory_segment_t,
    count: usize,
    out: *mut *mut wasm_memory_image_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: passed on.
        let segments = unsafe { segments_of(segments, count) }?;
        give(MemoryImage::new(&segments)?, out)
    })
}

/// Makes an image of a memory as it is now, a snapshot: contents, size and page size. Mappings and protections are no
/// part of it; a file that is mapped is copied as it reads. It costs time and memory with the pages that
/// are not zero. Other threads may change a shared memory meanwhile; the image then has each byte as it was at some
/// moment.
///
/// Parameters: `memory`: not consumed, of any kind. `out`: the image, NULL on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (its bytes are lent for writing), `PROTECTED` (a range allows no
/// access), `IO` (a file that is mapped has become too short), `OUT_OF_MEMORY`.
/// Ownership: the image is the caller's, until `wasm_memory_image_delete`.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_image_from_memory(
    memory: *const wasm_memory_t,
    out: *mut *mut wasm_memory_image_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: passed on.
        give(unsafe { memory_of(memory) }?.snapshot()?, out)
    })
}

/// Writes an image to a file. The file appears under its name when it is whole, in the place of what was there; a call
/// that fails leaves that. Where more than a few pages of zeros follow one another, they take no room in it. docs/ABI.md says which versions of the library read it.
///
/// Parameters: `image`: not consumed. `path`: in UTF-8.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (not UTF-8), `IO` (errno is the system's), `OUT_OF_MEMORY`.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_image_save(
    image: *const wasm_memory_image_t,
    path: *const c_char,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let image = unsafe { image_of(image) }?;
        // SAFETY: passed on.
        image.save(unsafe { path_of(path) }?)
    })
}

/// Reads an image that `wasm_memory_image_save` wrote. What is not such a file, whole and undamaged, is refused.
///
/// Parameters: `path`: in UTF-8. `out`: the image, NULL on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (not UTF-8), `IO` (there is no such file, it is no image, one of
/// another version, truncated or damaged: the sentence says which), `OUT_OF_MEMORY`.
/// Ownership: the image is the caller's, until `wasm_memory_image_delete`. The file is not kept.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_image_load(
    path: *const c_char,
    out: *mut *mut wasm_memory_image_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: passed on.
        give(MemoryImage::load(unsafe { path_of(path) }?)?, out)
    })
}

/// Deletes an image. Memories that were made from it keep what they have. Idle memories of an engine may remember the
/// image, and keep its bytes alive, until they are used otherwise or `wasm_engine_pool_trim` gives them up.
///
/// Parameters: `image`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the image passes to the library.
/// Threads: any, as long as no other call uses this pointer.
/// Invalidates: the pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_image_delete(image: *mut wasm_memory_image_t) {
    if !image.is_null() {
        // SAFETY: the contract of the ABI: a live image, made by try_box in `give`.
        drop(unsafe { Box::from_raw(image) });
    }
}

/// Makes a memory that starts with an image, which it sees alone. It has the minimum size of its type, or that of the
/// snapshot if the image is one and larger. Bytes outside of the image are zero.
///
/// Parameters: `store`, `type`, `image`: not consumed; all may be deleted after the call. `out`: the memory, NULL on
/// failure.
/// Returns: what `wasm_memory_try_new` returns, and `OUT_OF_BOUNDS` (a segment, an empty one too, ends past the minimum of
/// the type), `INVALID_TYPE` (a snapshot of a memory with pages of another size), `MAXIMUM_EXCEEDED` (a snapshot
/// larger than the type allows).
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: instantiation: allocation of memories, then active data segments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_new_from_image(
    store: *mut wasm_store_t,
    r#type: *const wasm_memorytype_t,
    image: *const wasm_memory_image_t,
    out: *mut *mut wasm_memory_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // References of our own: a callback may delete the store or the image.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        // SAFETY: the contract of the ABI.
        let ty = unsafe { required(r#type, "type") }?.ty;
        // SAFETY: passed on.
        let image = unsafe { image_of(image) }?.clone();
        out.set(into_handle(store.new_memory_from_image(ty, &image)?));
        Ok(())
    })
}

/// Brings a memory back to an image, or to zeros, in place: contents and size. The size becomes the minimum of the type, or
/// that of the snapshot if the image is one and larger. Mappings and protections are undone. It costs time with the
/// pages that were written, and not with the size; of those, as many stay in memory as the engine keeps for an idle one
/// (`wasm_config_memory_pool_set`; 1 MiB by default), and the others go back to the system. A host-made memory keeps
/// its size, unless the snapshot is larger.
///
/// Parameters: `memory`: not consumed. `image_or_null`: not consumed; NULL for zeros.
/// Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory cannot be reset), `BORROWED`, `OUT_OF_BOUNDS` (a segment ends
/// past the minimum of the type), `INVALID_TYPE` (a snapshot with pages of another size), `MAXIMUM_EXCEEDED` (a
/// snapshot larger than the type allows), `OUT_OF_MEMORY`; and where it makes the memory larger than it is,
/// `LIMIT_DENIED` and `ASYNC_REQUIRED`, as for a growth. Nothing has changed then, but that mappings and protections
/// may have been undone where the system refuses memory (`OUT_OF_MEMORY`, errno is the system's).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: pointers past the new length; the base, where `wasm_memory_may_move` and the snapshot is larger than the
/// reservation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_reset(
    memory: *mut wasm_memory_t,
    image_or_null: *const wasm_memory_image_t,
) -> wasm_memory_status_t {
    status(|| {
        // References of our own: a limiter may delete the handle or the image.
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        // SAFETY: the contract of the ABI: NULL or a live image.
        let image = unsafe { image_or_null.as_ref() }.map(|image| image.0.clone());
        memory.reset(image.as_ref())
    })
}

/// Tells what has changed since the memory was made, or since the last `wasm_memory_dirty_clear`: by writes of the guest or
/// of the host, and by erase, discard, reset, mapping and growth.
///
/// Ranges are told in ascending order, apart from each other, in whole pages of the host (`dirty_granule_bytes` of the
/// stats), the last one cut at the length of the memory. A page that was written but holds the bytes that it
/// held may be told or not. Where the system cannot tell which pages were written, the memory is compared with a copy
/// of what it was. While it is not known which pages have changed (in the child of a fork, and with a shared mapping of a
/// file in the memory), everything is told, and `dirty_granule_bytes` says so after the call.
///
/// Parameters: `memory`: not consumed, of any kind. `range`: called for each range, with `offset` and `length` in bytes; it
/// may use the memory, and clear. `env`: passed to it.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (its bytes are lent for writing), `PROTECTED` (a range allows no
/// access), `IO` (a file that is mapped has become too short), `OUT_OF_MEMORY`. `range` is not called on failure.
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_dirty_ranges(
    memory: *const wasm_memory_t,
    range: Option<unsafe extern "C" fn(env: *mut c_void, offset: u64, length: u64)>,
    env: *mut c_void,
) -> wasm_memory_status_t {
    status(|| {
        // A reference of our own: the callback may delete the handle.
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        let range = range.ok_or(Error::NullArgument("range"))?;
        for dirty in memory.dirty_ranges()? {
            // SAFETY: the contract of the ABI: a callback that takes the caller's env.
            unsafe { range(env, dirty.start, dirty.end.saturating_sub(dirty.start)) };
        }
        Ok(())
    })
}

/// From now on, `wasm_memory_dirty_ranges` tells what has changed since this call. The first call costs a mapping of the
/// process, or where the system cannot watch for writes, a copy of the memory; the first write to each page costs more
/// after each.
///
/// Parameters: `memory`: not consumed, of any kind.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_MEMORY`; and where a copy has to be made, `PROTECTED` (a range allows
/// no access) and `IO` (a file that is mapped has become too short). On failure, changes count from where they did.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_dirty_clear(
    memory: *mut wasm_memory_t,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.clear_dirty())
}
