//! Where a memory will lie: address-space arithmetic, without touching any.
//!
//! ```text
//!  before              reserved                         after
//! |--------|------------------------------|---------------------------|
//!  faults   ^ base    ^ base + length      faults
//! ```
//!
//! GUARDED: everything but `base .. base + length` faults, and `reserved + after` spans whatever an
//! unchecked access of generated code can reach. CHECKED: all of `reserved` is readable and
//! writable from the start where the system allows it, so that growth is one store; code compares
//! with the length. See "Promise to generated code" in docs/ABI.md.

#![forbid(unsafe_code)]

use crate::error::Error;
use crate::sys::HostCaps;
use crate::types::{IndexType, MemoryType};
use crate::units::{PageSize, round_up};

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;

/// What a GUARDED 32-bit memory spans at least: 2^32 - 1 (index) + 2^32 - 1 (offset) + 16 bytes.
const SPAN_32: u64 = 8 * GIB + 64 * KIB;
/// The default guard after a 64-bit memory: any 32-bit static offset and 16 bytes past the last
/// index below the reservation.
const GUARD_64: u64 = 4 * GIB + 64 * KIB;
/// The default guard before a GUARDED memory: a 32-bit index that generated code sign-extended by
/// mistake lands at most this far below the base.
const GUARD_BEFORE: u64 = 2 * GIB;
/// What separates CHECKED memories from what lies below them.
const SEPARATOR: u64 = 64 * KIB;
/// The default reservations by index type; docs/RATIONALE.md says why 16 GiB.
const RESERVATION_32: u64 = 4 * GIB;
const RESERVATION_64: u64 = 16 * GIB;
/// The most that a shared memory reserves for growth up to its maximum, unless the options say more.
const SHARED_MOST: u64 = 2 << 40;
/// What a memory gets to grow into when its base has moved or its minimum passes the reservation.
const RESERVATION_FOR_GROWTH: u64 = 2 * GIB;
/// The default reservation on a host without mappings, where it is a block of the heap.
const RESERVATION_HEAP: u64 = 16 << 20;
/// A reservation takes at most this share of what a limit on the address space leaves, unless the
/// options demand it: the rest of the process lives under the same limit.
const SHARE_OF_LIMIT: u64 = 16;
/// All reservations together leave this share of the host's address space to the rest of the
/// process, unless the options demand more: its heap would starve otherwise.
const SHARE_LEFT_FREE: u64 = 8;
/// How much free space a memory without a reservation wants behind it at most. More would mean
/// fewer such places.
const ROOM: u64 = 4 * GIB;
/// Huge pages are of this size where they exist.
const HUGE_PAGE: usize = 2 << 20;
/// The largest memory that shares a slab with others.
const SLAB_SLOT_MOST: u64 = 1 << 20;
/// The defaults of a pool; docs/RATIONALE.md says why these.
const POOL_SLOTS: u64 = 1000;
const POOL_SLOT_BYTES: u64 = 4 * GIB;
const POOL_KEEP_RESIDENT_BYTES: u64 = 1 << 20;
const POOL_DECOMMIT_BATCH: u64 = 16;
/// More deleted memories than this are never cleaned together.
const POOL_DECOMMIT_BATCH_MOST: u64 = 4096;

/// Which bounds strategy a memory is to have: the option `memory_bounds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BoundsPolicy {
    /// Guarded when the host gives the address space, checked otherwise.
    #[default]
    Auto,
    /// Guarded, or creation fails.
    Guarded,
    /// Checked always.
    Checked,
}

/// Which bounds strategy a memory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Generated code may leave out its bounds checks: everything it can reach faults.
    Guarded,
    /// Generated code compares with the length.
    Checked,
}

