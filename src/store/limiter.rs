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
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use wasm_memory::{Engine, Error, IndexType, Limiter, MemoryType, Pages, Policy, Request, Store};
///
/// /// What a tenant may still take, over all its stores.
/// struct Budget(AtomicU64);
///
/// impl Limiter for Budget {
///     fn memory_growing(&self, request: &Request) -> bool {
///         let more = request.desired_bytes - request.current_bytes;
///         self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(more)).is_ok()
///     }
///
///     fn memory_grow_failed(&self, error: &Error) {
///         println!("refused: {error}");
///     }
/// }
///
/// let engine = Engine::new(Policy::default())?;
/// let store = Store::new(&engine)?;
/// store.set_limiter(Some(Box::new(Budget(AtomicU64::new(4 * 65_536)))))?;
/// let memory = store.new_memory(MemoryType::new(IndexType::I32, 1, None)?)?;
/// memory.grow(Pages(3))?;
/// let refused = memory.grow(Pages(1));
/// assert_eq!(refused, Err(Error::LimiterDenied { current: 4 * 65_536, desired: 5 * 65_536 }));
/// # Ok::<(), Error>(())
/// ```
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
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
/// use std::thread;
/// use wasm_memory::{AsyncLimiter, Engine, Error, IndexType, MemoryType, Pages, Policy, Request, Store, Ticket};
///
/// /// Puts the questions before somebody else.
/// struct Desk(Sender<(Request, Ticket)>);
///
/// impl AsyncLimiter for Desk {
///     fn memory_growing(&self, request: &Request, ticket: Ticket) {
///         // A ticket that nobody gets is dropped, and means no.
///         let _ = self.0.send((*request, ticket));
///     }
/// }
///
/// let engine = Engine::new(Policy::default())?;
/// let store = Store::new(&engine)?;
/// let (desk, questions) = channel();
/// store.set_async_limiter(Some(Box::new(Desk(desk))))?;
/// thread::spawn(move || {
///     for (request, ticket) in questions {
///         ticket.resolve(request.desired_bytes <= 2 * 65_536);
///     }
/// });
///
/// let ty = MemoryType::new(IndexType::I32, 1, None)?;
/// assert!(matches!(store.new_memory(ty), Err(Error::AsyncRequired)));
/// let creation = store.new_memory_async(ty)?;
/// creation.wait(None)?;
/// let memory = creation.take_memory()?;
/// let growth = memory.grow_async(Pages(1))?;
/// growth.wait(None)?;
/// assert_eq!(growth.previous_pages(), Some(Pages(1)));
/// let too_much = memory.grow_async(Pages(1))?;
/// assert!(matches!(too_much.wait(None), Err(Error::LimiterDenied { .. })));
/// # Ok::<(), Error>(())
/// ```
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
