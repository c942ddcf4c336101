//! A linear memory: a type, a region, a length.
//!
//! What the specification calls a memory instance. The length is what the last growth made it, in
//! bytes, always a whole number of pages; the region behind it has at least so many bytes open.
//!
//! The bytes belong to the guest: they are read and written through raw pointers and never
//! through Rust references, because generated code has pointers to them too. Those of a shared memory
//! may change at any moment; how they are touched is the business of `racy`.

mod access;
mod atomic;
mod borrow;
mod bulk;
mod dirty;
mod exported;
mod grow;
mod hexdump;
mod host;
mod initial;
#[cfg(test)]
mod injected;
mod overlay;
mod segment;
mod shared;
mod tally;

pub use access::{Scalar, V128};
pub use atomic::{AtomicInteger, RmwOp, WaitResult, atomic_fence};
pub(crate) use grow::Growth;
pub use hexdump::Hexdump;
pub use segment::DataSegment;
pub use shared::SharedMemory;
pub(crate) use tally::{Foreign, Tally};

use crate::alloc::LazyBox;
use crate::attachment::Attachment;
use crate::engine::Engine;
use crate::error::Error;
use crate::image::MemoryImage;
use crate::plan::Bounds;
use crate::region::Region;
use crate::sys;
use crate::types::MemoryType;
use crate::units::Pages;
use borrow::Borrow;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use host::Backing;
use overlay::Overlays;
use shared::Shared;
use std::sync::Mutex;

/// Base and length of a memory, laid out for generated code: base at offset 0, length at
/// `size_of::<usize>()`. The address of a memory's view is that of the memory itself.
///
/// It is for code that a compiler generates, which gets its address; Rust asks the memory. Where
/// [`Memory::may_move`], such code reads the base anew after each growth.
///
/// ```
/// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Pages, Policy};
///
/// let engine = Engine::new(Policy::default())?;
/// let memory = Box::new(Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?);
/// let view: *const usize = std::ptr::from_ref(memory.view()).cast();
/// // What generated code does: it loads two words.
/// // SAFETY: the memory stays where it is, and no other thread grows it.
/// let look = || unsafe { (view.read(), view.add(1).read()) };
/// assert_eq!(look(), (memory.base().addr(), 65_536));
/// memory.grow(Pages(1))?;
/// assert_eq!(look(), (memory.base().addr(), 131_072));
/// # Ok::<(), wasm_memory::Error>(())
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct View {
    base: AtomicPtr<u8>,
    byte_length: AtomicUsize,
}

impl View {
    /// The length in bytes. Who sees it sees the pages behind it open; and of a shared memory, all threads
    /// see its growth in one order.
    #[inline]
    pub(crate) fn byte_length(&self) -> usize {
        self.byte_length.load(Ordering::SeqCst)
    }
}