/// The options of an engine's memory pool. 0 is the default.
///
/// A memory whose minimum fits `slot_bytes` takes a slot and grows within it; past that, growth fails. Larger memories,
/// and those that find no slot, are made on demand with `overflow`, and fail without. See [`Engine::pool_stats`] for
/// an example.
///
/// [`Engine::pool_stats`]: crate::Engine::pool_stats
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PoolOptions {
    /// The most memories that are kept or live in the pool: by default 1000.
    pub slots: u64,
    /// The largest memory that it serves, in bytes, rounded up to whole pages of the host: by default 4 GiB.
    pub slot_bytes: u64,
    /// How many bytes of what a deleted memory wrote stay in memory, for the next one: by default 1 MiB.
    pub keep_resident_bytes: u64,
    /// How many deleted memories may wait to be cleaned together: by default 16.
    pub decommit_batch: u64,
    /// Whether memories are made on demand that find no slot, or are too large for one.
    pub overflow: bool,
}

impl PoolOptions {
    /// The same with the defaults in, on this host.
    pub(crate) fn resolved(&self, host: &HostCaps) -> Self {
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        let slot_bytes = or(self.slot_bytes, POOL_SLOT_BYTES.min(host.address_space_bytes >> 4));
        // What is open of a slot is whole pages, and a memory may grow into all that is open.
        let whole_pages = slot_bytes.checked_next_multiple_of(host.page_bytes as u64);
        let slot_bytes = whole_pages.unwrap_or(slot_bytes);
        let fitting = host.address_space_bytes.checked_div(slot_bytes).unwrap_or(0).max(1);
        let slots = or(self.slots, POOL_SLOTS.min(fitting));
        Self {
            slots,
            slot_bytes,
            keep_resident_bytes: or(self.keep_resident_bytes, POOL_KEEP_RESIDENT_BYTES),
            decommit_batch: or(self.decommit_batch, POOL_DECOMMIT_BATCH).min(slots),
            overflow: self.overflow,
        }
    }

    fn check(&self, host: &HostCaps) -> Result<(), Error> {
        let limit = host.address_space_bytes;
        let Self { slots, slot_bytes, .. } = self.resolved(host);
        let decommit_batch = self.decommit_batch;
        if slot_bytes > limit {
            return Err(Error::TooLarge {
                name: "memory_pool.slot_bytes",
                value: slot_bytes,
                limit,
            });
        }
        let all = slots.saturating_mul(slot_bytes);
        if all > limit {
            let name = "memory_pool.slots * memory_pool.slot_bytes";
            return Err(Error::TooLarge { name, value: all, limit });
        }
        if decommit_batch > POOL_DECOMMIT_BATCH_MOST {
            return Err(Error::InvalidArgument {
                name: "memory_pool.decommit_batch",
                value: decommit_batch,
                expected: "at most 4096 memories are cleaned together",
            });
        }
        Ok(())
    }
}

/// The options of an engine. `None` is the default, which depends on the memory's type.
///
/// ```
/// use wasm_memory::{BoundsPolicy, Engine, Error, IndexType, Memory, MemoryType, Pages, Policy};
///
/// let ty = MemoryType::new(IndexType::I32, 1, None)?;
/// let small = Policy {
///     bounds: BoundsPolicy::Checked,
///     reservation: Some(1 << 20),
///     reservation_for_growth: Some(0),
///     ..Policy::default()
/// };
///
/// // A reservation is what a memory can grow to in its place ...
/// let memory = Memory::new(&Engine::new(small)?, ty)?;
/// assert!(!memory.may_move());
/// memory.grow(Pages(15))?;
/// assert!(matches!(memory.grow(Pages(1)), Err(Error::ReservationExceeded { .. })));
///
/// // ... unless it may move.
/// let memory = Memory::new(&Engine::new(Policy { may_move: true, ..small })?, ty)?;
/// assert!(memory.may_move());
/// memory.grow(Pages(100))?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The bounds strategy.
    pub bounds: BoundsPolicy,
    /// Bytes of address space to reserve for each memory: by default 4 GiB for a 32-bit memory
    /// and 16 GiB for a 64-bit one. CHECKED memories reserve no more than their maximum, shared ones no less.
    pub reservation: Option<u64>,
    /// Bytes to reserve beyond the length when a memory moves, or when its minimum exceeds the
    /// reservation: by default 2 GiB.
    pub reservation_for_growth: Option<u64>,
    /// Bytes that fault after the reservation.
    pub guard_size: Option<u64>,
    /// Whether bytes before the base fault too.
    pub guard_before: bool,
    /// Whether growth past the reservation may move the base.
    pub may_move: bool,
    /// Whether to ask for huge pages.
    pub huge_pages: bool,
    /// Whether shared memories lie in a file without a name, so that they can be exported to other
    /// processes.
    pub exportable: bool,
    /// The pool that memories are taken from; without one, an engine keeps a few that were deleted.
    pub pool: Option<PoolOptions>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            bounds: BoundsPolicy::Auto,
            reservation: None,
            reservation_for_growth: None,
            guard_size: None,
            guard_before: true,
            may_move: false,
            huge_pages: false,
            exportable: false,
            pool: None,
        }
    }
}

