//! What an embedder hangs on an object: a pointer of its own, and what to call with it in the end.

use core::ffi::c_void;
use core::fmt;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// What ends an attached pointer.
pub(crate) type Finalizer = unsafe extern "C" fn(*mut c_void);

/// A pointer of the embedder's; its finalizer runs once, when the pointer is replaced or the object
/// that it hangs on goes. Reading it takes no lock.
#[derive(Default)]
pub(crate) struct Attachment {
    pointer: AtomicPtr<c_void>,
    /// Changes together with the pointer.
    finalizer: Mutex<Option<Finalizer>>,
}

impl Attachment {
    /// The pointer last attached; null without one.
    pub(crate) fn get(&self) -> *mut c_void {
        self.pointer.load(Ordering::Acquire)
    }

    /// Attaches `pointer`. The finalizer of what was attached before runs now, under no lock.
    ///
    /// # Safety
    /// `finalizer` may be called with `pointer`, once, on any thread.
    pub(crate) unsafe fn set(&self, pointer: *mut c_void, finalizer: Option<Finalizer>) {
        let mut current = self.finalizer.lock().unwrap_or_else(PoisonError::into_inner);
        let old = (self.pointer.swap(pointer, Ordering::AcqRel), *current);
        *current = finalizer;
        drop(current);
        finalize(old);
    }
}

fn finalize((pointer, finalizer): (*mut c_void, Option<Finalizer>)) {
    if let Some(finalizer) = finalizer {
        // SAFETY: `set` was told so, and this pair has just been taken out for good.
        unsafe { finalizer(pointer) };
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let finalizer = self.finalizer.get_mut().unwrap_or_else(PoisonError::into_inner);
        finalize((*self.pointer.get_mut(), finalizer.take()));
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
