//! Text for C: cut to fit, ended by a NUL.

use core::ffi::c_char;
use core::fmt::{self, Write};

/// Counts all that is written and keeps the part that fits into a buffer.
pub(super) struct CutText {
    buffer: *mut c_char,
    capacity: usize,
    written: usize,
}

impl CutText {
    /// # Safety
    /// The buffer is writable for `capacity` bytes for as long as the text is being written.
    pub(super) unsafe fn new(buffer: *mut c_char, capacity: usize) -> Self {
        Self { buffer, capacity, written: 0 }
    }

    /// Whether nothing more fits.
    pub(super) fn is_full(&self) -> bool {
        self.written >= self.capacity.saturating_sub(1)
    }

    /// Puts the NUL behind what fits, and says how long the whole text is without it.
    pub(super) fn finish(self) -> usize {
        if let Some(last) = self.capacity.checked_sub(1) {
            // SAFETY: the index is below the capacity.
            unsafe { self.buffer.add(self.written.min(last)).write(0) };
        }
        self.written
    }
}

impl Write for CutText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if !self.is_full() {
                // SAFETY: what is written is less than the capacity.
                unsafe { self.buffer.add(self.written).cast::<u8>().write(byte) };
            }
            self.written = self.written.saturating_add(1);
        }
        Ok(())
    }
}
