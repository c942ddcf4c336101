//! Windows, where files are not mapped into ranges of ours: to put one in the place of pages, a reservation would have
//! to be made of placeholders from the start.

use super::{FileMapping, OsError};
use core::convert::Infallible;
use core::ptr::{self, NonNull};
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::Threading::GetCurrentProcess;

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

/// Copies by the system, which fails where reading would raise an exception.
///
/// # Safety
/// The ranges do not overlap, and what is at `to` is writable.
pub(crate) unsafe fn copy_by_kernel(
    from: *const u8,
    to: *mut u8,
    bytes: usize,
) -> Result<(), OsError> {
    super::injection::point()?;
    let mut copied = 0usize;
    // SAFETY: the system reads what is readable and writes no more than `bytes` at `to`, which the caller owns.
    let is_done = unsafe {
        let process = GetCurrentProcess();
        ReadProcessMemory(process, from.cast(), to.cast(), bytes, ptr::from_mut(&mut copied))
    };
    if is_done != 0 && copied == bytes { Ok(()) } else { Err(super::last_error()) }
}
