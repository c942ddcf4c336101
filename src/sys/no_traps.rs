//! A system whose way to tell of faults we do not know.

use super::OsError;
use core::ffi::{c_int, c_void};

pub(crate) type Recognizer =
    unsafe extern "C" fn(address: usize, is_bus_error: c_int, found: *mut c_void) -> c_int;

pub(crate) const TRAP_PASS_ON: c_int = 0;
pub(crate) const TRAP_END: c_int = 1;
pub(crate) const TRAP_AGAIN: c_int = 2;

pub(crate) type Body = unsafe extern "C" fn(env: *mut c_void);

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
pub(crate) struct SuspendedTraps;

#[inline]
pub(crate) fn suspend_traps() -> SuspendedTraps {
    SuspendedTraps
}
