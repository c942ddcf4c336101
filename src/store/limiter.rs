//! Who decides on creations and growths, at once or later.

use super::Store;
use crate::alloc::Ref;
use crate::error::Error;
use crate::types::MemoryType;
use crate::units::{PageSize, Pages};
use core::ffi::c_void;
use core::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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

impl fmt::Debug for Deciding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Limiter",
            Self::Later(_) => "AsyncLimiter",
        })
    }
}

/// What C wants to be called when a future has become ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyCallback {
    function: unsafe extern "C" fn(*mut c_void),
    env: *mut c_void,
}

// SAFETY: whoever makes one says that it may be called on any thread.
unsafe impl Send for ReadyCallback {}

impl ReadyCallback {
    /// # Safety
    /// `function` may be called with `env` on any thread, until the callback is detached.
    pub(crate) unsafe fn new(
        function: unsafe extern "C" fn(*mut c_void),
        env: *mut c_void,
    ) -> Self {
        Self { function, env }
    }

    pub(crate) fn call(self) {
        // SAFETY: promised to `new`; `Question` calls none that has been detached.
        unsafe { (self.function)(self.env) }
    }
}

/// A question that an asynchronous limiter has been asked. The future and the ticket have it in common.
pub(super) struct Question {
    state: Mutex<Asked>,
    changed: Condvar,
    /// They are kept as long as the ticket is out.
    _limiter: Ref<Box<dyn AsyncLimiter>>,
    _store: Store,
}

#[derive(Debug, Default)]
struct Asked {
    answer: Option<bool>,
    on_ready: Option<ReadyCallback>,
    /// The thread that is in the callback at the moment.
    calling: Option<ThreadMark>,
}

/// Tells threads that are alive apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ThreadMark(usize);

impl ThreadMark {
    fn mine() -> Self {
        thread_local! {
            static MARK: u8 = const { 0 };
        }
        // A thread that is ending has no mark, and is in no callback of ours then.
        Self(MARK.try_with(|mark| (&raw const *mark).addr()).unwrap_or(0))
    }
}

impl Question {
    pub(super) fn new(
        store: Store,
        limiter: Ref<Box<dyn AsyncLimiter>>,
        on_ready: Option<ReadyCallback>,
    ) -> Result<Ref<Self>, Error> {
        Ref::try_new(Self {
            state: Mutex::new(Asked { on_ready, ..Asked::default() }),
            changed: Condvar::new(),
            _limiter: limiter,
            _store: store,
        })
    }

    fn state(&self) -> MutexGuard<'_, Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limiter's answer, if it is there.
    pub(super) fn answer(&self) -> Option<bool> {
        self.state().answer
    }

    /// Waits for the answer until `deadline`, or for ever without one.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Option<bool> {
        let mut state = self.state();
        while state.answer.is_none() {
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let woken = self.changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.answer
    }

    fn resolve(&self, allow: bool) {
        let mut state = self.state();
        state.answer = Some(allow);
        let callback = state.on_ready.take();
        state.calling = callback.map(|_| ThreadMark::mine());
        drop(state);
        self.changed.notify_all();
        if let Some(callback) = callback {
            callback.call();
            self.state().calling = None;
            self.changed.notify_all();
        }
    }

    /// Attaches what is to be called at the answer, unless that is there already.
    pub(super) fn attach(&self, callback: ReadyCallback) -> bool {
        let mut state = self.state();
        let open = state.answer.is_none();
        if open {
            state.on_ready = Some(callback);
        }
        open
    }

    /// Whether a callback has been taken to be called, and has not returned.
    pub(super) fn is_calling(&self) -> bool {
        self.state().calling.is_some()
    }

    /// Takes the callback off. It is not running after this on another thread, and will not run.
    pub(super) fn detach(&self) {
        let mut state = self.state();
        state.on_ready = None;
        while state.calling.is_some_and(|thread| thread != ThreadMark::mine()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The right to answer a question, once. Dropped without an answer, it means no.
pub struct Ticket(Option<Ref<Question>>);

impl Ticket {
    pub(super) fn new(question: Ref<Question>) -> Self {
        Self(Some(question))
    }

    /// Answers. The memory is made or grown by the thread that polls the future or waits for it.
    pub fn resolve(mut self, allow: bool) {
        if let Some(question) = self.0.take() {
            question.resolve(allow);
        }
    }

    /// Gives the ticket away as a pointer, for [`Ticket::from_raw`].
    pub(crate) fn into_raw(mut self) -> *mut c_void {
        self.0.take().map_or(core::ptr::null_mut(), |question| question.into_raw().cast())
    }

    /// Takes back what [`Ticket::into_raw`] gave away.
    ///
    /// # Safety
    /// The pointer comes from there and is taken back once.
    pub(crate) unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: passed on.
        Self(Some(unsafe { Ref::from_raw(raw.cast()) }))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(question) = self.0.take() {
            question.resolve(false);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}
