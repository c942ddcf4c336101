//! Memories that several threads use at once.

use super::exported::Exported;
use super::grow::Growth;
use super::{Counters, Foreign, Kept, Memory, View, host_length};
use crate::alloc::{Ref, try_box};
use crate::directory::{Seat, SeatRef};
use crate::engine::{Engine, Wanted};
use crate::error::Error;
use crate::plan::Bounds;
use crate::region::Region;
use crate::types::{MemoryType, TypeError};
use crate::units::Pages;
use crate::wait::LocalQueue;
use core::ops::Deref;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a shared memory has besides its view.
#[derive(Debug)]
pub(super) struct Shared {
    region: Mutex<Option<Region>>,
    /// Up to this length, in bytes, growth is nothing but a new length. 0 for guarded memories, which have no
    /// byte open that is not theirs.
    free_up_to: AtomicUsize,
    /// Where the memory is announced. The entry is the region's.
    seat: Option<SeatRef>,
    pub(super) queue: Queue,
}

/// Who waits on the memory.
#[derive(Debug)]
pub(super) enum Queue {
    /// Threads of this process.
    Local(Box<LocalQueue>),
    /// Threads of all processes that have the memory.
    Crossing(Exported),
}

impl Shared {
    /// What a new memory of `length` bytes needs.
    pub(super) fn new(engine: &Engine, ty: &MemoryType, length: usize) -> Result<Box<Self>, Error> {
        if engine.policy().exportable {
            let (exported, region) = Exported::new(engine, ty, length)?;
            return Self::over(region, Queue::Crossing(exported));
        }
        // All that the heap may refuse first: a region that was acquired is released by the memory alone.
        let mut shared = Self::without_region(Queue::Local(try_box(LocalQueue::new())?))?;
        shared.put(engine.acquire(&Wanted { ty, needed: length, image: None }, None)?);
        Ok(shared)
    }

    pub(super) fn over(region: Region, queue: Queue) -> Result<Box<Self>, Error> {
        let mut shared = Self::without_region(queue)?;
        shared.put(region);
        Ok(shared)
    }

    fn without_region(queue: Queue) -> Result<Box<Self>, Error> {
        let (region, free_up_to) = (Mutex::new(None), AtomicUsize::new(0));
        try_box(Self { region, free_up_to, seat: None, queue })
    }

    fn put(&mut self, region: Region) {
        *self.free_up_to.get_mut() = Self::free_up_to(&region, &self.queue);
        self.seat = region.seat_ref();
        *self.region.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(region);
    }

    fn free_up_to(region: &Region, queue: &Queue) -> usize {
        match (region.layout().bounds, queue) {
            (Bounds::Checked, Queue::Local(_)) => region.open_bytes(),
            _ => 0,
        }
    }