impl Policy {
    /// Refuses sizes that no memory on this host could have.
    pub(crate) fn check(&self, host: &HostCaps) -> Result<(), Error> {
        // What the guards leave that a memory gets without being told to.
        let guards = if host.can_guard { SPAN_32.saturating_add(GUARD_BEFORE) } else { 0 };
        let limit = host.address_space_bytes.saturating_sub(guards);
        let sizes = [
            ("memory_reservation", self.reservation),
            ("memory_reservation_for_growth", self.reservation_for_growth),
            ("memory_guard_size", self.guard_size),
        ];
        let mut sum = 0u64;
        for (name, value) in sizes {
            let value = value.unwrap_or(0);
            sum = sum.saturating_add(value);
            if value > limit {
                return Err(Error::TooLarge { name, value, limit });
            }
        }
        if sum > limit {
            let name =
                "memory_reservation + memory_reservation_for_growth + memory_guard_size together";
            return Err(Error::TooLarge { name, value: sum, limit });
        }
        self.pool.map_or(Ok(()), |pool| pool.check(host))
    }
}

/// What kind of memory a region is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A mapping of the whole layout.
    Reserved,
    /// A mapping of what is needed now, placed so that it can probably be extended by `room`.
    Sparse {
        /// Bytes it may want to grow by.
        room: usize,
    },
    /// A block of the heap.
    Heap,
}

/// The shape of a region; all sizes are multiples of the host's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) bounds: Bounds,
    pub(crate) place: Place,
    /// Bytes before the base that fault.
    pub(crate) before: usize,
    /// Bytes from the base that the memory can use without moving.
    pub(crate) reserved: usize,
    /// Bytes after the reservation that fault.
    pub(crate) after: usize,
    /// What the base is to be a multiple of, where that is more than mappings are anyway; else 1.
    pub(crate) alignment: usize,
    pub(crate) huge_pages: bool,
}

impl Layout {
    /// The whole span, with slack to align the base; `None` when it does not fit.
    pub(crate) fn total(&self, host: &HostCaps) -> Option<usize> {
        let slack = if self.alignment == 1 { 0 } else { self.alignment };
        self.before
            .checked_add(self.reserved)?
            .checked_add(self.after)?
            .checked_add(slack)?
            .checked_next_multiple_of(host.page_bytes)
    }
}

/// Plans the regions of one memory type under one policy on one host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planner<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) host: &'a HostCaps,
    pub(crate) ty: &'a MemoryType,
    /// The bytes that the region must hold at once.
    pub(crate) needed: usize,
    /// Whether the region replaces one that the memory has outgrown.
    pub(crate) moving: bool,
    /// The largest memory that the pool's slots hold, where the region is to be one.
    pub(crate) slot_bytes: Option<u64>,
}

