//! The sentence that explains the last failure of a thread.

use crate::error::Error;
use core::cell::Cell;
use core::ffi::c_char;
use core::fmt::{self, Write};

thread_local! {
    // Plain data without a destructor: nothing runs when the thread ends, so that a thread may
    // outlive the library's being unloaded.
    static LAST: Cell<Option<Error>> = const { Cell::new(None) };
}

pub(super) fn record(error: Error) {
    LAST.set(Some(error));
}

/// Counts all that is written and keeps the part that fits, with a NUL behind it.
struct Cut {
    buffer: *mut c_char,
    capacity: usize,
    written: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.written < self.capacity.saturating_sub(1) {
                // SAFETY: the buffer has `capacity` bytes by the contract of the ABI.
                unsafe { self.buffer.add(self.written).cast::<u8>().write(byte) };
            }
            self.written = self.written.saturating_add(1);
        }
        Ok(())
    }
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
    let capacity = if buffer.is_null() { 0 } else { capacity };
    let mut cut = Cut { buffer, capacity, written: 0 };
    if let Some(error) = LAST.get() {
        // Writing to Cut cannot fail.
        let _ = write!(cut, "{error}");
    }
    if let Some(last) = capacity.checked_sub(1) {
        // SAFETY: the index is below the capacity.
        unsafe { buffer.add(cut.written.min(last)).write(0) };
    }
    cut.written
}
