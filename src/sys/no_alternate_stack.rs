//! A system that runs the handlers of faults on the stack of the thread.

use super::OsError;

/// There is nothing that a thread could be given: it was asked before there were handlers.
pub(super) fn arm() -> Result<(), OsError> {
    Err(OsError::none())
}
