//! Mappings that the system would not take back when their regions went. At the limit on mappings
//! that happens to one that the kernel had merged with its neighbours: to take it out, it would have
//! to split them. It succeeds when the neighbours are gone, so each release tries again.

use super::RESERVED_BYTES;
use crate::alloc::try_box;
use crate::sys;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

struct Leftover {
    start: NonNull<u8>,
    bytes: usize,
    /// Whether it is in `RESERVED_BYTES`.
    counted: bool,
    next: Option<Box<Leftover>>,
}

// SAFETY: it owns its mapping, which belongs to no thread.
unsafe impl Send for Leftover {}

static LIST: Mutex<Option<Box<Leftover>>> = Mutex::new(None);
/// Lets the common case, an empty list, pass without the lock.
static ANY: AtomicBool = AtomicBool::new(false);

/// Remembers a mapping. With no heap left for that, the mapping stays for ever.
pub(super) fn keep(start: NonNull<u8>, bytes: usize, counted: bool) {
    if let Ok(mut new) = try_box(Leftover { start, bytes, counted, next: None }) {
        let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        new.next = list.take();
        *list = Some(new);
        ANY.store(true, Ordering::Relaxed);
    }
}

/// Tries to give back all that is remembered, again and again while that gets anywhere: merged
/// mappings come off at their edges.
pub(super) fn release_all() {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut progress = true;
    while progress {
        progress = false;
        let mut rest = list.take();
        while let Some(mut item) = rest {
            rest = item.next.take();
            // SAFETY: the mapping of a region that is gone; the list alone knows of it.
            if unsafe { sys::release(item.start, item.bytes) }.is_err() {
                item.next = list.take();
                *list = Some(item);
                continue;
            }
            progress = true;
            if item.counted {
                RESERVED_BYTES.fetch_sub(item.bytes as u64, Ordering::Relaxed);
            }
        }
    }
    ANY.store(list.is_some(), Ordering::Relaxed);
}

#[cfg(test)]
pub(super) fn is_kept(start: NonNull<u8>) -> bool {
    let list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    core::iter::successors(list.as_deref(), |item| item.next.as_deref())
        .any(|item| item.start == start)
}
