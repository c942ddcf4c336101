//! Memories: creation, handles, size, growth.

use super::boundary::{Out, leaf_value_or, quietly, required, status, status_and, value_or};
use super::memorytype::wasm_memorytype_t;
use super::status::wasm_memory_status_t;
use super::store::wasm_store_t;
use crate::alloc::Ref;
use crate::attachment::{Attachment, Finalizer};
use crate::error::Error;
use crate::memory::{Memory, View};
use crate::store::{Member, StoreMemory};
use crate::units::Pages;
use core::ffi::c_void;
use core::mem::{ManuallyDrop, align_of, offset_of, size_of};
use core::ptr;

/// A number of pages, as wasm.h has it.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub type wasm_memory_pages_t = u32;

/// A byte, as wasm.h has it.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub type byte_t = core::ffi::c_char;

/// What a JIT or inline code reads of a memory: always current, at an address that is fixed for the
/// memory's life. Only the library makes one; fields may follow these.
#[allow(non_camel_case_types, reason = "the C name")]
#[repr(C)]
pub struct wasm_memory_view_t {
    /// Where the memory starts. Never NULL; changes only if `wasm_memory_may_move`, or if a host-made
    /// memory breaks its contract.
    pub base: *mut u8,
    /// The length in bytes: read it with acquire.
    pub byte_length: usize,
}

const _: () = {
    assert!(size_of::<wasm_memory_view_t>() == size_of::<View>());
    assert!(align_of::<wasm_memory_view_t>() == align_of::<View>());
    assert!(offset_of!(wasm_memory_view_t, base) == 0);
    assert!(offset_of!(wasm_memory_view_t, byte_length) == size_of::<*mut u8>());
};

/// A reference to a memory. Copies refer to the same memory, which lives until the last is deleted.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub struct wasm_memory_t {
    // What a handle points to is a `Member`.
    _opaque: [u8; 0],
}

/// The memory behind a handle, with its store.
#[inline]
pub(super) unsafe fn member_of<'a>(handle: *const wasm_memory_t) -> Result<&'a Member, Error> {
    // SAFETY: the contract of the ABI: NULL or a live handle, which came from `into_handle`.
    unsafe { required(handle.cast::<Member>(), "memory") }
}

/// The memory behind a handle.
#[inline]
pub(super) unsafe fn memory_of<'a>(handle: *const wasm_memory_t) -> Result<&'a Memory, Error> {
    // SAFETY: passed on.
    Ok(unsafe { member_of(handle) }?.memory())
}

/// A reference of our own, for calls in which the host may delete the handle.
pub(super) unsafe fn kept(handle: *const wasm_memory_t) -> Result<StoreMemory, Error> {
    // SAFETY: passed on.
    unsafe { member_of(handle) }?;
    // SAFETY: a live handle, from into_raw; ManuallyDrop leaves that reference alone.
    let handle = unsafe { ManuallyDrop::new(Ref::<Member>::from_raw(handle.cast_mut().cast())) };
    Ok(StoreMemory(Ref::clone(&handle)))
}

/// Gives a reference to C.
pub(super) fn into_handle(memory: StoreMemory) -> *mut wasm_memory_t {
    memory.0.into_raw().cast()
}

unsafe fn new_memory(
    store: *mut wasm_store_t,
    ty: *const wasm_memorytype_t,
) -> Result<*mut wasm_memory_t, Error> {
    // SAFETY: the contract of the ABI.
    let store = unsafe { required(store, "store") }?;
    // SAFETY: the contract of the ABI.
    let ty = unsafe { required(ty, "type") }?.ty;
    let memory = if store.0.asks() {
        // By a reference of our own: a callback may delete the store.
        store.0.clone().new_memory(ty)
    } else {
        store.0.new_memory(ty)
    };
    Ok(into_handle(memory?))
}

/// The growths that need nothing but a new length, in line; the others are a call away.
#[inline(always)]
unsafe fn grow(memory: *mut wasm_memory_t, delta: u64) -> Result<Pages, Error> {
    // SAFETY: passed on.
    let member = unsafe { member_of(memory) }?;
    if member.growth_calls_host() {
        // SAFETY: passed on.
        return unsafe { grow_kept(memory, Pages(delta)) };
    }
    match member.grow_within(Pages(delta)) {
        Some(previous) => Ok(previous),
        None => member.grow_unasked(Pages(delta)),
    }
}

