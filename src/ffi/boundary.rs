//! What every exported function passes through: arguments checked for NULL, out-parameters always
//! written, errors recorded, panics caught.

use super::last_error;
use super::status::{self, wasm_memory_status_t};
use crate::error::Error;
use crate::sys;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Once, OnceLock};

/// Runs the body of a function that returns a status.
#[inline]
pub(super) fn status(body: impl FnOnce() -> Result<(), Error>) -> wasm_memory_status_t {
    status_and(body, |()| ())
}

/// Runs the body of a function that returns a status, and does with its result what is left to do.
#[inline]
pub(super) fn status_and<T>(
    body: impl FnOnce() -> Result<T, Error>,
    succeed: impl FnOnce(&T),
) -> wasm_memory_status_t {
    let suspended = sys::suspend_traps();
    let status = leaf_status_and(body, succeed);
    suspended.resume();
    status
}

/// Runs the body of a function that says "no" by a value: NULL, 0 or false.
#[inline]
pub(super) fn value_or<T: Copy>(no: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    let suspended = sys::suspend_traps();
    let value = leaf_value_or(no, body);
    suspended.resume();
    value
}

/// Runs the body of a function that has nothing to say, and may run finalizers of the host's.
#[inline]
pub(super) fn quietly(body: impl FnOnce()) {
    let suspended = sys::suspend_traps();
    body();
    suspended.resume();
}

/// As `status`, for functions that are too short for what the others do: they call nothing of the host's, and hold nothing
/// while they touch a buffer of the host's. Should that be a guard, where somebody watches for it
/// (`wasm_memory_catch_trap`), nothing is left behind.
#[inline]
pub(super) fn leaf_status(body: impl FnOnce() -> Result<(), Error>) -> wasm_memory_status_t {
    leaf_status_and(body, |()| ())
}

/// As `status_and`, for such functions.
#[inline]
pub(super) fn leaf_status_and<T>(
    body: impl FnOnce() -> Result<T, Error>,
    succeed: impl FnOnce(&T),
) -> wasm_memory_status_t {
    // By reference, and inside: an error is some words long, and moving it would cost more than
    // finding it.
    caught(|| match &body() {
        Ok(value) => {
            succeed(value);
            status::WASM_MEMORY_OK
        }
        Err(error) => fail(error),
    })
    .unwrap_or_else(panicked)
}

/// As `value_or`, for such functions.
#[inline]
pub(super) fn leaf_value_or<T: Copy>(no: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    let failed = |_| no;
    caught(|| body().unwrap_or_else(|error| failed(fail(&error))))
        .unwrap_or_else(|| failed(panicked()))
}

#[inline]
fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    // A body that panicked left the library's objects whole: they change state by single stores,
    // after everything that could fail.
    panic::catch_unwind(AssertUnwindSafe(body)).ok()
}

#[cold]
#[inline(never)]
fn panicked() -> wasm_memory_status_t {
    fail(&Error::Internal("a panic was caught at the C boundary"))
}

/// Out of line, so that the calls that succeed carry none of it.
#[cold]
#[inline(never)]
fn fail(error: &Error) -> wasm_memory_status_t {
    last_error::record(*error);
    if let Some(os) = error.os_error() {
        sys::set_last_error(os);
    }
    status::of(error)
}

/// Keeps panics of this crate from being printed; those of other code in the process are reported
/// as before. Called when an engine is made, which every use of the ABI starts with.
pub(super) fn silence_own_panics() {
    type Hook = Box<dyn Fn(&panic::PanicHookInfo<'_>) + Sync + Send>;
    static ONCE: Once = Once::new();
    static PREVIOUS: OnceLock<Hook> = OnceLock::new();
    ONCE.call_once(|| {
        let _ = PREVIOUS.set(panic::take_hook());
        panic::set_hook(Box::new(|info| {
            let own = file!().trim_end_matches("ffi/boundary.rs");
            let is_own = info.location().is_some_and(|place| place.file().starts_with(own));
            if let (false, Some(previous)) = (is_own, PREVIOUS.get()) {
                previous(info);
            }
        }));
    });
}

/// The object that a pointer from C points to.
#[inline]
pub(super) unsafe fn required<'a, T>(
    pointer: *const T,
    name: &'static str,
) -> Result<&'a T, Error> {
    // SAFETY: the contract of the ABI: NULL, or what the type says.
    unsafe { pointer.as_ref() }.ok_or(Error::NullArgument(name))
}

/// A place that C wants a result in. It holds the "nothing" of its type from the first moment, so
/// that it is written whatever happens; it may have been uninitialised, so no reference is made.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// An out-parameter that may be NULL.
    #[inline]
    pub(super) unsafe fn optional(place: *mut T, nothing: T) -> Self {
        if !place.is_null() {
            // SAFETY: the contract of the ABI: not NULL, so writable.
            unsafe { place.write(nothing) };
        }
        Self(place)
    }

    /// An out-parameter that must not be NULL; `check` reports one that is.
    #[inline]
    pub(super) unsafe fn required(
        place: *mut T,
        nothing: T,
        name: &'static str,
    ) -> Result<Self, Error> {
        if place.is_null() {
            return Err(Error::NullArgument(name));
        }
        // SAFETY: passed on.
        Ok(unsafe { Self::optional(place, nothing) })
    }

    #[inline]
    pub(super) fn set(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: as when it was made, in this same call.
            unsafe { self.0.write(value) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "the panic is what is tested")]
    fn a_panic_becomes_a_status() {
        silence_own_panics();
        assert_eq!(status(|| panic!("on purpose")), status::WASM_MEMORY_INTERNAL);
        assert!(value_or(true, || panic!("on purpose")));
        assert_eq!(status(|| Ok(())), status::WASM_MEMORY_OK);
    }
}
