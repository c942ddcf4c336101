//! Creations and growths that wait for an asynchronous limiter.

use super::Store;
use super::limiter::{Deciding, Request};
use super::member::{Member, StoreMemory};
use super::question::{Question, ReadyCallback};
use crate::alloc::Ref;
use crate::error::Error;
use crate::memory::{Growth, Memory};
use crate::types::MemoryType;
use crate::units::Pages;
use core::cell::RefCell;
use core::time::Duration;
use std::time::Instant;

/// A creation or growth under way. Dropping it gives it up.
///
/// Without an asynchronous limiter it is ready as soon as it exists. Its methods take `&self`, because a
/// limiter may come back to it from within; what it asks for then is [`Error::Pending`]. It is no
/// `std::future::Future`: it is polled when there is time for it. See [`AsyncLimiter`] for how one is
/// answered.
///
/// ```
/// use wasm_memory::{Engine, Error, IndexType, MemoryType, Pages, Policy, Store};
///
/// let engine = Engine::new(Policy::default())?;
/// let creation = Store::new(&engine)?.new_memory_async(MemoryType::new(IndexType::I32, 1, None)?)?;
/// // Nobody has to be asked here.
/// creation.poll()?;
/// let memory = creation.take_memory()?;
/// assert_eq!(memory.pages(), Pages(1));
/// assert!(matches!(creation.take_memory(), Err(Error::NothingToTake(_))));
/// # Ok::<(), Error>(())
/// ```
///
/// [`AsyncLimiter`]: crate::AsyncLimiter
#[derive(Debug)]
pub struct MemoryFuture {
    work: RefCell<Work>,
    /// What a callback from within may change is in here.
    question: Ref<Question>,
    /// What the host gave to the store lives as long as any future of it.
    store: Store,
}

#[derive(Debug)]
enum Work {
    Asked(Job),
    Done(Result<Outcome, Error>),
}

#[derive(Debug)]
enum Job {
    Creation(MemoryType),
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

/// A step of the work: it is over, or waits for an answer.
type Step = Result<Work, Error>;

fn made(store: &Store, ty: MemoryType) -> Step {
    Ok(Work::Done(Ok(Outcome::Memory(Some(store.make(ty, None)?)))))
}

fn grown(previous: Pages) -> Step {
    Ok(Work::Done(Ok(Outcome::Grown(previous))))
}

fn create(
    store: &Store,
    ty: MemoryType,
    question: &Ref<Question>,
    asked: &mut Option<Deciding>,
) -> Step {
    Memory::check_kind(store.engine(), &ty)?;
    let is_later = store.ask(None, &Request::creation(&ty), question, asked)?;
    if is_later { Ok(Work::Asked(Job::Creation(ty))) } else { made(store, ty) }
}

fn grow(
    member: &Ref<Member>,
    delta: Pages,
    question: &Ref<Question>,
    asked: &mut Option<Deciding>,
) -> Step {
    loop {
        let Some(growth) = member.memory().plan_growth(delta)? else {
            return grown(member.memory().pages());
        };
        if member.store().ask(Some(member.slot()), &member.request(growth), question, asked)? {
            return Ok(Work::Asked(Job::Growth(member.clone(), delta, growth)));
        }
        if let Some(previous) = member.perform(growth)? {
            return grown(previous);
        }
    }
}

impl MemoryFuture {
    pub(super) fn creation(store: Store, ty: MemoryType) -> Result<Self, Error> {
        let question = Question::new()?;
        let step = store.telling(|asked| create(&store, ty, &question, asked));
        Ok(Self::new(store, question, step))
    }

    pub(super) fn growth(member: &Ref<Member>, delta: Pages) -> Result<Self, Error> {
        let question = Question::new()?;
        let step = member.counting(|asked| grow(member, delta, &question, asked));
        Ok(Self::new(member.store().clone(), question, step))
    }

