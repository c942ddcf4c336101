//! Memory types, and the vectors of them that wasm.h has.

use super::boundary::{Out, required, status, value_or};
use super::status::wasm_memory_status_t;
use crate::alloc::try_box;
use crate::error::Error;
use crate::types::{IndexType, MemoryType};
use crate::units::{PageSize, Pages};
use core::alloc::Layout;
use core::ptr;

/// Limits as wasm.h has them: in pages, 32 bits; `max` is `wasm_limits_max_default` for none.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
#[cfg(not(wasm_h))]
pub struct wasm_limits_t {
    /// The minimum.
    pub min: u32,
    /// The maximum.
    pub max: u32,
}

/// What `max` is without a maximum; what does not fit 32 bits saturates to it, too.
const NO_MAXIMUM: u32 = u32::MAX;

/// A memory type: limits, index type, page size, sharedness. Immutable.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub struct wasm_memorytype_t {
    pub(super) ty: MemoryType,
    /// For `wasm_memorytype_limits`, which returns a pointer into the type.
    limits: wasm_limits_t,
}

/// A vector of memory types that owns them.
#[allow(non_camel_case_types, reason = "the C name")]
#[repr(C)]
#[cfg(not(wasm_h))]
pub struct wasm_memorytype_vec_t {
    /// How many there are.
    pub size: usize,
    /// The types; NULL when there are none.
    pub data: *mut *mut wasm_memorytype_t,
}

impl wasm_memorytype_t {
    pub(super) fn new(ty: MemoryType) -> Self {
        let saturate = |pages: Pages| u32::try_from(pages.0).unwrap_or(u32::MAX);
        let limits = wasm_limits_t {
            min: saturate(ty.minimum()),
            max: ty.maximum().map_or(NO_MAXIMUM, saturate),
        };
        Self { ty, limits }
    }

    pub(super) fn new_raw(ty: MemoryType) -> Result<*mut Self, Error> {
        Ok(Box::into_raw(try_box(Self::new(ty))?))
    }
}

/// Makes the type of an unshared memory with a 32-bit index and 64 KiB pages.
///
/// Parameters: `limits`: minimum and maximum in pages, copied.
/// Returns: the type; NULL for NULL limits (`NULL_ARGUMENT`), limits that the specification does
/// not allow (`INVALID_TYPE`) or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the type is the caller's, until `wasm_memorytype_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h; validation of limits.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_new(
    limits: *const wasm_limits_t,
) -> *mut wasm_memorytype_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: the contract of the ABI.
        let limits = unsafe { required(limits, "limits") }?;
        let maximum = (limits.max != NO_MAXIMUM).then_some(u64::from(limits.max));
        wasm_memorytype_t::new_raw(MemoryType::new(IndexType::I32, u64::from(limits.min), maximum)?)
    })
}

/// Makes a memory type of any kind.
///
/// Parameters: `minimum`, `maximum`: in pages. `maximum_present`: whether there is a maximum; it is
/// ignored otherwise. `is_64`: whether addresses have 64 bits. `shared`: whether several threads may use the memory at
/// once; needs a maximum. `page_size_log2`: 16 for 64 KiB, 0 for 1 byte. `out`: the type, NULL on
/// failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (the sentence says which limit was passed),
/// `OUT_OF_MEMORY`.
/// Ownership: the type is the caller's, until `wasm_memorytype_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: validation of memory types; memory64, threads, custom page sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_try_new(
    minimum: u64,
    maximum_present: bool,
    maximum: u64,
    is_64: bool,
    shared: bool,
    page_size_log2: u8,
    out: *mut *mut wasm_memorytype_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        let page_size = PageSize::from_log2(page_size_log2)
            .ok_or(crate::types::TypeError::PageSize(page_size_log2))?;
        let index = if is_64 { IndexType::I64 } else { IndexType::I32 };
        let maximum = maximum_present.then_some(maximum);
        let ty = MemoryType::custom(index, page_size, minimum, maximum, shared)?;
        out.set(wasm_memorytype_t::new_raw(ty)?);
        Ok(())
    })
}

/// Deletes a memory type. Memories made with it are not concerned.
///
/// Parameters: `type`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the type passes to the library.
/// Threads: any, as long as no other call uses the type.
/// Invalidates: the type and the limits it gave out.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_delete(r#type: *mut wasm_memorytype_t) {
    if !r#type.is_null() {
        // SAFETY: the contract of the ABI: a live type, made by try_box in new_raw.
        drop(unsafe { Box::from_raw(r#type) });
    }
}

/// Copies a memory type.
///
/// Parameters: `type`: not consumed.
/// Returns: the copy; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the copy is the caller's, until `wasm_memorytype_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_copy(
    r#type: *const wasm_memorytype_t,
) -> *mut wasm_memorytype_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: the contract of the ABI.
        wasm_memorytype_t::new_raw(unsafe { required(r#type, "type") }?.ty)
    })
}

