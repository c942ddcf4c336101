//! Where the system does not tell which pages were written since a moment.

use super::OsError;
use core::ptr::NonNull;

/// Never made here.
#[derive(Debug)]
pub(crate) struct WriteWatch {
    never: core::convert::Infallible,
}

impl WriteWatch {
    /// # Safety
    /// None is needed here; elsewhere the range is the caller's, and mapped for as long as the watch lives.
    pub(crate) unsafe fn new(start: NonNull<u8>, bytes: usize) -> Result<Self, OsError> {
        let _ = (start, bytes);
        Err(OsError::none())
    }

    pub(crate) fn bytes(&self) -> usize {
        match self.never {}
    }

    pub(crate) fn arm(&self, _bytes_from_start: usize) -> Result<(), OsError> {
        match self.never {}
    }

    pub(crate) fn written(
        &self,
        _bytes_from_start: usize,
        _found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), OsError> {
        match self.never {}
    }
}
