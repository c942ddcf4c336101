//! Status codes: their numbers, names and messages.

use crate::creator::Breach;
use crate::error::Error;
use crate::sys::Purpose;
use core::ffi::{CStr, c_char};

/// What a function that can fail returns: `WASM_MEMORY_OK` (0), or the reason, a positive number.
/// Numbers are pinned for ever; new ones are added at the end.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_status_t = i32;

/// The operation succeeded.
pub const WASM_MEMORY_OK: wasm_memory_status_t = 0;
/// A handle, buffer or required out-parameter is NULL.
pub const WASM_MEMORY_NULL_ARGUMENT: wasm_memory_status_t = 1;
/// A number means nothing where it was given.
pub const WASM_MEMORY_INVALID_ARGUMENT: wasm_memory_status_t = 2;
/// A memory type outside the limits of the specification, or one that does not fit the operation.
pub const WASM_MEMORY_INVALID_TYPE: wasm_memory_status_t = 3;
/// At least one byte lies past the end (a trap of the specification).
pub const WASM_MEMORY_OUT_OF_BOUNDS: wasm_memory_status_t = 4;
/// An atomic access is not aligned (a trap), or a range is not aligned to what the host demands.
pub const WASM_MEMORY_UNALIGNED: wasm_memory_status_t = 5;
/// A wait on an unshared memory (a trap).
pub const WASM_MEMORY_NOT_SHARED: wasm_memory_status_t = 6;
/// The operation needs a memory that is not shared.
pub const WASM_MEMORY_SHARED: wasm_memory_status_t = 7;
/// Growth past the maximum of the type.
pub const WASM_MEMORY_MAXIMUM_EXCEEDED: wasm_memory_status_t = 8;
/// A limit or limiter of the store said no.
pub const WASM_MEMORY_LIMIT_DENIED: wasm_memory_status_t = 9;
/// The system, the heap or a reservation has no room; `wasm_memory_last_error` says which.
pub const WASM_MEMORY_OUT_OF_MEMORY: wasm_memory_status_t = 10;
/// Source and destination overlap where they must not.
pub const WASM_MEMORY_OVERLAP: wasm_memory_status_t = 11;
/// The memory's bytes are lent to a callback.
pub const WASM_MEMORY_BORROWED: wasm_memory_status_t = 12;
/// The store has an asynchronous limiter: use the asynchronous form.
pub const WASM_MEMORY_ASYNC_REQUIRED: wasm_memory_status_t = 13;
/// The outcome is not there yet.
pub const WASM_MEMORY_PENDING: wasm_memory_status_t = 14;
/// The host interrupted a wait.
pub const WASM_MEMORY_INTERRUPTED: wasm_memory_status_t = 15;
/// The host closed the memory to waiting.
pub const WASM_MEMORY_CLOSED: wasm_memory_status_t = 16;
/// More threads than can be counted wait at one address (a trap).
pub const WASM_MEMORY_TOO_MANY_WAITERS: wasm_memory_status_t = 17;
/// The range is protected against the access.
pub const WASM_MEMORY_PROTECTED: wasm_memory_status_t = 18;
/// This host, this version or this kind of memory cannot do it.
pub const WASM_MEMORY_UNSUPPORTED: wasm_memory_status_t = 19;
/// A file could not be read, written or understood.
pub const WASM_MEMORY_IO: wasm_memory_status_t = 20;
/// A defect of this library.
pub const WASM_MEMORY_INTERNAL: wasm_memory_status_t = 21;
/// A callback of the host broke its contract.
pub const WASM_MEMORY_HOST_CONTRACT: wasm_memory_status_t = 22;