/// Grows a memory whose handle a callback may delete meanwhile.
#[cold]
#[inline(never)]
unsafe fn grow_kept(memory: *mut wasm_memory_t, delta: Pages) -> Result<Pages, Error> {
    // SAFETY: passed on.
    unsafe { kept(memory) }?.grow(delta)
}

/// Makes a memory of zeros with the minimum size of its type.
///
/// Parameters: `store`, `type`: not consumed; the type may be deleted after the call.
/// Returns: the memory; NULL on failure, for the reasons of `wasm_memory_try_new`.
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h; allocation of memories.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_new(
    store: *mut wasm_store_t,
    r#type: *const wasm_memorytype_t,
) -> *mut wasm_memory_t {
    // SAFETY: passed on.
    value_or(ptr::null_mut(), || unsafe { new_memory(store, r#type) })
}

/// Makes a memory of zeros with the minimum size of its type, or says why not. A shared type makes a shared memory;
/// `wasm_memory_share` gives it to other stores and threads.
///
/// Parameters: `store`, `type`: not consumed; the type may be deleted after the call. `out`: the
/// memory, NULL on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `LIMIT_DENIED` (a limit of the store, or its limiter),
/// `ASYNC_REQUIRED` (the store has an asynchronous limiter), `OUT_OF_MEMORY` (errno is the system's; the
/// sentence names the likely limit and the option that helps), `UNSUPPORTED` (GUARDED on a host that
/// cannot guard; a shared type under an allocator, or where `memory_exportable` is set and this version cannot),
/// `IO` (a shared type, `memory_exportable`, and no descriptor is to be had), `HOST_CONTRACT` (the engine's allocator
/// made something that is no memory) or the status with which that allocator refused. A limiter that the
/// store has hears of every failure but `NULL_ARGUMENT`.
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: allocation of memories.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_try_new(
    store: *mut wasm_store_t,
    r#type: *const wasm_memorytype_t,
    out: *mut *mut wasm_memory_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: passed on.
        out.set(unsafe { new_memory(store, r#type) }?);
        Ok(())
    })
}

/// Deletes a handle. With the last one the memory goes, and its host info's finalizer runs.
///
/// Parameters: `memory`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the handle passes to the library.
/// Threads: any, as long as no other call uses this handle.
/// Invalidates: the handle; with the last one, the base, the view and every pointer into the memory.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_delete(memory: *mut wasm_memory_t) {
    if !memory.is_null() {
        // SAFETY: the contract of the ABI: a live handle, from into_handle.
        quietly(|| drop(unsafe { Ref::<Member>::from_raw(memory.cast()) }));
    }
}

/// Makes another handle of the same memory: the reference is copied, not the bytes.
///
/// Parameters: `memory`: not consumed.
/// Returns: the handle, which may be the same pointer and must be deleted all the same; NULL for
/// NULL (`NULL_ARGUMENT`).
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_copy(memory: *const wasm_memory_t) -> *mut wasm_memory_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        Ok(into_handle(unsafe { kept(memory) }?))
    })
}

/// Whether two handles refer to one memory.
///
/// Parameters: `left`, `right`: not consumed.
/// Returns: the answer; false when one is NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_same(
    left: *const wasm_memory_t,
    right: *const wasm_memory_t,
) -> bool {
    value_or(false, || {
        // SAFETY: the contract of the ABI.
        let left = unsafe { required(left.cast::<Member>(), "left") }?;
        // SAFETY: the contract of the ABI.
        let right = unsafe { required(right.cast::<Member>(), "right") }?;
        Ok(left.same(right))
    })
}

/// What the host attached to the memory.
///
/// Parameters: `memory`: not consumed.
/// Returns: the info last set, through whichever handle; NULL without one, or for NULL
/// (`NULL_ARGUMENT`).
/// Ownership: the host's.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_get_host_info(memory: *const wasm_memory_t) -> *mut c_void {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        Ok(unsafe { memory_of(memory) }?.host_info().map_or(ptr::null_mut(), Attachment::get))
    })
}

unsafe fn set_host_info(
    memory: *mut wasm_memory_t,
    info: *mut c_void,
    finalizer: Option<Finalizer>,
) {
    value_or((), || {
        // A reference of our own: the finalizer of the old info may delete the handle.
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        let place = memory.host_info_place().inspect_err(|_| {
            if let Some(finalizer) = finalizer {
                // SAFETY: the contract of the ABI, as below: it is called once, whatever happens.
                unsafe { finalizer(info) };
            }
        })?;
        // SAFETY: the contract of the ABI: the finalizer takes the info that it was set with.
        unsafe { place.set(info, finalizer) };
        Ok(())
    });
}

