//! Shared memories: tokens that travel between stores, threads and processes.

use super::boundary::{Out, quietly, required, status, value_or};
use super::config::wasm_engine_t;
use super::memory::{into_handle, member_of, wasm_memory_t};
use super::memorytype::wasm_memorytype_t;
use super::status::wasm_memory_status_t;
use super::store::wasm_store_t;
use crate::alloc::Ref;
use crate::error::Error;
use crate::memory::{Memory, SharedMemory};
use core::mem::ManuallyDrop;
use core::ptr;

/// A token for a shared memory: a reference that belongs to no store. `wasm_memory_obtain` makes a handle of it.
#[allow(non_camel_case_types, reason = "the C name")]
pub struct wasm_shared_memory_t {
    // What a token points to is a `Memory`.
    _opaque: [u8; 0],
}

/// The memory behind a token.
unsafe fn shared_of(
    token: *const wasm_shared_memory_t,
) -> Result<ManuallyDrop<SharedMemory>, Error> {
    // SAFETY: the contract of the ABI: NULL or a live token.
    unsafe { required(token, "shared") }?;
    // SAFETY: a live token, from `into_token`; ManuallyDrop leaves that reference alone.
    Ok(unsafe { ManuallyDrop::new(SharedMemory(Ref::<Memory>::from_raw(token.cast_mut().cast()))) })
}

/// Gives a reference to C.
fn into_token(shared: SharedMemory) -> *mut wasm_shared_memory_t {
    shared.0.into_raw().cast()
}

/// Makes a shared memory of zeros with the minimum size of its type, in no store yet. Nobody is asked: no limits
/// and no limiter.
///
/// Parameters: `engine`, `type`: not consumed; both may be deleted after the call. `out`: the token, NULL
/// on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (the type is not shared), `OUT_OF_MEMORY` (errno is the
/// system's; the sentence names the likely limit and the option that helps), `UNSUPPORTED` (an engine whose
/// memories the host makes; GUARDED on a host that cannot guard; `memory_exportable` on a system where this
/// version cannot), `IO` (`memory_exportable`, and the system refuses a descriptor; errno says why).
/// Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: allocation of memories; the threads proposal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_new(
    engine: *mut wasm_engine_t,
    r#type: *const wasm_memorytype_t,
    out: *mut *mut wasm_shared_memory_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: the contract of the ABI.
        let engine = &unsafe { required(engine, "engine") }?.0;
        // SAFETY: the contract of the ABI.
        let ty = unsafe { required(r#type, "type") }?.ty;
        out.set(into_token(SharedMemory::new(engine, ty)?));
        Ok(())
    })
}

/// Makes another token for the same memory.
///
/// Parameters: `shared`: not consumed.
/// Returns: the token, which may be the same pointer and must be deleted all the same; NULL for NULL
/// (`NULL_ARGUMENT`).
/// Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_clone(
    shared: *const wasm_shared_memory_t,
) -> *mut wasm_shared_memory_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        let shared = unsafe { shared_of(shared) }?;
        Ok(into_token(SharedMemory::clone(&shared)))
    })
}

/// Deletes a token. With the last token and handle the memory goes.
///
/// Parameters: `shared`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the token passes to the library.
/// Threads: any, as long as no other call uses this token.
/// Invalidates: the token; with the last reference to the memory, the base, the view and every pointer into it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_delete(shared: *mut wasm_shared_memory_t) {
    // SAFETY: passed on.
    if let Ok(shared) = unsafe { shared_of(shared) } {
        quietly(|| drop(ManuallyDrop::into_inner(shared)));
    }
}

/// The type of the memory as it is now: the declared one with the current size as minimum.
///
/// Parameters: `shared`: not consumed.
/// Returns: a type; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`).
/// Ownership: the type is the caller's, until `wasm_memorytype_delete`.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_type(
    shared: *const wasm_shared_memory_t,
) -> *mut wasm_memorytype_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        wasm_memorytype_t::new_raw(unsafe { shared_of(shared) }?.current_type())
    })
}

