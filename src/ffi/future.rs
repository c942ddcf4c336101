//! Futures and tickets: creations and growths that an asynchronous limiter decides.

use super::boundary::{quietly, required, status, value_or};
use super::memory::{into_handle, kept, wasm_memory_t};
use super::memorytype::wasm_memorytype_t;
use super::status::wasm_memory_status_t;
use super::store::wasm_store_t;
use crate::alloc::Ref;
use crate::error::Error;
use crate::store::{MemoryFuture, ReadyCallback, Ticket};
use crate::units::Pages;
use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr;
use core::time::Duration;

/// The right and the duty to answer one question of an asynchronous limiter.
#[allow(non_camel_case_types, reason = "the C name")]
pub struct wasm_memory_ticket_t {
    // What it points to is that of `Ticket::into_raw`.
    _opaque: [u8; 0],
}

/// A creation or growth under way.
#[allow(non_camel_case_types, reason = "the C name")]
pub struct wasm_memory_future_t(MemoryFuture);

impl wasm_memory_future_t {
    /// There is a place for the future before anything is made or grown: what has no future has no outcome.
    fn new_raw(make: impl FnOnce() -> Result<MemoryFuture, Error>) -> Result<*mut Self, Error> {
        Ok(Ref::try_make(|| make().map(Self))?.into_raw())
    }
}

/// A reference of our own: a callback of the limiter may delete the future.
unsafe fn held(future: *const wasm_memory_future_t) -> Result<Ref<wasm_memory_future_t>, Error> {
    // SAFETY: the contract of the ABI.
    unsafe { required(future, "future") }?;
    // SAFETY: a live future, from into_raw; ManuallyDrop leaves that reference alone.
    let future = unsafe { ManuallyDrop::new(Ref::from_raw(future.cast_mut())) };
    Ok(Ref::clone(&future))
}

/// Makes a memory as `wasm_memory_try_new` does, when an asynchronous limiter has allowed it.
///
/// The limiter's `memory_growing` is called before this returns. Without an asynchronous limiter the
/// memory is made before this returns, and the future is ready.
///
/// Parameters: `store`, `type`: not consumed; both may be deleted after the call.
/// Returns: the future; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`). Whatever else
/// fails is the future's outcome.
/// Ownership: the future is the caller's, until `wasm_memory_future_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: allocation of memories.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_new_async(
    store: *mut wasm_store_t,
    r#type: *const wasm_memorytype_t,
) -> *mut wasm_memory_future_t {
    value_or(ptr::null_mut(), || {
        // A reference of our own: a callback may delete the store.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        // SAFETY: the contract of the ABI.
        let ty = unsafe { required(r#type, "type") }?.ty;
        wasm_memory_future_t::new_raw(|| store.new_memory_async(ty))
    })
}

/// Grows a memory as `wasm_memory_try_grow` does, when an asynchronous limiter of the store in which the
/// handle was made has allowed it.
///
/// The limiter's `memory_growing` is called before this returns. Without an asynchronous limiter, or for
/// 0 pages, the memory is grown before this returns, and the future is ready.
///
/// Parameters: `memory`: not consumed; the handle may be deleted after the call, and a future that is pending
/// keeps the memory alive. `delta_pages`: in pages.
/// Returns: the future; NULL for NULL (`NULL_ARGUMENT`) or an exhausted heap (`OUT_OF_MEMORY`). Whatever else
/// fails is the future's outcome.
/// Ownership: the future is the caller's, until `wasm_memory_future_delete`.
/// Threads: one at a time for one memory.
/// Invalidates: the base, if `wasm_memory_may_move`.
/// Specification: `memory.grow`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_grow_async(
    memory: *mut wasm_memory_t,
    delta_pages: u64,
) -> *mut wasm_memory_future_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        wasm_memory_future_t::new_raw(|| memory.grow_async(Pages(delta_pages)))
    })
}

/// Goes on with a creation or growth as far as that is possible without waiting. When the limiter has
/// allowed it, the memory is made or grown in this call.
///
/// Parameters: `future`: not consumed.
/// Returns: `PENDING` as long as the limiter has not answered, and to a callback that was called from within a
/// poll or wait of the same future; else the outcome, again and again the same: `OK`, or any status of
/// `wasm_memory_try_new` or `wasm_memory_try_grow`. `NULL_ARGUMENT`.
/// Ownership: none passes.
/// Threads: one at a time for one future; for a growth, also for its memory.
/// Invalidates: for a growth, the base, if `wasm_memory_may_move`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_poll(
    future: *mut wasm_memory_future_t,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { held(future) }?.0.poll())
}