/// Number, name and message, in the order of the numbers. The messages of the traps are the
/// specification's.
const TEXTS: &[(wasm_memory_status_t, &CStr, &CStr)] = &[
    (WASM_MEMORY_OK, c"WASM_MEMORY_OK", c"success"),
    (WASM_MEMORY_NULL_ARGUMENT, c"WASM_MEMORY_NULL_ARGUMENT", c"a required argument is NULL"),
    (WASM_MEMORY_INVALID_ARGUMENT, c"WASM_MEMORY_INVALID_ARGUMENT", c"an argument has no meaning"),
    (
        WASM_MEMORY_INVALID_TYPE,
        c"WASM_MEMORY_INVALID_TYPE",
        c"the memory type is not valid for this",
    ),
    (WASM_MEMORY_OUT_OF_BOUNDS, c"WASM_MEMORY_OUT_OF_BOUNDS", c"out of bounds memory access"),
    (WASM_MEMORY_UNALIGNED, c"WASM_MEMORY_UNALIGNED", c"unaligned atomic"),
    (WASM_MEMORY_NOT_SHARED, c"WASM_MEMORY_NOT_SHARED", c"expected shared memory"),
    (WASM_MEMORY_SHARED, c"WASM_MEMORY_SHARED", c"not possible on a shared memory"),
    (
        WASM_MEMORY_MAXIMUM_EXCEEDED,
        c"WASM_MEMORY_MAXIMUM_EXCEEDED",
        c"growth passes the maximum of the memory",
    ),
    (WASM_MEMORY_LIMIT_DENIED, c"WASM_MEMORY_LIMIT_DENIED", c"denied by a limit of the store"),
    (WASM_MEMORY_OUT_OF_MEMORY, c"WASM_MEMORY_OUT_OF_MEMORY", c"out of memory or address space"),
    (WASM_MEMORY_OVERLAP, c"WASM_MEMORY_OVERLAP", c"source and destination overlap"),
    (
        WASM_MEMORY_BORROWED,
        c"WASM_MEMORY_BORROWED",
        c"the bytes of the memory are lent to a callback",
    ),
    (
        WASM_MEMORY_ASYNC_REQUIRED,
        c"WASM_MEMORY_ASYNC_REQUIRED",
        c"the store has an asynchronous limiter",
    ),
    (WASM_MEMORY_PENDING, c"WASM_MEMORY_PENDING", c"not decided yet"),
    (WASM_MEMORY_INTERRUPTED, c"WASM_MEMORY_INTERRUPTED", c"the wait was interrupted by the host"),
    (WASM_MEMORY_CLOSED, c"WASM_MEMORY_CLOSED", c"the memory is closed to waiting"),
    (WASM_MEMORY_TOO_MANY_WAITERS, c"WASM_MEMORY_TOO_MANY_WAITERS", c"too many waiters"),
    (WASM_MEMORY_PROTECTED, c"WASM_MEMORY_PROTECTED", c"the range is protected"),
    (WASM_MEMORY_UNSUPPORTED, c"WASM_MEMORY_UNSUPPORTED", c"not supported"),
    (WASM_MEMORY_IO, c"WASM_MEMORY_IO", c"input or output failed"),
    (WASM_MEMORY_INTERNAL, c"WASM_MEMORY_INTERNAL", c"internal error of the library"),
    (
        WASM_MEMORY_HOST_CONTRACT,
        c"WASM_MEMORY_HOST_CONTRACT",
        c"a callback of the host broke its contract",
    ),
];

const _: () = {
    let mut number = 0;
    let mut rest = TEXTS;
    while let [(status, ..), more @ ..] = rest {
        assert!(*status == number, "a status is out of place");
        (number, rest) = (number + 1, more);
    }
};

fn text(status: wasm_memory_status_t) -> Option<(&'static CStr, &'static CStr)> {
    let (_, name, message) = TEXTS.get(usize::try_from(status).ok()?)?;
    Some((name, message))
}