/// The limits of a memory type, in pages; what does not fit 32 bits is 0xffffffff.
///
/// Parameters: `type`: not consumed.
/// Returns: the limits; NULL for NULL (`NULL_ARGUMENT`).
/// Ownership: the type's; valid while it lives.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_limits(
    r#type: *const wasm_memorytype_t,
) -> *const wasm_limits_t {
    value_or(ptr::null(), || {
        // SAFETY: the contract of the ABI.
        Ok(&raw const unsafe { required(r#type, "type") }?.limits)
    })
}

/// The minimum of a memory type, in pages.
///
/// Parameters: `type`: not consumed.
/// Returns: the minimum; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_minimum(r#type: *const wasm_memorytype_t) -> u64 {
    // SAFETY: the contract of the ABI.
    value_or(0, || Ok(unsafe { required(r#type, "type") }?.ty.minimum().0))
}

/// The maximum of a memory type, in pages.
///
/// Parameters: `type`: not consumed. `out`: the maximum in pages; 0 without one.
/// Returns: whether there is a maximum; false when an argument is NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_maximum(
    r#type: *const wasm_memorytype_t,
    out: *mut u64,
) -> bool {
    value_or(false, || {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, 0, "out") }?;
        // SAFETY: the contract of the ABI.
        let maximum = unsafe { required(r#type, "type") }?.ty.maximum();
        out.set(maximum.map_or(0, |maximum| maximum.0));
        Ok(maximum.is_some())
    })
}

/// Whether memories of the type have 64-bit addresses.
///
/// Parameters: `type`: not consumed.
/// Returns: the answer; false for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: memory64.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_is64(r#type: *const wasm_memorytype_t) -> bool {
    // SAFETY: the contract of the ABI.
    value_or(false, || Ok(unsafe { required(r#type, "type") }?.ty.index() == IndexType::I64))
}

/// Whether memories of the type are shared between threads.
///
/// Parameters: `type`: not consumed.
/// Returns: the answer; false for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_isshared(r#type: *const wasm_memorytype_t) -> bool {
    // SAFETY: the contract of the ABI.
    value_or(false, || Ok(unsafe { required(r#type, "type") }?.ty.is_shared()))
}

/// The size of a page of such memories, in bytes: 1 or 65536.
///
/// Parameters: `type`: not consumed.
/// Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: custom page sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_page_size(r#type: *const wasm_memorytype_t) -> u64 {
    // SAFETY: the contract of the ABI.
    value_or(0, || Ok(unsafe { required(r#type, "type") }?.ty.page_size().bytes()))
}

/// The base-two logarithm of the size of a page of such memories: 0 or 16.
///
/// Parameters: `type`: not consumed.
/// Returns: the logarithm; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: custom page sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_page_size_log2(r#type: *const wasm_memorytype_t) -> u8 {
    // SAFETY: the contract of the ABI.
    value_or(0, || Ok(unsafe { required(r#type, "type") }?.ty.page_size().log2()))
}

/// Whether a memory of type `provided` may be imported where `required` is declared. For a live
/// memory ask `wasm_memory_type` for the type, which has its current size as minimum.
///
/// Parameters: `provided`, `required`: not consumed.
/// Returns: the answer; false when one is NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: matching of memory types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memorytype_matches(
    provided: *const wasm_memorytype_t,
    required: *const wasm_memorytype_t,
) -> bool {
    value_or(false, || {
        // SAFETY: the contract of the ABI.
        let provided = unsafe { super::boundary::required(provided, "provided") }?;
        // SAFETY: the contract of the ABI.
        let required = unsafe { super::boundary::required(required, "required") }?;
        Ok(provided.ty.matches(&required.ty))
    })
}

/// Room for `size` pointers, all NULL; NULL itself for none.
fn new_array(size: usize) -> Result<*mut *mut wasm_memorytype_t, Error> {
    if size == 0 {
        return Ok(ptr::null_mut());
    }
    let layout =
        Layout::array::<*mut wasm_memorytype_t>(size).map_err(|_| Error::OutOfHeap(usize::MAX))?;
    // SAFETY: the layout is not of size zero.
    let data = unsafe { std::alloc::alloc_zeroed(layout) };
    if data.is_null() { Err(Error::OutOfHeap(layout.size())) } else { Ok(data.cast()) }
}

/// A vector of `size` NULLs in `out`; empty on failure.
unsafe fn new_vector(
    out: *mut wasm_memorytype_vec_t,
    size: usize,
) -> Result<*mut *mut wasm_memorytype_t, Error> {
    let nothing = wasm_memorytype_vec_t { size: 0, data: ptr::null_mut() };
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::required(out, nothing, "out") }?;
    let data = new_array(size)?;
    out.set(wasm_memorytype_vec_t { size, data });
    Ok(data)
}

/// Makes an empty vector.
///
/// Parameters: `out`: the vector; NULL does nothing (`NULL_ARGUMENT`).
/// Returns: nothing.
/// Ownership: the vector is the caller's, until `wasm_memorytype_vec_delete`.
/// Threads: any.
/// Invalidates: nothing; what `out` held before is overwritten.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_vec_new_empty(out: *mut wasm_memorytype_vec_t) {
    // SAFETY: passed on.
    value_or((), || unsafe { new_vector(out, 0) }.map(drop));
}

/// Makes a vector of `size` types, for the caller to fill in; they are NULL until then.
///
/// Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `size`: how
/// many; more than the heap can hold is `OUT_OF_MEMORY`.
/// Returns: nothing.
/// Ownership: the vector is the caller's, until `wasm_memorytype_vec_delete`; it owns what is put in.
/// Threads: any.
/// Invalidates: nothing; what `out` held before is overwritten.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_vec_new_uninitialized(
    out: *mut wasm_memorytype_vec_t,
    size: usize,
) {
    // SAFETY: passed on.
    value_or((), || unsafe { new_vector(out, size) }.map(drop));
}

/// Makes a vector of the types that an array holds.
///
/// Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `size`: how
/// many. `data`: the types; NULL only with size 0.
/// Returns: nothing.
/// Ownership: on success the types pass to the vector, which is the caller's until
/// `wasm_memorytype_vec_delete`; on failure they stay the caller's. The array stays the caller's.
/// Threads: any.
/// Invalidates: nothing; what `out` held before is overwritten.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_vec_new(
    out: *mut wasm_memorytype_vec_t,
    size: usize,
    data: *const *mut wasm_memorytype_t,
) {
    value_or((), || {
        let size_given = if data.is_null() { 0 } else { size };
        // SAFETY: passed on.
        let room = unsafe { new_vector(out, size_given) }?;
        if size_given != size {
            return Err(Error::NullArgument("data"));
        }
        if size != 0 {
            // SAFETY: the contract of the ABI: `data` has `size` elements, and so has `room`.
            unsafe { room.copy_from_nonoverlapping(data, size) };
        }
        Ok(())
    });
}

/// Makes a vector of copies of the types in another.
///
/// Parameters: `out`: the vector, empty on failure; NULL does nothing (`NULL_ARGUMENT`). `source`:
/// not consumed; NULL is `NULL_ARGUMENT`.
/// Returns: nothing.
/// Ownership: the vector and its types are the caller's, until `wasm_memorytype_vec_delete`.
/// Threads: any, as long as no other call changes `source`.
/// Invalidates: nothing; what `out` held before is overwritten.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_vec_copy(
    out: *mut wasm_memorytype_vec_t,
    source: *const wasm_memorytype_vec_t,
) {
    value_or((), || {
        // SAFETY: the contract of the ABI. Read before `out` is written: it may be the same.
        let from = unsafe { source.as_ref() }
            .map(|source| (if source.data.is_null() { 0 } else { source.size }, source.data));
        // SAFETY: passed on.
        let room = unsafe { new_vector(out, from.map_or(0, |(size, _)| size)) }?;
        let Some((size, data)) = from else { return Err(Error::NullArgument("source")) };
        for index in 0..size {
            // SAFETY: the contract of the ABI: the source has `size` types or NULLs.
            let Some(original) = (unsafe { data.add(index).read().as_ref() }) else { continue };
            match wasm_memorytype_t::new_raw(original.ty) {
                // SAFETY: `room` has `size` places.
                Ok(copy) => unsafe { room.add(index).write(copy) },
                Err(error) => {
                    // SAFETY: the vector was made right above, and is whole.
                    unsafe { delete_contents(out) };
                    return Err(error);
                }
            }
        }
        Ok(())
    });
}

/// Deletes the types of a vector and its array, and leaves the vector empty.
unsafe fn delete_contents(vector: *mut wasm_memorytype_vec_t) {
    // SAFETY: the contract of the ABI.
    let Some(vector) = (unsafe { vector.as_mut() }) else { return };
    let (size, data) = (vector.size, vector.data);
    (vector.size, vector.data) = (0, ptr::null_mut());
    let Ok(layout) = Layout::array::<*mut wasm_memorytype_t>(size) else { return };
    if data.is_null() || size == 0 {
        return;
    }
    for index in 0..size {
        // SAFETY: the vector had `size` types or NULLs, which it owned.
        let element = unsafe { data.add(index).read() };
        if !element.is_null() {
            // SAFETY: as above: a live type, made by try_box in new_raw.
            drop(unsafe { Box::from_raw(element) });
        }
    }
    // SAFETY: the array was allocated with this layout by new_array.
    unsafe { std::alloc::dealloc(data.cast(), layout) };
}

/// Deletes a vector and the types in it.
///
/// Parameters: `vector`: left empty; NULL does nothing.
/// Returns: nothing.
/// Ownership: the types pass to the library; the structure itself stays the caller's.
/// Threads: any, as long as no other call uses the vector.
/// Invalidates: the types.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memorytype_vec_delete(vector: *mut wasm_memorytype_vec_t) {
    // SAFETY: passed on.
    unsafe { delete_contents(vector) };
}
