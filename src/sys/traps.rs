//! Faults that end a call. How a system tells of them, and the jump, are C's: `trap.c` for signals, `trap_windows.c` for
//! exceptions.

use super::alternate_stack::arm;
use super::{Body, OsError, Recognizer};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    fn wasm_memory_trap_install(recognizer: Recognizer) -> c_int;
    fn wasm_memory_trap_uninstall();
    fn wasm_memory_trap_catch(body: Body, env: *mut c_void, found: *mut c_void) -> c_int;
    fn wasm_memory_trap_suspend() -> *mut c_void;
    fn wasm_memory_trap_resume(suspended: *mut c_void);
}

/// What `wasm_memory_trap_catch` answers.
const CAUGHT: c_int = 1;
const UNARMED: c_int = 2;

/// Whether there have been handlers; without, there is nothing to suspend.
static ARE_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Sets the handlers. Not twice without an end between. Fails where the system refuses.
pub(crate) fn install_trap_handlers(recognizer: Recognizer) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: the recognizer is a function that lives as long as the library; the caller installs once.
    match unsafe { wasm_memory_trap_install(recognizer) } {
        0 => {
            ARE_INSTALLED.store(true, Ordering::Relaxed);
            Ok(())
        }
        error => Err(OsError(error)),
    }
}

/// Sets what was there before.
pub(crate) fn uninstall_trap_handlers() {
    // SAFETY: no conditions.
    unsafe { wasm_memory_trap_uninstall() };
}

/// Calls `body`. True: a fault that was recognized ended it, and `found` says what was found.
///
/// # Safety
/// `body` may be called with `env`, and what it calls may be left at any fault: nothing is held there that
/// would have to be released. `found` is writable for what the recognizer writes.
pub(crate) unsafe fn catch_trap(
    body: Body,
    env: *mut c_void,
    found: *mut c_void,
) -> Result<bool, OsError> {
    // SAFETY: passed on.
    match unsafe { wasm_memory_trap_catch(body, env, found) } {
        UNARMED => {
            arm()?;
            // SAFETY: passed on.
            Ok(unsafe { wasm_memory_trap_catch(body, env, found) } == CAUGHT)
        }
        outcome => Ok(outcome == CAUGHT),
    }
}

/// Until this is resumed, no fault of this thread ends a call that was begun before. Resumed by hand: what lies between
/// does not unwind, and a destructor would have to be ready for that.
#[must_use]
pub(crate) struct SuspendedTraps(Option<*mut c_void>);

/// See [`SuspendedTraps`].
#[inline]
pub(crate) fn suspend_traps() -> SuspendedTraps {
    // SAFETY: no conditions.
    SuspendedTraps(
        ARE_INSTALLED.load(Ordering::Relaxed).then(|| unsafe { wasm_memory_trap_suspend() }),
    )
}

impl SuspendedTraps {
    #[inline]
    pub(crate) fn resume(self) {
        if let Some(suspended) = self.0 {
            // SAFETY: what was suspended on this thread right before, and its call goes on.
            unsafe { wasm_memory_trap_resume(suspended) };
        }
    }
}
