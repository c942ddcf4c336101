//! The sentence that explains the last failure of a thread.

use super::text::CutText;
use crate::error::Error;
use crate::sys;
use core::cell::Cell;
use core::ffi::c_char;
use core::fmt::Write;

thread_local! {
    // Plain data without a destructor: nothing runs when the thread ends, so that a thread may
    // outlive the library's being unloaded.
    static LAST: Cell<Option<Error>> = const { Cell::new(None) };
}

pub(super) fn record(error: Error) {
    LAST.set(Some(error));
}

/// The sentence about this thread's last call that failed, or that returned NULL, 0 or false for a
/// reason, with the numbers in it and the option that helps.
///
/// A call that succeeds leaves it alone. A caller whose code may change threads between two calls
/// (a goroutine) must fetch it in the same C function as the call that failed.
///
/// Parameters: `buffer`: where to copy the sentence; NULL to ask for its length only. `capacity`:
/// bytes of `buffer`, the NUL included; the sentence is cut to fit.
/// Returns: the length of the whole sentence in bytes without the NUL; 0 when nothing failed yet.
/// Ownership: none passes.
/// Threads: any; each has its own.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_last_error(buffer: *mut c_char, capacity: usize) -> usize {
    let suspended = sys::suspend_traps();
    let capacity = if buffer.is_null() { 0 } else { capacity };
    // SAFETY: the contract of the ABI: the buffer has `capacity` bytes.
    let mut text = unsafe { CutText::new(buffer, capacity) };
    if let Some(error) = LAST.get() {
        // Writing to it cannot fail.
        let _ = write!(text, "{error}");
    }
    let length = text.finish();
    suspended.resume();
    length
}
