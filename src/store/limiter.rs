//! Who decides on creations and growths, at once or later.

use super::question::Ticket;
use crate::alloc::Ref;
use crate::error::Error;
use crate::types::MemoryType;
use crate::units::{PageSize, Pages};
use core::fmt;

/// A creation or growth that is to be decided, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The length now; 0 for a new memory.
    pub current_bytes: u64,
    /// The length asked for.
    pub desired_bytes: u64,
    /// The most that the type allows; `None` if it has no maximum.
    pub maximum_bytes: Option<u64>,
    creation: bool,
}

/// So many pages in bytes, as far as 64 bits go.
fn bytes(pages: Pages, page_size: PageSize) -> u64 {
    u64::try_from(pages.bytes(page_size)).unwrap_or(u64::MAX)
}

impl Request {
    pub(super) fn creation(ty: &MemoryType) -> Self {
        Self { current_bytes: 0, creation: true, ..Self::growth(ty, Pages(0), ty.minimum()) }
    }

    pub(super) fn growth(ty: &MemoryType, current: Pages, wanted: Pages) -> Self {
        let page_size = ty.page_size();
        Self {
            current_bytes: bytes(current, page_size),
            desired_bytes: bytes(wanted, page_size),
            maximum_bytes: ty.maximum().map(|maximum| bytes(maximum, page_size)),
            creation: false,
        }
    }

    /// Whether a memory is to be made, and not to grow.
    pub fn is_creation(&self) -> bool {
        self.creation
    }

    pub(super) fn denied(&self) -> Error {
        Error::LimiterDenied { current: self.current_bytes, desired: self.desired_bytes }
    }
}

/// Decides on creations and growths at once.
///
/// Several threads may ask at once; the store may be used from within.
pub trait Limiter: Send + Sync {
    /// Whether the memory may have the size asked for.
    fn memory_growing(&self, request: &Request) -> bool;

    /// Hears of every creation and growth that failed, for whatever reason.
    fn memory_grow_failed(&self, error: &Error) {
        let _ = error;
    }
}

/// Decides on creations and growths when it likes.
///
/// Several threads may ask at once; the store may be used from within.
pub trait AsyncLimiter: Send + Sync {
    /// Decides, now or later and from any thread, by resolving the ticket.
    fn memory_growing(&self, request: &Request, ticket: Ticket);

    /// Hears of every creation and growth that failed, for whatever reason.
    fn memory_grow_failed(&self, error: &Error) {
        let _ = error;
    }
}

/// The limiter of a store.
#[derive(Clone)]
pub(super) enum Deciding {
    Now(Ref<Box<dyn Limiter>>),
    Later(Ref<Box<dyn AsyncLimiter>>),
}

impl Deciding {
    /// Tells the limiter of a failure.
    pub(super) fn tell(&self, error: &Error) {
        match self {
            Self::Now(limiter) => limiter.memory_grow_failed(error),
            Self::Later(limiter) => limiter.memory_grow_failed(error),
        }
    }
}

impl fmt::Debug for Deciding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Limiter",
            Self::Later(_) => "AsyncLimiter",
        })
    }
}
