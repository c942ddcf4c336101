//! A store: the owner of memories, of what limits them, and of the host's data.
//!
//! Who has a say on a creation or growth, in this order: the type of the memory; the store's limits; its
//! limiter; the system, or the host that provides the bytes. Nobody is asked under a lock, so a limiter
//! may use the store that asks it.

mod account;
mod future;
mod limiter;
mod member;
#[cfg(test)]
mod model;
mod question;

pub use account::{Limits, StoreStats};
pub use future::MemoryFuture;
pub use limiter::{AsyncLimiter, Limiter, Request};
use member::Held;
pub(crate) use member::Member;
pub use member::StoreMemory;
pub(crate) use question::ReadyCallback;
pub use question::Ticket;

use crate::alloc::{Ref, as_trait};
use crate::attachment::Attachment;
use crate::census::{Books, Place};
use crate::engine::Engine;
use crate::error::Error;
use crate::image::MemoryImage;
use crate::memory::{Memory, SharedMemory};
use crate::sys;
use crate::types::MemoryType;
use account::Account;
use core::sync::atomic::{AtomicBool, Ordering};
use limiter::Deciding;
use question::Question;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store. A cheap reference: clones are the same store, which lives until the last of them and of its
/// memories, futures and tickets is gone. Any thread may use it.
///
/// ```
/// use wasm_memory::{Engine, Error, IndexType, Limits, MemoryType, Pages, Policy, Store};
///
/// let engine = Engine::new(Policy::default())?;
/// let store = Store::new(&engine)?;
/// store.set_limits(Limits { max_total_bytes: 3 * 65_536, ..Limits::default() });
/// let ty = MemoryType::new(IndexType::I32, 1, None)?;
/// let (first, second) = (store.new_memory(ty)?, store.new_memory(ty)?);
/// first.grow(Pages(1))?;
/// let refused = second.grow(Pages(1)).unwrap_err();
/// assert!(matches!(refused, Error::LimitDenied { wanted: 262_144, allowed: 196_608, .. }));
/// drop(first);
/// second.grow(Pages(2))?; // there is room again
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store(Ref<State>);

#[derive(Debug)]
struct State {
    engine: Engine,
    /// Whether a growth has somebody to ask or to tell. Lets the others pass without a lock.
    asks: AtomicBool,
    book: Ref<Book>,
    /// Where the engine knows the book.
    place: Option<Place>,
    data: Attachment,
}

/// The account of a store, which the engine may look into.
#[derive(Debug, Default)]
struct Book(Mutex<Account>);

impl Book {
    fn account(&self) -> MutexGuard<'_, Account> {
        // Nothing panics while the lock is held; if it were otherwise, the account would be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books for Book {
    fn own_memories(&self) -> Option<(u64, u64)> {
        self.account().own_memories()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.engine.census().strike(place);
        }
        // Who is just looking into the book keeps it, but not what is the host's.
        if !self.book.is_only() {
            let limiter = self.book.account().close();
            // Its finalizer, if this was its last use, under no lock.
            drop(limiter);
        }
    }
}

impl Store {
    /// A store without limits.
    pub fn new(engine: &Engine) -> Result<Self, Error> {
        let book = Ref::try_new(Book::default())?;
        let mut state = State {
            engine: engine.clone(),
            asks: AtomicBool::new(engine.creator().is_some()),
            book,
            place: None,
            data: Attachment::default(),
        };
        state.place = engine.census().enrol(as_trait!(state.book.clone(), dyn Books))?;
        Ok(Self(Ref::try_new(state)?))
    }

