//! Windows, where files are not mapped into ranges of ours: to put one in the place of pages, a reservation would have
//! to be made of placeholders from the start.

use super::{FileMapping, OsError};
use core::convert::Infallible;
use core::ptr::NonNull;
use windows_sys::Win32::Foundation::ERROR_NOACCESS;

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
        Err(OsError::none())
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

/// Copies what can be read, or fails. Without files in a memory, what can be read stays so until its owner says
/// otherwise: a look before is enough.
///
/// # Safety
/// The ranges do not overlap, what is at `to` is writable, and nobody changes what may be done with what is at `from`
/// meanwhile.
pub(crate) unsafe fn copy_by_kernel(
    from: *const u8,
    to: *mut u8,
    bytes: usize,
) -> Result<(), OsError> {
    super::injection::point()?;
    if !super::system::is_readable(from, bytes) {
        return Err(OsError(ERROR_NOACCESS.cast_signed()));
    }
    // SAFETY: the caller's ranges, and reading was just seen to be allowed.
    unsafe { to.copy_from_nonoverlapping(from, bytes) };
    Ok(())
}