/// A linear memory.
///
/// Its methods take `&self`, like those of a cell: a guest may change it at any time. It is not
/// `Sync`: one thread at a time may use it, unless its type is shared; see [`SharedMemory`].
///
/// An access lies in the memory with all its bytes, or it fails and changes nothing. Offsets are in bytes and have 64 bits;
/// numbers are little-endian on every host, and need no alignment unless they are accessed atomically.
///
/// ```
/// use wasm_memory::{DataSegment, Engine, Error, IndexType, Memory, MemoryType, Pages, Policy};
///
/// let engine = Engine::new(Policy::default())?;
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(3))?)?;
///
/// // Numbers and bytes.
/// memory.store(16, 0x0102_0304_u32)?;
/// assert_eq!(memory.load::<u16>(16)?, 0x0304);
/// memory.write(100, b"a name")?;
/// let mut name = [0; 6];
/// memory.read(100, &mut name)?;
/// assert_eq!(&name, b"a name");
///
/// // What the bulk instructions do.
/// memory.fill(200, b'-', 10)?;
/// memory.copy_within(202, 100, 6)?;
/// let segment = DataSegment::new(b"passive")?;
/// memory.init(300, &segment, 0, 4)?;
/// assert_eq!(memory.load::<u8>(303)?, b's');
///
/// // Past the end there is nothing. The last place where a u64 fits:
/// memory.store(65_528, u64::MAX)?;
/// let error = memory.load::<u64>(65_529).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "out of bounds memory access: 8 bytes at offset 65529 in a memory of 65536 bytes"
/// );
///
/// // Growth tells the size before.
/// assert_eq!(memory.grow(Pages(2))?, Pages(1));
/// assert!(matches!(memory.grow(Pages(1)), Err(Error::MaximumExceeded { .. })));
/// assert_eq!(memory.pages(), Pages(3));
/// # Ok::<(), Error>(())
/// ```
///
/// Two threads cannot use it at once:
///
/// ```compile_fail,E0277
/// # use wasm_memory::{Engine, IndexType, Memory, MemoryType, Policy};
/// # let engine = Engine::new(Policy::default())?;
/// # let ty = MemoryType::new(IndexType::I32, 1, Some(3))?;
/// let memory = Memory::new(&engine, ty)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| memory.store(0, 1u8));
///     memory.store(0, 2u8)
/// })?;
/// # Ok::<(), wasm_memory::Error>(())
/// ```
#[derive(Debug)]
#[repr(C)]
pub struct Memory {
    // First, so that `data` and the checks of each access touch one cache line.
    view: View,
    borrow: Borrow,
    /// Whether other processes have the memory too, and may have made it grow.
    is_exported: bool,
    ty: MemoryType,
    /// The type's, worked out once.
    growth_limit: Pages,
    counters: Counters,
    /// What the memory started with, if not with zeros.
    start: Option<MemoryImage>,
    extras: LazyBox<Extras>,
    backing: Backing,
    // The last: with it, the host's creator may go.
    engine: Kept,
    /// Not `Sync`: see above.
    one_thread: PhantomData<core::cell::Cell<()>>,
}

/// The engine of a memory.
#[derive(Debug)]
enum Kept {
    /// The memory keeps it.
    Own(Engine),
    /// Whoever has the memory keeps it, for longer: threads that make memories all the time need not count the
    /// references to one engine up and down together.
    Lent(ManuallyDrop<Engine>),
}

impl Kept {
    /// # Safety
    /// Somebody else has a reference to the engine for as long as this lives.
    unsafe fn lent(engine: &Engine) -> Self {
        // SAFETY: a second owner of one reference, which is never dropped: the caller has the first.
        Self::Lent(ManuallyDrop::new(unsafe { core::ptr::read(engine) }))
    }
}

impl Deref for Kept {
    type Target = Engine;

    #[inline]
    fn deref(&self) -> &Engine {
        match self {
            Self::Own(engine) => engine,
            Self::Lent(engine) => engine,
        }
    }
}

/// What few memories have.
#[derive(Debug, Default)]
struct Extras {
    /// What the host attached to the memory, whichever handle it used.
    host_info: Attachment,
    /// The largest length before the last reset that made the memory smaller, in bytes.
    peak: AtomicUsize,
    overlays: UnsafeCell<Overlays>,
    /// What changes are counted from; `None`: the beginning.
    changes: Mutex<Option<dirty::Start>>,
}

// SAFETY: the cell is used as a memory that is not shared is: by one thread at a time, or for reading alone.
unsafe impl Sync for Extras {}

#[derive(Debug, Default)]
struct Counters {
    grow_count: AtomicU64,
    grow_failures: AtomicU64,
}

impl Counters {
    /// One more. Load and store, not a read-modify-write: growth of a memory that is not shared has
    /// exclusive access.
    fn add_one(counter: &AtomicU64) {
        let next = counter.load(Ordering::Relaxed).wrapping_add(1);
        counter.store(next, Ordering::Relaxed);
    }

