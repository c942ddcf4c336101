//! Stores: user data, limits, limiters.

use super::boundary::{quietly, required, status, value_or};
use super::config::wasm_engine_t;
use super::future::wasm_memory_ticket_t;
use super::sized::{Extensible, fields, read, struct_size};
use super::status::{self, wasm_memory_status_t};
use super::text::CutText;
use crate::alloc::try_box;
use crate::error::Error;
use crate::store::{AsyncLimiter, Limiter, Limits, Request, Store, Ticket};
use core::ffi::{c_char, c_void};
use core::fmt::Write;

/// What memories are made in: the owner of limits and user data. Handles of its memories, futures and
/// tickets keep it working after it was deleted.
#[allow(non_camel_case_types, reason = "the C name")]
#[cfg(not(wasm_h))]
pub struct wasm_store_t(pub(super) Store);

/// Static limits of a store. `UINT64_MAX` is none, and so is a field that `struct_size` does not reach.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_limits_t {
    /// Set to `sizeof(wasm_memory_limits_t)`.
    pub struct_size: usize,
    /// The length in bytes that one memory may have.
    pub max_memory_bytes: u64,
    /// The bytes that all memories of the store may have together.
    pub max_total_bytes: u64,
    /// How many memories the store may have.
    pub max_memories: u64,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_limits_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_limits_t {
        max_memory_bytes: u64,
        max_total_bytes: u64,
        max_memories: u64,
    });
}

/// A limiter: decides at once on each creation and growth in a store. Its callbacks run on the calling
/// thread, several at once if several threads call, under no lock; they may use the store and the memory.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_limiter_t {
    /// Set to `sizeof(wasm_memory_limiter_t)`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub env: *mut c_void,
    /// Decides: whether a memory of `current_bytes` (0: a new one) may have `desired_bytes`. `maximum_bytes`
    /// is that of the type, `UINT64_MAX` if it has none. Required.
    pub memory_growing: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            current_bytes: u64,
            desired_bytes: u64,
            maximum_bytes: u64,
        ) -> bool,
    >,
    /// Hears of each creation and growth that failed, for whatever reason, once. `message` is valid during
    /// the call. May be NULL.
    pub memory_grow_failed: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            status: wasm_memory_status_t,
            message: *const c_char,
        ),
    >,
    /// Called once with `env` when the limiter is used no more. May be NULL.
    pub finalizer: Option<unsafe extern "C" fn(env: *mut c_void)>,
}

/// A limiter that may decide later, from any thread, through a ticket. Otherwise as
/// `wasm_memory_limiter_t`.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_limiter_async_t {
    /// Set to `sizeof(wasm_memory_limiter_async_t)`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub env: *mut c_void,
    /// Has the question decided: `wasm_memory_ticket_resolve` must be called with the ticket exactly once,
    /// in here or later. The numbers are those of `wasm_memory_limiter_t`. Required.
    pub memory_growing: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            current_bytes: u64,
            desired_bytes: u64,
            maximum_bytes: u64,
            ticket: *mut wasm_memory_ticket_t,
        ),
    >,
    /// Hears of each creation and growth that failed, for whatever reason, once, when that becomes known:
    /// in the call that asks, polls or waits. (A limiter that has been replaced by then hears no more; the
    /// store's new one does.) `message` is valid during the call. May be NULL.
    pub memory_grow_failed: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            status: wasm_memory_status_t,
            message: *const c_char,
        ),
    >,
    /// Called once with `env` when the limiter is used no more: when it was replaced or its store is gone,
    /// and its last ticket is resolved. May be NULL.
    pub finalizer: Option<unsafe extern "C" fn(env: *mut c_void)>,
}

type Decide = unsafe extern "C" fn(*mut c_void, u64, u64, u64) -> bool;
type DecideLater = unsafe extern "C" fn(*mut c_void, u64, u64, u64, *mut wasm_memory_ticket_t);
type HearOfFailure = unsafe extern "C" fn(*mut c_void, wasm_memory_status_t, *const c_char);
type Finalizer = unsafe extern "C" fn(*mut c_void);

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_limiter_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_limiter_t {
        env: *mut c_void,
        memory_growing: Option<Decide>,
        memory_grow_failed: Option<HearOfFailure>,
        finalizer: Option<Finalizer>,
    });
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_limiter_async_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_limiter_async_t {
        env: *mut c_void,
        memory_growing: Option<DecideLater>,
        memory_grow_failed: Option<HearOfFailure>,
        finalizer: Option<Finalizer>,
    });
}

/// A limiter of the host's: `D` is the type of its deciding callback.
struct HostLimiter<D> {
    env: *mut c_void,
    growing: D,
    grow_failed: Option<HearOfFailure>,
    finalizer: Option<Finalizer>,
}

// SAFETY: the contract of the ABI: the callbacks may be called on any thread, several at once.
unsafe impl<D: Send> Send for HostLimiter<D> {}
// SAFETY: as above.
unsafe impl<D: Sync> Sync for HostLimiter<D> {}