    /// The region. Whoever has it is the only one that changes what is open.
    pub(super) fn region(&self) -> MutexGuard<'_, Option<Region>> {
        // Nothing panics while the lock is held; if it were otherwise, the region would be whole.
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the region of a memory that goes.
    pub(super) fn take_region(&mut self) -> Option<Region> {
        self.region.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Where the memory is announced.
    pub(super) fn seat(&self) -> Option<&Seat> {
        // SAFETY: the entry is the region's, which stays until the memory goes.
        self.seat.map(|seat| unsafe { seat.get() })
    }

    /// What the memory shares with other processes, if it does.
    pub(super) fn exported(&self) -> Option<&Exported> {
        match &self.queue {
            Queue::Local(_) => None,
            Queue::Crossing(exported) => Some(exported),
        }
    }
}

impl View {
    /// Publishes a new length, unless somebody else has. Sequentially consistent, as growth of shared
    /// memories has to be.
    fn advance(&self, from: usize, to: usize) -> bool {
        let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
        self.byte_length.compare_exchange(from, to, success, failure).is_ok()
    }
}

impl Memory {
    /// Does a growth of a shared memory; `None` if another thread was first.
    pub(super) fn grow_shared(
        &self,
        shared: &Shared,
        growth: Growth,
    ) -> Result<Option<Pages>, Error> {
        let page_size = self.ty.page_size();
        let length = host_length(&self.engine, &self.ty, growth.wanted)?;
        let Some(current) = growth.current.host_bytes(page_size) else { return Ok(None) };
        let grown = |done: bool| {
            done.then(|| {
                Counters::add_one_shared(&self.counters.grow_count);
                self.count_change(current, length);
                Foreign::note_shared();
                growth.current
            })
        };
        if length <= shared.free_up_to.load(Ordering::Acquire) {
            return Ok(grown(self.advance(shared, current, length)));
        }
        let mut region = shared.region();
        let Some(region) = region.as_mut() else {
            return Err(Error::Internal("a live memory has no region"));
        };
        if let Some(exported) = shared.exported() {
            return Ok(grown(self.grow_exported(shared, exported, region, current, length)?));
        }
        if self.view.byte_length() != current {
            return Ok(None);
        }
        if length > region.open_bytes() {
            self.open_more(region, length)?;
        }
        let free = Shared::free_up_to(region, &shared.queue);
        shared.free_up_to.store(free, Ordering::Release);
        // Under the lock: a guarded memory's length never falls behind what is open.
        Ok(grown(self.advance(shared, current, length)))
    }

    /// Publishes a new length, unless another thread has.
    fn advance(&self, shared: &Shared, from: usize, to: usize) -> bool {
        let is_advanced = self.view.advance(from, to);
        if let (true, Some(seat)) = (is_advanced, shared.seat()) {
            seat.grow_to(to);
        }
        is_advanced
    }

    /// Grows a memory that other processes have too; false if another thread of any of them was first.
    fn grow_exported(
        &self,
        shared: &Shared,
        exported: &Exported,
        region: &mut Region,
        current: usize,
        length: usize,
    ) -> Result<bool, Error> {
        self.catch_up(shared, exported, region)?;
        if self.view.byte_length() != current {
            return Ok(false);
        }
        exported.check_room(length)?;
        if length > region.open_bytes() {
            self.open_more(region, length)?;
        }
        if !exported.advance(current, length) {
            // What was opened for nothing faults again; what cannot be closed is zeros that nobody uses.
            let _ = region.close_from_guarded(current);
            return Ok(false);
        }
        self.advance(shared, current, length);
        Ok(true)
    }

    /// Follows the growth by other processes. What cannot be opened here is not there yet for this one.
    fn catch_up(
        &self,
        shared: &Shared,
        exported: &Exported,
        region: &mut Region,
    ) -> Result<(), Error> {
        let known = self.view.byte_length();
        let length = exported.checked_length(self.ty.page_size())?;
        if length > known {
            if length > region.open_bytes() {
                self.open_more(region, length)?;
            }
            if self.advance(shared, known, length) {
                self.count_change(known, length);
                Foreign::note_shared();
            }
        }
        Ok(())
    }