    /// What the store's memories have and what has happened to them. Takes no longer than making a few memories does,
    /// however many there are; but shared ones are looked at one by one when any has grown, or if other processes have one.
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, MemoryType, Pages, Policy, Store, StoreStats};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let store = Store::new(&engine)?;
    /// let ty = MemoryType::new(IndexType::I32, 1, Some(4))?;
    /// let (first, second) = (store.new_memory(ty)?, store.new_memory(ty)?);
    /// first.grow(Pages(2))?;
    /// assert!(second.grow(Pages(9)).is_err());
    /// drop(first);
    /// let (memories, byte_length, peak_bytes) = (1, 65_536, 4 * 65_536);
    /// let (grow_count, grow_failures) = (1, 1);
    /// let expected = StoreStats { memories, byte_length, peak_bytes, grow_count, grow_failures };
    /// assert_eq!(store.stats(), expected);
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    ///
    /// What a memory of the store does past the store, by the methods of the [`Memory`] in it, counts too, but the peak may
    /// be that of a later moment then.
    pub fn stats(&self) -> StoreStats {
        self.account().stats()
    }

    /// The host's data.
    pub(crate) fn data(&self) -> &Attachment {
        &self.0.data
    }

    fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.book.account()
    }

    /// Whether a growth in this store calls code of the host's.
    #[inline]
    pub(crate) fn asks(&self) -> bool {
        // Relaxed: see `settle`.
        self.0.asks.load(Ordering::Relaxed)
    }

    /// Sets the limits. What there is stays, even if it is more.
    pub fn set_limits(&self, limits: Limits) {
        let mut account = self.account();
        account.limits = limits;
        self.settle(&mut account);
    }

    /// Sets the limiter that decides at once, in place of any other; `None`: nobody decides.
    pub fn set_limiter(&self, limiter: Option<Box<dyn Limiter>>) -> Result<(), Error> {
        let deciding = limiter.map(Ref::try_new).transpose()?.map(Deciding::Now);
        self.set_deciding(deciding);
        Ok(())
    }

    /// Sets the limiter that may decide later, in place of any other; `None`: nobody decides.
    pub fn set_async_limiter(&self, limiter: Option<Box<dyn AsyncLimiter>>) -> Result<(), Error> {
        let deciding = limiter.map(Ref::try_new).transpose()?.map(Deciding::Later);
        self.set_deciding(deciding);
        Ok(())
    }

    fn set_deciding(&self, deciding: Option<Deciding>) {
        let mut account = self.account();
        let old = core::mem::replace(&mut account.limiter, deciding);
        self.settle(&mut account);
        drop(account);
        // Its finalizer, if this was its last use, under no lock.
        drop(old);
    }

    /// After a change of who has a say: whether growth is to ask from now on, and what there is already.
    fn settle(&self, account: &mut Account) {
        let limited = account.limiter.is_some() || account.limits != Limits::NONE;
        let asks = limited || self.0.engine.creator().is_some();
        let asked_before = self.0.asks.swap(asks, Ordering::SeqCst);
        if asks && !asked_before && account.has_memories() {
            // A growth that saw nobody to ask looks again when it has set its length. Either it sees the
            // flag then, or the count below sees its length: that takes a barrier on both sides, and
            // growth is spared its own by this one for all threads.
            sys::order_threads();
        }
        account.recount();
    }

    /// Makes a memory of zeros with the minimum of its type. Fails with [`Error::AsyncRequired`] where an
    /// asynchronous limiter would have to be asked.
    pub fn new_memory(&self, ty: MemoryType) -> Result<StoreMemory, Error> {
        self.new_starting_with(ty, None)
    }

    /// Makes a memory that starts with an image, as [`Memory::from_image`] does. Fails with
    /// [`Error::AsyncRequired`] where an asynchronous limiter would have to be asked.
    pub fn new_memory_from_image(
        &self,
        ty: MemoryType,
        image: &MemoryImage,
    ) -> Result<StoreMemory, Error> {
        self.new_starting_with(ty, Some(image))
    }

    fn new_starting_with(
        &self,
        ty: MemoryType,
        image: Option<&MemoryImage>,
    ) -> Result<StoreMemory, Error> {
        if !self.asks() {
            return self.make(ty, image);
        }
        self.telling(|asked| {
            Memory::check_kind(&self.0.engine, &ty)?;
            let sized = ty.with_minimum(Memory::initial_pages(&ty, image)?);
            self.ask_now(None, &Request::creation(&sized), asked)?;
            self.make(ty, image)
        })
    }

    /// A reference in this store to a shared memory. Limits and limiter are asked as for a new memory of
    /// the size that it has now; fails with [`Error::AsyncRequired`] where an asynchronous limiter would
    /// have to be asked. Each reference counts as one memory until it and its clones are gone.
    pub fn obtain(&self, shared: &SharedMemory) -> Result<StoreMemory, Error> {
        let memory = shared.0.clone();
        if !self.asks() {
            let bytes = memory.byte_length() as u64;
            return Member::admit(self, Held::Shared(memory), bytes);
        }
        self.telling(|asked| {
            loop {
                let request = Request::creation(&memory.current_type());
                self.ask_now(None, &request, asked)?;
                // If it has grown since, the question was another one.
                if memory.byte_length() as u64 == request.desired_bytes {
                    return Member::admit(self, Held::Shared(memory), request.desired_bytes);
                }
            }
        })
    }

    /// Makes a memory as [`Store::new_memory`] does, when the limiter has answered.
    pub fn new_memory_async(&self, ty: MemoryType) -> Result<MemoryFuture, Error> {
        MemoryFuture::creation(self.clone(), ty)
    }

    /// Makes the memory, of which the limiter has been asked.
    fn make(&self, ty: MemoryType, image: Option<&MemoryImage>) -> Result<StoreMemory, Error> {
        let engine = &self.0.engine;
        if ty.is_shared() {
            // It may outlive the store.
            let shared = SharedMemory::over(Memory::starting_with(engine, ty, image)?)?;
            let bytes = shared.byte_length() as u64;
            return Member::admit(self, Held::Shared(shared.0), bytes);
        }
        // SAFETY: the memory goes into a member, which has the store for longer, and never out of it.
        let memory = unsafe { Memory::in_engine_of_another(engine, ty, image)? };
        let bytes = memory.byte_length() as u64;
        Member::admit(self, Held::Own(memory), bytes)
    }

    /// Runs what may fail, and tells the limiter if it does: the one that was asked, or else the one
    /// that there is.
    fn telling<T>(
        &self,
        body: impl FnOnce(&mut Option<Deciding>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut asked = None;
        let done = body(&mut asked);
        if let Err(error) = &done {
            let current = || self.account().limiter.clone();
            if let Some(limiter) = asked.or_else(current) {
                limiter.tell(error);
            }
        }
        done
    }

    /// Asks the limits, about the memory in `slot` or a new one, and says which limiter is to be asked next.
    fn pass_limits(
        &self,
        slot: Option<usize>,
        request: &Request,
    ) -> Result<Option<Deciding>, Error> {
        let account = self.account();
        account.check(slot, request.current_bytes, request.desired_bytes)?;
        Ok(account.limiter.clone())
    }

    /// Asks the limits, then the limiter, which has to answer at once.
    fn ask_now(
        &self,
        slot: Option<usize>,
        request: &Request,
        asked: &mut Option<Deciding>,
    ) -> Result<(), Error> {
        *asked = self.pass_limits(slot, request)?;
        match asked {
            None => Ok(()),
            Some(Deciding::Now(limiter)) if limiter.memory_growing(request) => Ok(()),
            Some(Deciding::Now(_)) => Err(request.denied()),
            Some(Deciding::Later(_)) => Err(Error::AsyncRequired),
        }
    }

    /// Asks the limits, then the limiter. False: they agree. True: `question` will have the answer.
    fn ask(
        &self,
        slot: Option<usize>,
        request: &Request,
        question: &Ref<Question>,
        asked: &mut Option<Deciding>,
    ) -> Result<bool, Error> {
        *asked = self.pass_limits(slot, request)?;
        match asked {
            None => Ok(false),
            Some(Deciding::Now(limiter)) if limiter.memory_growing(request) => Ok(false),
            Some(Deciding::Now(_)) => Err(request.denied()),
            Some(Deciding::Later(limiter)) => {
                Question::put(question, request, self, limiter);
                Ok(true)
            }
        }
    }
}
