//! Systems on which files are not mapped into ranges of ours.

use super::{FileMapping, OsError};
use core::convert::Infallible;
use core::ptr::NonNull;

/// Why a file was not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unmapped {
    pub(crate) os: OsError,
    pub(crate) is_lost: bool,
}

/// There is no such thing here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostFile(Infallible);

impl HostFile {
    pub(crate) fn new(_descriptor: isize) -> Result<Option<(Self, u64)>, OsError> {
        Err(OsError(0))
    }

    /// # Safety
    /// None needed: there is no such file.
    pub(crate) unsafe fn map_over(
        self,
        _address: NonNull<u8>,
        _bytes: usize,
        _offset: u64,
        _how: FileMapping,
    ) -> Result<(), Unmapped> {
        match self.0 {}
    }
}

/// # Safety
/// The ranges are valid, and do not overlap.
pub(crate) unsafe fn copy_by_kernel(
    from: *const u8,
    to: *mut u8,
    bytes: usize,
) -> Result<(), OsError> {
    // SAFETY: the caller's ranges; no file can be mapped there.
    unsafe { to.copy_from_nonoverlapping(from, bytes) };
    Ok(())
}
