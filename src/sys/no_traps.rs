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

#[inline]
pub(crate) fn may_catch_traps() -> bool {
    false
}

/// There is nothing to suspend.
pub(crate) struct SuspendedTraps;

#[inline]
pub(crate) fn suspend_traps() -> SuspendedTraps {
    SuspendedTraps
}