/// A token for the memory behind a handle, if it is shared.
///
/// Parameters: `memory`: not consumed.
/// Returns: the token; NULL for NULL (`NULL_ARGUMENT`) or a memory that is not shared (`NOT_SHARED`).
/// Ownership: the token is the caller's, until `wasm_shared_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_share(
    memory: *const wasm_memory_t,
) -> *mut wasm_shared_memory_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        Ok(into_token(unsafe { member_of(memory) }?.share()?))
    })
}

/// A handle of a shared memory in a store, whose limits and limiter decide on growth through this handle.
///
/// Limits and limiter are asked as for a new memory with the bytes that this one has now. Each handle
/// obtained counts as one memory with those bytes, until it and its copies are deleted; growth through
/// other stores is added when this one grows it.
///
/// Parameters: `store`, `shared`: not consumed; the store may be one of another engine.
/// Returns: the handle; NULL for NULL (`NULL_ARGUMENT`), when a limit of the store or its limiter refuses
/// (`LIMIT_DENIED`), when the limiter is asynchronous (`ASYNC_REQUIRED`), or when the heap is exhausted
/// (`OUT_OF_MEMORY`). A limiter that the store has hears of every failure but the first.
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_obtain(
    store: *mut wasm_store_t,
    shared: *const wasm_shared_memory_t,
) -> *mut wasm_memory_t {
    value_or(ptr::null_mut(), || {
        // References of our own: a callback may delete the store and the token.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        // SAFETY: passed on.
        let shared = SharedMemory::clone(&*unsafe { shared_of(shared) }?);
        Ok(into_handle(store.obtain(&shared)?))
    })
}

/// Makes a descriptor from which other processes can import the memory, for example one that is inherited or sent
/// through a socket. They see the same bytes, its growth, and each other's waits and notifies.
///
/// Processes that share a memory in this way trust each other. The memory lives as long as any process has
/// it, or a descriptor. One that is killed leaves the others sound, unless that happens while it changes
/// the queue of waiters (a matter of nanoseconds): then a thread that it was about to wake may wait until
/// the queue is used again.
///
/// Parameters: `shared`: not consumed; made by an engine with `wasm_config_memory_exportable_set`, or
/// imported. `out_fd`: a descriptor that is closed on exec (on Windows, a HANDLE); 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNSUPPORTED` (another memory, or a system where this version cannot),
/// `IO` (the system has no descriptor left; errno says so).
/// Ownership: the descriptor is the caller's, to be closed.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_export(
    shared: *const wasm_shared_memory_t,
    out_fd: *mut isize,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out_fd, 0, "out_fd") }?;
        // SAFETY: passed on.
        out.set(unsafe { shared_of(shared) }?.export()?);
        Ok(())
    })
}

/// Makes a shared memory of a descriptor that `wasm_shared_memory_export` made, in this process or another.
///
/// Growth by another process is seen at the next call that asks for the size, grows, or would fail its
/// bounds check; until then the length here, in the view too, is the smaller one of before. Two imports in
/// one process are two memories over the same bytes.
///
/// Parameters: `engine`: not consumed; its options decide on bounds and reservation, and it need not have
/// `memory_exportable`. `type`: not consumed; what the memory is wanted as. `fd`: a descriptor. `out`: the
/// token, NULL on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_TYPE` (a type that is not shared; one that the memory does not
/// match as an import: the same index type and page size, at least the minimum in size, at most the
/// maximum), `UNSUPPORTED` (as `wasm_shared_memory_new`), `IO` (no descriptor: errno is EBADF; one of
/// something else, or of another version; one that is damaged), `OUT_OF_MEMORY`. Nothing is mapped then.
/// Ownership: the token is the caller's, until `wasm_shared_memory_delete`; the descriptor stays the
/// caller's and is not needed any more.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: import matching.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_shared_memory_import(
    engine: *mut wasm_engine_t,
    r#type: *const wasm_memorytype_t,
    fd: isize,
    out: *mut *mut wasm_shared_memory_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let out = unsafe { Out::required(out, ptr::null_mut(), "out") }?;
        // SAFETY: the contract of the ABI.
        let engine = &unsafe { required(engine, "engine") }?.0;
        // SAFETY: the contract of the ABI.
        let ty = unsafe { required(r#type, "type") }?.ty;
        out.set(into_token(SharedMemory::import(engine, &ty, fd)?));
        Ok(())
    })
}
