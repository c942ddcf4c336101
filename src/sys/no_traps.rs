//! A system whose way to tell of faults we do not know.

use super::{Body, OsError, Recognizer};
use core::ffi::c_void;

pub(crate) fn install_trap_handlers(_recognizer: Recognizer) -> Result<(), OsError> {
    Err(OsError::none())
}

pub(crate) fn uninstall_trap_handlers() {}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn catch_trap(
    _body: Body,
    _env: *mut c_void,
    _found: *mut c_void,
) -> Result<bool, OsError> {
    Err(OsError::none())
}

/// There is nothing to suspend.
#[must_use]
pub(crate) struct SuspendedTraps;

impl SuspendedTraps {
    #[inline]
    pub(crate) fn resume(self) {}
}

#[inline]
pub(crate) fn suspend_traps() -> SuspendedTraps {
    SuspendedTraps
}