/// Attaches a pointer of the host's to the memory (not to the handle). The finalizer of what was
/// attached before runs now.
///
/// Parameters: `memory`: not consumed; NULL does nothing (`NULL_ARGUMENT`). `info`: anything.
/// Returns: nothing. With an exhausted heap (`OUT_OF_MEMORY`) what was attached stays.
/// Ownership: the info stays the host's.
/// Threads: any; a finalizer that runs now runs on this thread, under no lock.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_set_host_info(memory: *mut wasm_memory_t, info: *mut c_void) {
    // SAFETY: passed on.
    unsafe { set_host_info(memory, info, None) }
}

/// Attaches a pointer of the host's to the memory, and what is to be called with it: when other
/// info is attached, or when the memory goes with its last handle, whichever is first.
///
/// Parameters: `memory`: not consumed; NULL does nothing (`NULL_ARGUMENT`), and the finalizer does
/// not run. `info`: anything. `finalizer`: called exactly once; NULL for none.
/// Returns: nothing. With an exhausted heap (`OUT_OF_MEMORY`) what was attached stays, and the new finalizer has run.
/// Ownership: the info passes to the finalizer.
/// Threads: any; a finalizer runs on the thread of the call that ends the info, under no lock.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_set_host_info_with_finalizer(
    memory: *mut wasm_memory_t,
    info: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(*mut c_void)>,
) {
    // SAFETY: passed on.
    unsafe { set_host_info(memory, info, finalizer) }
}

/// The type of the memory as it is now: the declared one with the current size as minimum.
///
/// Parameters: `memory`: not consumed.
/// Returns: a type; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the type is the caller's, until `wasm_memorytype_delete`.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: wasm.h; a memory instance's type changes with growth.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_type(memory: *const wasm_memory_t) -> *mut wasm_memorytype_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        wasm_memorytype_t::new_raw(unsafe { memory_of(memory) }?.current_type())
    })
}

/// Where the memory starts in this process.
///
/// Parameters: `memory`: not consumed.
/// Returns: the base, for a memory of no bytes too; NULL for NULL (`NULL_ARGUMENT`).
/// Ownership: the memory's; valid until its last handle is deleted, or growth moves it.
/// Threads: any number that call const functions; this one counts as const.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_data(memory: *mut wasm_memory_t) -> *mut byte_t {
    // SAFETY: passed on.
    leaf_value_or(ptr::null_mut(), || Ok(unsafe { memory_of(memory) }?.base().cast()))
}

/// The length of the memory in bytes.
///
/// Parameters: `memory`: not consumed.
/// Returns: the length; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_data_size(memory: *const wasm_memory_t) -> usize {
    // SAFETY: passed on.
    leaf_value_or(0, || Ok(unsafe { memory_of(memory) }?.byte_length()))
}

/// The size of the memory in its pages; 0xffffffff when it does not fit (`wasm_memory_pages` does).
///
/// Parameters: `memory`: not consumed.
/// Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: wasm.h; `memory.size`.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_size(memory: *const wasm_memory_t) -> wasm_memory_pages_t {
    leaf_value_or(0, || {
        // SAFETY: passed on.
        let pages = unsafe { memory_of(memory) }?.pages();
        Ok(u32::try_from(pages.0).unwrap_or(u32::MAX))
    })
}

/// Grows the memory by whole pages of zeros. `wasm_memory_try_grow` says why not, and how large the
/// memory was.
///
/// Parameters: `memory`: not consumed. `delta`: in pages; 0 succeeds.
/// Returns: whether it grew; false for the reasons of `wasm_memory_try_grow`, and then nothing has
/// changed.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: the base, if `wasm_memory_may_move`.
/// Specification: wasm.h; `memory.grow`.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_memory_grow(
    memory: *mut wasm_memory_t,
    delta: wasm_memory_pages_t,
) -> bool {
    value_or(false, || {
        // SAFETY: passed on.
        unsafe { grow(memory, u64::from(delta)) }?;
        Ok(true)
    })
}

