//! A linear memory: a type, a region, a length.
//!
//! What the specification calls a memory instance. The length is what the last growth made it, in
//! bytes, always a whole number of pages; the region behind it has at least so many bytes open.
//!
//! The bytes belong to the guest: they are read and written through raw pointers and never
//! through Rust references, because generated code has pointers to them too.

mod access;
mod borrow;
mod bulk;
mod grow;
mod hexdump;
mod host;
mod segment;

pub use access::{Scalar, V128};
pub(crate) use grow::Growth;
pub use hexdump::Hexdump;
pub use segment::DataSegment;

use crate::attachment::Attachment;
use crate::engine::Engine;
use crate::error::Error;
use crate::plan::Bounds;
use crate::region::Region;
use crate::sys;
use crate::types::MemoryType;
use crate::units::Pages;
use borrow::Borrow;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use host::{Backing, HostMade};

/// Base and length of a memory, laid out for generated code: base at offset 0, length at
/// `size_of::<usize>()`. The address of a memory's view is that of the memory itself.
#[derive(Debug)]
#[repr(C)]
pub struct View {
    base: AtomicPtr<u8>,
    byte_length: AtomicUsize,
}

impl View {
    /// The length in bytes.
    #[inline]
    pub(crate) fn byte_length(&self) -> usize {
        self.byte_length.load(Ordering::Acquire)
    }
}

/// A linear memory.
///
/// Its methods take `&self`, like those of a cell: a guest may change it at any time. It is not
/// `Sync`: one thread at a time may use it.
#[derive(Debug)]
#[repr(C)]
pub struct Memory {
    // First, so that `data` and the checks of each access touch one cache line.
    view: View,
    borrow: Borrow,
    ty: MemoryType,
    /// The type's, worked out once.
    growth_limit: Pages,
    counters: Counters,
    /// What the host attached to the memory, whichever handle it used.
    host_info: Attachment,
    backing: Backing,
    // The last: with it, the host's creator may go.
    engine: Engine,
    /// Not `Sync`: see above.
    one_thread: PhantomData<core::cell::Cell<()>>,
}

#[derive(Debug, Default)]
struct Counters {
    grow_count: AtomicU64,
    grow_failures: AtomicU64,
}

impl Counters {
    /// One more. Load and store, not a read-modify-write: growth has exclusive access.
    fn add_one(counter: &AtomicU64) {
        let next = counter.load(Ordering::Relaxed).wrapping_add(1);
        counter.store(next, Ordering::Relaxed);
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
    /// Makes a memory of zeros with the minimum of its type, under the engine's policy.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<Self, Error> {
        Self::check_kind(&ty)?;
        let length = host_length(engine, &ty, ty.minimum())?;
        let (base, backing) = match engine.creator() {
            None => {
                let region = engine.acquire(&ty, length, None)?;
                (region.base().as_ptr(), Backing::Ours(UnsafeCell::new(Some(region))))
            }
            Some(creator) => {
                let (base, made) = HostMade::new(engine, creator, &ty, length)?;
                (base, Backing::Host(made))
            }
        };
        Ok(Self {
            view: View { base: AtomicPtr::new(base), byte_length: AtomicUsize::new(length) },
            borrow: Borrow::default(),
            growth_limit: ty.growth_limit(),
            ty,
            counters: Counters::default(),
            host_info: Attachment::default(),
            backing,
            engine: engine.clone(),
            one_thread: PhantomData,
        })
    }

    /// Whether there can be memories of such a type at all.
    pub(crate) fn check_kind(ty: &MemoryType) -> Result<(), Error> {
        if ty.is_shared() {
            return Err(Error::Unsupported(
                "this version makes no shared memories; make the type unshared",
            ));
        }
        Ok(())
    }