    /// The length, after growth by other processes has been followed.
    #[cold]
    pub(super) fn followed_length(&self) -> usize {
        if let Some(shared) = self.shared()
            && let Some(exported) = shared.exported()
            && exported.length() != self.view.byte_length()
            && let Some(region) = shared.region().as_mut()
        {
            // A failure is of no interest to who asks for the length; growth reports it.
            let _ = self.catch_up(shared, exported, region);
        }
        self.view.byte_length()
    }
}

/// A shared memory, for any store and any thread. A cheap reference: clones are the same memory, which lives
/// until the last of them, and of the references that stores have to it, is gone.
///
/// ```
/// use std::thread;
/// use wasm_memory::{Engine, IndexType, MemoryType, PageSize, Pages, Policy, SharedMemory, WaitResult};
///
/// let engine = Engine::new(Policy::default())?;
/// let ty = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(4), true)?;
/// let memory = SharedMemory::new(&engine, ty)?;
/// let waiting = thread::spawn({
///     let memory = memory.clone();
///     move || memory.atomic_wait32(64, 0, None)
/// });
/// memory.atomic_store(64, 1u32)?;
/// memory.atomic_notify(64, 1)?;
/// assert_ne!(waiting.join().unwrap()?, WaitResult::TimedOut);
/// assert_eq!(memory.grow(Pages(1))?, Pages(1));
/// # Ok::<(), wasm_memory::Error>(())
/// ```
///
/// Stores obtain references to it, whose growth their limits decide on:
///
/// ```
/// use wasm_memory::{Engine, Error, IndexType, Limits, MemoryType, PageSize, Pages, Policy, SharedMemory, Store};
///
/// let engine = Engine::new(Policy::default())?;
/// let ty = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(4), true)?;
/// let shared = SharedMemory::new(&engine, ty)?;
/// let (first, second) = (Store::new(&engine)?, Store::new(&engine)?);
/// let here = first.obtain(&shared)?;
/// let there = second.obtain(&shared)?;
/// second.set_limits(Limits { max_memory_bytes: 65_536, ..Limits::default() });
///
/// assert!(matches!(there.grow(Pages(1)), Err(Error::LimitDenied { .. })));
/// assert_eq!(here.grow(Pages(1))?, Pages(1));
/// assert_eq!(there.pages(), Pages(2)); // it is one memory
/// assert!(here.share()?.same(&shared));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedMemory(pub(crate) Ref<Memory>);

// SAFETY: what a `Memory` that is shared does with `&self` is done by atomic operations, by accesses that
// may race (`racy`), and under locks; `of` and the constructors make sure that it is one.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Makes a shared memory of zeros with the minimum of its type, under the engine's policy. No limits of a
    /// store are asked.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self, Error> {
        if !ty.is_shared() {
            return Err(TypeError::NotShared.into());
        }
        Self::over(Memory::new(engine, ty)?)
    }

    /// The first reference to a memory that is shared.
    pub(crate) fn over(memory: Memory) -> Result<Self, Error> {
        let memory = Ref::try_new(memory)?;
        memory.settle();
        Ok(Self(memory))
    }

    /// A reference to `memory`, if it is shared.
    pub(crate) fn of(memory: &Ref<Memory>) -> Result<Self, Error> {
        match memory.shared() {
            Some(_) => Ok(Self(memory.clone())),
            None => Err(Error::NotShared),
        }
    }

    /// Whether both are the same memory.
    pub fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }

    /// A new descriptor that another process can import the memory from. It is the caller's.
    ///
    /// The engine needs [`Policy::exportable`]. Waits and notifies, and growth, work across processes; those that share a
    /// memory in this way trust each other.
    ///
    /// ```
    /// use wasm_memory::{Engine, Error, IndexType, MemoryType, PageSize, Policy, SharedMemory};
    ///
    /// let engine = Engine::new(Policy { exportable: true, ..Policy::default() })?;
    /// let ty = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(4), true)?;
    /// # if !engine.host().has_shared_files { return Ok(()) }
    /// let memory = SharedMemory::new(&engine, ty)?;
    /// let descriptor = memory.export()?;
    /// // It would travel to another process, by inheritance or through a socket.
    /// let same_bytes = SharedMemory::import(&engine, &ty, descriptor)?;
    /// memory.atomic_store(0, 7u32)?;
    /// assert_eq!(same_bytes.atomic_load::<u32>(0)?, 7);
    /// // It is ours to close: on Unix, by an `OwnedFd` that is made of it.
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// [`Policy::exportable`]: crate::Policy::exportable
    pub fn export(&self) -> Result<isize, Error> {
        match self.shared().and_then(Shared::exported) {
            Some(exported) => exported.descriptor(),
            None if !self.engine.host().has_shared_files => Err(Error::Unsupported(
                "this system has no descriptors for memory that this version knows",
            )),
            None => Err(Error::Unsupported(
                "this shared memory can be seen by this process alone: set memory_exportable \
                 (wasm_config_memory_exportable_set) for the engine that makes it",
            )),
        }
    }

    /// The memory that a process exported, if it is one that `ty` accepts as an import. The descriptor
    /// stays the caller's.
    pub fn import(engine: &Engine, ty: &MemoryType, descriptor: isize) -> Result<Self, Error> {
        if !ty.is_shared() {
            return Err(TypeError::NotShared.into());
        }
        Memory::check_kind(engine, ty)?;
        let (exported, own, region) = Exported::import(engine, ty, descriptor)?;
        let length = region.length;
        let shared = Shared::over(region.region, Queue::Crossing(exported))?;
        Self::over(Memory::over_shared(Kept::Own(engine.clone()), own, length, shared)?)
    }
}