impl<D> HostLimiter<D> {
    fn hear(&self, error: &Error) {
        const CAPACITY: usize = 1024;
        let Some(grow_failed) = self.grow_failed else { return };
        let mut message: [c_char; CAPACITY] = [0; CAPACITY];
        // SAFETY: the buffer has the capacity.
        let mut text = unsafe { CutText::new(message.as_mut_ptr(), CAPACITY) };
        // Writing to it cannot fail.
        let _ = write!(text, "{error}");
        text.finish();
        // SAFETY: the contract of the ABI: a callback that takes the limiter's env.
        unsafe { grow_failed(self.env, status::of(error), message.as_ptr()) };
    }
}

impl<D> Drop for HostLimiter<D> {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the contract of the ABI; nobody has the limiter any more.
            unsafe { finalizer(self.env) };
        }
    }
}

impl Limiter for HostLimiter<Decide> {
    fn memory_growing(&self, request: &Request) -> bool {
        let maximum = request.maximum_bytes.unwrap_or(u64::MAX);
        // SAFETY: the contract of the ABI: a callback that takes the limiter's env.
        unsafe { (self.growing)(self.env, request.current_bytes, request.desired_bytes, maximum) }
    }

    fn memory_grow_failed(&self, error: &Error) {
        self.hear(error);
    }
}

impl AsyncLimiter for HostLimiter<DecideLater> {
    fn memory_growing(&self, request: &Request, ticket: Ticket) {
        let maximum = request.maximum_bytes.unwrap_or(u64::MAX);
        let (current, desired) = (request.current_bytes, request.desired_bytes);
        let ticket = ticket.into_raw().cast();
        // SAFETY: the contract of the ABI: a callback that takes the limiter's env, and the ticket for good.
        unsafe { (self.growing)(self.env, current, desired, maximum, ticket) };
    }

    fn memory_grow_failed(&self, error: &Error) {
        self.hear(error);
    }
}

/// The table that a caller passed, with its fields past `struct_size` as in `defaults`.
unsafe fn table<T: Extensible>(place: *const T, defaults: T) -> Result<T, Error> {
    // SAFETY: the contract of the ABI: not NULL here, so a structure that starts with its size.
    Ok(unsafe { read(place, struct_size(place)?, defaults) })
}

/// The error for a table without the callback that decides.
const NO_DECISION: Error = Error::InvalidArgument {
    name: "memory_growing",
    value: 0,
    expected: "a limiter has to decide; set the callback, and struct_size to sizeof of the table",
};

/// Makes a store in an engine.
///
/// Parameters: `engine`: not consumed.
/// Returns: the store; NULL for a NULL engine (`NULL_ARGUMENT`) or an exhausted heap
/// (`OUT_OF_MEMORY`).
/// Ownership: the store is the caller's, until `wasm_store_delete`.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_store_new(engine: *mut wasm_engine_t) -> *mut wasm_store_t {
    value_or(core::ptr::null_mut(), || {
        // SAFETY: the contract of the ABI.
        let engine = &unsafe { required(engine, "engine") }?.0;
        Ok(Box::into_raw(try_box(wasm_store_t(Store::new(engine)?))?))
    })
}

/// Deletes a reference to a store. Memories made in it live on, until their last handle is deleted, and
/// keep its data, limits and limiter working.
///
/// Parameters: `store`: may be NULL, which does nothing.
/// Returns: nothing.
/// Ownership: the store passes to the library. The finalizers of its data and its limiter run when the last
/// handle, future and ticket made in it are gone too.
/// Threads: any, as long as no other call uses this pointer.
/// Invalidates: the pointer.
/// Specification: wasm.h.
#[unsafe(no_mangle)]
#[cfg(not(wasm_h))]
pub unsafe extern "C" fn wasm_store_delete(store: *mut wasm_store_t) {
    if !store.is_null() {
        // SAFETY: the contract of the ABI: a live store, made by try_box in wasm_store_new.
        quietly(|| drop(unsafe { Box::from_raw(store) }));
    }
}

/// The host's data of a store.
///
/// Parameters: `store`: not consumed.
/// Returns: what `wasm_store_data_set` set last; NULL without, or for NULL (`NULL_ARGUMENT`).
/// Ownership: the host's.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_data(store: *const wasm_store_t) -> *mut c_void {
    // SAFETY: the contract of the ABI.
    value_or(core::ptr::null_mut(), || Ok(unsafe { required(store, "store") }?.0.data().get()))
}

/// Gives a store data of the host's, and what is to be called with it in the end. The finalizer of the data
/// that it replaces runs now.
///
/// Parameters: `store`: not consumed; NULL does nothing (`NULL_ARGUMENT`), and the finalizer does not run.
/// `data`: anything. `finalizer`: called exactly once: when other data is set, or when the store and the last
/// handle, future and ticket made in it are gone; NULL for none.
/// Returns: nothing.
/// Ownership: the data passes to the finalizer.
/// Threads: any; a finalizer runs on the thread of the call that ends the data, under no lock.
/// Invalidates: the data before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_data_set(
    store: *mut wasm_store_t,
    data: *mut c_void,
    finalizer: Option<unsafe extern "C" fn(data: *mut c_void)>,
) {
    value_or((), || {
        // A reference of our own: the finalizer of the old data may delete the store.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        // SAFETY: the contract of the ABI: the finalizer takes the data that it was set with.
        unsafe { store.data().set(data, finalizer) };
        Ok(())
    });
}