    /// One more, of a shared memory.
    fn add_one_shared(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a memory is made of and what has happened to it; sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The length.
    pub byte_length: u64,
    /// What the memory can grow to without moving.
    pub reserved_bytes: u64,
    /// What faults after the reservation.
    pub guard_bytes: u64,
    /// What is readable and writable now.
    pub committed_bytes: u64,
    /// The largest length so far.
    pub peak_bytes: u64,
    /// How often growth succeeded.
    pub grow_count: u64,
    /// How often growth failed.
    pub grow_failures: u64,
    /// How many threads wait on the memory.
    pub waiters: u64,
    /// The host's page size.
    pub map_alignment_bytes: u64,
    /// The bounds strategy.
    pub bounds: Bounds,
    /// Whether growth may move the base.
    pub may_move: bool,
    /// Whether several threads may use the memory at once.
    pub shared: bool,
}

impl Memory {
    /// A shared memory of `length` bytes.
    fn over_shared(
        engine: Kept,
        ty: MemoryType,
        length: usize,
        shared: Box<Shared>,
    ) -> Result<Self, Error> {
        let base = shared.region().as_ref().map(Region::base);
        let base = base.ok_or(Error::Internal("a new memory has no region"))?.as_ptr();
        let backing = Backing::Shared(shared);
        Ok(Self::over(engine, ty, length, base, backing))
    }

    #[inline(always)]
    fn over(engine: Kept, ty: MemoryType, length: usize, base: *mut u8, backing: Backing) -> Self {
        if let Kept::Own(engine) = &engine {
            engine.census().memory_comes(length);
        }
        let is_exported =
            matches!(&backing, Backing::Shared(shared) if shared.exported().is_some());
        Self {
            view: View { base: AtomicPtr::new(base), byte_length: AtomicUsize::new(length) },
            borrow: Borrow::default(),
            is_exported,
            growth_limit: ty.growth_limit(),
            ty,
            counters: Counters::default(),
            start: None,
            extras: LazyBox::default(),
            backing,
            engine,
            one_thread: PhantomData,
        }
    }

    /// Whether an engine can make memories of such a type at all.
    pub(crate) fn check_kind(engine: &Engine, ty: &MemoryType) -> Result<(), Error> {
        if ty.is_shared() && engine.creator().is_some() {
            return Err(Error::Unsupported(
                "the host makes the memories of this engine (wasm_config_memory_allocator_set), and a host's memory \
                 cannot be shared; make shared memories with another engine",
            ));
        }
        Ok(())
    }

    /// What makes the memory a shared one.
    #[inline]
    fn shared(&self) -> Option<&Shared> {
        match &self.backing {
            Backing::Shared(shared) => Some(shared),
            Backing::Ours(_) | Backing::Host(_) => None,
        }
    }

    /// From now on the memory stays where it is, so that faults in it can be told to be its.
    #[inline]
    pub(crate) fn settle(&self) {
        let view = (&raw const self.view).expose_provenance();
        let length = self.view.byte_length();
        let seat = match &self.backing {
            // SAFETY: as in `shape`.
            Backing::Ours(region) => unsafe { &*region.get() }.as_ref().and_then(Region::seat),
            Backing::Shared(shared) => shared.seat(),
            Backing::Host(made) => return made.announce(view, self.base().addr(), length),
        };
        if let Some(seat) = seat {
            seat.occupy(view, length);
        }
    }

    /// The memory, which is one thread's at a time, has another length now.
    #[inline]
    fn announce_length(&self, length: usize) {
        match &self.backing {
            Backing::Ours(region) => {
                // SAFETY: as in `shape`.
                let region = unsafe { &*region.get() }.as_ref();
                if let Some(seat) = region.and_then(Region::seat) {
                    seat.set_length(length);
                }
            }
            Backing::Shared(_) => {}
            Backing::Host(made) => made.announce_again(self.base().addr(), length),
        }
    }

    /// Whether several threads may use the memory at once.
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.ty.is_shared()
    }

