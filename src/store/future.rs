//! Creations and growths that wait for an asynchronous limiter.

use super::Store;
use super::limiter::{Question, ReadyCallback, Request};
use super::member::{Member, StoreMemory};
use crate::alloc::Ref;
use crate::error::Error;
use crate::memory::Growth;
use crate::types::MemoryType;
use crate::units::Pages;
use core::time::Duration;
use std::time::Instant;

/// A creation or growth under way. Dropping it gives it up.
///
/// Without an asynchronous limiter it is ready as soon as it exists.
#[derive(Debug)]
pub struct MemoryFuture {
    stage: Stage,
    on_ready: Option<ReadyCallback>,
    /// A question that is answered, but whose callback had not returned when last seen.
    calling: Option<Ref<Question>>,
    /// What the host gave to the store lives as long as any future of it.
    _store: Store,
}

#[derive(Debug)]
enum Stage {
    Asked(Ref<Question>, Job),
    Done(Result<Outcome, Error>),
}

#[derive(Debug)]
enum Job {
    Creation(Store, MemoryType),
    Growth(Ref<Member>, Pages, Growth),
}

/// What became of a future that succeeded.
#[derive(Debug)]
enum Outcome {
    /// A new memory, until it is taken.
    Memory(Option<StoreMemory>),
    /// The size before the growth.
    Grown(Pages),
}

impl core::fmt::Debug for Question {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Question({:?})", self.answer())
    }
}

/// A step of the work: over, or waiting for an answer.
type Step = Result<Stage, Error>;

fn create(store: Store, ty: MemoryType) -> Step {
    match store.ask(&Request::creation(&ty), None)? {
        None => Ok(Stage::Done(Ok(Outcome::Memory(Some(store.make(ty)?))))),
        Some(question) => Ok(Stage::Asked(question, Job::Creation(store, ty))),
    }
}

fn grow(member: Ref<Member>, delta: Pages, on_ready: Option<ReadyCallback>) -> Step {
    loop {
        let Some(growth) = member.memory().plan_growth(delta)? else {
            return Ok(Stage::Done(Ok(Outcome::Grown(member.memory().pages()))));
        };
        if let Some(question) = member.store().ask(&member.request(growth), on_ready)? {
            return Ok(Stage::Asked(question, Job::Growth(member, delta, growth)));
        }
        if let Some(previous) = member.perform(growth)? {
            return Ok(Stage::Done(Ok(Outcome::Grown(previous))));
        }
    }
}

impl Job {
    /// Goes on with the limiter's answer.
    fn proceed(self, allowed: bool, on_ready: Option<ReadyCallback>) -> Stage {
        let step = match self {
            Self::Creation(store, ty) => store.telling(|| {
                if !allowed {
                    return Err(Request::creation(&ty).denied());
                }
                Ok(Stage::Done(Ok(Outcome::Memory(Some(store.make(ty)?)))))
            }),
            Self::Growth(member, delta, growth) => member.counting(|| {
                if !allowed {
                    return Err(member.request(growth).denied());
                }
                // The bytes may have been lent since.
                member.memory().plan_growth(delta)?;
                match member.perform(growth)? {
                    Some(previous) => Ok(Stage::Done(Ok(Outcome::Grown(previous)))),
                    None => grow(member.clone(), delta, on_ready),
                }
            }),
        };
        step.unwrap_or_else(|error| Stage::Done(Err(error)))
    }
}

impl MemoryFuture {
    pub(super) fn creation(store: Store, ty: MemoryType) -> Self {
        Self::new(store.clone(), store.telling(|| create(store.clone(), ty)))
    }

    pub(crate) fn growth(member: Ref<Member>, delta: Pages) -> Self {
        Self::new(member.store().clone(), member.counting(|| grow(member.clone(), delta, None)))
    }

    fn new(store: Store, step: Step) -> Self {
        Self {
            stage: step.unwrap_or_else(|error| Stage::Done(Err(error))),
            on_ready: None,
            calling: None,
            _store: store,
        }
    }

    /// Goes on as far as that is possible without waiting; the error is [`Error::Pending`] as long as the
    /// limiter has not answered, and the reason if the work failed.
    pub fn poll(&mut self) -> Result<(), Error> {
        self.poll_unless(|| false)
    }

    /// Waits for the outcome, at most as long as `timeout` says; `None`: for ever. Answers like
    /// [`MemoryFuture::poll`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        self.wait_unless(timeout, || false)
    }

    /// Polls, and stops when it is given up from within.
    pub(crate) fn poll_unless(&mut self, given_up: impl Fn() -> bool) -> Result<(), Error> {
        self.proceed(Question::answer, given_up)
    }

    /// Waits, and stops when it is given up from within.
    pub(crate) fn wait_unless(
        &mut self,
        timeout: Option<Duration>,
        given_up: impl Fn() -> bool,
    ) -> Result<(), Error> {
        // A time past what the clock can show is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.proceed(|question| question.wait(deadline), given_up)
    }

    fn proceed(
        &mut self,
        answer: impl Fn(&Question) -> Option<bool>,
        given_up: impl Fn() -> bool,
    ) -> Result<(), Error> {
        loop {
            let allowed = match &self.stage {
                Stage::Done(Ok(_)) => return Ok(()),
                Stage::Done(Err(error)) => return Err(*error),
                Stage::Asked(..) if given_up() => return Err(Error::Pending),
                Stage::Asked(question, _) => answer(question).ok_or(Error::Pending)?,
            };
            // The limiter may call back into the library from here, but nobody else has this future.
            let asked = core::mem::replace(&mut self.stage, Stage::Done(Err(Error::Pending)));
            if let Stage::Asked(question, job) = asked {
                // The thread that answered may be just about to call back.
                if question.is_calling()
                    && let Some(before) = self.calling.replace(question)
                {
                    before.detach();
                }
                // It may be asked again, and answered at once, and so on.
                self.stage = job.proceed(allowed, self.on_ready);
            }
        }
    }

    /// The new memory, once.
    pub fn take_memory(&mut self) -> Result<StoreMemory, Error> {
        match &mut self.stage {
            Stage::Asked(..) => Err(Error::Pending),
            Stage::Done(Err(error)) => Err(*error),
            Stage::Done(Ok(Outcome::Grown(_))) => {
                Err(Error::NothingToTake("it is that of a growth"))
            }
            Stage::Done(Ok(Outcome::Memory(memory))) => {
                memory.take().ok_or(Error::NothingToTake("it has been taken"))
            }
        }
    }

    /// The size before a growth that succeeded.
    pub fn previous_pages(&self) -> Option<Pages> {
        match &self.stage {
            Stage::Done(Ok(Outcome::Grown(previous))) => Some(*previous),
            _ => None,
        }
    }

    /// Sets what is called at each answer of the limiter. Returns it when there is nothing to wait for: then
    /// it is for the caller to call, who may be about to drop the future in it.
    pub(crate) fn on_ready(&mut self, callback: Option<ReadyCallback>) -> Option<ReadyCallback> {
        self.detach();
        self.on_ready = callback;
        let callback = callback?;
        match &self.stage {
            Stage::Asked(question, _) if question.attach(callback) => None,
            _ => Some(callback),
        }
    }

    /// When this returns, the callback is not running on another thread, and will not run.
    fn detach(&mut self) {
        if let Some(question) = self.calling.take() {
            question.detach();
        }
        if let Stage::Asked(question, _) = &self.stage {
            question.detach();
        }
    }
}

impl Drop for MemoryFuture {
    fn drop(&mut self) {
        self.detach();
    }
}