/// Limits the memories of a store. They count those that it has already; what is there stays, even if it is
/// more. A growth that another thread has begun at this moment may not be asked about, but counts when it is
/// done.
///
/// Parameters: `store`: not consumed. `limits`: copied; NULL: no limits any more.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size` below that of itself; the limits stay
/// as they were).
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_limits_set(
    store: *mut wasm_store_t,
    limits: *const wasm_memory_limits_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let store = &unsafe { required(store, "store") }?.0;
        let mut set = wasm_memory_limits_t {
            struct_size: 0,
            max_memory_bytes: u64::MAX,
            max_total_bytes: u64::MAX,
            max_memories: u64::MAX,
        };
        if !limits.is_null() {
            // SAFETY: not NULL.
            set = unsafe { table(limits, set) }?;
        }
        let wasm_memory_limits_t { max_memory_bytes, max_total_bytes, max_memories, .. } = set;
        store.set_limits(Limits { max_memory_bytes, max_total_bytes, max_memories });
        Ok(())
    })
}

/// Gives a store a limiter that decides at once, in place of the one that it has, of either kind.
///
/// Who has a say on a creation or growth, in this order: the type of the memory (`MAXIMUM_EXCEEDED`); the
/// limits of the store (`LIMIT_DENIED`); its limiter (`LIMIT_DENIED`); the system (`OUT_OF_MEMORY`) or the host
/// that makes the memories. Creation is asked with 0 current bytes, growth by 0 asks nobody, and if the length
/// changed while the limiter was deciding, it is asked again.
///
/// Parameters: `store`: not consumed. `limiter`: copied; NULL: no limiter any more, of either kind.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no `memory_growing`, or a `struct_size` that does not
/// reach it: nothing is copied, the finalizer does not run, and the limiter of before stays),
/// `OUT_OF_MEMORY` (the heap is exhausted; the finalizer has run, and the limiter of before stays).
/// Ownership: `env` passes to the finalizer, which is called exactly once: when another limiter is set or
/// the store is gone, and no call of this one is under way.
/// Threads: any.
/// Invalidates: the limiter before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_limiter_set(
    store: *mut wasm_store_t,
    limiter: *const wasm_memory_limiter_t,
) -> wasm_memory_status_t {
    status(|| {
        // A reference of our own: the finalizer of the limiter before may delete the store.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        if limiter.is_null() {
            return store.set_limiter(None);
        }
        let empty = wasm_memory_limiter_t {
            struct_size: 0,
            env: core::ptr::null_mut(),
            memory_growing: None,
            memory_grow_failed: None,
            finalizer: None,
        };
        // SAFETY: not NULL.
        let table = unsafe { table(limiter, empty) }?;
        store.set_limiter(Some(try_box(HostLimiter {
            env: table.env,
            growing: table.memory_growing.ok_or(NO_DECISION)?,
            grow_failed: table.memory_grow_failed,
            finalizer: table.finalizer,
        })?))
    })
}

/// Gives a store a limiter that may decide later, in place of the one that it has, of either kind. Memories
/// are then made and grown by `wasm_memory_new_async` and `wasm_memory_grow_async`; the synchronous forms
/// answer `ASYNC_REQUIRED` where the limiter would have to be asked.
///
/// Parameters: `store`: not consumed. `limiter`: copied; NULL: no limiter any more, of either kind.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no `memory_growing`, or a `struct_size` that does not
/// reach it: nothing is copied, the finalizer does not run, and the limiter of before stays),
/// `OUT_OF_MEMORY` (the heap is exhausted; the finalizer has run, and the limiter of before stays).
/// Ownership: `env` passes to the finalizer, which is called exactly once: when another limiter is set or
/// the store is gone, and no call and no ticket of this one is left.
/// Threads: any.
/// Invalidates: the limiter before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_store_limiter_async_set(
    store: *mut wasm_store_t,
    limiter: *const wasm_memory_limiter_async_t,
) -> wasm_memory_status_t {
    status(|| {
        // A reference of our own: the finalizer of the limiter before may delete the store.
        // SAFETY: the contract of the ABI.
        let store = unsafe { required(store, "store") }?.0.clone();
        if limiter.is_null() {
            return store.set_async_limiter(None);
        }
        let empty = wasm_memory_limiter_async_t {
            struct_size: 0,
            env: core::ptr::null_mut(),
            memory_growing: None,
            memory_grow_failed: None,
            finalizer: None,
        };
        // SAFETY: not NULL.
        let table = unsafe { table(limiter, empty) }?;
        store.set_async_limiter(Some(try_box(HostLimiter {
            env: table.env,
            growing: table.memory_growing.ok_or(NO_DECISION)?,
            grow_failed: table.memory_grow_failed,
            finalizer: table.finalizer,
        })?))
    })
}