    /// What the host attached, if it ever did.
    pub(crate) fn host_info(&self) -> Option<&Attachment> {
        self.extras.get().map(|extras| &extras.host_info)
    }

    /// The place for what the host attaches.
    pub(crate) fn host_info_place(&self) -> Result<&Attachment, Error> {
        Ok(&self.extras.get_or_make()?.host_info)
    }

    /// What generated code reads. Its address is fixed as long as the memory is not moved in Rust.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Where the memory starts; never null.
    #[inline]
    pub fn base(&self) -> *mut u8 {
        self.view.base.load(Ordering::Relaxed)
    }

    /// The length in bytes.
    #[inline]
    pub fn byte_length(&self) -> usize {
        if self.is_exported { self.followed_length() } else { self.view.byte_length() }
    }

    /// `memory.size`: the length in pages.
    #[inline]
    pub fn pages(&self) -> Pages {
        Pages(self.byte_length() as u64 >> self.ty.page_size().log2())
    }

    /// The type as it was declared.
    pub fn declared_type(&self) -> &MemoryType {
        &self.ty
    }

    /// The type as it is: with the current size as minimum.
    pub fn current_type(&self) -> MemoryType {
        self.ty.with_minimum(self.pages())
    }

    /// What the memory can use without moving, what faults behind that, and what is open now, in
    /// bytes; and how its bounds are kept.
    fn shape(&self) -> Shape {
        let of_region = |region: Option<&Region>| match region {
            Some(region) => {
                let layout = region.layout();
                let (reserved, guard, bounds) = (layout.reserved, layout.after, layout.bounds);
                let slot_bytes = self.engine.slot_bytes(region).unwrap_or(u64::MAX);
                let usable = slot_bytes.min(reserved as u64);
                Shape { reserved, usable, guard, open: region.open_bytes(), bounds }
            }
            None => Shape { reserved: 0, usable: 0, guard: 0, open: 0, bounds: Bounds::Checked },
        };
        match &self.backing {
            // SAFETY: the memory is used by one thread at a time (it is not Sync, and the C ABI asks it
            // of its callers for everything that is not const); what changes the region lets no
            // reference of this kind live across its changes.
            Backing::Ours(region) => of_region(unsafe { &*region.get() }.as_ref()),
            Backing::Shared(shared) => of_region(shared.region().as_ref()),
            Backing::Host(made) => {
                // Where nothing was asked to be reserved, any growth may move the bytes.
                let reserved = made.reserved.max(self.byte_length());
                let (guard, bounds) = (made.guard, made.bounds);
                let usable = reserved as u64;
                Shape { reserved, usable, guard, open: made.byte_size(), bounds }
            }
        }
    }

    /// Whether a growth that the type allows may change the base.
    pub fn may_move(&self) -> bool {
        // Guarded memories of the host's stay where they are: they grow within their reservation.
        let can_move = match &self.backing {
            Backing::Ours(_) => true,
            Backing::Shared(_) => false,
            Backing::Host(made) => made.bounds == Bounds::Checked,
        };
        can_move
            && self.engine.policy().may_move
            && self.ty.growth_limit().bytes(self.ty.page_size()) > self.shape().reserved as u128
    }

    /// The whole span of address space that the memory owns: guard before, reservation, guard
    /// after, as start and length.
    pub fn accessible(&self) -> (*mut u8, usize) {
        let base = self.base();
        let of_region = |region: Option<&Region>| {
            let Some(layout) = region.map(Region::layout) else { return (base, 0) };
            let length = layout.before.wrapping_add(layout.reserved).wrapping_add(layout.after);
            (base.wrapping_sub(layout.before), length)
        };
        match &self.backing {
            // SAFETY: as in `shape`.
            Backing::Ours(region) => of_region(unsafe { &*region.get() }.as_ref()),
            Backing::Shared(shared) => of_region(shared.region().as_ref()),
            Backing::Host(made) => made.accessible(),
        }
    }