/// Grows the memory by whole pages of zeros.
///
/// Parameters: `memory`: not consumed. `delta_pages`: in pages; 0 succeeds and reports the size.
/// `out_previous_pages`: the size before, in pages, 0 on failure; may be NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (the bytes are lent to a callback), `MAXIMUM_EXCEEDED`,
/// `LIMIT_DENIED` (a limit of the store, or its limiter), `ASYNC_REQUIRED` (the store has an asynchronous
/// limiter), `OUT_OF_MEMORY` (a reservation that is too small, or the system; errno is the system's, and
/// the sentence names the option that helps), `HOST_CONTRACT` (a host-made memory broke its contract) or
/// the status with which its host refused. They are looked for in this order, and growth by 0 looks for
/// none. On failure nothing has changed; but after `HOST_CONTRACT` the base is where the host says that it
/// is. A limiter that the store has hears of it.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: the base, if `wasm_memory_may_move`.
/// Specification: `memory.grow`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_try_grow(
    memory: *mut wasm_memory_t,
    delta_pages: u64,
    out_previous_pages: *mut u64,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::optional(out_previous_pages, 0) };
    // SAFETY: passed on.
    status_and(|| unsafe { grow(memory, delta_pages) }, |previous| out.set(previous.0))
}

/// The size of the memory in its pages.
///
/// Parameters: `memory`: not consumed.
/// Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: `memory.size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_pages(memory: *const wasm_memory_t) -> u64 {
    // SAFETY: passed on.
    leaf_value_or(0, || Ok(unsafe { memory_of(memory) }?.pages().0))
}

/// The size of one of the memory's pages in bytes: 1 or 65536.
///
/// Parameters: `memory`: not consumed.
/// Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: custom page sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_page_size(memory: *const wasm_memory_t) -> u64 {
    // SAFETY: passed on.
    leaf_value_or(0, || Ok(unsafe { memory_of(memory) }?.declared_type().page_size().bytes()))
}

/// The base-two logarithm of the size of one of the memory's pages: 0 or 16.
///
/// Parameters: `memory`: not consumed.
/// Returns: the logarithm; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
/// Specification: custom page sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_page_size_log2(memory: *const wasm_memory_t) -> u8 {
    // SAFETY: passed on.
    leaf_value_or(0, || Ok(unsafe { memory_of(memory) }?.declared_type().page_size().log2()))
}

/// Whether some growth that the type allows may change the base: the option `memory_may_move` is
/// set, and the reservation is smaller than the memory can become.
///
/// Parameters: `memory`: not consumed.
/// Returns: the answer; false for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_may_move(memory: *const wasm_memory_t) -> bool {
    // SAFETY: passed on.
    value_or(false, || Ok(unsafe { kept(memory) }?.may_move()))
}

/// The size that the memory was made with, in pages: the minimum of its type at that moment.
///
/// Parameters: `memory`: not consumed.
/// Returns: the size; 0 for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_initial_pages(memory: *const wasm_memory_t) -> u64 {
    // SAFETY: passed on.
    leaf_value_or(0, || Ok(unsafe { memory_of(memory) }?.declared_type().minimum().0))
}

/// The address range that is the memory's own: guard before, reservation and guard after included. A
/// fault in it concerns this memory. Not all of it can be read.
///
/// Parameters: `memory`: not consumed. `out_start`: where it starts, NULL on failure. `out_length`:
/// its length in bytes, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`.
/// Ownership: the range is the memory's.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_accessible(
    memory: *const wasm_memory_t,
    out_start: *mut *mut u8,
    out_length: *mut usize,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI. Both are written before either is found to be NULL.
        let (start, length) = unsafe {
            (
                Out::required(out_start, ptr::null_mut(), "out_start"),
                Out::required(out_length, 0, "out_length"),
            )
        };
        // SAFETY: passed on.
        let (from, bytes) = unsafe { kept(memory) }?.accessible();
        let (start, length) = (start?, length?);
        start.set(from);
        length.set(bytes);
        Ok(())
    })
}

/// Base and length for inline code, always current.
///
/// Parameters: `memory`: not consumed.
/// Returns: the view, at an address that is fixed for the memory's life; NULL for NULL
/// (`NULL_ARGUMENT`).
/// Ownership: the memory's; valid until its last handle is deleted.
/// Threads: any number that call const functions; generated code reads the length with acquire.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_view(
    memory: *const wasm_memory_t,
) -> *const wasm_memory_view_t {
    value_or(ptr::null(), || {
        // SAFETY: passed on.
        let view: *const View = unsafe { memory_of(memory) }?.view();
        // The same layout: asserted above.
        Ok(view.cast())
    })
}