/// Waits for the outcome of a creation or growth, then answers like `wasm_memory_future_poll`.
///
/// Parameters: `future`: not consumed. `timeout_ns`: how long to wait at most, in nanoseconds; 0: not at all;
/// negative: for ever.
/// Returns: what `wasm_memory_future_poll` returns; `PENDING` when the time is over, not before.
/// Ownership: none passes.
/// Threads: one at a time for one future; for a growth, also for its memory.
/// Invalidates: for a growth, the base, if `wasm_memory_may_move`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_wait(
    future: *mut wasm_memory_future_t,
    timeout_ns: i64,
) -> wasm_memory_status_t {
    let timeout = u64::try_from(timeout_ns).ok().map(Duration::from_nanos);
    // SAFETY: passed on.
    status(|| unsafe { held(future) }?.0.wait(timeout))
}

/// Takes the memory of a creation that succeeded.
///
/// Parameters: `future`: not consumed.
/// Returns: the memory, once; NULL before the outcome is known (`PENDING`), when it was taken, for a growth or
/// NULL, and for a creation that failed (its reason is the last error then).
/// Ownership: the handle is the caller's, until `wasm_memory_delete`.
/// Threads: one at a time for one future.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_take_memory(
    future: *mut wasm_memory_future_t,
) -> *mut wasm_memory_t {
    value_or(ptr::null_mut(), || {
        // SAFETY: the contract of the ABI.
        let memory = unsafe { required(future, "future") }?.0.take_memory()?;
        Ok(into_handle(memory))
    })
}

/// The size that a memory had before a growth that succeeded.
///
/// Parameters: `future`: not consumed.
/// Returns: the size in pages; 0 for a creation, before the outcome is known, for a growth that failed, and
/// for NULL (`NULL_ARGUMENT`).
/// Ownership: none passes.
/// Threads: one at a time for one future.
/// Invalidates: nothing.
/// Specification: the result of `memory.grow`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_previous_pages(
    future: *const wasm_memory_future_t,
) -> u64 {
    value_or(0, || {
        // SAFETY: the contract of the ABI.
        let future = &unsafe { required(future, "future") }?.0;
        Ok(future.previous_pages().map_or(0, |pages| pages.0))
    })
}

/// Sets what is to be called when there is something to poll for: once for each answer of the limiter, on
/// the thread that resolves the ticket (inside a poll or wait, if the limiter is asked again there and
/// answers at once); or now, on this thread, when there is nothing to wait for.
///
/// Parameters: `future`: not consumed; NULL does nothing (`NULL_ARGUMENT`). `callback`: takes the place of the
/// one set before; NULL: none. `env`: passed to it.
/// Returns: nothing.
/// Ownership: `env` stays the caller's. When this or `wasm_memory_future_delete` has returned, the callback
/// before is not running on another thread and will not run, so that its `env` may go. (Either waits for a
/// callback that is running on another thread; so a callback must not wait for the thread that uses the
/// future. Called from within such a callback, be it of this future or of another, neither waits.)
/// Threads: one at a time for one future.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_on_ready(
    future: *mut wasm_memory_future_t,
    callback: Option<unsafe extern "C" fn(env: *mut c_void)>,
    env: *mut c_void,
) {
    value_or((), || {
        // SAFETY: the contract of the ABI: it may be called with `env` on any thread until it is replaced or
        // the future is deleted.
        let callback = callback.map(|callback| unsafe { ReadyCallback::new(callback, env) });
        // SAFETY: the contract of the ABI.
        let ready = unsafe { required(future, "future") }?.0.on_ready(callback);
        // The future is let go of: the callback may delete it.
        if let Some(callback) = ready {
            callback.call();
        }
        Ok(())
    });
}

/// Deletes a future, and gives up what it stands for: a request that is not decided is dropped, a memory
/// that was not taken is deleted. Its ticket stays valid, and must be resolved all the same.
///
/// Parameters: `future`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the future passes to the library.
/// Threads: any, as long as no other thread uses the future. A callback may delete the future that it is
/// called for, also from within its poll or wait. That ends there, with `PENDING`, if the limiter was being
/// asked again; else it has its outcome.
/// Invalidates: the future.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_future_delete(future: *mut wasm_memory_future_t) {
    if !future.is_null() {
        quietly(|| {
            // SAFETY: the contract of the ABI: a live future, from into_raw in new_raw.
            let future = unsafe { Ref::from_raw(future) };
            // At once, even if a poll goes on that this is called from within.
            future.0.give_up();
        });
    }
}

/// Answers a question of an asynchronous limiter, and calls what `wasm_memory_future_on_ready` set. The
/// memory is made or grown later, by the thread that polls or waits.
///
/// Parameters: `ticket`: to be resolved exactly once; NULL does nothing. Its future, store and engine may be
/// deleted already. `allow`: the answer.
/// Returns: nothing.
/// Ownership: the ticket passes to the library.
/// Threads: any.
/// Invalidates: the ticket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_ticket_resolve(
    ticket: *mut wasm_memory_ticket_t,
    allow: bool,
) {
    if !ticket.is_null() {
        // SAFETY: the contract of the ABI: a ticket that was given out by into_raw and not resolved yet.
        quietly(|| unsafe { Ticket::from_raw(ticket.cast()) }.resolve(allow));
    }
}