    /// What the memory is made of and what has happened to it.
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Pages, Policy};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(4))?)?;
    /// memory.grow(Pages(2))?;
    /// memory.reset(None)?;
    /// let stats = memory.stats();
    /// assert_eq!((stats.byte_length, stats.peak_bytes, stats.grow_count), (65_536, 196_608, 1));
    /// assert!(stats.reserved_bytes >= 4 * 65_536);
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn stats(&self) -> Stats {
        let byte_length = self.byte_length() as u64;
        let shape = self.shape();
        let peak = self.extras.get().map_or(0, |extras| extras.peak.load(Ordering::Relaxed));
        Stats {
            byte_length,
            reserved_bytes: shape.usable,
            guard_bytes: shape.guard as u64,
            committed_bytes: shape.open as u64,
            // Nothing but a reset makes a memory smaller.
            peak_bytes: byte_length.max(peak as u64),
            grow_count: self.counters.grow_count.load(Ordering::Relaxed),
            grow_failures: self.counters.grow_failures.load(Ordering::Relaxed),
            waiters: self.shared().map_or(0, |shared| shared.queue.waiters()),
            map_alignment_bytes: self.engine.host().page_bytes as u64,
            bounds: shape.bounds,
            may_move: self.may_move(),
            shared: self.ty.is_shared(),
        }
    }

    /// How many bytes of the memory are in physical memory now; all of them where the system does
    /// not tell. Costs time with the length of the memory.
    ///
    /// What was only read, and was zeros, takes none. Pages of images and of mapped files count from the moment on when the
    /// memory has touched them; those of a memory that processes share count whichever touched them.
    pub fn resident_bytes(&self) -> u64 {
        let length = self.byte_length();
        let page_bytes = self.engine.host().page_bytes;
        let Some(base) = NonNull::new(self.base()) else { return 0 };
        if !self.is_exported
            && let Ok(present) = sys::present_bytes(base, length, page_bytes)
        {
            return present;
        }
        // In whole pages, which heap and host may have others' bytes in.
        let resident = sys::resident_bytes(base, length, page_bytes).unwrap_or(u64::MAX);
        resident.min(length as u64)
    }
}

/// See [`Memory::shape`].
struct Shape {
    reserved: usize,
    /// What of it the memory may have: a pool's slots may be smaller.
    usable: u64,
    guard: usize,
    open: usize,
    bounds: Bounds,
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(extras) = self.extras.get_mut() {
            // Whose finalizer may still want to read the memory.
            drop(core::mem::take(&mut extras.host_info));
            // A watch goes before what it watches.
            drop(core::mem::take(&mut extras.changes));
        }
        let used = self.view.byte_length();
        if let Some(extras) = self.extras.get_mut() {
            extras.overlays.get_mut().withdraw();
        }
        if let Backing::Host(made) = &self.backing {
            made.withdraw();
        }
        if let Kept::Own(engine) = &self.engine {
            engine.census().memory_goes(used);
        }
        let region = match &mut self.backing {
            Backing::Ours(region) => region.get_mut().take(),
            Backing::Shared(shared) => shared.take_region(),
            Backing::Host(_) => None,
        };
        let Some(mut region) = region else { return };
        if let Some(seat) = region.seat() {
            seat.vacate();
        }
        let overlays = self.extras.get_mut().map(|extras| extras.overlays.get_mut());
        match overlays.filter(|overlays| !overlays.is_empty()) {
            Some(overlays) if overlays.undo(&mut region).is_err() => self.engine.retire(region),
            _ => self.engine.release(region, used),
        }
    }
}

/// The bytes that `pages` of this type take, if a process can have them.
fn host_length(engine: &Engine, ty: &MemoryType, pages: Pages) -> Result<usize, Error> {
    let limit = engine.host().largest_object();
    pages
        .host_bytes(ty.page_size())
        .filter(|bytes| *bytes as u64 <= limit)
        .ok_or(Error::Unaddressable { bytes: pages.bytes(ty.page_size()), limit })
}