    fn new(store: Store, question: Ref<Question>, step: Step) -> Self {
        let future = Self { work: RefCell::new(done_if_failed(step)), question, store };
        if let Work::Done(_) = &*future.work.borrow() {
            future.question.settle();
        }
        future
    }

    /// Goes on as far as that is possible without waiting; the error is [`Error::Pending`] as long as the
    /// limiter has not answered, and the reason if the work failed.
    pub fn poll(&self) -> Result<(), Error> {
        self.proceed(Question::answer)
    }

    /// Waits for the outcome, at most as long as `timeout` says; `None`: for ever. Answers like
    /// [`MemoryFuture::poll`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<(), Error> {
        // A time past what the clock can show is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.proceed(|question| question.wait(deadline))
    }

    fn proceed(&self, answer: impl Fn(&Question) -> Option<bool>) -> Result<(), Error> {
        let mut work = self.work.try_borrow_mut().map_err(|_| Error::Pending)?;
        loop {
            match &*work {
                Work::Done(Ok(_)) => return Ok(()),
                Work::Done(Err(error)) => return Err(*error),
                // A limiter that was asked again has deleted the future.
                Work::Asked(_) if self.question.is_given_up() => return Err(Error::Pending),
                Work::Asked(_) => {}
            }
            let allowed = answer(&self.question).ok_or(Error::Pending)?;
            let asked = core::mem::replace(&mut *work, Work::Done(Err(Error::Pending)));
            if let Work::Asked(job) = asked {
                *work = done_if_failed(self.go_on(job, allowed));
            }
            if let Work::Done(_) = &*work {
                self.question.settle();
            }
        }
    }

    /// Goes on with the limiter's answer.
    fn go_on(&self, job: Job, allowed: bool) -> Step {
        match job {
            Job::Creation(ty) => self.store.telling(|_| {
                if !allowed {
                    return Err(Request::creation(&ty).denied());
                }
                made(&self.store, ty)
            }),
            Job::Growth(member, delta, growth) => member.counting(|asked| {
                if !allowed {
                    return Err(member.request(growth).denied());
                }
                // The bytes may have been lent since.
                member.memory().plan_growth(delta)?;
                match member.perform(growth)? {
                    Some(previous) => grown(previous),
                    None => grow(&member, delta, &self.question, asked),
                }
            }),
        }
    }

    /// The new memory, once.
    pub fn take_memory(&self) -> Result<StoreMemory, Error> {
        match &mut *self.work.try_borrow_mut().map_err(|_| Error::Pending)? {
            Work::Asked(_) => Err(Error::Pending),
            Work::Done(Err(error)) => Err(*error),
            Work::Done(Ok(Outcome::Grown(_))) => {
                Err(Error::NothingToTake("it is that of a growth"))
            }
            Work::Done(Ok(Outcome::Memory(memory))) => {
                memory.take().ok_or(Error::NothingToTake("it has been taken"))
            }
        }
    }

    /// The size before a growth that succeeded.
    pub fn previous_pages(&self) -> Option<Pages> {
        match &*self.work.try_borrow().ok()? {
            Work::Done(Ok(Outcome::Grown(previous))) => Some(*previous),
            _ => None,
        }
    }

    /// Sets what is called at each answer of the limiter. Returns it when there is something to poll for
    /// already: then it is for the caller to call, who may be about to drop the future in it.
    pub(crate) fn on_ready(&self, callback: Option<ReadyCallback>) -> Option<ReadyCallback> {
        let ready = self.question.set_on_ready(callback);
        callback.filter(|_| ready)
    }

    /// Gives the work up, also from within it: nothing is called back after this.
    pub(crate) fn give_up(&self) {
        self.question.give_up();
    }
}

fn done_if_failed(step: Step) -> Work {
    step.unwrap_or_else(|error| Work::Done(Err(error)))
}

impl Drop for MemoryFuture {
    fn drop(&mut self) {
        self.give_up();
    }
}
