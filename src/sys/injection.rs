//! Failures on demand: the system calls that this room makes refuse in turn.
//!
//! In the unit tests, and in a build of its own (`--cfg wasm_memory_injection`, see `c-tests/injection`), in which
//! allocations can be made to fail too. Any other build has nothing of this: a point is `Ok(())` there.

use super::OsError;

#[cfg(any(test, wasm_memory_injection))]
use crate::alloc::Refusals;

#[cfg(any(test, wasm_memory_injection))]
std::thread_local! {
    /// Which of this thread's calls are refused.
    pub(crate) static CALLS: Refusals = const { Refusals::none() };
}

#[cfg(wasm_memory_injection)]
std::thread_local! {
    /// With which error they are refused; 0: the one that is likely there.
    pub(crate) static ERROR: core::cell::Cell<i32> = const { core::cell::Cell::new(0) };
}

#[cfg(any(test, wasm_memory_injection))]
fn refusal(likely: OsError) -> Result<(), OsError> {
    #[cfg(wasm_memory_injection)]
    if ERROR.get() != 0 {
        return Err(OsError(ERROR.get()));
    }
    Err(likely)
}

/// Lets this thread's next `calls` calls through and refuses all after them; `None`: no more
/// refusals.
#[cfg(test)]
pub(crate) fn refuse_after(calls: Option<u32>) {
    CALLS.with(|plan| match calls {
        Some(calls) => plan.plan(calls.into(), u64::MAX),
        None => plan.plan(0, 0),
    });
}

/// Lets this thread's next `calls` calls through and refuses the one after them.
#[cfg(test)]
pub(crate) fn refuse_one(calls: u32) {
    CALLS.with(|plan| plan.plan(calls.into(), 1));
}

/// A place where a system call may be made to fail for want of memory.
#[inline]
#[allow(
    clippy::unnecessary_wraps,
    dead_code,
    reason = "it fails in tests alone, and the heap backend makes no system calls"
)]
pub(crate) fn point() -> Result<(), OsError> {
    #[cfg(any(test, wasm_memory_injection))]
    if CALLS.with(Refusals::refuses) {
        return refusal(OsError::no_memory());
    }
    Ok(())
}

/// A place where a call may be made to fail with another error, or one that follows from a call that has its place
/// already. The unit tests count to the calls that they mean, so that they pass these by.
#[inline]
#[allow(
    clippy::unnecessary_wraps,
    dead_code,
    reason = "it fails in a build for tests alone, and the heap backend makes no system calls"
)]
pub(crate) fn side_point(error: i32) -> Result<(), OsError> {
    #[cfg(wasm_memory_injection)]
    if CALLS.with(Refusals::refuses) {
        return refusal(OsError(error));
    }
    #[cfg(not(wasm_memory_injection))]
    let _ = error;
    Ok(())
}