/// The status of an error of the core.
pub(super) const fn of(error: &Error) -> wasm_memory_status_t {
    match error {
        Error::NullArgument(_) => WASM_MEMORY_NULL_ARGUMENT,
        Error::InvalidArgument { .. }
        | Error::TooLarge { .. }
        | Error::NotUtf8(_)
        | Error::NothingToTake(_) => WASM_MEMORY_INVALID_ARGUMENT,
        Error::InvalidType(_) => WASM_MEMORY_INVALID_TYPE,
        Error::OutOfBounds { .. }
        | Error::SegmentOutOfBounds { .. }
        | Error::ImageOutOfBounds { .. }
        | Error::TouchedGuard { .. } => WASM_MEMORY_OUT_OF_BOUNDS,
        Error::Unaligned { .. } | Error::UnalignedRange { .. } => WASM_MEMORY_UNALIGNED,
        Error::Protected { .. } | Error::TouchedProtected { .. } => WASM_MEMORY_PROTECTED,
        Error::NotShared => WASM_MEMORY_NOT_SHARED,
        Error::Shared(_) => WASM_MEMORY_SHARED,
        Error::Interrupted => WASM_MEMORY_INTERRUPTED,
        Error::Closed => WASM_MEMORY_CLOSED,
        Error::TooManyWaiters { .. } => WASM_MEMORY_TOO_MANY_WAITERS,
        Error::Descriptor { .. }
        | Error::File { .. }
        | Error::FileTooShort { .. }
        | Error::FileShrunk { .. }
        | Error::TouchedFileEnd { .. } => WASM_MEMORY_IO,
        Error::MaximumExceeded { .. } | Error::ImageTooLarge { .. } => WASM_MEMORY_MAXIMUM_EXCEEDED,
        Error::LimitDenied { .. } | Error::LimiterDenied { .. } => WASM_MEMORY_LIMIT_DENIED,
        Error::ReservationExceeded { .. }
        | Error::SharedReservationExceeded { .. }
        | Error::ReducedReservationExceeded { .. }
        | Error::PinnedReservationExceeded { .. }
        | Error::OutOfMemory { .. }
        | Error::Unaddressable { .. }
        | Error::HostMaximumExceeded { .. }
        | Error::SlotTooSmall { .. }
        | Error::PoolExhausted { .. }
        | Error::TrapHandlers { .. }
        | Error::OutOfHeap(_) => WASM_MEMORY_OUT_OF_MEMORY,
        Error::Overlap { .. } => WASM_MEMORY_OVERLAP,
        Error::Borrowed => WASM_MEMORY_BORROWED,
        Error::AsyncRequired => WASM_MEMORY_ASYNC_REQUIRED,
        Error::Pending => WASM_MEMORY_PENDING,
        Error::HostContract(_) => WASM_MEMORY_HOST_CONTRACT,
        Error::HostRefused { status, .. } => *status,
        Error::Unsupported(_) => WASM_MEMORY_UNSUPPORTED,
        Error::Internal(_) => WASM_MEMORY_INTERNAL,
    }
}

/// The error for a status with which a callback of the host's refused `bytes`.
pub(super) fn refusal(
    status: wasm_memory_status_t,
    callback: &'static str,
    purpose: Purpose,
    bytes: usize,
) -> Error {
    match text(status).map(|(name, _)| name.to_str()) {
        // Those two would send the caller to wait for what never comes.
        _ if status == WASM_MEMORY_PENDING || status == WASM_MEMORY_ASYNC_REQUIRED => {
            Error::HostContract(Breach::UnknownStatus { callback, status })
        }
        Some(Ok(name)) => Error::HostRefused { status, name, purpose, bytes: bytes as u64 },
        _ => Error::HostContract(Breach::UnknownStatus { callback, status }),
    }
}

/// The name of a status, for example `"WASM_MEMORY_OUT_OF_BOUNDS"`.
///
/// Parameters: `status`: any number.
/// Returns: the constant's name; `"WASM_MEMORY_UNKNOWN_STATUS"` for a number that is none. Never NULL.
/// Ownership: static text, valid while the library is loaded.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_status_name(status: wasm_memory_status_t) -> *const c_char {
    text(status).map_or(c"WASM_MEMORY_UNKNOWN_STATUS", |(name, _)| name).as_ptr()
}

/// What a status means, in a few words; for a trap, the message that the specification gives it.
///
/// Parameters: `status`: any number.
/// Returns: the message; `"unknown status"` for a number that is none. Never NULL.
/// Ownership: static text, valid while the library is loaded.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: the texts of the traps (`OUT_OF_BOUNDS`, `UNALIGNED`, `NOT_SHARED`, `TOO_MANY_WAITERS`).
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_status_message(status: wasm_memory_status_t) -> *const c_char {
    text(status).map_or(c"unknown status", |(_, message)| message).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_from_0_to_22_has_texts_and_no_other() {
        for number in -3..30 {
            assert_eq!(text(number).is_some(), (0..=22).contains(&number), "{number}");
        }
        assert_eq!(text(WASM_MEMORY_HOST_CONTRACT).unwrap().0, c"WASM_MEMORY_HOST_CONTRACT");
    }
}