impl Deref for SharedMemory {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BoundsPolicy, Policy};
    use crate::sys::injection::{refuse_after, refuse_one};
    use crate::types::IndexType;
    use crate::units::PageSize;
    use std::thread;

    fn shared_type(maximum: u64) -> MemoryType {
        MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(maximum), true).unwrap()
    }

    fn engines(exportable: bool) -> impl Iterator<Item = Engine> {
        let all = [BoundsPolicy::Auto, BoundsPolicy::Guarded, BoundsPolicy::Checked];
        all.into_iter().filter_map(move |bounds| {
            let engine = Engine::new(Policy { bounds, exportable, ..Policy::default() }).unwrap();
            let host = *engine.host();
            let possible = (bounds != BoundsPolicy::Guarded || host.can_guard)
                && (!exportable || host.has_shared_files);
            possible.then_some(engine)
        })
    }

    #[test]
    fn whichever_system_call_fails_there_is_a_memory_that_works_or_none() {
        for exportable in [false, true] {
            for engine in engines(exportable) {
                for calls in 0..8 {
                    refuse_one(calls);
                    let made = SharedMemory::new(&engine, shared_type(4));
                    refuse_after(None);
                    let Ok(memory) = made else { continue };
                    let mut pages = 1;
                    for _ in 0..3 {
                        refuse_after(Some(0));
                        let grown = memory.grow(Pages(1));
                        refuse_after(None);
                        if let Ok(previous) = grown {
                            assert_eq!(previous, Pages(pages));
                            pages += 1;
                        }
                        assert_eq!(memory.pages(), Pages(pages));
                        assert_eq!(memory.atomic_store(pages * 65_536 - 8, 7u64), Ok(()));
                        assert!(memory.atomic_store(pages * 65_536, 7u64).is_err());
                    }
                    while let Ok(previous) = memory.grow(Pages(1)) {
                        assert_eq!(previous, Pages(pages));
                        pages += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn whichever_system_call_fails_an_import_is_whole_or_refused() {
        for engine in engines(true) {
            let memory = SharedMemory::new(&engine, shared_type(4)).unwrap();
            memory.store(100, 0xfeed_u32).unwrap();
            let descriptor = memory.export().unwrap();
            let mut refused = 0;
            for calls in 0..8 {
                refuse_one(calls);
                let import = SharedMemory::import(&engine, &shared_type(4), descriptor);
                refuse_after(None);
                match import {
                    Ok(other) => assert_eq!(other.load(100), Ok(0xfeed_u32)),
                    Err(_) => refused += 1,
                }
            }
            assert!(refused >= 2, "the descriptor and its mapping at least can be refused");
        }
    }

    #[test]
    fn memories_over_one_file_grow_as_one() {
        for engine in engines(true) {
            let memory = SharedMemory::new(&engine, shared_type(1000)).unwrap();
            let descriptor = memory.export().unwrap();
            let other = SharedMemory::import(&engine, &shared_type(1000), descriptor).unwrap();
            let third = SharedMemory::import(&engine, &shared_type(2000), descriptor).unwrap();
            let mut previous: Vec<u64> = thread::scope(|scope| {
                let grow = |memory: &SharedMemory| {
                    let grown = core::iter::from_fn(|| memory.grow(Pages(1)).ok());
                    grown.map(|pages| pages.0).collect::<Vec<_>>()
                };
                let threads =
                    [&memory, &other, &third].map(|memory| scope.spawn(move || grow(memory)));
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            previous.sort_unstable();
            assert!(previous.into_iter().eq(1..1000));
            for memory in [&memory, &other, &third] {
                assert_eq!(memory.view().byte_length(), memory.byte_length());
                assert_eq!(memory.pages(), Pages(1000));
                assert_eq!(memory.stats().byte_length, 65_536_000);
            }
            third.store(65_535_999, 9u8).unwrap();
            assert_eq!(memory.load(65_535_999), Ok(9u8));
        }
    }

    #[test]
    fn a_growth_that_lost_the_race_leaves_nothing_open() {
        for engine in engines(true) {
            for _ in 0..30 {
                let memory = SharedMemory::new(&engine, shared_type(40)).unwrap();
                let descriptor = memory.export().unwrap();
                let other = SharedMemory::import(&engine, &shared_type(40), descriptor).unwrap();
                thread::scope(|scope| {
                    for memory in [&memory, &other] {
                        for delta in [1, 9] {
                            scope.spawn(move || while memory.grow(Pages(delta)).is_ok() {});
                        }
                    }
                });
                for memory in [&memory, &other] {
                    assert_eq!(memory.pages(), Pages(40));
                    let stats = memory.stats();
                    assert_eq!(stats.byte_length, 40 * 65_536);
                    assert_eq!(stats.committed_bytes, stats.byte_length);
                }
            }
        }
    }

    #[test]
    fn a_length_that_another_process_has_damaged_ends_growth_with_an_error() {
        for engine in engines(true) {
            for damage in [65_537u64, 1 << 40] {
                let memory = SharedMemory::new(&engine, shared_type(4)).unwrap();
                let exported = memory.shared().and_then(Shared::exported).unwrap();
                exported.damage_length(damage);
                assert!(matches!(memory.grow(Pages(1)), Err(Error::Descriptor { .. })));
                assert_eq!(memory.byte_length(), 65_536);
            }
        }
    }

    #[test]
    fn growth_of_another_process_is_seen_when_the_length_here_does_not_suffice() {
        for engine in engines(true) {
            let memory = SharedMemory::new(&engine, shared_type(10)).unwrap();
            let descriptor = memory.export().unwrap();
            let other = SharedMemory::import(&engine, &shared_type(10), descriptor).unwrap();
            other.grow(Pages(2)).unwrap();
            other.store(150_000, 0xabcd_u16).unwrap();
            assert_eq!(memory.view().byte_length(), 65_536);
            assert_eq!(memory.load::<u8>(0), Ok(0), "what lies in it as it was asks for nothing");
            assert_eq!(memory.view().byte_length(), 65_536);
            assert_eq!(memory.load(150_000), Ok(0xabcd_u16));
            assert_eq!(memory.view().byte_length(), 3 * 65_536);
            other.grow(Pages(1)).unwrap();
            assert_eq!(memory.pages(), Pages(4));
            other.grow(Pages(1)).unwrap();
            assert_eq!(memory.grow(Pages(1)), Ok(Pages(5)));
        }
    }

    #[test]
    fn concurrent_growth_hands_out_every_size_once() {
        for exportable in [false, true] {
            for engine in engines(exportable) {
                let memory = SharedMemory::new(&engine, shared_type(400)).unwrap();
                let mut previous: Vec<u64> = thread::scope(|scope| {
                    let grow = || core::iter::from_fn(|| memory.grow(Pages(1)).ok());
                    let threads = [(); 4].map(|()| {
                        scope.spawn(move || grow().map(|pages| pages.0).collect::<Vec<_>>())
                    });
                    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
                });
                previous.sort_unstable();
                let reached = memory.pages().0;
                assert!(previous.into_iter().eq(1..reached));
                if engine.host().has_mappings {
                    assert_eq!(reached, 400);
                }
                assert_eq!(memory.stats().grow_count, reached - 1);
                if memory.stats().bounds == Bounds::Guarded {
                    assert_eq!(memory.stats().committed_bytes, memory.stats().byte_length);
                }
            }
        }
    }
}
