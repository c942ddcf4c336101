//! Systems that do not tell which pages were written.

use super::OsError;
use core::ptr::NonNull;

/// Pages that follow one another and were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenPages {
    /// The address of the first.
    pub(crate) start: usize,
    /// The address behind the last.
    pub(crate) end: usize,
    /// Whether they are not in memory now.
    pub(crate) is_swapped: bool,
}

/// It is not known.
pub(crate) fn present_bytes(
    _start: NonNull<u8>,
    _bytes: usize,
    _page_bytes: usize,
) -> Result<u64, OsError> {
    Err(OsError(0))
}

/// It is not known.
pub(crate) fn written_pages(
    _start: NonNull<u8>,
    _bytes: usize,
    _page_bytes: usize,
    _found: impl FnMut(WrittenPages),
) -> Result<(), OsError> {
    Err(OsError(0))
}