    /// What the host attached.
    pub(crate) fn host_info(&self) -> &Attachment {
        &self.host_info
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
        self.view.byte_length()
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
        let region = match &self.backing {
            // SAFETY: the memory is used by one thread at a time (it is not Sync, and the C ABI asks it
            // of its callers for everything that is not const); what changes the region lets no
            // reference of this kind live across its changes.
            Backing::Ours(region) => unsafe { &*region.get() },
            Backing::Host(made) => {
                // Where nothing was asked to be reserved, any growth may move the bytes.
                let reserved = made.reserved.max(self.byte_length());
                let (guard, bounds) = (made.guard, made.bounds);
                return Shape { reserved, guard, open: made.byte_size(), bounds };
            }
        };
        match region {
            Some(region) => {
                let layout = region.layout();
                let (reserved, guard, bounds) = (layout.reserved, layout.after, layout.bounds);
                Shape { reserved, guard, open: region.open_bytes(), bounds }
            }
            None => Shape { reserved: 0, guard: 0, open: 0, bounds: Bounds::Checked },
        }
    }

    /// Whether a growth that the type allows may change the base.
    pub fn may_move(&self) -> bool {
        // Guarded memories of the host's stay where they are: they grow within their reservation.
        let can_move = match &self.backing {
            Backing::Ours(_) => true,
            Backing::Host(made) => made.bounds == Bounds::Checked,
        };
        can_move
            && self.engine.policy().may_move
            && self.ty.growth_limit().bytes(self.ty.page_size()) > self.shape().reserved as u128
    }

    /// The whole span of address space that the memory owns: guard before, reservation, guard
    /// after, as start and length.
    pub fn accessible(&self) -> (*mut u8, usize) {
        let region = match &self.backing {
            // SAFETY: as in `shape`.
            Backing::Ours(region) => unsafe { &*region.get() },
            Backing::Host(made) => return made.accessible(),
        };
        let Some(layout) = region.as_ref().map(Region::layout) else { return (self.base(), 0) };
        let length = layout.before.wrapping_add(layout.reserved).wrapping_add(layout.after);
        (self.base().wrapping_sub(layout.before), length)
    }

    /// What the memory is made of and what has happened to it.
    pub fn stats(&self) -> Stats {
        let shape = self.shape();
        let byte_length = self.byte_length() as u64;
        Stats {
            byte_length,
            reserved_bytes: shape.reserved as u64,
            guard_bytes: shape.guard as u64,
            committed_bytes: shape.open as u64,
            // A memory never shrinks in this version, so its length is its peak.
            peak_bytes: byte_length,
            grow_count: self.counters.grow_count.load(Ordering::Relaxed),
            grow_failures: self.counters.grow_failures.load(Ordering::Relaxed),
            waiters: 0,
            map_alignment_bytes: self.engine.host().page_bytes as u64,
            bounds: shape.bounds,
            may_move: self.may_move(),
            shared: self.ty.is_shared(),
        }
    }

    /// How many bytes of the memory are in physical memory now; all of them where the system does
    /// not tell. Costs time with the length of the memory.
    pub fn resident_bytes(&self) -> u64 {
        let length = self.byte_length();
        let page_bytes = self.engine.host().page_bytes;
        NonNull::new(self.base())
            .and_then(|base| sys::resident_bytes(base, length, page_bytes))
            .unwrap_or(length as u64)
    }
}

/// See [`Memory::shape`].
struct Shape {
    reserved: usize,
    guard: usize,
    open: usize,
    bounds: Bounds,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Whose finalizer may still want to read the memory.
        drop(core::mem::take(&mut self.host_info));
        if let Backing::Ours(region) = &mut self.backing
            && let Some(region) = region.get_mut().take()
        {
            self.engine.release(region);
        }
    }
}

/// The bytes that `pages` of this type take, if a process can have them.
fn host_length(engine: &Engine, ty: &MemoryType, pages: Pages) -> Result<usize, Error> {
    let limit = engine.host().address_space_bytes;
    pages
        .host_bytes(ty.page_size())
        .filter(|bytes| *bytes as u64 <= limit)
        .ok_or(Error::Unaddressable { bytes: pages.bytes(ty.page_size()), limit })
}
