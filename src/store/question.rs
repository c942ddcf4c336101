//! The question behind a future: what an asynchronous limiter answers through a ticket, and who is told.

use super::Store;
use super::limiter::{AsyncLimiter, Request};
use crate::alloc::Ref;
use crate::error::Error;
use core::cell::Cell;
use core::ffi::c_void;
use core::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

thread_local! {
    /// How many callbacks of futures this thread is in.
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
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
    /// `function` may be called with `env` on any thread, until the future has another callback or is given
    /// up.
    pub(crate) unsafe fn new(
        function: unsafe extern "C" fn(*mut c_void),
        env: *mut c_void,
    ) -> Self {
        Self { function, env }
    }

    pub(crate) fn call(self) {
        CALLBACKS.set(CALLBACKS.get().saturating_add(1));
        // SAFETY: promised to `new`; `Question` calls none that it has no more.
        unsafe { (self.function)(self.env) };
        CALLBACKS.set(CALLBACKS.get().saturating_sub(1));
    }
}

/// What a future has asked. It may be asked again, when the ticket of before is gone: there is one ticket at
/// a time.
pub(super) struct Question {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stage: Stage,
    on_ready: Option<ReadyCallback>,
    /// How often the callback is still to be called.
    calls_due: u32,
    /// Whether a thread is about to call it, or in it. There is one such thread at a time.
    calling: bool,
    given_up: bool,
    /// The store and the limiter are kept as long as a ticket is out.
    kept: Option<(Store, Ref<Box<dyn AsyncLimiter>>)>,
}

#[derive(Clone, Copy, Default)]
enum Stage {
    /// Nobody knows yet.
    #[default]
    Open,
    /// The limiter has answered.
    Answered(bool),
    /// The future has its outcome.
    Settled,
}

impl Question {
    pub(super) fn new() -> Result<Ref<Self>, Error> {
        Ref::try_new(Self { state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request to a limiter.
    pub(super) fn put(
        this: &Ref<Self>,
        request: &Request,
        store: &Store,
        limiter: &Ref<Box<dyn AsyncLimiter>>,
    ) {
        let mut state = this.state();
        state.stage = Stage::Open;
        state.kept = Some((store.clone(), limiter.clone()));
        drop(state);
        limiter.memory_growing(request, Ticket(Some(this.clone())));
    }

    /// The limiter's answer, if it is there.
    pub(super) fn answer(&self) -> Option<bool> {
        match self.state().stage {
            Stage::Answered(allow) => Some(allow),
            Stage::Open | Stage::Settled => None,
        }
    }

    /// Waits for the answer until `deadline`, or for ever without one.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Option<bool> {
        let mut state = self.state();
        loop {
            if let Stage::Answered(allow) = state.stage {
                return Some(allow);
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let woken = self.changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The outcome is known: there is nothing to wait for any more.
    pub(super) fn settle(&self) {
        self.state().stage = Stage::Settled;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.state().given_up
    }

    fn resolve(&self, allow: bool) {
        let mut state = self.state();
        state.stage = Stage::Answered(allow);
        let kept = state.kept.take();
        if state.on_ready.is_some() {
            state.calls_due = state.calls_due.saturating_add(1);
        }
        self.changed.notify_all();
        // Another thread that is still in the callback for an answer of before calls it for this one too.
        if !state.calling {
            while let (Some(callback), Some(due)) = (state.on_ready, state.calls_due.checked_sub(1))
            {
                state.calls_due = due;
                state.calling = true;
                drop(state);
                callback.call();
                state = self.state();
            }
            state.calling = false;
            self.changed.notify_all();
        }
        drop(state);
        // The finalizers, if this was the last use, under no lock.
        drop(kept);
    }

    /// Takes the callback off. It is not running on another thread after this, and will not run; unless
    /// this thread is in such a callback itself, which others may be waiting for: then nothing is waited
    /// for.
    fn silence(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.on_ready = None;
        state.calls_due = 0;
        while state.calling && CALLBACKS.get() == 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Sets what is called at each answer, and says whether there is something to poll for already.
    pub(super) fn set_on_ready(&self, callback: Option<ReadyCallback>) -> bool {
        let mut state = self.silence();
        state.on_ready = callback;
        !matches!(state.stage, Stage::Open)
    }

    /// The future is of no interest any more.
    pub(super) fn give_up(&self) {
        self.silence().given_up = true;
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({:?})", self.answer())
    }
}

/// The right to answer a question, once. Dropped without an answer, it means no.
#[derive(Debug)]
pub struct Ticket(Option<Ref<Question>>);

impl Ticket {
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