impl Planner<'_> {
    /// Whether the bounds of such a memory can be guarded at all: a guard is at least a host page
    /// away from the length of a memory of 1-byte pages.
    pub(crate) fn can_guard(&self) -> bool {
        self.ty.page_size() == PageSize::Wasm && self.host.can_guard
    }

    /// Whether this layout leaves room for the rest of the process, where `reserved` bytes are
    /// taken already and a limit leaves `left` bytes, if there is one. A CHECKED reservation that
    /// the options ask for is theirs to answer for.
    pub(crate) fn leaves_room(&self, layout: &Layout, reserved: u64, left: Option<u64>) -> bool {
        let demanded = self.policy.reservation.is_some_and(|bytes| layout.reserved as u64 <= bytes);
        if layout.bounds == Bounds::Checked && demanded {
            return true;
        }
        let Some(total) = layout.total(self.host).map(|total| total as u64) else { return false };
        let all = self.host.address_space_bytes;
        let usable = all.saturating_sub(all.checked_div(SHARE_LEFT_FREE).unwrap_or(0));
        let share = left.map_or(u64::MAX, |left| left.checked_div(SHARE_OF_LIMIT).unwrap_or(left));
        total <= share && reserved.saturating_add(total) <= usable
    }

    /// The same for a slab of so many bytes, which serves many memories.
    pub(crate) fn slab_leaves_room(&self, bytes: u64, reserved: u64, left: Option<u64>) -> bool {
        let all = self.host.address_space_bytes;
        let usable = all.saturating_sub(all.checked_div(SHARE_LEFT_FREE).unwrap_or(0));
        let share = left.map_or(u64::MAX, |left| left.checked_div(SHARE_OF_LIMIT).unwrap_or(left));
        bytes <= share && reserved.saturating_add(bytes) <= usable
    }

    /// The layout that keeps the whole promise to generated code.
    pub(crate) fn guarded(&self) -> Result<Layout, Error> {
        let reserved = self.reservation();
        let after = match (self.ty.index(), self.policy.guard_size) {
            (IndexType::I32, None) => SPAN_32.saturating_sub(reserved).max(64 * KIB),
            // Any 32-bit index, then an offset and width within the configured size.
            (IndexType::I32, Some(guard)) => {
                RESERVATION_32.saturating_sub(reserved).saturating_add(guard)
            }
            (IndexType::I64, guard) => guard.unwrap_or(GUARD_64),
        };
        let before = match (self.policy.guard_before, self.policy.guard_size) {
            (false, _) => 0,
            (true, None) => GUARD_BEFORE,
            (true, Some(guard)) => guard.clamp(SEPARATOR, GUARD_BEFORE),
        };
        self.layout(Bounds::Guarded, Place::Reserved, before, reserved, after)
    }

    /// The layout with the whole reservation, bounds to be checked by the code.
    pub(crate) fn checked(&self) -> Result<Layout, Error> {
        let reserved = self.room();
        self.checked_at(Place::Reserved, reserved, self.policy.guard_size.unwrap_or(0))
    }

    /// The layout of a slot in a slab, where a checked memory is small enough to share one with others. `guard`: the
    /// bytes that fault before it, if guards take no mappings here.
    pub(crate) fn slab_slot(&self, guard: Option<usize>) -> Option<Layout> {
        let reserved = self.room();
        if reserved > SLAB_SLOT_MOST || self.policy.guard_size.unwrap_or(0) != 0 {
            return None;
        }
        // Not nothing: a slot has an address of its own.
        let reserved = reserved.max(1);
        let before = guard.filter(|_| self.policy.guard_before).unwrap_or(0) as u64;
        self.layout(Bounds::Checked, Place::Reserved, before, reserved, 0).ok()
    }

    /// The layout that maps no more than the memory needs now. No guard after it, whatever the
    /// options: it would be in the way of the extension that is the point.
    pub(crate) fn fitted(&self) -> Result<Layout, Error> {
        let room = self.reservation().min(self.growth_limit());
        let room = usize::try_from(room.min(ROOM)).unwrap_or(usize::MAX >> 1);
        // Not nothing: an extension starts where the reservation ends.
        self.checked_at(Place::Sparse { room }, self.needed.max(1) as u64, 0)
    }

    /// The block of the heap that holds the memory and what it may grow into.
    pub(crate) fn heap(&self) -> Result<Layout, Error> {
        let wanted = match self.policy.reservation {
            Some(reservation) if self.ty.is_shared() => reservation.max(RESERVATION_HEAP),
            Some(reservation) => reservation,
            None => RESERVATION_HEAP,
        };
        let reserved = wanted.min(self.growth_limit()).max(self.needed as u64);
        self.layout(Bounds::Checked, Place::Heap, 0, reserved, 0)
    }

    /// The block of the heap that holds the memory as it is.
    pub(crate) fn heap_exact(&self) -> Result<Layout, Error> {
        self.layout(Bounds::Checked, Place::Heap, 0, self.needed as u64, 0)
    }

    fn checked_at(&self, place: Place, reserved: u64, after: u64) -> Result<Layout, Error> {
        let before = if self.policy.guard_before { SEPARATOR } else { 0 };
        self.layout(Bounds::Checked, place, before, reserved, after)
    }

    /// The bytes to reserve from the base, before any maximum is considered.
    fn reservation(&self) -> u64 {
        let default = match self.ty.index() {
            IndexType::I32 => RESERVATION_32,
            IndexType::I64 => RESERVATION_64,
        };
        // A single memory must not take all of the address space.
        let most = self.host.address_space_bytes >> 4;
        let reservation = match (self.policy.reservation, self.slot_bytes) {
            (None, None) => default.min(most),
            (Some(reservation), None) => reservation,
            (reservation, Some(slot)) => slot.max(reservation.unwrap_or(0)),
        };
        // A shared memory never moves, and says how large it can become.
        let reservation = match self.ty.is_shared() && self.slot_bytes.is_none() {
            true => reservation.max(self.growth_limit().min(most).min(SHARED_MOST)),
            false => reservation,
        };
        let needed = self.needed as u64;
        if reservation >= needed && reservation != 0 && !self.moving {
            return reservation;
        }
        let room = self.policy.reservation_for_growth.unwrap_or(RESERVATION_FOR_GROWTH);
        needed.saturating_add(room).min(self.growth_limit()).max(reservation).max(needed)
    }

    /// What a checked memory can become in its place. A reservation that is larger than a slot is of use to guarded ones alone:
    /// addresses without checks reach behind the slot.
    fn room(&self) -> u64 {
        let slot = self.slot_bytes.unwrap_or(u64::MAX);
        self.reservation().min(self.growth_limit()).min(slot)
    }

    /// The bytes of the file that a memory with other processes in it lies in: as many as it can grow to.
    pub(crate) fn capacity(&self) -> u64 {
        let wanted = self.reservation().min(self.growth_limit());
        let page_bytes = self.host.page_bytes as u64;
        wanted.checked_next_multiple_of(page_bytes).unwrap_or(wanted)
    }

    /// The bytes that the memory can ever have; saturates where they pass 64 bits.
    fn growth_limit(&self) -> u64 {
        let bytes = self.ty.growth_limit().bytes(self.ty.page_size());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn layout(
        &self,
        bounds: Bounds,
        place: Place,
        before: u64,
        reserved: u64,
        after: u64,
    ) -> Result<Layout, Error> {
        let limit = self.host.largest_object();
        let sum = u128::from(before)
            .saturating_add(u128::from(reserved))
            .saturating_add(u128::from(after));
        let too_large = Error::Unaddressable { bytes: sum, limit };
        let pages = |bytes: u64| {
            let bytes = usize::try_from(bytes).ok()?;
            round_up(bytes, self.host.page_bytes)
        };
        let (Some(before), Some(reserved), Some(after)) =
            (pages(before), pages(reserved), pages(after))
        else {
            return Err(too_large);
        };
        let huge_pages = self.policy.huge_pages && reserved >= HUGE_PAGE && place != Place::Heap;
        let alignment = if huge_pages && place == Place::Reserved { HUGE_PAGE } else { 1 };
        let layout = Layout { bounds, place, before, reserved, after, alignment, huge_pages };
        match layout.total(self.host) {
            Some(total) if total as u64 <= limit => Ok(layout),
            _ => Err(too_large),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDE: bool = usize::BITS >= 64;
    const ADDRESS_SPACE: u64 = if WIDE { 1 << 47 } else { 1 << 31 };

    fn host(page_bytes: usize) -> HostCaps {
        HostCaps {
            page_bytes,
            address_space_bytes: ADDRESS_SPACE,
            can_guard: WIDE,
            has_mappings: true,
            has_shared_files: true,
            maps_files: true,
            opening_commits: false,
        }
    }

    fn planner<'a>(
        policy: &'a Policy,
        host: &'a HostCaps,
        ty: &'a MemoryType,
        needed: usize,
    ) -> Planner<'a> {
        Planner { policy, host, ty, needed, moving: false, slot_bytes: None }
    }

    /// Its sizes do not fit the addresses of a 32-bit host.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_guarded_32_bit_memory_spans_any_index_any_offset_and_sixteen_bytes() {
        let farthest = u64::from(u32::MAX) + u64::from(u32::MAX) + 16;
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        for reservation in [None, Some(0), Some(GIB), Some(16 * GIB)] {
            let policy = Policy { reservation, ..Policy::default() };
            let host = host(4096);
            let layout = planner(&policy, &host, &ty, 65536).guarded().unwrap();
            let span = layout.reserved as u64 + layout.after as u64;
            assert!(span >= farthest && span >= SPAN_32, "{layout:?}");
            assert!(layout.reserved as u64 >= reservation.unwrap_or(RESERVATION_32));
            assert!(layout.after > 0 && layout.before as u64 == GUARD_BEFORE);
        }
    }

    /// Its sizes do not fit the addresses of a 32-bit host.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_configured_guard_size_covers_offset_and_width_up_to_it() {
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        for guard in [0, 1, 64 * KIB, 32 << 20] {
            for reservation in [None, Some(0), Some(GIB), Some(5 * GIB)] {
                let policy = Policy { reservation, guard_size: Some(guard), ..Policy::default() };
                let host = host(4096);
                let layout = planner(&policy, &host, &ty, 65536).guarded().unwrap();
                let span = layout.reserved as u64 + layout.after as u64;
                assert!(span >= u64::from(u32::MAX) + guard, "{layout:?}");
                assert!(layout.after as u64 >= guard);
            }
        }
    }

    #[test]
    fn a_checked_memory_reserves_no_more_than_its_maximum() {
        let ty = MemoryType::new(IndexType::I32, 1, Some(10)).unwrap();
        let policy = Policy::default();
        let layout = planner(&policy, &host(4096), &ty, 65536).checked().unwrap();
        assert_eq!(layout.reserved, 655_360);
    }

    #[test]
    fn a_checked_memory_is_separated_from_what_lies_below() {
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        for (guard_before, bytes) in [(true, 65_536), (false, 0)] {
            let policy = Policy { guard_before, ..Policy::default() };
            let host = host(4096);
            let planner = planner(&policy, &host, &ty, 65_536);
            assert_eq!(planner.checked().unwrap().before, bytes);
            assert_eq!(planner.fitted().unwrap().before, bytes);
        }
    }

    #[test]
    fn reservations_leave_room_for_the_rest_of_the_process() {
        let ty = MemoryType::new(IndexType::I32, 1, Some(1600)).unwrap();
        let host = host(4096);
        let (default, demanded) =
            (Policy::default(), Policy { reservation: Some(100 << 20), ..Policy::default() });
        let by_default = planner(&default, &host, &ty, 65_536);
        let layout = by_default.checked().unwrap();
        let total = layout.total(&host).unwrap() as u64;
        assert!(by_default.leaves_room(&layout, 0, None));
        assert!(by_default.leaves_room(&layout, 0, Some(16 * total)));
        assert!(!by_default.leaves_room(&layout, 0, Some(16 * total - 16)));
        let usable = host.address_space_bytes / 8 * 7;
        assert!(by_default.leaves_room(&layout, usable - total, None));
        assert!(!by_default.leaves_room(&layout, usable - total + 1, None));
        // What the options demand is tried; what they leave to AUTO is not.
        let by_demand = planner(&demanded, &host, &ty, 65_536);
        assert!(by_demand.leaves_room(&by_demand.checked().unwrap(), usable, Some(1 << 20)));
        if WIDE {
            assert!(!by_demand.leaves_room(&by_demand.guarded().unwrap(), usable, None));
        }
    }

    /// Its sizes do not fit the addresses of a 32-bit host.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_minimum_beyond_the_reservation_gets_room_to_grow() {
        let ty = MemoryType::new(IndexType::I64, 1 << 20, None).unwrap();
        let policy = Policy::default();
        let layout = planner(&policy, &host(4096), &ty, 1 << 36).checked().unwrap();
        assert_eq!(layout.reserved as u64, (1 << 36) + RESERVATION_FOR_GROWTH);
    }

    #[test]
    fn absurd_sizes_are_refused_with_their_option() {
        for set in [
            |value| Policy { reservation: Some(value), ..Policy::default() },
            |value| Policy { reservation_for_growth: Some(value), ..Policy::default() },
            |value| Policy { guard_size: Some(value), ..Policy::default() },
        ] {
            for value in [u64::MAX, ADDRESS_SPACE + 1] {
                let refused = set(value).check(&host(4096));
                assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
            }
            assert_eq!(set(ADDRESS_SPACE >> 7).check(&host(4096)), Ok(()));
        }
    }

    proptest! {
        /// Whatever the options, a layout is made of whole host pages, holds what is needed, fits
        /// the address space, or is refused.
        #[test]
        fn every_layout_is_sound(
            page_log2 in prop::sample::select(vec![12u32, 14, 16]),
            i64_index: bool,
            one_byte_pages: bool,
            minimum in 0u64..100_000,
            room in prop::option::of(0u64..100_000),
            reservation in prop::option::of(any::<u64>()),
            growth in prop::option::of(any::<u64>()),
            guard in prop::option::of(any::<u64>()),
            flags: [bool; 4],
        ) {
            let host = host(1 << page_log2);
            let index = if i64_index { IndexType::I64 } else { IndexType::I32 };
            let size = if one_byte_pages { PageSize::One } else { PageSize::Wasm };
            let Ok(ty) = MemoryType::custom(index, size, minimum, room.map(|room| minimum + room), false)
            else { return Ok(()) };
            let policy = Policy {
                reservation, reservation_for_growth: growth, guard_size: guard,
                guard_before: flags[0], may_move: flags[1], huge_pages: flags[2],
                ..Policy::default()
            };
            let Some(needed) = ty.minimum().host_bytes(size) else { return Ok(()) };
            let planner = Planner { policy: &policy, host: &host, ty: &ty, needed, moving: flags[3], slot_bytes: None };
            let plans = [
                planner.guarded(), planner.checked(), planner.fitted(), planner.heap(),
                planner.heap_exact(),
            ];
            for layout in plans.into_iter().flatten() {
                for bytes in [layout.before, layout.reserved, layout.after] {
                    prop_assert_eq!(bytes % host.page_bytes, 0);
                }
                prop_assert!(layout.reserved >= needed);
                prop_assert!(layout.total(&host).unwrap() as u64 <= host.address_space_bytes);
                if layout.bounds == Bounds::Guarded && index == IndexType::I32 && guard.is_none() {
                    prop_assert!((layout.reserved + layout.after) as u64 >= SPAN_32);
                }
            }
        }
    }
}
