//! A slab: one mapping with a slot each for many small memories, so that a million of them take a few dozen mappings.
//!
//! ```text
//! | guard | slot 0            | guard | slot 1            | guard | slot 2 ...
//! |<------- stride ---------->|
//! ```
//!
//! All of it is readable and writable, but for the guards: those are marks in the page tables, which take no mappings,
//! where the system has them. Slots that belong to nobody are zeros without pages.

use super::contents::Contents;
use super::{Holding, Parts, Region, offset};
use crate::alloc::Ref;
use crate::census::Census;
use crate::directory::Entry;
use crate::plan::{Bounds, Layout, Place};
use crate::sys::{self, HostCaps, OsError};
use crate::try_lock::TryLock;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Pages larger than those that memories share a slab with would be shared by memories.
const HUGE_PAGE: usize = 2 << 20;

#[derive(Debug)]
pub(crate) struct Slab {
    /// The addresses of the slots.
    entry: Entry,
    region: Region,
    /// That of each slot.
    layout: Layout,
    slots: usize,
    /// How many slots belong to nobody.
    free: AtomicUsize,
    places: TryLock<Places>,
}

// SAFETY: what changes is atomic or behind the lock; of the region, only the place is asked.
unsafe impl Sync for Slab {}

/// One bit for each slot.
#[derive(Debug)]
struct Places {
    free: Vec<u64>,
    /// Whether there is a guard before it already.
    guarded: Vec<u64>,
    /// No word before this one has a free bit.
    first: usize,
}

fn bits(slots: usize, value: u64) -> Result<Vec<u64>, OsError> {
    let words = slots.div_ceil(64);
    let mut bits = Vec::new();
    bits.try_reserve_exact(words).map_err(|_| OsError::no_memory())?;
    bits.resize(words, value);
    if let (Some(last), Some(rest @ 1..)) = (bits.last_mut(), slots.checked_rem(64)) {
        *last = value & (1u64 << rest).wrapping_sub(1);
    }
    Ok(bits)
}

impl Slab {
    /// How many bytes lie between the starts of two slots of this layout.
    pub(crate) fn stride(layout: &Layout) -> usize {
        layout.before.saturating_add(layout.reserved)
    }

    /// Makes a slab of so many slots, all of them open.
    pub(crate) fn new(
        layout: Layout,
        slots: usize,
        host: &HostCaps,
        census: &Ref<Census>,
    ) -> Result<Ref<Self>, OsError> {
        let bytes = Self::stride(&layout).checked_mul(slots).ok_or(OsError::no_memory())?;
        let places = Places { free: bits(slots, u64::MAX)?, guarded: bits(slots, 0)?, first: 0 };
        let whole = Layout {
            bounds: Bounds::Checked,
            place: Place::Reserved,
            before: 0,
            reserved: bytes,
            after: 0,
            alignment: 1,
            huge_pages: false,
        };
        let mut region = Region::unlisted(whole, bytes, host)?;
        region.enter_census(census);
        if layout.reserved < HUGE_PAGE {
            sys::advise_small_pages(region.base, bytes);
        }
        let start = region.base.addr().get();
        let first_base = start.wrapping_add(layout.before);
        let entry = Entry::for_slots(
            start..start.wrapping_add(bytes),
            first_base,
            Self::stride(&layout),
            slots,
        );
        let entry = entry.map_err(|_| OsError::no_memory())?;
        let free = AtomicUsize::new(slots);
        let slab = Self { entry, region, layout, slots, free, places: TryLock::new(places) };
        Ref::try_new(slab).map_err(|_| OsError::no_memory())
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.region.page_bytes()
    }

    /// The address space that it takes.
    pub(crate) fn address_space(&self) -> u64 {
        self.region.own_address_space()
    }

    /// Whether there are slots that belong to nobody.
    pub(crate) fn has_free(&self) -> bool {
        self.free.load(Ordering::Relaxed) != 0
    }

    /// Whether all do.
    pub(crate) fn is_unused(&self) -> bool {
        self.free.load(Ordering::Relaxed) == self.slots
    }

    /// A slot that belonged to nobody, as near to the start as possible; `None` if there is none left, or if the
    /// system refuses the guard before it.
    pub(crate) fn carve(slab: &Ref<Self>) -> Result<Option<Region>, OsError> {
        let Some(mut places) = slab.places.patiently() else { return Ok(None) };
        let places = &mut *places;
        let words = places.free.iter_mut().enumerate().skip(places.first);
        let Some((word, bits)) = words.into_iter().find(|(_, bits)| **bits != 0) else {
            places.first = places.free.len();
            return Ok(None);
        };
        let bit = bits.trailing_zeros();
        let mask = 1u64.wrapping_shl(bit);
        let index = word.wrapping_mul(64).wrapping_add(bit as usize);
        let start = index.wrapping_mul(Self::stride(&slab.layout));
        if let (Some(guarded), 1..) = (places.guarded.get_mut(word), slab.layout.before)
            && *guarded & mask == 0
        {
            // SAFETY: the page lies in the slab, before a slot that nobody has.
            unsafe { sys::install_guard(offset(slab.region.base, start), slab.layout.before)? };
            *guarded |= mask;
            slab.region.count_closed(slab.layout.before);
        }
        let region = Region::try_new(Parts {
            base: offset(slab.region.base, start.wrapping_add(slab.layout.before)),
            open: slab.layout.reserved,
            seat: slab.entry.seat(index),
            holding: Holding::Slab(slab.clone()),
            contents: Contents::default(),
        })?;
        *bits &= !mask;
        places.first = word;
        slab.free.fetch_sub(1, Ordering::Relaxed);
        Ok(Some(region))
    }
}

impl Region {
    /// Whether the region is a slot of a slab.
    pub(crate) fn is_slot(&self) -> bool {
        matches!(self.holding, Holding::Slab(_))
    }

    /// Whether both are slots of one slab, with no more than a few others between them.
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        match (&self.holding, &other.holding) {
            (Holding::Slab(own), Holding::Slab(others)) if own.same(others) => {
                let apart = self.base.addr().get().abs_diff(other.base.addr().get());
                apart <= Slab::stride(&own.layout).saturating_mul(4)
            }
            _ => false,
        }
    }

    /// Gives a slot back to its slab: it must be zeros without pages.
    pub(crate) fn return_slot(self) {
        let Holding::Slab(slab) = &self.holding else { return };
        let bytes = self.base.addr().get().wrapping_sub(slab.region.base.addr().get());
        let Some(index) = bytes.checked_div(Slab::stride(&slab.layout)) else { return };
        let Some(mut places) = slab.places.patiently() else { return };
        let word = index >> 6;
        if let Some(bits) = places.free.get_mut(word) {
            *bits |= 1u64 << (index & 63);
            places.first = places.first.min(word);
            slab.free.fetch_add(1, Ordering::Relaxed);
        }
    }
}
